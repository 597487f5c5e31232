"""NumPy ``.npy`` and ``.npz``, Parquet: arrays and tables of numbers."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.formats.table import check_unpacked, make_record
from arrhythmia.records import Hints, Record

RATE_NAMES: Final = ("fs", "sfreq", "sampling_rate", "frequency", "rate")
LARGEST: Final = 4_000_000_000
"""Bytes of an array in memory."""


def read(path: Path, hints: Hints) -> Record:
    """Read an array: of one axis for one lead, of two for several, the longer axis is time.

    Parameters
    ----------
    path : Path
    hints : Hints
        Rate and units; an ``.npz`` may hold the rate as ``fs``.

    Raises
    ------
    InputError
        If it is damaged, holds objects or no array of numbers, or no rate is known.
    """
    with path.open("rb") as content:
        magic = content.read(4)
    if magic == b"PAR1":
        return _parquet(path, hints)
    try:
        stored = np.load(path, allow_pickle=False, mmap_mode="r" if magic[:1] == b"\x93" else None)
        arrays = {"ECG": stored} if isinstance(stored, np.ndarray) else _members(path, stored)
    except InputError:
        raise
    except Exception as error:  # NumPy raises many kinds for a damaged file
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise InputError(f"'{path.name}' cannot be read as NumPy arrays ({reason})") from error
    return from_arrays(path.name, arrays, hints)


def _members(path: Path, stored: np.lib.npyio.NpzFile) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:  # a value may be of one byte
        check_unpacked(path, sum(member.file_size for member in archive.infolist()))
    return {name: stored[name] for name in stored.files}


def from_arrays(name: str, arrays: dict[str, np.ndarray], hints: Hints) -> Record:
    """A record of the only array of numbers, or of that which is called like an ECG.

    Parameters
    ----------
    name : str
        Of the file.
    arrays : dict
        Name to array.
    hints : Hints
        What the user says.

    Raises
    ------
    InputError
        If it is not clear which array is meant.
    """
    numbers = {k: np.squeeze(v) for k, v in arrays.items() if np.asarray(v).dtype.kind in "iufb"}
    signals = {k: v for k, v in numbers.items() if v.ndim in (1, 2) and v.size >= 2}
    rate = next((float(numbers[k]) for k in numbers
                 if k.lower() in RATE_NAMES and numbers[k].ndim == 0), None)  # fmt: skip
    called = {k: v for k, v in signals.items() if "ecg" in k.lower() or "ekg" in k.lower()
              or k.lower() in ("val", "signal", "signals", "data", "p_signal")}  # fmt: skip
    chosen = signals if len(signals) == 1 else called
    if len(chosen) != 1:
        known = ", ".join(sorted(signals)[:10]) or "none"
        raise InputError(
            f"'{name}' must hold one array of numbers, or one called 'ecg': it has {known}"
        )
    (values,) = chosen.values()
    if 8 * values.size > LARGEST:
        raise InputError(f"'{name}' holds {8 * values.size / 1e9:.1f} GB: cut it into parts")
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    values = values.T if values.shape[0] < values.shape[1] else values
    count = values.shape[1]
    leads = ["ECG"] if count == 1 else [f"ECG{i + 1}" for i in range(count)]
    return make_record(name, values, rate, leads, [""] * count, hints)


def _parquet(path: Path, hints: Hints) -> Record:
    import pandas as pd

    try:
        from pyarrow.parquet import read_metadata

        promised = read_metadata(path)
        check_unpacked(path, promised.num_rows * promised.num_columns)
        table = pd.read_parquet(path)
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"'{path.name}' is Parquet: 'pip install pyarrow' to read it") from error
    except Exception as error:  # pyarrow raises many kinds for a damaged file
        reason = str(error).splitlines()[0][:100]
        raise InputError(f"'{path.name}' cannot be read as Parquet ({reason})") from error
    return from_frame(table, hints, path.name)


def from_frame(table: object, hints: Hints, name: str = "table") -> Record:
    """A record of a pandas DataFrame: a column a lead; one of time gives the rate.

    Parameters
    ----------
    table : pandas.DataFrame
    hints : Hints
        The rate as ``fs``, where there is no column of time.
    name : str
        Of the record.
    """
    from arrhythmia.formats.text import record_of_table

    return record_of_table(name, table, "", hints)
