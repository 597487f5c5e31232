"""Where a signal cannot be read: gaps, flat lines, saturation, noise as loud as the beats.

Every measure is a ratio within the record, so it depends neither on units nor on gain. It is taken
in seconds and below 25 Hz, so it does not depend on the sampling rate. It needs no network. The
thresholds were chosen on DS1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d, label

from arrhythmia.beats import Beats
from arrhythmia.blocks import blocks_of, bridged, check_signal, members, rails, side_by_side
from arrhythmia.records import Lead, Record
from arrhythmia.signals import (
    BeatSettings,
    bandpass,
    check_lead,
    resample,
    resampling_ratio,
)
from arrhythmia.trust.pacing import is_paced
from arrhythmia.trust.repetition import judged_by_repetition

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
NOISE: Final = PROBLEMS.index("noise as loud as the beat")
UNREADABLE: Final = ("saturation", "a flat line", "a gap in the signal")
"""Those that lie in single samples, each more serious than the one before."""

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
    check_signal(lead)
    wanted = np.arange(len(centers)) if wanted is None else np.unique(wanted)
    reach = STRETCH // 2
    near = np.clip(wanted[:, None] + np.arange(-reach, reach + 1), 0, len(centers) - 1)
    needed, inverse = np.unique(near, return_inverse=True)
    measured = _measure(lead, centers, settings, needed)
    problems = np.zeros(len(centers), dtype=int)
    ratios = _ratios(measured.peaks, measured.background, needed)[inverse.reshape(near.shape)]
    noisy = (np.median(ratios, axis=1) < LEAST_RATIO) | (ratios[:, reach] < LEAST_SINGLE_RATIO)
    problems[wanted[noisy]] = NOISE
    # Each overrides those before: a flat line has no background to compare with.
    for name, hidden in zip(UNREADABLE, measured.hidden, strict=True):
        problems[wanted[hidden[wanted]]] = PROBLEMS.index(name)
    gap = problems[wanted] == PROBLEMS.index("a gap in the signal")
    still = _still_beats(measured.spans, lead)[wanted] & ~gap
    problems[wanted[still]] = PROBLEMS.index("a flat line")
    return problems


@dataclass(frozen=True)
class _Measured:
    """What is measured of the beats of a lead.

    Parameters
    ----------
    peaks, spans : ndarray of float, shape (beats,)
        Greatest power in the QRS, and how far the signal moves around it.
    background : ndarray of float, shape (needed,)
        Median power between the beats around.
    hidden : ndarray of bool, shape (3, beats)
        Whether each of `UNREADABLE` hides the QRS.
    """

    peaks: np.ndarray
    spans: np.ndarray
    background: np.ndarray
    hidden: np.ndarray


def _measure(
    lead: Lead, centers: np.ndarray, settings: BeatSettings, needed: np.ndarray
) -> _Measured:
    """Measure all beats, of ``needed`` also the background; of a long lead block by block."""
    low, high = rails(lead.signal)
    places = centers * lead.fs
    peaks, spans = np.empty(len(centers)), np.empty(len(centers))
    background, hidden = np.empty(len(needed)), np.empty((len(UNREADABLE), len(centers)), bool)
    multiple = resampling_ratio(lead.fs, settings).denominator
    for block in blocks_of(len(lead.signal), lead.fs, multiple):
        signal, start = bridged(lead, block.start, block.stop), block.start / lead.fs
        seen = members(places, block.start, block.stop, len(lead.signal))
        own = members(places, block.first, block.last, len(lead.signal))
        asked = slice(*np.searchsorted(needed, (own.start, own.stop)))
        power = _power(signal, lead.fs, settings)
        peaks[own] = _peaks(power, centers[own] - start, settings.fs)
        background[asked] = _background(
            power, centers[seen] - start, needed[asked] - seen.start, settings.fs
        )
        spans[own] = _spans(signal, centers[own] - start, lead.fs)
        unreadable = (
            _saturated(signal, lead.fs, low, high),
            _unchanging(signal, lead.fs),
            ~np.isfinite(lead.signal[block.start : block.stop]),
        )
        for row, samples in zip(hidden, unreadable, strict=True):
            row[own] = _in_qrs(samples, centers[own] - start, lead.fs)
    return _Measured(peaks, spans, background, hidden)


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

    def judged(lead: Beats) -> np.ndarray:
        found = find_problems(record.lead(lead.lead), beats.centers, settings, wanted)
        return judged_by_repetition(found, lead, NOISE)

    problems = side_by_side(judged, beats.in_leads)
    asked = True if wanted is None else np.isin(np.arange(len(beats)), wanted)
    return np.where(np.all(problems, axis=0) & asked, problems[0], 0)


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
    power = _power(signal, fs, settings)
    peaks = _peaks(power, centers, settings.fs)
    return _ratios(peaks, _background(power, centers, wanted, settings.fs), wanted)


def _power(signal: np.ndarray, fs: float, settings: BeatSettings) -> np.ndarray:
    """Power in `BAND` at ``settings.fs``."""
    resampled = resample(signal, resampling_ratio(fs, settings))
    fs = settings.fs
    return gaussian_filter1d(bandpass(resampled, fs, BAND, order=2) ** 2, 0.03 * fs)


def _peaks(power: np.ndarray, centers: np.ndarray, fs: float) -> np.ndarray:
    """Greatest power in each QRS."""
    middles = np.clip(np.rint(centers * fs).astype(int), 0, len(power) - 1)
    qrs = middles[:, None] + np.arange(-round(QRS_S * fs), round(QRS_S * fs) + 1)
    return power[np.clip(qrs, 0, len(power) - 1)].max(axis=1)


def _background(
    power: np.ndarray, centers: np.ndarray, wanted: np.ndarray, fs: float
) -> np.ndarray:
    """Median power between the beats around each wanted one; 0 where nothing is between."""
    middles = np.clip(np.rint(centers * fs).astype(int), 0, len(power) - 1)
    reaches = np.full(len(middles), round(BEAT_S * fs))
    background = _between_beats(power, middles, reaches, wanted, fs)
    dense = np.isnan(background)
    if dense.any():  # marks in noise can be so dense that nothing is left between them
        gaps = np.diff(middles, prepend=-len(power), append=2 * len(power))
        shorter = np.minimum(np.minimum(gaps[1:], gaps[:-1]), len(power))
        reaches = (DENSE_REACH * shorter).astype(int)
        background[dense] = _between_beats(power, middles, reaches, wanted[dense], fs)
    return np.nan_to_num(background)


def _ratios(peaks: np.ndarray, background: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    ratios = np.sqrt(peaks[wanted] / np.maximum(background, np.finfo(float).tiny))
    weak = peaks[wanted] < FLAT_SHARE**2 * np.median(peaks)  # hum alone leaves next to nothing
    return np.where(weak, 0.0, np.where(background > 0, ratios, np.inf))


def _between_beats(
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


def _saturated(signal: np.ndarray, fs: float, lowest: float, highest: float) -> np.ndarray:
    """Samples in long stretches at the lowest or the highest value of the record."""
    least = max(round(SATURATED_S * fs), LEAST_EQUAL)
    low, high = (_long_stretches(signal == rail, least) for rail in (lowest, highest))
    return low | high


def _in_qrs(unreadable: np.ndarray, centers: np.ndarray, fs: float) -> np.ndarray:
    """Whether any unreadable sample lies within the QRS of each beat."""
    before = np.concatenate([[0], np.cumsum(unreadable)])
    first = np.clip(np.rint((centers - QRS_S) * fs).astype(int), 0, len(unreadable) - 1)
    last = np.clip(np.rint((centers + QRS_S) * fs).astype(int), 0, len(unreadable) - 1)
    return before[last + 1] > before[first]


def _spans(signal: np.ndarray, centers: np.ndarray, fs: float) -> np.ndarray:
    """How far the signal moves around each beat."""
    reach = round(2 * QRS_S * fs)
    places = np.rint(centers * fs).astype(int)[:, None] + np.arange(-reach, reach + 1)
    return np.ptp(signal[np.clip(places, 0, len(signal) - 1)], axis=1)


def _still_beats(spans: np.ndarray, lead: Lead) -> np.ndarray:
    """Beats that move far less than the record's beats usually do."""
    moving = spans > FLAT_SHARE * np.percentile(spans, 95)
    low, high = rails(lead.signal)
    typical = np.median(spans[moving]) if moving.any() else high - low
    return spans < FLAT_SHARE * typical
