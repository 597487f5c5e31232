"""Tests of `arrhythmia.explain.methods`: evidence is found where it was put."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord
from explain_networks import SETTINGS, blind, readable

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.explain.explanation import PARTS, RHYTHM_PARTS, Explanation, find_evidence
from arrhythmia.explain.methods import METHODS, integrated_gradients, occlusion, shap_values
from arrhythmia.explain.reference import compare_with_reference, log_odds
from arrhythmia.explain.waves import WAVES
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS

BEAT = 5
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("record"), symbols="NNANNVNNFNE" * 3, seed=8)
    return find_beats(read_record(path), SETTINGS)


# --- evidence follows the evidence ----------------------------------------------------------


def slack(method: str, found: Explanation) -> float:
    """LIME fits a straight line to what is not straight, and blames all parts for it a little."""
    return 0.2 * np.abs(list(found.parts.values())).max() if method == "lime" else 1e-6


@pytest.mark.slow
@EVERY_METHOD
def test_a_network_that_sees_only_timing_is_explained_by_timing(method: str, beats: Beats) -> None:
    classifier = blind("beat", "difference")
    for target in "NSVEF":
        found = find_evidence(classifier, beats, BEAT, method, target)
        limit = slack(method, found)
        assert np.abs(found.samples).max() <= limit
        assert np.abs(found.neighbour_shapes).max() <= limit
        if any(v > 1e-3 for v in found.parts.values()) and limit < 1e-5:
            assert sum(max(found.percent[k], 0) for k in RHYTHM_PARTS) == pytest.approx(100)
    assert any(
        np.abs(find_evidence(classifier, beats, BEAT, method, c).rr).max() > 1e-3 for c in "NSVEF"
    )


@pytest.mark.slow
@EVERY_METHOD
def test_a_network_that_sees_only_shape_is_not_explained_by_timing(
    method: str, beats: Beats
) -> None:
    classifier = blind("rr")
    for target in "NSVEF":
        found = find_evidence(classifier, beats, BEAT, method, target)
        limit = slack(method, found)
        assert np.abs(found.rr).max() <= limit
        assert np.abs(found.neighbour_timing).max() <= limit
    assert any(
        np.abs(find_evidence(classifier, beats, BEAT, method, c).samples).max() > 1e-4
        for c in "NSVEF"
    )


@pytest.mark.slow
@EVERY_METHOD
@pytest.mark.parametrize(("wave", "place"), [("QRS", 41), ("P", 23), ("T", 65)])
def test_a_network_that_goes_by_one_wave_is_explained_by_it(
    method: str, wave: str, place: int, beats: Beats
) -> None:
    bump = np.exp(-0.5 * ((np.arange(SETTINGS.length) - place) / 2) ** 2)
    segments = np.zeros_like(beats.segments)
    segments[BEAT] = bump
    shaped = beats.template_beat
    alike = replace(beats, segments=segments, template_beat=np.zeros_like(shaped))
    classifier = readable(2)
    comparison = compare_with_reference(classifier, beats, BEAT, "V")
    edges = comparison.waves.edges[WAVES.index(wave) : WAVES.index(wave) + 2]
    assert edges[0] < place < edges[1]
    alike_comparison = replace(
        compare_with_reference(classifier, alike, BEAT, "V"), waves=comparison.waves
    )
    atoms = METHODS[method](classifier, alike_comparison)
    of = comparison.waves.of_samples(SETTINGS.length)
    samples = np.maximum(comparison.split(atoms)[0], 0)
    assert samples[of == WAVES.index(wave)].sum() > 0.8 * np.maximum(atoms, 0).sum()


def test_integrated_gradients_and_shap_add_up_to_the_difference(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    for beat, target in ((5, "V"), (2, "S"), (8, "F"), (12, "N")):
        comparison = compare_with_reference(tiny_classifier, beats, beat, target)
        n = sum(comparison.sizes)
        whole, plain = log_odds(tiny_classifier, comparison, np.array([np.ones(n), np.zeros(n)]))
        found = integrated_gradients(tiny_classifier, comparison)
        assert found.sum() == pytest.approx(whole - plain, rel=0.1, abs=0.2)
        assert shap_values(tiny_classifier, comparison).sum() == pytest.approx(
            whole - plain, abs=1e-3
        )


@pytest.mark.slow
def test_shapley_values_are_those_of_the_shap_package(beats: Beats) -> None:
    from shap import PermutationExplainer

    classifier, orders = blind(), 100  # as many in both; of 50 to 200 orders 3 % to 1 % differ
    comparison = compare_with_reference(classifier, beats, BEAT, "V")
    masks = np.array([mask for _, mask in comparison.wave_parts()])
    explainer = PermutationExplainer(
        lambda on: log_odds(classifier, comparison, 1 - (1 - np.asarray(on, float)) @ masks),
        np.zeros((1, len(masks))),
        seed=0,
    )
    whole = np.ones((1, len(masks)))
    atoms = shap_values(classifier, comparison, orders)
    expected = explainer(whole, max_evals=orders * 2 * len(masks) + 1, silent=True).values[0]
    found = [atoms[mask].sum() for mask in masks]
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())


def test_occlusion_is_what_is_lost_without_a_part(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    comparison = compare_with_reference(tiny_classifier, beats, BEAT, "V")
    atoms = occlusion(tiny_classifier, comparison)
    for _, mask in comparison.wave_parts():
        both = log_odds(tiny_classifier, comparison, np.array([np.ones(len(mask)), ~mask]))
        assert atoms[mask].sum() == pytest.approx(both[0] - both[1], abs=1e-4)


# --- the interface --------------------------------------------------------------------------


@pytest.mark.slow
@EVERY_METHOD
def test_every_method_explains_every_class_and_repeats_itself(
    method: str, tiny_classifier: Classifier, beats: Beats
) -> None:
    before = tiny_classifier.probabilities(beats)
    for target in (None, *BEAT_CLASSES):
        found = find_evidence(tiny_classifier, beats, BEAT, method, target)
        again = find_evidence(tiny_classifier, beats, BEAT, method, target)
        assert found.samples.shape == (SETTINGS.length,)
        assert found.rr.shape == (len(RR_INPUTS),)
        run = tiny_classifier.settings.run
        assert len(found.neighbours) == run - 1
        assert sorted([*found.neighbours, 0]) == list(
            range(min(found.neighbours), max(found.neighbours) + 1)
        )
        assert tuple(found.percent) == PARTS
        assert np.isfinite(list(found.percent.values())).all()
        positive = sum(max(v, 0) for v in found.percent.values())
        speaks = max(found.parts.values()) > 1e-9
        assert positive == pytest.approx(100 if speaks else 0)
        np.testing.assert_allclose(found.samples, again.samples, atol=1e-6)
    np.testing.assert_allclose(tiny_classifier.probabilities(beats), before, atol=1e-6)


@pytest.mark.slow
@EVERY_METHOD
def test_a_record_shorter_than_a_run_is_explained(method: str, tmp_path: Path,
                                                  make_record: MakeRecord) -> None:  # fmt: skip
    short = find_beats(read_record(make_record(tmp_path, symbols="NN")), SETTINGS)
    classifier = blind()
    for beat in (0, 1):
        assert np.isfinite(find_evidence(classifier, short, beat, method, "V").samples).all()
