"""From columns of numbers to a `Record`: what all formats but WFDB share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.errors import InputError, MissingError
from arrhythmia.records import IN_MILLIVOLTS, Hints, Record, told_units

LEAST_HZ, MOST_HZ = 1.0, 100_000.0
COUNTS: Final = 50.0
"""An ECG never moves by so many millivolts: such values are counts of a converter."""
UNIT_NAMES: Final = {"uv": "uV", "µv": "µV", "μv": "µV", "mv": "mV", "v": "V", "nv": "nV",
                     "microvolt": "uV", "millivolt": "mV", "volt": "V"}  # fmt: skip
UNPACKED: Final = (20_000_000, 20)
"""Values that a packed file may hold, and how many more for each of its bytes."""
LEAST_SAMPLES: Final = 2
MOST_SIGNALS: Final = 256


def check_unpacked(path: Path, values: float) -> None:
    """Refuse what would unpack to so much that it is no recording, before memory is taken.

    Parameters
    ----------
    path : Path
    values : float
        That it promises, of 8 bytes in memory.

    Raises
    ------
    InputError
        If they are more than `UNPACKED` says.
    """
    size = path.stat().st_size
    if values > UNPACKED[0] + UNPACKED[1] * size:
        raise InputError(
            f"'{path.name}' of {size} bytes promises {values:.3g} values: it is damaged, or no "
            "recording"
        )


def unit_of(text: str) -> str:
    """A unit of voltage in any spelling; empty where it is none."""
    return UNIT_NAMES.get(text.strip(" \"'()[]").lower(), "")


def make_record(
    name: str,
    signals: np.ndarray,
    fs: float | None,
    leads: Sequence[str],
    units: Sequence[str],
    hints: Hints,
    start: datetime | None = None,
    notes: Sequence[str] = (),
) -> Record:
    """A record of some columns, checked.

    Parameters
    ----------
    name : str
        Of the record; of its file, in messages.
    signals : ndarray of float, shape (samples, leads)
        NaN where samples are missing.
    fs : float or None
        Hz, as the file says; None where it does not.
    leads, units : sequence of str
        Of each column; where no unit is known, empty.
    hints : Hints
        What the user says; it is believed rather than the file.
    start : datetime, optional
        Of the first sample.
    notes : sequence of str
        What the user should know.

    Raises
    ------
    InputError
        If there is no rate, or an absurd one, or no numbers.
    """
    notes = list(notes)
    if hints.fs is not None and fs is not None and abs(hints.fs / fs - 1) > 0.01:
        notes.append(f"'{name}' says {fs:g} Hz; {hints.fs:g} Hz is used, as asked for")
    fs = hints.fs if hints.fs is not None else fs
    if fs is None:
        raise MissingError(f"'{name}' has no sampling rate: add --fs, such as --fs 250", "fs")
    if not LEAST_HZ <= fs <= MOST_HZ:
        text = f"'{name}' has a sampling rate of {fs:g} Hz: add --fs with the right one"
        raise MissingError(text, "fs")
    signals = np.asarray(signals, dtype=float)
    if len(signals) < LEAST_SAMPLES or not signals.shape[1]:
        raise InputError(f"'{name}' holds no signal")
    if signals.shape[1] > MOST_SIGNALS:
        raise InputError(f"'{name}' holds {signals.shape[1]} signals, more than {MOST_SIGNALS}")
    signals = np.where(np.isfinite(signals), signals, np.nan)
    finite = signals[np.isfinite(signals)]
    notes += told_units(name, [unit_of(unit) for unit in units], hints)
    units = [hints.units] * len(units) if hints.units is not None else units
    given = [unit_of(unit) or unit for unit in units]
    if not any(unit in IN_MILLIVOLTS for unit in given) and len(finite):
        low, high = np.percentile(finite, [0.5, 99.5])
        if high - low > COUNTS:
            notes.append(
                f"'{name}' says no voltage, and values from {low:g} to {high:g} look like counts "
                "of a converter: amplitudes are in these (--units names another unit)"
            )
            given = ["counts"] * len(given)
        else:
            notes.append(f"'{name}' says no unit: taken as mV (--units names another)")
            given = ["mV"] * len(given)
    return Record(
        name=Path(name).stem,
        signals=signals,
        fs=float(fs),
        leads=tuple(leads),
        units=tuple(given),
        start=start,
        notes=tuple(notes),
    )
