"""The commands, from download to benchmark: ``python -m arrhythmia --help`` lists them."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from arrhythmia.cli import Parser, add_data_dir, add_model, run
from arrhythmia.database import find_data_dir, require_database
from arrhythmia.errors import InputError
from arrhythmia.files import whole_file, whole_folder

PROG = "python -m arrhythmia"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = Parser(prog=PROG, description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_download(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_calibrate(commands)
    _add_faithfulness(commands)
    _add_annotate(commands)
    _add_ablate(commands)
    _add_tune(commands)
    _add_benchmark(commands)
    options = parser.parse_args(argv)
    return run(lambda: options.command(options), options.prog)


def _command(commands: argparse._SubParsersAction, name: str, text: str) -> Parser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(prog=f"{PROG} {name}")
    return parser


def _add_download(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "download", "fetch the MIT-BIH database, checking every file")
    add_data_dir(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--url", metavar="URL", help="another server than PhysioNet")
    source.add_argument("--from", dest="from_dir", metavar="DIR", help="a copy on this computer")
    parser.set_defaults(command=download)


def download(options: argparse.Namespace) -> None:
    """Fetch the database."""
    from arrhythmia.download import DEFAULT_URL, download_database

    folder = find_data_dir(options.data_dir)
    report = download_database(folder, options.url or DEFAULT_URL, options.from_dir)
    print(
        f"{report.fetched} files fetched, {report.replaced} replaced, {report.present} already "
        f"there: the database is in '{report.folder}'"
    )


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "train", "train a network on DS1 and save it")
    add_data_dir(parser)
    parser.add_argument("--name", default="mine", help="saved as saved_models/NAME (default: mine)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--epochs", type=int, help="epochs (default: those chosen on DS1's folds)")
    parser.set_defaults(command=train)


def train(options: argparse.Namespace) -> None:
    """Train on DS1."""
    from arrhythmia.classifier import MODELS_FOLDER

    require_database(options.data_dir)
    if Path(options.name).name != options.name or options.name in ("", ".", ".."):
        raise InputError(f"'{options.name}' is not a plain name: give one such as --name mine")
    if options.seed < 0:
        raise InputError(f"seed {options.seed} is negative: give 0 or more")
    if options.epochs is not None and options.epochs < 1:
        raise InputError(f"{options.epochs} epochs are none: give 1 or more")
    folder = MODELS_FOLDER / options.name
    with whole_folder(folder):
        pass  # says now, not after the training, that the folder cannot be written
    from dataclasses import replace

    from arrhythmia.training import TrainingSettings
    from arrhythmia.training import train as train_network

    settings = TrainingSettings()
    if options.epochs:
        settings = replace(settings, epochs=options.epochs)
    classifier, history = train_network(options.data_dir, settings, options.seed)
    classifier.save(folder, history.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    print(f"saved in '{folder}'; next: {PROG} evaluate --model {folder}")


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "evaluate", "scores on DS2, patients the network never saw")
    add_data_dir(parser)
    add_model(parser)
    parser.add_argument(
        "--folds",
        action="store_true",
        help="leave DS2 shut: train one network for each fold of DS1, and score the folds",
    )
    parser.set_defaults(command=evaluate)


def evaluate(options: argparse.Namespace) -> None:
    """Score a model, on DS2 or by folds of DS1."""
    from arrhythmia.classifier import read_settings

    settings = read_settings(options.model)
    require_database(options.data_dir)
    if options.folds:
        from arrhythmia.reports import write_results
        from arrhythmia.training import predict_folds

        predictions, _ = predict_folds(options.data_dir, settings, options.model)
        figures = write_results(options.model, predictions, prefix="folds_")
        title = "DS1 by folds of whole records (DS2 stays shut)"
    else:
        from arrhythmia.reports import evaluate_model

        figures, is_first = evaluate_model(options.model, options.data_dir)
        title = "DS2: patients that the network never saw, reference R peaks"
        if is_first:
            print("first run of this model on DS2: a row was added to ds2_ledger.csv")
    from arrhythmia.evaluation import format_summary
    from arrhythmia.reports import format_seeds, over_seeds

    print(f"{title}\n\n{format_summary(figures)}\n")
    print("95 % intervals of F1 and accuracy: records resampled with replacement")
    seeds = None if options.folds else over_seeds(options.model)
    if seeds:
        print("\nThe same with other seeds:")
        print(f"{format_seeds(seeds)}\n")
    if not options.folds:
        _print_confidence(Path(options.model))
    print(f"metrics, predictions and confusion matrices are in '{options.model}'")


def _print_confidence(model: Path) -> None:
    from arrhythmia.confidence import FILE
    from arrhythmia.reliability import format_confidence

    if (model / FILE).is_file():
        text = (model / "confidence_metrics.json").read_text(encoding="utf-8")
        print(
            f"How far the probabilities can be trusted:\n\n{format_confidence(json.loads(text))}\n"
        )
    else:
        print(f"the model is not calibrated ('{PROG} calibrate --model {model}' does it)\n")


def _add_calibrate(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "calibrate", "fit on DS1 how far predictions can be trusted")
    add_data_dir(parser)
    add_model(parser)
    parser.set_defaults(command=calibrate)


def calibrate(options: argparse.Namespace) -> None:
    """Fit confidence from the folds of DS1, and save it beside the model."""
    from arrhythmia.classifier import read_settings

    read_settings(options.model)
    require_database(options.data_dir)
    from arrhythmia.calibration import calibrate as fit_on_folds
    from arrhythmia.calibration import format_calibration
    from arrhythmia.confidence import FILE
    from arrhythmia.reliability import format_confidence

    confidence, _ = fit_on_folds(options.model, options.data_dir)
    confidence.save(options.model)
    print(f"{format_calibration(confidence)}\n")
    print("DS1 by folds of whole records, each judged by what the other three teach:\n")
    print(format_confidence(confidence.measured["folds_cross_fitted"]))
    print(f"\nsaved as '{Path(options.model) / FILE}'")


def _add_faithfulness(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands,
        "faithfulness",
        "measure how true the explanations are, method by method; what is stored is shown",
    )
    add_data_dir(parser)
    add_model(parser)
    parser.add_argument("--again", action="store_true", help="measure even if it is stored")
    parser.set_defaults(command=faithfulness)


def faithfulness(options: argparse.Namespace) -> None:
    """Measure explanations, or show what was measured."""
    from arrhythmia.classifier import read_settings

    read_settings(options.model)
    require_database(options.data_dir)
    from arrhythmia.faithfulness import FILE, run_faithfulness
    from arrhythmia.reports import format_faithfulness

    found = run_faithfulness(
        Path(options.model), options.data_dir, options.again, lambda text: print(text, flush=True)
    )
    print(f"{format_faithfulness(found)}\n\nstored in '{Path(options.model) / FILE}'")


def _add_annotate(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "annotate", "classify every beat of WFDB records")
    parser.add_argument("records", nargs="+", metavar="RECORD", help="e.g. 233 or a path")
    parser.add_argument(
        "--r-peaks",
        choices=("atr", "detect"),
        help="from RECORD.atr, or detected (default: from RECORD.atr where it exists)",
    )
    parser.add_argument("--output-dir", metavar="DIR", default=".", help="default: this folder")
    parser.add_argument("--lead", help="name of the lead (default: MLII, or the first ECG lead)")
    add_data_dir(parser)
    add_model(parser)
    parser.set_defaults(command=annotate)


def annotate(options: argparse.Namespace) -> None:
    """Write RECORD.ai for every record."""
    from arrhythmia.beats import detect_r_peaks, find_beats, reference_beats
    from arrhythmia.classifier import Classifier, read_settings
    from arrhythmia.labels import BEAT_CLASSES
    from arrhythmia.records import read_record

    settings = read_settings(options.model)
    found = {}
    for name in options.records:
        record = read_record(name, options.data_dir, options.lead)
        if record.name in found:
            raise InputError(f"two records are named '{record.name}': annotate them one by one")
        for note in record.notes:
            print(f"note: {note}", file=sys.stderr)
        detect = options.r_peaks == "detect"
        if options.r_peaks is None and record.annotation is None:
            print(f"note: record {record.name} has no .atr: R peaks detected", file=sys.stderr)
            detect = True
        r_peaks = detect_r_peaks(record, settings.beats) if detect else reference_beats(record)[0]
        found[record.name] = (record, r_peaks, find_beats(record, settings.beats, r_peaks))
    classifier = Classifier.load(options.model)
    for name, (record, r_peaks, beats) in found.items():
        predicted = classifier.probabilities(beats).argmax(axis=1)
        symbols = [BEAT_CLASSES[i] for i in predicted]
        file = Path(options.output_dir) / f"{name}.ai"
        _write_annotation(file, r_peaks, symbols, record.fs)
        counts = ", ".join(f"{symbols.count(c)} {c}" for c in BEAT_CLASSES if c in symbols)
        print(f"{file}: {len(symbols)} beats ({counts})")


def _write_annotation(file: Path, sample: object, symbols: list[str], fs: float) -> None:
    import numpy as np
    import wfdb

    with tempfile.TemporaryDirectory() as part, whole_file(file) as whole:
        wfdb.wrann("record", "ai", np.asarray(sample), symbol=symbols, fs=fs, write_dir=part)
        whole.write_bytes(Path(part, "record.ai").read_bytes())


def _add_ablate(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "ablate", "compare designs on folds of DS1 (DS2 stays shut)")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--list", action="store_true", help="name the studies")
    which.add_argument("--study", metavar="NAME", help="run what is not stored of this study")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N-1")
    parser.add_argument(
        "--again", action="store_true", help="run it all into another folder, and store nothing"
    )
    add_data_dir(parser)
    parser.set_defaults(command=ablate)


def ablate(options: argparse.Namespace) -> None:
    """List the studies, or run one and print its table."""
    if options.seeds < 1:
        raise InputError(f"{options.seeds} seeds are none: give 1 or more")
    from arrhythmia.experiments import EXPERIMENTS, STUDIES, TABLE, format_rows, run_study

    if options.list:
        for name, study in STUDIES.items():
            print(f"{name}: {study.question}\n    {'; '.join(study.arms)}")
        print("inside-patients: what is scored on patients the network knows? (optimistic)")
        return
    names = [*STUDIES, "inside-patients"]
    if options.study not in names:
        raise InputError(f"no study '{options.study}': give one of {', '.join(names)}")
    if options.study == "inside-patients":
        _inside_patients(options)
        return
    seeds = range(options.seeds)
    with tempfile.TemporaryDirectory() as other:
        folder, table = (Path(other), Path(other, TABLE.name)) if options.again else (
            EXPERIMENTS, TABLE)  # fmt: skip
        rows = run_study(options.study, options.data_dir, seeds, folder, table)
    print(f"\n{STUDIES[options.study].question}\n\n{format_rows(rows)}")
    print("\nDS1 by folds of whole records, the same training for all arms; DS2 stays shut")


def _inside_patients(options: argparse.Namespace) -> None:
    from dataclasses import replace

    from arrhythmia.batches import TrainingSettings
    from arrhythmia.evaluation import format_summary
    from arrhythmia.inside import BLOCKS_S, INSIDE, run_inside

    with tempfile.TemporaryDirectory() as other:
        folder = Path(other) if options.again else INSIDE
        for block_s in BLOCKS_S:
            file = folder / f"metrics-{block_s:.0f}.json"
            if file.is_file():
                figures = json.loads(file.read_text(encoding="utf-8"))
            else:
                settings = replace(TrainingSettings(), members=1)
                figures = run_inside(options.data_dir, settings, block_s, folder=folder)
            print(f"INSIDE patients, optimistic: every sixth block of {block_s:.0f} s held out\n")
            print(format_summary(figures))


def _add_tune(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "tune", "search settings on folds of DS1 (DS2 stays shut)")
    parser.add_argument("--trials", type=int, default=20, metavar="N",
                        help="how many trials to add (default: 20; minutes each)")  # fmt: skip
    add_data_dir(parser)
    parser.set_defaults(command=tune)


def tune(options: argparse.Namespace) -> None:
    """Add trials to the stored study and print its summary."""
    if options.trials < 1:
        raise InputError(f"{options.trials} trials are none: give 1 or more")
    require_database(options.data_dir)
    from arrhythmia.tuning import TUNING
    from arrhythmia.tuning import tune as run_trials

    facts = run_trials(options.data_dir, options.trials)
    print(f"{facts['trials']} trials, {facts['complete']} complete; summary in '{TUNING}'")
    if "best" in facts:
        print(f"best: trial {facts['best']}, mean F1 {facts['mean_f1']:.3f}: {facts['settings']}")


def _add_benchmark(commands: argparse._SubParsersAction) -> None:
    from arrhythmia.benchmark import PARTS

    parser = _command(commands, "benchmark", "time what the project promises, on this machine")
    add_data_dir(parser)
    add_model(parser)
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART",
                        help=f"some of {', '.join(PARTS)} (default: all)")  # fmt: skip
    parser.add_argument("--output", metavar="FILE.json", help="also write the figures here")
    parser.set_defaults(command=benchmark)


def benchmark(options: argparse.Namespace) -> None:
    """Time the parts and print a line for each."""
    from arrhythmia.benchmark import run_benchmark

    require_database(options.data_dir)
    report = run_benchmark(options.data_dir, options.model, options.only)
    if options.output:
        with whole_file(options.output) as part:
            part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
