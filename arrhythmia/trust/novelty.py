"""How far the shape of a beat is from those that a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.sequences import with_difference

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

BEATS_AT_ONCE: Final = 4096
"""Bounds memory for day-long recordings."""


@dataclass(frozen=True)
class Novelty:
    """How far a beat's shape is from those of the training beats, in the network's own terms.

    The Mahalanobis distance to the nearest class (Lee et al., NeurIPS 2018, arXiv:1807.03888)
    among the numbers by which the encoder describes a beat (layer ``features``).

    Parameters
    ----------
    means : ndarray, shape (classes with beats, features)
    precision : ndarray, shape (features, features)
        Inverse of the covariance within classes.
    limit : float
        A beat at a greater distance is unlike those of the training.
    """

    means: np.ndarray
    precision: np.ndarray
    limit: float

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Distance of each beat to the nearest class.

        Parameters
        ----------
        features : ndarray, shape (beats, features)
            See `shape_features`.

        Returns
        -------
        ndarray of float, shape (beats,)
        """
        parts = np.split(features, range(BEATS_AT_ONCE, len(features), BEATS_AT_ONCE))
        return np.concatenate([self._distance(part) for part in parts])

    def _distance(self, features: np.ndarray) -> np.ndarray:
        apart = features[:, None, :] - self.means
        squares = np.einsum("bci,ij,bcj->bc", apart, self.precision, apart, optimize=True)
        return np.sqrt(np.maximum(squares.min(axis=1), 0.0))


def shape_features(
    classifier: Classifier, beats: Beats, wanted: np.ndarray | None = None
) -> np.ndarray:
    """Numbers by which the encoder of a network describes the shape of each beat.

    Parameters
    ----------
    classifier : Classifier
    beats : Beats
        Of one record.
    wanted : ndarray of int, optional
        Only these beats.

    Returns
    -------
    ndarray of float, shape (beats, features)
        Of the wanted beats alone, where some are given.
    """
    segments = beats.segments if wanted is None else beats.segments[wanted]
    inputs = with_difference(segments, beats.template_beat)
    return classifier.runner.features(inputs)
