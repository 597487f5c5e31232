"""WFDB records: header, signal files, annotation (https://physionet.org/physiotools/wag/)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import wfdb

from arrhythmia.errors import InputError
from arrhythmia.formats.table import distinct
from arrhythmia.records import Annotation, Record


def read(path: Path, annotator: str = "atr") -> Record:
    """Read a WFDB record with all its signals.

    Parameters
    ----------
    path : Path
        Of the record, without suffix.
    annotator : str
        Suffix of the annotation file. Without such a file ``annotation`` is None.

    Returns
    -------
    Record

    Raises
    ------
    InputError
        If a file is missing, truncated or damaged, or the header points outside its folder.
    """
    header = _read_header(path)
    try:
        content = wfdb.rdrecord(str(path))
    except Exception as error:  # wfdb raises many kinds for a damaged signal file
        files = " or ".join(f"'{path.with_name(name)}'" for name in dict.fromkeys(header.file_name))
        raise InputError(
            f"{files} is truncated or damaged (its header promises {header.sig_len} samples): "
            "fetch it again"
        ) from error
    start = None
    if content.base_date is not None and content.base_time is not None:
        start = datetime.combine(content.base_date, content.base_time)
    return Record(
        name=path.name,
        signals=content.p_signal,
        fs=float(content.fs),
        leads=distinct([name or f"signal {i}" for i, name in enumerate(content.sig_name, 1)]),
        units=tuple(unit or "mV" for unit in content.units),
        annotation=_read_annotation(path, annotator),
        start=start,
    )


def _read_header(path: Path) -> wfdb.Record:
    try:
        header = wfdb.rdheader(str(path))
    except Exception as error:  # wfdb raises many kinds for a malformed header
        raise InputError(f"'{path}.hea' is not a WFDB header ({error})") from error
    if not isinstance(header, wfdb.Record) or not header.n_sig:
        raise InputError(f"'{path}.hea' has no signals of its own: name one of its segments")
    if not header.fs:
        raise InputError(f"'{path}.hea' gives a sampling rate of 0 Hz: correct its first line")
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
    return header


def _read_annotation(path: Path, annotator: str) -> Annotation | None:
    file = path.with_name(f"{path.name}.{annotator}")
    if not file.is_file():
        return None
    try:
        content = wfdb.rdann(str(path), annotator)
    except Exception as error:  # wfdb raises many kinds for a damaged annotation file
        raise InputError(f"'{file}' is not a WFDB annotation file ({error})") from error
    return Annotation(
        np.asarray(content.sample, dtype=int),
        np.asarray(content.symbol, dtype=str),
        np.asarray([note.rstrip("\0") for note in content.aux_note], dtype=str),
        np.asarray(content.subtype, dtype=int),
    )
