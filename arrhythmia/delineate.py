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
from scipy.ndimage import maximum_filter1d
from scipy.signal import butter, sosfiltfilt

from arrhythmia.rr import rr_intervals
from arrhythmia.slopes import (
    CENTER,
    GRID,
    LENGTH,
    align,
    around,
    means_of,
    one_lead,
    slopes_around,
    steepest_pair,
    walk,
    weighted_quantile,
)

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
QRS_PART = slice(CENTER - 30, CENTER + 36)
"""Samples by which two QRS are compared."""
BESIDE_QRS = 0.4
"""In a single beat the QRS stands out of this part of the typical slope beside it: with it .026
instead of .035 of DS1's beats that are like their template are measured by themselves more than 40
ms wider or narrower than it is."""
SAME_SHAPE, OFF_QRS, OFF_T = 0.95, 10, 20
"""Correlation from which on two templates have the same QRS; onsets of QRS and marks
of T that are so many samples off those of most such beats are replaced by theirs."""
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
P_LEVELS, T_LEVELS = (0.46, 0.6), (0.25, 0.38)
"""P and T begin and end where this part of their slope is left, or it turns."""


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
    fast, slow = (
        slopes_around(filtered.astype(np.float32), fs, centers, s) for s in (FAST_S, SLOW_S)
    )
    number = np.arange(len(centers)) if number is None else number
    member = np.unique(number, return_inverse=True)[1]
    rr_pre, rr_post = rr_intervals(centers, 1.0, len(signals) / fs)
    mean_fast, mean_slow = means_of(fast, member), means_of(slow, member)
    lag, alike = align(fast, mean_fast[member], 8, QRS_PART)
    like = (alike >= SAME_QRS) & (np.bincount(member)[member] > 1)
    same = _same_qrs(mean_fast, np.bincount(member))
    usual = _pooled(_qrs(mean_fast, beside=0.0), same, OFF_QRS, onset=True)
    own = _qrs(fast, beside=BESIDE_QRS)
    own[:, np.isnan(_qrs(fast, beside=0.0)[0])] = np.nan  # noise that reaches the QRS
    qrs = np.where(like, usual[:, member] + lag, own)
    steep = np.abs(slow[:, CENTER - 25 : CENTER + 26]).max(axis=(1, 2))
    qrs[:, steep < 1e-9] = np.nan
    measured = np.isfinite(qrs[0])
    onset, end = (np.where(measured, qrs[k], CENTER + d) for k, d in ((0, -12), (2, 20)))
    rr = _medians(rr_post, member)
    t = _t_waves(slow, mean_slow, member, _medians(end - lag, member), rr, steep, same)
    p = _p_waves(slow, mean_slow, member, onset, t, (rr_pre, rr), steep)
    t[:, t[2] > CENTER + (rr_post - 0.04) * GRID] = np.nan
    t[0] = np.maximum(t[0], qrs[2])
    p[:, ~measured] = t[:, ~measured] = np.nan
    return Delineation(*(Wave(*(centers + (w - CENTER) / GRID)) for w in (p, qrs, t)))


def _medians(values: np.ndarray, member: np.ndarray) -> np.ndarray:
    return np.array([np.median(values[member == k]) for k in range(member.max() + 1)])


