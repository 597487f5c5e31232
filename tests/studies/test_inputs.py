"""Tests of `studies.inputs`: what is unseen has no effect, and the future has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from train.tiny import BEATS, RUN

from arrhythmia.backend import keras
from arrhythmia.beats import Prepared, cut_beats
from arrhythmia.model import NetworkSettings, build_network, side_by_side
from arrhythmia.sequences import RR_INPUTS, network_inputs
from arrhythmia.train.batches import Leads
from studies.inputs import INPUTS, RENEWED, cut_beats_of_the_past, without_inputs


def varied_inputs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Inputs of a run, and the same with one of `INPUTS` changed."""
    rng = np.random.default_rng(0)
    segments = rng.normal(size=(1, RUN, BEATS.length, 2)).astype(np.float32)
    rr = rng.normal(size=(1, RUN, len(RR_INPUTS))).astype(np.float32)
    changed = {"nothing": (segments, rr)}
    for number, name in enumerate(INPUTS):
        other_segments, other_rr = segments.copy(), rr.copy()
        if number < 2:
            other_segments[..., number] += 3.0
        else:
            part = slice(0, -1) if name == "rr" else slice(-1, None)
            other_rr[..., part] += 3.0
        changed[name] = other_segments, other_rr
    return changed


@pytest.fixture
def network() -> keras.Model:
    """A network in which every input counts."""
    keras.utils.set_random_seed(0)
    shape = NetworkSettings(RUN, filters=(8,), kernels=(5,), features=16, units=8)
    return build_network(BEATS.length, len(RR_INPUTS), shape)


@pytest.mark.parametrize("unseen", [("beat",), ("difference",), ("rr",), ("p waves",), INPUTS[1:]])
def test_inputs_that_are_unseen_change_nothing_and_all_others_do(
    network: keras.Model, unseen: tuple[str, ...]
) -> None:
    masked = side_by_side(without_inputs(network, unseen))
    outputs = {k: np.asarray(masked(list(v))) for k, v in varied_inputs().items()}
    for name in INPUTS:
        change = np.abs(outputs[name] - outputs["nothing"]).max()
        assert (change == 0) == (name in unseen), name


def test_the_layers_are_those_of_the_network(network: keras.Model) -> None:
    masked = without_inputs(network, ("rr",))
    weights = [w + 1 for w in network.get_weights()]
    network.set_weights(weights)
    for weight, same in zip(weights, masked.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)


@pytest.fixture(scope="module")
def lead(records: dict[str, Leads]) -> Prepared:
    return records["223"][0]


def cut_at(lead: Prepared, beats: int) -> Prepared:
    """The first beats of a lead, with the signal around them."""
    peaks = replace(
        lead.r_peaks, sample=lead.r_peaks.sample[:beats], symbol=lead.r_peaks.symbol[:beats]
    )
    return replace(lead, marks=lead.marks[:beats], r_peaks=peaks)


def test_beats_of_the_past_do_not_depend_on_later_ones(lead: Prepared) -> None:
    whole = cut_beats_of_the_past(lead, BEATS, 0.25)
    known = 2 * RENEWED
    assert len(whole) > known + 5
    part = cut_beats_of_the_past(cut_at(lead, known), BEATS, 0.25)
    np.testing.assert_allclose(whole.template_beat[: known - 1], part.template_beat[:-1], atol=1e-6)
    np.testing.assert_allclose(whole.segments[: known - 1], part.segments[:-1], atol=1e-6)
    np.testing.assert_allclose(whole.mean_rr[:known], part.mean_rr)
    looks_ahead = cut_beats(lead, BEATS), cut_beats(cut_at(lead, known), BEATS)
    assert np.abs(looks_ahead[0].template_beat - looks_ahead[1].template_beat).max() > 1e-3


def test_a_template_beat_is_renewed_now_and_then(lead: Prepared) -> None:
    beats = cut_beats_of_the_past(lead, BEATS, 0.25)
    assert beats.template_beat.shape == beats.segments.shape
    changes = np.flatnonzero(np.abs(np.diff(beats.mean_rr)) > 0) + 1
    assert len(changes)
    assert (changes % RENEWED == 0).all()
    assert (changes >= 2 * RENEWED).all()  # until then the first beats stand for the past
    inputs = network_inputs(beats)
    assert inputs.segments.shape == (*beats.segments.shape, 2)
    assert np.isfinite(inputs.rr).all()


def test_a_past_that_is_longer_than_the_record_is_all_that_went_before(lead: Prepared) -> None:
    beats = cut_beats_of_the_past(lead, BEATS, 60.0)
    np.testing.assert_allclose(
        beats.mean_rr[3 * RENEWED], np.mean(np.clip(beats.rr_pre[: 3 * RENEWED], 0.2, 3.0))
    )
