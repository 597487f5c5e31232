"""Experiments: stored with all that is needed, not made twice, resumed after interruption."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from arrhythmia import experiments, inside, robustness, tuning
from arrhythmia.__main__ import main
from arrhythmia.backend import tf
from arrhythmia.batches import (
    Leads,
    TrainingBeats,
    TrainingSettings,
    prepare_records,
    training_beats,
)
from arrhythmia.beats import BeatSettings, reference_beats
from arrhythmia.evaluation import prediction_table
from arrhythmia.experiments import (
    EXPERIMENTS,
    STUDIES,
    TABLE,
    TESTED_CHANGED,
    Experiment,
    as_row,
    changed,
    format_rows,
    run_experiment,
    run_study,
    write_table,
)
from arrhythmia.labels import DS1, DS2
from arrhythmia.oversampling import METHODS, oversample
from arrhythmia.records import read_record
from arrhythmia.training import FOLDS

NAMES = ("208", "207", "223", "205")
TINY_FOLDS = (("208", "207"), ("223", "205"))
BEATS = BeatSettings()
SMALL = {
    "epochs": 1, "steps": 1, "copies": 0, "batch": 4, "members": 1,
    "network": {"run": 3, "filters": (4,), "kernels": (3,), "features": 4, "units": 2,
                "bidirectional": False},
}  # fmt: skip


@pytest.fixture(autouse=True)
def step_by_step() -> Iterator[None]:
    """TensorFlow without graphs: for a few steps that is quicker than to trace them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def records(synthetic_dir: Path) -> dict[str, Leads]:
    return prepare_records(NAMES, synthetic_dir, BEATS)


@pytest.fixture
def tiny() -> TrainingSettings:
    return changed(TrainingSettings(), SMALL)[0]


# --- stored runs ----------------------------------------------------------------------------


def test_an_experiment_is_stored_whole_and_not_made_twice(
    tmp_path: Path, records: dict[str, Leads], tiny: TrainingSettings
) -> None:
    experiment = Experiment("some", "an arm: with (signs)", tiny, folds=TINY_FOLDS)
    result = run_experiment(experiment, records, tmp_path)
    file = experiment.file(tmp_path)
    assert json.loads(file.read_text()) == json.loads(json.dumps(result))
    assert set(result["confusion"]) == set(NAMES)
    for name, matrix in result["confusion"].items():
        assert np.sum(matrix) == np.count_nonzero(records[name][0].beat_class >= 0)
    stamp = file.stat().st_mtime_ns
    assert run_experiment(experiment, {}, tmp_path)["confusion"] == result["confusion"]
    assert file.stat().st_mtime_ns == stamp
    assert TrainingSettings.from_dict(result["training"]) == tiny


def test_other_settings_or_seeds_are_other_experiments(
    tmp_path: Path, records: dict[str, Leads], tiny: TrainingSettings
) -> None:
    experiment = Experiment("some", "arm", tiny, folds=TINY_FOLDS)
    run_experiment(experiment, records, tmp_path)
    assert replace(experiment, study="other", arm="name").stored(tmp_path) is not None
    for other in (
        replace(experiment, seed=1),
        replace(experiment, settings=replace(tiny, noise=0.3)),
        replace(experiment, beats=BeatSettings(past_minutes=5.0)),
        replace(experiment, folds=TINY_FOLDS[::-1]),
    ):
        assert other.stored(tmp_path) is None


def test_a_stopped_experiment_is_kept_but_never_taken_for_a_whole_one(
    tmp_path: Path, records: dict[str, Leads], tiny: TrainingSettings
) -> None:
    experiment = Experiment("some", "arm", tiny, folds=TINY_FOLDS)
    result = run_experiment(experiment, records, tmp_path, lambda *_: True)
    assert result["stopped"]
    assert set(result["confusion"]) == set(TINY_FOLDS[0])
    row = as_row(result)
    assert np.isfinite(row["fold1_mean_f1"])
    assert np.isnan(row["fold2_mean_f1"])
    assert experiment.stored(tmp_path) is None


