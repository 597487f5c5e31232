"""Tests of `arrhythmia.sequences`: properties of the network's inputs, not their tuning."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import find_beats
from arrhythmia.files import shipped
from arrhythmia.records import Record, read_record
from arrhythmia.rr import irregularity
from arrhythmia.sequences import (
    CHANNELS,
    LARGEST,
    RR_INPUTS,
    covering_runs,
    limited_logarithms,
    network_inputs,
    rr_inputs,
    rr_ratios,
    with_difference,
)
from arrhythmia.signals import BeatSettings

SETTINGS = BeatSettings()
TIMELESS = [i for i, name in enumerate(RR_INPUTS) if "seconds" not in name]
QUOTIENTS = [i for i, name in enumerate(RR_INPUTS) if "/" in name]
IN_SECONDS = RR_INPUTS.index("rr_pre in seconds")
EARLINESS = RR_INPUTS.index("earliness in units of the irregularity")
P_WAVES = len(RR_INPUTS) - 1


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="NNNANNVNNFENNNN"))


def intervals(rr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RR before and after each beat, as `arrhythmia.beats.cut_beats` gives them."""
    return np.concatenate([rr[:1], rr]), np.concatenate([rr, rr[-1:]])


def inputs_of(rr: np.ndarray, similarity: float = 1.0) -> np.ndarray:
    """RR inputs of beats with these intervals between them, and P waves that are all alike."""
    rr_pre, rr_post = intervals(rr)
    return rr_inputs(rr_pre, rr_post, float(rr.mean()), np.full(len(rr_pre), similarity))


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
        if beats >= length:
            assert (np.diff(places, axis=1) == 1).all()
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


# --- RR inputs ------------------------------------------------------------------------------


def test_names_are_those_that_the_shipped_model_was_saved_with() -> None:
    settings = json.loads((shipped("saved_models/ds1") / "settings.json").read_text("utf-8"))
    assert settings["rr_inputs"] == list(RR_INPUTS)


@pytest.mark.parametrize("beats", [1, 2, 3, 10, 11, 12, 40])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_rr_inputs_are_finite_for_any_number_of_beats(beats: int) -> None:
    rr = np.random.default_rng(beats).uniform(0.3, 1.5, max(beats - 1, 1))
    rr_pre, rr_post = (values[:beats] for values in intervals(rr))
    inputs = rr_inputs(rr_pre, rr_post, float(rr_pre.mean()), np.ones(beats))
    assert inputs.shape == (beats, len(RR_INPUTS))
    assert inputs.dtype == np.float32
    assert np.isfinite(inputs).all()


@pytest.mark.parametrize(
    "rr", [[0.8, 25.0, 0.8], [0.001, 0.8, 0.001], [0.0, 0.8], [1800.0], [0.2, 0.2, 4.0]]
)
@pytest.mark.parametrize("similarity", [0.0, 1.0])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_rr_inputs_stay_within_bounds_for_any_interval(rr: list[float], similarity: float) -> None:
    inputs = inputs_of(np.array(rr), similarity)
    assert np.isfinite(inputs).all()
    assert np.abs(inputs).max() <= LARGEST


def test_a_faster_heart_has_the_same_relative_rr_inputs() -> None:
    rr = np.random.default_rng(0).uniform(0.6, 1.0, 60)
    slow, fast = inputs_of(rr), inputs_of(0.8 * rr)
    np.testing.assert_allclose(fast[:, TIMELESS], slow[:, TIMELESS], atol=1e-5)
    np.testing.assert_allclose(fast[:, IN_SECONDS] - slow[:, IN_SECONDS], np.log(0.8), atol=1e-5)


def test_in_a_regular_rhythm_all_quotients_are_one() -> None:
    inputs = inputs_of(np.full(30, 0.75))
    np.testing.assert_allclose(inputs[:, QUOTIENTS], 0, atol=1e-6)
    np.testing.assert_allclose(inputs[:, EARLINESS], 0, atol=1e-6)
    np.testing.assert_allclose(inputs[:, IN_SECONDS], np.log(0.75), rtol=1e-5)


def test_an_early_beat_differs_from_all_others_in_what_came_before_it() -> None:
    rr = np.full(60, 0.8)
    rr[29:31] = 0.5, 1.1
    inputs = inputs_of(rr)
    for i, name in enumerate(RR_INPUTS):
        if name.startswith("rr_pre /"):
            assert np.argmin(inputs[:, i]) == 30
        if name.startswith("rr_post /"):
            assert np.argmax(inputs[:, i]) == 30
    assert np.argmin(inputs[:, EARLINESS]) == 30


def test_the_same_prematurity_says_more_in_a_steadier_rhythm() -> None:
    rng = np.random.default_rng(0)
    earliness = []
    for spread in (0.005, 0.15):
        rr = np.exp(rng.normal(0, spread, 60)) * 0.8
        rr[30] = 0.9 * np.median(rr)
        earliness.append(inputs_of(rr)[31, EARLINESS])
    steady, irregular = earliness
    assert steady < -0.8
    assert -0.3 < irregular < 0


