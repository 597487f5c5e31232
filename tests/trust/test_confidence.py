"""Confidence is applied, saved and loaded as it was fitted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import error_line
from scipy.special import softmax
from trust.simulated import NOISE, out_of_fold_beats, random_probabilities, spoil

from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.labels import BEAT_CLASSES, grouping_numbers
from arrhythmia.model_settings import model_digest
from arrhythmia.predictions import SET_CLASSES
from arrhythmia.records import read_record
from arrhythmia.trust.confidence import (
    LEAST_PROBABILITY,
    NO_SINUS,
    NOT_ASSESSABLE,
    UNLIKE,
    Confidence,
    Novelty,
    is_calibrated,
    shape_features,
    temperature_scaled,
)
from arrhythmia.trust.fit import with_lapses
from arrhythmia.trust.quality import PACED
from arrhythmia.trust.sets import set_scores, sets_of

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

SIMPLE = Confidence(
    temperature=1.0,
    thresholds={90: np.array([0.9, 0.05, 0.3, 0.05]), 95: np.array([0.5, 0.01, 0.1, 0.01])},
    refer_above=0.3,
    novelty=Novelty(np.zeros((1, 2)), np.eye(2), limit=5.0),
)


def row(**probabilities: float) -> np.ndarray:
    """Probabilities of one beat: ``row(N=0.9, S=0.1)``."""
    return np.array([[probabilities.get(c, 0.0) for c in BEAT_CLASSES]])


# --- calibration ----------------------------------------------------------------------------


@pytest.mark.parametrize("change", [temperature_scaled, with_lapses])
def test_calibration_keeps_the_order_of_classes_and_nan(
    change: Callable[[np.ndarray, float], np.ndarray],
) -> None:
    given = random_probabilities(1, 50, spread=1)
    given[3] = np.nan
    calibrated = change(given, 0.7)
    assert np.isnan(calibrated[3]).all()
    rest = np.arange(50) != 3
    np.testing.assert_array_equal(np.argsort(given[rest]), np.argsort(calibrated[rest]))
    np.testing.assert_allclose(calibrated[rest].sum(axis=1), 1)


def test_a_temperature_divides_scores() -> None:
    scores = np.random.default_rng(0).normal(0, 1, (20, 5))
    scaled = temperature_scaled(softmax(scores, axis=1), 2.5)
    np.testing.assert_allclose(scaled, softmax(scores / 2.5, axis=1))
    assert (scaled.max(axis=1) < softmax(scores, axis=1).max(axis=1)).all()


def test_a_probability_rounded_to_zero_is_not_impossible() -> None:
    scaled = temperature_scaled(row(N=1.0), 1.0)
    assert scaled[0, 1] == pytest.approx(LEAST_PROBABILITY, rel=1e-3)
    assert scaled.sum() == pytest.approx(1)


# --- prediction sets ------------------------------------------------------------------------


def test_a_set_holds_every_class_that_reaches_its_threshold() -> None:
    scores = set_scores(row(N=0.5, S=0.3, V=0.1, E=0.05, F=0.05))
    np.testing.assert_allclose(scores, [[1, 0.6, 0.3, 0.1]])
    np.testing.assert_array_equal(sets_of(scores, np.array([1.0, 0.5, 0.4, 0.1])), [[1, 1, 0, 1]])
    assert not sets_of(set_scores(np.full((1, 5), np.nan)), np.zeros(4)).any()


@pytest.mark.parametrize("seed", range(3))
def test_the_class_called_is_in_every_set(seed: int) -> None:
    given = np.random.default_rng(seed).dirichlet(np.full(5, 0.4), 2000)
    sets = sets_of(set_scores(given), np.ones(4))
    called = grouping_numbers("aami")[given.argmax(axis=1)]
    assert sets[np.arange(len(sets)), called].all()
    assert (sets.sum(axis=1) == 1).mean() > 0.9  # V and E together can be likelier than N


# --- judging --------------------------------------------------------------------------------


def test_a_sure_beat_in_a_clear_signal_is_not_referred() -> None:
    assessment = SIMPLE.judge(row(N=0.97, S=0.03), np.array([1.0]), np.array([0]))
    assert assessment.assessable[0]
    assert not assessment.refer[0]
    assert assessment.reasons == [""]
    np.testing.assert_array_equal(assessment.sets90, [[1, 0, 0, 0]])
    assert assessment.score[0] == pytest.approx(0.03, abs=1e-3)


def test_an_unsure_beat_is_referred_with_its_two_likeliest_classes() -> None:
    assessment = SIMPLE.judge(row(N=0.52, S=0.41, V=0.07), np.array([1.0]), np.array([0]))
    assert assessment.refer[0]
    assert assessment.reasons == ["the network is unsure: N .52, S .41"]


def test_a_novel_beat_is_referred_however_sure_the_network_is() -> None:
    assessment = SIMPLE.judge(row(N=1.0), np.array([6.0]), np.array([0]))
    assert assessment.refer[0]
    assert assessment.reasons == [UNLIKE]


def test_all_reasons_are_given() -> None:
    assessment = SIMPLE.judge(row(N=0.6, V=0.4), np.array([6.0]), np.array([0]))
    assert assessment.reasons == [f"the network is unsure: N .60, V .40; {UNLIKE}"]


def test_a_beat_that_cannot_be_read_could_be_anything() -> None:
    assessment = SIMPLE.judge(row(N=1.0), np.array([6.0]), np.array([NOISE]))
    assert assessment.refer[0]
    assert not assessment.assessable[0]
    assert assessment.sets90.all()
    assert assessment.sets95.all()
    assert assessment.reasons == [f"{NOT_ASSESSABLE}noise as loud as the beat"]


def test_a_paced_beat_is_told_as_such() -> None:
    assessment = SIMPLE.judge(row(N=1.0), np.array([1.0]), np.array([PACED]))
    assert assessment.reasons == ["paced: not assessed"]
    assert not assessment.assessable[0]
    assert assessment.refer[0]


@pytest.mark.parametrize(("sinus", "refer"), [(0.7, True), (0.9, False), (float("nan"), False)])
def test_where_no_beat_is_of_sinus_origin_every_beat_is_referred(sinus: float, refer: bool) -> None:
    assessment = SIMPLE.judge(row(N=1.0), np.array([1.0]), np.array([0]), sinus)
    assert assessment.reasons == [NO_SINUS if refer else ""]
    assert bool(assessment.refer[0]) == refer
    assert assessment.assessable[0]


def test_of_a_beat_that_is_not_wanted_nothing_is_said() -> None:
    nothing = np.full((1, 5), np.nan)
    assessment = SIMPLE.judge(nothing, np.array([np.nan]), np.array([NOISE]))
    assert np.isnan(assessment.probabilities).all()
    for values in (assessment.sets90, assessment.assessable, assessment.refer):
        assert not values.any()
    assert assessment.reasons == [""]


def test_a_beat_has_a_reason_exactly_where_it_is_referred() -> None:
    beats = out_of_fold_beats()
    assessment = SIMPLE.judge(beats.probabilities, beats.novelty, beats.problems)
    assert 0 < assessment.refer.sum() < len(assessment.refer)
    assert assessment.refer.tolist() == [bool(reason) for reason in assessment.reasons]


# --- with a network -------------------------------------------------------------------------


def test_features_of_some_beats_are_those_of_all(
    tiny_classifier: Classifier, synthetic_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = tiny_classifier.find_beats(read_record("106", synthetic_dir))
    features = shape_features(tiny_classifier, beats)
    assert len(features) == len(beats)
    monkeypatch.setattr("arrhythmia.forward.BEATS_AT_ONCE", 20)
    np.testing.assert_allclose(shape_features(tiny_classifier, beats), features, atol=1e-5)
    wanted = np.array([1, 5])
    some = shape_features(tiny_classifier, beats, wanted)
    np.testing.assert_allclose(some, features[wanted], atol=1e-5)


def test_some_beats_are_assessed_as_all_are(
    confidence: Confidence, tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    record = spoil(read_record("106", synthetic_dir), "white noise", 20, 30)
    beats = tiny_classifier.find_beats(record, record.leads[0])
    of_all = confidence.assess(tiny_classifier, record, beats)
    wanted = np.array([2, 30, 31, 50])
    of_some = confidence.assess(tiny_classifier, record, beats, wanted)
    for name in ("probabilities", "score", "novelty"):
        some, every = getattr(of_some, name), getattr(of_all, name)
        # the network sums in another order where it is given other runs
        np.testing.assert_allclose(some[wanted], every[wanted], rtol=1e-4, atol=1e-5)
        assert np.isnan(np.delete(some, wanted, axis=0)).all()
    for name in ("sets90", "sets95", "assessable", "refer"):
        some, every = getattr(of_some, name), getattr(of_all, name)
        np.testing.assert_array_equal(some[wanted], every[wanted])
        assert not np.delete(some, wanted, axis=0).any()
    assert [of_some.reasons[i] for i in wanted] == [of_all.reasons[i] for i in wanted]
    assert of_some.reasons[31].startswith(NOT_ASSESSABLE)
    np.testing.assert_allclose(of_all.probabilities.sum(axis=1), 1)


def test_probabilities_that_are_known_are_not_computed_again(
    confidence: Confidence,
    tiny_classifier: Classifier,
    synthetic_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = read_record("106", synthetic_dir)
    beats = tiny_classifier.find_beats(record)
    probabilities = tiny_classifier.probabilities(beats)
    expected = confidence.assess(tiny_classifier, record, beats)
    monkeypatch.setattr(tiny_classifier, "probabilities", None)
    given = confidence.assess(tiny_classifier, record, beats, probabilities=probabilities)
    np.testing.assert_array_equal(given.probabilities, expected.probabilities)


def test_the_lead_that_was_classified_is_the_one_that_is_judged(
    confidence: Confidence, tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    record = spoil(read_record("106", synthetic_dir), "gap", 20, 30)  # MLII alone
    for lead, readable in (("MLII", False), ("V1", True)):
        beats = tiny_classifier.find_beats(record, lead)
        beat = np.array([np.searchsorted(beats.centers, 25)])
        assessment = confidence.assess(tiny_classifier, record, beats, beat)
        assert assessment.assessable[beat[0]] == readable


# --- on disk --------------------------------------------------------------------------------


def test_the_shipped_model_is_calibrated() -> None:
    assert is_calibrated(DEFAULT_MODEL)
    confidence = Confidence.load(DEFAULT_MODEL)
    assert confidence.model == model_digest(DEFAULT_MODEL)
    assert 1 < confidence.temperature < 3  # the ensemble is too sure of itself
    assert (confidence.thresholds[95] <= confidence.thresholds[90]).all()
    assert 0 < confidence.refer_above < 0.8
    calibrations = confidence.measured["calibrations"]
    best = min(calibrations, key=lambda name: calibrations[name]["negative_log_likelihood"])
    assert best == "temperature"


def saved(tmp_path: Path, tiny_model: Path) -> Path:
    """Folder of a model with `SIMPLE` beside it."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    replace(SIMPLE, measured={"records": {"N": 3}}, model=model_digest(folder)).save(folder)
    return folder


