"""Classify one heartbeat and show why.

    python predict.py                                   a sample beat
    python predict.py --record 233 --time 00:04:53.4    the beat nearest to a time
    python predict.py --record 100 --beat 7 --json      the eighth beat, as JSON
    python predict.py my/holter.csv --fs 250            a file of your own
    python predict.py --record 233 --worst 10           the ten it is least sure of
    python predict.py --record 100 --beat 7 --html beat.html    also an interactive page

Prints the class, its probabilities and the reasons, and writes a figure: the beat on ECG paper with
a heatmap, its rhythm, and the evidence. Takes ten seconds. Research software, no medical device.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

import arrhythmia.stopping  # noqa: F401 (first: Ctrl-C is quiet from now on)
from arrhythmia.cli import (
    Parser,
    add_model,
    add_r_peaks,
    add_recording,
    check_display,
    clock_seconds,
    hints_of,
    run,
    tell_notes,
)
from arrhythmia.errors import InputError
from arrhythmia.explain.method_names import DEFAULT_METHOD, METHOD_NAMES
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import EXCERPT_NAME

PROG = "predict.py"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 2 for bad input, 130 when interrupted."""
    options = _parser().parse_args(argv)
    return run(lambda: predict(options), PROG)


def predict(options: argparse.Namespace) -> None:
    """Check the input, classify and explain one beat, write the figure, print the findings."""
    from arrhythmia.explain.choice import Place, choose_beat
    from arrhythmia.explain.outputs import Outputs, beat_numbers
    from arrhythmia.model_settings import read_settings
    from arrhythmia.which_model import choose_model

    several = beat_numbers(options.beats) if options.beats is not None else None
    place = Place(options.beat, options.time, options.sample, several, options.worst)
    if options.file is not None and options.record is not None:
        raise InputError(f"give '{options.file}' or --record {options.record}, not both")
    name = options.record if options.file is None else options.file
    model, model_notes = choose_model(name, options.data_dir, options.model)
    settings = read_settings(model)
    choice = choose_beat(name, place, settings, options.data_dir, options.lead, hints_of(options),
                         options.r_peaks)  # fmt: skip
    outputs = Outputs(options.output, options.html, place.is_several)
    outputs.check(name, options.data_dir, choice)
    if options.show:
        check_display()
    else:
        os.environ["MPLBACKEND"] = "Agg"  # no display is needed to write a file
    from arrhythmia.explain.gather import explain_chosen
    from arrhythmia.explain.summary import as_dict, as_text
    from arrhythmia.interface import Classifier

    shown, told = [], []
    for case in explain_chosen(
        Classifier.load(model), choice, method=options.method, target_class=options.target_class,
        every_view=bool(options.html), notes=model_notes,
    ):  # fmt: skip
        files = outputs.write(case, keep_open=options.show)
        tell_notes([note for note in case.notes if note not in told])
        told += case.notes
        shown.append(as_dict(case, files))
        if not options.json:
            print(as_text(case, files), end="\n\n" if place.is_several else "\n")
    if options.json:
        facts = shown if place.is_several else shown[0]
        print(json.dumps(facts, indent=2, allow_nan=False))
    if options.show:
        from matplotlib import pyplot as plt

        plt.show()


def _parser() -> Parser:
    text, _, rest = (__doc__ or "Classify one heartbeat and show why.").partition("\n\n")  # -OO
    layout = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog=PROG, description=text, epilog=rest, formatter_class=layout)
    add = parser.add_argument
    add("file", metavar="FILE", nargs="?", help="any file of an ECG (see docs/formats.md)")
    add("--record", help=f"233, mitdb/233.dat, a path elsewhere, or {EXCERPT_NAME} (bundled); "
        "default: a sample beat of 233, or of the excerpt without the database")  # fmt: skip
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--beat", metavar="N", type=int, help="number of the beat, from 0")
    place.add_argument("--beats", metavar="N,N", help="several: a figure each, JSON a list")
    place.add_argument(
        "--worst", metavar="COUNT", type=int, help="those the model is least sure of"
    )
    place.add_argument("--time", metavar="HH:MM:SS", type=clock_seconds,
                       help="the beat nearest to it; also MM:SS or S")  # fmt: skip
    place.add_argument("--sample", metavar="N", type=int, help="the beat nearest to this sample")
    add("--target-class", metavar="CLASS", choices=BEAT_CLASSES,
        help=f"explain what speaks for this class ({', '.join(BEAT_CLASSES)}; default: the class "
        "predicted)")  # fmt: skip
    add("--method", choices=METHOD_NAMES, default=DEFAULT_METHOD,
        help=f"how to explain (default: {DEFAULT_METHOD}, the most faithful on DS1)")  # fmt: skip
    add("--output", metavar="FILE.png", help="the figure (default: beat_RECORD_N.png, here)")
    add("--html", metavar="FILE.html", help="also write an interactive page, without network")
    add("--show", action="store_true", help="also open the figure in a window")
    add("--json", action="store_true", help="print JSON instead of text")
    add_r_peaks(parser)
    add_recording(parser)
    add_model(parser, by_record=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
