"""Interactive drawings of an explained beat for `arrhythmia.explain.page`, by plotly.

They hold all that does not change with method and class; ``page.html`` fills in the evidence.
Plotly reads tags in text: what comes from a file is escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.drawing import (
    BOLD_LINE,
    CLASS_COLORS,
    FINE_LINE,
    MV_PER_SECOND,
    PAPER,
    SMALL_BOX,
    clock,
    fits_paper,
)
from arrhythmia.explain.reference import RHYTHM
from arrhythmia.explain.waves import WAVES
from arrhythmia.explain.wording import wave_names
from arrhythmia.labels import SYMBOL_CLASS
from arrhythmia.rr import median_around
from arrhythmia.signals import open_gaps

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from arrhythmia.explain.case import Case

REACH_S = 6.0
"""The ECG can be moved this far to each side of the beat …"""
SHOWN_S = 2.5
"""… and shows this much of it at first where there is room."""
RHYTHM_REACH_S = 30.0
"""The tachogram goes this far to each side."""
SHORTEST_RHYTHM_S = 10.0
"""Of a record so short the tachogram shows this much."""
DOT_MM = 0.12
"""Heat is drawn as dots so far apart along the trace, in millimetres of ECG paper."""
FINEST_HZ = 500.0
"""A filtered ECG needs no more points than this."""
FONT = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
INK = "#333333"
HOVER = {"bgcolor": "white", "font": {"size": 13, "color": "black", "family": FONT}}


def ecg_figure(case: Case, reach: float = REACH_S) -> Figure:
    """ECG paper with the trace, the waves and the classes; the heat is filled in by the page.

    Parameters
    ----------
    case : Case
    reach : float
        Seconds to each side of the beat.
    """
    import plotly.graph_objects as go

    fs, center = case.record.fs, case.seconds
    first, last = around(case, reach)
    part = slice(first, last, max(round(fs / FINEST_HZ), 1))
    times = np.arange(first, last, part.step) / fs
    filtered, raw = case.filtered[part], case.recorded[part]
    drift = np.nanmedian(raw - filtered) if np.isfinite(raw).any() else 0.0
    shown = case.filtered[slice(*around(case, SHOWN_S))]
    low, high = float(shown.min()), float(shown.max())
    calibrated = on_paper(case)
    if calibrated:
        low, high = np.floor(2 * low - 0.6) / 2, np.ceil(2 * high + 0.2) / 2
    else:
        low, high = low - 0.2 * (high - low), high + 0.1 * (high - low)
    x = plain(times)
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=plain(raw - drift, 5), mode="lines", name="as recorded", hoverinfo="skip",
        line={"color": "#a0a0a0", "width": 1},
    )  # fmt: skip
    figure.add_scatter(x=[], y=[], mode="markers", name="evidence", hoverinfo="skip")
    figure.add_scatter(
        x=x, y=plain(open_gaps(filtered, raw, fs / part.step), 5), mode="lines", name="filtered",
        line={"color": "black", "width": 1.5}, customdata=[clock(t, 3) for t in times],
        meta=escape(case.units, quote=False),
        hovertemplate="%{x:.3f} s (%{customdata})<br>%{y:.3f} %{meta}%{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        template="none", font={"family": FONT, "size": 13, "color": INK},
        margin={"l": 52, "r": 12, "t": 72, "b": 44}, plot_bgcolor=PAPER, paper_bgcolor="white",
        showlegend=False, dragmode="pan", hovermode="closest", hoverdistance=40,
        hoverlabel=HOVER,
        annotations=_letters(case, reach) + (_wave_names(case) if case.assessable else []),
        shapes=_wave_edges(case) if case.assessable else [],
    )  # fmt: skip
    ruled = {"gridcolor": BOLD_LINE, "gridwidth": 1, "zeroline": False, "tick0": 0,
             "linecolor": BOLD_LINE, "mirror": True, "showline": True}  # fmt: skip
    fine = {"showgrid": True, "gridcolor": FINE_LINE, "gridwidth": 1, "ticks": ""}
    figure.update_xaxes(
        **ruled, title={"text": "time (s)", "standoff": 6}, tickformat=".1~f",
        dtick=5 * SMALL_BOX[0], minor=fine | {"dtick": SMALL_BOX[0]},
        range=[center - SHOWN_S, center + SHOWN_S],
        minallowed=float(times[0]) - 0.5, maxallowed=float(times[-1]) + 0.5,
    )  # fmt: skip
    figure.update_yaxes(
        **ruled, title={"text": escape(case.units, quote=False), "standoff": 4},
        range=[low, high],
    )  # fmt: skip
    if calibrated:
        figure.update_yaxes(
            dtick=5 * SMALL_BOX[1], ticklabelstep=1 if high - low <= 3 else 2, tickformat=".1~f",
            minor=fine | {"dtick": SMALL_BOX[1]}, scaleanchor="x", scaleratio=1 / MV_PER_SECOND,
        )  # fmt: skip
    else:
        figure.update_yaxes(showgrid=False, nticks=6)
    return figure


def _letters(case: Case, reach: float) -> list[dict]:
    """Classes above the R peaks; the reference in brackets where it says otherwise."""
    letters = []
    for i in np.flatnonzero(np.abs(case.r_peaks - case.seconds) <= reach):
        name, symbol = case.letter(i), str(case.beats.symbol[i])
        text = f"<b>{name}</b>"
        if symbol and SYMBOL_CLASS.get(symbol, "") != name:
            text += f" ({escape(symbol, quote=False)})"
        this_beat = i == case.beat
        color = CLASS_COLORS.get(name, "#777777")
        letters.append({
            "x": float(case.r_peaks[i]), "xref": "x", "y": 1, "yref": "paper", "yanchor": "bottom",
            "yshift": 8, "showarrow": False, "text": text, "borderpad": 3, "borderwidth": 2,
            "font": {"size": 16 if this_beat else 13, "color": "white" if this_beat else "black"},
            "bgcolor": "black" if this_beat else "white",
            "bordercolor": "black" if this_beat else color,
        })  # fmt: skip
    return letters


def _wave_places(case: Case) -> list[tuple[str, float, float]]:
    """Name, first and last second of every stretch of the segment."""
    waves = case.explanation.waves
    edges = case.segment_start + waves.edges / case.beats.fs
    return list(zip(wave_names(waves), edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _wave_names(case: Case) -> list[dict]:
    """Names of the waves at the foot, in two rows by turns so that all fit."""
    wide = [(n, a, b) for n, a, b in _wave_places(case)[1:-1] if b - a > 1 / case.beats.fs]
    return [
        {"x": (first + last) / 2, "xref": "x", "y": 0, "yref": "paper", "yanchor": "bottom",
         "yshift": 15 if i % 2 else 1, "showarrow": False, "text": name,
         "font": {"size": 12, "color": INK}}
        for i, (name, first, last) in enumerate(wide)
    ]  # fmt: skip


def _wave_edges(case: Case) -> list[dict]:
    """Edges of the waves, and of the segment."""
    places = _wave_places(case)
    line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    inner = [
        line | {"x0": first, "x1": first, "line": {"color": "#8a8a8a", "width": 1, "dash": "dot"}}
        for _, first, _ in places[1:]
    ]
    outer = [
        line | {"x0": x, "x1": x, "line": {"color": "#555555", "width": 1.2, "dash": "dash"}}
        for x in (places[0][1], places[-1][2])
    ]
    return inner + outer


def bars_figure() -> Figure:
    """Axes for the bars of evidence, which the page fills in."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_bar(x=[], y=[], orientation="h", hovertemplate="%{customdata}<extra></extra>")
    rules = [len(WAVES) - 0.5, len(WAVES) + len(RHYTHM) + 0.5]
    figure.update_layout(
        template="none", font={"family": FONT, "size": 13, "color": INK}, bargap=0.28,
        margin={"l": 140, "r": 16, "t": 8, "b": 40}, height=370, showlegend=False, dragmode=False,
        hovermode="closest", hoverlabel=HOVER,
        shapes=[
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "yref": "y",
             "line": {"color": "#bbbbbb", "width": 1, "dash": "dot"}}
            for y in rules
        ],
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": "% of all that speaks for the class", "standoff": 6}, gridcolor="#e6e6e6",
        zerolinecolor="#555555", zerolinewidth=1.5, fixedrange=True,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", fixedrange=True, ticklabelstandoff=4)
    return figure


