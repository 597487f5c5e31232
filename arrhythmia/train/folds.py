"""Record-wise cross-validation of DS1: every record is predicted by a network that never saw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from arrhythmia.beats import cut_beats
from arrhythmia.classifier import Classifier, ModelSettings
from arrhythmia.mitdb import DS1, FOLDS
from arrhythmia.predictions import scored_table
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


def predict_folds(
    data_dir: str | Path | None, model: ModelSettings, folder: str | Path | None = None
) -> pd.DataFrame:
    """Out-of-fold predictions for all of DS1 with the settings of a saved model.

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
    pandas.DataFrame
        See `arrhythmia.predictions.scored_table`; records in the order of DS1.
    """
    records = prepare_records(DS1, data_dir, model.beats)
    settings = TrainingSettings.from_dict(model.training)
    classifiers = out_of_fold(records, model.beats, settings, model.seed, FOLDS, verbose=True)
    tables = {}
    for number, (fold, classifier) in enumerate(zip(FOLDS, classifiers, strict=True), 1):
        if folder is not None:
            classifier.save(f"{folder}-fold{number}")
        for name in fold:
            beats = cut_beats(records[name][0], model.beats)
            tables[name] = scored_table(beats, classifier.probabilities(beats))
    return pd.concat([tables[name] for name in DS1], ignore_index=True)
