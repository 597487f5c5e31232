"""The beat that is explained: figures of `arrhythmia.explain` with the evidence filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from arrhythmia.app.reading import Reading
from arrhythmia.app.screen import Screen
from arrhythmia.drawing import MV_PER_SECOND
from arrhythmia.explain.explanation import PARTS
from arrhythmia.explain.page_figures import (
    SHOWN_S,
    bars_figure,
    ecg_figure,
    heat_dots,
    heat_scale,
    on_paper,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from arrhythmia.explain.case import Case

PX_PER_SECOND: Final = 160
"""At least, as on the page that ``predict.py`` writes."""
TALLEST_PX, LOWEST_PX = 420, 170
FOR, AGAINST = "#96396f", "#0072b2"
"""Colours of evidence that speaks for the class, and against it …"""
FOR_ON_DARK, AGAINST_ON_DARK = "#e08cbc", "#56b4e9"
"""… on dark ground."""
TEMPLATE_COLOR: Final = "#0072B2"


def heat_figure(reading: Reading, case: Case, screen: Screen) -> Figure:
    """The beat on ECG paper with its evidence, and the record's template beat under it."""
    figure = ecg_figure(case, SHOWN_S)
    evidence = case.explanation
    if case.assessable:
        dots = heat_dots(case)
        place = np.array(dots["place"])
        heat = np.interp(place, np.arange(len(evidence.heat)), evidence.heat)
        order = np.argsort(heat, kind="stable")  # the hottest on top
        figure.data[1].update(
            x=np.array(dots["x"])[order], y=np.array(dots["y"])[order],
            marker={"color": heat[order], "size": 3 + 9 * heat[order] if heat.any() else 0,
                    "opacity": 1, "cmin": 0, "cmax": 1, "colorscale": heat_scale(),
                    "showscale": False, "line": {"width": 0}},
        )  # fmt: skip
    x, y = template_beat(reading, case)
    figure.add_scatter(
        x=x, y=y, mode="lines", name="template beat", hoverinfo="skip",
        line={"color": TEMPLATE_COLOR, "width": 1.5, "dash": "dash"},
    )  # fmt: skip
    margin = figure.layout.margin
    wide = screen.width - margin.l - margin.r
    seconds = min(2 * SHOWN_S, wide / PX_PER_SECOND)
    low, high = figure.layout.yaxis.range
    tall = (high - low) / MV_PER_SECOND * wide / seconds if on_paper(case) else 0.3 * wide
    figure.update_layout(
        height=margin.t + margin.b + float(np.clip(tall, LOWEST_PX, TALLEST_PX)), dragmode=False
    )
    figure.update_xaxes(
        range=[case.seconds - seconds / 2, case.seconds + seconds / 2], fixedrange=True,
        ticklabelstep=5 if seconds > 2.8 else 2,
    )  # fmt: skip
    figure.update_yaxes(scaleanchor=None, scaleratio=None, fixedrange=True)
    return figure


def template_beat(reading: Reading, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The record's template beat in place of this beat: seconds, and the units drawn."""
    beats, segment = case.beats, case.beats.segments[case.beat]
    drawn = reading.segments[case.lead.name][case.beat]
    scale = float(drawn @ segment) / max(float(segment @ segment), 1e-9)
    seconds = case.segment_start + np.arange(len(segment)) / beats.fs
    return seconds.round(4), (beats.template_beat * scale).round(4)


def bars(case: Case, screen: Screen) -> Figure:
    """Evidence of each wave, of the rhythm and of the neighbours, in percent."""
    figure = bars_figure()
    values = np.array([case.explanation.percent[part] for part in PARTS])
    against = values < 0
    pair = (AGAINST_ON_DARK, FOR_ON_DARK) if screen.dark else (AGAINST, FOR)
    colors = np.where(against, *pair)
    figure.data[0].update(
        x=values.round(1), y=list(PARTS), cliponaxis=False, textposition="outside",
        text=[f"{round(v)} %".replace("-", "−") for v in values],
        customdata=[f"{part}: {v:.0f} %" for part, v in zip(PARTS, values, strict=True)],
        textfont={"size": 12, "color": screen.ink},
        marker={
            "color": colors, "line": {"width": 1, "color": colors},
            "pattern": {"shape": np.where(against, "/", "").tolist(), "bgcolor": screen.ground,
                        "size": 5, "solidity": 0.4},
        },
    )  # fmt: skip
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    room = 0.25 * (high - low)
    figure.update_layout(
        paper_bgcolor=screen.ground, plot_bgcolor=screen.ground, font={"color": screen.ink},
        height=330,
    )  # fmt: skip
    figure.update_xaxes(
        range=[low - room if low < -0.5 else 0, high + room],
        gridcolor=screen.paper[2],
        title={"text": "% of what speaks for it", "standoff": 6},
    )
    return figure
