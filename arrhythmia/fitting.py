"""What is fitted to predictions: calibration, prediction sets, novelty. Arrays only.

The choice between them, and where the predictions come from, is in `arrhythmia.calibration`.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.optimize import minimize_scalar

from arrhythmia.confidence import LEVELS, Novelty, tempered

LEAST_RECORDS = 5
"""A class that fewer records hold is in every set: nothing can be promised about it."""
ROWS_PER_RECORD = 1000
SHRINKAGE = 1e-3
"""Added to the diagonal of the covariance, as a share of its mean: features may be idle."""


def record_weights(record: np.ndarray) -> np.ndarray:
    """Weights of beats with which all records weigh the same; they sum to 1."""
    _, place, beats = np.unique(record, return_inverse=True, return_counts=True)
    return 1.0 / (beats[place] * len(beats))


def softened(probabilities: np.ndarray, lapse: float) -> np.ndarray:
    """Mix probabilities with what one would say who knows nothing.

    However sure the network is, for a new patient it is sometimes simply wrong: with the chance
    ``lapse`` its word counts for nothing, and all classes are alike (the lapse rate of
    psychometric functions: Wichmann & Hill, Percept. Psychophys. 63 (2001) 1293-1313). This
    never changes which class is likelier than another, nor which beat of a class is.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
        NaN rows stay NaN.
    lapse : float
        From 0 to 1; see `arrhythmia.calibration.compare_calibrations` for why it is not used.

    Returns
    -------
    ndarray of float, shape (beats, classes)
    """
    mixed = (1.0 - lapse) * probabilities + lapse / probabilities.shape[1]
    return mixed / mixed.sum(axis=1, keepdims=True)  # of rounded ones, too, the sum is 1


def fit_temperature(
    probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Temperature at which probabilities are likeliest to give the true classes.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
    truth : ndarray of int, shape (beats,)
    weights : ndarray of float, shape (beats,), optional
        By default all the same.

    Returns
    -------
    float
        Between 0.2 and 5; see `arrhythmia.confidence.tempered`.
    """
    rows = np.arange(len(truth))

    def surprise(log_temperature: float) -> float:
        given = tempered(probabilities, np.exp(log_temperature))[rows, truth]
        return -float(np.average(np.log(np.maximum(given, 1e-12)), weights=weights))

    limits = (np.log(0.2), np.log(5.0))
    return float(np.exp(minimize_scalar(surprise, bounds=limits, method="bounded").x))


def fit_lapse(
    probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Lapse rate at which probabilities are likeliest to give the true classes.

    Parameters
    ----------
    probabilities, truth, weights
        As for `fit_temperature`.

    Returns
    -------
    float
        Up to 0.5; see `softened`.
    """
    rows = np.arange(len(truth))

    def surprise(lapse: float) -> float:
        given = softened(probabilities, lapse)[rows, truth]
        return -float(np.average(np.log(np.maximum(given, 1e-12)), weights=weights))

    return float(minimize_scalar(surprise, bounds=(0.0, 0.5), method="bounded").x)


class _Given:
    """Probabilities themselves as the estimator that ``mapie`` asks for."""

    _estimator_type = "classifier"

    def __init__(self, classes: int) -> None:
        self.classes_ = np.arange(classes)

    def fit(self, *_: object) -> _Given:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, given: np.ndarray) -> np.ndarray:
        return given

    def predict(self, given: np.ndarray) -> np.ndarray:
        return given.argmax(axis=1)


def fit_thresholds(
    probabilities: np.ndarray, truth: np.ndarray, record: np.ndarray
) -> dict[int, np.ndarray]:
    """How likely a class must be to be in a prediction set, class by class.

    Split conformal sets by ``mapie`` with the score of Sadinle, Lei & Wasserman (J. Am. Stat.
    Assoc. 114 (2019) 223-234), conditional on the class (Vovk, Lindsay, Nouretdinov & Gammerman,
    2003, "Mondrian"). A promise to new patients has the patient as its unit: the distributions
    of the records are pooled with the same weight each (Dunn, Wasserman & Ramdas, J. Am. Stat.
    Assoc. 118 (2023) 2491-2502, "pooling CDFs"), for which every record gives ``mapie`` as many
    rows, at evenly spaced quantiles of its own scores.

    So the promise is kept on average over patients, as far as so few tell. A guarantee for any
    distribution (a further record of infinite score; Lee, Barber & Willett, arXiv:2306.06342)
    needs 9 records with the class at 90 % and 19 at 95 %: on DS1 its sets hold twice as many
    classes at 90 %, and nearly all classes at 95 %.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
        Calibrated, over `arrhythmia.confidence.CLASSES`.
    truth : ndarray of int, shape (beats,)
    record : ndarray of str, shape (beats,)

    Returns
    -------
    dict
        Level (90, 95) to an ndarray of shape (classes,); 0, which lets the class into every
        set, where fewer than `LEAST_RECORDS` records hold it.
    """
    from mapie.classification import SplitConformalClassifier
    from mapie.conformity_scores import LACConformityScore

    found = {level: np.zeros(probabilities.shape[1]) for level in LEVELS}
    for place in range(probabilities.shape[1]):
        own = truth == place
        if len(np.unique(record[own])) < LEAST_RECORDS:
            continue
        rows = probabilities[own][_even_rows(probabilities[own, place], record[own])]
        rows = rows / rows.sum(axis=1, keepdims=True)
        score = LACConformityScore()
        sets = SplitConformalClassifier(
            _Given(probabilities.shape[1]), [level / 100 for level in LEVELS], score
        )
        with warnings.catch_warnings():  # of a class being alone, which is what is meant
            warnings.filterwarnings("ignore", "WARNING: your conformalization", UserWarning)
            sets.conformalize(rows, np.full(len(rows), place)).predict_set(rows[:1])
        for level, quantile in zip(LEVELS, np.ravel(score.quantiles_), strict=True):
            found[level][place] = max(1.0 - float(quantile), 0.0)
    return found


def _even_rows(scores: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Rows that stand for each record's distribution of scores, as many of each record."""
    rows = []
    for name in np.unique(record):
        own = np.flatnonzero(record == name)
        ordered = own[np.argsort(scores[own], kind="stable")]
        steps = (np.arange(ROWS_PER_RECORD) + 0.5) / ROWS_PER_RECORD * len(own)
        rows.append(ordered[steps.astype(int)])
    return np.concatenate(rows)


def fit_novelty(features: np.ndarray, truth: np.ndarray, limit: float = np.inf) -> Novelty:
    """Means of the classes and the covariance within them, over training beats.

    Parameters
    ----------
    features : ndarray, shape (beats, features)
        See `arrhythmia.confidence.shape_features`.
    truth : ndarray of int, shape (beats,)
        -1 for a beat without a class, which is left out.
    limit : float
        See `arrhythmia.confidence.Novelty`.
    """
    features, truth = features[truth >= 0].astype(float), truth[truth >= 0]
    classes, place = np.unique(truth, return_inverse=True)
    means = np.stack([features[truth == c].mean(axis=0) for c in classes])
    apart = features - means[place]
    covariance = apart.T @ apart / len(apart)
    width = len(covariance)
    covariance += SHRINKAGE * max(np.trace(covariance) / width, 1e-12) * np.eye(width)
    return Novelty(means, np.linalg.inv(covariance), limit)
