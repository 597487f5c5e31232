"""Tests of `arrhythmia.train.second_stage`: what is learnt is what is there."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.model_settings import read_settings
from arrhythmia.second_stage import SecondStage
from arrhythmia.train.second_stage import Early, fit_early, fit_second_stage, save_second_stage


def drawn(weight: float, beats: int, seed: int) -> Early:
    """A record in which earliness counts as much as said."""
    rng = np.random.default_rng(seed)
    odds, early = rng.normal(-2, 2, beats), rng.uniform(0, 3, beats)
    return Early(odds, early, rng.random(beats) < expit(odds + weight * early))


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_the_weight_of_earliness_is_found(weight: float) -> None:
    records = [drawn(weight, 4000, seed) for seed in range(6)]
    assert fit_early(records) == pytest.approx(weight, abs=0.06)


def test_every_record_weighs_the_same() -> None:
    small = [drawn(0.2, 500, seed) for seed in range(10)]
    large = drawn(1.2, 20_000, 99)
    alone, joined = fit_early(small), fit_early([*small, large])
    assert alone < joined < 0.6


def test_one_beat_teaches_little() -> None:
    one = Early(np.array([-3.0]), np.array([3.0]), np.array([True]))
    assert 0 < fit_early([one]) < 3


@pytest.fixture
def folds(tiny_model: Path, tiny_classifier: Classifier, tmp_path: Path) -> Path:
    """A small model with a network for each fold, none of which has seen its records."""
    model = Path(shutil.copytree(tiny_model, tmp_path / "mine"))
    for number in range(1, 5):
        training = tiny_classifier.settings.training | {"records": []}
        settings = replace(tiny_classifier.settings, training=training)
        Classifier(tiny_classifier.network, settings).save(f"{model}-fold{number}")
    return model


def test_missing_folds_are_named(tiny_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "mine"))
    with pytest.raises(InputError, match="mine-fold1.*evaluate --folds --model"):
        fit_second_stage(model)


def test_a_network_that_has_seen_its_fold_is_refused(folds: Path) -> None:
    file = Path(f"{folds}-fold2") / "settings.json"
    facts = json.loads(file.read_text())
    facts["training"]["records"] = ["101", "209"]
    file.write_text(json.dumps(facts))
    with pytest.raises(InputError, match="mine-fold2' was trained on records of its own fold"):
        fit_second_stage(folds)


def test_what_was_fitted_is_kept_in_the_settings_and_nothing_else_changes(folds: Path) -> None:
    before = read_settings(folds)
    kept = {f.name: f.read_bytes() for f in folds.iterdir() if f.name != "settings.json"}
    save_second_stage(folds, SecondStage(0.84))
    after = read_settings(folds)
    assert after.second_stage == SecondStage(0.84)
    assert replace(after, second_stage=None) == before
    assert {f.name: f.read_bytes() for f in folds.iterdir() if f.name in kept} == kept


@pytest.mark.parametrize("wrong", [{"early": -1}, {"early": "0.5"}, {"fusion": 2}, {"late": 1}])
def test_a_damaged_second_stage_is_one_line(folds: Path, wrong: dict) -> None:
    save_second_stage(folds, SecondStage(0.84))
    file = folds / "settings.json"
    facts = json.loads(file.read_text())
    facts["second_stage"] |= wrong
    file.write_text(json.dumps(facts))
    with pytest.raises(InputError, match="settings.json' is damaged"):
        read_settings(folds)
