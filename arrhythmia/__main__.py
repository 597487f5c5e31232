"""The commands: ``python -m arrhythmia --help`` lists them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import arrhythmia.stopping  # noqa: F401 (first: Ctrl-C is quiet from now on)
from arrhythmia.cli import PROG, Parser, add_command, add_data_dir, add_model, add_recording, run
from arrhythmia.errors import InputError
from arrhythmia.files import MODELS_FOLDER, whole_folder
from arrhythmia.mitdb import find_data_dir, require_database
from arrhythmia.record_commands import add_record_commands
from arrhythmia.stream_command import add_stream


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = Parser(prog=PROG, description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_download(commands)
    _add_train(commands)
    _add_weigh(commands)
    _add_evaluate(commands)
    _add_calibrate(commands)
    add_record_commands(commands)
    _add_app(commands)
    add_stream(commands)
    options = parser.parse_args(argv)
    return run(lambda: options.command(options), options.prog)


def _add_download(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "download", "fetch a database, checking every file")
    parser.add_argument(
        "database",
        nargs="?",
        choices=("mitdb", "svdb"),
        default="mitdb",
        help="MIT-BIH Arrhythmia (default), or Supraventricular Arrhythmia, records 800 to 855",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where to put it (default: MITDB_DIR or mitdb/, SVDB_DIR or svdb/)",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--url", metavar="URL", help="another server than PhysioNet")
    source.add_argument("--from", dest="from_dir", metavar="DIR", help="a copy on this computer")
    parser.set_defaults(command=download)


def download(options: argparse.Namespace) -> None:
    """Fetch a database."""
    from arrhythmia.download import download_database
    from arrhythmia.svdb import find_svdb_dir

    find = find_svdb_dir if options.database == "svdb" else find_data_dir
    folder = find(options.data_dir)
    report = download_database(folder, options.url, options.from_dir, database=options.database)
    print(
        f"{report.fetched} files fetched, {report.replaced} replaced, {report.present} already "
        f"there: the database is in '{report.folder}'"
    )


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "train", "train a network and save it")
    add_data_dir(parser)
    parser.add_argument("--name", default="mine", help="saved as saved_models/NAME (default: mine)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument(
        "--records",
        choices=("ds1", "all"),
        default="ds1",
        help="train on DS1 (default), or on all records of mitdb but the paced ones and on svdb "
        "800 to 855, for recordings of one's own",
    )
    parser.add_argument(
        "--epochs", type=int, help="epochs (default: those chosen by cross-validation on DS1)"
    )
    parser.add_argument(
        "--detector", action="store_true",
        help="train the network that finds the beats instead, and put it into the package",
    )  # fmt: skip
    parser.set_defaults(command=train)


def train(options: argparse.Namespace) -> None:
    """Train on DS1, or on all records."""
    from dataclasses import replace

    require_database(options.data_dir)
    if options.detector:
        from arrhythmia.train.detector import train_shipped

        print(f"saved in '{train_shipped(options.data_dir)}'")
        return
    if Path(options.name).name != options.name or options.name in ("", ".", ".."):
        raise InputError(f"name must be a plain one such as 'mine', got '{options.name}'")
    if options.seed < 0:
        raise InputError(f"seed must be at least 0, got {options.seed}")
    if options.epochs is not None and options.epochs < 1:
        raise InputError(f"epochs must be at least 1, got {options.epochs}")
    folder = MODELS_FOLDER / options.name
    with whole_folder(folder):
        pass  # says now, not after the training, that the folder cannot be written
    from arrhythmia.mitdb import ALL
    from arrhythmia.train.fit import train as train_on
    from arrhythmia.train.settings import ALL_MEMBERS, TrainingSettings

    settings = TrainingSettings()
    if options.epochs:
        settings = replace(settings, epochs=options.epochs)
    which = {}  # DS1
    if options.records == "all":
        settings, which = replace(settings, members=ALL_MEMBERS), {"names": ALL}
    classifier, history = train_on(options.data_dir, settings, options.seed, **which)
    classifier.save(folder, history.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    print(f"saved in '{folder}'; next: {PROG} evaluate --model {folder}")


def _add_weigh(commands: argparse._SubParsersAction) -> None:
    text = "fit on DS1 what rhythm and fusion count beside the network, into the model's settings"
    parser = add_command(commands, "weigh", text)
    add_data_dir(parser)
    add_model(parser)
    parser.add_argument(
        "--like", metavar="DIR", help="take it from another model, for one without folds"
    )
    parser.set_defaults(command=weigh)


def weigh(options: argparse.Namespace) -> None:
    """Fit the second stage of a model and of its folds, and save it in their settings."""
    from arrhythmia.model_settings import read_settings

    model = Path(options.model)
    read_settings(model)
    if options.like is not None:
        stage = read_settings(options.like).second_stage
        if stage is None:
            raise InputError(
                f"'{options.like}' has no second stage: run '{PROG} weigh --model {options.like}' "
                "first"
            )
        fitted = {model: stage}
    else:
        require_database(options.data_dir)
        from arrhythmia.train.second_stage import fit_second_stage

        fitted = fit_second_stage(model, options.data_dir)
    from arrhythmia.train.second_stage import save_second_stage

    for folder, stage in fitted.items():
        save_second_stage(folder, stage)
        print(f"{folder}: log-odds of S for each tenth that a beat is early {stage.early:g}")
    print(f"next: {PROG} evaluate --folds --model {model}")


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "evaluate", "scores on DS2, patients the network never saw")
    add_data_dir(parser)
    add_model(parser)
    parser.add_argument(
        "--folds",
        action="store_true",
        help="record-wise cross-validation on DS1 instead, with the settings of the model: trains "
        "it once for each fold (DS2 is not used)",
    )
    parser.add_argument(
        "--stream", action="store_true",
        help="stream DS2 instead, beside each record read as a whole (the network is the same: no "
        "row is added to the ledger)",
    )  # fmt: skip
    parser.set_defaults(command=evaluate)


def evaluate(options: argparse.Namespace) -> None:
    """Score a model, on DS2 or by record-wise cross-validation on DS1."""
    from arrhythmia.model_settings import read_settings

    settings = read_settings(options.model)
    require_database(options.data_dir)
    if options.stream:
        _evaluate_stream(options)
        return
    if options.folds:
        from arrhythmia.evaluate.report import write_results
        from arrhythmia.evaluate.rhythm import score_rhythm
        from arrhythmia.evaluate.scores import decisions_table
        from arrhythmia.mitdb import DS1
        from arrhythmia.train.folds import decide_folds

        decided = decide_folds(options.data_dir, settings, options.model)
        rhythm = score_rhythm(decided, settings.beats)
        predictions = decisions_table(decided)
        figures = write_results(options.model, predictions, "folds_", {"rhythm": rhythm})
        by_folds = "by record-wise cross-validation"
        title = f"DS1 {by_folds} (DS2 is not used)"
        if len(decided) > len(DS1):
            title = f"mitdb without paced records, and svdb 800 to 855, {by_folds}"
    else:
        from arrhythmia.evaluate.report import evaluate_model

        figures, ledger = evaluate_model(options.model, options.data_dir)
        title = "DS2: patients that the network never saw, reference R peaks"
        if ledger is not None:
            print(f"first run of this model on DS2: a row was added to '{ledger}'")
    _print_scores(title, figures, Path(options.model), on_ds2=not options.folds)


def _evaluate_stream(options: argparse.Namespace) -> None:
    from arrhythmia.evaluate.stream import FILE, evaluate_stream, format_stream

    if options.folds:
        raise InputError("give --folds or --stream, not both; '-m studies stream' has the folds")
    results = evaluate_stream(
        options.model, options.data_dir, lambda text: print(text, file=sys.stderr, flush=True)
    )
    print(f"DS2, streamed and as a whole\n\n{format_stream(results['DS2'])}\n")
    print(f"stored in '{Path(options.model) / FILE}'")


def _print_scores(title: str, figures: dict, model: Path, on_ds2: bool) -> None:
    from arrhythmia.evaluate.reader import format_reader
    from arrhythmia.evaluate.report import format_seeds, over_seeds
    from arrhythmia.evaluate.rhythm import format_rhythm
    from arrhythmia.evaluate.scores import format_summary

    print(f"{title}\n\n{format_summary(figures)}\n")
    print("95 % intervals of F1 and accuracy: records resampled with replacement; average: mean of")
    print("the F1 of records (EC57)")
    if "rhythm" in figures:
        print(f"\n{format_rhythm(figures['rhythm'])}\n")
    if "reader" in figures:
        print("after decisions of a reader, for whom the reference stands:\n")
        print(f"{format_reader(figures['reader'])}\n")
    if on_ds2:
        seeds = over_seeds(model)
        if seeds:
            print(f"\nThe same with other seeds:\n{format_seeds(seeds)}\n")
        _print_confidence(model)
    print(f"metrics, predictions and confusion matrices are in '{model}'")


def _print_confidence(model: Path) -> None:
    from arrhythmia.trust.confidence import is_calibrated
    from arrhythmia.trust.measure import format_confidence

    if is_calibrated(model):
        report = json.loads((model / "confidence_metrics.json").read_text(encoding="utf-8"))
        print(f"How far the probabilities can be trusted:\n\n{format_confidence(report)}\n")
    else:
        print(f"the model is not calibrated ('{PROG} calibrate --model {model}' does it)\n")


def _add_calibrate(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "calibrate", "fit on DS1 how far predictions can be trusted")
    add_data_dir(parser)
    add_model(parser)
    parser.set_defaults(command=calibrate)


def calibrate(options: argparse.Namespace) -> None:
    """Fit confidence from cross-validation on DS1, and save it beside the model."""
    from arrhythmia.model_settings import read_settings

    read_settings(options.model)
    require_database(options.data_dir)
    from arrhythmia.trust.calibrate import calibrate as fit_on_folds
    from arrhythmia.trust.calibrate import format_calibration
    from arrhythmia.trust.confidence import FILE
    from arrhythmia.trust.measure import format_confidence

    confidence, _ = fit_on_folds(options.model, options.data_dir)
    confidence.save(options.model)
    print(f"{format_calibration(confidence)}\n")
    print("DS1 by record-wise cross-validation, each fold judged by what the others teach:\n")
    print(format_confidence(confidence.measured["folds_cross_fitted"]))
    print(f"\nsaved as '{Path(options.model) / FILE}'")


def _add_app(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "app", "work through a recording on a page in the browser")
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="any file of an ECG (default: the bundled excerpt)"
    )
    parser.add_argument("--port", type=int, default=8050, help="default: 8050")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="where it is served (default: 127.0.0.1, seen on this computer alone)",
    )  # fmt: skip
    add_recording(parser)
    parser.set_defaults(command=app)


def app(options: argparse.Namespace) -> None:
    """Serve the page."""
    if not 0 < options.port < 65536:
        raise InputError(f"--port must be from 1 to 65535, got {options.port}")
    from arrhythmia.app.command import serve

    serve(options)


if __name__ == "__main__":
    sys.exit(main())
