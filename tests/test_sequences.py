"""Tests of `arrhythmia.sequences`: properties of the network's inputs, not their tuning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import BeatSettings, find_beats
from arrhythmia.records import Record, read_record
from arrhythmia.sequences import (
    RR_INPUTS,
    covering_runs,
    irregularity,
    network_inputs,
    rr_inputs,
)

TIMELESS = [i for i, name in enumerate(RR_INPUTS) if "seconds" not in name]
RATIOS = [i for i, name in enumerate(RR_INPUTS) if "/" in name]


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="NNNANNVNNFENNNN"))


def intervals(rr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RR before and after each beat, as `arrhythmia.beats.cut_beats` gives them."""
    return np.concatenate([rr[:1], rr]), np.concatenate([rr, rr[-1:]])


def alike(rr_pre: np.ndarray) -> np.ndarray:
    """P waves that are the same at every beat."""
    return np.ones(len(rr_pre))


# --- runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 4, 16])
def test_runs_cover_every_beat_with_weights_that_sum_to_one(length: int) -> None:
    for beats in range(1, 51):
        places, weights = covering_runs(beats, length)
        assert places.shape == weights.shape
        assert places.shape[1] == length
        assert set(places.ravel()) == set(range(beats))
        assert np.isfinite(weights).all()
        assert (weights >= 0).all()
        sums = np.bincount(places.ravel(), weights.ravel(), minlength=beats)
        np.testing.assert_allclose(sums, 1)


@pytest.mark.parametrize("length", [1, 4, 16])
def test_runs_hold_consecutive_beats(length: int) -> None:
    for beats in range(1, 51):
        places, _ = covering_runs(beats, length)
        steps = np.diff(places, axis=1)
        if beats >= length:
            assert (steps == 1).all()
        else:
            assert places.tolist() == [[*range(beats), *[beats - 1] * (length - beats)]]


