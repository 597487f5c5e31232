"""What other equipment, annotators and noise cost: held-out DS1 records, changed. DS2 stays shut.

Networks are trained on recordings as they are, by folds; only what they are tested on is changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from arrhythmia.augmentation import Donors, Mixture, virtual_copy
from arrhythmia.batches import Leads, TrainingSettings, prepare_records
from arrhythmia.beats import BeatSettings, Prepared, cut_beats, reference_beats
from arrhythmia.experiments import EXPERIMENTS, STUDIES, Experiment, confusion, store
from arrhythmia.labels import DS1, class_numbers
from arrhythmia.records import Record, lead_names, read_record
from arrhythmia.training import out_of_fold

STUDY = "robustness"
Change = Callable[[Record, np.random.Generator], Record]


def at_rate(record: Record, fs: float) -> Record:
    """The record as a device with another sampling rate (Hz) would have stored it."""
    ratio = Fraction(fs / record.fs).limit_denominator(1000)
    signal = resample_poly(record.signal, ratio.numerator, ratio.denominator)
    marks = np.rint(record.annotation.sample * float(ratio)).astype(int)
    marks = np.minimum(marks, len(signal) - 1)
    annotation = record.annotation._replace(sample=marks)
    return replace(record, signal=signal, fs=fs, annotation=annotation)


def marks_moved(record: Record, rng: np.random.Generator, seconds: float = 0.06) -> Record:
    """Every mark moved by up to ``seconds``, keeping their order."""
    sample = record.annotation.sample
    moved = sample + np.rint(rng.uniform(-seconds, seconds, len(sample)) * record.fs).astype(int)
    moved = np.maximum.accumulate(np.clip(moved, 0, len(record.signal) - 1))
    return replace(record, annotation=record.annotation._replace(sample=moved))


def with_mains(record: Record, fs: float = 50.0, share: float = 0.5) -> Record:
    """Mains hum of an amplitude relative to the signal's own standard deviation."""
    phase = 2 * np.pi * fs * np.arange(len(record.signal)) / record.fs
    return replace(record, signal=record.signal + share * np.std(record.signal) * np.sin(phase))


def with_muscle(record: Record, rng: np.random.Generator, share: float = 0.25) -> Record:
    """White noise, as of muscles, relative to the signal's own standard deviation."""
    noise = rng.standard_normal(len(record.signal)) * share * np.std(record.signal)
    return replace(record, signal=record.signal + noise)


CHANGES: dict[str, Change] = {
    "as recorded": lambda record, rng: record,
    "at 128 Hz": lambda record, rng: at_rate(record, 128.0),
    "at 128 Hz and back": lambda record, rng: at_rate(at_rate(record, 128.0), record.fs),
    "at 250 Hz": lambda record, rng: at_rate(record, 250.0),
    "marks moved by up to 60 ms": lambda record, rng: marks_moved(record, rng),
    "amplitude x 0.2": lambda record, rng: replace(record, signal=0.2 * record.signal),
    "offset 1024, 200 to the mV": lambda record, rng: replace(
        record, signal=200 * record.signal + 1024, units=""
    ),
    "mains hum, half the signal's sd": lambda record, rng: with_mains(record),
    "muscle noise, a quarter of the signal's sd": with_muscle,
}
"""What is done to a held-out record; ``"second lead"`` is read from the files besides."""

SECOND_LEAD = "second lead"

RHYTHMS = {
    "virtual copy: groups of early beats": "groups",
    "virtual copy: fibrillation from end to end": "always",
}
"""Rhythms that DS1 has in no record, or in two: made from the held-out record (see
`arrhythmia.augmentation.Mixture`)."""


def with_rhythm(leads: Leads, kind: str, rng: np.random.Generator) -> Prepared:
    """A virtual copy of a record in which nothing but the rhythm is changed."""
    nothing = {f.name: 0.0 for f in fields(Mixture)}
    mixture = Mixture(**nothing | {"as_it_is": 1.0, kind: 1.0})
    return virtual_copy(leads, Donors({}), mixture, BeatSettings(), rng)


def run_robustness(
    data_dir: str | Path | None,
    settings: TrainingSettings,
    seed: int = 0,
    folder: Path = EXPERIMENTS,
) -> None:
    """Train a network for each fold and store how it does on the held-out records, changed.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    settings : TrainingSettings
        How the networks are trained.
    seed : int
        Random seed.
    folder : Path
        Where results are stored, one for each change.
    """
    arms = tuple(STUDIES[STUDY].arms)
    planned = {arm: Experiment(STUDY, arm, settings, seed=seed) for arm in arms}
    if all(e.file(folder).is_file() and e.stored(folder, own=True) for e in planned.values()):
        return
    began, beats = time.perf_counter(), BeatSettings()
    records = prepare_records(DS1, data_dir, beats)
    found: dict[str, dict[str, np.ndarray]] = {arm: {} for arm in arms}
    experiment = planned["as recorded"]
    trained = out_of_fold(records, beats, settings, seed, experiment.folds)
    for fold, classifier in zip(experiment.folds, trained, strict=True):
        for name in fold:
            for arm, kind in RHYTHMS.items():
                rng = np.random.default_rng((seed, int(name)))
                copy = cut_beats(with_rhythm(records[name], kind, rng), beats)
                found[arm][name] = confusion(copy.beat_class, classifier.probabilities(copy))
            for arm in (SECOND_LEAD, *CHANGES):
                lead = lead_names(name, data_dir)[-1] if arm == SECOND_LEAD else None
                record = read_record(name, data_dir, lead)
                rng = np.random.default_rng((seed, int(name)))
                record = CHANGES[arm](record, rng) if arm in CHANGES else record
                numbers = class_numbers(reference_beats(record)[1])
                probabilities = classifier.probabilities(classifier.find_beats(record))
                found[arm][name] = confusion(numbers, probabilities)
    seconds = round(time.perf_counter() - began, 1)
    for arm, one in planned.items():
        store(one, found[arm], seconds, folder)  # of all arms together
