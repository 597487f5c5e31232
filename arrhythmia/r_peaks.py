"""Where the beats of a record are: from its annotation, or detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.labels import is_beat
from arrhythmia.records import Lead, Record
from arrhythmia.signals import BeatSettings, check_lead, fill_gaps

DETECTABLE_S: Final = 2.0
"""In less, ``sleepecg`` fails, or finds other beats each time."""

ANNOTATED, DETECTED, GIVEN = "reference annotation", "detected", "given"
"""Where R peaks come from, as it is said to the user."""

SOURCES: Final = ("atr", "detect")
"""What a user can ask for: those of the annotation, or detection."""


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
    record: Record, lead: Lead, settings: BeatSettings, source: str | None = None
) -> RPeaks:
    """The R peaks of a record: the one place where annotation or detection is decided.

    Parameters
    ----------
    record : Record
    lead : Lead
        Of this record, in which R peaks are detected.
    settings : BeatSettings
        What the lead must at least hold.
    source : str, optional
        One of `SOURCES`; by default the annotation where there is one.

    Raises
    ------
    InputError
        If the annotation is asked for and is not there, or no beat is found.
    """
    if source not in (None, *SOURCES):
        raise InputError(f"source of R peaks must be one of {', '.join(SOURCES)}, got '{source}'")
    if source == "detect" or (source is None and record.annotation is None):
        sample = detect_r_peaks(lead, settings)
        unasked = f"record {record.name} has no reference annotation: R peaks are detected"
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


def detect_r_peaks(lead: Lead, settings: BeatSettings) -> np.ndarray:
    """Find R peaks with ``sleepecg`` (Pan and Tompkins 1985, modified).

    Parameters
    ----------
    lead : Lead
        At any sampling rate above twice the pass band.
    settings : BeatSettings
        What the lead must at least hold.

    Returns
    -------
    ndarray of int, shape (beats,)
        In samples of the lead.

    Raises
    ------
    InputError
        If no beat is found, or the lead cannot be used.
    """
    import sleepecg

    check_lead(lead, settings)
    if lead.seconds < DETECTABLE_S:
        raise InputError(
            f"record '{lead.record}' lasts {lead.seconds:.2f} s: R peaks are detected in "
            f"{DETECTABLE_S:g} s or more, give a longer recording or an annotation"
        )
    sample = sleepecg.detect_heartbeats(fill_gaps(lead), lead.fs)
    if not len(sample):
        raise InputError(f"no heartbeat found in record '{lead.record}': choose another lead")
    return np.asarray(sample, dtype=int)
