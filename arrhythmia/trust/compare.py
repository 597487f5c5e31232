"""What was compared on DS1: calibrations, scores by which to refer, measures of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.labels import grouped, grouping_numbers
from arrhythmia.predictions import CALIBRATED_COLUMNS, read_sets, truth_and_predicted
from arrhythmia.trust.confidence import LEAST_PROBABILITY, NOT_ASSESSABLE, temperature_scaled
from arrhythmia.trust.fit import (
    fit_lapse,
    fit_temperature,
    negative_log_likelihood,
    record_weights,
    with_lapses,
)
from arrhythmia.trust.measure import coverage_figures, reliability, risk_figures
from arrhythmia.trust.out_of_fold import OutOfFoldBeats
from arrhythmia.trust.sets import SET_GROUPING

UNSURE: Final = "share of beats that the network is unsure of"
"""The measure that is used, see `arrhythmia.trust.unlike`."""


def compare_calibrations(beats: OutOfFoldBeats) -> dict[str, dict[str, float]]:
    """Ways to calibrate, each fitted on all folds but one and measured on that one.

    Temperature scaling supposes that a network is too sure of itself by the same factor
    everywhere, a lapse rate that it is right but for a few beats of which it is certain. The
    first is better for the mean of several networks' scores, the second was for one network.

    Returns
    -------
    dict
        Name to ``ece`` (of the most likely class), ``worst_fold`` (the greatest ``ece`` of the
        folds) and ``negative_log_likelihood`` (of the true classes, a beat).
    """
    known = beats.select((beats.truth >= 0) & (beats.problems == 0))
    unscaled, truth = temperature_scaled(known.probabilities, 1.0), known.truth
    ways = {
        "as the network gives them": (lambda *_: 1.0, temperature_scaled),
        "temperature": (fit_temperature, temperature_scaled),
        "lapse rate": (fit_lapse, with_lapses),
    }
    compared = {}
    for name, (fit, apply) in ways.items():
        calibrated, errors = np.zeros_like(unscaled), []
        for fold in np.unique(known.fold):
            held_out = known.fold == fold
            weights = record_weights(known.record[~held_out])
            parameter = fit(unscaled[~held_out], truth[~held_out], weights)
            calibrated[held_out] = apply(unscaled[held_out], parameter)
            errors.append(_top_class_error(calibrated[held_out], truth[held_out]))
        likelihood = negative_log_likelihood(calibrated, truth, least=LEAST_PROBABILITY)
        values = {"ece": _top_class_error(calibrated, truth), "worst_fold": max(errors)}
        values["negative_log_likelihood"] = likelihood
        compared[name] = {key: round(float(v), 4) for key, v in values.items()}
    return compared


def _top_class_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    return reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)[0]


def compare_scores(beats: OutOfFoldBeats) -> dict[str, float | None]:
    """Scores by which beats could be referred, compared.

    Returns
    -------
    dict
        Name to the error of the surest 95 % of beats relative to that of all.
    """
    known = beats.select(beats.truth >= 0)
    temperature = fit_temperature(known.probabilities, known.truth)
    calibrated = temperature_scaled(known.probabilities, temperature)
    truth = grouping_numbers(SET_GROUPING)[known.truth]
    wrong = grouped(calibrated, SET_GROUPING).argmax(axis=1) != truth
    scores = {
        "1 - greatest probability": 1.0 - calibrated.max(axis=1),
        "entropy": -np.sum(calibrated * np.log(calibrated), axis=1),
        "novelty of the shape": known.novelty,
    }
    return {name: risk_figures(score, wrong)["ratio"] for name, score in scores.items()}


def compare_records(
    record: np.ndarray, measures: dict[str, np.ndarray], outcomes: dict[str, np.ndarray]
) -> dict[str, dict[str, float | None]]:
    """Measures without a reference by which records could be told to be unlike others, compared.

    Parameters
    ----------
    record : ndarray of str, shape (beats,)
    measures : dict
        Name to a value of each beat, ndarray of shape (beats,).
    outcomes : dict
        The same of what is to be foreseen, such as whether the beat is called wrongly; NaN for a
        beat without a reference.

    Returns
    -------
    dict
        Measure to outcome to the rank correlation of their means in a record; None where one of
        them is the same in all records.
    """
    ranks = pd.DataFrame(measures | outcomes).groupby(record).mean().rank().corr()
    return {m: {o: _known(float(ranks.loc[m, o])) for o in outcomes} for m in measures}


def _known(value: float) -> float | None:
    return round(value, 2) if np.isfinite(value) else None


def beats_compared(
    table: pd.DataFrame, novelty: np.ndarray, refer_above: float | np.ndarray
) -> dict[str, dict[str, float | None]]:
    """`compare_records` for a table of predictions.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions with an assessment, see `arrhythmia.predictions.scored_table`, whose sets are
        not widened.
    novelty : ndarray of float, shape (beats,)
        See `arrhythmia.trust.novelty.Novelty.distance`.
    refer_above : float or ndarray of float, shape (beats,)
        See `arrhythmia.trust.confidence.Confidence`.
    """
    score = 1.0 - table[list(CALIBRATED_COLUMNS)].to_numpy().max(axis=1)
    measures = {
        UNSURE: (score > refer_above).astype(float),
        "1 - greatest probability": score,
        "novelty of the shape": novelty,
        "not assessable": table["reason"].str.startswith(NOT_ASSESSABLE).to_numpy(dtype=float),
    }
    known = np.flatnonzero(table["reference"] != "")
    truth, predicted = truth_and_predicted(table.iloc[known], SET_GROUPING)
    held = read_sets(table["set90"].iloc[known])[np.arange(len(known)), truth]
    outcomes = {}
    for name, values in (("wrong", predicted != truth), ("outside the 90 % set", ~held)):
        outcomes[name] = np.full(len(table), np.nan)
        outcomes[name][known] = values
    return compare_records(table["record"].to_numpy(dtype=str), measures, outcomes)


def widening_figures(narrow: pd.DataFrame, wide: pd.DataFrame, unlike: Sequence[str]) -> dict:
    """What widening the sets of some records changes in the 90 % sets.

    Parameters
    ----------
    narrow, wide : pandas.DataFrame
        Predictions with an assessment, before and after.
    unlike : sequence of str
        The records whose sets are widened.

    Returns
    -------
    dict
        ``unlike``: these records; ``before`` and ``after``: ``coverage``, ``classes`` (coverage by
        class) and ``size`` of ``all`` records and of those ``unlike``, and the ``least`` coverage
        of a record.
    """
    figures: dict = {"unlike": list(unlike)}
    for name, table in (("before", narrow), ("after", wide)):
        known = table[table["reference"] != ""]
        truth, _ = truth_and_predicted(known, SET_GROUPING)
        sets, record = read_sets(known["set90"]), known["record"].to_numpy(dtype=str)
        parts: dict = {}
        for part, rows in (("all", np.full(len(known), True)), ("unlike", np.isin(record, unlike))):
            found = coverage_figures(sets[rows], truth[rows], record[rows])
            by_class = {c: values["coverage"] for c, values in found["classes"].items()}
            parts[part] = {k: found[k] for k in ("coverage", "size")} | {"classes": by_class}
            if part == "all":
                parts["least"] = min(one["coverage"] for one in found["records"].values())
        figures[name] = parts
    return figures
