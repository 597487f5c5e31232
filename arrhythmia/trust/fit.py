"""What is fitted to predictions: calibration, thresholds of prediction sets, novelty.

Arrays only. Which of these is used, and where the predictions come from, is in
`arrhythmia.trust.calibrate`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.optimize import minimize_scalar

from arrhythmia.trust.confidence import LEVELS, Novelty, temperature_scaled

LEAST_RECORDS: Final = 5
"""A class that fewer records hold is in every set: nothing can be promised about it."""

ROWS_PER_RECORD: Final = 50
"""Quantiles by which the scores of a record with one beat are represented."""

MISCALLED: Final = 0.6
"""Share of the beats of a class that are called something else, whose wide set is to hold it. The
greatest tenth at which mean size grows by no more than .02, on DS1 by folds and svdb 800 to 855."""

SHRINKAGE: Final = 1e-3
"""Added to the diagonal of the covariance, as a share of its mean: some features never vary."""

TEMPERATURES: Final = (0.2, 5.0)
LAPSE_RATES: Final = (0.0, 0.5)
"""Limits of what is searched."""


def record_weights(record: np.ndarray) -> np.ndarray:
    """Weights of beats with which all records weigh the same.

    Parameters
    ----------
    record : ndarray of str, shape (beats,)

    Returns
    -------
    ndarray of float, shape (beats,)
        They sum to 1.
    """
    _, place, beats = np.unique(record, return_inverse=True, return_counts=True)
    return 1.0 / (beats[place] * len(beats))


def with_lapses(probabilities: np.ndarray, lapse_rate: float) -> np.ndarray:
    """Mix probabilities with equal ones.

    A network that is sure of itself can still be wrong about a new patient. At the lapse rate its
    output says nothing, and all classes are equally likely (the lapse rate of psychometric
    functions: Wichmann & Hill, Percept. Psychophys. 63 (2001) 1293-1313). This changes neither
    which class is likelier than another, nor which beat of a class is.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
        NaN rows stay NaN.
    lapse_rate : float
        From 0 to 1; see `arrhythmia.trust.calibrate.compare_calibrations` for why it is not used.

    Returns
    -------
    ndarray of float, shape (beats, classes)
        Rows sum to 1, those of rounded probabilities too.
    """
    mixed = (1.0 - lapse_rate) * probabilities + lapse_rate / probabilities.shape[1]
    return mixed / mixed.sum(axis=1, keepdims=True)


def negative_log_likelihood(
    probabilities: np.ndarray,
    truth: np.ndarray,
    weights: np.ndarray | None = None,
    least: float = 1e-12,
) -> float:
    """Mean negative logarithm of the true classes' probabilities.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
    truth : ndarray of int, shape (beats,)
        Places of the true classes.
    weights : ndarray of float, shape (beats,), optional
        By default all the same.
    least : float
        Smaller probabilities count as this.
    """
    given = np.maximum(probabilities[np.arange(len(truth)), truth], least)
    return -float(np.average(np.log(given), weights=weights))


def fit_temperature(
    probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Temperature of the least negative log-likelihood.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
    truth : ndarray of int, shape (beats,)
        Places of the true classes.
    weights : ndarray of float, shape (beats,), optional
        By default all the same.

    Returns
    -------
    float
        Within `TEMPERATURES`; see `arrhythmia.trust.confidence.temperature_scaled`.
    """

    def scaled(log_temperature: float) -> np.ndarray:
        return temperature_scaled(probabilities, np.exp(log_temperature))

    limits = (np.log(TEMPERATURES[0]), np.log(TEMPERATURES[1]))
    return float(np.exp(_likeliest(scaled, limits, truth, weights)))


