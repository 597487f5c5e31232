"""The studies: ``python -m studies --list`` names them, ``python -m studies NAME`` shows one.

What is stored in studies/results is shown, and needs no database; what is not stored is run first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import arrhythmia.stopping  # noqa: F401 (first: Ctrl-C is quiet from now on)
from arrhythmia.cli import Parser, add_data_dir, add_model, run
from arrhythmia.errors import InputError
from arrhythmia.mitdb import DS1, require_database
from studies.arms import STUDIES

PROG = "python -m studies"
QUESTIONS = {name: study.question for name, study in STUDIES.items()} | {
    "inside-patients": "what is scored on patients whom the network knows? (optimistic)",
    "tuning": "which settings are best?",
    "faithfulness": "how true are the explanations, method by method?",
    "wording": "is what is said of a beat true?",
    "detectors": "how well are beats detected?",
    "polarity": "is a lead that is upside down recognised?",
    "delineation": "how far are P, QRS and T from an expert's marks?",
    "leads": "what does each lead bring, and how should they be put together?",
    "templates": "what do templates and rhythm bring, and a reader who names templates?",
    "second-stage": "what do the dominant rhythm and the shapes of fusion beats bring?",
    "pieces": "how many ventricular beats are found in short recordings?",
    "stream": "what does it cost to classify beats as they come?",
    "causes": "what stands behind the errors on DS2?",
    "guard": "do the commands hold against mutated inputs and kills at random moments?",
    "benchmark": "how long do the promised things take on this machine?",
}
"""Name of each study to its question."""
OF_MODEL = {
    "leads": ("whole_records", "run_whole_records", "format_leads"),
    "templates": ("whole_records", "run_whole_records", "format_templates"),
    "second-stage": ("second_stage", "run_second_stage", "format_second_stage"),
    "pieces": ("pieces", "run_pieces", "format_pieces"),
    "wording": ("wording", "run_wording", "format_wording"),
    "stream": ("stream", "run_stream", "format_parts"),
}
"""Studies of a model that was trained on DS1: module, what measures, what prints."""


def main(argv: Sequence[str] | None = None) -> int:
    """Show or run one study and return the exit code."""
    parser = Parser(prog=PROG, description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the studies and their questions")
    parser.set_defaults(command=None)
    studies = parser.add_subparsers(metavar="NAME", parser_class=Parser)
    for name in STUDIES:
        options = _study(studies, name, compare, again=True)
        options.set_defaults(study=name, seeds=1)
        if name != "ensemble":  # which has the seed of the shipped model
            text = "seeds 0 to N-1 (default: 1, seed 0 alone)"
            options.add_argument("--seeds", type=int, default=1, metavar="N", help=text)
    _study(studies, "inside-patients", inside_patients, again=True)
    options = _study(studies, "tuning", tuning)
    options.add_argument("--trials", type=int, metavar="N", help="add N trials, minutes each")
    options = _study(studies, "faithfulness", faithfulness, again=True)
    add_model(options)
    _study(studies, "delineation", delineation, again=True)
    _study(studies, "detectors", detectors, again=True)
    _study(studies, "polarity", polarity, again=True)
    for name in OF_MODEL:
        options = _study(studies, name, of_model, again=True)
        options.set_defaults(study=name)
        add_model(options)
    options = _study(studies, "causes", causes)
    add_model(options)
    options = _study(studies, "guard", guard)
    options.add_argument("--seed", type=int, metavar="N", help="run it (default: show the stored)")
    options.add_argument(
        "--count", type=int, default=2000, help="inputs a seed (default: 2000; 0: none)"
    )
    options.add_argument(
        "--times", type=int, default=7, help="kills with each signal (default: 7; 0: none)"
    )
    _add_benchmark(studies)
    options = parser.parse_args(argv)
    if options.list:
        return run(list_studies, PROG)
    if options.command is None:
        parser.error("give --list, or the name of a study")
    return run(lambda: options.command(options), options.prog)


def _study(
    studies: argparse._SubParsersAction,
    name: str,
    command: Callable[[argparse.Namespace], None],
    again: bool = False,
) -> Parser:
    parser = studies.add_parser(name, help=QUESTIONS[name], description=QUESTIONS[name])
    parser.set_defaults(prog=f"{PROG} {name}", command=command)
    add_data_dir(parser)
    if again:
        parser.add_argument(
            "--again", action="store_true", help="run it all again, show that, and store nothing"
        )
    return parser


def list_studies() -> None:
    """Print the studies, their questions and arms."""
    for name, question in QUESTIONS.items():
        print(f"{name}: {question}")
        if name in STUDIES:
            print(f"    {'; '.join(STUDIES[name].arms)}")


@contextmanager
def _results(again: bool) -> Iterator[Path]:
    """The folder of results, or an empty one that is deleted afterwards."""
    from studies.results import RESULTS

    if not again:
        yield RESULTS
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def compare(options: argparse.Namespace) -> None:
    """Run what is not stored of a comparison, and print its table."""
    if options.seeds < 1:
        raise InputError(f"seeds must be at least 1, got {options.seeds}")
    from studies.experiments import run_study, stored_rows
    from studies.results import format_rows

    study, seeds = options.study, range(options.seeds)
    with _results(options.again) as folder:
        if study == "ensemble":
            from studies.ensemble import run_ensemble

            run_ensemble(options.data_dir, folder)
        elif study == "robustness":
            from studies.robustness import run_robustness

            run_robustness(options.data_dir, seeds, folder)
        else:
            run_study(study, options.data_dir, seeds, folder)
        rows = stored_rows(study, folder)
    print(f"{QUESTIONS[study]}\n\n{format_rows(rows)}\n")
    print("DS1 by record-wise cross-validation, the same training for all arms; DS2 is not used")


def inside_patients(options: argparse.Namespace) -> None:
    """Print the figures inside patients."""
    from arrhythmia.evaluate.scores import format_summary
    from studies.inside import run_inside

    with _results(options.again) as folder:
        figures = run_inside(options.data_dir, folder)
    for block_s, of_blocks in figures.items():
        print(f"INSIDE patients, optimistic: every sixth block of {block_s:.0f} s held out\n")
        print(f"{format_summary(of_blocks)}\n")


def tuning(options: argparse.Namespace) -> None:
    """Add trials to the search, if asked to, and print its summary."""
    if options.trials is not None and options.trials < 1:
        raise InputError(f"trials must be at least 1, got {options.trials}")
    if options.trials:
        require_database(options.data_dir)
    from studies.results import RESULTS, read_json
    from studies.tuning import STUDY, format_summary, tune

    if options.trials:
        tune(options.data_dir, options.trials)
    print(format_summary(read_json(RESULTS / STUDY / "summary.json")))


def faithfulness(options: argparse.Namespace) -> None:
    """Measure explanations where that is not stored, and print the tables."""
    from arrhythmia.model_settings import read_settings

    read_settings(options.model)
    from studies.faithfulness import result_folder, run_faithfulness
    from studies.faithfulness_table import format_faithfulness

    model = Path(options.model)
    with _results(options.again) as folder:
        place = folder if options.again else result_folder(model)
        results = run_faithfulness(model, options.data_dir, place, lambda t: print(t, flush=True))
    print(format_faithfulness(results))


def detectors(options: argparse.Namespace) -> None:
    """Print how well beats are detected."""
    from studies.detectors import format_detectors, run_detectors

    with _results(options.again) as folder:
        results = run_detectors(options.data_dir, folder, _tell)
    print(f"{QUESTIONS['detectors']}\n\n{format_detectors(results)}")


def polarity(options: argparse.Namespace) -> None:
    """Print how often a lead upside down is recognised."""
    from studies.polarity import format_polarity, run_polarity

    with _results(options.again) as folder:
        results = run_polarity(options.data_dir, folder, _tell)
    print(f"{QUESTIONS['polarity']}\n\n{format_polarity(results)}")


def delineation(options: argparse.Namespace) -> None:
    """Print how far the waves are from an expert's marks."""
    from studies.delineation import format_delineation, run_delineation

    with _results(options.again) as folder:
        results = run_delineation(folder)
    print(f"{QUESTIONS['delineation']}\n\n{format_delineation(results)}")


