"""What the tests share: synthetic records, a network trained on them, the real database.

Helpers that only the tests of one folder need live in that folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import wfdb

from arrhythmia.errors import InputError
from arrhythmia.mitdb import find_data_dir, has_database

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

os.environ["MPLBACKEND"] = "Agg"  # also for the commands that tests start

MakeRecord = Callable[..., Path]

WAVES = ("P", "Q", "R", "S", "T")
_NORMAL = {
    "P": (0.15, -0.17, 0.022),
    "Q": (-0.10, -0.030, 0.008),
    "R": (1.20, 0.0, 0.011),
    "S": (-0.30, 0.032, 0.010),
    "T": (0.30, 0.25, 0.045),
}
_VENTRICULAR = {"R": (1.9, 0.0, 0.040), "S": (-0.5, 0.10, 0.030), "T": (-0.5, 0.28, 0.055)}
_ESCAPE = {"R": (-1.3, 0.0, 0.038), "S": (0.25, 0.09, 0.030), "T": (0.5, 0.27, 0.055)}
SHAPES = {
    "N": _NORMAL,
    "L": _NORMAL | {"P": (0.15, -0.20, 0.022), "Q": (0.0, 0.0, 1.0), "R": (1.1, 0.0, 0.030)},
    "R": _NORMAL | {"S": (-0.6, 0.05, 0.022)},
    "A": _NORMAL | {"P": (-0.08, -0.12, 0.018)},
    "V": _VENTRICULAR,
    "E": _ESCAPE,
    "Q": _NORMAL,
    "/": {"Q": (0.8, -0.03, 0.003), "R": (1.4, 0.02, 0.035), "T": (-0.4, 0.30, 0.05)},
}
"""Symbol to its waves: height in mV, seconds from the centre of the QRS, width (sigma) in s."""

RHYTHM = {"A": (0.65, 1.0), "V": (0.60, 1.35), "E": (1.50, 1.0), "F": (0.93, 1.05)}
"""Symbol to the RR intervals before and after it, relative to the sinus rhythm."""

LEADS = {
    "MLII": (1.0, 1.0, 1.0, 1.0, 1.0),
    "V1": (0.5, 0.3, 0.4, 3.0, 0.4),
    "V5": (0.9, 1.2, 0.9, 0.8, 1.1),
}
"""Lead to the factor of each of `WAVES`."""

FIRST, LAST = 0.15, 0.12
"""Seconds from the start to the first beat and from the last beat to the end."""

MIXED = {"N": 0.74, "A": 0.1, "V": 0.1, "F": 0.03, "E": 0.03}
SYNTHETIC_RECORDS = {
    "101": {"N": 0.90, "A": 0.08, "Q": 0.02},
    "106": {"N": 0.75, "V": 0.25},
    "208": {"N": 0.60, "V": 0.20, "F": 0.20},
    "207": {"L": 0.60, "V": 0.20, "E": 0.20},
    "223": {"N": 0.70, "A": 0.1, "V": 0.15, "F": 0.05},
    "220": {"N": 0.85, "A": 0.15},
    "205": {"N": 0.80, "V": 0.15, "F": 0.05},
    "209": {"N": 0.70, "A": 0.30},
}
"""Records of `synthetic_dir`, named like some of DS1: how often each symbol occurs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if has_database():
        return
    skip = pytest.mark.skip(reason="the MIT-BIH database is not here (MITDB_DIR)")
    for item in items:
        if item.get_closest_marker("database"):
            item.add_marker(skip)


def error_line(action: Callable[[], object]) -> str:
    """Text of the `InputError` that an action raises; it must be one line."""
    with pytest.raises(InputError) as caught:
        action()
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


def beat_times(
    symbols: Sequence[str], rng: np.random.Generator, sinus_rr: float, variation: float = 0.03
) -> np.ndarray:
    """Seconds of each beat: sinus rhythm, with early and late beats and their pauses."""
    before = np.array([RHYTHM.get(s, (1.0, 1.0))[0] for s in symbols])
    after = np.array([RHYTHM.get(s, (1.0, 1.0))[1] for s in symbols])
    rr = sinus_rr * before[1:] * after[:-1] * np.exp(rng.normal(0, variation, len(symbols) - 1))
    return FIRST + np.concatenate([[0.0], np.cumsum(np.maximum(rr, 0.35))])


def ecg(
    seconds: np.ndarray, times: np.ndarray, symbols: Sequence[str], lead: str, seed: int
) -> np.ndarray:
    """One lead in mV at some instants: a sum of Gaussian waves, taller or flatter by patient."""
    factors = dict(zip(WAVES, LEADS.get(lead, (0.7,) * 5), strict=True))
    patient = np.random.default_rng(seed).uniform(0.85, 1.15, len(WAVES))
    patient_factors = dict(zip(WAVES, patient, strict=True))
    signal = np.zeros(len(seconds))
    for time, symbol in zip(times, symbols, strict=True):
        parts = [(0.5, SHAPES["N"]), (0.5, SHAPES["V"])] if symbol == "F" else [(1, SHAPES[symbol])]
        near = slice(*np.searchsorted(seconds, [time - 0.5, time + 0.7]))
        for share, waves in parts:
            for wave, (height, place, width) in waves.items():
                factor = share * factors[wave] * patient_factors[wave]
                distance = (seconds[near] - time - place) / width
                signal[near] += factor * height * np.exp(-0.5 * distance**2)
    return signal


