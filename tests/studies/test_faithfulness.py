"""Tests of `studies.faithfulness`: good orders score better than bad ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arrhythmia.beats import Beats
from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.explain.methods import METHODS, occlusion
from arrhythmia.explain.reference import compare_with_reference, log_odds
from arrhythmia.model_settings import network_digest
from arrhythmia.records import read_record
from studies import faithfulness as module
from studies.explained_beats import sampled_records
from studies.faithfulness import (
    BLOCK,
    FILE,
    PICTURE,
    area,
    curves,
    measure,
    rank_correlation,
    result_folder,
    run_faithfulness,
    unit_masks,
)
from studies.results import RESULTS, read_json


@pytest.fixture(scope="module")
def beats(tiny_classifier: Classifier, synthetic_dir: Path) -> Beats:
    return tiny_classifier.find_beats(read_record("106", synthetic_dir))


def test_units_hold_every_atom_once(tiny_classifier: Classifier, beats: Beats) -> None:
    comparison = compare_with_reference(tiny_classifier, beats, 7)
    masks = unit_masks(comparison)
    samples, inputs, run, _ = comparison.sizes
    first = samples + inputs + comparison.here
    itself = [first, first + run]
    held = masks.sum(axis=0)
    assert (np.delete(held, itself) == 1).all()
    assert (held[itself] == 0).all()
    assert len(masks) == -(-samples // BLOCK) + inputs + 2 * (run - 1)


def test_curves_go_from_the_whole_beat_to_the_reference_and_back(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    comparison = compare_with_reference(tiny_classifier, beats, 7)
    masks = unit_masks(comparison)
    order = np.random.default_rng(0).permutation(len(masks))
    deletion, insertion = curves(tiny_classifier, comparison, masks, order)
    n = sum(comparison.sizes)
    ends = log_odds(tiny_classifier, comparison, np.array([np.ones(n), np.zeros(n)]))
    whole, reference = 1 / (1 + np.exp(-ends))
    assert abs(whole - reference) > 0.1
    np.testing.assert_allclose(deletion[[0, -1]], [whole, reference], atol=1e-6)
    np.testing.assert_allclose(insertion[[0, -1]], [reference, whole], atol=1e-6)
    backwards, _ = curves(tiny_classifier, comparison, masks, order[::-1])
    np.testing.assert_allclose(backwards[[0, -1]], deletion[[0, -1]], atol=1e-6)


def test_the_best_order_has_the_smaller_area(tiny_classifier: Classifier, beats: Beats) -> None:
    areas = []
    for beat in np.flatnonzero(beats.beat_class == 2)[:5]:
        comparison = compare_with_reference(tiny_classifier, beats, beat)
        masks = unit_masks(comparison)
        single = log_odds(tiny_classifier, comparison, 1.0 - masks)
        evidence = masks @ occlusion(tiny_classifier, comparison)
        for values in (evidence, -single):
            best, worst = (curves(tiny_classifier, comparison, masks, order)[0]
                           for order in (np.argsort(-values), np.argsort(values)))  # fmt: skip
            areas.append(area(best) / area(worst))
    assert np.mean(areas) < 0.8


def test_area_and_rank_correlation() -> None:
    assert area(np.ones(17)) == pytest.approx(1)
    assert area(np.linspace(1, 0, 17)) == pytest.approx(0.5)
    values = np.random.default_rng(0).random(40)
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.ones(40)) == 0


@pytest.fixture(scope="module")
def small(explained_model: Path, synthetic_dir: Path) -> dict:
    return measure(explained_model, "DS1", synthetic_dir, per_class=1, few=1)


@pytest.mark.slow
def test_every_method_is_measured(explained_model: Path, synthetic_dir: Path, small: dict) -> None:
    assert set(small["methods"]) == set(METHODS)
    assert sum(small["beats"].values()) == sum(
        len(s.chosen) for s in sampled_records(explained_model, "DS1", synthetic_dir, 1, 1)
    )
    for figures in small["methods"].values():
        assert figures["deletion"] == pytest.approx(area(np.array(figures["deletion curve"])))
        ratio = figures["deletion"] / small["random"]["deletion"]
        assert figures["deletion, relative"] == pytest.approx(ratio)
        for key in ("randomised", "noise", "one sample later"):
            assert -1 <= figures[key] <= 1
    agreement = np.array(small["agreement"])
    np.testing.assert_allclose(np.diag(agreement), 1)
    np.testing.assert_allclose(agreement, agreement.T)


def test_figures_are_stored_for_one_model_and_not_made_twice(
    explained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = []
    figures = read_json(RESULTS / FILE)

    def measured(_: Path, half: str, *__: object, **___: object) -> dict:
        halves.append(half)
        return figures[half]

    monkeypatch.setattr(module, "measure", measured)
    results = run_faithfulness(explained_model, None, tmp_path)
    assert halves == ["DS1", "DS2"]
    assert results == figures | {"model": network_digest(explained_model)}
    assert read_json(tmp_path / FILE) == results
    assert (tmp_path / PICTURE).stat().st_size > 5000
    stamp = (tmp_path / PICTURE).stat().st_mtime_ns
    assert run_faithfulness(explained_model, None, tmp_path) == results
    assert halves == ["DS1", "DS2"]
    assert (tmp_path / PICTURE).stat().st_mtime_ns == stamp
    run_faithfulness(DEFAULT_MODEL, None, tmp_path)  # another model
    assert halves == ["DS1", "DS2"] * 2


def test_results_of_the_shipped_model_are_with_the_studies(tmp_path: Path) -> None:
    assert result_folder(DEFAULT_MODEL) == RESULTS
    assert result_folder(tmp_path / "mine") == tmp_path / "mine"
    assert read_json(RESULTS / FILE)["model"] == network_digest(DEFAULT_MODEL)
