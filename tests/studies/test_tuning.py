"""Tests of `studies.tuning`: trials are stored, and an interrupted search goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from arrhythmia.train.settings import TrainingSettings
from studies import tuning as module
from studies.arms import BUDGET
from studies.results import RESULTS, TABLE
from studies.tuning import as_parameters, format_summary, open_search, resume, suggest, tune


def test_the_shipped_settings_are_the_first_point_of_the_search() -> None:
    shipped = TrainingSettings()
    trial = optuna.trial.FixedTrial(as_parameters(shipped))
    assert suggest(trial) == replace(shipped, **BUDGET)


def test_what_was_running_when_a_search_stopped_is_run_again(tmp_path: Path) -> None:
    search = open_search(tmp_path)
    wanted = suggest(search.ask())
    del search
    again = open_search(tmp_path)
    assert resume(again) == 1
    second = again.ask()
    assert suggest(second) == wanted
    again.tell(second, 0.5)
    assert resume(open_search(tmp_path)) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs", "on_small_folds")
def test_each_trial_and_a_summary_are_stored(
    tmp_path: Path, synthetic_dir: Path, tiny: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "suggest", lambda trial: replace(tiny, noise=trial.suggest_float("noise", 0, 1))
    )
    assert tune(synthetic_dir, 1, tmp_path)["complete"] == 1
    facts = tune(synthetic_dir, 1, tmp_path)
    assert facts["trials"] == 2
    assert "noise" in facts["settings"]
    assert 0 <= facts["mean_f1"] <= 1
    folder = tmp_path / "tuning"
    assert {f.name for f in folder.glob("trial-*.json")} == {
        "trial-000-0.json", "trial-001-0.json"
    }  # fmt: skip
    assert (tmp_path / TABLE).read_text().count("\n") == 3
    assert json.loads((folder / "summary.json").read_text()) == facts
    assert (folder / "history.png").stat().st_size > 5000


def test_a_summary_is_shown_in_words() -> None:
    facts = json.loads((RESULTS / "tuning" / "summary.json").read_text())
    text = format_summary(facts)
    assert text.startswith(f"{facts['trials']} trials, {facts['complete']} complete\n")
    assert f"best: trial {facts['best']}, mean F1 {facts['mean_f1']:.3f}" in text
    assert format_summary({"trials": 1, "complete": 0}) == "1 trials, 0 complete"