def tachogram(case: Case) -> Figure:
    """RR interval before each beat, for about a minute around the beat explained."""
    import plotly.graph_objects as go

    end = max(case.record.seconds, SHORTEST_RHYTHM_S) + 0.5
    shown = np.flatnonzero(np.abs(case.r_peaks - case.seconds) <= RHYTHM_REACH_S)
    shown = shown[shown > 0]  # nothing comes before the first beat
    this_beat = shown == case.beat
    colors = [CLASS_COLORS.get(case.letter(i), "white") for i in shown]
    figure = go.Figure()
    figure.add_scatter(
        x=plain(case.r_peaks[shown]), y=plain(case.rr[shown]), mode="lines+markers",
        line={"color": "#b0b0b0", "width": 1},
        marker={
            "opacity": 1,
            "size": [14 if this else 8 for this in this_beat],
            "symbol": ["diamond" if this else "circle" for this in this_beat],
            "color": colors,
            "line": {"width": [2.5 if this else 1 for this in this_beat],
                     "color": ["black" if this or color == "white" else color
                               for this, color in zip(this_beat, colors, strict=True)]},
        },
        customdata=[_about_rr(case, i) for i in shown],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    local = float(median_around(case.beats.rr_pre)[case.beat])
    values = np.append(case.rr[shown], local)
    values = values[np.isfinite(values)]
    margin = 0.12 * max(float(np.ptp(values)), 0.2)
    line = {"type": "line", "layer": "below"}
    figure.update_layout(
        template="none", font={"family": FONT, "size": 13, "color": INK}, height=250,
        margin={"l": 52, "r": 12, "t": 32, "b": 44}, showlegend=False, hovermode="closest",
        dragmode="pan", hoverlabel=HOVER,
        shapes=[
            line | {"xref": "paper", "x0": 0, "x1": 1, "y0": local, "y1": local,
                    "line": {"color": "#777777", "width": 1, "dash": "dash"}},
            line | {"yref": "paper", "y0": 0, "y1": 1, "x0": case.seconds, "x1": case.seconds,
                    "line": {"color": "#777777", "width": 1}},
        ],
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": "time (s)", "standoff": 6}, gridcolor="#eeeeee", zeroline=False,
        range=[max(case.seconds - RHYTHM_REACH_S, -0.5), min(case.seconds + RHYTHM_REACH_S, end)],
    )  # fmt: skip
    figure.update_yaxes(
        title={"text": "RR before (s)", "standoff": 6}, gridcolor="#eeeeee", zeroline=False,
        range=[float(values.min()) - margin, float(values.max()) + margin],
    )  # fmt: skip
    return figure


def _about_rr(case: Case, i: int) -> str:
    """What is shown when the pointer is on a beat of the tachogram."""
    name, rr = case.letter(i), case.rr[i]
    this_beat = "<b>this beat</b>, " if i == case.beat else ""
    lines = [f"{this_beat}beat {i}, {clock(case.r_peaks[i], 1)}"]
    if np.isfinite(rr):
        lines.append(f"RR before {rr:.2f} s ({60 / max(rr, 0.01):.0f}/min)")
    lines.append({"": "not classified for this page", "?": "the signal cannot be read"}.get(
        name, f"predicted {name}"))  # fmt: skip
    if case.beats.symbol[i]:
        lines.append(f"reference {escape(str(case.beats.symbol[i]), quote=False)}")
    return "<br>".join(lines)


def plain(values: np.ndarray | float, digits: int = 7) -> list | float | None:
    """Numbers for JSON, which knows neither NaN nor infinity."""
    if np.ndim(values):
        return [plain(v, digits) for v in values]
    return float(f"{float(values):.{digits}g}") if np.isfinite(values) else None


def on_paper(case: Case) -> bool:
    """Whether the paper is ruled in mV too: see `arrhythmia.drawing.ecg_paper`."""
    shown = case.filtered[slice(*around(case, REACH_S))]
    return fits_paper(case.units, float(shown.min()), float(shown.max()))


def around(case: Case, reach: float) -> tuple[int, int]:
    """First sample, and the one after the last, so many seconds around the beat."""
    fs = case.record.fs
    first = max(int((case.seconds - reach) * fs), 0)
    return first, min(int(np.ceil((case.seconds + reach) * fs)) + 1, len(case.filtered))


def heat_scale() -> list[list]:
    """Colours of evidence from none to the strongest, as plotly takes them."""
    from matplotlib.colors import to_hex

    from arrhythmia.explain.figure import heat_colors

    return [[step / 8, to_hex(heat_colors()(step / 8))] for step in range(9)]


def heat_dots(case: Case) -> dict:
    """Places along the trace inside the segment, evenly spaced on paper: x, y, in the segment."""
    start, fs = case.segment_start, case.beats.fs
    ends = np.array([start, start + (case.settings.length - 1) / fs]) * case.record.fs
    first, last = np.clip(np.ceil(ends - 1e-6), 0, len(case.filtered)).astype(int)
    times, values = np.arange(first, last) / case.record.fs, case.filtered[first:last]
    near = case.filtered[slice(*around(case, SHOWN_S))]
    tall = 10.0 if on_paper(case) else 20 / max(float(np.ptp(near)), 1e-9)
    steps = np.hypot(np.diff(times) * 25, np.diff(values) * tall)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.arange(0, way[-1], DOT_MM)
    x, y = np.interp(even, way, times), np.interp(even, way, values)
    return {"x": plain(x), "y": plain(y, 5), "place": plain((x - start) * fs, 5)}
