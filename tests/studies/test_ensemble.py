"""Tests of `studies.ensemble`: the ensemble, its members and the distilled network are stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from train.tiny import BEATS

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model_settings import ModelSettings
from arrhythmia.train.settings import TrainingSettings
from studies import ensemble as module
from studies.arms import STUDIES
from studies.ensemble import run_ensemble
from studies.experiments import changed
from studies.results import current_runs

ARMS = ["network 1", "network 2", "ensemble", "distilled"]


def always(name: str) -> SimpleNamespace:
    """A classifier that calls every beat the same."""
    row = np.eye(len(BEAT_CLASSES))[BEAT_CLASSES.index(name)]
    return SimpleNamespace(
        network_probabilities=lambda beats: np.tile(row, (len(beats), 1)), members=(), name=name
    )


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the classifiers that were distilled; training itself is left out."""
    distilled_from: list[str] = []

    def out_of_fold(
        _: object, __: object, ___: object, ____: int, folds: tuple, verbose: bool
    ) -> Iterator[SimpleNamespace]:
        for _fold in folds:
            ensemble = always("V")
            ensemble.members = (always("N"), always("S"))
            yield ensemble

    def distil(members: tuple, records: dict, *_: object) -> SimpleNamespace:
        distilled_from.append(" ".join([*(m.name for m in members), *sorted(records)]))
        return always("F")

    monkeypatch.setattr(module, "out_of_fold", out_of_fold)
    monkeypatch.setattr(module, "distil", distil)
    return distilled_from


@pytest.fixture
def model(tmp_path: Path, tiny: TrainingSettings) -> Path:
    """Folder of a model with two members, of which nothing but the settings is read."""
    folder = tmp_path / "model"
    folder.mkdir()
    training = changed(tiny, {"members": 2}).as_dict()
    text = ModelSettings(BEATS, tiny.network.run, 0, training).to_json()
    (folder / "settings.json").write_text(text)
    (folder / "model.keras").touch()
    return folder


@pytest.mark.usefixtures("on_small_folds")
def test_each_classifier_is_stored_with_what_it_says(
    tmp_path: Path, synthetic_dir: Path, model: Path, trained: list[str]
) -> None:
    results = tmp_path / "results"
    run_ensemble(synthetic_dir, results, model)
    runs = {run["arm"]: run for run in current_runs(results)}
    assert set(runs) == set(ARMS) <= set(STUDIES["ensemble"].arms)
    for arm, called in zip(ARMS, ("N", "S", "V", "F"), strict=True):
        matrix = np.sum(list(runs[arm]["confusion"].values()), axis=0)
        assert matrix.sum() > 100
        assert matrix[:, "NSVF".index(called)].sum() == matrix.sum()
    assert trained == ["N S 205 223", "N S 207 208"]  # never on the fold that is predicted
    before = {file: file.stat().st_mtime_ns for file in results.rglob("*.json")}
    run_ensemble(tmp_path / "no database", results, model)
    assert {file: file.stat().st_mtime_ns for file in results.rglob("*.json")} == before
    assert sorted(file.name for file in model.iterdir()) == ["model.keras", "settings.json"]


def test_that_of_the_shipped_model_is_stored(tmp_path: Path) -> None:
    run_ensemble(tmp_path / "no database")  # would raise an error if it had to train
