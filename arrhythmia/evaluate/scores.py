"""Scores of predictions, class by class, with intervals from resampling records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier, Decision
from arrhythmia.labels import GROUPING_NAMES, GROUPINGS
from arrhythmia.mitdb import FIVE_RECORDS
from arrhythmia.predictions import Assessment, scored_table, truth_and_predicted
from arrhythmia.records import Record

RESAMPLES: Final = 2000
"""Of whole records, for the intervals."""

MOST_OF_A_CLASS: Final = (("S", "232"), ("F", "213"))
"""Class of the AAMI grouping and the record of DS2 that holds most of its beats; the class is also
scored without this record."""


@dataclass(frozen=True)
class Scores:
    """Figures of one grouping.

    Parameters
    ----------
    classes : tuple of str
        Rows and columns of ``confusion``.
    confusion : ndarray of int, shape (classes, classes)
        Beats by reference class (row) and predicted class (column).
    sensitivity, ppv, f1 : ndarray, shape (classes,)
        NaN where the class has no beat; a class that is never predicted has +P and F1 0.
    support : ndarray of int, shape (classes,)
        Reference beats.
    accuracy, mean_f1 : float
        The mean is over classes that have beats.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray
    sensitivity: np.ndarray
    ppv: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    accuracy: float
    mean_f1: float


def score(confusion: np.ndarray, classes: tuple[str, ...]) -> Scores:
    """Sensitivity, +P and F1 of each class (definitions of AAMI EC57).

    Parameters
    ----------
    confusion : ndarray of int, shape (classes, classes)
        Beats by reference class (row) and predicted class (column).
    classes : tuple of str
        Its rows.

    Returns
    -------
    Scores
    """
    # From the matrix: scikit-learn wants the beats, which is too slow for `RESAMPLES`.
    hits = confusion.diagonal().astype(float)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    sensitivity = np.where(support > 0, hits / np.maximum(support, 1), np.nan)
    ppv = np.where(support > 0, hits / np.maximum(predicted, 1), np.nan)
    f1 = np.where(support > 0, 2 * hits / np.maximum(support + predicted, 1), np.nan)
    return Scores(
        classes, confusion, sensitivity, ppv, f1, support,
        accuracy=float(hits.sum() / confusion.sum()) if support.any() else float("nan"),
        mean_f1=float(np.nanmean(f1)) if support.any() else float("nan"),
    )  # fmt: skip


def confusion_matrices(table: pd.DataFrame, grouping: str) -> dict[str, np.ndarray]:
    """Confusion matrix of every record.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions, see `arrhythmia.predictions.scored_table`. Beats without a reference class
        are left out.
    grouping : str
        A key of `arrhythmia.labels.GROUPINGS`.

    Returns
    -------
    dict
        Record name to an ndarray of int, shape (classes, classes), with the reference in rows.
    """
    known = table[table["reference"] != ""]
    truth, predicted = truth_and_predicted(known, grouping)
    size = len(GROUPINGS[grouping])
    matrices = {}
    for name in table["record"].unique():
        rows = (known["record"] == name).to_numpy()
        matrix = np.zeros((size, size), dtype=int)  # scikit-learn refuses a record without beats
        np.add.at(matrix, (truth[rows], predicted[rows]), 1)
        matrices[str(name)] = matrix
    return matrices


def intervals(
    matrices: dict[str, np.ndarray], classes: tuple[str, ...], seed: int = 0
) -> dict[str, list[float]]:
    """95 % intervals from resampling whole records with replacement.

    Parameters
    ----------
    matrices : dict
        Record name to confusion matrix.
    classes : tuple of str
        Its rows.
    seed : int
        Of the resampling.

    Returns
    -------
    dict
        ``"accuracy"``, ``"mean_f1"`` and each class's F1 to the limits of the interval; an empty
        list for a class without beats. A resample without beats of a class does not count for
        that class.
    """
    stack = np.stack(list(matrices.values()))
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(stack), size=(RESAMPLES, len(stack)))
    resampled = [score(stack[d].sum(axis=0), classes) for d in draws]
    values = {name: [getattr(s, name) for s in resampled] for name in ("accuracy", "mean_f1")}
    values |= {c: [s.f1[i] for s in resampled] for i, c in enumerate(classes)}
    return {
        name: [round(float(q), 4) for q in np.nanpercentile(v, [2.5, 97.5])]
        if np.isfinite(v).any()
        else []
        for name, v in values.items()
    }


def average_f1(matrices: dict[str, np.ndarray], classes: tuple[str, ...]) -> list[float | None]:
    """Mean over records of each class's F1: EC57's average, in which every patient counts alike.

    Records without beats of a class do not count for it; None for a class without beats.
    """
    by_record = np.array([score(matrix, classes).f1 for matrix in matrices.values()])
    held = np.isfinite(by_record)
    sums = np.where(held, by_record, 0.0).sum(axis=0)
    counts = held.sum(axis=0)
    return [_rounded(s / n) if n else None for s, n in zip(sums, counts, strict=True)]


def decide_reference_beats(
    classifier: Classifier, record: Record
) -> tuple[Record, Beats, Decision]:
    """Classify the beats that the reference annotation marks.

    Raises
    ------
    InputError
        If the record has no reference annotation.
    """
    beats = classifier.find_beats(record, source="atr")
    return record, beats, classifier.decide(beats)


