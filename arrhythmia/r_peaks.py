"""Where the beats of a record are: from its annotation, or detected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import median_filter

from arrhythmia.blocks import missing_before
from arrhythmia.detector import BAND, RATE, beats_in, qrs_probability
from arrhythmia.errors import InputError
from arrhythmia.labels import SOURCES, is_beat
from arrhythmia.records import Lead, Record
from arrhythmia.signals import BeatSettings, filtered_and_resampled

WHOLE_S: Final = 0.1
"""Seconds to each side of a beat in which no signal may be missing."""
QRS_REACH_S: Final = 0.1
MARKS_AROUND: Final = 41
SMALL: Final = 0.2
"""A mark is a beat only if some lead moves, so far to each side of it, by this part of what it does
at the marks around: none of 141,635 beats of DS1 and svdb 800 to 855 is smaller in both leads, but
8 of 304 false marks are."""

ANNOTATED, DETECTED, GIVEN = "reference annotation", "detected", "given"
"""Where R peaks come from, as it is said to the user."""


@dataclass(frozen=True)
class RPeaks:
    """The R peaks of a record.

    Parameters
    ----------
    sample : ndarray of int, shape (beats,)
        In samples of the record, increasing.
    symbol : ndarray of str, shape (beats,)
        Annotation symbols; empty strings where nobody named the beats.
    source : str
        `ANNOTATED`, `DETECTED` or `GIVEN`.
    notes : tuple of str
        What the user should know of how they were found.
    """

    sample: np.ndarray
    symbol: np.ndarray
    source: str
    notes: tuple[str, ...] = ()

    @classmethod
    def given(cls, sample: np.ndarray) -> RPeaks:
        """R peaks that a user found otherwise, in samples of the record, shape (beats,)."""
        return cls(np.asarray(sample, dtype=int), np.full(len(sample), ""), GIVEN)


def locate_beats(
    record: Record, leads: Sequence[Lead], settings: BeatSettings, source: str | None = None
) -> RPeaks:
    """The R peaks of a record: the one place where annotation or detection is decided.

    Parameters
    ----------
    record : Record
    leads : sequence of Lead
        Of this record, in which R peaks are detected.
    settings : BeatSettings
        What a lead must at least hold.
    source : str, optional
        One of `SOURCES`; by default the annotation where there is one.

    Raises
    ------
    InputError
        If the annotation is asked for and is not there, or no beat is found.
    """
    if source not in (None, *SOURCES):
        raise InputError(f"source of R peaks must be one of {', '.join(SOURCES)}, got '{source}'")
    marks = record.annotation
    marked = marks is not None and any(is_beat(symbol) for symbol in marks.symbol)
    if source == "detect" or (source is None and not marked):
        sample = detect_r_peaks(leads, settings)
        lacks = "no reference annotation" if marks is None else "an annotation without beats"
        unasked = f"record {record.name} has {lacks}: R peaks are detected"
        notes = () if source == "detect" else (unasked,)
        return RPeaks(sample, np.full(len(sample), ""), DETECTED, notes)
    return RPeaks(*reference_beats(record), ANNOTATED)


def reference_beats(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Samples and symbols of the annotated heartbeats; rhythm and noise marks are left out.

    Parameters
    ----------
    record : Record
        With its annotation.

    Returns
    -------
    sample : ndarray of int, shape (beats,)
    symbol : ndarray of str, shape (beats,)

    Raises
    ------
    InputError
        If the record has no reference annotation, or one without heartbeats.
    """
    if record.annotation is None:
        raise InputError(
            f"record '{record.name}' has no reference annotation ('{record.name}.atr'): "
            "add the file, or detect the R peaks ('annotate --r-peaks detect')"
        )
    beat = np.array([is_beat(s) for s in record.annotation.symbol], dtype=bool)
    sample, symbol = record.annotation.sample[beat], record.annotation.symbol[beat]
    inside = (sample >= 0) & (sample < len(record))
    if not inside.any():
        raise InputError(f"the annotation of record '{record.name}' marks no heartbeat in it")
    return sample[inside], symbol[inside]


def detect_r_peaks(leads: Sequence[Lead], settings: BeatSettings) -> np.ndarray:
    """Find the beats that some leads of a record show together, see `arrhythmia.detector`.

    Parameters
    ----------
    leads : sequence of Lead
        Of one record, one or more; those that are flat or mostly invalid are left out.
    settings : BeatSettings
        What a lead must at least hold.

    Returns
    -------
    ndarray of int, shape (beats,)
        In samples of the record. None where all leads are invalid.

    Raises
    ------
    InputError
        If no beat is found, or no lead can be used.
    """
    signals, reason = [], None
    for lead in leads:
        try:
            signals.append(filtered_and_resampled(lead, replace(settings, fs=RATE, band=BAND)))
        except InputError as error:
            reason = reason or error
    if not signals:
        raise reason
    places = beats_in(qrs_probability(signals))
    places = places[~_are_small(signals, places)]
    length = len(leads[0].signal)
    sample = np.minimum(np.rint(places * leads[0].fs / RATE).astype(int), length - 1)
    valid = np.any([_is_whole(lead, sample) for lead in leads], axis=0)
    if not valid.any():
        raise InputError(
            f"no heartbeat found in record '{leads[0].record}': choose another lead, or check that "
            "it is an ECG"
        )
    return sample[valid]


def _are_small(signals: Sequence[np.ndarray], places: np.ndarray) -> np.ndarray:
    """Whether no lead moves at a mark as it does at the marks around: noise in a pause."""
    reach = round(QRS_REACH_S * RATE)
    around = np.rint(places).astype(int)[:, None] + np.arange(-reach, reach + 1)
    small = np.ones(len(places), dtype=bool)
    for signal in signals:
        spans = np.ptp(signal[np.clip(around, 0, len(signal) - 1)], axis=1)
        small &= spans < SMALL * median_filter(spans, MARKS_AROUND, mode="nearest")
    return small


def _is_whole(lead: Lead, sample: np.ndarray) -> np.ndarray:
    """Whether no signal is missing near each place: half a QRS at the edge of a gap is no beat."""
    if np.isfinite(lead.signal).all():
        return np.ones(len(sample), dtype=bool)
    missing = missing_before(lead.signal)
    reach = round(WHOLE_S * lead.fs)
    first = np.clip(sample - reach, 0, len(lead.signal))
    return missing[np.clip(sample + reach + 1, 0, len(lead.signal))] == missing[first]
