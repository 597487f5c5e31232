"""Interactive drawings of an explained beat for `arrhythmia.page`, by plotly.

They hold all that does not change with method and class; ``page.html`` fills in the evidence.
Plotly reads tags in text: what comes from a file is escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.beats import median_around
from arrhythmia.labels import BEAT_CLASSES, SYMBOL_CLASS
from arrhythmia.plotting import (
    BOLD_LINE,
    CLASS_COLORS,
    FINE_LINE,
    MV_PER_SECOND,
    PAPER,
    SMALL_BOX,
    TALLEST,
    clock,
)
from arrhythmia.reading import RHYTHM
from arrhythmia.waves import WAVES

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from arrhythmia.page import View

REACH_S = 6.0
"""The ECG can be moved this far to each side of the beat …"""
SHOWN_S = 2.5
"""… and shows this much of it at first where there is room."""
RHYTHM_REACH_S = 30.0
"""The tachogram goes this far to each side."""
SHORTEST_RHYTHM_S = 10.0
"""Of a record so short the tachogram shows this much."""
FINEST_HZ = 500.0
"""A filtered ECG needs no more points than this."""
FONT = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
INK = "#333333"
HOVER = {"bgcolor": "white", "font": {"size": 13, "color": "black", "family": FONT}}


def ecg_figure(view: View) -> Figure:
    """ECG paper with the trace, the waves and the classes; the heat is filled in by the page."""
    import plotly.graph_objects as go

    fs, center = view.record.fs, float(view.r_peaks[view.beat])
    first, last = around(view, REACH_S)
    part = slice(first, last, max(round(fs / FINEST_HZ), 1))
    times = np.arange(len(view.signal))[part] / fs
    filtered, raw = view.signal[part], view.record.signal[part]
    drift = np.nanmedian(raw - filtered) if np.isfinite(raw).any() else 0.0
    shown = view.signal[slice(*around(view, SHOWN_S))]
    low, high = float(shown.min()), float(shown.max())
    calibrated = on_paper(view)
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
        x=x, y=plain(filtered, 5), mode="lines", name="filtered",
        line={"color": "black", "width": 1.5}, customdata=[clock(t, 3) for t in times],
        meta=escape(view.record.units, quote=False),
        hovertemplate="%{x:.3f} s (%{customdata})<br>%{y:.3f} %{meta}%{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        template="none", font={"family": FONT, "size": 13, "color": INK},
        margin={"l": 52, "r": 12, "t": 72, "b": 44}, plot_bgcolor=PAPER, paper_bgcolor="white",
        showlegend=False, dragmode="pan", hovermode="closest", hoverdistance=40,
        hoverlabel=HOVER,
        annotations=_letters(view) + _wave_names(view), shapes=_wave_edges(view),
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
        **ruled, title={"text": escape(view.record.units, quote=False), "standoff": 4},
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


def _letters(view: View) -> list[dict]:
    """Classes above the R peaks; the reference in brackets where it says otherwise."""
    found = []
    for i in np.flatnonzero(np.abs(view.r_peaks - view.r_peaks[view.beat]) <= REACH_S):
        row = view.probabilities[i]
        name = BEAT_CLASSES[int(row.argmax())] if np.isfinite(row).all() else ""
        text = f"<b>{name}</b>"
        symbol = "" if view.symbols is None else str(view.symbols[i])
        if symbol and SYMBOL_CLASS.get(symbol, "") != name:
            text += f" ({escape(symbol, quote=False)})"
        if not name and not symbol:
            continue
        here = i == view.beat
        color = CLASS_COLORS.get(name, "#777777")
        found.append({
            "x": float(view.r_peaks[i]), "xref": "x", "y": 1, "yref": "paper", "yanchor": "bottom",
            "yshift": 8, "showarrow": False, "text": text, "borderpad": 3, "borderwidth": 2,
            "font": {"size": 16 if here else 13, "color": "white" if here else "black"},
            "bgcolor": "black" if here else "white", "bordercolor": "black" if here else color,
        })  # fmt: skip
    return found


def _wave_places(view: View) -> list[tuple[str, float, float]]:
    waves = view.explanations[view.method, view.target_class].waves
    edges = segment_start(view) + waves.edges / view.beats.fs
    seen = {"P": waves.p_seen, "T": waves.t_seen}
    names = [name if seen.get(name, True) else f"({name})" for name in WAVES]
    return list(zip(names, edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _wave_names(view: View) -> list[dict]:
    """Names of the waves at the foot, in two rows by turns so that all fit."""
    wide = [(n, a, b) for n, a, b in _wave_places(view)[1:-1] if b - a > 1 / view.beats.fs]
    return [
        {"x": (first + last) / 2, "xref": "x", "y": 0, "yref": "paper", "yanchor": "bottom",
         "yshift": 15 if i % 2 else 1, "showarrow": False, "text": name,
         "font": {"size": 12, "color": INK}}
        for i, (name, first, last) in enumerate(wide)
    ]  # fmt: skip


def _wave_edges(view: View) -> list[dict]:
    """Edges of the waves, and of the segment."""
    places = _wave_places(view)
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


def tachogram(view: View) -> Figure:
    """RR interval before each beat, for about a minute around the beat explained."""
    import plotly.graph_objects as go

    beats, center = view.beats, float(view.beats.centers[view.beat])
    end = max(view.record.seconds, SHORTEST_RHYTHM_S) + 0.5
    shown = np.flatnonzero(np.abs(beats.centers - center) <= RHYTHM_REACH_S)
    shown = shown[shown > 0]  # nothing comes before the first beat
    names = [_class_of(view, i) for i in shown]
    figure = go.Figure()
    figure.add_scatter(
        x=plain(beats.centers[shown]), y=plain(beats.rr_pre[shown]), mode="lines+markers",
        line={"color": "#b0b0b0", "width": 1},
        marker={
            "opacity": 1,
            "size": [14 if i == view.beat else 8 for i in shown],
            "symbol": ["diamond" if i == view.beat else "circle" for i in shown],
            "color": [CLASS_COLORS[n] if n else "white" for n in names],
            "line": {"width": [2.5 if i == view.beat else 1 for i in shown],
                     "color": ["black" if i == view.beat or not n else CLASS_COLORS[n]
                               for i, n in zip(shown, names, strict=True)]},
        },
        customdata=[_about_rr(view, i, n) for i, n in zip(shown, names, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    usual = float(median_around(beats.rr_pre)[view.beat])
    values = np.append(beats.rr_pre[shown], usual)
    margin = 0.12 * max(float(np.ptp(values)), 0.2)
    figure.update_layout(
        template="none", font={"family": FONT, "size": 13, "color": INK}, height=250,
        margin={"l": 52, "r": 12, "t": 32, "b": 44}, showlegend=False, hovermode="closest",
        dragmode="pan", hoverlabel=HOVER,
        shapes=[
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": usual, "y1": usual,
             "layer": "below", "line": {"color": "#777777", "width": 1, "dash": "dash"}},
            {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": center,
             "x1": center, "layer": "below", "line": {"color": "#777777", "width": 1}},
        ],
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": "time (s)", "standoff": 6}, gridcolor="#eeeeee", zeroline=False,
        range=[max(center - RHYTHM_REACH_S, -0.5), min(center + RHYTHM_REACH_S, end)],
    )  # fmt: skip
    figure.update_yaxes(
        title={"text": "RR before (s)", "standoff": 6}, gridcolor="#eeeeee", zeroline=False,
        range=[float(values.min()) - margin, float(values.max()) + margin],
    )  # fmt: skip
    return figure


def _class_of(view: View, i: int) -> str:
    row = view.probabilities[i]
    return BEAT_CLASSES[int(row.argmax())] if np.isfinite(row).all() else ""


def _about_rr(view: View, i: int, name: str) -> str:
    beats = view.beats
    lines = [
        f"{'<b>this beat</b>, ' if i == view.beat else ''}beat {i}, {clock(beats.centers[i], 1)}",
        f"RR before {beats.rr_pre[i]:.2f} s ({60 / max(beats.rr_pre[i], 0.01):.0f}/min)",
        f"predicted {name}" if name else "not classified for this page",
    ]
    if view.symbols is not None:
        lines.append(f"reference {escape(str(view.symbols[i]), quote=False)}")
    return "<br>".join(lines)


def plain(values: np.ndarray | float, digits: int = 7) -> list | float | None:
    """Numbers for JSON, which knows neither NaN nor infinity."""
    if np.ndim(values):
        return [plain(v, digits) for v in values]
    return float(f"{float(values):.{digits}g}") if np.isfinite(values) else None


def on_paper(view: View) -> bool:
    """Whether the paper is ruled in mV too: see `arrhythmia.plotting.ecg_paper`."""
    first, last = around(view, REACH_S)
    return view.record.units == "mV" and np.ptp(view.signal[first:last]) <= TALLEST


def around(view: View, reach: float) -> tuple[int, int]:
    """First sample, and the one after the last, so many seconds around the beat."""
    fs, center = view.record.fs, view.r_peaks[view.beat]
    return (
        max(int((center - reach) * fs), 0),
        min(int(np.ceil((center + reach) * fs)) + 1, len(view.signal)),
    )


def segment_start(view: View) -> float:
    """Second of the first sample of the beat's segment."""
    return view.beats.centers[view.beat] - view.settings.left / view.beats.fs
