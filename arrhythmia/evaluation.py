"""Scores of predictions, class by class, with intervals from resampling records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from arrhythmia.beats import reference_beats
from arrhythmia.classifier import Classifier
from arrhythmia.labels import (
    BEAT_CLASSES,
    GROUPING_NAMES,
    GROUPINGS,
    REFERENCE_RECORDS,
    SYMBOL_CLASS,
    grouped,
    grouping_numbers,
)
from arrhythmia.records import Record

if TYPE_CHECKING:
    from arrhythmia.confidence import Confidence

RESAMPLES = 2000
PROBABILITY_COLUMNS = tuple(f"p_{c}" for c in BEAT_CLASSES)


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
        NaN where the class has no beat; a class never predicted has +P and F1 0.
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
    """Se, +P and F1 by class from a confusion matrix (EC57's definitions)."""
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


def truth_and_found(known: pd.DataFrame, grouping: str) -> tuple[np.ndarray, np.ndarray]:
    """Reference and predicted class of beats, as places in a grouping.

    Parameters
    ----------
    known : pandas.DataFrame
        Rows of `predict_records` that have a reference class.
    grouping : str
        A key of `arrhythmia.labels.GROUPINGS`.

    Returns
    -------
    truth, found : ndarray of int, shape (beats,)
    """
    truth = grouping_numbers(grouping)[[BEAT_CLASSES.index(c) for c in known["reference"]]]
    return truth, grouped(known[list(PROBABILITY_COLUMNS)].to_numpy(), grouping).argmax(axis=1)


def confusion_matrices(table: pd.DataFrame, grouping: str) -> dict[str, np.ndarray]:
    """Confusion matrix of every record.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions, as `predict_records` gives them. Beats without a class are left out.
    grouping : str
        A key of `arrhythmia.labels.GROUPINGS`.

    Returns
    -------
    dict
        Record name to an ndarray of int, shape (classes, classes).
    """
    size = len(GROUPINGS[grouping])
    known = table[table["reference"] != ""]
    truth, found = truth_and_found(known, grouping)
    matrices = {}
    for name in table["record"].unique():
        here = (known["record"] == name).to_numpy()
        cells = np.bincount(truth[here] * size + found[here], minlength=size * size)
        matrices[str(name)] = cells.reshape(size, size)
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
        ``"accuracy"``, ``"mean_f1"`` and each class's F1 to the limits of the interval.
        A resample without beats of a class does not count for that class.
    """
    stack = np.stack(list(matrices.values()))
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(stack), size=(RESAMPLES, len(stack)))
    found = [score(stack[d].sum(axis=0), classes) for d in draws]
    values = {"accuracy": [s.accuracy for s in found], "mean_f1": [s.mean_f1 for s in found]}
    for i, c in enumerate(classes):
        values[c] = [s.f1[i] for s in found]
    return {
        name: [round(float(q), 4) for q in np.nanpercentile(v, [2.5, 97.5])]
        if np.isfinite(v).any()
        else []
        for name, v in values.items()
    }


def predict_records(
    classifier: Classifier, records: list[Record], confidence: Confidence | None = None
) -> pd.DataFrame:
    """Classify every reference beat of annotated records.

    Parameters
    ----------
    classifier : Classifier
        Trained.
    records : list of Record
        With reference annotation.
    confidence : Confidence, optional
        Of the same model: adds what `arrhythmia.reliability.confidence_columns` gives.

    Returns
    -------
    pandas.DataFrame
        A row a beat: ``record``, ``sample``, ``symbol``, ``reference`` (beat class, empty for
        a beat without one), ``predicted``, and a probability for each class (``p_N`` …).

    Raises
    ------
    InputError
        If a record has no reference annotation.
    """
    tables = []
    for record in records:
        sample, symbol = reference_beats(record)
        beats = classifier.find_beats(record)
        probabilities = classifier.probabilities(beats)
        table = prediction_table(record.name, sample, symbol, probabilities)
        if confidence is not None:
            from arrhythmia.reliability import confidence_columns

            found = confidence.assess(classifier, record, beats, probabilities=probabilities)
            table = pd.concat([table, confidence_columns(found)], axis=1)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def prediction_table(
    record: str, sample: np.ndarray, symbol: np.ndarray, probabilities: np.ndarray
) -> pd.DataFrame:
    """Rows of `predict_records` for one record, probabilities rounded to four places."""
    table = pd.DataFrame(
        {
            "record": record,
            "sample": sample,
            "symbol": symbol,
            "reference": [SYMBOL_CLASS.get(s, "") for s in symbol],
            "predicted": np.array(BEAT_CLASSES)[probabilities.argmax(axis=1)],
        }
    )
    table[list(PROBABILITY_COLUMNS)] = np.round(probabilities, 4)
    return table


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read a table that `predict_records` made and ``evaluate`` wrote."""
    return pd.read_csv(path, dtype={"record": str}, keep_default_na=False)


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
        For each grouping ``classes``, ``confusion``, ``sensitivity``, ``ppv``, ``f1``,
        ``support``, ``accuracy``, ``mean_f1`` and ``intervals``; S without record 232 and F
        without record 213 of the AAMI grouping; and the four classes of
        `arrhythmia.labels.REFERENCE_RECORDS`.
    """
    figures: dict = {"records": sorted(map(str, table["record"].unique())), "beats": len(table)}
    for grouping in GROUPINGS:
        matrices = confusion_matrices(table, grouping)
        classes = tuple(GROUPINGS[grouping])
        figures[grouping] = _as_dict(score(sum(matrices.values()), classes))
        if with_intervals and len(matrices) > 1:
            figures[grouping]["intervals_95"] = intervals(matrices, classes)
    aami = confusion_matrices(table, "aami")
    classes = tuple(GROUPINGS["aami"])
    for name, without in (("S", "232"), ("F", "213")):
        if without in aami and len(aami) > 1:
            rest = score(sum(m for r, m in aami.items() if r != without), classes)
            i = classes.index(name)
            figures[f"{name}_without_{without}"] = {
                key: _rounded(getattr(rest, key)[i]) for key in ("sensitivity", "ppv", "f1")
            } | {"support": int(rest.support[i])}
    if set(REFERENCE_RECORDS) <= set(figures["records"]):
        part = confusion_matrices(table[table["record"].isin(REFERENCE_RECORDS)], "four")
        figures["reference_records"] = {"records": list(REFERENCE_RECORDS)} | _as_dict(
            score(sum(part.values()), tuple(GROUPINGS["four"]))
        )
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
    lines = [title, f"{'class':>9} {'Se':>7} {'+P':>7} {'F1':>7}   {'95 %':^13} {'beats':>7}"]
    for i, c in enumerate(figures["classes"]):
        values = [figures[key][i] for key in ("sensitivity", "ppv", "f1")]
        shown = " ".join(f"{'–' if v is None else format(v, '.3f'):>7}" for v in values)
        lines.append(f"{c:>9} {shown}   {_limits(limits.get(c)):13} {figures['support'][i]:7d}")
    for key, name in (("mean_f1", "mean F1"), ("accuracy", "accuracy")):
        value = "–" if figures[key] is None else f"{figures[key]:.3f}"
        lines.append(f"{name:>9} {'':15} {value:>7}   {_limits(limits.get(key)):13}")
    return "\n".join(lines)


def _limits(pair: list[float] | None) -> str:
    return f"{pair[0]:.3f} – {pair[1]:.3f}" if pair else ""


def format_summary(figures: dict) -> str:
    """All tables of `summary` for the terminal."""
    parts = [format_table(figures[g], f"{GROUPING_NAMES[g]}:") for g in GROUPINGS]
    extra = []
    for key, text in (
        ("S_without_232", "S without record 232"),
        ("F_without_213", "F without record 213"),
    ):
        if figures.get(key, {}).get("support"):
            v = figures[key]
            extra.append(
                f"{text}: Se {v['sensitivity']:.3f}  +P {v['ppv']:.3f}  F1 {v['f1']:.3f}  "
                f"({v['support']} beats)"
            )
    if extra:
        parts.append("\n".join(extra))
    if "reference_records" in figures:
        part = figures["reference_records"]
        names = ", ".join(part["records"])
        parts.append(format_table(part, f"four classes, records {names} alone:"))
    return "\n\n".join(parts)