def test_the_more_the_p_waves_are_alike_the_greater_is_their_input() -> None:
    rr = np.full(20, 0.8)
    levels = [inputs_of(rr, similarity) for similarity in (0.0, 0.1, 0.5, 1.0)]
    assert (np.diff([inputs[:, P_WAVES] for inputs in levels], axis=0) > 0.1).all()
    for inputs in levels:
        np.testing.assert_array_equal(inputs[:, :P_WAVES], levels[0][:, :P_WAVES])


def test_inputs_are_logarithms_of_the_ratios() -> None:
    rng = np.random.default_rng(0)
    rr_pre, rr_post, around, before = rng.uniform(0.7, 0.9, (4, 50))
    irregular, similarity = rng.uniform(0.01, 0.1, 50), rng.uniform(0, 1, 50)
    ratios = rr_ratios(rr_pre, rr_post, 0.8, around, before, irregular, similarity)
    assert ratios.shape == (50, len(RR_INPUTS))
    np.testing.assert_allclose(ratios[:, 0], rr_pre / 0.8)
    np.testing.assert_allclose(ratios[:, 3], rr_post / around)
    np.testing.assert_allclose(ratios[:, 4], rr_pre / before)
    np.testing.assert_allclose(ratios[:, IN_SECONDS], rr_pre)
    inputs = limited_logarithms(ratios)
    moderate = np.abs(np.log(ratios)) < LARGEST
    np.testing.assert_allclose(inputs[moderate], np.log(ratios)[moderate], rtol=1e-5, atol=1e-6)
    assert (np.abs(inputs[~moderate]) == LARGEST).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_ratio_of_nothing_has_a_limit() -> None:
    ratios = np.array([0.0, 1e-9, 1.0, 1e9])
    assert limited_logarithms(ratios).tolist() == [-LARGEST, -LARGEST, 0, LARGEST]


def test_fibrillation_is_irregular_and_a_slow_change_of_rate_is_not() -> None:
    rng = np.random.default_rng(0)
    assert np.median(irregularity(rng.lognormal(0, 0.2, 200))) > 0.15
    assert irregularity(np.linspace(0.6, 1.0, 200)).max() < 0.02
    extrasystoles = np.full(200, 0.8)
    extrasystoles[20::20] = 0.5
    assert irregularity(extrasystoles).max() < 0.02


# --- shapes ---------------------------------------------------------------------------------


def test_the_difference_from_the_template_beat_stands_beside_each_beat() -> None:
    rng = np.random.default_rng(0)
    segments, template = rng.normal(size=(7, 90)), rng.normal(size=90)
    channels = with_difference(segments, template)
    assert channels.shape == (7, 90, CHANNELS)
    assert channels.dtype == np.float32
    np.testing.assert_allclose(channels[..., 0], segments, rtol=1e-6)
    np.testing.assert_allclose(channels[..., 1], 2 * (segments - template), rtol=1e-6)
    assert (with_difference(template, template)[..., 1] == 0).all()


def test_an_ectopic_beat_differs_most(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="N" * 20 + "V" + "N" * 20, noise=0.0)
    beats = find_beats(read_record(path), SETTINGS)
    differences = np.abs(network_inputs(beats).segments[..., 1]).max(axis=1)
    assert differences.argmax() == 20
    assert differences[20] > 2 * np.median(differences)


def test_inputs_of_a_record_hold_every_beat(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    inputs = network_inputs(beats)
    assert inputs.segments.shape == (15, SETTINGS.length, CHANNELS)
    assert inputs.rr.shape == (15, len(RR_INPUTS))
    assert inputs.segments.dtype == inputs.rr.dtype == np.float32
    assert np.isfinite(inputs.segments).all()
    np.testing.assert_array_equal(inputs.segments[..., 0], beats.segments)
    expected = rr_inputs(beats.rr_pre, beats.rr_post, beats.mean_rr, beats.p_wave_similarity)
    np.testing.assert_array_equal(inputs.rr, expected)


def test_neither_units_nor_offset_change_the_inputs(record: Record) -> None:
    inputs = network_inputs(find_beats(record, SETTINGS))
    changed = replace(record, signals=200 * record.signals + 1024)
    others = network_inputs(find_beats(changed, SETTINGS))
    np.testing.assert_allclose(others.segments, inputs.segments, atol=1e-4)
    np.testing.assert_allclose(others.rr, inputs.rr, atol=1e-5)


def test_nobody_tells_the_network_the_symbols(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    inputs = network_inputs(beats)
    unnamed = network_inputs(replace(beats, symbol=np.full(len(beats), ""), source="detected"))
    np.testing.assert_array_equal(unnamed.segments, inputs.segments)
    np.testing.assert_array_equal(unnamed.rr, inputs.rr)
