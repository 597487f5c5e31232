"""Where P, QRS and T of each beat begin, peak and end, over all leads.

After the wavelet delineator of Martínez, Almeida, Olmos, Rocha and Laguna (IEEE Trans Biomed Eng
51:570, 2004): a wave is a pair of extrema of opposite sign in the smoothed slope; it begins before
the first and ends after the last, where the slope has lost a part of that extremum or turns. The
smoothing is Gaussian, near their scales 2² (QRS) and 2⁴ (P, T) at 250 Hz. Two things are added.
The leads are read together: the QRS in the length of the slope's vector, P and T along its main
direction. And the mean beat of a template is measured, where the noise has averaged out, and
carried to each beat that is like it; a beat that is not is measured by itself. Constants were
chosen on the expert's marks of the QT Database: ``python -m studies delineation``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import butter, sosfiltfilt

from arrhythmia.rr import rr_intervals

GRID = 250.0
"""Samples a second of the windows that are measured …"""
CENTER, LENGTH = 125, 311
"""… the centre of the QRS in them, and their length: from 0.5 s before to 0.74 s after it."""
SLOWEST_HZ = 0.4
"""Slower waves are baseline. The 0.5–40 Hz band of the network would round off the QRS."""
FAST_S, SLOW_S = 0.006, 0.018
"""Standard deviation of the smoothing for the QRS, and for P and T."""
QRS_REACH = (38, 50)
"""The QRS begins and ends no farther than this from its centre, in samples of `GRID`."""
QRS_LEVELS = (0.06, 0.085)
"""The slope has left the flat stretch beside the QRS by this part of its peak at onset and end."""
QRS_GAPS = (7, 9)
"""Flat stretches shorter than this, as at the top of a wave, do not end the QRS: samples."""
WIDTHS_S, NOISE = (0.05, 0.25), 0.25
"""A QRS of another width is not stated, nor one beside which the typical slope is more than this
part of its steepest: it is noise."""
SAME_QRS, SAME_P, SAME_T = 0.9, 0.8, 0.6
"""Correlation from which on a beat has the QRS, P (of the others) and T of its template."""
P_REACH_S, P_LONGEST = (0.24, 0.03), 31
"""The slopes of P lie from here to here before the onset of the QRS, so many samples apart."""
LEAST_P, LEAST_T = 0.02, 0.004
"""P and T are at least this part as steep as the QRS."""
P_RANGE = (0.6, 3.0)
"""A P unlike that of the template is as steep as the record's others, within these factors."""
BESIDE_T = 2.0
"""It is this much steeper than the T before, of which a rest may look like a P."""
WITH_P = 0.3
"""Such a P is looked for where so many of the record's beats have one: not in fibrillation."""
P_LEVELS, T_LEVELS, TURN = (0.46, 0.6), (0.25, 0.38), 0.6
"""P and T begin and end where this part of their slope is left, or it turns below the last part."""


