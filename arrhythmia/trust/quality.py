"""Where a signal cannot be read: gaps, flat lines, saturation, noise as loud as the beats.

Every measure is a ratio within the record, so it depends neither on units nor on gain. It is taken
in seconds and below 25 Hz, so it does not depend on the sampling rate. It needs no network. The
thresholds were chosen on DS1.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d, label

from arrhythmia.beats import Beats
from arrhythmia.records import Lead, Record
from arrhythmia.signals import (
    BeatSettings,
    bandpass,
    check_lead,
    fill_gaps,
    resample,
    resampling_ratio,
)
from arrhythmia.trust.pacing import is_paced

PROBLEMS: Final = (
    "",
    "a gap in the signal",
    "a flat line",
    "saturation",
    "noise as loud as the beat",
    "a pacemaker",
)
"""What the numbers that `find_problems` and `find_problems_of_record` give stand for; 0 is no
problem, 1 the worst of a signal."""
PACED: Final = PROBLEMS.index("a pacemaker")

QRS_S: Final = 0.10
"""Half the width of the stretch around the centre in which a gap, a flat line or saturation hides
the QRS, in seconds."""
FLAT_S: Final = 0.20
"""A signal that stays the same for so many seconds is no ECG."""
FLAT_SHARE: Final = 0.05
"""Nor is one that moves less than this share of what the record's beats usually do."""
SATURATED_S: Final = 0.05
"""Seconds at the lowest or highest value of the record. The tip of a tall R wave stays there for a
few milliseconds only."""
LEAST_EQUAL: Final = 3
"""Fewer equal samples in a row mean nothing, however slowly the signal is sampled."""

BAND: Final = (5.0, 25.0)
"""Pass band in Hz: most of a QRS, and little of P wave, T wave and baseline."""
AROUND_S: Final = 1.5
"""The background is measured within so many seconds to each side of a beat."""
BEAT_S: Final = 0.15
"""What is nearer than this to any beat is not background."""
LEAST_BACKGROUND_S: Final = 0.1
"""With less than this between the beats, in seconds, a smaller part counts as the beats'."""
DENSE_REACH: Final = 0.4
"""That part, to each side of a beat, as a share of the shorter gap to its neighbours."""
STRETCH: Final = 5
"""Beats whose median ratio counts: from one beat alone the background is measured by chance."""
LEAST_RATIO: Final = 5.0
"""Smallest ratio of QRS to background (root mean squares in `BAND`), median of `STRETCH` beats.
Noise alone, white or coloured, gives 1.3 to 4.5; 99.85 % of the beats of DS1 lie above 5."""
LEAST_SINGLE_RATIO: Final = 2.5
"""Smallest ratio of one beat by itself, for bursts of noise of a second or two."""


def find_problems(
    lead: Lead,
    centers: np.ndarray,
    settings: BeatSettings,
    wanted: np.ndarray | None = None,
) -> np.ndarray:
    """Tell which beats stand where the signal cannot be read.

    Parameters
    ----------
    lead : Lead
        As recorded, at any sampling rate above twice the pass band, in any units.
    centers : ndarray of float, shape (beats,)
        Centre of every QRS in seconds, as in `arrhythmia.beats.Beats`.
    settings : BeatSettings
        Sampling rate at which noise is measured, and what a lead must at least hold.
    wanted : ndarray of int, optional
        Only these beats; the others are given 0.

    Returns
    -------
    ndarray of int, shape (beats,)
        Place in `PROBLEMS`: 0 where the beat can be assessed.

    Raises
    ------
    InputError
        If the lead as a whole cannot be used.
    """
    check_lead(lead, settings)
    wanted = np.arange(len(centers)) if wanted is None else np.unique(wanted)
    problems = np.zeros(len(centers), dtype=int)
    bridged = fill_gaps(lead)
    noisy = _noisy_beats(lead.fs, bridged, centers, settings, wanted)
    problems[wanted[noisy]] = PROBLEMS.index("noise as loud as the beat")
    # Each overrides those before: a flat line has no background to compare with.
    for name, unreadable in (
        ("saturation", _saturated(bridged, lead.fs)),
        ("a flat line", _unchanging(bridged, lead.fs)),
        ("a gap in the signal", ~np.isfinite(lead.signal)),
    ):
        problems[wanted[_in_qrs(unreadable, centers[wanted], lead.fs)]] = PROBLEMS.index(name)
    gap = problems[wanted] == PROBLEMS.index("a gap in the signal")
    still = _still_beats(bridged, centers, lead.fs)[wanted] & ~gap
    problems[wanted[still]] = PROBLEMS.index("a flat line")
    return problems