def test_an_interrupted_study_goes_on_where_it_stopped(
    tmp_path: Path,
    synthetic_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    arms = {"one": SMALL, "two": SMALL | {"noise": 0.0}}
    monkeypatch.setitem(STUDIES, "short", experiments.Study("which?", arms))
    monkeypatch.setattr(experiments, "BUDGET", {})
    monkeypatch.setattr(experiments, "DS1", NAMES)
    monkeypatch.setattr(experiments.Experiment.__init__, "__defaults__", (BEATS, 0, TINY_FOLDS))
    real, calls = experiments.run_experiment, []

    def second_fails(experiment: Experiment, *rest: object, **options: object) -> dict:
        calls.append(experiment.arm)
        if calls == ["one", "two"]:
            raise KeyboardInterrupt
        return real(experiment, *rest, **options)

    monkeypatch.setattr(experiments, "run_experiment", second_fails)
    where = (tmp_path / "experiments", tmp_path / "experiments.csv")
    with pytest.raises(KeyboardInterrupt):
        run_study("short", synthetic_dir, (0,), *where)
    rows = run_study("short", synthetic_dir, (0,), *where)
    assert calls == ["one", "two", "two"]
    assert "one, seed 0: stored" in capsys.readouterr().out
    assert list(rows["arm"]) == ["one", "two"]
    assert where[1].read_text().count("\n") == 3
    assert "two" in format_rows(rows)


# --- the project's own studies --------------------------------------------------------------


def test_no_study_touches_ds2() -> None:
    for file in EXPERIMENTS.glob("*/*.json"):
        names = json.loads(file.read_text())["confusion"]
        assert set(names) <= set(DS1)
        assert set(names).isdisjoint(DS2)
    assert {name for fold in FOLDS for name in fold} == set(DS1)


@pytest.mark.parametrize("study", [s for s in STUDIES if s not in TESTED_CHANGED])
def test_arms_of_a_study_differ_and_have_one_budget(study: str) -> None:
    made = experiments.experiments(study)
    assert len({json.dumps(e.facts) for e in made}) == len(made)
    assert len({e.file().name.lower() for e in made}) == len(made)
    beats = {e.settings.batch * e.settings.network.run for e in made}
    assert len({(e.settings.epochs, e.settings.steps) for e in made}) == len(beats) == 1


def test_the_table_is_made_of_the_stored_files(tmp_path: Path) -> None:
    table = tmp_path / "experiments.csv"
    write_table(EXPERIMENTS, table)
    assert table.read_text() == TABLE.read_text()


def test_studies_are_listed_and_unknown_ones_named(capsys: pytest.CaptureFixture) -> None:
    assert main(["ablate", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in STUDIES)
    assert main(["ablate", "--study", "magic"]) == 2
    assert "'magic'" in capsys.readouterr().err
    assert main(["ablate", "--list", "--seeds", "0"]) == 2
    assert main(["tune", "--trials", "0"]) == 2


@pytest.mark.parametrize("study", [*STUDIES, "inside-patients"])
def test_a_stored_study_is_shown_without_the_database(
    study: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    where = ["--data-dir", str(tmp_path)]
    assert main(["ablate", "--study", study, *where]) == 0
    assert ".9" in capsys.readouterr().out  # the accuracies
    assert main(["ablate", "--study", study, "--again", *where]) == 2
    assert "python -m arrhythmia download" in capsys.readouterr().err


# --- oversampling ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(records: dict[str, Leads]) -> TrainingBeats:
    settings = changed(TrainingSettings(), {"copies": 0, "network": {"run": 4}})[0]
    return training_beats(records, BEATS, settings, np.random.default_rng(0))


@pytest.mark.parametrize("method", METHODS)
def test_made_runs_lie_between_runs_of_their_class(drawn: TrainingBeats, method: str) -> None:
    more = oversample(drawn, 4, method, 0)
    real = len(drawn.segments)
    made = more.beat_class[real:].reshape(-1, 4)
    assert len(made)
    assert (made[:, [0, 1, 3]] == -1).all()
    assert (made[:, 2] > 0).all()
    assert more.chances.sum() == pytest.approx(1)
    assert more.chances[len(drawn.starts) :].sum() == pytest.approx(0.5)
    np.testing.assert_array_equal(more.segments[:real], drawn.segments)
    for number in set(made[:, 2]):
        sources = drawn.segments[drawn.beat_class == number]
        new = more.segments[real:].reshape(len(made), 4, -1)[made[:, 2] == number, 2]
        assert (new <= sources.max(axis=0) + 1e-4).all()
        assert (new >= sources.min(axis=0) - 1e-4).all()
    assert more.usual.max() == len(more.usual_beats) - 1


def test_balanced_sampling_draws_rare_classes_more_often(records: dict[str, Leads]) -> None:
    from arrhythmia.batches import drawn_shares

    plain = {"copies": 0, "rare_runs": 0.0, "network": {"run": 4}}
    shares = []
    for changes in (plain, plain | {"sampling": "balanced"}):
        settings = changed(TrainingSettings(), changes)[0]
        beats = training_beats(records, BEATS, settings, np.random.default_rng(0))
        shares.append(drawn_shares(beats, 4))
    assert shares[1][0] < shares[0][0]
    rarest = min(range(1, 5), key=lambda i: shares[0][i] or 1)
    assert shares[1][rarest] > 1.5 * shares[0][rarest]


# --- what is tested is changed --------------------------------------------------------------


def test_every_change_of_the_robustness_study_exists() -> None:
    assert set(STUDIES["robustness"].arms) == {
        *robustness.CHANGES,
        robustness.SECOND_LEAD,
        *robustness.RHYTHMS,
    }


@pytest.mark.parametrize("name", robustness.CHANGES)
def test_a_change_keeps_the_beats(name: str, synthetic_dir: Path) -> None:
    record = read_record("208", synthetic_dir)
    changed_record = robustness.CHANGES[name](record, np.random.default_rng(0))
    sample, symbol = reference_beats(record)
    now, its_symbol = reference_beats(changed_record)
    assert list(its_symbol) == list(symbol)
    seconds = sample / record.fs
    np.testing.assert_allclose(now / changed_record.fs, seconds, atol=0.075)
    same = changed_record.fs == record.fs and np.array_equal(changed_record.signal, record.signal)
    assert same == (name in ("as recorded", "marks moved by up to 60 ms"))


def test_robustness_stores_an_arm_for_each_change(
    tmp_path: Path, synthetic_dir: Path, tiny: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "DS1", NAMES)
    monkeypatch.setattr(experiments.Experiment.__init__, "__defaults__", (BEATS, 0, TINY_FOLDS))
    robustness.run_robustness(synthetic_dir, tiny, 0, tmp_path)
    rows = write_table(tmp_path, tmp_path / "experiments.csv")
    assert set(rows["arm"]) == set(STUDIES["robustness"].arms)
    scale = rows.set_index("arm").loc[["as recorded", "amplitude x 0.2"], "mean_f1"]
    assert scale.iloc[0] == pytest.approx(scale.iloc[1], abs=0.02)
    assert Experiment("other", "arm", tiny, folds=TINY_FOLDS).stored(tmp_path) is None
    stamps = [f.stat().st_mtime_ns for f in sorted(tmp_path.glob("*/*.json"))]
    robustness.run_robustness(synthetic_dir, tiny, 0, tmp_path)
    assert stamps == [f.stat().st_mtime_ns for f in sorted(tmp_path.glob("*/*.json"))]


# --- inside patients ------------------------------------------------------------------------


def test_no_beat_of_a_held_out_block_is_trained_on(records: dict[str, Leads]) -> None:
    for number, leads in enumerate(records.values()):
        first = leads[0]
        parts = inside.pieces(leads, number, 5.0, least=2)
        test = inside.held_out(first.marks / first.fs, number, 5.0)
        kept = sum(len(p[0].marks) for p in parts.values())
        assert 0 < np.count_nonzero(test) < len(test) / 2
        assert kept <= np.count_nonzero(~test)
        for name, (part, _) in parts.items():
            start = 5 * int(name.split("-")[1])
            times = start + part.marks / part.fs
            assert not inside.held_out(times, number, 5.0).any()
            low = round(start * first.fs)
            np.testing.assert_array_equal(part.signal, first.signal[low : low + len(part.signal)])


def test_inside_patients_are_scored_on_held_out_blocks_alone(
    tmp_path: Path, synthetic_dir: Path, tiny: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "DS1", NAMES)
    monkeypatch.setattr(inside, "DS2", ())
    real = inside.pieces
    monkeypatch.setattr(inside, "pieces", lambda *a: real(*a, least=4))
    figures = inside.run_inside(synthetic_dir, tiny, 5.0, 0, tmp_path, verbose=False)
    assert figures == json.loads((tmp_path / "metrics-5.json").read_text())
    beats = sum(len(reference_beats(read_record(n, synthetic_dir))[0]) for n in NAMES)
    assert 0 < figures["beats"] < beats / 3


# --- tuning ---------------------------------------------------------------------------------


def test_the_shipped_settings_are_the_first_point_of_the_search() -> None:
    shipped = TrainingSettings()
    trial = optuna.trial.FixedTrial(tuning.as_parameters(shipped))
    assert tuning.suggest(trial) == replace(shipped, **experiments.BUDGET)


def test_what_was_running_when_a_study_stopped_is_run_again(tmp_path: Path) -> None:
    study = tuning.open_study(tmp_path)
    first = study.ask()
    wanted = tuning.suggest(first)
    del study
    again = tuning.open_study(tmp_path)
    assert tuning.resume(again) == 1
    second = again.ask()
    assert tuning.suggest(second) == wanted
    again.tell(second, 0.5)
    assert tuning.resume(tuning.open_study(tmp_path)) == 0


def test_tuning_stores_each_trial_and_a_summary(
    tmp_path: Path, synthetic_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "DS1", NAMES)

    def suggest(trial: optuna.Trial) -> TrainingSettings:
        return changed(TrainingSettings(), SMALL | {"noise": trial.suggest_float("noise", 0, 1)})[0]

    monkeypatch.setattr(tuning, "suggest", suggest)
    monkeypatch.setattr(experiments.Experiment.__init__, "__defaults__", (BEATS, 0, TINY_FOLDS))
    where = (tmp_path / "tuning", tmp_path / "experiments", tmp_path / "experiments.csv")
    facts = tuning.tune(synthetic_dir, 1, *where)
    assert facts["complete"] == 1
    facts = tuning.tune(synthetic_dir, 1, *where)
    assert facts["trials"] == 2
    assert "noise" in facts["settings"]
    assert 0 <= facts["mean_f1"] <= 1
    assert where[2].read_text().count("\n") == 3
    assert json.loads((where[0] / "summary.json").read_text()) == facts
    assert (where[0] / "history.png").stat().st_size > 5000


# --- several networks -----------------------------------------------------------------------


def test_networks_are_stored_beside_what_they_are_joined_to(
    tmp_path: Path, synthetic_dir: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arrhythmia import ensemble

    said = {"101": [0.4, 0.6], "208": [0.9, 0.1]}
    rows, voices = [], {"network 1": {}, "taught": {}}
    for name, (n, s) in said.items():
        sample, symbol = reference_beats(read_record(name, synthetic_dir))
        own = np.tile([n, s, 0.0, 0.0, 0.0], (len(sample), 1))
        rows.append(prediction_table(name, sample, symbol, own))
        voices["network 1"][name] = own
        voices["taught"][name] = own[:, [1, 0, 2, 3, 4]] * 0.5
    monkeypatch.setattr(ensemble, "DS1", tuple(said))
    monkeypatch.setattr(ensemble, "predict_folds", lambda *_, taught: (pd.concat(rows), voices))
    ensemble.run_ensemble(synthetic_dir, tiny_model, tmp_path)
    found = {}
    for file in tmp_path.glob("ensemble/*.json"):
        result = json.loads(file.read_text())
        found[result["arm"]] = {k: np.sum(m, axis=0) for k, m in result["confusion"].items()}
    assert set(found) == {"network 1", "joined", "taught"}
    assert found["network 1"]["101"][0] == 0  # all called S
    assert found["taught"]["101"][1] == 0  # all called N
    assert found["joined"]["101"][0] == 0
    assert found["joined"]["208"][1] == 0
    assert not (tiny_model / "folds_metrics.json").exists()
