"""Tests of `arrhythmia.train.simulate`: what a simulated record may change, and must keep."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Prepared, cut_beats
from arrhythmia.labels import class_letters
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads, prepare_records
from arrhythmia.train.settings import SimulationSettings
from arrhythmia.train.simulate import Donors, find_donors, rotated, simulated_record

SETTINGS = BeatSettings()
N, S, V, E, F = range(5)
MECHANISMS = ("premature", "runs", "bigeminy", "fibrillation", "ventricular", "fusion")
CLASS_MADE = {"premature": S, "runs": S, "bigeminy": S, "ventricular": V, "fusion": F}
STILL = {"rotation": 0.0, "any_lead": 0.0}
OTHERS = {*STILL, "latest"}
NAMES = [field.name for field in fields(SimulationSettings)]
NOTHING = {name: 0.0 for name in NAMES if name not in OTHERS}


def only(mechanism: str, **others: float) -> SimulationSettings:
    return SimulationSettings(**(NOTHING | {mechanism: 1.0} | others))


def prepared(path: Path) -> Leads:
    return prepare_records((path.name,), path.parent, SETTINGS)[path.name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def mixed(folder: Path, make_record: MakeRecord) -> Leads:
    """Two minutes with beats of every class."""
    return prepared(make_record(folder, "mixed", seconds=120, seed=4))


@pytest.fixture(scope="module")
def normal(folder: Path, make_record: MakeRecord) -> Leads:
    """Four minutes of regular normal beats."""
    return prepared(make_record(folder, "normal", symbols="N" * 300, seed=5))


@pytest.fixture(scope="module")
def donors(mixed: Leads) -> Donors:
    return find_donors([cut_beats(mixed[0], SETTINGS)])


def copy_of(leads: Leads, donors: Donors, mixture: SimulationSettings, seed: int = 0) -> Prepared:
    return simulated_record(leads, donors, mixture, SETTINGS, np.random.default_rng(seed))


def irregularity(copy: Prepared) -> float:
    rr = np.diff(copy.marks)
    return float(np.median(np.abs(np.diff(rr))) / np.median(rr))


@pytest.mark.parametrize("mechanism", ["default", *NAMES])
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_has_as_many_beats_inside_its_signal(
    mixed: Leads, donors: Donors, mechanism: str, seed: int
) -> None:
    change = {} if mechanism == "default" else NOTHING | {"as_it_is": 1e-9, mechanism: 1.0}
    copy = copy_of(mixed, donors, SimulationSettings(**change), seed)
    assert len(copy.marks) == len(copy.beat_class) == len(mixed[0].marks)
    assert (copy.record, copy.fs) == (mixed[0].record, mixed[0].fs)
    assert np.all(np.diff(copy.marks) > 0.15 * copy.fs)
    assert copy.marks[0] >= 0
    assert copy.marks[-1] < len(copy.signal)
    assert np.isfinite(copy.signal).all()
    beats = cut_beats(copy, SETTINGS)
    assert len(beats) == len(copy.marks)
    assert np.isfinite(beats.segments).all()


@pytest.mark.parametrize("mechanism", CLASS_MADE)
def test_a_mechanism_makes_beats_of_its_class_from_normal_ones_alone(
    mixed: Leads, donors: Donors, mechanism: str
) -> None:
    before = mixed[0].beat_class
    made = 0
    for seed in range(3):
        after = copy_of(mixed, donors, only(mechanism), seed).beat_class
        changed = after != before
        made += changed.sum()
        assert (before[changed] == N).all()
        assert (after[changed] == CLASS_MADE[mechanism]).all()
    assert made > 0


@pytest.mark.parametrize("mechanism", ["as_it_is", "fibrillation"])
def test_what_makes_no_ectopic_beats_keeps_the_classes(
    mixed: Leads, donors: Donors, mechanism: str
) -> None:
    copy = copy_of(mixed, donors, only(mechanism))
    np.testing.assert_array_equal(copy.beat_class, mixed[0].beat_class)


def test_no_ventricular_beat_is_made_without_a_donor(normal: Leads) -> None:
    for mechanism in ("ventricular", "fusion"):
        copy = copy_of(normal, Donors({}), only(mechanism))
        assert (copy.beat_class == N).all()


def test_beats_without_a_class_stay_without(folder: Path, make_record: MakeRecord) -> None:
    leads = prepared(make_record(folder, "unclassed", symbols="NNNNNQNNNN" * 12))
    for seed in range(3):
        copy = copy_of(leads, Donors({}), only("premature"), seed)
        np.testing.assert_array_equal(copy.beat_class == -1, leads[0].beat_class == -1)


def test_the_recording_itself_is_not_changed(mixed: Leads, donors: Donors) -> None:
    kept = [(lead.signal.copy(), lead.marks.copy(), lead.beat_class.copy()) for lead in mixed]
    for mechanism in MECHANISMS:
        copy_of(mixed, donors, only(mechanism, **STILL))
    for lead, (signal, marks, beat_class) in zip(mixed, kept, strict=True):
        np.testing.assert_array_equal(lead.signal, signal)
        np.testing.assert_array_equal(lead.marks, marks)
        np.testing.assert_array_equal(lead.beat_class, beat_class)


# --- mechanisms -----------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", ["premature", "bigeminy"])
@pytest.mark.parametrize("seed", range(5))
def test_most_beats_made_supraventricular_are_early(
    normal: Leads, mechanism: str, seed: int
) -> None:
    copy = copy_of(normal, Donors({}), only(mechanism), seed)
    beats = cut_beats(copy, SETTINGS)
    typical = np.median(beats.rr_pre[beats.beat_class == N])
    early = beats.rr_pre[beats.beat_class == S] < 0.95 * typical
    assert len(early) > 5
    assert early.mean() > 0.8


def test_runs_are_faster_than_the_sinus_rhythm(normal: Leads) -> None:
    sinus = np.median(np.diff(normal[0].marks))
    for seed in range(3):
        copy = copy_of(normal, Donors({}), only("runs"), seed)
        inside = (copy.beat_class[1:] == S) & (copy.beat_class[:-1] == S)
        assert inside.any()
        assert np.median(np.diff(copy.marks)[inside]) < 0.95 * sinus


def test_a_beat_made_supraventricular_keeps_the_qrs_of_its_patient(normal: Leads) -> None:
    beats = cut_beats(copy_of(normal, Donors({}), only("premature", **STILL)), SETTINGS)
    reach = round(0.05 * SETTINGS.fs)
    qrs = slice(SETTINGS.left - reach, SETTINGS.left + reach + 1)
    made = beats.segments[beats.beat_class == S, qrs]
    template = beats.template_beat[qrs]
    assert np.median([np.corrcoef(beat, template)[0, 1] for beat in made]) > 0.95


def test_fibrillation_stays_normal_and_is_irregular(normal: Leads) -> None:
    for seed in range(3):
        copy = copy_of(normal, Donors({}), only("fibrillation"), seed)
        assert (copy.beat_class == N).all()
        assert irregularity(copy) > 2 * irregularity(normal[0])


def test_a_copy_that_always_fibrillates_does_so_from_end_to_end(normal: Leads) -> None:
    for seed in range(3):
        copy = copy_of(normal, Donors({}), only("as_it_is", always=1.0), seed)
        assert (copy.beat_class == N).all()
        for part in np.array_split(np.diff(copy.marks), 3):
            change = np.median(np.abs(np.diff(part))) / np.median(part)
            assert change > 2 * irregularity(normal[0])


def test_nobody_who_fibrillates_gets_premature_beats(folder: Path, make_record: MakeRecord) -> None:
    leads = prepared(make_record(folder, "steady", symbols="N" * 150))
    irregular = copy_of(leads, Donors({}), only("as_it_is", always=1.0, **STILL))
    for mechanism in ({"premature": 1.0}, {"runs": 1.0}, {"as_it_is": 1.0, "groups": 1.0}):
        mixture = SimulationSettings(**(NOTHING | STILL | mechanism))
        assert (copy_of(leads, Donors({}), mixture).beat_class == S).any()
        copy = simulated_record(
            (irregular, irregular), Donors({}), mixture, SETTINGS, np.random.default_rng(0)
        )
        assert (copy.beat_class == S).mean() < 0.05


def test_in_groups_early_beats_are_the_majority_and_pauses_end_them(normal: Leads) -> None:
    for seed in range(3):
        copy = copy_of(normal, Donors({}), only("as_it_is", groups=1.0, **STILL), seed)
        is_s = copy.beat_class == S
        last = np.flatnonzero(is_s)[-1]
        assert is_s[:last].mean() > 0.5
        rr = np.diff(copy.marks)
        ends = np.flatnonzero(is_s[:-1] & ~is_s[1:])
        assert np.median(rr[ends]) > 1.2 * np.median(rr[:last][is_s[1 : last + 1]])
        beats = cut_beats(copy, SETTINGS)
        assert np.median(beats.rr_pre[is_s]) < np.median(beats.rr_pre[~is_s])


def test_a_beat_made_ventricular_looks_like_the_donors(mixed: Leads, donors: Donors) -> None:
    copy = cut_beats(copy_of(mixed, donors, only("ventricular", **STILL)), SETTINGS)
    source = cut_beats(mixed[0], SETTINGS)
    made = (copy.beat_class == V) & (source.beat_class == N)
    assert made.any()
    reach = round(0.1 * SETTINGS.fs)
    qrs = slice(SETTINGS.left - reach, SETTINGS.left + reach + 1)
    donor = np.median(donors.segments[mixed[0].record], axis=0)[qrs]
    alike = [np.corrcoef(beat, donor)[0, 1] for beat in copy.segments[made, qrs]]
    assert np.median(alike) > 0.9


def test_a_copy_as_it_is_keeps_shapes_and_nearly_the_rhythm(normal: Leads) -> None:
    copy = copy_of(normal, Donors({}), only("as_it_is", **STILL))
    old, new = cut_beats(normal[0], SETTINGS), cut_beats(copy, SETTINGS)
    reach = round(0.1 * SETTINGS.fs)
    qrs = slice(SETTINGS.left - reach, SETTINGS.left + reach + 1)
    np.testing.assert_allclose(new.segments[2:-2, qrs], old.segments[2:-2, qrs], atol=0.6)
    np.testing.assert_allclose(new.template_beat[qrs], old.template_beat[qrs], atol=0.2)
    assert np.median(new.rr_pre) == pytest.approx(np.median(old.rr_pre), rel=0.1)
    assert np.abs(np.log(new.rr_pre / old.rr_pre)).max() < 0.5


def test_a_blend_of_leads_goes_from_one_to_the_other(mixed: Leads) -> None:
    first, second = mixed
    np.testing.assert_allclose(rotated(first, second, 0.0).signal, first.signal)
    np.testing.assert_allclose(rotated(first, second, np.pi / 2).signal, second.signal)
    between = rotated(first, second, np.pi / 4)
    np.testing.assert_allclose(between.signal, (first.signal + second.signal) / np.sqrt(2))
    np.testing.assert_array_equal(between.marks, first.marks)
    np.testing.assert_array_equal(between.beat_class, first.beat_class)


def test_rotation_changes_the_shapes(normal: Leads) -> None:
    still = cut_beats(copy_of(normal, Donors({}), only("as_it_is", **STILL), 1), SETTINGS)
    turned = cut_beats(
        copy_of(normal, Donors({}), only("as_it_is", **STILL | {"any_lead": 1.0}), 1), SETTINGS
    )
    assert np.abs(turned.template_beat - still.template_beat).max() > 0.2


# --- chance and donors ----------------------------------------------------------------------


def test_the_same_seed_gives_the_same_record(mixed: Leads, donors: Donors) -> None:
    first, second, other = (copy_of(mixed, donors, SimulationSettings(), s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.signal, second.signal)
    np.testing.assert_array_equal(first.marks, second.marks)
    np.testing.assert_array_equal(first.beat_class, second.beat_class)
    assert not np.array_equal(first.marks, other.marks)


def test_symbols_name_the_classes_and_samples_the_marks(mixed: Leads, donors: Donors) -> None:
    copy = copy_of(mixed, donors, SimulationSettings())
    np.testing.assert_array_equal(copy.r_peaks.symbol, class_letters(copy.beat_class))
    np.testing.assert_allclose(copy.r_peaks.sample, copy.marks, atol=0.5)
    assert not cut_beats(copy, SETTINGS).annotated


def test_donors_are_the_ventricular_beats_of_the_records_given(mixed: Leads, normal: Leads) -> None:
    items = [cut_beats(leads[0], SETTINGS) for leads in (mixed, normal)]
    donors = find_donors(items)
    assert set(donors.segments) == {"mixed"}
    ventricular = items[0].segments[items[0].beat_class == V]
    assert len(ventricular) >= 5
    np.testing.assert_array_equal(donors.segments["mixed"], ventricular)
    assert find_donors(items, least=len(ventricular)).segments.keys() == {"mixed"}
    assert find_donors(items, least=len(ventricular) + 1).segments == {}


def test_a_donor_is_mostly_the_record_itself_and_has_its_units() -> None:
    donors = Donors({"a": np.full((3, 8), 1.0), "b": np.full((3, 8), 2.0)})
    rng = np.random.default_rng(0)
    drawn = [donors.draw("a", 10.0, rng) for _ in range(200)]
    values = np.array([wave[0] for wave in drawn if wave is not None])
    assert set(values) == {10.0, 20.0}
    assert np.mean(values == 10.0) > 0.7
    strangers = [donors.draw("c", 1.0, rng) for _ in range(50)]
    assert {wave[0] for wave in strangers if wave is not None} == {1.0, 2.0}
    assert Donors({}).draw("a", 1.0, rng) is None
