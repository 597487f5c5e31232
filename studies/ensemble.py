"""An ensemble, each of its members, and one network distilled from them, on DS1 by folds."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from arrhythmia.beats import cut_beats
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.mitdb import DS1
from arrhythmia.model_settings import read_settings
from arrhythmia.train.batches import prepare_records
from arrhythmia.train.folds import out_of_fold, without
from arrhythmia.train.settings import TrainingSettings
from studies.distillation import distil
from studies.experiments import Experiment
from studies.results import RESULTS, confusion, write_table

STUDY = "ensemble"


def run_ensemble(
    data_dir: str | Path | None, folder: Path = RESULTS, model: Path = DEFAULT_MODEL
) -> None:
    """Train and store what is not stored yet.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database; not used where all is stored.
    folder : Path
        Folder of results.
    model : Path
        Folder of a saved model, whose settings and seed are used.
    """
    saved = read_settings(model)
    settings = TrainingSettings.from_dict(saved.training)
    arms = [*(f"network {i}" for i in range(1, settings.members + 1)), "ensemble", "distilled"]
    planned = {
        arm: Experiment(STUDY, arm, settings, {"classifier": arm}, saved.beats, saved.seed)
        for arm in arms
    }
    if all(experiment.stored(folder) for experiment in planned.values()):
        return
    began = time.perf_counter()
    records = prepare_records(DS1, data_dir, saved.beats)
    folds = planned["ensemble"].folds
    matrices: dict[str, dict[str, np.ndarray]] = {arm: {} for arm in arms}
    trained = out_of_fold(records, saved.beats, settings, saved.seed, folds, verbose=True)
    for fold, ensemble in zip(folds, trained, strict=True):
        others = without(records, fold)
        distilled = distil(ensemble.members, others, saved.beats, settings, saved.seed)
        classifiers = [*ensemble.members, ensemble, distilled]
        for name in fold:
            beats = cut_beats(records[name][0], saved.beats)
            for arm, classifier in zip(arms, classifiers, strict=True):
                matrices[arm][name] = confusion(
                    beats.beat_class, classifier.network_probabilities(beats)
                )
    seconds = time.perf_counter() - began
    for arm, experiment in planned.items():
        experiment.store(matrices[arm], seconds, folder)  # of all arms together
    write_table(folder)
