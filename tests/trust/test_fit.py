"""What is fitted recovers what the data were made with, and keeps its promises on new data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from trust.simulated import draw, patients, random_probabilities, sharpened

from arrhythmia.trust.confidence import temperature_scaled
from arrhythmia.trust.fit import (
    fit_lapse,
    fit_novelty,
    fit_temperature,
    fit_thresholds,
    negative_log_likelihood,
    record_weights,
    with_lapses,
)
from arrhythmia.trust.measure import reliability
from arrhythmia.trust.sets import sets_of


def top_class_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    right = probabilities.argmax(axis=1) == truth
    return reliability(probabilities.max(axis=1), right)[0]


def test_weights_of_records_are_equal() -> None:
    weights = record_weights(np.array(["a"] * 3 + ["b"]))
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_negative_log_likelihood_is_the_mean_over_beats() -> None:
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8], [1.0, 0.0]])
    truth = np.array([0, 1, 1])
    floor = negative_log_likelihood(probabilities, truth, least=0.1)
    assert floor == pytest.approx(-np.log([0.5, 0.8, 0.1]).mean())
    weighted = negative_log_likelihood(probabilities, truth, np.array([1, 3, 0]))
    assert weighted == pytest.approx(-(np.log(0.5) + 3 * np.log(0.8)) / 4)
    assert np.isfinite(negative_log_likelihood(probabilities, truth))


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_temperature_is_recovered(temperature: float) -> None:
    honest = random_probabilities(0)
    truth = draw(honest)
    given = sharpened(honest, temperature)
    fitted = fit_temperature(given, truth)
    assert fitted == pytest.approx(temperature, rel=0.06)
    error = top_class_error(temperature_scaled(given, fitted), truth)
    assert error < 0.015
    assert error <= top_class_error(given, truth) + 0.002


@pytest.mark.parametrize("lapse_rate", [0.0, 0.03, 0.2])
def test_lapse_rate_is_recovered(lapse_rate: float) -> None:
    given = random_probabilities(0, spread=4)
    truth = draw(with_lapses(given, lapse_rate))
    fitted = fit_lapse(given, truth)
    assert fitted == pytest.approx(lapse_rate, rel=0.1, abs=2e-3)
    assert top_class_error(with_lapses(given, fitted), truth) < 0.012


def test_a_record_with_most_beats_does_not_decide_the_temperature() -> None:
    honest = random_probabilities(1, 6000)
    truth = draw(honest)
    given = np.concatenate([sharpened(honest[:5000], 3.0), honest[5000:]])
    record = np.where(np.arange(6000) < 5000, "long", "short")
    by_beat = fit_temperature(given, truth)
    by_record = fit_temperature(given, truth, record_weights(record))
    assert 1 < by_record < by_beat - 0.2


@pytest.mark.parametrize(("level", "promise"), [(90, 0.90), (95, 0.95)])
def test_sets_cover_each_class_of_exchangeable_records(level: int, promise: float) -> None:
    thresholds = fit_thresholds(*patients(0, 150, spread=0.5))[level]
    probabilities, truth, _ = patients(1, 200, spread=0.5)
    sets = sets_of(probabilities, thresholds)
    for place in range(4):
        # 200 new records of about 12 beats: the share varies by about 0.01 from draw to draw
        assert sets[truth == place, place].mean() == pytest.approx(promise, abs=0.025)
    assert sets.sum(axis=1).mean() < 4


def test_a_long_record_does_not_decide_for_new_patients() -> None:
    """One easy patient with most of the beats counts by their square root."""
    hard = patients(3, 40, spread=0.3)
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 4, 20_000)
    scores = rng.normal(0, 0.3, (len(truth), 4))
    scores[np.arange(len(truth)), truth] += 8
    easy = (softmax(scores, axis=1), truth, np.full(len(truth), "easy"))
    given, truths, record = (np.concatenate(pair) for pair in zip(hard, easy, strict=True))
    by_record = fit_thresholds(given, truths, record)[90]
    pooled = fit_thresholds(given, truths, np.arange(len(given)) % 50)[90]  # records torn apart
    new, truth, _ = patients(5, 100, spread=0.3)
    of_truth = new[np.arange(len(truth)), truth]
    assert (of_truth >= pooled[truth]).mean() < 0.6
    assert (of_truth >= by_record[truth]).mean() > 0.83


def test_a_class_of_few_records_is_in_every_set() -> None:
    given, truth, record = patients(6, 30, spread=0.3)
    kept = (truth != 3) | np.isin(record, ["6-0", "6-1", "6-2", "6-3"])
    thresholds = fit_thresholds(given[kept], truth[kept], record[kept])
    assert thresholds[90][3] == thresholds[95][3] == 0
    assert (thresholds[90][:3] > 0).all()
    assert sets_of(given, thresholds[90])[:, 3].all()


def test_sets_of_the_higher_level_are_larger() -> None:
    thresholds = fit_thresholds(*patients(6, 30, spread=0.3))
    assert (thresholds[95] < thresholds[90]).all()


def test_novelty_is_small_in_training_and_great_elsewhere() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 2, -1], 500)
    features = rng.normal(0, [1, 5, 0.1], (1500, 3)) + np.where(truth == 2, 20, 0)[:, None]
    features[truth == -1] = 1e6  # beats without a class are left out
    novelty = fit_novelty(features, truth)
    np.testing.assert_allclose(novelty.means[:, 0], [0, 20], atol=0.2)
    assert np.median(novelty.distance(features[truth >= 0])) < 2
    assert novelty.distance(np.array([[10.0, 10.0, 10.0]]))[0] > 20


def test_novelty_takes_features_that_never_vary() -> None:
    features = np.random.default_rng(0).normal(0, 1, (100, 3)) * [1, 1, 0]
    novelty = fit_novelty(features, np.zeros(100, dtype=int))
    assert np.isfinite(novelty.distance(features)).all()


def test_without_a_limit_nothing_is_novel() -> None:
    features = np.random.default_rng(0).normal(0, 1, (100, 2))
    assert fit_novelty(features, np.zeros(100, dtype=int)).limit == np.inf
