"""The beats on which explanations are measured, the same a little disturbed, other networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.predictions import read_predictions
from arrhythmia.records import Record, read_record

HALVES: Final = {"DS1": "folds_predictions.csv", "DS2": "predictions.csv"}
"""Halves of the database, and which predictions of a model are of them."""

PER_CLASS: Final = 100
"""Beats of each class, where there are so many."""
FEW: Final = 30
"""Of these, beats of each class for randomisation and stability, which take longest."""
NOISE: Final = 0.02
"""Noise that disturbs a beat a little, relative to the standard deviation of the lead."""


@dataclass(frozen=True)
class Sampled:
    """Beats of one record to be explained, and the network that has not seen it.

    Parameters
    ----------
    classifier : Classifier
    record : Record
    beats : Beats
        All of the record.
    chosen : ndarray of int, shape (chosen,)
        Which are explained.
    few : ndarray of int, shape (few,)
        Those of them that are used for what takes longest.
    """

    classifier: Classifier
    record: Record
    beats: Beats
    chosen: np.ndarray
    few: np.ndarray


def choose_beats(table: pd.DataFrame, per_class: int = PER_CLASS, few: int = FEW) -> pd.DataFrame:
    """A fixed sample of beats: so many of each reference class, drawn at random.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions, see `arrhythmia.predictions.scored_table`.
    per_class, few : int
        Beats of each class, where there are so many, and those of them marked ``few``.

    Returns
    -------
    pandas.DataFrame
        ``record``, ``beat`` (its number in the record), ``reference``, ``few``.
    """
    numbered = table.assign(beat=table.groupby("record").cumcount())
    parts = []
    for name in BEAT_CLASSES:
        of_class = numbered[numbered["reference"] == name]
        drawn = of_class.sample(min(per_class, len(of_class)), random_state=0)
        parts.append(drawn.assign(few=np.arange(len(drawn)) < few))
    return pd.concat(parts)[["record", "beat", "reference", "few"]]


def sampled_records(
    model: Path, half: str, data_dir: str | Path | None, per_class: int = PER_CLASS, few: int = FEW
) -> Iterator[Sampled]:
    """The sample of one half of the database, record by record.

    Parameters
    ----------
    model : Path
        Folder of a saved model.
    half : str
        A key of `HALVES`.
    data_dir : str or Path, optional
        Folder of the database.
    per_class, few : int
        Beats of each class, see `choose_beats`.

    Raises
    ------
    InputError
        If the model has no predictions of that half yet.
    """
    predictions = model / HALVES[half]
    command = f"python -m arrhythmia evaluate --model {model}" + " --folds" * (half == "DS1")
    folders = sorted(model.parent.glob(f"{model.name}-fold[0-9]")) if half == "DS1" else [model]
    if not predictions.is_file() or not folders:
        raise InputError(f"model '{model}' has no predictions of {half} yet: run '{command}'")
    chosen = choose_beats(read_predictions(predictions), per_class, few)
    for folder in folders:
        classifier = Classifier.load(folder).trace()
        seen = set(classifier.settings.training.get("records", ()))
        for name, rows in chosen.groupby("record", sort=True):
            if str(name) in seen:
                continue
            record = read_record(str(name), data_dir)
            few_rows = rows.loc[rows["few"], "beat"].to_numpy()
            beats = classifier.find_beats(record)
            yield Sampled(classifier, record, beats, rows["beat"].to_numpy(), few_rows)


def redrawn(classifier: Classifier, seed: int) -> Classifier:
    """A classifier of the same shape with fresh random weights."""
    from arrhythmia.backend import keras

    keras.utils.set_random_seed(seed)
    return Classifier(keras.models.clone_model(classifier.network), classifier.settings).trace()


def disturbed(sampled: Sampled) -> dict[str, Beats]:
    """The same beats with a little noise on the lead, and with marks one sample later."""
    record, find = sampled.record, sampled.classifier.find_beats
    column = record.leads.index(sampled.beats.lead)
    signals = record.signals.copy()
    rng = np.random.default_rng(0)
    signals[:, column] += NOISE * np.nanstd(signals[:, column]) * rng.standard_normal(len(record))
    later = np.minimum(record.annotation.sample + 1, len(record) - 1)
    changed = {
        "noise": find(replace(record, signals=signals)),
        "one sample later": find(
            replace(record, annotation=record.annotation._replace(sample=later))
        ),
    }
    return {name: b for name, b in changed.items() if len(b) == len(sampled.beats)}
