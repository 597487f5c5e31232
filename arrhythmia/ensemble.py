"""One network, several joined, and one taught by them, on held-out DS1. DS2 stays shut."""

from __future__ import annotations

import time
from pathlib import Path

from arrhythmia.batches import TrainingSettings
from arrhythmia.beats import reference_beats
from arrhythmia.classifier import DEFAULT_MODEL, read_settings
from arrhythmia.evaluation import PROBABILITY_COLUMNS
from arrhythmia.experiments import EXPERIMENTS, Experiment, confusion, store
from arrhythmia.labels import DS1, class_numbers
from arrhythmia.records import read_record
from arrhythmia.reports import write_results
from arrhythmia.training import predict_folds

STUDY = "ensemble"


def run_ensemble(
    data_dir: str | Path | None, model: Path = DEFAULT_MODEL, folder: Path = EXPERIMENTS
) -> None:
    """Store each member of a model, the model, and a network its members taught, by folds.

    The predictions of the model are also written beside the model, as ``evaluate --folds`` does.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    model : Path
        Folder of a saved model, whose settings and seed are used.
    folder : Path
        Where results are stored.
    """
    settings = read_settings(model)
    training = TrainingSettings.from_dict(settings.training)
    joined = Experiment(STUDY, "joined", training, settings.beats, settings.seed)
    if joined.stored(folder, own=True):
        return
    began = time.perf_counter()
    kept = folder == EXPERIMENTS  # a repetition elsewhere leaves the model's folder as it is
    table, voices = predict_folds(data_dir, settings, model if kept else None, taught=True)
    seconds = round(time.perf_counter() - began, 1)
    if kept:
        write_results(model, table, prefix="folds_")
    own = table[list(PROBABILITY_COLUMNS)].to_numpy()
    arms = {joined.arm: {name: own[(table["record"] == name).to_numpy()] for name in DS1}} | voices
    for arm in reversed(arms):
        matrices = {}
        for name, probabilities in arms[arm].items():
            symbols = reference_beats(read_record(name, data_dir))[1]
            matrices[name] = confusion(class_numbers(symbols), probabilities)
        experiment = Experiment(STUDY, arm, training, settings.beats, settings.seed)
        store(experiment, matrices, seconds, folder)  # of all arms together
