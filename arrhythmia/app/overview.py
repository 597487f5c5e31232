"""The whole recording at a glance: heart rate, events, S, V, E and F."""

from __future__ import annotations

from typing import Final

import numpy as np
import plotly.graph_objects as go

from arrhythmia.annotate.report import known_rr
from arrhythmia.app.reading import Reading
from arrhythmia.app.screen import MARGIN, Screen, thinned, time_ticks
from arrhythmia.drawing import clock
from arrhythmia.explain.page_figures import FONT
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.rhythm import (
    BIGEMINY,
    FIBRILLATION,
    IDIOVENTRICULAR,
    NO_BEATS,
    NOT_ASSESSABLE,
    PACED,
    PAUSE,
    SVT,
    TRIGEMINY,
    VT,
)

BAND_COLORS: Final = {
    FIBRILLATION: "#CC79A7", SVT: "#009E73", VT: "#D55E00", IDIOVENTRICULAR: "#E69F00",
    BIGEMINY: "#56B4E9", TRIGEMINY: "#56B4E9", PAUSE: "#0072B2", NO_BEATS: "#0072B2",
    NOT_ASSESSABLE: "#8a8a8a", PACED: "#8a8a8a",
}  # fmt: skip
MOST_POINTS: Final = 4000
"""Of a trace: about three for each pixel."""
BINS: Final = 240
"""Bars at most."""


def overview(reading: Reading, screen: Screen) -> go.Figure:
    """Heart rate, events, and S, V and F through the whole recording."""
    analysis, length = reading.analysis, reading.analysis.record.seconds
    figure = go.Figure()
    rate = 60 / known_rr(analysis)
    known = np.flatnonzero(np.isfinite(rate))
    x, y = thinned(analysis.beats.centers[known], rate[known], MOST_POINTS)
    figure.add_scatter(
        x=x.round(2), y=np.clip(y, 20, 220).round(1), mode="markers", yaxis="y3", hoverinfo="skip",
        marker={"size": 2.5 if len(x) > 1000 else 4, "color": screen.ink, "opacity": 0.6},
    )  # fmt: skip
    least = length / 400  # seconds: what is shorter would not be seen
    for kind, color in kinds_seen(reading):
        events = [e for e in analysis.events if e.kind == kind]
        figure.add_bar(
            x=[max(e.seconds, least) for e in events], base=[e.start_s for e in events],
            y=[0.5] * len(events), width=0.9, orientation="h", yaxis="y2", marker_color=color,
            marker_line_width=0, hoverinfo="text",
            hovertext=[f"{e.name}, {clock(e.start_s)}, {e.seconds:.1f} s" for e in events],
        )  # fmt: skip
    edges, counts = ectopic_bins(reading)
    middle, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    for letter, pattern in (("S", "/"), ("V", ""), ("E", "x"), ("F", ".")):
        if counts[letter].any():
            figure.add_bar(
                x=middle, y=counts[letter], width=width * 0.9, name=letter, hoverinfo="skip",
                marker={"color": screen.color(letter), "line": {"width": 0},
                        "pattern": {"shape": pattern, "solidity": 0.35}},
            )  # fmt: skip
    values, names = time_ticks(0, length, max(screen.width // 110, 2))
    axis = {"gridcolor": screen.paper[2], "zeroline": False, "fixedrange": True}
    figure.update_layout(
        template="none", height=230, barmode="stack", dragmode=False, hovermode="closest",
        margin=MARGIN, paper_bgcolor=screen.ground,
        plot_bgcolor=screen.ground, font={"family": FONT, "size": 12, "color": screen.ink},
        showlegend=False, bargap=0,
        xaxis=axis | {"range": [0, length], "tickvals": values, "ticktext": names},
        yaxis=axis | {"domain": [0, 0.34], "title": {"text": "ectopic"}, "nticks": 4,
                      "rangemode": "tozero"},
        yaxis2={"domain": [0.37, 0.46], "range": [0, 1], "visible": False, "fixedrange": True},
        yaxis3=axis | {"domain": [0.5, 1], "range": [20, 220], "tickvals": [40, 80, 120, 160, 200],
                       "title": {"text": "rate"}},
    )  # fmt: skip
    return figure


def kinds_seen(reading: Reading) -> list[tuple[str, str]]:
    """Kinds of events that occur, and their colours."""
    seen = {event.kind for event in reading.analysis.events}
    return [(kind, color) for kind, color in BAND_COLORS.items() if kind in seen]


def ectopic_bins(reading: Reading) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Edges of equal stretches in seconds, and how many S, V, E and F each holds."""
    length = max(reading.analysis.record.seconds, 1.0)
    edges = np.linspace(0, length, min(BINS, max(int(length / 2), 1)) + 1)
    centers = reading.analysis.beats.centers
    of = {c: np.histogram(centers[reading.letters == c], edges)[0] for c in BEAT_CLASSES[1:]}
    return edges, of


def window(reading: Reading, start: float, seconds: float) -> dict[str, str]:
    """The part of the overview that the strip shows, as a style of an element that lies over it.

    A shape of the figure would do too, but every move would draw the whole figure anew.
    """
    length = max(reading.analysis.record.seconds, 1e-3)
    first, last = (min(max(at / length, 0.0), 1.0) for at in (start, start + seconds))
    return {"left": f"{100 * first:.3f}%", "width": f"{100 * (last - first):.3f}%"}
