"""Classify one heartbeat and show why.

    python predict.py                                   a sample beat
    python predict.py --record 233 --time 00:04:53      the beat nearest to a time
    python predict.py --record 100 --beat 7 --json      the eighth beat, as JSON
    python predict.py --record my/holter --lead V5      a record of your own

    python predict.py --record 100 --beat 7 --html beat.html    also an interactive page
    python predict.py --record 100 --beat 7 --method grad-cam   another way to explain

Prints the class with its probabilities and the reasons for it, and writes a figure: the beat
among its neighbours on ECG paper, with a heatmap of what in its shape speaks for the class, its
rhythm, and the evidence of each wave and of the timing. Takes five to ten seconds, most of them
to import TensorFlow. Research software, not a medical device.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.beats import (
    BeatSettings,
    bandpass,
    detect_r_peaks,
    fill_gaps,
    find_beats,
    reference_beats,
)
from arrhythmia.classifier import Classifier, ModelSettings, read_settings
from arrhythmia.cli import Parser, add_data_dir, add_model, run
from arrhythmia.confidence import Confidence, is_calibrated
from arrhythmia.database import GET_IT, find_data_dir, has_database, require_database
from arrhythmia.errors import InputError
from arrhythmia.explanation import DEFAULT_METHOD, METHODS, Explanation, explain
from arrhythmia.figure import draw_explanation
from arrhythmia.files import whole_file
from arrhythmia.findings import Chosen, as_text, describe, headline, sentences, trust
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.plotting import DPI, clock
from arrhythmia.reasons import find_reasons
from arrhythmia.records import EXCERPT_NAME, PREFERRED_LEAD, Record, read_excerpt, read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROG = "predict.py"
SAMPLE_RECORD, SAMPLE = "233", 105_630
"""A ventricular beat at 00:04:53.4, normal beats around it, of a patient kept out of training."""
EXCERPT_SAMPLE = 29_357
"""A ventricular beat of the excerpt at 00:01:21.5, normal beats around it."""
NEAR = 6.0
"""Seconds to each side of the beat explained within which beats are classified for the figure."""
FAR = 1.0
"""Seconds from the place asked for at which the nearest beat deserves a note."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 2 for bad input, 130 when interrupted."""
    options = _parser().parse_args(argv)
    return run(lambda: predict(options), PROG)


def predict(options: argparse.Namespace) -> None:
    """Check the input, classify and explain one beat, write the figure, print the findings."""
    settings = read_settings(options.model)
    chosen = choose(options, settings)
    output = Path(options.output or f"beat_{chosen.record.name}_{chosen.beat}.png")
    check_output(output, ".png", "the figure", "--output")
    if options.html:
        check_output(Path(options.html), ".html", "the page", "--html")
    if options.show:
        check_display()

    classifier = Classifier.load(options.model)
    centers = chosen.beats.centers
    shown = np.flatnonzero(np.abs(centers - centers[chosen.beat]) < NEAR)
    probabilities = classifier.probabilities(chosen.beats, shown)
    winner = BEAT_CLASSES[int(probabilities[chosen.beat].argmax())]
    target = options.target_class or winner
    assessment = None
    if is_calibrated(options.model):
        assessment = Confidence.load(options.model).assess(
            classifier, chosen.record, chosen.beats, shown, probabilities
        )
    explanation = explain(classifier, chosen.beats, chosen.beat, options.method, target)
    reasons = find_reasons(classifier, chosen.beats, chosen.beat, target)
    findings = describe(chosen, probabilities, explanation, reasons, assessment, output)
    figure = draw(chosen, settings.beats, probabilities, explanation, findings, options.show)
    with whole_file(output) as part:
        figure.savefig(
            part, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.15,
            pil_kwargs={"compress_level": 3},
        )  # fmt: skip

    if options.html:
        from arrhythmia.page import View, explain_all, write_page

        explanations, by_class = explain_all(classifier, chosen.beats, chosen.beat)
        view = View(
            chosen.record, filtered(chosen.record, settings.beats), chosen.beats, chosen.beat,
            chosen.r_peaks / chosen.record.fs, chosen.symbols, settings.beats, probabilities,
            explanations, by_class, options.method, target, trust(findings), chosen.notes,
        )  # fmt: skip
        write_page(Path(options.html), view)
        findings["page"] = options.html

    for note in chosen.notes:
        print(f"note: {note}", file=sys.stderr)
    print(json.dumps(findings, indent=2, allow_nan=False) if options.json else as_text(findings))
    if options.show:
        from matplotlib import pyplot as plt

        plt.show()


