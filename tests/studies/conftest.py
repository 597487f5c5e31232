"""Small data and settings for the tests of this folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from train.tiny import BEATS, TINY, step_by_step

from arrhythmia.classifier import Classifier
from arrhythmia.predictions import scored_table
from arrhythmia.records import read_record
from arrhythmia.train.batches import Leads, prepare_records
from arrhythmia.train.settings import TrainingSettings
from studies.arms import BUDGET
from studies.experiments import Experiment, changed

NAMES = ("208", "207", "223", "205")
FOLDS = (("208", "207"), ("223", "205"))


@pytest.fixture(scope="session")
def records(synthetic_dir: Path) -> dict[str, Leads]:
    """Four records, two in each of `small_folds`."""
    return prepare_records(NAMES, synthetic_dir, BEATS)


@pytest.fixture(scope="session")
def small_folds() -> tuple[tuple[str, ...], ...]:
    """Folds of `records`."""
    return FOLDS


@pytest.fixture(scope="session")
def tiny() -> TrainingSettings:
    """Settings of a training that takes a second."""
    small = {"epochs": 1, "copies": 0}
    return changed(TINY, BUDGET | {"steps": 1} | small)


@pytest.fixture
def without_graphs() -> Iterator[None]:
    """See `train.tiny.step_by_step`."""
    with step_by_step():
        yield


@pytest.fixture
def on_small_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Experiments on `records` alone."""
    for module in ("experiments", "robustness", "ensemble", "tuning"):
        monkeypatch.setattr(f"studies.{module}.DS1", NAMES)
    *others, folds = Experiment.__init__.__defaults__
    assert len(folds) == 4
    monkeypatch.setattr(Experiment.__init__, "__defaults__", (*others, FOLDS))


@pytest.fixture(scope="session")
def explained_model(
    tiny_model: Path, tiny_classifier: Classifier, synthetic_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    """A model with predictions of both halves, and the network of a fold that knows 101 alone."""
    folder = tmp_path_factory.mktemp("explained") / "tiny"
    shutil.copytree(tiny_model, folder)
    tables = []
    for name in ("106", "208"):
        beats = tiny_classifier.find_beats(read_record(name, synthetic_dir))
        tables.append(scored_table(beats, tiny_classifier.probabilities(beats)))
    for name in ("folds_predictions.csv", "predictions.csv"):
        pd.concat(tables).to_csv(folder / name, index=False)
    fold = folder.parent / "tiny-fold1"
    shutil.copytree(tiny_model, fold)
    settings = json.loads((fold / "settings.json").read_text())
    settings["training"]["records"] = ["101"]
    (fold / "settings.json").write_text(json.dumps(settings))
    return folder