def find_problems_of_record(
    record: Record, beats: Beats, settings: BeatSettings, wanted: np.ndarray | None = None
) -> np.ndarray:
    """Beats that can be read in no lead, or are paced.

    Parameters
    ----------
    record : Record
        As read: quality is judged from the unfiltered signal.
    beats : Beats
        Of this record.
    settings : BeatSettings
    wanted : ndarray of int, optional
        Only these beats; the others are given 0.

    Returns
    -------
    ndarray of int, shape (beats,)
        Place in `PROBLEMS`; 0 where the beat can be assessed.
    """
    problems = unreadable_in_all_leads(record, beats, settings, wanted)
    if is_paced(record, beats):
        chosen = np.ones(len(beats), bool) if wanted is None else np.isin(range(len(beats)), wanted)
        problems[chosen & (problems == 0)] = PACED
    return problems


def unreadable_in_all_leads(
    record: Record, beats: Beats, settings: BeatSettings, wanted: np.ndarray | None = None
) -> np.ndarray:
    """`find_problems` of the first lead, where each other lead has one too: ndarray (beats,)."""
    problems = [
        find_problems(record.lead(lead.lead), beats.centers, settings, wanted)
        for lead in beats.in_leads
    ]
    return np.where(np.all(problems, axis=0), problems[0], 0)


def qrs_to_background(
    signal: np.ndarray,
    fs: float,
    centers: np.ndarray,
    settings: BeatSettings,
    wanted: np.ndarray,
) -> np.ndarray:
    """How far each QRS stands out of the signal between the beats.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Without gaps, see `arrhythmia.signals.fill_gaps`; any units.
    fs : float
        Its sampling rate in Hz.
    centers : ndarray of float, shape (beats,)
        Seconds.
    settings : BeatSettings
        Sampling rate at which it is measured.
    wanted : ndarray of int
        Beats to measure.

    Returns
    -------
    ndarray of float, shape (wanted,)
        Greatest root mean square in the QRS over the median one of the background, in `BAND`,
        within `AROUND_S`; infinite where there is no background, 0 where there is no QRS.
    """
    resampled = resample(signal, resampling_ratio(fs, settings))
    fs = settings.fs
    power = gaussian_filter1d(bandpass(resampled, fs, BAND, order=2) ** 2, 0.03 * fs)
    middles = np.clip(np.rint(centers * fs).astype(int), 0, len(power) - 1)
    reaches = np.full(len(middles), round(BEAT_S * fs))
    background = _background(power, middles, reaches, wanted, fs)
    dense = np.isnan(background)
    if dense.any():  # marks in noise can be so dense that nothing is left between them
        gaps = np.diff(middles, prepend=-len(power), append=2 * len(power))
        shorter = np.minimum(np.minimum(gaps[1:], gaps[:-1]), len(power))
        reaches = (DENSE_REACH * shorter).astype(int)
        background[dense] = _background(power, middles, reaches, wanted[dense], fs)
    background = np.nan_to_num(background)
    qrs = middles[:, None] + np.arange(-round(QRS_S * fs), round(QRS_S * fs) + 1)
    peaks = power[np.clip(qrs, 0, len(power) - 1)].max(axis=1)
    ratios = np.sqrt(peaks[wanted] / np.maximum(background, np.finfo(float).tiny))
    weak = peaks[wanted] < FLAT_SHARE**2 * np.median(peaks)  # hum alone leaves next to nothing
    return np.where(weak, 0.0, np.where(background > 0, ratios, np.inf))


