"""Tests of `studies.arms`: arms of a study differ, and nothing else does."""

from __future__ import annotations

import json

import pytest

from arrhythmia.train.settings import TrainingSettings
from studies.arms import STUDIES
from studies.experiments import changed, experiments

SAME_TRAINING = ("ensemble", "robustness")


@pytest.mark.parametrize("study", STUDIES)
def test_arms_of_a_study_differ_and_have_files_of_their_own(study: str) -> None:
    made = experiments(study)
    assert len({json.dumps(e.facts) for e in made}) == len(made) == len(STUDIES[study].arms)
    assert len({e.file().name.lower() for e in made}) == len(made)


@pytest.mark.parametrize("study", [name for name in STUDIES if name not in SAME_TRAINING])
def test_arms_of_a_study_have_one_budget(study: str) -> None:
    made = experiments(study)
    assert len({(e.settings.epochs, e.settings.steps, e.settings.members) for e in made}) == 1
    assert len({e.settings.batch * e.settings.network.run for e in made}) == 1


@pytest.mark.parametrize("study", SAME_TRAINING)
def test_arms_that_are_tested_differently_are_trained_alike(study: str) -> None:
    assert len({json.dumps(e.settings.as_dict()) for e in experiments(study)}) == 1


def test_changes_go_into_the_settings_that_they_name() -> None:
    base = TrainingSettings()
    settings = changed(base, {"copies": 2, "network": {"run": 5}, "mixture": {"fusion": 0.5}})
    assert (settings.copies, settings.network.run, settings.mixture.fusion) == (2, 5, 0.5)
    assert settings.network.units == base.network.units
    assert settings.mixture.runs == base.mixture.runs
    with pytest.raises(TypeError):
        changed(base, {"network": {"fusion": 0.5}})