def of_model(options: argparse.Namespace) -> None:
    """Measure what is not stored of a model that was trained on DS1, and print it."""
    module, run_it, format_it = OF_MODEL[options.study]
    study = import_module(f"studies.{module}")
    model = _trained_on_ds1(options.model)
    with _results(options.again) as folder:
        results = getattr(study, run_it)(model, options.data_dir, folder, _tell)
    print(f"{QUESTIONS[options.study]}\n\n{getattr(study, format_it)(results)}")


def _trained_on_ds1(model: str) -> Path:
    """Folder of a model whose test these studies are."""
    from arrhythmia.model_settings import read_settings

    if set(read_settings(model).training.get("records", ())) != set(DS1):
        raise InputError(
            f"model '{model}' was not trained on DS1 alone: svdb is no test for it, "
            "give one that was, such as saved_models/ds1"
        )
    return Path(model)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def guard(options: argparse.Namespace) -> None:
    """Print what went wrong under mutated inputs and kills; run it where a seed is given."""
    from studies.guard import FILE, format_guard, run_guard
    from studies.results import RESULTS, read_json, write_json

    file = RESULTS / FILE
    if options.seed is not None:
        if min(options.seed, options.count, options.times) < 0:
            raise InputError("seed, count and times must be at least 0")
        results = run_guard(options.seed, options.count, options.times, options.data_dir, _tell)
        stored = read_json(file) if file.is_file() else {}
        same = stored.get("seed") == options.seed  # the parts of a run may be run one by one
        write_json(file, (stored if same else {}) | results)
    if not file.is_file():
        raise InputError("no run is stored: give --seed N, which takes most of an hour")
    print(format_guard(read_json(file)))


