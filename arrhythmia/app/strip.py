"""A stretch of the ECG on its paper: all leads, and the class of every beat."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import plotly.graph_objects as go

from arrhythmia.annotate.holter import UNKNOWN
from arrhythmia.app.reading import Reading
from arrhythmia.app.screen import ASIDE, MARGIN, Screen, escaped, thinned, time_ticks
from arrhythmia.drawing import MV_PER_SECOND, SMALL_BOX, clock, fits_paper
from arrhythmia.explain.page_figures import FONT
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.sheet import drawn_units
from arrhythmia.signals import filtered_part

MARKS: Final = {
    "N": "circle", "S": "triangle-up", "V": "square", "E": "star", "F": "diamond", UNKNOWN: "x",
}  # fmt: skip
"""Shape of the mark of each class."""
PAPER_S: Final = 30.0
"""Up to so many seconds the strip is ruled as ECG paper."""
MOST_MARKS: Final = 400
"""In a stretch with more beats those called N have no mark."""
MOST_LETTERS: Final = 100
"""In a stretch with more beats the marks have no letters."""
FINE_S: Final = 10.0
"""Up to so many seconds the small boxes are drawn too."""
TALLEST_PX, LOWEST_PX, ROW_PX = 460, 150, 40
"""Height of the paper, and of the row of marks above it."""


def strip(
    reading: Reading, start: float, seconds: float, beat: int, screen: Screen
) -> tuple[go.Figure, str]:
    """A stretch of all leads with a mark above every beat, and the same in words."""
    analysis = reading.analysis
    record, end = analysis.record, start + seconds
    traces, low, high, units = _stacked(reading, start, end)
    on_paper = fits_paper(units, low, high) and seconds <= PAPER_S
    wide = screen.width - ASIDE
    tall = (high - low) / MV_PER_SECOND * wide / seconds if on_paper else 70.0 * len(traces)
    tall = float(np.clip(tall, LOWEST_PX, TALLEST_PX))
    row = ROW_PX * (high - low) / tall
    data = [
        {"type": "scatter", "mode": "lines", "name": name, "hoverinfo": "skip",
         "x": x.round(4), "y": y.astype(np.float32),
         "line": {"color": screen.ink, "width": 1.3 if seconds <= PAPER_S else 0.8}}
        for name, (x, y) in (
            (name, thinned(*trace, max(3 * wide, 600))) for name, trace in traces.items()
        )
    ]  # fmt: skip
    shown = np.flatnonzero((analysis.beats.centers >= start) & (analysis.beats.centers <= end))
    marks = _marks(reading, shown, high + 0.3 * row, beat, screen)
    this = float(analysis.beats.centers[beat]) if beat in shown else None
    x_axis, y_axis = _rules((start, end), (low, high + row), units, on_paper, screen)
    figure = go.Figure({
        "data": [*data, *marks],
        "layout": {
            "template": "none", "height": tall + ROW_PX + MARGIN["t"] + MARGIN["b"],
            "margin": MARGIN, "dragmode": False, "hovermode": "closest", "hoverdistance": 30,
            "paper_bgcolor": screen.ground, "plot_bgcolor": screen.paper[0], "showlegend": False,
            "font": {"family": FONT, "size": 12, "color": screen.ink}, "meta": on_paper,
            "xaxis": x_axis, "yaxis": y_axis,
            "annotations": [_lead_name(name, start, trace, screen)
                            for name, (_, trace) in traces.items()],
            "shapes": [] if this is None else [
                {"type": "line", "x0": this, "x1": this, "y0": low, "y1": high,
                 "layer": "below", "line": {"color": screen.ink, "width": 1, "dash": "dot"}}
            ],
        },
    })  # fmt: skip
    letters = " ".join(reading.letters[shown[:60]]) + (" …" if len(shown) > 60 else "")
    words = (
        f"ECG from {clock(start)} to {clock(min(end, record.seconds))}, "
        f"{'leads' if len(traces) > 1 else 'lead'} {', '.join(traces)}: {len(shown)} beats"
    )
    return figure, f"{words}: {letters}." if len(shown) else f"{words}."


def _stacked(
    reading: Reading, start: float, end: float
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], float, float, str]:
    """Traces one below the other, the limits of all, and their units."""
    analysis, traces, low, high = reading.analysis, {}, 0.0, 0.0
    for number, one in enumerate(analysis.beats.in_leads):
        times, values = filtered_part(analysis.record, one.lead, analysis.settings, start, end)
        known = values[np.isfinite(values)]
        bottom, top = (float(known.min()), float(known.max())) if len(known) else (-0.2, 0.2)
        offset = low - 0.1 - top if number else 0.0
        traces[one.lead] = times, values + offset
        high = high if number else top
        low = bottom + offset
    units = drawn_units(replace(analysis.record, signals=analysis.record.signals[:1]), traces)
    return traces, low - 0.1, high + 0.1, units


def _lead_name(name: str, start: float, values: np.ndarray, screen: Screen) -> dict:
    known = values[np.isfinite(values)]
    return {
        "x": start, "y": float(np.median(known)) if len(known) else 0.0, "showarrow": False,
        "text": f"<b>{escaped(name)}</b>", "xanchor": "left", "yanchor": "bottom", "xshift": 3,
        "yshift": 6, "font": {"size": 12}, "bgcolor": screen.paper[0], "opacity": 0.85,
    }  # fmt: skip


def _marks(
    reading: Reading, shown: np.ndarray, y: float, beat: int, screen: Screen
) -> list[dict]:  # fmt: skip
    """Class of every beat, in shape, letter and colour; a ring where a person should look."""
    letters = reading.letters
    if len(shown) > MOST_MARKS:
        shown = shown[(letters[shown] != "N") | (shown == beat)]
    if not len(shown):
        return []
    of, refer, this = letters[shown], reading.refer[shown], shown == beat
    pairs = list(zip(of.tolist(), refer.tolist(), strict=True))
    lettered = len(shown) <= MOST_LETTERS
    return [{
        "type": "scatter", "mode": "markers+text" if lettered else "markers", "name": "beats",
        "x": reading.analysis.beats.centers[shown].round(4), "y": np.full(len(shown), y),
        "text": [f"{'⚑' if flag else ''}{letter}" for letter, flag in pairs],
        "textposition": "top center", "textfont": {"size": 12, "color": screen.ink},
        "hovertext": [about_beat(reading, int(i)) for i in shown],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "symbol": [MARKS[letter] for letter in of], "size": np.where(this, 14, 10),
            "color": [screen.color(letter) for letter in of], "opacity": 1,
            "line": {"width": np.where(this | refer, 3, 0),
                     "color": np.where(this, screen.ink, screen.alarm)},
        },
    }]  # fmt: skip


def about_beat(reading: Reading, beat: int) -> str:
    """What is shown when the pointer is on a beat."""
    analysis = reading.analysis
    letter, at = reading.letters[beat], float(analysis.beats.centers[beat])
    lines = [f"<b>{letter}</b> beat {beat}, {clock(at, 2)}"]
    if letter == UNKNOWN:
        return "<br>".join([*lines, "cannot be assessed"])
    if analysis.by_reader[beat]:
        lines.append("named by the reader")
    said = BEAT_CLASSES[int(analysis.probabilities[beat].argmax())]
    lines.append(f"model: {said}, p {min(analysis.certainty[beat], 0.99):.2f}")
    lines.append(f"template {reading.named.templates.number[beat]}")
    if reading.refer[beat]:
        lines.append(f"⚑ look at it: {analysis.assessment.reasons[beat]}")
    return "<br>".join(lines)


def _rules(
    x: tuple[float, float], y: tuple[float, float], units: str, on_paper: bool, screen: Screen
) -> tuple[dict, dict]:
    """Axes ruled as paper: large boxes of 0.2 s and 0.5 mV, small ones where there is room."""
    _, fine, bold = screen.paper
    values, names = time_ticks(*x, max(screen.width // 100, 2))
    line = {"gridcolor": bold, "zeroline": False, "fixedrange": True, "linecolor": bold,
            "mirror": True, "showline": True, "ticks": ""}  # fmt: skip
    along = line | {"range": list(x), "tickvals": values, "ticktext": names}
    up = line | {"range": list(y), "title": {"text": escaped(units), "standoff": 2},
                 "showticklabels": False, "showgrid": on_paper}  # fmt: skip
    if not on_paper:
        return along, up
    large, small = 5 * SMALL_BOX[0], SMALL_BOX[0]
    named = dict(zip(np.round(values, 3), names, strict=True))
    rules = _multiples(x, large)
    along |= {"tickvals": rules, "ticktext": [named.get(at, "") for at in rules], "tickangle": 0}
    up |= {"tick0": 0, "dtick": 5 * SMALL_BOX[1]}
    if x[1] - x[0] <= FINE_S:
        minor = {"showgrid": True, "gridcolor": fine, "ticks": ""}
        along |= {"minor": minor | {"tickvals": _multiples(x, small)}}
        up |= {"minor": minor | {"tick0": 0, "dtick": SMALL_BOX[1]}}
    return along, up


def _multiples(limits: tuple[float, float], step: float) -> list[float]:
    first, last = np.ceil(limits[0] / step - 1e-6), np.floor(limits[1] / step + 1e-6)
    return (np.arange(first, last + 1) * step).round(3).tolist()
