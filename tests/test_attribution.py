"""Tests of `arrhythmia.reading` and `arrhythmia.attribution`: evidence is where it was put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import MakeRecord
from test_explanation import RUN, SETTINGS, readable

from arrhythmia.attribution import METHODS, integrated_gradients, occlusion, shap_values
from arrhythmia.backend import keras
from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier, ModelSettings
from arrhythmia.errors import InputError
from arrhythmia.explanation import PARTS, RHYTHM_PARTS, Explanation, explain
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.reading import RHYTHM, log_odds, read_beat
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS, network_inputs
from arrhythmia.waves import WAVES

BEAT = 5
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("record"), symbols="NNANNVNNFNE" * 3, seed=8)
    return find_beats(read_record(path), SETTINGS)


def blind(*unseen: str) -> Classifier:
    """A network with random weights that does not see some inputs."""
    keras.utils.set_random_seed(3)
    shape = NetworkSettings(RUN, (4, 8), (5, 3), 8, 8, unseen=unseen)
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    return Classifier(network, ModelSettings(SETTINGS, RUN, 0))


# --- readings -------------------------------------------------------------------------------


@pytest.mark.parametrize("target", BEAT_CLASSES)
@pytest.mark.parametrize("beat", [0, 2, 5, 32])
def test_a_reading_kept_whole_is_what_the_network_reads(
    tiny_classifier: Classifier, beats: Beats, beat: int, target: str
) -> None:
    reading = read_beat(tiny_classifier, beats, beat, target)
    inputs = network_inputs(beats)
    whole = np.ones((1, sum(reading.sizes)))
    segments, rr = reading.inputs(whole)
    np.testing.assert_allclose(segments[0], inputs.segments[reading.places], atol=1e-6)
    np.testing.assert_allclose(rr[0], inputs.rr[reading.places], atol=1e-6)
    segments, rr = reading.inputs(0 * whole)
    np.testing.assert_array_equal(segments[0], reading.plain_segments)
    np.testing.assert_array_equal(rr[0], reading.plain_rr)


def test_the_reference_is_the_usual_beat_on_time_and_for_n_its_contrary(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    for target in "SVEF":
        reading = read_beat(tiny_classifier, beats, BEAT, target)
        np.testing.assert_allclose(reading.plain_segments[..., 0] - beats.usual_beat, 0, atol=1e-6)
        assert (reading.plain_segments[..., 1] == 0).all()
        np.testing.assert_allclose(reading.plain_rr[:, [2, 3, 4, 7]], 0, atol=1e-6)
    contrary = read_beat(tiny_classifier, beats, BEAT, "N")
    assert (contrary.plain_segments[contrary.here, :, 0] == 0).all()
    assert contrary.plain_rr[contrary.here, 2] == pytest.approx(np.log(0.7))
    assert contrary.plain_rr[contrary.here - 1, 2] == pytest.approx(0)


def test_parts_hold_every_atom_once_but_the_beat_among_its_neighbours(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    reading = read_beat(tiny_classifier, beats, BEAT, "V")
    held = np.sum([mask for _, mask in reading.wave_parts()], axis=0)
    samples, inputs, run, _ = reading.sizes
    own = [samples + inputs + reading.here, samples + inputs + run + reading.here]
    assert (np.delete(held, own) == 1).all()
    assert (held[own] == 0).all()
    assert sorted(i for which in RHYTHM.values() for i in which) == list(range(len(RR_INPUTS)))


# --- evidence follows the evidence ----------------------------------------------------------


def slack(method: str, found: Explanation) -> float:
    """LIME fits a straight line to what is not straight, and blames all parts for it a little."""
    return 0.2 * np.abs(list(found.parts.values())).max() if method == "lime" else 1e-6


@EVERY_METHOD
def test_a_network_that_sees_only_timing_is_explained_by_timing(method: str, beats: Beats) -> None:
    classifier = blind("beat", "difference")
    for target in "NSVEF":
        found = explain(classifier, beats, BEAT, method, target)
        limit = slack(method, found)
        assert np.abs(found.samples).max() <= limit
        assert np.abs(found.neighbour_shapes).max() <= limit
        if any(v > 1e-3 for v in found.parts.values()) and limit < 1e-5:
            assert sum(max(found.percent[k], 0) for k in RHYTHM_PARTS) == pytest.approx(100)
    assert any(np.abs(explain(classifier, beats, BEAT, method, c).rr).max() > 1e-3 for c in "NSVEF")


@EVERY_METHOD
def test_a_network_that_sees_only_shape_is_not_explained_by_timing(
    method: str, beats: Beats
) -> None:
    classifier = blind("rr", "p waves")
    for target in "NSVEF":
        found = explain(classifier, beats, BEAT, method, target)
        limit = slack(method, found)
        assert np.abs(found.rr).max() <= limit
        assert np.abs(found.neighbour_timing).max() <= limit
    assert any(
        np.abs(explain(classifier, beats, BEAT, method, c).samples).max() > 1e-4 for c in "NSVEF"
    )


@EVERY_METHOD
@pytest.mark.parametrize(("wave", "place"), [("QRS", 41), ("P", 23), ("T", 65)])
def test_a_network_that_goes_by_one_wave_is_explained_by_it(
    method: str, wave: str, place: int, beats: Beats
) -> None:
    bump = np.exp(-0.5 * ((np.arange(SETTINGS.length) - place) / 2) ** 2)
    segments = np.zeros_like(beats.segments)
    segments[BEAT] = bump
    shaped = beats.usual_beat
    alike = replace(beats, segments=segments, usual_beat=np.zeros_like(shaped))
    classifier = readable(2)
    reading = read_beat(classifier, beats, BEAT, "V")
    edges = reading.waves.edges[WAVES.index(wave) : WAVES.index(wave) + 2]
    assert edges[0] < place < edges[1]
    alike_reading = replace(read_beat(classifier, alike, BEAT, "V"), waves=reading.waves)
    atoms = METHODS[method](classifier, alike_reading)
    of = reading.waves.of_samples(SETTINGS.length)
    samples = np.maximum(reading.split(atoms)[0], 0)
    assert samples[of == WAVES.index(wave)].sum() > 0.8 * np.maximum(atoms, 0).sum()


def test_integrated_gradients_and_shap_add_up_to_the_difference(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    for beat, target in ((5, "V"), (2, "S"), (8, "F"), (12, "N")):
        reading = read_beat(tiny_classifier, beats, beat, target)
        n = sum(reading.sizes)
        whole, plain = log_odds(tiny_classifier, reading, np.array([np.ones(n), np.zeros(n)]))
        found = integrated_gradients(tiny_classifier, reading)
        assert found.sum() == pytest.approx(whole - plain, rel=0.1, abs=0.2)
        assert shap_values(tiny_classifier, reading).sum() == pytest.approx(whole - plain, abs=1e-3)


def test_shapley_values_are_those_of_the_shap_package(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    from shap import PermutationExplainer

    reading = read_beat(tiny_classifier, beats, BEAT, "V")
    masks = np.array([mask for _, mask in reading.wave_parts()])
    explainer = PermutationExplainer(
        lambda on: log_odds(tiny_classifier, reading, 1 - (1 - np.asarray(on, float)) @ masks),
        np.zeros((1, len(masks))),
        seed=0,
    )
    whole = np.ones((1, len(masks)))
    expected = explainer(whole, max_evals=200 * 2 * len(masks) + 1, silent=True).values[0]
    found = [shap_values(tiny_classifier, reading, 200)[mask].sum() for mask in masks]
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())


def test_occlusion_is_what_is_lost_without_a_part(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    reading = read_beat(tiny_classifier, beats, BEAT, "V")
    atoms = occlusion(tiny_classifier, reading)
    for _, mask in reading.wave_parts():
        both = log_odds(tiny_classifier, reading, np.array([np.ones(len(mask)), ~mask]))
        assert atoms[mask].sum() == pytest.approx(both[0] - both[1], abs=1e-4)


# --- the interface --------------------------------------------------------------------------


@EVERY_METHOD
def test_every_method_explains_every_class_and_repeats_itself(
    method: str, tiny_classifier: Classifier, beats: Beats
) -> None:
    before = tiny_classifier.probabilities(beats)
    for target in (None, *BEAT_CLASSES):
        found = explain(tiny_classifier, beats, BEAT, method, target)
        again = explain(tiny_classifier, beats, BEAT, method, target)
        assert found.samples.shape == (SETTINGS.length,)
        assert found.rr.shape == (len(RR_INPUTS),)
        run = tiny_classifier.settings.run
        assert len(found.neighbours) == run - 1
        assert 0 not in found.neighbours
        assert tuple(found.percent) == PARTS
        assert np.isfinite(list(found.percent.values())).all()
        positive = sum(max(v, 0) for v in found.percent.values())
        assert positive == pytest.approx(100) or positive == 0
        np.testing.assert_array_equal(found.samples, again.samples)
    np.testing.assert_array_equal(tiny_classifier.probabilities(beats), before)


@EVERY_METHOD
def test_a_record_shorter_than_a_run_is_explained(method: str, tmp_path: object,
                                                  make_record: MakeRecord) -> None:  # fmt: skip
    short = find_beats(read_record(make_record(tmp_path, symbols="NN")), SETTINGS)
    classifier = blind()
    for beat in (0, 1):
        assert np.isfinite(explain(classifier, short, beat, method, "V").samples).all()


def test_a_record_can_be_given_in_place_of_its_beats(
    tiny_classifier: Classifier, tmp_path: object, make_record: MakeRecord
) -> None:
    record = read_record(make_record(tmp_path, symbols="NNANNVNN"))
    beats = tiny_classifier.find_beats(record)
    a, b = (explain(tiny_classifier, r, 5, "occlusion") for r in (record, beats))
    np.testing.assert_array_equal(a.samples, b.samples)


@pytest.mark.parametrize(
    ("options", "named"),
    [((5, "gradcam"), "gradcam"), ((5, "lime", "Q"), "'Q'"), ((99,), "99"), ((-1,), "-1")],
)
def test_what_does_not_exist_is_named(
    tiny_classifier: Classifier, beats: Beats, options: tuple, named: str
) -> None:
    with pytest.raises(InputError, match=named):
        explain(tiny_classifier, beats, *options)


# --- halves of the network ------------------------------------------------------------------


@pytest.mark.parametrize("unseen", [(), ("rr",), ("p waves",), ("beat",), ("difference",)])
def test_the_halves_say_what_the_whole_network_says(beats: Beats, unseen: tuple[str, ...]) -> None:
    classifier = blind(*unseen)
    reading = read_beat(classifier, beats, BEAT, "V")
    expected = np.asarray(classifier.network([reading.segments[None], reading.rr[None]]))
    for same in (classifier, Classifier(classifier.network, classifier.settings).trace()):
        scores = np.asarray(same.scores(reading.segments[None], reading.rr[None]))
        odds = np.exp(scores - scores.max(axis=2, keepdims=True))
        np.testing.assert_allclose(odds / odds.sum(axis=2, keepdims=True), expected, atol=1e-5)


def test_log_odds_are_those_of_the_inputs_themselves(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    reading = read_beat(tiny_classifier, beats, BEAT, "V")
    rng = np.random.default_rng(0)
    kept = (rng.random((20, sum(reading.sizes))) < 0.5).astype(float)
    scores = np.asarray(tiny_classifier.scores(*reading.inputs(kept)))[:, reading.here]
    target = BEAT_CLASSES.index("V")
    others = np.logaddexp.reduce(np.delete(scores, target, axis=1).astype(float), axis=1)
    found = log_odds(tiny_classifier, reading, kept)
    np.testing.assert_allclose(found, scores[:, target] - others, atol=1e-4)