def write_record(
    folder: Path,
    name: str = "syn",
    *,
    fs: float = 360,
    seconds: float = 60,
    leads: Sequence[str] = ("MLII", "V1"),
    symbols: Sequence[str] | None = None,
    shares: dict[str, float] | None = None,
    annotate: bool = True,
    units: str = "mV",
    gain: float = 200,
    seed: int = 0,
    noise: float = 0.01,
    sinus_rr: float = 0.8,
) -> Path:
    """Write a synthetic WFDB record, and give its path without suffix.

    The same seed and symbols give the same beats at the same seconds, at any ``fs``. The
    annotation (``.atr``) also holds marks that are no beats: ``+``, ``~`` and ``|``.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    name : str
        Of the record.
    fs, seconds : float
        Hz, and the length where no symbols are given.
    leads : sequence of str
        ``RESP`` gives a slow wave, every other name an ECG.
    symbols : sequence of str, optional
        Of every beat, of the keys of `SHAPES` or ``F``; the record is as long as they last.
        By default drawn from ``shares``, by default `MIXED`.
    annotate : bool
        Write the ``.atr`` file.
    units, gain : str, float
        Units named in the header (the numbers are mV), steps for each of them.
    seed : int
        Of the beats drawn, of the RR intervals, of the patient and of the noise.
    noise : float
        Standard deviation of white noise in mV.
    sinus_rr : float
        Mean RR interval in sinus rhythm in seconds.
    """
    rng = np.random.default_rng(seed)
    if symbols is None:
        shares = shares or MIXED
        wanted = int(seconds / sinus_rr * 2) + 2
        drawn = [str(s) for s in rng.choice(list(shares), size=wanted, p=list(shares.values()))]
        drawn[0] = next(iter(shares))
        times = beat_times(drawn, rng, sinus_rr)
        symbols = drawn[: max(1, int(np.searchsorted(times, seconds - LAST, side="right")))]
    else:
        times = beat_times(symbols, rng, sinus_rr)
    times = times[: len(symbols)]
    instants = np.arange(round((times[-1] + LAST) * fs) + 1) / fs
    columns = [
        0.5 * np.sin(2 * np.pi * 0.25 * instants)
        if lead == "RESP"
        else ecg(instants, times, symbols, lead, seed) + rng.normal(0, 1, len(instants)) * noise
        for lead in leads
    ]
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        name,
        fs=fs,
        units=[units] * len(leads),
        sig_name=list(leads),
        p_signal=np.stack(columns, axis=1),
        fmt=["16"] * len(leads),
        adc_gain=[gain] * len(leads),
        baseline=[0] * len(leads),
        write_dir=str(folder),
    )
    if annotate:
        samples = np.rint(times * fs).astype(int)
        marks = [(5, "+", "(N")] + [(int(s), y, "") for s, y in zip(samples, symbols, strict=True)]
        if len(samples) > 4:
            marks += [(int(samples[1] + samples[2]) // 2, "~", "")]
            marks += [(int(samples[3] + samples[4]) // 2, "|", "")]
        sample, symbol, note = zip(*sorted(marks), strict=True)
        wfdb.wrann(
            name,
            "atr",
            np.array(sample),
            symbol=list(symbol),
            aux_note=list(note),
            write_dir=str(folder),
        )
    return folder / name


@pytest.fixture(scope="session")
def make_record() -> MakeRecord:
    """Writer of synthetic records: see `write_record`."""
    return write_record


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real database; for tests marked ``database``."""
    return find_data_dir().resolve()


@pytest.fixture(scope="session")
def synthetic_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of one-minute records named like some of DS1, with all five classes."""
    folder = tmp_path_factory.mktemp("synthetic")
    for seed, (name, shares) in enumerate(SYNTHETIC_RECORDS.items()):
        write_record(folder, name, shares=shares, seed=seed, sinus_rr=0.7 + 0.03 * seed)
    return folder


@pytest.fixture(scope="session")
def tiny_model(synthetic_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small network trained for some seconds on `synthetic_dir`."""
    from arrhythmia.model import NetworkSettings
    from arrhythmia.train.fit import train
    from arrhythmia.train.settings import TrainingSettings

    settings = TrainingSettings(
        network=NetworkSettings(run=4, filters=(8, 16), kernels=(7, 5), features=16, units=8),
        copies=1,
        epochs=3,
        steps=24,
        batch=32,
        learning_rate=1e-2,
        members=1,
    )
    names = tuple(SYNTHETIC_RECORDS)
    classifier, history = train(synthetic_dir, settings, seed=1, names=names, verbose=False)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    classifier.save(folder, history.to_csv(index=False))
    return folder


@pytest.fixture(scope="session")
def tiny_classifier(tiny_model: Path) -> Classifier:
    """Classifier loaded from `tiny_model`."""
    from arrhythmia.classifier import Classifier

    return Classifier.load(tiny_model)
