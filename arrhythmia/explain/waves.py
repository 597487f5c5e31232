"""Waves of a beat: where P, QRS and T lie in a segment, and how wide the QRS is.

``neurokit2`` delineates whole signals in place of single beats, and cannot be installed beside
pandas 3; so the few lines here find the waves in the record's template beat, where averaging has
taken the noise away, and say where they had to fall back on a fixed division.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, peak_widths

WAVES = ("before P", "P", "PR", "QRS", "ST", "T", "after")
"""The stretches of a segment, in order of time."""

STEEP = 0.15
"""Part of the steepest slope that still belongs to the QRS."""
GAP_S = 0.03
"""A flat stretch no longer than this, as at the top of a wave, does not end the QRS."""
QRS_REACH_S = (0.13, 0.17)
"""The QRS begins and ends no farther than this from its centre."""
SMALLEST = 0.03
"""A P or T wave is seen where it stands out by this part of the height of the QRS."""
P_WINDOW_S = (-0.24, -0.04)
"""The top of the P wave is looked for here, relative to the onset of the QRS."""
T_WINDOW_S = (0.06, 0.38)
"""That of the T wave here, relative to the end of the QRS."""
P_FIXED_S = (-0.20, -0.08)
"""Where the P wave is taken to be when it is not seen, relative to the onset of the QRS …"""
T_FIXED_S = (0.08, 0.30)
"""… and the T wave, relative to the end of the QRS."""
FOOT = 0.85
"""A wave reaches from where it has lost this part of its height to where it has again."""


@dataclass(frozen=True)
class Waves:
    """Division of a segment.

    Parameters
    ----------
    edges : ndarray of float, shape (8,)
        Where the stretches of `WAVES` begin, and where the last ends, in samples.
    p_seen, t_seen : bool
        Whether the wave was seen in the template beat; else it is where it mostly is.
    """

    edges: np.ndarray
    p_seen: bool
    t_seen: bool

    def of_samples(self, length: int) -> np.ndarray:
        """Place in `WAVES` of every sample of a segment."""
        return np.clip(np.searchsorted(self.edges[1:-1], np.arange(length), side="right"), 0, 6)


def qrs_extent(segment: np.ndarray, fs: float, center: float) -> tuple[float, float]:
    """Onset and end of the QRS: where the slope stays steep around the centre.

    Parameters
    ----------
    segment : ndarray, shape (samples,)
        Of one beat, filtered.
    fs : float
        Hz.
    center : float
        Centre of the QRS, in samples.

    Returns
    -------
    onset, end : float
        In samples, between samples.
    """
    slope = gaussian_filter1d(np.abs(np.gradient(np.asarray(segment, dtype=float))), 0.008 * fs)
    first = max(int(center - QRS_REACH_S[0] * fs), 0)
    last = min(int(center + QRS_REACH_S[1] * fs), len(slope) - 1)
    top = slope[first : last + 1].max()
    steep = slope >= max(STEEP * top, 1e-12)
    return (
        _edge(slope, steep, round(center), first, -1, STEEP * top, GAP_S * fs),
        _edge(slope, steep, round(center), last, 1, STEEP * top, GAP_S * fs),
    )


def _edge(
    slope: np.ndarray, steep: np.ndarray, start: int, stop: int, step: int, level: float, gap: float
) -> float:
    """Last steep place on the way from start to stop, to a part of a sample."""
    edge = start
    for place in range(start, stop + step, step):
        if steep[place]:
            edge = place
        elif abs(place - edge) > gap:
            break
    beyond = edge + step
    if not 0 <= beyond < len(slope) or slope[edge] <= slope[beyond]:
        return float(edge)
    part = (slope[edge] - level) / (slope[edge] - slope[beyond])
    return edge + step * float(np.clip(part, 0, 1))


def find_waves(segment: np.ndarray, template_beat: np.ndarray, fs: float, center: float) -> Waves:
    """Divide a beat: its own QRS, and P and T where the record's template beat has them.

    Parameters
    ----------
    segment, template_beat : ndarray, shape (samples,)
        On the same scale.
    fs : float
        Hz.
    center : float
        Centre of the QRS, in samples.
    """
    template_onset, template_end = qrs_extent(template_beat, fs, center)
    onset, end = qrs_extent(segment, fs, center)
    p_wave = _wave(template_beat, template_onset, P_WINDOW_S, fs)
    t_wave = _wave(template_beat, template_end, T_WINDOW_S, fs)
    p_on, p_off = p_wave or template_onset + np.array(P_FIXED_S) * fs
    t_on, t_off = t_wave or template_end + np.array(T_FIXED_S) * fs
    edges = np.array([0.0, p_on, p_off, onset, end, t_on, t_off, len(segment)])
    edges[:3] = np.minimum(edges[:3], onset)
    edges[5:] = np.maximum(edges[5:], end)
    return Waves(np.clip(edges, 0, len(segment)), p_wave is not None, t_wave is not None)


def _wave(
    beat: np.ndarray, edge: float, window: tuple[float, float], fs: float
) -> tuple[float, float] | None:
    """Foot to foot of the wave that stands out most in a window, up or down; None if none."""
    first, last = (int(np.clip(edge + w * fs, 0, len(beat))) for w in window)
    if last - first < 3:
        return None
    height, best = SMALLEST * np.ptp(beat), None
    for signal in (beat, -beat):
        peaks, facts = find_peaks(signal[first:last], prominence=height)
        if len(peaks):
            most = int(np.argmax(facts["prominences"]))
            height = facts["prominences"][most]
            feet = peak_widths(signal[first:last], peaks[most : most + 1], FOOT)[2:]
            best = first + float(feet[0][0]), first + float(feet[1][0])
    return best
