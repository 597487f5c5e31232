"""Tests of `arrhythmia.second_stage`: dominant rhythm, fusion, and what they change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model_settings import ModelSettings
from arrhythmia.records import read_record
from arrhythmia.second_stage import SecondStage, due, earliness, with_second_stage
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import Templates, TemplateSettings

SETTINGS = BeatSettings()
BEATS = 200
N, S, V, F = (BEAT_CLASSES.index(c) for c in "NSVF")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("stage"), symbols="N" * BEATS, seed=1)
    return find_beats(read_record(path), SETTINGS)


def at(plain: Beats, rr_pre: np.ndarray, similarity: float = 0.9) -> Beats:
    """The same beats at other RR intervals, in seconds."""
    return replace(
        plain, centers=np.cumsum(rr_pre), rr_pre=rr_pre, rr_post=np.append(rr_pre[1:], 0.8),
        p_wave_similarity=np.full(BEATS, similarity),
    )  # fmt: skip


def rows(s: float, beats: int = BEATS) -> np.ndarray:
    """Beats that are N but for this probability of S, and a little of V and F."""
    return np.tile([0.9 - s, s, 0.06, 0.0, 0.04], (beats, 1))


def decided(beats: Beats, given: np.ndarray, stage: SecondStage) -> np.ndarray:
    templates = Templates(beats, np.ones(len(beats), dtype=int))
    return with_second_stage(given, templates, stage, SETTINGS)


def test_what_is_due_is_the_interval_between_normal_beats(plain: Beats) -> None:
    rr, called = np.full(BEATS, 0.8), np.full(BEATS, N)
    rr[50:150:2], called[50:150:2] = 0.5, S  # every second beat is early, and known as S
    relative = due(at(plain, rr), called)
    np.testing.assert_allclose(relative[called == N], 0, atol=1e-9)
    np.testing.assert_allclose(relative[called == S], np.log(0.5 / 0.8))


def test_a_majority_of_early_beats_does_not_move_the_dominant_rhythm(plain: Beats) -> None:
    """The median of the 21 beats around, which the network sees, is that of the early ones."""
    rr, called = np.full(BEATS, 0.8), np.full(BEATS, N)
    for first in range(40, 160, 4):
        rr[first : first + 3], called[first : first + 3] = 0.5, S
    early = earliness(due(at(plain, rr), called))
    np.testing.assert_allclose(early[called == S], 3)
    np.testing.assert_allclose(early[called == N], 0, atol=1e-9)


def test_earliness_is_told_in_tenths_and_limited() -> None:
    relative = np.array([0.5, 0.0, -0.05, -0.2, -0.9, np.nan])
    np.testing.assert_allclose(earliness(relative), [0, 0, 0.5, 2, 3, 0])


def test_in_fibrillation_no_beat_is_early(plain: Beats) -> None:
    rr = 0.8 * np.exp(np.random.default_rng(0).normal(0, 0.25, BEATS))
    beats, called = at(plain, rr, similarity=0.1), np.full(BEATS, N)
    assert np.isnan(due(beats, called))[10:-10].all()  # the ends tell too little
    given = rows(0.3)
    np.testing.assert_allclose(decided(beats, given, SecondStage(2.0))[10:-10], given[10:-10])
    sinus = due(at(plain, rr, similarity=0.9), called)  # as irregular, with P waves
    assert np.isfinite(sinus).all()


def test_the_odds_of_s_grow_with_earliness_and_nothing_else_changes(plain: Beats) -> None:
    rr = np.full(BEATS, 0.8)
    rr[100], rr[101] = 0.8 * np.exp(-0.2), 1.0
    given = rows(0.2)
    said = decided(at(plain, rr), given, SecondStage(0.5))
    np.testing.assert_allclose(said.sum(axis=1), 1)
    np.testing.assert_allclose(said[:, 2:], given[:, 2:])
    np.testing.assert_allclose(np.delete(said, 100, axis=0), np.delete(given, 100, axis=0))
    odds = (said[100, S] / said[100, N]) / (given[100, S] / given[100, N])
    assert odds == pytest.approx(np.exp(0.5 * 2))


def test_a_blended_template_is_fusion(plain: Beats, monkeypatch: pytest.MonkeyPatch) -> None:
    blended = np.isin(np.arange(BEATS), [3, 4])
    monkeypatch.setattr("arrhythmia.second_stage.fusion_beats", lambda *_: blended.copy())
    given = rows(0.2)
    given[4] = [0, 0, 0.1, 0, 0.9]
    said = decided(at(plain, np.full(BEATS, 0.8)), given, SecondStage(0.0, fusion=0.7))
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert said[3, F] == pytest.approx(0.7)
    np.testing.assert_allclose(said[3, [N, S, V]] / 0.3, given[3, [N, S, V]] / 0.96)
    np.testing.assert_allclose(np.delete(said, 3, axis=0), np.delete(given, 3, axis=0))


def test_few_or_no_normal_beats_are_no_error(plain: Beats) -> None:
    beats = at(plain, np.full(BEATS, 0.5))
    for called in (np.full(BEATS, V), np.where(np.arange(BEATS) < 3, N, V)):
        np.testing.assert_allclose(due(beats, called), 0, atol=1e-9)
    given = np.tile([0.0, 0.0, 1.0, 0.0, 0.0], (BEATS, 1))
    np.testing.assert_array_equal(decided(beats, given, SecondStage(1.0)), given)


def test_a_model_with_a_second_stage_uses_it(tiny_classifier: Classifier, plain: Beats) -> None:
    rr = np.full(BEATS, 0.8)
    rr[50:150:5] = 0.6
    beats, settings = at(plain, rr), tiny_classifier.settings
    together = replace(settings, templates=TemplateSettings())
    without = Classifier(tiny_classifier.network, together).decide(beats)
    stage = SecondStage(1.5)
    classifier = Classifier(tiny_classifier.network, replace(together, second_stage=stage))
    assert without.templates is not None
    expected = with_second_stage(without.probabilities, without.templates, stage, settings.beats)
    said = classifier.decide(beats)
    np.testing.assert_allclose(said.probabilities, expected, atol=1e-6)
    assert np.abs(said.probabilities - without.probabilities).max() > 1e-3
    np.testing.assert_allclose(said.by_itself, without.by_itself, atol=1e-6)
    np.testing.assert_allclose(said.before, without.probabilities, atol=1e-6)
    assert without.before is None


def test_settings_without_a_second_stage_are_written_as_before() -> None:
    settings = ModelSettings(SETTINGS, 4, 0, templates=TemplateSettings())
    assert "second_stage" not in settings.to_json()
    staged = replace(settings, second_stage=SecondStage(0.5)).to_json()
    assert '"second_stage": {\n    "early": 0.5,\n    "fusion": 0.7\n  }' in staged
