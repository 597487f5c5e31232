"""Oversampling by interpolation (SMOTE, ADASYN), to compare with rare beats made by mechanism.

Whole runs are interpolated, since the network reads runs: the beat in the middle has the rare
class, and it alone counts in the loss.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arrhythmia.batches import TrainingBeats
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES

METHODS = ("SMOTE", "ADASYN")
COMMON = 3000
"""Runs around normal beats that neighbours are looked for among; each rare class is brought to
as many."""

NEIGHBOURS = 5


def oversample(beats: TrainingBeats, run: int, method: str, seed: int) -> TrainingBeats:
    """Add interpolated runs around rare beats, drawn as often as real runs.

    Chawla et al., J. Artif. Intell. Res. 16 (2002) 321-357; He et al., IJCNN 2008.

    Parameters
    ----------
    beats : TrainingBeats
        Of training records only.
    run : int
        Beats of a run.
    method : str
        One of `METHODS`.
    seed : int
        Of the choice of normal runs and of the interpolation.

    Returns
    -------
    TrainingBeats
        The real beats, and after them the made ones.
    """
    from imblearn.over_sampling import ADASYN, SMOTE

    if method not in METHODS:
        raise InputError(f"'{method}' is no oversampling: give {' or '.join(METHODS)}")
    middle = beats.beat_class[beats.starts + run // 2]
    rng = np.random.default_rng(seed)
    normal = np.flatnonzero(middle == 0)
    chosen = [rng.choice(normal, min(COMMON, len(normal)), replace=False)]
    wanted = {}
    for number in range(1, len(BEAT_CLASSES)):
        here = np.flatnonzero(middle == number)
        if len(here) > NEIGHBOURS:
            chosen.append(rng.choice(here, min(COMMON, len(here)), replace=False))
            if len(here) < COMMON:
                wanted[number] = COMMON
    places = np.concatenate(chosen)
    starts = beats.starts[places]
    at = starts[:, None] + np.arange(run)
    usual = beats.usual_beats[beats.usual[starts]]
    parts = (beats.segments[at], usual, beats.rr[at])
    flat = np.concatenate([p.reshape(len(places), -1) for p in parts], axis=1)
    made_runs, its_class = [np.empty((0, flat.shape[1]))], [np.empty(0, dtype=int)]
    for number, count in wanted.items():
        if method == "SMOTE":
            maker = SMOTE(
                sampling_strategy={number: count}, k_neighbors=NEIGHBOURS, random_state=seed
            )
        else:
            maker = ADASYN(
                sampling_strategy={number: count}, n_neighbors=NEIGHBOURS, random_state=seed
            )
        try:
            more, numbers = maker.fit_resample(flat, middle[places])
        except ValueError as error:  # ADASYN, where no neighbour is of another class
            if "No samples will be generated" not in str(error):
                raise
            continue
        made_runs.append(more[len(flat) :])
        its_class.append(numbers[len(flat) :])
    more, its_class = np.concatenate(made_runs), np.concatenate(its_class)
    if not len(more):
        return beats
    ends = np.cumsum([p[0].size for p in parts])[:-1]
    segments, usual, rr = (
        part.reshape(-1, *shape).astype(np.float32)
        for part, shape in zip(
            np.split(more, ends, axis=1),
            ((beats.segments.shape[1],), (beats.segments.shape[1],), (beats.rr.shape[1],)),
            strict=True,
        )
    )
    made = np.full((len(its_class), run), -1)
    made[:, run // 2] = its_class
    first = len(beats.segments)
    chances = np.full(len(made), 1.0 / max(len(made), 1))
    return replace(
        beats,
        segments=np.concatenate([beats.segments, segments]),
        usual_beats=np.concatenate([beats.usual_beats, usual]),
        usual=np.concatenate([beats.usual, len(beats.usual_beats) + np.repeat(
            np.arange(len(made)), run)]),
        rr=np.concatenate([beats.rr, rr]),
        beat_class=np.concatenate([beats.beat_class, made.ravel()]),
        starts=np.concatenate([beats.starts, first + run * np.arange(len(made))]),
        chances=np.concatenate([beats.chances, chances]) / 2,
    )  # fmt: skip
