"""Tests of `studies.explanation_checks`: known answers, and methods whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.explain.methods import METHODS
from arrhythmia.explain.reference import Comparison, compare_with_reference
from arrhythmia.records import read_record
from studies.explanation_checks import (
    IN_LOG_ODDS,
    RADIUS,
    completeness_gap,
    gini_index,
    max_sensitivity,
)
from studies.faithfulness_table import COLUMNS


@pytest.fixture(scope="module")
def comparison(tiny_classifier: Classifier, synthetic_dir: Path) -> Comparison:
    beats: Beats = tiny_classifier.find_beats(read_record("106", synthetic_dir))
    beat = int(np.flatnonzero(beats.beat_class == 2)[0])
    return compare_with_reference(tiny_classifier, beats, beat)


def test_the_gini_index_is_that_of_even_and_of_single_evidence() -> None:
    assert gini_index(np.full(10, -3.0)) == pytest.approx(0)
    assert gini_index(np.eye(10)[4]) == pytest.approx(0.9)
    assert gini_index(np.zeros(10)) == 0
    values = np.random.default_rng(0).random(50)
    apart = np.abs(values[:, None] - values).mean() / (2 * values.mean())  # its first definition
    assert gini_index(values) == pytest.approx(apart)
    assert gini_index(-7 * values) == pytest.approx(apart)


def test_shap_and_integrated_gradients_are_complete_and_half_of_them_is_not(
    tiny_classifier: Classifier, comparison: Comparison
) -> None:
    for method, most in (("shap", 1e-3), ("integrated-gradients", 0.2)):
        atoms = METHODS[method](tiny_classifier, comparison)
        gap, difference = completeness_gap(tiny_classifier, comparison, atoms)
        assert difference > 1
        assert gap / difference < most
        gap, _ = completeness_gap(tiny_classifier, comparison, atoms / 2)
        assert gap / difference == pytest.approx(0.5, abs=0.1)


def test_evidence_that_ignores_the_beat_is_not_sensitive(comparison: Comparison) -> None:
    assert max_sensitivity(lambda _: np.arange(5.0), comparison) == 0
    assert max_sensitivity(lambda _: np.zeros(5), comparison) == 0


def test_sensitivity_is_the_greatest_change_relative_to_the_evidence(
    comparison: Comparison,
) -> None:
    before = comparison.segments.copy()

    def samples(changed: Comparison) -> np.ndarray:
        return changed.segments[changed.here, :, 0].astype(float)

    worst = np.sqrt(comparison.segments.shape[1]) * RADIUS / np.linalg.norm(samples(comparison))
    few, many = (max_sensitivity(samples, comparison, draws=n) for n in (1, 20))
    assert 0 < few <= many < worst
    assert max_sensitivity(samples, comparison, radius=2 * RADIUS) > many
    np.testing.assert_array_equal(comparison.segments, before)


def test_methods_and_columns_are_named_as_elsewhere() -> None:
    assert set(IN_LOG_ODDS) < set(METHODS)
    assert {"sparseness", "completeness gap", "sensitivity"} <= set(COLUMNS.values())
