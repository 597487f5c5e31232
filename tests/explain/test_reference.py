"""Tests of `arrhythmia.explain.reference`: inputs and reference, whole and in parts."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import MakeRecord
from explain_networks import SETTINGS, blind
from scipy.special import softmax

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.explain.reference import RHYTHM, compare_with_reference, log_odds, run_around
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import read_record
from arrhythmia.rr import median_around
from arrhythmia.sequences import RR_INPUTS, limited_logarithms, network_inputs, rr_ratios

BEAT = 5


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("record"), symbols="NNANNVNNFNE" * 3, seed=8)
    return find_beats(read_record(path), SETTINGS)


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


@pytest.mark.parametrize("target", BEAT_CLASSES)
@pytest.mark.parametrize("beat", [0, 2, 5, 32])
def test_a_comparison_kept_whole_is_what_the_network_reads(
    tiny_classifier: Classifier, beats: Beats, beat: int, target: str
) -> None:
    comparison = compare_with_reference(tiny_classifier, beats, beat, target)
    inputs = network_inputs(beats)
    whole = np.ones((1, sum(comparison.sizes)))
    segments, rr = comparison.inputs(whole)
    np.testing.assert_allclose(segments[0], inputs.segments[comparison.places], atol=1e-6)
    np.testing.assert_allclose(rr[0], inputs.rr[comparison.places], atol=1e-6)
    segments, rr = comparison.inputs(0 * whole)
    np.testing.assert_array_equal(segments[0], comparison.reference_segments)
    np.testing.assert_array_equal(rr[0], comparison.reference_rr)


def test_the_reference_is_the_template_beat_on_time_and_for_n_its_contrary(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    for target in "SVEF":
        comparison = compare_with_reference(tiny_classifier, beats, BEAT, target)
        np.testing.assert_allclose(
            comparison.reference_segments[..., 0] - beats.template_beat, 0, atol=1e-6
        )
        assert (comparison.reference_segments[..., 1] == 0).all()
        np.testing.assert_allclose(comparison.reference_rr[:, [2, 3, 4, 7]], 0, atol=1e-6)
        # what is absolute: the local RR interval, in a steady rhythm with P waves
        local = median_around(beats.rr_pre)[comparison.places]
        of_mean, told = np.log(local / beats.mean_rr), comparison.reference_rr
        np.testing.assert_allclose(told[:, :2], np.stack([of_mean] * 2, axis=1), atol=1e-5)
        np.testing.assert_allclose(told[:, 5], np.log(local), atol=1e-5)
        steady = rr_ratios(
            local, local, beats.mean_rr, local, local, 0 * local + 0.03, 0 * local + 0.9
        )
        np.testing.assert_allclose(told, limited_logarithms(steady), atol=1e-5)
    contrary = compare_with_reference(tiny_classifier, beats, BEAT, "N")
    assert (contrary.reference_segments[contrary.here, :, 0] == 0).all()
    assert contrary.reference_rr[contrary.here, 2] == pytest.approx(np.log(0.7))
    assert contrary.reference_rr[contrary.here - 1, 2] == pytest.approx(0)


def test_parts_hold_every_atom_once_but_the_beat_among_its_neighbours(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    comparison = compare_with_reference(tiny_classifier, beats, BEAT, "V")
    held = np.sum([mask for _, mask in comparison.wave_parts()], axis=0)
    samples, inputs, run, _ = comparison.sizes
    own = [samples + inputs + comparison.here, samples + inputs + run + comparison.here]
    assert (np.delete(held, own) == 1).all()
    assert (held[own] == 0).all()
    assert sorted(i for which in RHYTHM.values() for i in which) == list(range(len(RR_INPUTS)))


@pytest.mark.slow
@pytest.mark.parametrize("unseen", [(), ("rr",), ("beat",), ("difference",)])
def test_the_halves_say_what_the_whole_network_says(beats: Beats, unseen: tuple[str, ...]) -> None:
    classifier = blind(*unseen)
    comparison = compare_with_reference(classifier, beats, BEAT, "V")
    expected = np.asarray(classifier.network([comparison.segments[None], comparison.rr[None]]))
    for same in (classifier, Classifier(classifier.network, classifier.settings).trace()):
        scores = np.asarray(same.scores(comparison.segments[None], comparison.rr[None]))
        np.testing.assert_allclose(softmax(scores, axis=2), expected, atol=1e-5)


def test_log_odds_are_those_of_the_inputs_themselves(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    comparison = compare_with_reference(tiny_classifier, beats, BEAT, "V")
    rng = np.random.default_rng(0)
    kept = (rng.random((20, sum(comparison.sizes))) < 0.5).astype(float)
    scores = np.asarray(tiny_classifier.scores(*comparison.inputs(kept)))[:, comparison.here]
    target = BEAT_CLASSES.index("V")
    others = np.logaddexp.reduce(np.delete(scores, target, axis=1).astype(float), axis=1)
    found = log_odds(tiny_classifier, comparison, kept)
    np.testing.assert_allclose(found, scores[:, target] - others, atol=1e-4)
