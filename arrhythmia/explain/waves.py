"""Waves of a beat: where P, QRS and T lie in a segment, and how wide the QRS is.

`beat_waves` takes them from `arrhythmia.delineate`: of this beat, in all leads of the record.
`find_waves` divides a segment where there is no record to look at, for studies of the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, peak_widths

from arrhythmia.beats import Beats
from arrhythmia.delineate import Delineation, Wave, delineate
from arrhythmia.errors import InputError
from arrhythmia.records import Record
from arrhythmia.signals import BeatSettings, fill_gaps
from arrhythmia.templates import Templates, TemplateSettings, find_templates

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
AROUND_S = 300.0
"""Beats so near are delineated with a beat: an explanation does not wait for a whole Holter."""
USUAL = 0.95
"""A beat whose segment correlates so with the template beat has the patient's usual QRS."""


@dataclass(frozen=True)
class Waves:
    """Division of a segment.

    Parameters
    ----------
    edges : ndarray of float, shape (8,)
        Where the stretches of `WAVES` begin, and where the last ends, in samples.
    p_seen, t_seen : bool
        Whether the wave was seen; else it has no width, or is where it mostly is.
    qrs_seen : bool
        Whether the QRS could be measured; else its edges are a rough division.
    qrs_s, usual_qrs_s : float, optional
        Width of the QRS in all leads, and the median of the beats like the template beat, in
        seconds; None where it could not be measured.
    pr_s : float, optional
        From the onset of P to that of the QRS in seconds; None where P was not seen.
    """

    edges: np.ndarray
    p_seen: bool
    t_seen: bool
    qrs_seen: bool = True
    qrs_s: float | None = None
    usual_qrs_s: float | None = None
    pr_s: float | None = None

    def of_samples(self, length: int) -> np.ndarray:
        """Place in `WAVES` of every sample of a segment."""
        return np.clip(np.searchsorted(self.edges[1:-1], np.arange(length), side="right"), 0, 6)


@dataclass(frozen=True)
class RecordWaves:
    """The waves of a record's beats, or of those of a part of it.

    Parameters
    ----------
    beats : Beats
        Of the record.
    first : int
        The beat that ``found`` begins with.
    found : Delineation
        Over all leads, in seconds from the start of the record.
    usual_qrs_s : float, optional
        Median width of the QRS of the beats like the template beat; None where none is.
    """

    beats: Beats
    first: int
    found: Delineation
    usual_qrs_s: float | None

    def of_beat(self, beat: int, fibrillating: bool = False) -> Waves:
        """Waves of one beat; a P or T that was not seen has no width.

        In fibrillation no P is seen, whatever the line before the QRS looks like.
        """
        beats, place = self.beats, beat - self.first
        center, length = _center(beats), beats.segments.shape[1]
        rough = find_waves(beats.segments[beat], beats.template_beat, beats.fs, center).edges
        ends = [
            [w.onset[place], w.end[place]] for w in (self.found.p, self.found.qrs, self.found.t)
        ]
        p, qrs, t = (np.array(ends) - beats.centers[beat]) * beats.fs + center
        p_seen, qrs_seen, t_seen = (bool(np.isfinite(wave).all()) for wave in (p, qrs, t))
        p_seen &= not fibrillating
        qrs = qrs if qrs_seen else rough[3:5]
        p, t = p if p_seen else qrs[[0, 0]], t if t_seen else qrs[[1, 1]]
        edges = np.clip(np.concatenate([[0], p, qrs, t, [length]]), 0, length)
        width = float(self.found.qrs.width[place]) if qrs_seen else None
        pr = float(self.found.qrs.onset[place] - self.found.p.onset[place])
        measured = p_seen and qrs_seen
        return Waves(
            edges, p_seen, t_seen, qrs_seen, width, self.usual_qrs_s, pr if measured else None
        )


def record_waves(
    record: Record,
    beats: Beats,
    templates: Templates | None = None,
    near: np.ndarray | None = None,
) -> RecordWaves:
    """Where the waves of a record's beats are, in all ECG leads that can be read.

    Parameters
    ----------
    record : Record
    beats : Beats
        Of the record.
    templates : Templates, optional
        Of the record; found by default.
    near : ndarray of int, optional
        Only these beats, which follow each other.
    """
    templates = templates or find_templates(beats, TemplateSettings())
    near = np.arange(len(beats)) if near is None else near
    start = max(round((beats.centers[near[0]] - 1) * record.fs), 0)
    stop = round((beats.centers[near[-1]] + 1) * record.fs)
    part = replace(record, signals=record.signals[start:stop], annotation=None)
    signals = []
    for name in part.ecg_leads:
        lead = part.lead(name)
        try:
            signal = fill_gaps(lead)
        except InputError:  # flat, or mostly invalid
            continue
        signals.append(signal * (lead.millivolts or 1 / np.std(signal)))
    shift = start / record.fs
    found = delineate(
        np.stack(signals, axis=1), record.fs, beats.centers[near] - shift, templates.number[near]
    )
    waves = (
        Wave(w.onset + shift, w.peak + shift, w.end + shift) for w in (found.p, found.qrs, found.t)
    )
    segments = beats.segments[near] - beats.segments[near].mean(axis=1, keepdims=True)
    usual = beats.template_beat - beats.template_beat.mean()
    alike = segments @ usual
    alike = alike / np.maximum(np.linalg.norm(segments, axis=1) * np.linalg.norm(usual), 1e-9)
    widths = found.qrs.width[(alike >= USUAL) & found.qrs.seen]
    return RecordWaves(
        beats, int(near[0]), Delineation(*waves), float(np.median(widths)) if len(widths) else None
    )


def beat_waves(
    record: Record,
    beats: Beats,
    beat: int,
    templates: Templates | None = None,
    fibrillating: bool = False,
) -> Waves:
    """Where the waves of one beat are: `record_waves` of the minutes around it."""
    near = np.flatnonzero(np.abs(beats.centers - beats.centers[beat]) <= AROUND_S)
    return record_waves(record, beats, templates, near).of_beat(beat, fibrillating)


def _center(beats: Beats) -> int:
    """Centre of the QRS in a segment, in samples."""
    return round(BeatSettings.before * beats.fs)


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
