"""One explained beat as an interactive page: a single HTML file that needs no network.

Python draws the figures and says every sentence; ``page.html``, beside this module, lays them
out and swaps them when another method or class is chosen. Names of records, leads and symbols
come from strangers' files: on the page they are text and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.beats import Beats, BeatSettings
from arrhythmia.explanation import METHOD_NAMES, PARTS, Explanation, explain
from arrhythmia.files import whole_file
from arrhythmia.findings import DISCLAIMER
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES, SYMBOL_CLASS, SYMBOL_NAMES
from arrhythmia.page_figures import (
    SHOWN_S,
    around,
    bars_figure,
    ecg_figure,
    on_paper,
    plain,
    segment_start,
    tachogram,
)
from arrhythmia.plotting import CLASS_COLORS, MV_PER_SECOND, chance, clock, heat_colors
from arrhythmia.reasons import Reasons, evidence_words, find_reasons, sentence, what_if
from arrhythmia.records import Record
from arrhythmia.sequences import network_inputs
from arrhythmia.waves import WAVES

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

TEMPLATE = Path(__file__).with_name("page.html")
DOT_MM = 0.12
"""Heat is drawn as dots so far apart along the trace, in millimetres of ECG paper."""
DASH = "–"
RR_WORDS = (
    "RR before, against the record's mean",
    "RR after, against the record's mean",
    "RR before, against the 21 beats around",
    "RR after, against the 21 beats around",
    "RR before, against the RR interval before that",
    "RR before",
    "irregularity of the 21 beats around",
    "lateness in units of the irregularity",
    "likeness of the P waves of the 21 beats around",
)
"""`arrhythmia.sequences.RR_INPUTS` for a reader."""


@dataclass(frozen=True)
class View:
    """What the page shows of one beat.

    Parameters
    ----------
    record : Record
        Its own signal is drawn pale behind the filtered one.
    signal : ndarray, shape (samples,)
        The record's signal filtered, in its units and at its sampling rate.
    beats : Beats
        All beats of the record.
    beat : int
        The one explained, from 0.
    r_peaks : ndarray of float, shape (beats,)
        Seconds.
    symbols : ndarray of str, shape (beats,), or None
        Reference annotation where there is one.
    settings : BeatSettings
        With which the beats were cut.
    probabilities : ndarray, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; rows of NaN where not computed.
    explanations : dict
        (method, class) to `Explanation`: all methods for all classes, as `explain_all` gives.
    reasons : dict
        Class to `Reasons`.
    method, target_class : str
        What is shown first.
    confidence : sequence of str
        Lines on how sure the class is; may be empty.
    notes : sequence of str
        What the user should know.
    """

    record: Record
    signal: np.ndarray
    beats: Beats
    beat: int
    r_peaks: np.ndarray
    symbols: np.ndarray | None
    settings: BeatSettings
    probabilities: np.ndarray
    explanations: dict[tuple[str, str], Explanation]
    reasons: dict[str, Reasons]
    method: str
    target_class: str
    confidence: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def winner(self) -> str:
        """The class predicted."""
        return BEAT_CLASSES[int(self.probabilities[self.beat].argmax())]


def explain_all(
    classifier: Classifier, beats: Beats, beat: int
) -> tuple[dict[tuple[str, str], Explanation], dict[str, Reasons]]:
    """Explain a beat by every method for every class.

    Parameters
    ----------
    classifier : Classifier
        Trained, or loaded from disk.
    beats : Beats
        All beats of the record.
    beat : int
        Which of them, from 0.

    Returns
    -------
    explanations : dict
        (method, class) to `Explanation`.
    reasons : dict
        Class to `Reasons`.
    """
    classifier.trace()
    explanations = {
        (method, target): explain(classifier, beats, beat, method, target)
        for method in METHOD_NAMES
        for target in BEAT_CLASSES
    }
    return explanations, {c: find_reasons(classifier, beats, beat, c) for c in BEAT_CLASSES}


def write_page(path: str | Path, view: View) -> None:
    """Write one HTML file with everything in it, plotly too.

    Parameters
    ----------
    path : str or Path
        About 5 MB, nearly all of it plotly.
    view : View

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from plotly.offline import get_plotlyjs

    data = json.dumps(page_data(view), allow_nan=False, separators=(",", ":"))
    data = data.replace("<", r"\u003c")  # or "</script>" in a name would end the data
    title = f"{view.winner} {DASH} beat {view.beat} of record {view.record.name}"
    page = TEMPLATE.read_text(encoding="utf-8")
    before, page = page.split("{{title}}")
    middle, page = page.split("{{data}}")
    last, end = page.split("{{plotly}}")
    with whole_file(path) as part:
        part.write_text(
            "".join([before, escape(title), middle, data, last, get_plotlyjs(), end]),
            encoding="utf-8",
            errors="replace",  # a name may hold bytes that are no text
        )


