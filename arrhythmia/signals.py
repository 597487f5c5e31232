"""From a recorded lead to a filtered signal: gaps bridged, resampled, band-passed, QRS centred."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d, label
from scipy.signal import butter, resample_poly, sosfiltfilt

from arrhythmia.blocks import blocks_of, bridged, check_signal
from arrhythmia.errors import InputError
from arrhythmia.records import Lead, Record

P_WAVE_S = (0.26, 0.07)
"""Seconds before the centre of the QRS at which the P wave may begin, and where it has ended."""
MOST_FOR_LEVEL: Final = 2_000_000
"""Samples of which the median of a long lead is taken."""

BRIDGED_S: Final = 0.2
"""So much missing signal is drawn as the filter bridges it; a longer gap stays open."""
SETTLED_S = 10.0
"""Seconds to each side of a stretch after which the filter has forgotten where it began."""


@dataclass(frozen=True)
class BeatSettings:
    """How beats are made from a signal.

    Parameters
    ----------
    fs : float
        Sampling rate of the segments in Hz; every recording is resampled to it. 100 Hz keeps
        all that a 40 Hz filter lets through.
    band : tuple of float
        Pass band in Hz: baseline wander below, mains and muscle noise above.
    order : int
        Order of the Butterworth filter, which is run forwards and backwards.
    before, after : float
        Segment before and after the centre of the QRS, in seconds: from before the P wave to
        the end of the T wave.
    search : float
        The QRS is looked for this many seconds to each side of a mark.
    """

    fs: float = 100.0
    band: tuple[float, float] = (0.5, 40.0)
    order: int = 3
    before: float = 0.40
    after: float = 0.50
    search: float = 0.10

    @property
    def length(self) -> int:
        """Samples of a segment."""
        return self.left + round(self.after * self.fs)

    @property
    def left(self) -> int:
        """Samples of a segment before the centre of the QRS."""
        return round(self.before * self.fs)


def check_lead(lead: Lead, settings: BeatSettings) -> None:
    """Raise an error if a lead is too short or sampled too slowly.

    Raises
    ------
    InputError
        If it lasts less than one segment, or its rate does not hold the pass band.
    """
    if lead.seconds < settings.before + settings.after:
        raise InputError(
            f"record '{lead.record}' lasts {lead.seconds:.2f} s, less than one segment "
            f"({settings.before + settings.after:.2f} s): give a longer recording"
        )
    if lead.fs <= 2 * settings.band[1]:
        raise InputError(
            f"record '{lead.record}' has {lead.fs:g} Hz; the model needs more than "
            f"{2 * settings.band[1]:g} Hz"
        )


def fill_gaps(lead: Lead) -> np.ndarray:
    """Signal of a lead with invalid samples bridged by straight lines.

    Returns
    -------
    ndarray of float64, shape (samples,)
        In the lead's units.

    Raises
    ------
    InputError
        If the signal is constant, or half of it or more is invalid.
    """
    check_signal(lead)
    return bridged(lead, 0, len(lead.signal))


def resampling_ratio(fs: float, settings: BeatSettings) -> Fraction:
    """From a recording's sampling rate in Hz to that of the segments."""
    return Fraction(settings.fs / fs).limit_denominator(1000)


def resample(signal: np.ndarray, ratio: Fraction) -> np.ndarray:
    """Resample a signal by a ratio of sampling rates, its median taken away first.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Any units, without gaps.
    ratio : Fraction
        New rate over old.

    Returns
    -------
    ndarray, shape (samples * ratio,)
    """
    signal = signal - np.median(signal)
    return signal if ratio == 1 else resample_poly(signal, ratio.numerator, ratio.denominator)


def bandpass(
    signal: np.ndarray, fs: float, band: tuple[float, float] = (0.5, 40.0), order: int = 3
) -> np.ndarray:
    """Butterworth band-pass without phase shift.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Any units.
    fs : float
        Hz.
    band : tuple of float
        Hz.
    order : int
        Of the filter, which is run forwards and backwards.

    Returns
    -------
    ndarray, shape (samples,)
        Same units.
    """
    pad = min(len(signal) - 1, round(2 * fs))
    return sosfiltfilt(bandpass_sections(order, tuple(band), float(fs)), signal, padlen=pad)


@lru_cache(maxsize=8)
def bandpass_sections(order: int, band: tuple[float, float], fs: float) -> np.ndarray:
    """Second-order sections of the Butterworth filter of `bandpass`, shape (sections, 6)."""
    return butter(order, band, btype="bandpass", fs=fs, output="sos")


def filtered_and_resampled(lead: Lead, settings: BeatSettings) -> np.ndarray:
    """Signal of a lead at ``settings.fs``, band-passed, shape (samples,)."""
    check_lead(lead, settings)
    return _filtered(lead, settings, resampling_ratio(lead.fs, settings), settings.fs)


