"""What the origin of a group of beats is judged by, learnt from training records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.origin import group_features, group_medians, shape_groups
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import all_leads

PIECES = 16
"""Pieces of each record that are looked at besides the whole."""
SHORTEST, LONGEST = 8, 400
"""Beats of a piece."""
STRENGTH = 0.3
"""Of the regularisation, as scikit-learn's ``C``."""


def fit_origin(
    records: Sequence[Beats], settings: BeatSettings, seed: int = 0
) -> tuple[float, ...]:
    """Weights for `arrhythmia.origin.find_origin`: a logistic regression over groups of beats.

    Groups come from whole records and from pieces of any length, half of which lie around a
    beat that is neither N nor S; a group is of sinus origin if most of its beats are N or S.

    Parameters
    ----------
    records : sequence of Beats
        Of training records only, with symbols, one item each.
    settings : BeatSettings
        How they were cut.
    seed : int
        Of the choice of pieces.

    Returns
    -------
    tuple of float
        An intercept and a weight for each of `arrhythmia.origin.FEATURES`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    groups = [group for beats in records for group in _groups(beats, settings, rng)]
    features, sinus, sizes = (np.concatenate(part) for part in zip(*groups, strict=True))
    known = np.isfinite(sinus)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=2000))
    weight = np.sqrt(sizes[known])
    model.fit(features[known], sinus[known] > 0.5, logisticregression__sample_weight=weight)
    scaler, regression = model[0], model[-1]
    weights = regression.coef_[0] / scaler.scale_
    intercept = regression.intercept_[0] - weights @ scaler.mean_
    return tuple(float(f"{weight:.6g}") for weight in (intercept, *weights))


def _groups(
    beats: Beats, settings: BeatSettings, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Features of groups, the share of N and S among their beats, and their sizes."""
    every = all_leads(beats)
    for first, last in _pieces(beats.beat_class, rng):
        part = slice(first, last)
        segments, timing = every[part], (beats.rr_pre[part], beats.rr_post[part])
        number = shape_groups(segments, settings)
        medians = group_medians(segments, number)
        features = group_features(segments, medians, number, *timing, settings)
        yield features, _sinus_share(beats.beat_class[part], number), np.bincount(number)


def _pieces(beat_class: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """First and last beat of the whole record, and of pieces of it."""
    beats = len(beat_class)
    yield 0, beats
    ectopic = np.flatnonzero(beat_class > BEAT_CLASSES.index("S"))
    for _ in range(PIECES if beats > SHORTEST else 0):
        size = int(np.exp(rng.uniform(np.log(SHORTEST), np.log(min(LONGEST, beats)))))
        first = int(rng.integers(0, beats - size + 1))
        if len(ectopic) and rng.random() < 0.5:
            near = int(rng.choice(ectopic)) - int(rng.integers(0, size))
            first = int(np.clip(near, 0, beats - size))
        yield first, first + size


def _sinus_share(beat_class: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Share of N and S among the beats of each group; NaN where no beat has a class."""
    known = beat_class >= 0
    sinus = known & (beat_class <= BEAT_CLASSES.index("S"))
    groups = number.max() + 1
    counts = np.bincount(number[known], minlength=groups)
    shares = np.bincount(number[sinus], minlength=groups) / np.maximum(counts, 1)
    return np.where(counts > 0, shares, np.nan)
