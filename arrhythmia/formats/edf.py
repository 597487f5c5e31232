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
    return make_record(path.name, table, fs or None, labels, units, hints, start)


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