def test_a_beat_is_mostly_read_from_the_middle_of_a_run() -> None:
    length = 16
    places, weights = covering_runs(100, length)
    from_edge = np.minimum(np.arange(length), np.arange(length)[::-1])
    for beat in range(length // 2, 100 - length // 2):
        run, place = np.nonzero(places == beat)
        assert np.average(from_edge[place], weights=weights[run, place]) >= length // 4 - 1
        assert from_edge[place[np.argmax(weights[run, place])]] == from_edge[place].max()


# --- timing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("beats", [1, 2, 3, 10, 11, 12, 40])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_timing_is_finite_for_any_number_of_beats(beats: int) -> None:
    rr = np.random.default_rng(beats).uniform(0.3, 1.5, max(beats - 1, 1))
    pre, post = (values[:beats] for values in intervals(rr))
    inputs = rr_inputs(pre, post, pre.mean(), alike(pre))
    assert inputs.shape == (beats, len(RR_INPUTS))
    assert inputs.dtype == np.float32
    assert np.isfinite(inputs).all()


@pytest.mark.parametrize("rr", [[0.8, 25.0, 0.8], [0.001, 0.8, 0.001], [1800.0], [0.2, 0.2, 4.0]])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_timing_stays_in_bounds_for_any_interval(rr: list[float]) -> None:
    inputs = rr_inputs(*intervals(np.array(rr)), np.mean(rr), np.linspace(0, 1, len(rr) + 1))
    assert np.isfinite(inputs).all()
    assert np.abs(inputs).max() < 5


def test_a_faster_heart_has_the_same_relative_timing() -> None:
    pre, post = intervals(np.random.default_rng(0).uniform(0.6, 1.0, 60))
    slow, fast = (
        rr_inputs(pre, post, pre.mean(), alike(pre)),
        rr_inputs(0.8 * pre, 0.8 * post, 0.8 * pre.mean(), alike(pre)),
    )
    assert TIMELESS
    np.testing.assert_allclose(fast[:, TIMELESS], slow[:, TIMELESS], atol=1e-5)


def test_a_regular_rhythm_has_no_deviation() -> None:
    inputs = rr_inputs(*intervals(np.full(30, 0.75)), 0.75, np.ones(31))
    assert RATIOS
    np.testing.assert_allclose(inputs[:, RATIOS], 0, atol=1e-6)


def test_an_early_beat_differs_from_all_others_in_what_came_before_it() -> None:
    rr = np.full(60, 0.8)
    rr[29:31] = 0.5, 1.1
    inputs = rr_inputs(*intervals(rr), np.mean(rr), np.ones(61))
    for i, name in enumerate(RR_INPUTS):
        if name.startswith("rr_pre /"):
            assert np.argmin(inputs[:, i]) == 30
        if name.startswith("rr_post /"):
            assert np.argmax(inputs[:, i]) == 30


# --- shapes ---------------------------------------------------------------------------------


def test_differences_stand_beside_the_beat(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="N" * 20 + "V" + "N" * 20, noise=0.0)
    beats = find_beats(read_record(path), BeatSettings())
    inputs = network_inputs(beats).segments
    np.testing.assert_array_equal(inputs[..., 0], beats.segments)
    differences = np.abs(inputs[..., 1:]).max(axis=1)
    assert differences.shape[1] >= 1
    assert (differences.argmax(axis=0) == 20).all()
    assert (differences[20] > 2 * np.median(differences, axis=0)).all()


def test_a_beat_that_is_the_usual_one_does_not_differ(record: Record) -> None:
    beats = find_beats(record, BeatSettings())
    usual = replace(beats, segments=np.tile(beats.usual_beat, (len(beats), 1)))
    np.testing.assert_array_equal(network_inputs(usual).segments[..., 1], 0)


def test_inputs_of_a_record_hold_every_beat(record: Record) -> None:
    beats = find_beats(record, BeatSettings())
    inputs = network_inputs(beats)
    assert inputs.segments.shape[:2] == (15, BeatSettings().length)
    assert inputs.rr.shape == (15, len(RR_INPUTS))
    assert inputs.segments.dtype == inputs.rr.dtype == np.float32
    assert np.isfinite(inputs.segments).all()
    np.testing.assert_array_equal(inputs.segments[..., 0], beats.segments)
    timing = rr_inputs(beats.rr_pre, beats.rr_post, beats.mean_rr, beats.p_likeness)
    np.testing.assert_array_equal(inputs.rr, timing)


def test_neither_units_nor_offset_change_the_inputs(record: Record) -> None:
    inputs = network_inputs(find_beats(record, BeatSettings()))
    changed = replace(record, signal=200 * record.signal + 1024)
    others = network_inputs(find_beats(changed, BeatSettings()))
    np.testing.assert_allclose(others.segments, inputs.segments, atol=1e-4)
    np.testing.assert_allclose(others.rr, inputs.rr, atol=1e-5)


def test_fibrillation_is_irregular_and_a_slow_change_of_rate_is_not() -> None:
    rng = np.random.default_rng(0)
    assert np.median(irregularity(rng.lognormal(0, 0.2, 200))) > 0.15
    assert irregularity(np.linspace(0.6, 1.0, 200)).max() < 0.02
    extrasystoles = np.full(200, 0.8)
    extrasystoles[20::20] = 0.5
    assert irregularity(extrasystoles).max() < 0.02


def test_the_same_prematurity_says_more_in_a_steadier_rhythm() -> None:
    rng = np.random.default_rng(0)
    place = RR_INPUTS.index("earliness in units of the irregularity")
    found = []
    for spread in (0.005, 0.15):
        rr = np.exp(rng.normal(0, spread, 60)) * 0.8
        rr[30] = 0.9 * np.median(rr)
        found.append(rr_inputs(*intervals(rr), 0.8, np.ones(61))[31, place])
    assert found[0] < -0.8
    assert -0.3 < found[1] < 0