def _filtered(lead: Lead, settings: BeatSettings, ratio: Fraction, fs: float) -> np.ndarray:
    """A lead, or block by block a long one, resampled by a ratio to ``fs`` and band-passed."""
    check_signal(lead)
    samples, up, down = len(lead.signal), ratio.numerator, ratio.denominator
    blocks = list(blocks_of(samples, lead.fs, down))
    if len(blocks) == 1:
        signal = resample(bridged(lead, 0, samples), ratio)
        return bandpass(signal, fs, settings.band, settings.order)
    every = samples // MOST_FOR_LEVEL + 1
    some = [bridged(lead, block.first, block.last)[::every].copy() for block in blocks]
    level = float(np.median(np.concatenate(some)))
    filtered = np.empty(-(-samples * up // down), np.float32)
    for block in blocks:
        signal = bridged(lead, block.start, block.stop) - level
        signal = signal if ratio == 1 else resample_poly(signal, up, down)
        signal = bandpass(signal, fs, settings.band, settings.order)
        first, before = block.first * up // down, (block.first - block.start) * up // down
        length = -(-(block.last - block.first) * up // down)
        filtered[first : first + length] = signal[before : before + length]
    return filtered


def center_qrs(signal: np.ndarray, fs: float, marks: np.ndarray, search: float) -> np.ndarray:
    """Centre of the QRS complex near each mark.

    The centre is where the slope's energy, smoothed over the width of a QRS, is greatest
    (after Pan and Tompkins 1985), so it depends neither on where an annotator put the mark
    nor on the polarity of the lead.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Filtered signal.
    fs : float
        Hz.
    marks : ndarray of float, shape (beats,)
        In samples of ``signal``, increasing.
    search : float
        Seconds to each side of a mark, at most a third of the way to the next mark.

    Returns
    -------
    ndarray of float, shape (beats,)
        In samples of ``signal``, increasing, between samples.
    """
    energy = gaussian_filter1d(np.gradient(signal) ** 2, 0.03 * fs)
    reach = np.full(len(marks), search * fs)
    if len(marks) > 1:
        gaps = np.diff(marks) / 3
        reach[1:] = np.minimum(reach[1:], gaps)
        reach[:-1] = np.minimum(reach[:-1], gaps)
    steps = np.arange(-int(search * fs), int(search * fs) + 1)
    places = np.rint(marks).astype(int)[:, None] + steps
    values = energy[np.clip(places, 0, len(signal) - 1)]
    outside = (places < 0) | (places >= len(signal)) | (np.abs(steps) > reach[:, None])
    best = np.rint(marks).astype(int) + steps[np.argmax(np.where(outside, -1.0, values), axis=1)]
    best = np.clip(best, 0, len(signal) - 1)
    inner = np.clip(best, 1, len(signal) - 2)
    left, middle, right = energy[inner - 1], energy[inner], energy[inner + 1]
    bend = left - 2 * middle + right
    vertex = (bend < 0) & (inner == best)
    offset = np.where(vertex, 0.5 * (left - right) / np.where(vertex, bend, 1.0), 0.0)
    return np.maximum.accumulate(best + np.clip(offset, -0.5, 0.5))


def filtered_lead(lead: Lead, settings: BeatSettings) -> np.ndarray:
    """A lead as the network receives it, but at its own rate and in its own units: for drawings.

    Returns
    -------
    ndarray, shape (samples,)
    """
    return _filtered(lead, settings, Fraction(1), lead.fs)


def filtered_part(
    record: Record, lead: str, settings: BeatSettings, start_s: float, end_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """A stretch of `filtered_lead`, without filtering the rest, which takes long in a Holter.

    Parameters
    ----------
    record : Record
    lead : str
        One of its leads.
    settings : BeatSettings
    start_s, end_s : float
        Seconds from the start of the record.

    Returns
    -------
    times, values : ndarray of float, shape (samples,)
        Seconds from the start of the record; mV where the lead's units are a voltage. Values are
        NaN where samples are missing and where the stretch cannot be filtered, as where it is flat.
    """
    fs, length = record.fs, len(record)
    first, last = (int(np.clip(round(s * fs), 0, length)) for s in (start_s, end_s))
    margin = round(SETTLED_S * fs)
    around = slice(max(first - margin, 0), min(last + margin, length))
    part = replace(record, signals=record.signals[around]).lead(lead)
    values = filtered_samples(part, settings, first - around.start, last - around.start)
    values = open_gaps(values, part.signal[first - around.start : last - around.start], fs)
    return np.arange(first, last) / fs, values * (part.millivolts or 1.0)


def open_gaps(values: np.ndarray, recorded: np.ndarray, fs: float) -> np.ndarray:
    """A filtered signal as it may be drawn: NaN where the filter bridged more than `BRIDGED_S`.

    A line over a long gap would look like a heart that stands still.

    Parameters
    ----------
    values, recorded : ndarray of float, shape (samples,)
        The same stretch, filtered and as recorded.
    fs : float
        Hz.
    """
    stretch, _ = label(np.isnan(recorded))
    lengths = np.bincount(stretch)
    return np.where((stretch > 0) & (lengths[stretch] > BRIDGED_S * fs), np.nan, values)


def filtered_samples(lead: Lead, settings: BeatSettings, first: int, last: int) -> np.ndarray:
    """Some samples of `filtered_lead`: all NaN where the stretch cannot be filtered."""
    margin = round(SETTLED_S * lead.fs)
    start = max(first - margin, 0)
    signal = lead.signal[start : last + margin]
    known = np.isfinite(signal)
    if known.any() and not known.all():  # however much of so short a part is missing
        signal = np.interp(np.arange(len(signal)), np.flatnonzero(known), signal[known])
    part = replace(lead, signal=signal)
    try:
        return filtered_lead(part, settings)[first - start : last - start]
    except InputError:
        return np.full(last - first, np.nan)