def _qrs(windows: np.ndarray, beside: float) -> np.ndarray:
    """Onset, peak and end of the QRS, shape (3, beats), in samples; NaN where not measurable."""
    speed = np.sqrt(np.einsum("bsl,bsl->bs", windows, windows))
    near = slice(CENTER - 20, CENTER + 21)
    speed = speed / np.maximum(speed[:, near].max(axis=1, keepdims=True), 1e-12)
    rows, places = np.arange(len(speed)), np.arange(LENGTH)
    top = near.start + speed[:, near].argmax(axis=1)[:, None]
    first, last = CENTER - QRS_REACH[0], CENTER + QRS_REACH[1]
    typical = np.median(speed[:, np.abs(places - CENTER) > 45], axis=1)
    edges = []
    for step, level, gap, quiet in (
        (-1, QRS_LEVELS[0], QRS_GAPS[0], speed[:, first : CENTER - 8]),
        (1, QRS_LEVELS[1], QRS_GAPS[1], speed[:, CENTER + 10 : last]),
    ):
        floor = level + np.maximum(quiet.min(axis=1), beside * typical)
        joined = maximum_filter1d((speed >= floor[:, None]).astype(np.uint8), gap, axis=1) > 0
        away = ~joined & ((places - top) * step >= 0)
        edge = step * (np.where(away, step * places, LENGTH).min(axis=1) - 1 - gap // 2)
        edge = np.clip(edge, first, last)
        inside, beyond = speed[rows, edge], speed[rows, edge + step]
        part = (inside - floor) / np.maximum(inside - beyond, 1e-12)
        edges.append(edge + step * np.clip(part, 0, 1))
    onset, end = edges
    low, high = np.floor(onset).astype(int) - 2, np.ceil(end).astype(int) + 3
    lead = one_lead(windows, low, high)
    result = np.stack([onset, walk(lead, steepest_pair(lead, low, high, 61)[0], 0.0, 1), end])
    width = (end - onset) / GRID
    result[:, (typical > NOISE) | (width < WIDTHS_S[0]) | (width > WIDTHS_S[1])] = np.nan
    return result


def _same_qrs(means: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which templates have the same QRS, and how much later it is.

    Returns
    -------
    weight : ndarray of float, shape (templates, templates)
        Beats of the second, 0 where its QRS is another than that of the first, or either is a
        single beat.
    lag : ndarray of float, shape (templates, templates)
        By how many samples the first is later than the second.
    """
    weight, lag = np.zeros((2, len(means), len(means)))
    several = np.flatnonzero(count > 1)
    for place in several:
        one = np.repeat(means[place : place + 1], len(several), axis=0)
        lag[place, several], alike = align(one, means[several], 8, QRS_PART)
        weight[place, several] = count[several] * (alike >= SAME_SHAPE)
    return weight, lag


def _pooled(
    marks: np.ndarray, same: tuple[np.ndarray, np.ndarray], most: float, onset: bool = False
) -> np.ndarray:
    """Marks of templates (3, templates), where most beats with the same QRS have them.

    Parameters
    ----------
    marks : ndarray of float, shape (3, templates)
        Onset, peak and end.
    same : tuple
        See `_same_qrs`.
    most : float
        Samples by which they may be off.
    onset : bool
        Of the QRS: an onset that is too early is replaced, since a P that ends at the QRS may be
        taken for a part of it. By default all marks are replaced where the peak is off.
    """
    pooled = marks.copy()
    for place, (weight, lag) in enumerate(zip(*same, strict=True)):
        others = (weight > 0) & np.isfinite(marks[0])
        if not (others.any() and np.isfinite(marks[0, place])):
            continue
        found = marks[:, others] + lag[others]
        usual = np.array([weighted_quantile(row, weight[others], 0.5) for row in found])
        away = marks[:, place] - usual
        off = np.array([away[0] < -most, False, False]) if onset else abs(away[1:2]) > most
        off = np.broadcast_to(off, 3)
        pooled[off, place] = usual[off]
    return pooled


def _t_waves(
    slow: np.ndarray, means: np.ndarray, member: np.ndarray, end: np.ndarray, rr: np.ndarray,
    steep: np.ndarray, same: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """T of each template, moved to where it is in each beat, shape (3, beats)."""
    first = np.round(end + 0.12 * GRID).astype(int)
    last = CENTER + np.minimum(0.40 * np.sqrt(rr) + 0.06, rr - 0.27) * GRID
    last = np.clip(np.maximum(last, first + 25), None, LENGTH - 2).astype(int)
    lead = one_lead(means, first, last)
    places = np.arange(LENGTH)
    inside = np.where((places >= first[:, None]) & (places < last[:, None]), lead, 0)
    up, down = inside.argmax(axis=1), inside.argmin(axis=1)
    early, late = np.minimum(up, down), np.maximum(up, down)
    ends = (early, T_LEVELS[0], -1), (late, 0.0, -1), (late, T_LEVELS[1], 1)
    waves = np.stack([walk(lead, *end) for end in ends])
    waves = _pooled(waves, same, OFF_T)[:, member]
    reach, (before, after) = 12, (20, 30)
    mean = around(means[member], waves[1], before, after)
    wide = around(slow, waves[1], before + reach, after + reach)
    lag, alike = align(wide, np.pad(mean, ((0, 0), (reach, reach), (0, 0))), reach,
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
    mean = around(means[member], usual[1], before, after)
    wide = around(slow, usual[1], before + reach, after + reach)
    alone = wide[:, reach:-reach] / count[:, None, None]
    others = (mean - alone) * (count / np.maximum(count - 1, 1))[:, None, None]
    lag, alike = align(wide, np.pad(others, ((0, 0), (reach, reach), (0, 0))), reach,
                        slice(reach, reach + before + after + 1))  # fmt: skip
    seen = (alike >= SAME_P) & (count > 1) & (height > LEAST_P * steep) & (usual[2] < onset)
    p = usual + np.where(np.abs(lag) < reach - 1, lag, 0)
    if seen.mean() >= WITH_P:
        t_part = _t_before(means, member, rr_pre, usual_rr)
        start = np.maximum(onset - 0.30 * GRID, CENTER - (rr_pre - 0.16) * GRID)
        own, own_height = _measure_p(slow - t_part, start, onset - P_REACH_S[1] * GRID)
        typical = np.median(height[seen])
        fits = (own_height > P_RANGE[0] * typical) & (own_height < P_RANGE[1] * typical) & ~seen
        t_steep = np.abs(around(t_part, own[1], before, after)).max(axis=(1, 2))
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
    lead = one_lead(windows, first, last)
    early, _, _ = steepest_pair(lead, first, last, P_LONGEST)
    # the end of a wave before, which is steeper than a small P
    beyond = np.where(early > first, first, np.ceil(walk(lead, early, 0.0, 1)).astype(int))
    early, late, height = steepest_pair(lead, beyond, last, P_LONGEST)
    height = height * (early > beyond)
    wave = walk(lead, early, P_LEVELS[0], -1), walk(lead, early, 0.0, 1)
    return np.stack([*wave, walk(lead, late, P_LEVELS[1], 1)]), height


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