def fit_lapse(
    probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Lapse rate of the least negative log-likelihood.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
    truth : ndarray of int, shape (beats,)
        Places of the true classes.
    weights : ndarray of float, shape (beats,), optional
        By default all the same.

    Returns
    -------
    float
        Within `LAPSE_RATES`; see `with_lapses`.
    """
    return _likeliest(lambda rate: with_lapses(probabilities, rate), LAPSE_RATES, truth, weights)


def _likeliest(
    calibrated: Callable[[float], np.ndarray],
    limits: tuple[float, float],
    truth: np.ndarray,
    weights: np.ndarray | None,
) -> float:
    """Parameter of a calibration at which the true classes are likeliest."""

    def loss(parameter: float) -> float:
        return negative_log_likelihood(calibrated(parameter), truth, weights)

    return float(minimize_scalar(loss, bounds=limits, method="bounded").x)


class _Given:
    """Probabilities themselves as the estimator that ``mapie`` asks for."""

    _estimator_type = "classifier"

    def __init__(self, classes: int) -> None:
        self.classes_ = np.arange(classes)

    def fit(self, *_: object) -> _Given:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities

    def predict(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities.argmax(axis=1)


def fit_thresholds(
    scores: np.ndarray, truth: np.ndarray, record: np.ndarray
) -> dict[int, np.ndarray]:
    """From which score on a class is in a prediction set, class by class.

    Split conformal sets by ``mapie``, conditional on the class (Vovk, Lindsay, Nouretdinov &
    Gammerman, 2003, "Mondrian"). The class called is in every set, so sets hold the true class at
    least as often as the class called is right. For new patients the records' distributions are
    pooled (Dunn, Wasserman & Ramdas, J. Am. Stat. Assoc. 118 (2023) 2491-2502, "pooling CDFs"),
    each with the square root of its beats as weight: between a weight for each patient, where a
    patient with one S decides as much as one with hundreds, and one for each beat, where the
    latter decides alone.

    So coverage holds on average, as far as so few patients can tell. A guarantee for any
    distribution (a further record of infinite score; Lee, Barber & Willett, arXiv:2306.06342)
    needs 9 records with the class at 90 % and 19 at 95 %.

    Parameters
    ----------
    scores : ndarray, shape (beats, classes)
        See `arrhythmia.trust.sets.set_scores`.
    truth : ndarray of int, shape (beats,)
        Places of the true classes.
    record : ndarray of str, shape (beats,)

    Returns
    -------
    dict
        Level (90, 95) to an ndarray of shape (classes,); 0, which lets the class into every
        set, where fewer than `LEAST_RECORDS` records hold it.
    """
    from mapie.classification import SplitConformalClassifier
    from mapie.conformity_scores import LACConformityScore

    thresholds = {level: np.zeros(scores.shape[1]) for level in LEVELS}
    for place in range(scores.shape[1]):
        of_class = truth == place
        if len(np.unique(record[of_class])) < LEAST_RECORDS:
            continue
        rows = _even_rows(scores[of_class, place], record[of_class])
        of_rows = scores[of_class, place][rows]
        given = np.stack([of_rows, 1 - of_rows], axis=1)  # mapie asks for rows that sum to 1
        score = LACConformityScore()
        sets = SplitConformalClassifier(_Given(2), [level / 100 for level in LEVELS], score)
        with warnings.catch_warnings():  # that there is one class only, which is intended
            warnings.filterwarnings("ignore", "WARNING: your conformalization", UserWarning)
            sets.conformalize(given, np.zeros(len(given), dtype=int)).predict_set(given[:1])
        for level, quantile in zip(LEVELS, np.ravel(score.quantiles_), strict=True):
            thresholds[level][place] = max(1.0 - float(quantile), 0.0)
    return thresholds


def fit_wide_thresholds(
    scores: np.ndarray, truth: np.ndarray, record: np.ndarray, thresholds: dict[int, np.ndarray]
) -> dict[int, np.ndarray]:
    """Thresholds for a recording in which the class called is wrong more often than elsewhere.

    Those of `fit_thresholds` rest on all beats of a class; where most are called rightly, hardly
    any of the others' sets hold it. These rest on the beats of the class that are called
    something else: a class is in the set from where `MISCALLED` of their sets hold it. Records are
    pooled in the same way.

    Parameters
    ----------
    scores, truth, record
        As `fit_thresholds` takes them.
    thresholds : dict
        As `fit_thresholds` gives them; none of the wide ones is greater.

    Returns
    -------
    dict
        Level to an ndarray of shape (classes,).
    """
    wide = np.ones(scores.shape[1])
    called = scores[np.arange(len(truth)), truth] >= 1
    for place in range(scores.shape[1]):
        chosen = ~called & (truth == place)
        if len(np.unique(record[chosen])) >= LEAST_RECORDS:
            of_rows = scores[chosen, place][_even_rows(scores[chosen, place], record[chosen])]
            wide[place] = np.quantile(of_rows, 1 - MISCALLED, method="lower")
    return {level: np.minimum(row, wide) for level, row in thresholds.items()}


def _even_rows(scores: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Rows that stand for each record's distribution, as many as the root of its beats."""
    rows = []
    for name in np.unique(record):
        of_record = np.flatnonzero(record == name)
        ordered = of_record[np.argsort(scores[of_record], kind="stable")]
        count = round(ROWS_PER_RECORD * np.sqrt(len(ordered)))
        steps = (np.arange(count) + 0.5) / count * len(ordered)
        rows.append(ordered[steps.astype(int)])
    return np.concatenate(rows)


def fit_novelty(features: np.ndarray, truth: np.ndarray, limit: float = np.inf) -> Novelty:
    """Means of the classes and the covariance within them, over training beats.

    Parameters
    ----------
    features : ndarray, shape (beats, features)
        See `arrhythmia.trust.confidence.shape_features`.
    truth : ndarray of int, shape (beats,)
        Places of the classes; -1 for a beat without a class, which is left out.
    limit : float
        See `arrhythmia.trust.confidence.Novelty`.

    Returns
    -------
    Novelty
    """
    features, truth = features[truth >= 0].astype(float), truth[truth >= 0]
    classes, place = np.unique(truth, return_inverse=True)
    means = np.stack([features[truth == c].mean(axis=0) for c in classes])
    apart = features - means[place]
    covariance = apart.T @ apart / len(apart)
    width = len(covariance)
    covariance += SHRINKAGE * max(np.trace(covariance) / width, 1e-12) * np.eye(width)
    return Novelty(means, np.linalg.inv(covariance), limit)
