"""The sheet of templates: a card for each group of beats, the most uncertain first."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape

import numpy as np
from dash import html

from arrhythmia.app.reading import Reading
from arrhythmia.labels import CLASS_NAMES
from arrhythmia.naming import READER

WIDE, TALL = 180, 62
"""Pixels of the drawing of a mean beat in one lead."""
MOST_LEADS = 2
"""A card draws so many."""
STYLE = """
.p{fill:#fffdfb}.g{stroke:#e6c5bc;stroke-width:.7}.l{fill:none;stroke:#1d1d1d;stroke-width:1.5}
.b{fill:#0072b2;opacity:.22}text{font:9px sans-serif;fill:#444}
@media(prefers-color-scheme:dark){.p{fill:#201c1b}.g{stroke:#574143}.l{stroke:#e8e6e3}
.b{fill:#56b4e9;opacity:.3}text{fill:#bbb}}
"""


def cards(reading: Reading) -> list[html.Li]:
    """Cards of all templates, those first where a decision matters most."""
    limits = {name: _limits(mean) for name, (mean, _) in list(reading.means.items())[:MOST_LEADS]}
    return [_card(reading, number, limits) for number in reading.named.in_order()]


def _card(reading: Reading, number: int, limits: dict[str, tuple[float, float]]) -> html.Li:
    named = reading.named
    template, letter = named.templates[number], named.class_of(number)
    size = len(template)
    sure = (
        "reader"
        if named.by(number) == READER
        else f"{100 * min(named.certainty(number), 0.99):.0f} %"
    )
    timing = f"RR {template.coupling:.2f} then {template.pause:.2f}"
    picture = html.Img(
        src=_address(drawing(reading, number, limits)), width=WIDE, height=TALL * len(limits),
        alt=f"mean beat of template {number}: {CLASS_NAMES[letter]}, {timing} of the usual",
    )  # fmt: skip
    text = [
        html.Span(letter, className=f"badge c-{letter}"),
        html.Span(f" {number} · {size} beat{'s' * (size > 1)} · {sure}"),
        html.Span(timing, className="soft line"),
    ]
    inside = reading.classes_in(number)
    text += [html.Span(inside, className="soft line")] if inside else []
    pick = html.Button(
        [picture, html.Span(text, className="line")], className="pick",
        **{"data-pick": str(number), "data-key": f"{number}-{template.beats[0]}-{size}",
           "aria-pressed": "false"},
    )  # fmt: skip
    show = html.Button(
        "show", className="small",
        **{"data-act": "template", "data-value": str(number),
           "aria-label": f"show the beats of template {number}"},
    )  # fmt: skip
    return html.Li([pick, show], className="card")


def _limits(mean: np.ndarray) -> tuple[float, float]:
    """What the drawings of a lead hold: one artefact would flatten all others."""
    low, high = np.percentile(mean, [0.5, 99.5])
    margin = 0.08 * max(float(high - low), 1e-6)
    return float(low) - margin, float(high) + margin


def drawing(reading: Reading, number: int, limits: dict[str, tuple[float, float]]) -> str:
    """Mean beat of a template and one standard deviation around it, as SVG."""
    height = TALL * len(limits)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {height}" width="{WIDE}" '
        f'height="{height}"><style>{STYLE}</style><rect class="p" width="100%" height="100%"/>'
    ]
    settings = reading.analysis.settings
    per_second = WIDE / (settings.length / settings.fs)
    first = settings.before % 0.2
    for x in np.arange(first, settings.length / settings.fs, 0.2) * per_second:
        parts.append(f'<path class="g" d="M{x:.1f} 0V{height}"/>')
    for row, (name, (low, high)) in enumerate(limits.items()):
        mean, spread = (values[number - 1] for values in reading.means[name])
        parts += _lead(name, mean, spread, (low, high), TALL * row)
    return "".join([*parts, "</svg>"])


def _lead(
    name: str, mean: np.ndarray, spread: np.ndarray, limits: tuple[float, float], top: int
) -> Iterator[str]:
    low, high = limits
    x = np.linspace(0, WIDE, len(mean))

    def path(values: np.ndarray, order: slice = slice(None)) -> str:
        y = top + TALL * np.clip((high - values) / (high - low), 0, 1)
        return "L".join(
            f"{a:.1f} {b:.1f}" for a, b in zip(x[order], y[order], strict=True)
        )  # fmt: skip

    back = slice(None, None, -1)
    yield f'<path class="b" d="M{path(mean + spread)}L{path(mean - spread, back)}Z"/>'
    yield f'<path class="l" d="M{path(mean)}"/>'
    yield f'<text x="3" y="{top + 10}">{escape(name)}</text>'


def _address(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8", "replace")).decode()
