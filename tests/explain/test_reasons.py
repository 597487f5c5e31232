"""Tests of `arrhythmia.explain.reasons`: what was measured, and what would change the class."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import MakeRecord
from explain_networks import SETTINGS, blind, clock

from arrhythmia.beats import Beats, find_beats, median_around
from arrhythmia.classifier import Classifier
from arrhythmia.explain.explanation import called_class
from arrhythmia.explain.reasons import Reasons, _classes_when_moved, find_reasons
from arrhythmia.explain.wording import sentence, what_if
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import read_record

SYMBOLS = "NNNNNNNNNNNNANNNNNNNVNNNNNNNNN"


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("record"), symbols=SYMBOLS, seed=3)
    return find_beats(read_record(path), SETTINGS)


def reasons_of(
    classifier: Classifier, beats: Beats, beat: int, target_class: str | None = None
) -> Reasons:
    target_class = target_class or called_class(classifier, beats, beat)
    return find_reasons(classifier, beats, beat, [target_class])[target_class]


def test_early_and_pause_and_width_are_measured(beats: Beats) -> None:
    classifier = clock(0.8)
    early, wide = reasons_of(classifier, beats, 12), reasons_of(classifier, beats, 20)
    assert early.early == pytest.approx(0.35, abs=0.08)
    assert early.qrs_similarity > 0.95
    assert abs(early.qrs_s - early.template_qrs_s) < 0.01
    assert wide.early == pytest.approx(0.40, abs=0.08)
    assert wide.cycle == pytest.approx((0.6 + 1.35) / 2, abs=0.06)
    assert wide.qrs_s > early.template_qrs_s + 0.05
    assert wide.qrs_similarity < 0.95


@pytest.mark.parametrize("limit", [0.75, 0.85, 0.9])
def test_the_smallest_move_is_the_one_that_is_needed(beats: Beats, limit: float) -> None:
    reasons = reasons_of(clock(limit), beats, 12)
    assert reasons.target_class == "S"
    around = median_around(beats.rr_pre)[12]
    needed = limit * around - beats.rr_pre[12]
    assert reasons.move.to_class == "N"
    assert needed - 0.005 <= reasons.move.seconds <= needed + 0.03  # the beat bears on the median
    assert f"would be N had it come {reasons.move.seconds:.2f} s later" in what_if(reasons)


def test_a_normal_beat_would_have_to_come_earlier(beats: Beats) -> None:
    reasons = reasons_of(clock(0.8), beats, 5)
    assert (reasons.target_class, reasons.move.to_class) == ("N", "S")
    around = median_around(beats.rr_pre)[5]
    assert reasons.move.seconds == pytest.approx(0.8 * around - beats.rr_pre[5], abs=0.03)
    assert reasons.without_qrs is None
    assert f"{-reasons.move.seconds:.2f} s earlier" in what_if(reasons)[0]


def test_the_first_and_the_last_beat_are_not_moved(beats: Beats) -> None:
    for beat in (0, len(beats) - 1):
        reasons = reasons_of(clock(0.8), beats, beat)
        assert reasons.move.seconds is None
        assert reasons.move.reach_s == 0
        assert what_if(reasons)[0].startswith("at the edge of the record")


def test_a_class_that_the_beat_does_not_have_is_not_claimed(beats: Beats) -> None:
    reasons = reasons_of(clock(0.8), beats, 12, "V")
    assert (reasons.target_class, reasons.called) == ("V", "S")
    assert sentence(reasons).startswith("For V: QRS as usual")
    assert what_if(reasons)[0].startswith("would be N had it come ")


def test_a_class_that_no_move_changes_is_told_so(beats: Beats) -> None:
    reasons = reasons_of(clock(1e-3), beats, 12)
    assert reasons.move.seconds is None
    assert 0.3 < reasons.move.reach_s <= 0.6
    assert what_if(reasons)[0].endswith("makes it other than N")


def test_what_timing_alone_decides_is_lost_without_it_and_not_without_the_qrs(
    beats: Beats,
) -> None:
    reasons = reasons_of(clock(0.8), beats, 12)
    assert reasons.without_timing > 0.5
    assert reasons.without_qrs == pytest.approx(0, abs=1e-5)
    assert "p(S) loses 0 %" in what_if(reasons)[1]


@pytest.mark.parametrize("classifier", [clock(0.8), blind()])
def test_a_beat_that_is_not_moved_has_the_class_of_its_probabilities(
    classifier: Classifier, beats: Beats
) -> None:
    given = classifier.probabilities(beats).argmax(axis=1)
    for beat in range(0, len(beats), 3):
        (still,) = _classes_when_moved(classifier, beats, beat, np.zeros(1))
        assert still == given[beat]
        assert reasons_of(classifier, beats, beat).called == BEAT_CLASSES[given[beat]]


@pytest.mark.database
def test_title_and_reasons_are_of_one_reading(data_dir: object) -> None:
    """Of this beat the run around it and the mean over all runs say different classes."""
    classifier = Classifier.load()
    beats = classifier.find_beats(read_record("232", data_dir))
    beat = int(np.flatnonzero(beats.sample == 579_332)[0])
    reasons = reasons_of(classifier, beats, beat)
    assert reasons.called == reasons.target_class == called_class(classifier, beats, beat)
    assert reasons.move.to_class != reasons.called
    assert sentence(reasons).startswith("Normal: ")
    assert what_if(reasons)[0].startswith(f"would be {reasons.move.to_class} had it come")