def test_confidence_survives_saving(tiny_model: Path, tmp_path: Path) -> None:
    assert not is_calibrated(tiny_model)
    folder = saved(tmp_path, tiny_model)
    assert is_calibrated(folder)
    confidence = Confidence.load(folder)
    assert confidence.temperature == SIMPLE.temperature
    assert confidence.refer_above == SIMPLE.refer_above
    assert confidence.measured == {"records": {"N": 3}}
    assert confidence.novelty.limit == SIMPLE.novelty.limit
    np.testing.assert_array_equal(confidence.novelty.precision, np.eye(2))
    for level, thresholds in SIMPLE.thresholds.items():
        np.testing.assert_array_equal(confidence.thresholds[level], thresholds)
        assert thresholds.shape == (len(SET_CLASSES),)
    text = (folder / "confidence.json").read_bytes()
    confidence.save(folder)
    assert (folder / "confidence.json").read_bytes() == text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "{", "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: text.replace('"temperature"', '"heat"'), "damaged"),
        (lambda text: text.replace('"temperature": ', '"temperature": -'), "damaged"),
        (lambda text: text.replace('"90": [', '"90": [0.5, '), "damaged"),
        (lambda text: text.replace('"means": [\n   [', '"means": [\n   [1.0, '), "damaged"),
        (lambda text: text.replace('"format": 3', '"format": 99'), "incompatible"),
        (lambda text: text.replace('"model": "', '"model": "0'), "another network"),
        (lambda text: None, "not calibrated"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_a_remedy(
    tiny_model: Path, tmp_path: Path, damage: Callable[[str], str | None], message: str
) -> None:
    folder = saved(tmp_path, tiny_model)
    file = folder / "confidence.json"
    before = file.read_text(encoding="utf-8")
    damaged = damage(before)
    assert damaged != before
    file.unlink()
    if damaged is not None:
        file.write_text(damaged, encoding="utf-8")
    line = error_line(lambda: Confidence.load(folder))
    assert message in line
    assert f"arrhythmia calibrate --model {folder}" in line
