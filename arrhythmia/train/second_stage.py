"""What earliness counts in the second stage, learnt from predictions out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import log_odds
from arrhythmia.model_settings import ModelSettings, read_settings
from arrhythmia.records import read_record
from arrhythmia.second_stage import SecondStage, due, earliness
from arrhythmia.templates import Templates, with_templates
from arrhythmia.train.folds import folds_of

SHRINKAGE: Final = 0.003
"""Half of this times the square of the weight is added to the negative log-likelihood."""
LARGEST_WEIGHT: Final = 10.0

N, S = (BEAT_CLASSES.index(c) for c in "NS")


@dataclass(frozen=True)
class Early:
    """The beats of a record that are N or S by the reference.

    Parameters
    ----------
    odds : ndarray of float, shape (beats,)
        Log-odds of S against N before the second stage.
    early : ndarray of float, shape (beats,)
        See `arrhythmia.second_stage.earliness`.
    is_s : ndarray of bool, shape (beats,)
        What the reference says.
    """

    odds: np.ndarray
    early: np.ndarray
    is_s: np.ndarray


def fit_early(records: Sequence[Early]) -> float:
    """The weight of earliness: a logistic regression in which every record weighs the same.

    Parameters
    ----------
    records : sequence of Early
        Predicted by networks that have not seen them.

    Returns
    -------
    float
        From 0 to `LARGEST_WEIGHT`, see `SecondStage`.
    """

    def loss(weight: float) -> float:
        losses = []
        for record in records:
            scores = record.odds + weight * record.early
            right = np.where(record.is_s, expit(scores), expit(-scores))
            losses.append(-np.log(np.maximum(right, 1e-12)).mean())
        return float(np.mean(losses)) + SHRINKAGE * weight**2 / 2

    found = minimize_scalar(loss, bounds=(0, LARGEST_WEIGHT), method="bounded")
    return float(f"{found.x:.3g}")


def fit_second_stage(
    folder: str | Path, data_dir: str | Path | None = None
) -> dict[Path, SecondStage]:
    """Fit the second stage of a model, and of each of its folds without the fold's own records.

    Parameters
    ----------
    folder : str or Path
        Of a saved model for which ``evaluate --folds`` was run.
    data_dir : str or Path, optional
        Folder of the database.

    Returns
    -------
    dict
        Folder of the model, and of the network of each fold, to what was fitted for it.

    Raises
    ------
    InputError
        If networks of the folds are missing, or have seen the records of their fold.
    """
    folder = Path(folder)
    folds = folds_of(read_settings(folder))
    places = [Path(f"{folder}-fold{number}") for number in range(1, len(folds) + 1)]
    remedy = f"run 'python -m arrhythmia evaluate --folds --model {folder}' first"
    for place, fold in zip(places, folds, strict=True):
        if not place.is_dir():
            raise InputError(f"no network of the fold in '{place}': {remedy}")
        if set(fold) & set(read_settings(place).training.get("records", fold)):
            raise InputError(f"'{place}' was trained on records of its own fold: {remedy}")
    by_fold = [
        _early_of(Classifier.load(place), fold, data_dir)
        for place, fold in zip(places, folds, strict=True)
    ]
    fitted = {folder: SecondStage(fit_early([r for records in by_fold for r in records]))}
    for number, place in enumerate(places):
        others = [r for i, records in enumerate(by_fold) if i != number for r in records]
        fitted[place] = SecondStage(fit_early(others))
    return fitted


def decide_without(classifier: Classifier, beats: Beats) -> tuple[np.ndarray, Templates]:
    """What leads and templates say of the beats of a record, whatever second stage there is.

    Parameters
    ----------
    classifier : Classifier
        That judges beats by templates.
    beats : Beats
        Of a record that is long enough for that.

    Returns
    -------
    probabilities : ndarray of float, shape (beats, 5)
    templates : Templates
    """
    decision, settings = classifier.decide(beats), classifier.settings.templates
    if decision.templates is None or settings is None:
        raise InputError(f"record '{beats.record}' is too short, or the model has no templates")
    return with_templates(decision.by_itself, decision.templates, settings), decision.templates


def early_beats(beats: Beats, probabilities: np.ndarray) -> Early:
    """Earliness of the beats of a record, and what was said of them without it.

    Parameters
    ----------
    beats : Beats
        With their symbols.
    probabilities : ndarray of float, shape (beats, 5)
        As `decide_without` gives them.
    """
    early = earliness(due(beats, probabilities.argmax(axis=1)))
    counts = np.isin(beats.beat_class, (N, S))
    odds = log_odds(probabilities, (S,), (N,))
    return Early(odds[counts], early[counts], beats.beat_class[counts] == S)


def _early_of(
    classifier: Classifier, names: Sequence[str], data_dir: str | Path | None
) -> list[Early]:
    records = []
    for name in names:
        beats = classifier.find_beats(read_record(name, data_dir), source="atr")
        records.append(early_beats(beats, decide_without(classifier, beats)[0]))
    return [record for record in records if len(record.is_s)]


def save_second_stage(folder: Path, stage: SecondStage) -> ModelSettings:
    """Write a second stage into the ``settings.json`` of a saved model.

    Raises
    ------
    InputError
        If the folder holds no model, or cannot be written.
    """
    settings = replace(read_settings(folder), second_stage=stage)
    with whole_file(folder / "settings.json") as part:
        part.write_text(settings.to_json(), encoding="utf-8")
    return settings
