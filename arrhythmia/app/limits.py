"""The limits that a reader turns on the page: its fields, and what is written in them."""

from __future__ import annotations

from typing import Final

from dash import dcc, html

from arrhythmia.limits import RANGES, Limits, read_limit

WORDS: Final = {
    "pause_s": "called a pause from",
    "tachycardia_per_min": "called a tachycardia from",
    "premature": "called early from",
}
"""Field of `Limits` to what stands before it."""
AFTER: Final = {"premature": " of the usual RR"}
"""And what stands after its unit."""


def limit_fields(limits: Limits) -> html.Div:
    """A field for each limit."""
    fields = []
    for name, words in WORDS.items():
        shown = RANGES[name].shown(getattr(limits, name))
        field = dcc.Input(id=f"set-{name}", value=shown, type="text", inputMode="decimal", size="4")
        after = f" {RANGES[name].unit.strip()}{AFTER.get(name, '')}"
        fields.append(html.Label([f"{words} ", field, after]))
    return html.Div(fields, className="form", role="group", **{"aria-label": "limits"})


def limits_in(facts: dict) -> Limits:
    """Limits as they were sent; an empty field stands for the usual one.

    Raises
    ------
    InputError
        If one is no number, or outside its range.
    """
    return Limits(**{name: read_limit(name, facts.get(name)) for name in RANGES})