@dataclass(frozen=True)
class Wave:
    """One kind of wave in every beat; NaN where it was not seen.

    Parameters
    ----------
    onset, peak, end : ndarray of float, shape (beats,)
        In seconds from the start of the record.
    """

    onset: np.ndarray
    peak: np.ndarray
    end: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Whether it was seen, shape (beats,)."""
        return np.isfinite(self.peak)

    @property
    def width(self) -> np.ndarray:
        """From onset to end in seconds, shape (beats,)."""
        return self.end - self.onset


@dataclass(frozen=True)
class Delineation:
    """The waves of a record's beats.

    Parameters
    ----------
    p, qrs, t : Wave
    """

    p: Wave
    qrs: Wave
    t: Wave


def delineate(
    signals: np.ndarray, fs: float, centers: np.ndarray, number: np.ndarray | None = None
) -> Delineation:
    """Measure P, QRS and T of all beats.

    Parameters
    ----------
    signals : ndarray of float, shape (samples, leads)
        As recorded, without gaps, all leads in one unit.
    fs : float
        Hz.
    centers : ndarray of float, shape (beats,)
        Centre of each QRS in seconds, increasing.
    number : ndarray of int, shape (beats,), optional
        Template of each beat, from 1, as in `arrhythmia.templates.Templates`; by default each
        beat is measured by itself.
    """
    if not len(centers):
        return Delineation(*(Wave(*np.empty((3, 0))) for _ in range(3)))
    highpass = butter(2, SLOWEST_HZ, "highpass", fs=fs, output="sos")
    filtered = sosfiltfilt(highpass, signals.T, padlen=min(len(signals) - 1, 500))
    fast, slow = (_slopes(filtered.astype(np.float32), fs, centers, s) for s in (FAST_S, SLOW_S))
    number = np.arange(len(centers)) if number is None else number
    member = np.unique(number, return_inverse=True)[1]
    rr_pre, rr_post = rr_intervals(centers, 1.0, len(signals) / fs)
    mean_fast, mean_slow = _means(fast, member), _means(slow, member)
    lag, alike = _align(fast, mean_fast[member], 8, slice(CENTER - 30, CENTER + 36))
    like = (alike >= SAME_QRS) & (np.bincount(member)[member] > 1)
    qrs = np.where(like, _qrs(mean_fast)[:, member] + lag, _qrs(fast))
    steep = np.abs(slow[:, CENTER - 25 : CENTER + 26]).max(axis=(1, 2))
    qrs[:, steep < 1e-9] = np.nan
    measured = np.isfinite(qrs[0])
    onset, end = (np.where(measured, qrs[k], CENTER + d) for k, d in ((0, -12), (2, 20)))
    rr = _medians(rr_post, member)
    t = _t_waves(slow, mean_slow, member, _medians(end - lag, member), rr, steep)
    p = _p_waves(slow, mean_slow, member, onset, t, (rr_pre, rr), steep)
    t[:, t[2] > CENTER + (rr_post - 0.04) * GRID] = np.nan
    t[0] = np.maximum(t[0], qrs[2])
    p[:, ~measured] = t[:, ~measured] = np.nan
    return Delineation(*(Wave(*(centers + (w - CENTER) / GRID)) for w in (p, qrs, t)))


def _medians(values: np.ndarray, member: np.ndarray) -> np.ndarray:
    return np.array([np.median(values[member == k]) for k in range(member.max() + 1)])


def _slopes(signals: np.ndarray, fs: float, centers: np.ndarray, width: float) -> np.ndarray:
    """Smoothed slopes around each centre, shape (beats, `LENGTH`, leads), per second."""
    slope = gaussian_filter1d(signals, width * fs, axis=1, order=1, truncate=3.0).T * fs
    slope = np.ascontiguousarray(slope)
    places = (centers[:, None] + (np.arange(LENGTH) - CENTER) / GRID) * fs
    places = np.clip(places, 0, len(slope) - 1.001)
    first = places.astype(int)
    part = (places - first)[..., None].astype(np.float32)
    return slope[first] * (1 - part) + slope[first + 1] * part


def _means(windows: np.ndarray, member: np.ndarray) -> np.ndarray:
    order = np.argsort(member, kind="stable")
    first = np.flatnonzero(np.diff(member[order], prepend=-1))
    sums = np.add.reduceat(windows[order], first, axis=0)
    return sums / np.bincount(member)[:, None, None]


def _align(
    windows: np.ndarray, means: np.ndarray, reach: int, part: slice
) -> tuple[np.ndarray, np.ndarray]:
    """How much later than in the mean a wave is, in parts of a sample, and how alike it is."""
    mean = means[:, part]
    lags = np.arange(-reach, reach + 1)
    moved = [windows[:, part.start + lag : part.stop + lag] for lag in lags]
    fits = np.stack([np.einsum("bsl,bsl->b", w, mean) for w in moved], axis=1)
    energy = np.stack([np.einsum("bsl,bsl->b", w, w) for w in moved], axis=1)
    energy *= np.einsum("bsl,bsl->b", mean, mean)[:, None]
    fits /= np.sqrt(np.maximum(energy, 1e-12))
    best, rows = fits.argmax(axis=1), np.arange(len(windows))
    inner = np.clip(best, 1, len(lags) - 2)
    left, middle, right = (fits[rows, inner + k] for k in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -1e-12)
    return lags[inner] + np.clip(0.5 * (left - right) / bend, -1, 1), fits[rows, best]


def _qrs(windows: np.ndarray) -> np.ndarray:
    """Onset, peak and end of the QRS, shape (3, beats), in samples; NaN where not measurable."""
    speed = np.sqrt(np.einsum("bsl,bsl->bs", windows, windows))
    near = slice(CENTER - 20, CENTER + 21)
    speed = speed / np.maximum(speed[:, near].max(axis=1, keepdims=True), 1e-12)
    rows, places = np.arange(len(speed)), np.arange(LENGTH)
    top = near.start + speed[:, near].argmax(axis=1)[:, None]
    first, last = CENTER - QRS_REACH[0], CENTER + QRS_REACH[1]
    edges = []
    for step, level, gap, quiet in (
        (-1, QRS_LEVELS[0], QRS_GAPS[0], speed[:, first : CENTER - 8]),
        (1, QRS_LEVELS[1], QRS_GAPS[1], speed[:, CENTER + 10 : last]),
    ):
        floor = level + quiet.min(axis=1)
        joined = maximum_filter1d((speed >= floor[:, None]).astype(np.uint8), gap, axis=1) > 0
        away = ~joined & ((places - top) * step >= 0)
        edge = step * (np.where(away, step * places, LENGTH).min(axis=1) - 1 - gap // 2)
        edge = np.clip(edge, first, last)
        inside, beyond = speed[rows, edge], speed[rows, edge + step]
        part = (inside - floor) / np.maximum(inside - beyond, 1e-12)
        edges.append(edge + step * np.clip(part, 0, 1))
    onset, end = edges
    low, high = np.floor(onset).astype(int) - 2, np.ceil(end).astype(int) + 3
    lead = _one_lead(windows, low, high)
    result = np.stack([onset, _walk(lead, _pair(lead, low, high, 61)[0], 0.0, 1), end])
    noisy = np.median(speed[:, np.abs(places - CENTER) > 45], axis=1) > NOISE
    width = (end - onset) / GRID
    result[:, noisy | (width < WIDTHS_S[0]) | (width > WIDTHS_S[1])] = np.nan
    return result


def _one_lead(windows: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The leads along the main direction of their slopes in a stretch, shape (beats, samples)."""
    part, inside = _stretch(first, last)
    held = windows[:, part] * inside[..., None]
    _, axes = np.linalg.eigh(np.matmul(held.transpose(0, 2, 1), held))
    return np.einsum("bsl,bl->bs", windows, axes[:, :, -1])


