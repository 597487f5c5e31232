"""Record-wise cross-validation of DS1: every record is predicted by a network that never saw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier, Decision
from arrhythmia.errors import InputError
from arrhythmia.mitdb import ALL, ALL_FOLDS, DS1, FOLDS
from arrhythmia.model_settings import ModelSettings, read_settings
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads, prepare_records
from arrhythmia.train.fit import fit_ensemble
from arrhythmia.train.settings import TrainingSettings


def without(records: dict[str, Leads], fold: Sequence[str]) -> dict[str, Leads]:
    """The records that are not in a fold."""
    return {name: leads for name, leads in records.items() if name not in fold}


def out_of_fold(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    folds: Sequence[Sequence[str]] = FOLDS,
    verbose: bool = False,
) -> Iterator[Classifier]:
    """Train a classifier for each fold on the records of the others.

    Parameters
    ----------
    records : dict
        All of them, as `arrhythmia.train.batches.prepare_records` gives them.
    beat_settings : BeatSettings
        How beats are made.
    settings : TrainingSettings
        How each classifier is trained.
    seed : int
        Random seed, the same for each.
    folds : sequence of sequence of str
        Names of records; each fold in turn is left out of training.
    verbose : bool
        Print what has been done.

    Yields
    ------
    Classifier
        In the order of ``folds``, each with a network of its own.
    """
    for fold in folds:
        yield fit_ensemble(without(records, fold), beat_settings, settings, seed, verbose)[0]


def decide_folds(
    data_dir: str | Path | None, model: ModelSettings, folder: str | Path | None = None
) -> list[tuple[Record, Beats, Decision]]:
    """Out-of-fold decisions for all training records with the settings of a saved model.

    Classifiers of the folds that are there already, trained with these settings on the same
    records, are not trained again.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    model : ModelSettings
        Settings and seed.
    folder : str or Path, optional
        The classifier of each fold is saved beside it, as ``FOLDER-fold1`` …: they explain beats
        of DS1 that they have not seen.

    Returns
    -------
    list of (Record, Beats, Decision)
        In the order of the training.
    """
    decided, folds = {}, folds_of(model)
    for fold, classifier in zip(folds, _of_folds(data_dir, model, folder, folds), strict=True):
        for name in fold:
            record = read_record(name, data_dir)
            beats = classifier.find_beats(record, source="atr")
            decided[name] = record, beats, classifier.decide(beats)
    return [decided[name] for name in ALL if name in decided]


def folds_of(model: ModelSettings) -> tuple[tuple[str, ...], ...]:
    """Folds of the records that a model was trained on: DS1, or all."""
    return ALL_FOLDS if set(model.training.get("records", ())) == set(ALL) else FOLDS


def _of_folds(
    data_dir: str | Path | None,
    model: ModelSettings,
    folder: str | Path | None,
    folds: Sequence[Sequence[str]],
) -> Iterator[Classifier]:
    """Classifier of each fold: the saved one where it fits, else trained now."""
    settings, records = TrainingSettings.from_dict(model.training), {}
    every = list(ALL if folds == ALL_FOLDS else DS1)
    for number, fold in enumerate(folds, 1):
        place = None if folder is None else Path(f"{folder}-fold{number}")
        names = [name for name in every if name not in fold]
        if place is not None and _fits(place, model, names):
            print(f"fold {number}: '{place}' is there already", flush=True)
            yield Classifier.load(place)
            continue
        records = records or prepare_records(every, data_dir, model.beats)
        trained = out_of_fold(records, model.beats, settings, model.seed, [fold], verbose=True)
        (classifier,) = trained
        classifier.settings = replace(
            classifier.settings, templates=model.templates, second_stage=model.second_stage
        )
        if place is not None:
            classifier.save(place)
        yield classifier


def _fits(folder: Path, model: ModelSettings, names: Sequence[str]) -> bool:
    """Whether a saved classifier was trained with a model's settings on some records.

    Its second stage is its own, see `arrhythmia.train.second_stage`.
    """
    try:
        saved = read_settings(folder)
    except InputError:
        return False
    wanted = replace(model, training=model.training | {"records": list(names)})
    same = replace(saved, versions=model.versions, second_stage=model.second_stage)
    return same.to_json() == wanted.to_json()
