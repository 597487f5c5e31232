"""RR intervals: before and after each beat, and how regular they are around it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

AROUND = 10
"""Beats to each side of a beat that are its surroundings."""
FEWEST_RR = 3
"""A dominant rhythm is known from so many intervals on."""


def rr_intervals(centers: np.ndarray, fs: float, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """RR intervals before and after each beat.

    Parameters
    ----------
    centers : ndarray of float, shape (beats,)
        In samples.
    fs : float
        Hz.
    samples : int
        Length of the record, which stands for the RR interval of a single beat.

    Returns
    -------
    rr_pre, rr_post : ndarray of float, shape (beats,)
        Seconds. The first beat takes the interval after it also as the one before, the last beat
        the other way round.
    """
    rr = (np.diff(centers) if len(centers) > 1 else np.array([samples])) / fs
    inner = rr[: len(centers) - 1]
    return np.concatenate([rr[:1], inner]), np.concatenate([inner, rr[-1:]])


def mean_rr(rr_pre: np.ndarray) -> float:
    """Mean RR interval in seconds, with pauses and double marks limited to 3 and 0.2 s."""
    return float(np.mean(np.clip(rr_pre, 0.2, 3.0)))


def irregularity(rr_pre: np.ndarray) -> np.ndarray:
    """How irregular the rhythm is around each beat.

    Parameters
    ----------
    rr_pre : ndarray of float, shape (beats,)
        RR interval before each beat, in any unit.

    Returns
    -------
    ndarray of float, shape (beats,)
        Median change from one RR interval to the next, relative to the median RR interval, of
        the 21 beats around: about 0.03 in sinus rhythm, 0.2 in atrial fibrillation.
    """
    before = np.concatenate([rr_pre[:1], rr_pre[:-1]])
    return median_around(np.abs(rr_pre - before)) / median_around(rr_pre)


def median_around(values: np.ndarray) -> np.ndarray:
    """Median of the 21 beats around each beat, in the unit of the values.

    Parameters
    ----------
    values : ndarray, shape (beats, ...)
    """
    size = (2 * AROUND + 1,) + (1,) * (values.ndim - 1)
    return median_filter(values, size, mode="mirror" if len(values) > AROUND else "nearest")


def dominant_rr(
    rr_pre: np.ndarray, normal: np.ndarray, around: int = AROUND
) -> tuple[np.ndarray, np.ndarray]:
    """RR interval of the patient's dominant rhythm around each beat, and how irregular that is.

    Early beats and the pauses after them do not count, however many they are.

    Parameters
    ----------
    rr_pre : ndarray of float, shape (beats,)
        RR interval before each beat, in any unit; NaN where it is not known.
    normal : ndarray of bool, shape (beats,)
        Which beats are called N: an interval counts between two of these.
    around : int
        So many to each side count.

    Returns
    -------
    rr, irregularity : ndarray of float, shape (beats,)
        Median of the 20 nearest intervals (twice ``around``) that count, in the unit of ``rr_pre``;
        the median change
        from one of them to the next, relative to it. NaN where fewer than `FEWEST_RR` count.
    """
    counts = normal & np.concatenate([[False], normal[:-1]]) & np.isfinite(rr_pre)
    places = np.flatnonzero(counts)
    rr, irregular = np.full((2, len(rr_pre)), np.nan)
    if len(places) < FEWEST_RR:
        return rr, irregular
    rr[:] = _median_of_nearest(places, rr_pre[places], len(rr_pre), around)
    pairs = places[1:][np.diff(places) == 1]
    if len(pairs) >= FEWEST_RR:
        change = np.abs(rr_pre[pairs] - rr_pre[pairs - 1])
        irregular = _median_of_nearest(pairs, change, len(rr_pre), around) / rr
    return rr, irregular


def _median_of_nearest(
    places: np.ndarray, values: np.ndarray, beats: int, around: int
) -> np.ndarray:
    """Median of the values at the places nearest in order to each beat, shape (beats,)."""
    wide = min(2 * around, len(places))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(values, wide), axis=1)
    first = np.searchsorted(places, np.arange(beats)) - around
    return medians[np.clip(first, 0, len(medians) - 1)]