def _parser() -> Parser:
    summary, _, rest = __doc__.partition("\n\n")
    parser = Parser(
        prog=PROG,
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--record",
        help=f"233, 233.dat, mitdb/233, a path elsewhere, or {EXCERPT_NAME} (bundled); "
        "default: a sample beat of 233, or of the excerpt where the database is not there",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--beat", metavar="N", type=int, help="number of the beat, from 0")
    place.add_argument(
        "--time", metavar="HH:MM:SS", type=_seconds, help="the beat nearest to it; also MM:SS or S"
    )
    place.add_argument("--sample", metavar="N", type=int, help="the beat nearest to this sample")
    parser.add_argument("--lead", help="name of the lead (default: MLII, or the first ECG lead)")
    parser.add_argument(
        "--target-class",
        metavar="CLASS",
        choices=BEAT_CLASSES,
        help=f"explain what speaks for this class ({', '.join(BEAT_CLASSES)}; default: the "
        "class predicted)",
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=DEFAULT_METHOD,
        help=f"how to explain (default: {DEFAULT_METHOD}, the most faithful on DS1)",
    )
    parser.add_argument(
        "--output", metavar="FILE.png", help="the figure (default: beat_RECORD_N.png, here)"
    )
    parser.add_argument(
        "--html", metavar="FILE.html", help="also write an interactive page, which needs no network"
    )
    parser.add_argument("--show", action="store_true", help="also open the figure in a window")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    add_data_dir(parser)
    add_model(parser)
    return parser


def _seconds(text: str) -> float:
    parts = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)", text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not HH:MM:SS, MM:SS or seconds")
    hours, minutes, seconds = (float(p or 0) for p in parts.groups())
    if (parts[2] and seconds >= 60) or (parts[1] and minutes >= 60):
        raise argparse.ArgumentTypeError(f"'{text}' has 60 or more minutes or seconds")
    return 3600 * hours + 60 * minutes + seconds


def choose(options: argparse.Namespace, settings: ModelSettings) -> Chosen:
    """Read the record that the options name, find its beats, and choose one of them.

    Raises
    ------
    InputError
        If the record or the place in it cannot be used.
    """
    record, notes, sample = _read(options, settings)
    symbols = None
    if record.annotation is None:
        r_peaks = detect_r_peaks(record, settings.beats)
        notes += (f"record {record.name} has no reference annotation: R peaks are detected",)
    else:
        r_peaks, symbols = reference_beats(record)
    beats = find_beats(record, settings.beats, r_peaks)
    if options.beat is not None:
        if not 0 <= options.beat < len(beats):
            raise InputError(
                f"beat {options.beat} is not in record '{record.name}': "
                f"its beats are 0 to {len(beats) - 1}"
            )
        return Chosen(record, r_peaks, symbols, beats, options.beat, notes)
    if options.sample is not None:
        sample = options.sample
        if not 0 <= sample < len(record.signal):
            raise InputError(
                f"sample {sample} is outside record '{record.name}': "
                f"its samples are 0 to {len(record.signal) - 1}"
            )
    elif options.time is not None:
        sample = options.time * record.fs
        if options.time > record.seconds:
            raise InputError(
                f"time {options.time:g} s is outside record '{record.name}': "
                f"it goes from 0 to {record.seconds:.3f} s ({clock(record.seconds, 3)})"
            )
    distances = np.abs(r_peaks - sample) / record.fs
    beat = int(distances.argmin())
    if distances[beat] > FAR:
        notes += (f"the nearest beat is {distances[beat]:.1f} s from the place asked for",)
    return Chosen(record, r_peaks, symbols, beats, beat, notes)


