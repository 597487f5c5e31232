"""Whether what was taken for beats repeats itself: beats do, noise does not.

A tall T wave or a wide QRS is as loud as the noise that `arrhythmia.trust.quality` looks for, but
comes again with every beat; bursts of muscle noise can stand out as QRS complexes do, but no two
are alike. In simulated noise (white, brown, muscle, narrow bands, hum) beats have .03 to .26 in
common with those around, half of them .09 or less; in the noisiest lead of DS1 (V1 of 208) half of
them have .3 or more, in its first leads .55 to .99.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.rr import AROUND, median_around

FEWEST: Final = 2 * AROUND + 1
"""Of fewer beats nothing is told: a few can be alike by chance."""
BEATS_AT_ONCE: Final = 8192
"""Bounds memory for day-long recordings."""
EVERY: Final = 3
"""Only every third sample is compared: the others say the same."""
REPEATED: Final = 0.8
"""A beat that has so much in common with those around is no noise."""
NOTHING_ALIKE: Final = 0.2
"""A lead in which half of the beats have less in common is all noise."""


def repetition(beats: Beats) -> np.ndarray:
    """How much a beat has in common with those around, from before its P wave to after its T wave.

    Energy of the median of the 21 beats around, relative to the median of their energies.

    Parameters
    ----------
    beats : Beats
        In one lead.

    Returns
    -------
    ndarray of float, shape (beats,)
        About 1 where all are alike.
    """
    parts = []
    for first in range(0, len(beats), BEATS_AT_ONCE):
        start, last = max(first - AROUND, 0), min(first + BEATS_AT_ONCE, len(beats))
        segments = beats.segments[start : last + AROUND, ::EVERY].astype(float)
        segments -= segments.mean(axis=1, keepdims=True)
        energy = median_around(np.mean(segments**2, axis=1))
        alike = np.mean(median_around(segments) ** 2, axis=1) / np.maximum(energy, 1e-9)
        parts.append(alike[first - start : last - start])
    return np.concatenate(parts)


def judged_by_repetition(problems: np.ndarray, beats: Beats, noise: int) -> np.ndarray:
    """Problems of beats in one lead, where repetition tells beats from noise.

    Parameters
    ----------
    problems : ndarray of int, shape (beats,)
        As `arrhythmia.trust.quality.find_problems` gives them.
    beats : Beats
        In the same lead.
    noise : int
        What stands for noise; 0 stands for no problem.

    Returns
    -------
    ndarray of int, shape (beats,)
    """
    if len(beats) < FEWEST:
        return problems
    alike = repetition(beats)
    if np.median(alike) < NOTHING_ALIKE:
        return np.where(problems == 0, noise, problems)
    return np.where((problems == noise) & (alike >= REPEATED), 0, problems)
