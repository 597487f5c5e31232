"""What other equipment, annotators and noise cost, on DS1 by folds.

Networks are trained on recordings as they are; only what they are tested on is changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import resample_poly

from arrhythmia.beats import Prepared, cut_beats
from arrhythmia.mitdb import DS1
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads, prepare_records
from arrhythmia.train.folds import out_of_fold
from arrhythmia.train.settings import SimulationSettings, TrainingSettings
from arrhythmia.train.simulate import Donors, simulated_record
from studies.arms import STUDIES
from studies.experiments import Experiment
from studies.results import RESULTS, confusion, write_table

STUDY = "robustness"
Change = Callable[[Record, np.random.Generator], Record]


def one_lead(record: Record, name: str) -> Record:
    """The record as if this lead alone had been recorded."""
    column = record.leads.index(name)
    return replace(
        record, signals=record.signals[:, [column]], leads=(name,), units=(record.units[column],)
    )


def at_rate(record: Record, fs: float) -> Record:
    """The record as a device with another sampling rate (Hz) would have stored it."""
    ratio = Fraction(fs / record.fs).limit_denominator(1000)
    signals = resample_poly(record.signals, ratio.numerator, ratio.denominator)
    sample = np.rint(record.annotation.sample * float(ratio)).astype(int)
    annotation = record.annotation._replace(sample=np.minimum(sample, len(signals) - 1))
    return replace(record, signals=signals, fs=fs, annotation=annotation)


def marks_moved(record: Record, rng: np.random.Generator, seconds: float = 0.06) -> Record:
    """Every mark moved by up to ``seconds``, keeping their order."""
    sample = record.annotation.sample
    moved = sample + np.rint(rng.uniform(-seconds, seconds, len(sample)) * record.fs).astype(int)
    moved = np.maximum.accumulate(np.clip(moved, 0, len(record) - 1))
    return replace(record, annotation=record.annotation._replace(sample=moved))


def with_mains(record: Record, fs: float = 50.0, share: float = 0.5) -> Record:
    """Mains hum of ``fs`` Hz, its amplitude relative to the standard deviation of each lead."""
    wave = np.sin(2 * np.pi * fs * np.arange(len(record)) / record.fs)
    hum = share * np.std(record.signals, axis=0) * wave[:, None]
    return replace(record, signals=record.signals + hum)


def with_muscle(record: Record, rng: np.random.Generator, share: float = 0.25) -> Record:
    """White noise, as of muscles, relative to the standard deviation of each lead."""
    noise = rng.standard_normal(record.signals.shape) * share * np.std(record.signals, axis=0)
    return replace(record, signals=record.signals + noise)


def in_steps(record: Record) -> Record:
    """The record as a file without gain has it: 200 steps to the mV, offset 1024, no unit."""
    units = ("",) * len(record.leads)
    return replace(record, signals=200 * record.signals + 1024, units=units)


CHANGES: Final[dict[str, Change]] = {
    "as recorded": lambda record, rng: record,
    "at 128 Hz": lambda record, rng: at_rate(record, 128.0),
    "at 128 Hz and back": lambda record, rng: at_rate(at_rate(record, 128.0), record.fs),
    "at 250 Hz": lambda record, rng: at_rate(record, 250.0),
    "marks moved by up to 60 ms": marks_moved,
    "amplitude x 0.2": lambda record, rng: replace(record, signals=0.2 * record.signals),
    "offset 1024, 200 to the mV": lambda record, rng: in_steps(record),
    "mains hum, half the signal's sd": lambda record, rng: with_mains(record),
    "muscle noise, a quarter of the signal's sd": with_muscle,
}
"""What is done to a held-out record, seen in its preferred lead."""

SECOND_LEAD: Final = "second lead"
"""The arm that sees the other lead, unchanged."""

RHYTHMS: Final = {
    "simulated: groups of early beats": "groups",
    "simulated: fibrillation from end to end": "always",
}
"""Arms with rhythms that DS1 has in no record, or in two, simulated from the held-out record; see
`arrhythmia.train.settings.SimulationSettings`."""


def with_rhythm(leads: Leads, kind: str, rng: np.random.Generator) -> Prepared:
    """A simulated record in which nothing but the rhythm is changed.

    Parameters
    ----------
    leads : tuple of Prepared
        Two leads of a record.
    kind : str
        ``"groups"`` or ``"always"``, see `RHYTHMS`.
    rng : numpy Generator
    """
    nothing = {f.name: 0.0 for f in fields(SimulationSettings)}
    mixture = SimulationSettings(**nothing | {"as_it_is": 1.0, kind: 1.0})
    return simulated_record(leads, Donors({}), mixture, BeatSettings(), rng)


def as_tested(name: str, data_dir: str | Path | None, seed: int) -> dict[str, Record]:
    """A held-out record as each arm but those of `RHYTHMS` sees it: one lead, with annotation."""
    record = read_record(name, data_dir)
    leads = record.ecg_leads
    first = one_lead(record, leads[0])
    changed = {
        arm: change(first, np.random.default_rng((seed, int(name))))
        for arm, change in CHANGES.items()
    }
    return changed | {SECOND_LEAD: one_lead(record, leads[-1])}


def run_robustness(
    data_dir: str | Path | None,
    seeds: Sequence[int] = (0,),
    folder: Path = RESULTS,
    settings: TrainingSettings | None = None,
) -> None:
    """Train a network for each fold and store how it does on the held-out records, changed.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database; not used where all is stored.
    seeds : sequence of int
        Random seeds.
    folder : Path
        Folder of results, where one is stored for each change and seed.
    settings : TrainingSettings, optional
        How the networks are trained; by default as a member of the shipped model.
    """
    settings = settings or replace(TrainingSettings(), members=1)
    for seed in seeds:
        planned = {
            name: Experiment(STUDY, name, settings, arm.varied, seed=seed)
            for name, arm in STUDIES[STUDY].arms.items()
        }
        if not all(experiment.stored(folder) for experiment in planned.values()):
            _run(planned, data_dir, settings, seed, folder)


def _run(
    planned: dict[str, Experiment],
    data_dir: str | Path | None,
    settings: TrainingSettings,
    seed: int,
    folder: Path,
) -> None:
    began, beat_settings = time.perf_counter(), BeatSettings()
    records = prepare_records(DS1, data_dir, beat_settings)
    matrices: dict[str, dict[str, np.ndarray]] = {arm: {} for arm in planned}
    folds = planned["as recorded"].folds
    trained = out_of_fold(records, beat_settings, settings, seed, folds)
    for fold, classifier in zip(folds, trained, strict=True):
        for name in fold:
            beats = {
                arm: classifier.find_beats(record)
                for arm, record in as_tested(name, data_dir, seed).items()
            }
            for arm, kind in RHYTHMS.items():
                rng = np.random.default_rng((seed, int(name)))
                beats[arm] = cut_beats(with_rhythm(records[name], kind, rng), beat_settings)
            for arm, tested in beats.items():
                probabilities = classifier.network_probabilities(tested)
                matrices[arm][name] = confusion(tested.beat_class, probabilities)
    seconds = time.perf_counter() - began
    for arm, experiment in planned.items():
        experiment.store(matrices[arm], seconds, folder)  # of all arms together
    write_table(folder)