def _read(
    options: argparse.Namespace, settings: ModelSettings
) -> tuple[Record, tuple[str, ...], float]:
    """Record, what to know about it, and the sample where a beat is shown by default."""
    if options.data_dir and options.record is None:
        require_database(options.data_dir)
    sample_wanted = options.record is None
    if options.record == EXCERPT_NAME or (sample_wanted and not has_database(options.data_dir)):
        record = read_excerpt()
        if options.lead not in (None, record.lead):
            raise InputError(
                f"record '{record.name}' has no lead '{options.lead}': it has {PREFERRED_LEAD}"
            )
        missing = f"the database is not in '{find_data_dir(options.data_dir)}': {GET_IT}"
        return record, ((missing,) if sample_wanted else ()) + record.notes, EXCERPT_SAMPLE
    record = read_record(options.record or SAMPLE_RECORD, options.data_dir, options.lead)
    trained_on = settings.training.get("records", ())
    notes = record.notes
    if record.name in trained_on:
        notes += (f"record {record.name} was in the training data of this model",)
    elif sample_wanted and trained_on:
        notes += (f"a sample beat of record {record.name}, a patient the model never saw",)
    return record, notes, SAMPLE if sample_wanted else len(record.signal) / 2


def check_output(output: Path, suffix: str, what: str, option: str) -> None:
    """Say now, not after all the work, that a file cannot be written."""
    if output.suffix.lower() != suffix:
        kind = suffix[1:].upper()
        raise InputError(f"{what} is a {kind} file, not '{output}': give {option} FILE{suffix}")
    if output.is_dir():
        raise InputError(f"'{output}' is a folder: give {option} FILE{suffix}")
    folder = output.absolute().parent
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"cannot write '{output}' ({error.strerror}): choose another place with {option}"
        ) from error


def check_display() -> None:
    """Say now, not after all the work, that no window can be opened."""
    from matplotlib import pyplot as plt

    try:
        plt.switch_backend(plt.get_backend())
    except ImportError as error:
        raise InputError(f"no window can be opened ({error}): leave out --show") from error
    if plt.get_backend().lower() == "agg":
        raise InputError("there is no display to open a window on: leave out --show")


def draw(
    chosen: Chosen,
    settings: BeatSettings,
    probabilities: np.ndarray,
    explanation: Explanation,
    findings: dict,
    show: bool = False,
) -> Figure:
    """Figure of the beat; in a window later if ``show``."""
    if not show:
        import matplotlib

        matplotlib.use("Agg")

    record = chosen.record
    beat = {
        "record": record, "signal": filtered(record, settings), "beats": chosen.beats,
        "settings": settings, "probabilities": probabilities, "beat": chosen.beat,
        "symbols": chosen.symbols,
    }  # fmt: skip
    r_peaks = chosen.r_peaks / record.fs
    text = [*sentences(findings), *trust(findings)]
    figure = draw_explanation(beat, r_peaks, explanation, text)
    if not findings["assessable"]:
        ax = figure.axes[0]
        ax.set_title(headline(findings), loc="left", fontsize=13, fontweight="bold", pad=23)
    return figure


def filtered(record: Record, settings: BeatSettings) -> np.ndarray:
    """The record's signal as it is drawn: filtered, at its own rate and in its own units."""
    signal = fill_gaps(record)
    return bandpass(signal - np.median(signal), record.fs, settings.band, settings.order)


if __name__ == "__main__":
    sys.exit(main())