def causes(options: argparse.Namespace) -> None:
    """Print the errors on DS2 by cause."""
    from studies.causes import errors_by_cause, format_causes, stored_predictions

    table = stored_predictions(options.model)
    require_database(options.data_dir)
    print(format_causes(errors_by_cause(table, options.data_dir)))


def _add_benchmark(studies: argparse._SubParsersAction) -> None:
    from studies.benchmark import PARTS

    parser = _study(studies, "benchmark", benchmark)
    add_model(parser)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, metavar="PART",
        help=f"some of {', '.join(PARTS)} (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--stream", action="store_true", help="what a stream costs instead; a day takes minutes"
    )
    parser.add_argument(
        "--output", metavar="FILE.json", help="keep the figures here (default: with the results)"
    )


def benchmark(options: argparse.Namespace) -> None:
    """Time the parts and print a line for each."""
    from arrhythmia.files import check_writable
    from studies.benchmark import run_benchmark
    from studies.results import RESULTS, read_json, write_json

    file = Path(options.output or RESULTS / "benchmark.json")
    check_writable(file, ".json", "--output")
    require_database(options.data_dir)
    if options.stream:
        from studies.stream_benchmark import run_stream_benchmark

        report = run_stream_benchmark(options.data_dir, options.model, print)
        if options.output:
            write_json(Path(options.output), report)
        return
    report = run_benchmark(options.data_dir, options.model, options.only)
    if file.is_file():  # what is not measured now stays
        before = read_json(file)
        report["stages"] = before.get("stages", {}) | report.get("stages", {})
        report = before | report
    write_json(file, report)


if __name__ == "__main__":
    sys.exit(main())