def _stretch(first: np.ndarray, last: np.ndarray) -> tuple[slice, np.ndarray]:
    """Columns that hold all stretches, and which of them are inside, shape (beats, columns)."""
    start = int(np.clip(first.min(), 0, LENGTH - 1))
    part = slice(start, max(min(int(last.max()), LENGTH), start + 1))
    places = np.arange(LENGTH)[part]
    return part, (places >= first[:, None]) & (places < last[:, None])


def _pair(
    slope: np.ndarray, first: np.ndarray, last: np.ndarray, longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steepest rise and fall, in either order, in a stretch: their places, and how steep."""
    part, inside = _stretch(first, last)
    held, rows, found = slope[:, part] * inside, np.arange(len(slope)), []
    for sign in (1, -1):
        one, two = np.maximum(sign * held, 0), np.maximum(-sign * held, 0)
        before = maximum_filter1d(one, longest, axis=1, origin=longest // 2, mode="constant")
        both = np.sqrt(before * two)
        both[np.minimum(before, two) < 0.3 * np.maximum(before, two)] = 0
        late = both.argmax(axis=1)
        back = np.maximum(late[:, None] - np.arange(longest), 0)
        early = back[rows, one[rows[:, None], back].argmax(axis=1)]
        found.append((early + part.start, late + part.start, both[rows, late]))
    up = found[0][2] >= found[1][2]
    early, late, height = (np.where(up, *both) for both in zip(*found, strict=True))
    return early, late, height


def _walk(slope: np.ndarray, start: np.ndarray, level: float, step: int) -> np.ndarray:
    """Where a slope has fallen to a part of its extremum, or turns, on the way from there."""
    places, rows = np.arange(slope.shape[1]), np.arange(len(slope))
    top = slope[rows, start]
    part = slope / np.where(top == 0, 1, top)[:, None]
    stop = part <= level
    if level > 0:
        turns = (part[:, 1:-1] <= part[:, :-2]) & (part[:, 1:-1] <= part[:, 2:])
        stop[:, 1:-1] |= turns & (part[:, 1:-1] < TURN)
    stop &= (places - start[:, None]) * step > 0
    reached = np.where(stop, places * step, slope.shape[1]).min(axis=1) * step
    reached = np.clip(reached, 0, LENGTH - 1)
    inside, low = part[rows, np.clip(reached - step, 0, LENGTH - 1)], part[rows, reached]
    back = np.where(low <= level, (level - low) / np.maximum(inside - low, 1e-12), 0)
    return reached - step * np.clip(back, 0, 1)


def _around(windows: np.ndarray, places: np.ndarray, before: int, after: int) -> np.ndarray:
    """Stretches around a place of each beat, shape (beats, samples, leads)."""
    places = np.round(places).astype(int)[:, None] + np.arange(-before, after + 1)
    return windows[np.arange(len(windows))[:, None], np.clip(places, 0, LENGTH - 1)]


def _t_waves(
    slow: np.ndarray, means: np.ndarray, member: np.ndarray, end: np.ndarray, rr: np.ndarray,
    steep: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """T of each template, moved to where it is in each beat, shape (3, beats)."""
    first = np.round(end + 0.12 * GRID).astype(int)
    last = CENTER + np.minimum(0.40 * np.sqrt(rr) + 0.06, rr - 0.27) * GRID
    last = np.clip(np.maximum(last, first + 25), None, LENGTH - 2).astype(int)
    lead = _one_lead(means, first, last)
    places = np.arange(LENGTH)
    inside = np.where((places >= first[:, None]) & (places < last[:, None]), lead, 0)
    up, down = inside.argmax(axis=1), inside.argmin(axis=1)
    early, late = np.minimum(up, down), np.maximum(up, down)
    ends = (early, T_LEVELS[0], -1), (late, 0.0, -1), (late, T_LEVELS[1], 1)
    waves = np.stack([_walk(lead, *end) for end in ends])[:, member]
    reach, (before, after) = 12, (20, 30)
    mean = _around(means[member], waves[1], before, after)
    wide = _around(slow, waves[1], before + reach, after + reach)
    lag, alike = _align(wide, np.pad(mean, ((0, 0), (reach, reach), (0, 0))), reach,
                        slice(reach, reach + before + after + 1))  # fmt: skip
    waves = waves + np.where(np.abs(lag) < reach - 1, lag, 0)
    low = np.abs(inside).max(axis=1)[member] < LEAST_T * steep
    waves[:, (alike < SAME_T) | low] = np.nan
    return waves


def _p_waves(
    slow: np.ndarray, means: np.ndarray, member: np.ndarray, onset: np.ndarray, t: np.ndarray,
    rr: tuple[np.ndarray, np.ndarray], steep: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """P of each beat, shape (3, beats): that of its template, else one of its own."""
    (rr_pre, usual_rr), count = rr, np.bincount(member)[member]
    t_before = np.concatenate([[np.nan], t[2, :-1]]) - rr_pre * GRID
    free = np.where(np.isfinite(t_before), t_before + 2, 5)
    first = _medians(np.maximum(onset - P_REACH_S[0] * GRID, free), member)
    last = _medians(onset, member)
    usual, height = _measure_p(means, first, last - P_REACH_S[1] * GRID)
    usual, height = usual[:, member], height[member]
    reach, (before, after) = 6, (18, 18)
    mean = _around(means[member], usual[1], before, after)
    wide = _around(slow, usual[1], before + reach, after + reach)
    alone = wide[:, reach:-reach] / count[:, None, None]
    others = (mean - alone) * (count / np.maximum(count - 1, 1))[:, None, None]
    lag, alike = _align(wide, np.pad(others, ((0, 0), (reach, reach), (0, 0))), reach,
                        slice(reach, reach + before + after + 1))  # fmt: skip
    seen = (alike >= SAME_P) & (count > 1) & (height > LEAST_P * steep) & (usual[2] < onset)
    p = usual + np.where(np.abs(lag) < reach - 1, lag, 0)
    if seen.mean() >= WITH_P:
        t_part = _t_before(means, member, rr_pre, usual_rr)
        start = np.maximum(onset - 0.30 * GRID, CENTER - (rr_pre - 0.16) * GRID)
        own, own_height = _measure_p(slow - t_part, start, onset - P_REACH_S[1] * GRID)
        typical = np.median(height[seen])
        fits = (own_height > P_RANGE[0] * typical) & (own_height < P_RANGE[1] * typical) & ~seen
        t_steep = np.abs(_around(t_part, own[1], before, after)).max(axis=(1, 2))
        fits &= own_height > BESIDE_T * t_steep
        p, seen = np.where(fits, own, p), seen | fits
    seen &= p[2] < onset + 0.012 * GRID  # else it is the QRS that begins slowly
    p[2] = np.minimum(p[2], onset)
    p[:, ~seen] = np.nan
    return p


def _measure_p(
    windows: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Onset, peak and end of the steepest wave in a stretch, shape (3, beats); how steep it is."""
    first, last = (np.round(np.clip(x, 5, LENGTH)).astype(int) for x in (first, last))
    lead = _one_lead(windows, first, last)
    early, late, height = _pair(lead, first, last, P_LONGEST)
    height = height * (early > first)  # else it is the end of a wave before
    wave = _walk(lead, early, P_LEVELS[0], -1), _walk(lead, early, 0.0, 1)
    return np.stack([*wave, _walk(lead, late, P_LEVELS[1], 1)]), height


def _t_before(
    means: np.ndarray, member: np.ndarray, rr_pre: np.ndarray, rr: np.ndarray
) -> np.ndarray:
    """Slopes of the T of the beat before, as its template has it: a P may lie on it."""
    before = np.concatenate([member[:1], member[:-1]])
    places = np.arange(LENGTH) + np.round(rr_pre * GRID).astype(int)[:, None]
    last = CENTER + np.round((rr[before] - 0.30) * GRID).astype(int)[:, None]
    inside = (places < np.minimum(last, LENGTH)) & (places > CENTER)
    inside[0] = False
    return means[before[:, None], np.minimum(places, LENGTH - 1)] * inside[..., None]
