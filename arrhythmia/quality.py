"""Where a signal cannot be read: gaps, flat lines, saturation, noise louder than the beats.

Every measure is a ratio within the record, so it depends neither on units nor on gain, and is
taken in seconds and below 25 Hz, so it does not depend on the sampling rate. It needs no
network. The thresholds were chosen on DS1 (`python -m arrhythmia calibrate` prints what they do).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

from arrhythmia.beats import BeatSettings, bandpass, check_record, fill_gaps, resampling_ratio
from arrhythmia.records import Record

PROBLEMS = ("", "a gap in the signal", "a flat line", "saturation", "noise as loud as the beat")
"""What `find_problems` counts from 0: nothing, then the worst first."""

QRS_S = 0.10
"""To each side of the centre: the QRS, where a gap, a flat line or saturation hides the beat."""
FLAT_S = 0.20
"""A signal that does not change for so long across the QRS is no ECG."""
FLAT_SHARE = 0.05
"""Nor is one that moves less than this share of what the record's beats usually do."""
SATURATED_S = 0.05
"""At the lowest or highest value of the whole record for so long. The tip of a tall R wave
stays there for a few milliseconds."""

BAND = (5.0, 25.0)
"""Hz; most of a QRS and little of P, T and baseline."""
AROUND_S = 1.5
"""The background is taken from so far to each side."""
BEAT_S = 0.15
"""Nearer than this to any beat, the signal is not background."""
LEAST_BACKGROUND_S = 0.1
"""Less than this in all between the beats is no background to judge by, ..."""
DENSE_REACH = 0.4
"""... and then only this share of the gap to its neighbour belongs to a beat."""
STRETCH = 5
"""Beats whose median counts: between two beats the background is measured by chance."""
LEAST_RATIO = 5.0
"""Of the QRS to the background (root mean squares in `BAND`), median of `STRETCH` beats. Pure
noise, white or coloured, gives 1.3 to 4.5; in DS1 99.85 % of beats lie above 5."""
LEAST_OWN_RATIO = 2.5
"""Of one beat alone: a burst of noise of a second or two."""


def find_problems(
    record: Record,
    centers: np.ndarray,
    settings: BeatSettings,
    wanted: np.ndarray | None = None,
) -> np.ndarray:
    """Tell which beats stand where the signal cannot be read.

    Parameters
    ----------
    record : Record
        At any sampling rate above twice the pass band, in any units.
    centers : ndarray of float, shape (beats,)
        Centre of every QRS in seconds, as in `arrhythmia.beats.Beats`.
    settings : BeatSettings
        Sampling rate of the segments, and what a record must at least hold.
    wanted : ndarray of int, optional
        Only these beats; the others are given 0.

    Returns
    -------
    ndarray of int, shape (beats,)
        Place in `PROBLEMS`: 0 where the beat can be assessed.

    Raises
    ------
    InputError
        If the record as a whole cannot be used.
    """
    check_record(record, settings)
    every = np.arange(len(centers))
    wanted = every if wanted is None else np.unique(wanted)
    found = np.zeros(len(centers), dtype=int)
    bridged = fill_gaps(record)
    loud = _noise(record, bridged, centers, settings, wanted)
    found[wanted[loud]] = PROBLEMS.index("noise as loud as the beat")
    # each overrides those before: a flat line has no background to compare with
    for name, bad in (
        ("saturation", _saturated(bridged, record.fs)),
        ("a flat line", _runs(np.diff(bridged) == 0, round(FLAT_S * record.fs))),
        ("a gap in the signal", ~np.isfinite(record.signal)),
    ):
        found[wanted[_near(bad, centers[wanted], record.fs)]] = PROBLEMS.index(name)
    quiet = _quiet(bridged, centers, record.fs)[wanted] & (found[wanted] != 1)
    found[wanted[quiet]] = PROBLEMS.index("a flat line")
    return found


def qrs_to_background(
    record: Record,
    bridged: np.ndarray,
    centers: np.ndarray,
    settings: BeatSettings,
    wanted: np.ndarray,
) -> np.ndarray:
    """How far each QRS stands out of the signal between the beats.

    Parameters
    ----------
    record : Record
    bridged : ndarray, shape (samples,)
        Its signal as `arrhythmia.beats.fill_gaps` gives it.
    centers : ndarray of float, shape (beats,)
        Seconds.
    settings : BeatSettings
        Sampling rate at which it is measured.
    wanted : ndarray of int
        Beats to measure.

    Returns
    -------
    ndarray of float, shape (wanted,)
        Root mean square of the QRS over the median one of the background, in `BAND`, within
        `AROUND_S`; infinite where there is no background, 0 where there is no QRS.
    """
    fs = settings.fs
    ratio = resampling_ratio(record.fs, settings)
    signal = bridged - np.median(bridged)
    if ratio != 1:
        signal = resample_poly(signal, ratio.numerator, ratio.denominator)
    power = gaussian_filter1d(bandpass(signal, fs, BAND, order=2) ** 2, 0.03 * fs)
    middles = np.clip(np.rint(centers * fs).astype(int), 0, len(power) - 1)
    quiet = _background(power, middles, wanted, fs, round(BEAT_S * fs))
    dense = np.isnan(quiet)
    if dense.any():  # marks in noise can be so dense that nothing is left between them
        quiet[dense] = _background(power, middles, wanted[dense], fs, DENSE_REACH)
    quiet = np.nan_to_num(quiet)
    qrs = middles[:, None] + np.arange(-round(QRS_S * fs), round(QRS_S * fs) + 1)
    peaks = power[np.clip(qrs, 0, len(power) - 1)].max(axis=1)
    ratios = np.sqrt(peaks[wanted] / np.maximum(quiet, np.finfo(float).tiny))
    weak = peaks[wanted] < FLAT_SHARE**2 * np.median(peaks)  # hum alone leaves next to nothing
    return np.where(weak, 0.0, np.where(quiet > 0, ratios, np.inf))


