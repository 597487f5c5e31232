"""Whether the heart is paced, told from the edge of the stimulus at the onset of the QRS.

Spikes themselves are often filtered away by the recorder. What is left is their edge: the QRS
begins with the steepest slope of all, out of a flat line, and goes on for long. Bundle branch block
and ventricular beats are as wide, but begin gradually. The limits were chosen on the four paced
records of mitdb against DS1: beats like that are .74 of a paced record or more, and less than .05
of any other. No paced record is left to test them on. At 128 Hz, as in svdb, the edge is
lost.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.blocks import blocks_of, bridged, check_signal, members
from arrhythmia.errors import InputError
from arrhythmia.records import Lead, Record

SEARCH_S: Final = 0.12
"""The steepest slope of a beat is looked for this far from its mark."""
BEFORE_S: Final = (0.08, 0.012)
"""Seconds before it where a paced beat is flat …"""
AFTER_S: Final = (0.04, 0.15)
"""… and after it where its QRS goes on."""
FLAT: Final = 0.06
"""Slope before, at most, relative to the steepest: nine tenths of it."""
WIDE: Final = 0.08
"""Slope after, at least, relative to the steepest: three quarters of it."""
SHARE: Final = 0.5
"""A record is paced where this share of its beats looks so, in one lead or another."""
FEWEST: Final = 5
"""Of fewer beats it is not told …"""
LEAST_HZ: Final = 200.0
"""… nor of a record sampled more slowly."""


def is_paced(record: Record, beats: Beats) -> bool:
    """Whether most beats of a record begin as paced ones do.

    Parameters
    ----------
    record : Record
        As read, not filtered.
    beats : Beats
        Of this record.
    """
    if record.fs < LEAST_HZ:
        return False
    paced = []
    for name in record.ecg_leads:
        try:
            paced.append(begins_paced(record.lead(name), beats.sample))
        except InputError:  # flat, or mostly invalid
            continue
    if not paced:
        return False
    known = np.isfinite(paced).all(axis=0)
    told = np.max(np.array(paced)[:, known], axis=0)
    return len(told) >= FEWEST and bool(np.mean(told) >= SHARE)


def begins_paced(lead: Lead, sample: np.ndarray) -> np.ndarray:
    """Which beats begin with an edge out of a flat line, and go on for long.

    Parameters
    ----------
    lead : Lead
    sample : ndarray of int, shape (beats,)
        R peaks.

    Returns
    -------
    ndarray of float, shape (beats,)
        1 or 0; NaN near the ends of the recording.
    """
    check_signal(lead)
    paced = np.full(len(sample), np.nan)
    for block in blocks_of(len(lead.signal), lead.fs):
        inside = members(sample, block.first, block.last, len(lead.signal))
        signal = bridged(lead, block.start, block.stop)
        paced[inside] = _begins_paced(signal, lead.fs, sample[inside] - block.start)
    return paced


def _begins_paced(signal: np.ndarray, fs: float, sample: np.ndarray) -> np.ndarray:
    slope = np.abs(np.gradient(signal))
    reach = int(np.ceil((SEARCH_S + max(BEFORE_S[0], AFTER_S[1])) * fs)) + 1
    inside = (sample >= reach) & (sample < len(signal) - reach)
    paced = np.full(len(sample), np.nan)
    if not inside.any():
        return paced
    search = round(SEARCH_S * fs)
    near = sample[inside][:, None] + np.arange(-search, search + 1)
    edge = near[np.arange(len(near)), slope[near].argmax(axis=1)]
    steepest = np.maximum(slope[edge], 1e-12)
    before, after = (
        slope[edge[:, None] + np.arange(round(first * fs), round(last * fs))]
        for first, last in ((-BEFORE_S[0], -BEFORE_S[1]), AFTER_S)
    )
    flat = np.percentile(before, 90, axis=1) < FLAT * steepest
    wide = np.percentile(after, 75, axis=1) > WIDE * steepest
    paced[inside] = flat & wide
    return paced
