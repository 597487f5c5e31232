"""Tests of `studies.experiments`: stored with all that is needed, not run twice, resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads
from arrhythmia.train.settings import TrainingSettings
from studies import experiments as module
from studies.arms import STUDIES, Arm, Study
from studies.experiments import Experiment, experiments, run_experiment, run_study, stored_rows
from studies.results import TABLE, as_row, current_runs

Folds = tuple[tuple[str, ...], ...]


@pytest.fixture
def experiment(tiny: TrainingSettings, small_folds: Folds) -> Experiment:
    return Experiment("some", "an arm: with (signs)", tiny, {"unseen": ["rr"]}, folds=small_folds)


def fake_run(experiment: Experiment, _: object, folder: Path, *__: object) -> dict:
    """What `run_experiment` does, without training."""
    names = [name for fold in experiment.folds for name in fold]
    return experiment.store({name: np.diag([9, 3, 2, 1]) for name in names}, 1.0, folder)


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_a_run_is_stored_whole(
    tmp_path: Path, records: dict[str, Leads], experiment: Experiment, tiny: TrainingSettings
) -> None:
    run = run_experiment(experiment, records, tmp_path)
    file = tmp_path / "some" / "an-arm-with-signs--0.json"
    assert json.loads(file.read_text()) == json.loads(json.dumps(run))
    assert set(run["confusion"]) == set(records)
    for name, matrix in run["confusion"].items():
        assert np.sum(matrix) == np.count_nonzero(records[name][0].beat_class >= 0)
    assert TrainingSettings.from_dict(run["training"]) == tiny
    assert run["varied"] == {"unseen": ["rr"]}
    assert experiment.stored(tmp_path)["confusion"] == run["confusion"]


def test_other_settings_folds_or_seeds_are_other_experiments(
    tmp_path: Path, experiment: Experiment, tiny: TrainingSettings
) -> None:
    fake_run(experiment, None, tmp_path)
    assert experiment.stored(tmp_path) is not None
    for other in (
        replace(experiment, seed=1),
        replace(experiment, settings=replace(tiny, noise=0.3)),
        replace(experiment, varied={}),
        replace(experiment, varied={"unseen": ["beat"]}),
        replace(experiment, beats=BeatSettings(search=0.2)),
        replace(experiment, folds=experiment.folds[::-1]),
    ):
        assert other.stored(tmp_path) is None


def test_to_look_for_a_run_writes_nothing(tmp_path: Path, experiment: Experiment) -> None:
    fake_run(experiment, None, tmp_path)
    same = replace(experiment, study="other", arm="name")
    run = same.stored(tmp_path)
    assert (run["study"], run["arm"]) == ("other", "name")
    assert [file.name for file in tmp_path.rglob("*.json")] == [experiment.file(tmp_path).name]


@pytest.mark.usefixtures("without_graphs")
def test_a_stopped_run_is_kept_but_never_taken_for_a_whole_one(
    tmp_path: Path, records: dict[str, Leads], experiment: Experiment
) -> None:
    told = []

    def after_fold(number: int, scores: object) -> bool:
        told.append((number, scores.confusion.sum()))
        return True

    run = run_experiment(experiment, records, tmp_path, after_fold)
    assert run["stopped"]
    first = experiment.folds[0]
    assert set(run["confusion"]) == set(first)
    beats = sum(np.count_nonzero(records[name][0].beat_class >= 0) for name in first)
    assert told == [(0, beats)]
    row = as_row(run)
    assert np.isfinite(row["fold1_mean_f1"])
    assert np.isnan(row["fold2_mean_f1"])
    assert experiment.stored(tmp_path) is None


@pytest.mark.usefixtures("on_small_folds")
def test_an_interrupted_study_goes_on_where_it_stopped(
    tmp_path: Path, synthetic_dir: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    arms = {"one": Arm({"noise": 0.3}), "two": Arm({"noise": 0.0}), "as one": Arm({"noise": 0.3})}
    monkeypatch.setitem(STUDIES, "short", Study("which?", arms))
    calls = []

    def second_fails(experiment: Experiment, *rest: object) -> dict:
        calls.append(experiment.arm)
        if calls == ["one", "two"]:
            raise KeyboardInterrupt
        return fake_run(experiment, *rest)

    monkeypatch.setattr(module, "run_experiment", second_fails)
    with pytest.raises(KeyboardInterrupt):
        run_study("short", synthetic_dir, (0,), tmp_path)
    run_study("short", synthetic_dir, (0,), tmp_path)
    assert calls == ["one", "two", "two"]  # "as one" has the settings of "one"
    assert capsys.readouterr().out.count("short: two, seed 0") == 2
    rows = stored_rows("short", tmp_path)
    assert list(rows["arm"]) == ["one", "two", "as one"]
    assert (tmp_path / TABLE).read_text().count("\n") == 4
    stamps = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    run_study("short", tmp_path / "no database", (0,), tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == stamps


@pytest.mark.parametrize("study", [name for name in STUDIES if name != "ensemble"])
def test_the_studies_of_the_project_are_stored(study: str) -> None:
    stored = {(run["study"], run["arm"], run["seed"]): run for run in current_runs()}
    made = experiments(study)
    if study == "robustness":  # trained in full
        made = [replace(e, settings=replace(TrainingSettings(), members=1)) for e in made]
    for experiment in made:
        run = stored[study, experiment.arm, 0]
        assert {key: run[key] for key in experiment.facts} == experiment.facts
