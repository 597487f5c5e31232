"""Rare classes drawn more often: runs drawn in balance, or made by interpolation.

SMOTE and ADASYN are there to compare with rare beats made by their mechanism. Whole runs are
interpolated, since the network reads runs: the beat in the middle has the rare class, and it alone
counts in the loss.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES

if TYPE_CHECKING:
    from arrhythmia.train.batches import TrainingBeats

METHODS: Final = ("SMOTE", "ADASYN")
COMMON: Final = 3000
"""Runs around normal beats that neighbours are looked for among; each rare class is brought to
as many."""

NEIGHBOURS: Final = 5


def balanced(beats: TrainingBeats, run: int, seed: int) -> TrainingBeats:
    """Draw runs so that each class is met about equally often: by the rarest beat that they hold.

    Parameters
    ----------
    beats : TrainingBeats
        Of recordings only.
    run : int
        Beats of a run.
    seed : int
        Not used: nothing is drawn here.
    """
    counts = np.bincount(beats.beat_class[beats.beat_class >= 0], minlength=len(BEAT_CLASSES))
    rarity = np.append(counts.max() / np.maximum(counts, 1), 0.0)  # the last for no class, -1
    classes = beats.beat_class[beats.starts[:, None] + np.arange(run)]
    chances = rarity[classes].max(axis=1)
    return replace(beats, chances=chances / chances.sum())


def oversampled(beats: TrainingBeats, run: int, seed: int, method: str) -> TrainingBeats:
    """Add interpolated runs around rare beats, drawn as often as real runs.

    Chawla et al., J. Artif. Intell. Res. 16 (2002) 321-357; He et al., IJCNN 2008.

    Parameters
    ----------
    beats : TrainingBeats
        Of training records only.
    run : int
        Beats of a run.
    seed : int
        Of the choice of normal runs and of the interpolation.
    method : str
        One of `METHODS`.

    Returns
    -------
    TrainingBeats
        The real beats, and after them the interpolated ones.
    """
    if method not in METHODS:
        raise InputError(f"oversampling must be {' or '.join(METHODS)}, got '{method}'")
    middle = beats.beat_class[beats.starts + run // 2]
    chosen, wanted = _choose_runs(middle, seed)
    starts = beats.starts[chosen]
    places = starts[:, None] + np.arange(run)
    parts = (beats.segments[places], beats.template_beats[starts], beats.rr[places])
    flat = np.concatenate([part.reshape(len(chosen), -1) for part in parts], axis=1)
    new, new_class = _interpolated(flat, middle[chosen], wanted, method, seed)
    if not len(new):
        return beats
    ends = np.cumsum([part[0].size for part in parts])[:-1]
    segments, templates, rr = (part.astype(np.float32) for part in np.split(new, ends, axis=1))
    beat_class = np.full((len(new), run), -1)
    beat_class[:, run // 2] = new_class
    chances = np.full(len(new), 1.0 / len(new))
    return replace(
        beats,
        segments=np.concatenate([beats.segments, segments.reshape(-1, beats.segments.shape[1])]),
        template_beats=np.concatenate([beats.template_beats, np.repeat(templates, run, axis=0)]),
        rr=np.concatenate([beats.rr, rr.reshape(-1, beats.rr.shape[1])]),
        beat_class=np.concatenate([beats.beat_class, beat_class.ravel()]),
        starts=np.concatenate([beats.starts, len(beats.segments) + run * np.arange(len(new))]),
        chances=np.concatenate([beats.chances, chances]) / 2,
    )


def _choose_runs(middle: np.ndarray, seed: int) -> tuple[np.ndarray, dict[int, int]]:
    """Runs to interpolate between, by the class of their middle beat, and how many are wanted."""
    rng = np.random.default_rng(seed)
    normal = np.flatnonzero(middle == 0)
    chosen = [rng.choice(normal, min(COMMON, len(normal)), replace=False)]
    wanted = {}
    for number in range(1, len(BEAT_CLASSES)):
        of_class = np.flatnonzero(middle == number)
        if len(of_class) > NEIGHBOURS:
            chosen.append(rng.choice(of_class, min(COMMON, len(of_class)), replace=False))
            if len(of_class) < COMMON:
                wanted[number] = COMMON
    return np.concatenate(chosen), wanted


def _interpolated(
    flat: np.ndarray, classes: np.ndarray, wanted: dict[int, int], method: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """New rows, class by class, and the class of each."""
    from imblearn.over_sampling import ADASYN, SMOTE

    sampler = {
        "SMOTE": partial(SMOTE, k_neighbors=NEIGHBOURS),
        "ADASYN": partial(ADASYN, n_neighbors=NEIGHBOURS),
    }[method]
    rows, numbers = [np.empty((0, flat.shape[1]))], [np.empty(0, dtype=int)]
    for number, count in wanted.items():
        try:
            more, more_classes = sampler(
                sampling_strategy={number: count}, random_state=seed
            ).fit_resample(flat, classes)
        except ValueError as error:  # ADASYN, where no neighbour is of another class
            if "No samples will be generated" not in str(error):
                raise
            continue
        rows.append(more[len(flat) :])
        numbers.append(more_classes[len(flat) :])
    return np.concatenate(rows), np.concatenate(numbers)