def page_data(view: View) -> dict:
    """All that the page shows: text, numbers, and figures as plotly takes them."""
    first = view.explanations[view.method, view.target_class]
    length = len(first.samples)
    return {
        "start": {"method": view.method, "class": view.target_class},
        "winner": view.winner,
        "methods": {m: METHOD_NAMES[m] for m, _ in view.explanations},
        "classes": {c: CLASS_NAMES[c] for c in BEAT_CLASSES},
        "colors": CLASS_COLORS,
        "heading": f"{CLASS_NAMES[view.winner]}, p {chance(view.probabilities[view.beat].max())}",
        "reference": _reference(view),
        "reference_differs": view.symbols is not None
        and SYMBOL_CLASS.get(str(view.symbols[view.beat])) != view.winner,
        "where": f"record {view.record.name} · lead {view.record.lead} · beat {view.beat} of "
        f"{len(view.beats)} (from 0) · {clock(view.r_peaks[view.beat], 3)}",
        "probabilities": dict(zip(BEAT_CLASSES, plain(view.probabilities[view.beat]), strict=True)),
        "confidence": list(view.confidence),
        "notes": list(view.notes),
        "disclaimer": DISCLAIMER,
        "parts": list(PARTS),
        "waves": [WAVES[i] for i in first.waves.of_samples(length)],
        "reasons": {c: _reasons(view, c) for c in view.reasons},
        "explanations": {
            m: {c: _evidence(view.explanations[m, c]) for k, c in view.explanations if k == m}
            for m in dict.fromkeys(m for m, _ in view.explanations)
        },
        "rr": _rr_rows(view),
        "neighbours": [_neighbour(view, int(step)) for step in first.neighbours],
        "figures": {
            "ecg": json.loads(ecg_figure(view).to_json()),
            "bars": json.loads(bars_figure().to_json()),
            "tachogram": json.loads(tachogram(view).to_json()),
        },
        "at": plain(view.beats.centers[view.beat]),
        "segment": {"start": plain(segment_start(view)), "fs": view.beats.fs},
        "mv_per_second": MV_PER_SECOND if on_paper(view) else None,
        "heat": _heat_scale(),
        "dots": _dots(view),
    }


def _reference(view: View) -> str | None:
    if view.symbols is None:
        return None
    symbol = str(view.symbols[view.beat])
    beat_class = SYMBOL_CLASS.get(symbol)
    belongs = f"class {beat_class}" if beat_class else "of no class that the model knows"
    return f"{symbol}, {SYMBOL_NAMES.get(symbol, 'unknown symbol')} ({belongs})"


def _reasons(view: View, target: str) -> dict:
    reasons = view.reasons[target]
    return {"sentence": sentence(reasons), "what_if": what_if(reasons)}


def _evidence(explanation: Explanation) -> dict:
    e = explanation
    return {
        "samples": plain(e.samples),
        "heat": plain(e.heat, 4),
        "rr": plain(e.rr),
        "neighbour_shapes": plain(e.neighbour_shapes),
        "neighbour_timing": plain(e.neighbour_timing),
        "percent": plain(np.array([e.percent[part] for part in PARTS])),
        "parts": plain(np.array([e.parts[part] for part in PARTS])),
        "words": evidence_words(e),
        "message": e.message,
        "unit": "" if e.method.startswith("grad-cam") else "log odds",
    }


def _rr_rows(view: View) -> list[dict]:
    """What the network is told of the timing of the beat."""
    told = np.exp(network_inputs(view.beats).rr[view.beat].astype(float))
    values = [f"{100 * v:.0f} %" for v in told[:5]]
    values += [f"{told[5]:.2f} s", f"{5 * max(told[6] - 0.2, 0):.1f} %"]
    values.append(f"{np.log(told[7]) + 0.0:+.2f}".replace("-", "−").replace("−0.00", "+0.00"))
    values.append(f"{100 * view.beats.p_likeness[view.beat]:.0f} %")
    return [{"name": n, "value": v} for n, v in zip(RR_WORDS, values, strict=True)]


def _neighbour(view: View, step: int) -> str:
    """Name of a beat read with the one explained: ``-1: N``."""
    place = view.beat + step
    known = 0 <= place < len(view.beats) and np.isfinite(view.probabilities[place]).all()
    letter = BEAT_CLASSES[int(view.probabilities[place].argmax())] if known else ""
    return f"{step:+d}".replace("-", "−") + (f" ({letter})" if letter else "")


def _heat_scale() -> list[list]:
    from matplotlib.colors import to_hex

    return [[step / 8, to_hex(heat_colors()(step / 8))] for step in range(9)]


def _dots(view: View) -> dict:
    """Places along the trace inside the segment, evenly spaced on paper: x, y, in the segment."""
    start, fs = segment_start(view), view.beats.fs
    length = len(view.explanations[view.method, view.target_class].samples)
    times = np.arange(len(view.signal)) / view.record.fs
    first, last = np.searchsorted(times, [start, start + (length - 1) / fs])
    times, values = times[first:last], view.signal[first:last]
    near = slice(*around(view, SHOWN_S))
    tall = 10.0 if on_paper(view) else 20 / max(float(np.ptp(view.signal[near])), 1e-9)
    steps = np.hypot(np.diff(times) * 25, np.diff(values) * tall)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.arange(0, way[-1], DOT_MM)
    x, y = np.interp(even, way, times), np.interp(even, way, values)
    return {"x": plain(x), "y": plain(y, 5), "place": plain((x - start) * fs, 5)}
