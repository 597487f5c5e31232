"""Tests of `studies.robustness`: what is tested is changed, what is trained is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord
from train.tiny import BEATS

from arrhythmia.beats import cut_beats
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import read_record
from arrhythmia.train.batches import prepare_records
from arrhythmia.train.settings import TrainingSettings
from studies.arms import STUDIES
from studies.experiments import Experiment
from studies.results import current_runs
from studies.robustness import (
    CHANGES,
    RHYTHMS,
    SECOND_LEAD,
    as_tested,
    at_rate,
    in_steps,
    one_lead,
    run_robustness,
    with_mains,
    with_muscle,
    with_rhythm,
)


def test_every_arm_is_a_change_the_other_lead_or_a_rhythm() -> None:
    assert set(STUDIES["robustness"].arms) == {*CHANGES, SECOND_LEAD, *RHYTHMS}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_keeps_the_beats(name: str, synthetic_dir: Path) -> None:
    record = one_lead(read_record("208", synthetic_dir), "MLII")
    changed = CHANGES[name](record, np.random.default_rng(0))
    sample, symbol = reference_beats(record)
    now, its_symbol = reference_beats(changed)
    assert list(its_symbol) == list(symbol)
    np.testing.assert_allclose(now / changed.fs, sample / record.fs, atol=0.075)
    assert changed.signals.shape[1] == len(changed.leads) == len(changed.units) == 1
    same = changed.fs == record.fs and np.array_equal(changed.signals, record.signals)
    assert same == (name in ("as recorded", "marks moved by up to 60 ms"))


def test_changes_are_as_large_as_they_say(synthetic_dir: Path) -> None:
    record = one_lead(read_record("208", synthetic_dir), "MLII")
    spread = record.signals.std()
    noise = with_muscle(record, np.random.default_rng(0)).signals - record.signals
    assert noise.std() == pytest.approx(0.25 * spread, rel=0.05)
    hum = with_mains(record).signals - record.signals
    assert np.abs(hum).max() == pytest.approx(0.5 * spread, rel=0.01)
    assert len(at_rate(record, 180.0)) == pytest.approx(len(record) / 2, abs=1)
    np.testing.assert_allclose(in_steps(record).signals, 200 * record.signals + 1024)
    assert in_steps(record).lead().millivolts is None


def test_records_are_tested_in_one_lead(synthetic_dir: Path) -> None:
    tested = as_tested("208", synthetic_dir, 0)
    assert set(tested) == {*CHANGES, SECOND_LEAD}
    leads = {arm: record.leads for arm, record in tested.items()}
    assert leads.pop(SECOND_LEAD) == ("V1",)
    assert set(leads.values()) == {("MLII",)}


@pytest.mark.parametrize("kind", RHYTHMS.values())
def test_a_rhythm_makes_no_beats_but_early_ones(
    kind: str, tmp_path: Path, make_record: MakeRecord
) -> None:
    make_record(tmp_path, "steady", symbols="N" * 80 + "V" + "N" * 80)
    leads = prepare_records(("steady",), tmp_path, BEATS)["steady"]
    copy = with_rhythm(leads, kind, np.random.default_rng(0))
    before, after = leads[0].beat_class, copy.beat_class
    assert set(after[after != before]) <= {1}
    assert (after != before).any() == (kind == "groups")
    rr, its_rr = (cut_beats(one, BEATS).rr_pre for one in (leads[0], copy))
    assert np.abs(np.log(its_rr / rr)).max() > 0.2


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs", "on_small_folds")
def test_a_run_is_stored_for_each_change(
    tmp_path: Path, synthetic_dir: Path, tiny: TrainingSettings
) -> None:
    run_robustness(synthetic_dir, (0,), tmp_path, tiny)
    runs = {run["arm"]: run for run in current_runs(tmp_path)}
    assert set(runs) == set(STUDIES["robustness"].arms)
    beats = {arm: np.sum(list(run["confusion"].values())) for arm, run in runs.items()}
    assert len(set(beats.values())) == 1
    assert runs["as recorded"]["confusion"] != runs[SECOND_LEAD]["confusion"]
    other = Experiment("other", "arm", tiny)
    assert other.stored(tmp_path) is None  # no other study takes these for its own
    stamps = [f.stat().st_mtime_ns for f in sorted(tmp_path.rglob("*.json"))]
    run_robustness(tmp_path / "no database", (0,), tmp_path, tiny)
    assert stamps == [f.stat().st_mtime_ns for f in sorted(tmp_path.rglob("*.json"))]
