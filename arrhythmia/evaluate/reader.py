"""What a reader's decisions bring: the reference names templates, those first that matter most.

A reader who looks at a record's sheet (``python -m arrhythmia templates``) names one template after
the other. Here the reference annotation is the reader: it names each template by the class that
most of its beats have, and all of them take it. That is optimistic as far as a person would err.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Decision
from arrhythmia.evaluate.scores import score
from arrhythmia.labels import BEAT_CLASSES, GROUPINGS, grouping_numbers
from arrhythmia.naming import Decisions, Named, name_templates

DECISIONS: Final = (0, 1, 3, 6, 12)
"""After so many decisions per record it is scored."""


def read_record_by_reference(beats: Beats, decision: Decision) -> dict[int, np.ndarray]:
    """Confusion matrix of a record after some decisions of a reader.

    Parameters
    ----------
    beats : Beats
        With the symbols of the reference.
    decision : Decision
        What the model says of them.

    Returns
    -------
    dict
        Each of `DECISIONS` to an ndarray of int, shape (4, 4), AAMI classes, reference in rows.
    """
    named = name_templates(beats, decision, Decisions())
    number = grouping_numbers("aami")
    classes = np.array([number[BEAT_CLASSES.index(c)] for c in named.classes])
    known = beats.beat_class >= 0
    truth = number[np.maximum(beats.beat_class, 0)]
    order, matrices = _to_be_named(named, known), {}
    for done in range(max(DECISIONS) + 1):
        if done in DECISIONS:
            matrices[done] = _confusion(truth[known], classes[known])
        if done < len(order):
            members = named.templates[order[done]].beats
            classes[members] = np.bincount(truth[members][known[members]]).argmax()
    return matrices


def _to_be_named(named: Named, known: np.ndarray) -> list[int]:
    """Templates in the order in which a reader is shown them, those without a class left out."""
    return [n for n in named.in_order() if known[named.templates[n].beats].any()]


def _confusion(truth: np.ndarray, classes: np.ndarray) -> np.ndarray:
    size = len(GROUPINGS["aami"])
    return np.bincount(size * truth + classes, minlength=size * size).reshape(size, size)


def reader_curve(records: Iterable[tuple[Beats, Decision]]) -> dict[str, dict]:
    """Scores after some decisions of a reader per record.

    Parameters
    ----------
    records : iterable of (Beats, Decision)
        With the symbols of the reference.

    Returns
    -------
    dict
        Number of decisions, as text, to ``f1`` (of N, S, V, F; None for a class without beats),
        ``mean_f1`` and ``accuracy``.
    """
    size = len(GROUPINGS["aami"])
    total = {done: np.zeros((size, size), dtype=int) for done in DECISIONS}
    for beats, decision in records:
        for done, matrix in read_record_by_reference(beats, decision).items():
            total[done] += matrix
    curve = {}
    for done, matrix in total.items():
        scores = score(matrix, tuple(GROUPINGS["aami"]))
        curve[str(done)] = {
            "f1": [round(float(v), 4) if np.isfinite(v) else None for v in scores.f1],
            "mean_f1": round(scores.mean_f1, 4),
            "accuracy": round(scores.accuracy, 4),
        }
    return curve


def format_reader(curve: dict[str, dict]) -> str:
    """Table of `reader_curve` for the terminal."""
    heads = "".join(f"{c + ' F1':>8}" for c in GROUPINGS["aami"])
    lines = [f"{'decisions a record':>18}{heads} {'mean F1':>8} {'accuracy':>9}"]
    for done, row in curve.items():
        values = "".join(f"{'–' if v is None else format(v, '.3f'):>8}" for v in row["f1"])
        lines.append(f"{done:>18}{values} {row['mean_f1']:8.3f} {row['accuracy']:9.3f}")
    return "\n".join(lines)
