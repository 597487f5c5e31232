"""EDF, EDF+ and BDF (https://www.edfplus.info), through ``edfio``."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import resample_poly

from arrhythmia.errors import InputError
from arrhythmia.formats.table import make_record
from arrhythmia.formats.time_column import MOST_MISSING
from arrhythmia.records import Hints, Record, is_no_ecg

NOT_ANNOTATION: Final = ("EDF Annotations", "BDF Annotations", "Status")


def read(path: Path, hints: Hints) -> Record:
    """Read an EDF, EDF+ or BDF file with all signals that may be ECG leads.

    Parameters
    ----------
    path : Path
    hints : Hints
        Rate and units, where the file is wrong about them.

    Raises
    ------
    InputError
        If it is damaged, or holds no signal.
    """
    import edfio

    try:
        with path.open("rb") as file:
            reader = edfio.read_bdf if file.read(1) == b"\xff" else edfio.read_edf
        content = reader(path)
        signals = [s for s in content.signals if s.label not in NOT_ANNOTATION]
        signals = [s for s in signals if not is_no_ecg(s.label)] or signals
        rates = [float(s.sampling_frequency) for s in signals]
        fs = max(rates, default=0.0)
        columns = [_at_rate(s.data, rate, fs) for s, rate in zip(signals, rates, strict=True)]
        begins = None if content.is_continuous else _onsets(content)
        start = _start(content)
        labels = [s.label.strip() or f"signal {i}" for i, s in enumerate(signals, 1)]
        units = [s.physical_dimension for s in signals]
    except InputError:
        raise
    except Exception as error:  # edfio raises many kinds for a damaged file
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"'{path.name}' is a damaged EDF file ({reason}): fetch it again"
        ) from error
    if not columns:
        raise InputError(f"'{path.name}' holds no signal")
    length = min(map(len, columns))
    table = np.stack([column[:length] for column in columns], axis=1)
    if begins is not None:
        table = _with_gaps(path.name, table, begins, fs)
    return make_record(path.name, table, fs or None, labels, units, hints, start)


def _onsets(content: object) -> np.ndarray:
    """Seconds at which each data record of an EDF+D file begins, shape (data records,)."""
    raw = content._timekeeping_signal.digital.tobytes()  # the package gives them nowhere else
    size = len(raw) // content.num_data_records
    records = [raw[at : at + size] for at in range(0, len(raw), size)]
    return np.array([float(record.split(b"\x14", 1)[0]) for record in records])


def _with_gaps(name: str, table: np.ndarray, begins: np.ndarray, fs: float) -> np.ndarray:
    """The signals of a recording with interruptions, these as NaN."""
    size = len(table) // len(begins)
    ends = size * np.arange(len(begins))
    places = np.rint((begins - begins[0]) * fs).astype(int)
    places = np.maximum.accumulate(places - ends) + ends  # a clock may be a sample off
    if (np.diff(begins) <= 0).any() or places[-1] > MOST_MISSING * len(table):
        raise InputError(
            f"'{name}' has pieces out of order, or leaves out most of the recording: cut it into "
            "recordings of one piece each"
        )
    whole = np.full((places[-1] + size, table.shape[1]), np.nan)
    for number, place in enumerate(places):
        whole[place : place + size] = table[number * size : (number + 1) * size]
    return whole


def _at_rate(signal: np.ndarray, rate: float, fs: float) -> np.ndarray:
    if rate == fs:
        return signal
    ratio = Fraction(fs / rate).limit_denominator(1000)
    return resample_poly(signal, ratio.numerator, ratio.denominator)


def _start(content: object) -> datetime | None:
    try:
        return datetime.combine(content.startdate, content.starttime)
    except Exception:  # anonymised dates raise
        return None