def _background(
    power: np.ndarray, middles: np.ndarray, reaches: np.ndarray, wanted: np.ndarray, fs: float
) -> np.ndarray:
    """Median power between the beats around each wanted one; NaN where too little is between.

    ``middles`` and ``reaches`` are the centre of each beat and what belongs to it on each side,
    in samples.
    """
    edges = np.zeros(len(power) + 1)
    np.add.at(edges, np.maximum(middles - reaches, 0), 1)
    np.add.at(edges, np.minimum(middles + reaches + 1, len(power)), -1)
    between = np.where(np.cumsum(edges)[:-1] > 0, np.nan, power)
    places = middles[wanted, None] + np.arange(-round(AROUND_S * fs), round(AROUND_S * fs) + 1)
    inside = (places >= 0) & (places < len(power))
    around = np.where(inside, between[np.clip(places, 0, len(power) - 1)], np.nan)
    enough = np.isfinite(around).sum(axis=1) >= max(1, LEAST_BACKGROUND_S * fs)
    medians = np.full(len(wanted), np.nan)
    if enough.any():
        medians[enough] = np.nanmedian(around[enough], axis=1)
    return medians


def _noisy_beats(
    fs: float,
    signal: np.ndarray,
    centers: np.ndarray,
    settings: BeatSettings,
    wanted: np.ndarray,
) -> np.ndarray:
    """Whether each wanted beat is lost in noise, by its own ratio or by those of beats around."""
    reach = STRETCH // 2
    near = np.clip(wanted[:, None] + np.arange(-reach, reach + 1), 0, len(centers) - 1)
    needed, inverse = np.unique(near, return_inverse=True)
    single = qrs_to_background(signal, fs, centers, settings, needed)
    ratios = single[inverse.reshape(near.shape)]
    return (np.median(ratios, axis=1) < LEAST_RATIO) | (ratios[:, reach] < LEAST_SINGLE_RATIO)


def _long_stretches(inside: np.ndarray, least: int) -> np.ndarray:
    """The part of ``inside`` that lies in stretches of at least ``least`` samples."""
    number, _ = label(inside)
    is_long = np.bincount(number) >= least
    is_long[0] = False  # 0 is what lies in no stretch
    return is_long[number]


def _unchanging(signal: np.ndarray, fs: float) -> np.ndarray:
    """Samples in long stretches of one and the same value."""
    steps = _long_stretches(np.diff(signal) == 0, max(round(FLAT_S * fs), LEAST_EQUAL) - 1)
    return np.append(steps, False) | np.append(False, steps)  # a step has a sample at each end


def _saturated(signal: np.ndarray, fs: float) -> np.ndarray:
    """Samples in long stretches at the lowest or the highest value of the record."""
    least = max(round(SATURATED_S * fs), LEAST_EQUAL)
    low, high = (_long_stretches(signal == rail, least) for rail in (signal.min(), signal.max()))
    return low | high


def _in_qrs(unreadable: np.ndarray, centers: np.ndarray, fs: float) -> np.ndarray:
    """Whether any unreadable sample lies within the QRS of each beat."""
    before = np.concatenate([[0], np.cumsum(unreadable)])
    first = np.clip(np.rint((centers - QRS_S) * fs).astype(int), 0, len(unreadable) - 1)
    last = np.clip(np.rint((centers + QRS_S) * fs).astype(int), 0, len(unreadable) - 1)
    return before[last + 1] > before[first]


def _still_beats(signal: np.ndarray, centers: np.ndarray, fs: float) -> np.ndarray:
    """Beats that move far less than the record's beats usually do."""
    reach = round(2 * QRS_S * fs)
    places = np.rint(centers * fs).astype(int)[:, None] + np.arange(-reach, reach + 1)
    spans = np.ptp(signal[np.clip(places, 0, len(signal) - 1)], axis=1)
    moving = spans > FLAT_SHARE * np.percentile(spans, 95)
    typical = np.median(spans[moving]) if moving.any() else np.ptp(signal)
    return spans < FLAT_SHARE * typical
