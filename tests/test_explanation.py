"""Tests of `arrhythmia.explanation`: the heat is where the evidence is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.backend import keras, tf
from arrhythmia.beats import Beats, BeatSettings, find_beats
from arrhythmia.classifier import Classifier, ModelSettings
from arrhythmia.explanation import Explanation, explain
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.reading import run_around
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS, network_inputs

N, S, V, E, F = range(5)
RUN = 3
SETTINGS = BeatSettings()


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("record"), symbols="NNANNVNNFNE", seed=8)
    return find_beats(read_record(path), SETTINGS)


def readable(blocks: int) -> Classifier:
    """A network that can be read: what rises speaks for V against N, what falls for F against S.

    The first filter of each block hands on what is positive in the beat itself, the second
    what is negative; the LSTM says nothing, and E gets no evidence at all.
    """
    shape = NetworkSettings(
        run=RUN, filters=(2,) * blocks, kernels=(3,) * blocks, features=2, units=2
    )
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    encoder = network.get_layer("each_beat").layer

    def set_weights(model: keras.Model, name: str, change: Callable[..., None]) -> None:
        weights = [np.zeros_like(weight) for weight in model.get_layer(name).get_weights()]
        change(*weights)
        model.get_layer(name).set_weights(weights)

    def first(kernel: np.ndarray) -> None:
        kernel[1, 0] = 1, -1

    def further(kernel: np.ndarray) -> None:
        kernel[1] = np.eye(2)

    def features(kernel: np.ndarray, _: np.ndarray) -> None:
        kernel[0::2, 0] = kernel[1::2, 1] = 1

    def together(kernel: np.ndarray, _: np.ndarray) -> None:
        kernel[0, 0] = kernel[1, 1] = 1

    def scores(kernel: np.ndarray, _: np.ndarray) -> None:
        kernel[0, [V, N]] = kernel[1, [F, S]] = 1, -1

    set_weights(encoder, "conv1", first)
    for block in range(2, blocks + 1):
        set_weights(encoder, f"conv{block}", further)
    set_weights(encoder, "features", features)
    set_weights(network, "lstm", lambda *_: None)
    set_weights(network, "together", together)
    set_weights(network, "scores", scores)
    return Classifier(network, ModelSettings(SETTINGS, RUN, 0))


@pytest.fixture(scope="module")
def transparent() -> Classifier:
    return readable(blocks=2)


@pytest.fixture(scope="module", params=[1, 2, 3])
def blocks_and_classifier(request: pytest.FixtureRequest) -> tuple[int, Classifier]:
    return request.param, readable(request.param)


def with_bumps(beats: Beats, bumps: dict[int, dict[int, float]]) -> Beats:
    """Beats that are zero everywhere but for bumps: beat to sample to height."""
    segments = np.zeros_like(beats.segments)
    for beat, places in bumps.items():
        for place, height in places.items():
            segments[beat, place] = height
    return replace(beats, segments=segments)


def cam(classifier: Classifier, beats: Beats, beat: int, target: str | None = None) -> Explanation:
    return explain(classifier, beats, beat, "grad-cam", target)


# --- the run --------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 16])
def test_a_beat_is_read_in_the_run_that_has_it_in_the_middle(length: int) -> None:
    for beats in range(1, 40):
        for beat in range(beats):
            places, here = run_around(beats, beat, length)
            assert len(places) == length
            assert places[here] == beat
            assert places.min() >= 0
            assert places.max() <= beats - 1
            if beats >= length:
                assert (np.diff(places) == 1).all()
            if length // 2 <= beat < beats - length // 2:
                assert here == length // 2


# --- the heat is where the evidence is ------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 20, 37, 51, SETTINGS.length - 11, SETTINGS.length - 5])
@pytest.mark.parametrize("beat", [0, 4, 10])
def test_the_heat_is_where_the_bump_is(
    blocks_and_classifier: tuple[int, Classifier], beats: Beats, beat: int, place: int
) -> None:
    blocks, classifier = blocks_and_classifier
    step = 2 ** (blocks - 1)  # samples that one place of the last block stands for
    heatmap = cam(classifier, with_bumps(beats, {beat: {place: 1.0}}), beat, "V")
    assert heatmap.heat.shape == (SETTINGS.length,)
    assert heatmap.message == ""
    assert abs(int(heatmap.heat.argmax()) - place) <= step / 2
    assert heatmap.heat.max() == 1
    far = np.abs(np.arange(SETTINGS.length) - place) > 1.5 * step
    assert (heatmap.heat[far] == 0).all()


def test_the_heat_is_as_strong_as_the_evidence(transparent: Classifier, beats: Beats) -> None:
    heat = cam(transparent, with_bumps(beats, {3: {20: 2.0, 60: 1.0}}), 3, "V").heat
    assert heat[20:22].max() == 1
    assert heat[60:62].max() == pytest.approx(heat[20:22].max() / 2, rel=1e-3)


def test_each_class_has_its_own_evidence(transparent: Classifier, beats: Beats) -> None:
    both = with_bumps(beats, {3: {20: 1.0, 60: -1.0}})
    assert abs(int(cam(transparent, both, 3, "V").heat.argmax()) - 20) <= 1
    assert abs(int(cam(transparent, both, 3, "F").heat.argmax()) - 60) <= 1
    assert (cam(transparent, both, 3, "V").heat[55:65] == 0).all()


def test_another_beat_is_no_evidence_in_the_shape_of_this_one(
    transparent: Classifier, beats: Beats
) -> None:
    neighbours = with_bumps(beats, {2: {20: 1.0}, 4: {40: 1.0}})
    heatmap = cam(transparent, neighbours, 3, "V")
    assert (heatmap.heat == 0).all()
    assert "V" in heatmap.message


@pytest.mark.parametrize("target", ["N", "E"])
def test_a_class_without_evidence_has_an_empty_map_and_a_message(
    transparent: Classifier, beats: Beats, target: str
) -> None:
    heatmap = cam(transparent, with_bumps(beats, {3: {20: 1.0}}), 3, target)
    np.testing.assert_array_equal(heatmap.heat, np.zeros(SETTINGS.length))
    assert heatmap.target_class == target
    assert target in heatmap.message


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_network_that_knows_nothing_has_an_empty_map(beats: Beats) -> None:
    shape = NetworkSettings(run=RUN, filters=(2,), kernels=(3,), features=2, units=2)
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
    classifier = Classifier(network, ModelSettings(SETTINGS, RUN, 0))
    for target in (None, *BEAT_CLASSES):
        heatmap = cam(classifier, beats, 5, target)
        np.testing.assert_array_equal(heatmap.heat, np.zeros(SETTINGS.length))
        assert heatmap.message


# --- a trained network read from disk -------------------------------------------------------


def own_scores(classifier: Classifier, beats: Beats, beat: int) -> np.ndarray:
    """What the network itself says of a beat before the softmax."""
    network = classifier.network
    places, here = run_around(len(beats), beat, classifier.settings.run)
    inputs = network_inputs(beats)
    scores = keras.Model(network.inputs, network.get_layer("scores").output)
    found = scores([inputs.segments[places][None], inputs.rr[places][None]], training=False)
    return np.asarray(found)[0, here]


@pytest.mark.parametrize("beat", range(11))
def test_heat_of_every_beat_is_between_zero_and_one(
    tiny_classifier: Classifier, beats: Beats, beat: int
) -> None:
    heatmap = cam(tiny_classifier, beats, beat)
    assert heatmap.heat.shape == (beats.segments.shape[1],)
    assert np.isfinite(heatmap.heat).all()
    assert heatmap.heat.min() >= 0
    assert heatmap.heat.max() <= 1
    assert bool(heatmap.message) == bool((heatmap.heat == 0).all())
    assert heatmap.target_class == BEAT_CLASSES[own_scores(tiny_classifier, beats, beat).argmax()]


@pytest.mark.parametrize("target", BEAT_CLASSES)
def test_the_score_explained_is_the_networks_own(
    tiny_classifier: Classifier, beats: Beats, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained: list[float] = []
    gradient = tf.GradientTape.gradient

    def note(tape: object, score: object, source: object) -> object:
        explained.append(float(score))
        return gradient(tape, score, source)

    monkeypatch.setattr(tf.GradientTape, "gradient", note)
    for beat in (0, 2, 5, 10):
        heatmap = cam(tiny_classifier, beats, beat, target)
        assert heatmap.target_class == target
        score = own_scores(tiny_classifier, beats, beat)[BEAT_CLASSES.index(target)]
        assert explained.pop() == pytest.approx(float(score), rel=1e-4, abs=1e-4)


def test_a_network_read_from_disk_is_explained_alike(
    transparent: Classifier, beats: Beats, tmp_path: Path
) -> None:
    transparent.save(tmp_path / "model")
    again = Classifier.load(tmp_path / "model")
    bumps = with_bumps(beats, {3: {20: 1.0, 60: 0.5}})
    expected = cam(transparent, bumps, 3, "V")
    found = cam(again, bumps, 3, "V")
    np.testing.assert_allclose(found.heat, expected.heat, atol=1e-6)


def test_the_network_is_not_changed_by_explaining(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    before = tiny_classifier.probabilities(beats)
    first = cam(tiny_classifier, beats, 5).heat
    np.testing.assert_array_equal(cam(tiny_classifier, beats, 5).heat, first)
    np.testing.assert_array_equal(tiny_classifier.probabilities(beats), before)