def _background(
    power: np.ndarray, middles: np.ndarray, wanted: np.ndarray, fs: float, reach: int | float
) -> np.ndarray:
    """Median power between the beats around each wanted one; NaN where too little is between.

    ``reach`` is what belongs to a beat: samples, or below 1 a share of the shorter gap beside it.
    """
    gaps = np.diff(middles, prepend=-len(power), append=2 * len(power))
    shorter = np.minimum(np.minimum(gaps[1:], gaps[:-1]), len(power))
    own = np.full(len(middles), reach) if reach >= 1 else (reach * shorter).astype(int)
    edges = np.zeros(len(power) + 1)
    np.add.at(edges, np.maximum(middles - own, 0), 1)
    np.add.at(edges, np.minimum(middles + own + 1, len(power)), -1)
    between = np.where(np.cumsum(edges)[:-1] > 0, np.nan, power)
    places = middles[wanted, None] + np.arange(-round(AROUND_S * fs), round(AROUND_S * fs) + 1)
    inside = (places >= 0) & (places < len(power))
    around = np.where(inside, between[np.clip(places, 0, len(power) - 1)], np.nan)
    known = np.isfinite(around).sum(axis=1) >= max(1, LEAST_BACKGROUND_S * fs)
    found = np.full(len(wanted), np.nan)
    if known.any():
        found[known] = np.nanmedian(around[known], axis=1)
    return found


def _noise(
    record: Record,
    bridged: np.ndarray,
    centers: np.ndarray,
    settings: BeatSettings,
    wanted: np.ndarray,
) -> np.ndarray:
    """Whether each wanted beat drowns, by its own ratio and by that of the beats around."""
    reach = STRETCH // 2
    near = np.clip(wanted[:, None] + np.arange(-reach, reach + 1), 0, len(centers) - 1)
    needed, inverse = np.unique(near, return_inverse=True)
    own = qrs_to_background(record, bridged, centers, settings, needed)
    ratios = own[inverse.reshape(near.shape)]
    return (np.median(ratios, axis=1) < LEAST_RATIO) | (ratios[:, reach] < LEAST_OWN_RATIO)


def _runs(same: np.ndarray, least: int) -> np.ndarray:
    """Samples within runs of at least ``least`` equal ones; ``same`` compares neighbours."""
    edges = np.diff(np.concatenate([[0], same.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - starts + 1 >= max(least, 3)
    marks = np.zeros(len(same) + 2, dtype=int)
    marks[starts[long]] += 1
    marks[ends[long] + 1] -= 1
    return np.cumsum(marks)[: len(same) + 1] > 0


def _saturated(signal: np.ndarray, fs: float) -> np.ndarray:
    """Samples in long runs at the lowest or the highest value of the record."""
    least = round(SATURATED_S * fs)
    found = np.zeros(len(signal), dtype=bool)
    for rail in (signal.min(), signal.max()):
        there = signal == rail
        found |= _runs(there[1:] & there[:-1], least)
    return found


def _near(bad: np.ndarray, centers: np.ndarray, fs: float) -> np.ndarray:
    """Whether any bad sample lies within the QRS of each beat."""
    before = np.concatenate([[0], np.cumsum(bad)])
    first = np.clip(np.rint((centers - QRS_S) * fs).astype(int), 0, len(bad) - 1)
    last = np.clip(np.rint((centers + QRS_S) * fs).astype(int), 0, len(bad) - 1)
    return before[last + 1] > before[first]


def _quiet(signal: np.ndarray, centers: np.ndarray, fs: float) -> np.ndarray:
    """Beats that move far less than the record's beats usually do."""
    reach = round(2 * QRS_S * fs)
    places = np.rint(centers * fs).astype(int)[:, None] + np.arange(-reach, reach + 1)
    spans = np.ptp(signal[np.clip(places, 0, len(signal) - 1)], axis=1)
    moving = spans > FLAT_SHARE * np.percentile(spans, 95)
    usual = np.median(spans[moving]) if moving.any() else np.ptp(signal)
    return spans < FLAT_SHARE * usual