def decisions_table(
    decided: Iterable[tuple[Record, Beats, Decision]],
    assess: Callable[..., Assessment] | None = None,
) -> pd.DataFrame:
    """Table of every reference beat of annotated records.

    Parameters
    ----------
    decided : iterable of (Record, Beats, Decision)
        As `decide_reference_beats` gives them.
    assess : callable, optional
        Of record, beats and ``probabilities``: adds the columns of
        `arrhythmia.predictions.confidence_columns`.

    Returns
    -------
    pandas.DataFrame
        See `arrhythmia.predictions.scored_table`.
    """
    tables = []
    for record, beats, decision in decided:
        probabilities = decision.probabilities
        judged = None if assess is None else assess(record, beats, probabilities=probabilities)
        tables.append(scored_table(beats, probabilities, judged))
    return pd.concat(tables, ignore_index=True)


def summary(table: pd.DataFrame, with_intervals: bool = True) -> dict:
    """All figures that ``metrics.json`` holds.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions of DS2, or of any other records.
    with_intervals : bool
        Also resample records.

    Returns
    -------
    dict
        ``records`` and ``beats``; for each grouping ``classes``, ``confusion``, ``sensitivity``,
        ``ppv``, ``f1``, ``support``, ``accuracy``, ``mean_f1``, ``average_f1`` (see `average_f1`)
        and ``intervals_95``;
        ``S_without_232`` and ``F_without_213``, see `MOST_OF_A_CLASS`, with ``interval_95``; and
        ``reference_records``, the four classes of `arrhythmia.mitdb.FIVE_RECORDS` alone.
    """
    figures: dict = {"records": sorted(map(str, table["record"].unique())), "beats": len(table)}
    matrices = {grouping: confusion_matrices(table, grouping) for grouping in GROUPINGS}
    for grouping, by_record in matrices.items():
        classes = tuple(GROUPINGS[grouping])
        figures[grouping] = _as_dict(score(sum(by_record.values()), classes))
        figures[grouping]["average_f1"] = average_f1(by_record, classes)
        if with_intervals and len(by_record) > 1:
            figures[grouping]["intervals_95"] = intervals(by_record, classes)
    classes = tuple(GROUPINGS["aami"])
    for name, record in MOST_OF_A_CLASS:
        others = {r: matrix for r, matrix in matrices["aami"].items() if r != record}
        if 0 < len(others) < len(matrices["aami"]):
            rest, place = score(sum(others.values()), classes), classes.index(name)
            values = {k: _rounded(getattr(rest, k)[place]) for k in ("sensitivity", "ppv", "f1")}
            figures[f"{name}_without_{record}"] = values | {"support": int(rest.support[place])}
            if with_intervals and len(others) > 1:
                figures[f"{name}_without_{record}"]["interval_95"] = intervals(others, classes)[
                    name
                ]
    if set(FIVE_RECORDS) <= set(figures["records"]):
        five = sum(matrices["four"][record] for record in FIVE_RECORDS)
        scores = _as_dict(score(five, tuple(GROUPINGS["four"])))
        figures["reference_records"] = {"records": list(FIVE_RECORDS)} | scores
    return figures


def _as_dict(scores: Scores) -> dict:
    return {
        "classes": list(scores.classes),
        "support": scores.support.tolist(),
        "sensitivity": [_rounded(v) for v in scores.sensitivity],
        "ppv": [_rounded(v) for v in scores.ppv],
        "f1": [_rounded(v) for v in scores.f1],
        "accuracy": _rounded(scores.accuracy),
        "mean_f1": _rounded(scores.mean_f1),
        "confusion": scores.confusion.tolist(),
    }


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def format_table(figures: dict, title: str) -> str:
    """Table of one grouping, class by class, for the terminal.

    Parameters
    ----------
    figures : dict
        One grouping's part of `summary`.
    title : str
        Its first line.
    """
    limits = figures.get("intervals_95", {})
    averages = figures.get("average_f1") or [None] * len(figures["classes"])
    heads = f"{'class':>9} {'Se':>7} {'+P':>7} {'F1':>7}   {'95 %':^13} {'average':>7} {'beats':>7}"
    lines = [title, heads]
    for i, c in enumerate(figures["classes"]):
        values = [figures[key][i] for key in ("sensitivity", "ppv", "f1")]
        shown = " ".join(map(_shown, values))
        average = _shown(averages[i])
        lines.append(
            f"{c:>9} {shown}   {_limits(limits.get(c)):13} {average} {figures['support'][i]:7d}"
        )
    for key, name in (("mean_f1", "mean F1"), ("accuracy", "accuracy")):
        value = "–" if figures[key] is None else f"{figures[key]:.3f}"
        lines.append(f"{name:>9} {'':15} {value:>7}   {_limits(limits.get(key)):13}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return f"{'–' if value is None else format(value, '.3f'):>7}"


def _limits(pair: list[float] | None) -> str:
    return f"{pair[0]:.3f} – {pair[1]:.3f}" if pair else ""


def format_summary(figures: dict) -> str:
    """All tables of `summary` for the terminal."""
    parts = [format_table(figures[g], f"{GROUPING_NAMES[g]}:") for g in GROUPINGS]
    lines = []
    for name, record in MOST_OF_A_CLASS:
        rest = figures.get(f"{name}_without_{record}", {})
        if rest.get("support"):
            lines.append(
                f"{name} without record {record}: Se {rest['sensitivity']:.3f}  "
                f"+P {rest['ppv']:.3f}  F1 {rest['f1']:.3f}  ({rest['support']} beats)"
                f"  {_limits(rest.get('interval_95'))}".rstrip()
            )
    if lines:
        parts.append("\n".join(lines))
    if "reference_records" in figures:
        five = figures["reference_records"]
        names = ", ".join(five["records"])
        parts.append(format_table(five, f"four classes, records {names} alone:"))
    return "\n\n".join(parts)
