"""Unreadable stretches are found, whatever units, gain and sampling rate; the rest is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly
from trust.simulated import spoil

from arrhythmia.beats import find_beats
from arrhythmia.errors import InputError
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.quality import (
    PACED,
    PROBLEMS,
    find_problems,
    find_problems_of_record,
    qrs_to_background,
)

SETTINGS = BeatSettings()
GAP, FLAT, SATURATED, NOISE = (PROBLEMS.index(name) for name in PROBLEMS[1:PACED])
SPOILS = {
    "flat": {FLAT},
    "gap": {GAP},
    "rail": {FLAT, SATURATED},
    "white noise": {NOISE},
    "loud noise": {NOISE},
    "faint noise": {FLAT},
    "slow noise": {NOISE},
}
"""How a record is spoiled between 40 and 80 s, and what may be said of it."""


@pytest.fixture(scope="module")
def clean(make_record: object, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return read_record(make_record(tmp_path_factory.mktemp("quality"), "clean", seconds=120))


def problems_of(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Centre and problem of each beat, in the first lead."""
    beats = find_beats(record, SETTINGS)
    return beats.centers, find_problems(record.lead(beats.lead), beats.centers, SETTINGS)


def well_inside(centers: np.ndarray) -> np.ndarray:
    return (centers > 40.5) & (centers < 79.5)


def well_outside(centers: np.ndarray) -> np.ndarray:
    return (centers < 37) | (centers > 83)


def test_a_clean_record_has_no_problems(clean: Record) -> None:
    assert not problems_of(clean)[1].any()


@pytest.mark.parametrize("how", SPOILS)
def test_spoiled_stretches_are_found_and_the_rest_is_not(clean: Record, how: str) -> None:
    centers, problems = problems_of(spoil(clean, how))
    inside = problems[well_inside(centers)]
    assert len(inside) > 30
    assert set(inside) <= SPOILS[how], [PROBLEMS[i] for i in set(inside)]
    assert not problems[well_outside(centers)].any()


def test_only_the_lead_in_question_is_judged(clean: Record) -> None:
    record = spoil(clean, "gap")
    beats = find_beats(record, SETTINGS, "V1")
    assert not find_problems(record.lead("V1"), beats.centers, SETTINGS).any()


@pytest.mark.parametrize("how", ["white noise", "flat"])
@pytest.mark.parametrize(("factor", "offset"), [(1e-3, 0), (1000, 5e5), (-0.5, 1)])
def test_gain_units_and_offset_do_not_matter(
    clean: Record, how: str, factor: float, offset: float
) -> None:
    record = spoil(clean, how)
    other = replace(record, signals=factor * record.signals + offset, units=("uV", "uV"))
    np.testing.assert_array_equal(problems_of(other)[1], problems_of(record)[1])


@pytest.mark.parametrize(("up", "down"), [(1, 3), (25, 36), (2, 1)])
def test_the_sampling_rate_does_not_matter(clean: Record, up: int, down: int) -> None:
    record = spoil(clean, "white noise")
    sample = np.rint(record.annotation.sample * up / down).astype(int)
    resampled = replace(
        record,
        signals=resample_poly(record.signals, up, down, axis=0),
        fs=record.fs * up / down,
        annotation=record.annotation._replace(sample=sample),
    )
    centers, problems = problems_of(resampled)
    assert problems[well_inside(centers)].all()
    assert not problems[well_outside(centers)].any()


@pytest.mark.parametrize(("seconds", "problem"), [(0.15, 0), (0.25, FLAT)])
def test_the_signal_may_stay_the_same_for_less_than_a_fifth_of_a_second(
    clean: Record, seconds: float, problem: int
) -> None:
    beats = find_beats(clean, SETTINGS)
    start = beats.centers[60] + 0.05  # behind the R wave, so that the QRS stands out as before
    signals = clean.signals.copy()
    part = slice(round(start * clean.fs), round((start + seconds) * clean.fs))
    signals[part] = signals[part.start]
    lead = replace(clean, signals=signals).lead("MLII")
    assert find_problems(lead, beats.centers, SETTINGS)[60] == problem


def test_cut_off_r_waves_are_saturation(clean: Record) -> None:
    """Flat tops longer than 0.05 s; those of a few milliseconds are tall R waves."""
    beats = find_beats(clean, SETTINGS)
    signals = clean.signals.copy()
    around = round(beats.centers[60] * clean.fs) + np.arange(-15, 16)  # 0.08 s
    signals[around, 0] = 9.0
    problems = find_problems(replace(clean, signals=signals).lead(), beats.centers, SETTINGS)
    assert problems[60] == SATURATED
    assert not np.delete(problems, np.arange(58, 63)).any()
    signals[around[5:-5]] = clean.signals[around[5:-5]]  # what is left is too short
    signals[around[:5], 0] = signals[around[-5:], 0] = clean.signals[:, 0].max()
    problems = find_problems(replace(clean, signals=signals).lead(), beats.centers, SETTINGS)
    assert SATURATED not in problems


def test_wanted_beats_are_judged_as_all_are(clean: Record) -> None:
    record = spoil(clean, "white noise")
    beats = find_beats(record, SETTINGS)
    lead = record.lead(beats.lead)
    all_problems = find_problems(lead, beats.centers, SETTINGS)
    wanted = np.array([3, 60, 61, len(beats) - 1])
    problems = find_problems(lead, beats.centers, SETTINGS, wanted)
    np.testing.assert_array_equal(problems[wanted], all_problems[wanted])
    assert all_problems[60]
    assert not np.delete(problems, wanted).any()


def test_a_qrs_stands_out_of_its_background_and_noise_does_not(clean: Record) -> None:
    beats = find_beats(clean, SETTINGS)
    places = np.arange(len(beats))
    ratios = qrs_to_background(clean.signals[:, 0], clean.fs, beats.centers, SETTINGS, places)
    assert np.median(ratios) > 10
    noise = np.random.default_rng(0).normal(0, 1, len(clean))
    ratios = qrs_to_background(noise, clean.fs, beats.centers, SETTINGS, places)
    assert np.median(ratios) < 4.5


def test_marks_too_dense_to_leave_a_background_are_still_judged() -> None:
    rng = np.random.default_rng(0)
    record = Record("noise", rng.normal(0, 1, (7200, 1)), 360.0, ("MLII",), ("mV",))
    centers = np.arange(0.1, 19.9, 0.25)
    problems = find_problems(record.lead(), centers, SETTINGS)
    assert np.mean(problems == NOISE) > 0.95


def test_a_lead_that_cannot_be_used_at_all_is_an_error(clean: Record) -> None:
    lead = replace(clean.lead(), signal=np.zeros(len(clean)))
    with pytest.raises(InputError, match="is flat"):
        find_problems(lead, np.array([1.0]), SETTINGS)


@pytest.mark.database
@pytest.mark.parametrize(("name", "limit"), [("119", 0.0), ("108", 0.03), ("205", 0.002)])
def test_few_beats_of_real_records_are_not_assessable(
    data_dir: Path, name: str, limit: float
) -> None:
    assert np.mean(problems_of(read_record(name, data_dir))[1] > 0) <= limit


def test_a_beat_can_be_assessed_where_one_lead_can_be_read(synthetic_dir: Path) -> None:
    one_left = spoil(read_record("106", synthetic_dir), "white noise")
    beats = find_beats(one_left, BeatSettings(), source="atr")
    assert len(beats.in_leads) > 1
    assert not find_problems_of_record(one_left, beats, BeatSettings()).any()
    alone = replace(beats, others=())
    assert find_problems_of_record(one_left, alone, BeatSettings()).any()
