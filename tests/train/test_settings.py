"""Tests of `arrhythmia.train.settings`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from train.tiny import TINY

from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.mitdb import DS1
from arrhythmia.model_settings import read_settings
from arrhythmia.train.settings import MECHANISMS, SimulationSettings, TrainingSettings


def test_settings_read_back_are_the_same() -> None:
    settings = replace(TINY, mixture=SimulationSettings(premature=0.123), noise=0.07)
    facts = json.loads(json.dumps(settings.as_dict())) | {"records": ["101"]}
    assert TrainingSettings.from_dict(facts) == settings


def test_the_defaults_are_those_of_the_shipped_model() -> None:
    facts = read_settings(DEFAULT_MODEL).training
    assert TrainingSettings.from_dict(facts) == TrainingSettings()
    assert facts["records"] == list(DS1)


def test_shares_are_the_chances_of_the_mechanisms() -> None:
    shares = SimulationSettings().shares
    assert len(shares) == len(MECHANISMS)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    nothing = dict.fromkeys(MECHANISMS, 0.0)
    only = SimulationSettings(**nothing | {"fusion": 3.0})
    assert dict(zip(MECHANISMS, only.shares, strict=True)) == nothing | {"fusion": 1.0}


def test_a_model_notes_how_it_was_trained(tiny_model: Path) -> None:
    facts = json.loads((tiny_model / "settings.json").read_text("utf-8"))
    assert facts["seed"] == 1
    assert set(facts["training"]["records"]) <= set(DS1)
    settings = TrainingSettings.from_dict(facts["training"])
    assert settings.network.run == facts["run"]
    assert settings.copies == 1
    assert (tiny_model / "history.csv").read_text("utf-8").startswith("epoch,loss,accuracy")
