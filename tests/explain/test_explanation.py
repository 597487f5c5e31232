"""Tests of `arrhythmia.explain.explanation`: the heat is where the evidence is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line
from explain_cases import hump
from explain_networks import RUN, SETTINGS, readable

from arrhythmia.backend import keras, tf
from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.explain.explanation import (
    PARTS,
    RHYTHM_PARTS,
    SHARES,
    Explanation,
    called_class,
    find_evidence,
)
from arrhythmia.explain.reference import run_around
from arrhythmia.explain.waves import WAVES
from arrhythmia.explain.wording import empty_words
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.model_settings import ModelSettings
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS, network_inputs


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("record"), symbols="NNANNVNNFNE", seed=8)
    return find_beats(read_record(path), SETTINGS)


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
    return find_evidence(classifier, beats, beat, "grad-cam", target)


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
    assert empty_words(heatmap) == ""
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
    assert "speaks for V" in empty_words(heatmap)


@pytest.mark.parametrize("target", ["N", "E"])
def test_a_class_without_evidence_has_an_empty_map_and_a_message(
    transparent: Classifier, beats: Beats, target: str
) -> None:
    heatmap = cam(transparent, with_bumps(beats, {3: {20: 1.0}}), 3, target)
    np.testing.assert_array_equal(heatmap.heat, np.zeros(SETTINGS.length))
    assert heatmap.target_class == target
    assert f"speaks for {target}" in empty_words(heatmap)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_network_that_knows_nothing_has_an_empty_map(beats: Beats) -> None:
    shape = NetworkSettings(run=RUN, filters=(2,), kernels=(3,), features=2, units=2)
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
    classifier = Classifier(network, ModelSettings(SETTINGS, RUN, 0))
    for target in (None, *BEAT_CLASSES):
        heatmap = cam(classifier, beats, 5, target)
        np.testing.assert_array_equal(heatmap.heat, np.zeros(SETTINGS.length))
        assert empty_words(heatmap)


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
    assert bool(empty_words(heatmap)) == bool((heatmap.heat == 0).all())
    assert heatmap.target_class == called_class(tiny_classifier, beats, beat)


@pytest.mark.slow
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
    np.testing.assert_allclose(cam(tiny_classifier, beats, 5).heat, first, atol=1e-6)
    np.testing.assert_allclose(tiny_classifier.probabilities(beats), before, atol=1e-6)


# --- what the parts add up to ---------------------------------------------------------------


def test_shares_are_all_of_the_evidence(tiny_classifier: Classifier, beats: Beats) -> None:
    assert sorted(part for parts in SHARES.values() for part in parts) == sorted(PARTS)
    for beat in (2, 5, 8):
        evidence = find_evidence(tiny_classifier, beats, beat, "occlusion")
        assert sum(max(v, 0) for v in evidence.percent.values()) == pytest.approx(100)
        assert sum(evidence.shares.values()) == pytest.approx(100)
        rhythm = sum(max(evidence.percent[part], 0) for part in RHYTHM_PARTS)
        assert evidence.shares["rhythm"] == pytest.approx(rhythm)
        shape = sum(max(evidence.percent[part], 0) for part in WAVES)
        assert evidence.shares["shape"] == pytest.approx(shape)


def test_evidence_that_all_speaks_against_a_class_has_no_shares() -> None:
    against = replace(hump(), samples=-hump().samples)
    assert set(against.shares.values()) == {0.0}
    assert min(against.percent.values()) == 0
    assert (against.heat == 0).all()


def test_by_default_the_class_given_is_explained(tiny_classifier: Classifier, beats: Beats) -> None:
    given = tiny_classifier.probabilities(beats).argmax(axis=1)
    for beat in range(len(beats)):
        assert called_class(tiny_classifier, beats, beat) == BEAT_CLASSES[given[beat]]


@pytest.mark.parametrize(
    ("options", "named"),
    [((5, "gradcam"), "'gradcam'"), ((5, "lime", "Q"), "'Q'"), ((99,), "99"), ((-1,), "-1")],
)
def test_what_does_not_exist_is_named(
    tiny_classifier: Classifier, beats: Beats, options: tuple, named: str
) -> None:
    assert named in error_line(lambda: find_evidence(tiny_classifier, beats, *options))
