"""The table of `studies.faithfulness` for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

COLUMNS: Final = {
    "deletion": "deletion, relative",
    "insertion": "insertion, relative",
    "redrawn": "randomised",
    "|redrawn|": "randomised, absolute",
    "noise": "noise",
    "shift": "one sample later",
    "sensitivity": "sensitivity",
    "gap": "completeness gap",
    "Gini": "sparseness",
    "QRS of V": "QRS of V",
    "P, rhythm of S": "P and rhythm of S",
}
"""Heads of the table, and the figures below them."""

IN_PERCENT: Final = ("QRS of V", "P, rhythm of S")
LEGEND: Final = """\
deletion, insertion: area under the probability of the class, relative to random order
(deletion: smaller is better; insertion: larger). redrawn: rank correlation with the
explanation of a network with re-drawn weights (0 is best); noise, shift: with that of
the same beat, a little disturbed (1 is best). sensitivity: greatest change for a hardly
changed beat, relative to the evidence (0 is best); gap: how far the evidence is from summing
to the difference of log odds, relative to it (0 is best); Gini: 0 where all units bear the same
evidence, near 1 where one bears all."""


def format_faithfulness(results: dict) -> str:
    """Tables of both halves.

    Parameters
    ----------
    results : dict
        As `studies.faithfulness.run_faithfulness` gives it.
    """
    halves = [line for half in ("DS1", "DS2") for line in _half(half, results[half])]
    return "\n".join([*halves, LEGEND])


def _half(half: str, figures: dict) -> list[str]:
    methods = figures["methods"]
    called = {c: n for c, n in figures["beats"].items() if n}
    beats = ", ".join(f"{n} {c}" for c, n in called.items())
    lines = [f"{half}: {sum(called.values())} beats, called {beats}", _row("", COLUMNS, 15)]
    for method, of_method in methods.items():
        cells = [_cell(head, of_method.get(key)) for head, key in COLUMNS.items()]
        lines.append(_row(method, cells, 15))
    lines += ["", _row("deletion, if called", called, 10)]
    for method, of_method in methods.items():
        by_class = of_method["deletion, relative, by class"]
        lines.append(_row(method, [f"{by_class[c]:.2f}" for c in called], 10))
    lines += ["", "agreement: rank correlation with the methods above, in the same order"]
    for place, (method, values) in enumerate(zip(methods, figures["agreement"], strict=True)):
        lines.append(_row(method, [f"{v:.2f}" for v in values[:place]], 10))
    return [*lines, ""]


def _row(head: str, cells: Iterable[str], width: int) -> str:
    return f"{head:22}" + "".join(f"{cell:>{width}}" for cell in cells)


def _cell(head: str, figure: float | None) -> str:
    if figure is None:
        return "–"
    if head == "sensitivity":  # which is small
        return f"{figure:.3f}"
    return f"{figure:.0f} %" if head in IN_PERCENT else f"{figure:.2f}"
