"""Prediction sets: the class called, and every other that cannot be excluded."""

from __future__ import annotations

from typing import Final

import numpy as np

from arrhythmia.labels import grouped, grouping_numbers

SET_GROUPING: Final = "aami"
"""The grouping whose classes are `arrhythmia.predictions.SET_CLASSES`."""
LEVELS: Final = (90, 95)
"""Per cent of the beats of each class whose set is to hold the true class."""


def set_scores(calibrated: np.ndarray) -> np.ndarray:
    """How likely each class is beside the one that the beat is called, 1 at most.

    The class called has 1, so no threshold keeps it out of a set.

    Parameters
    ----------
    calibrated : ndarray, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.

    Returns
    -------
    ndarray of float, shape (beats, classes)
        Over `arrhythmia.predictions.SET_CLASSES`; NaN where probabilities are.
    """
    by_class = grouped(calibrated, SET_GROUPING)
    called = grouping_numbers(SET_GROUPING)[calibrated.argmax(axis=1)]
    return np.minimum(by_class / by_class[np.arange(len(by_class)), called, None], 1.0)


def sets_of(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Prediction sets: every class whose score reaches its threshold.

    Parameters
    ----------
    scores : ndarray, shape (beats, classes)
        See `set_scores`.
    thresholds : ndarray of float, shape (classes,)
        See `arrhythmia.trust.fit.fit_thresholds`.

    Returns
    -------
    ndarray of bool, shape (beats, classes)
        Without any class where probabilities are NaN.
    """
    return scores >= thresholds - 1e-9
