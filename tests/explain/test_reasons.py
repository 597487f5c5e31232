"""Tests of `arrhythmia.explain.reasons`: what was measured, and what would change the class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord
from explain_networks import SETTINGS, blind, clock

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.explain.explanation import called_class
from arrhythmia.explain.reasons import Reasons, _classes_when_moved, find_reasons
from arrhythmia.explain.reference import run_around
from arrhythmia.explain.timing import find_timing
from arrhythmia.explain.vocabulary import sentence
from arrhythmia.explain.waves import beat_waves, find_waves
from arrhythmia.explain.wording import what_if
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import Record, read_record
from arrhythmia.rr import median_around
from arrhythmia.sequences import network_inputs

SYMBOLS = "NNNNNNNNNNNNANNNNNNNVNNNNNNNNN"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    folder = tmp_path_factory.mktemp("record")
    return read_record(make_record(folder, symbols=SYMBOLS, seed=3))


@pytest.fixture(scope="module")
def beats(record: Record) -> Beats:
    return find_beats(record, SETTINGS)


def reasons_of(
    classifier: Classifier,
    beats: Beats,
    beat: int,
    target_class: str | None = None,
    record: Record | None = None,
) -> Reasons:
    called = BEAT_CLASSES[classifier.probabilities(beats)[beat].argmax()]
    target_class = target_class or called
    center = classifier.settings.beats.left
    rough = find_waves(beats.segments[beat], beats.template_beat, beats.fs, center)
    waves = rough if record is None else beat_waves(record, beats, beat)
    rr = np.concatenate([[np.nan], beats.rr_pre[1:]])
    timing = find_timing(rr, beats.beat_class)[beat]
    found = find_reasons(classifier, beats, beat, [target_class], called, waves, timing)
    return found[target_class]


def test_early_and_pause_and_width_are_measured(beats: Beats, record: Record) -> None:
    early, wide = (reasons_of(clock(0.8), beats, beat, record=record).measured for beat in (12, 20))
    assert early.timing.early == pytest.approx(0.35, abs=0.08)
    assert early.qrs_similarity > 0.95
    assert abs(early.qrs_s - early.usual_qrs_s) < 0.01
    assert wide.timing.early == pytest.approx(0.40, abs=0.08)
    both = wide.timing.rr_pre + wide.timing.rr_post
    assert both / wide.timing.cycle == pytest.approx(0.6 + 1.35, abs=0.12)
    assert wide.qrs_s is None  # made 0.27 s wide, which is more than is stated
    assert early.usual_qrs_s == wide.usual_qrs_s
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
        assert (reasons.move.earliest_s, reasons.move.latest_s) == (0, 0)
        assert what_if(reasons)[0].startswith("at the edge of the record")


def test_a_class_that_the_beat_does_not_have_is_not_claimed(beats: Beats, record: Record) -> None:
    reasons = reasons_of(clock(0.8), beats, 12, "V", record)
    assert (reasons.target_class, reasons.called) == ("V", "S")
    assert sentence("V", "S", reasons.measured).startswith("For V: QRS ")
    assert what_if(reasons)[0].startswith("would be N had it come ")


def test_a_class_that_no_move_changes_is_told_so(beats: Beats) -> None:
    reasons = reasons_of(clock(1e-3), beats, 12)
    assert reasons.move.seconds is None
    nearest = 0.25  # no beat is moved nearer to another than this
    assert reasons.move.earliest_s == pytest.approx(beats.rr_pre[12] - nearest, abs=0.011)
    assert reasons.move.latest_s == pytest.approx(min(beats.rr_post[12] - nearest, 0.6), abs=0.011)
    assert what_if(reasons)[0].endswith("makes it other than N")


def test_what_timing_alone_decides_is_lost_without_it_and_not_without_the_qrs(
    beats: Beats,
) -> None:
    reasons = reasons_of(clock(0.8), beats, 12)
    given = clock(0.8).network_probabilities(beats)[12, BEAT_CLASSES.index("S")]
    assert reasons.without_timing < 0.5 < given
    assert reasons.without_qrs == pytest.approx(given, abs=1e-5)
    assert what_if(reasons)[2].startswith("with all beats on time p(S) would be 0.")


def company() -> Classifier:
    """A network that gives a beat another class among other neighbours."""
    classifier = blind()
    for name, factor in (("lstm", 20), ("scores", 10)):
        layer = classifier.network.get_layer(name)
        layer.set_weights([factor * weight for weight in layer.get_weights()])
    return classifier


def classes_in_middle_runs(classifier: Classifier, beats: Beats) -> np.ndarray:
    """Class of every beat in the one run that has it in the middle, as explanations once took."""
    runs, places = zip(
        *(run_around(len(beats), beat, classifier.settings.run) for beat in range(len(beats))),
        strict=True,
    )
    inputs = network_inputs(beats)
    scores = np.asarray(classifier.scores(inputs.segments[list(runs)], inputs.rr[list(runs)]))
    return scores[np.arange(len(beats)), places].argmax(axis=1)


def test_reasons_and_moves_go_by_the_class_of_the_probabilities(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path, symbols="NNANNVNNFNE" * 5, seed=3)
    beats, classifier = find_beats(read_record(path), SETTINGS), company()
    probabilities = classifier.probabilities(beats)
    given = probabilities.argmax(axis=1)
    best, second = np.sort(probabilities, axis=1)[:, ::-1].T[:2]
    sure = best - second > 1e-4  # float32 adds up differently in batches of other sizes
    assert sure.mean() > 0.9
    differing = np.flatnonzero(sure & (classes_in_middle_runs(classifier, beats) != given))
    assert len(differing) >= 2  # else the test would not notice which of them is taken
    for beat in {*differing, *np.flatnonzero(sure)[::4]}:
        assert called_class(classifier, beats, beat) == BEAT_CLASSES[given[beat]]
        (still,) = _classes_when_moved(classifier, beats, beat, np.zeros(1))
        assert still == given[beat]
    for beat in differing[:2]:
        reasons = reasons_of(classifier, beats, beat)
        assert reasons.called == BEAT_CLASSES[given[beat]]
        assert reasons.move.to_class != reasons.called


def test_a_flat_line_is_like_no_qrs(beats: Beats) -> None:
    """Its correlation was NaN, which is no JSON: ``predict.py --json`` ended in a traceback."""
    segments = beats.segments.copy()
    segments[12] = 0
    reasons = reasons_of(clock(0.8), replace(beats, segments=segments), 12)
    assert reasons.measured.qrs_similarity == 0
    assert reasons.measured.qrs_s is None


@pytest.mark.database
def test_title_and_reasons_are_of_one_reading(data_dir: object) -> None:
    """Of this beat the run around it and the mean over all runs say different classes."""
    classifier = Classifier.load()
    beats = classifier.find_beats(read_record("232", data_dir))
    beat = int(np.flatnonzero(beats.sample == 579_332)[0])
    reasons = reasons_of(classifier, beats, beat)
    given = classifier.probabilities(beats)[beat].argmax()  # of the record in whole
    (still,) = _classes_when_moved(classifier, beats, beat, np.zeros(1))
    assert still == given
    assert reasons.called == reasons.target_class == BEAT_CLASSES[given]
    assert reasons.move.to_class != reasons.called
    assert what_if(reasons)[0].startswith(f"would be {reasons.move.to_class} had it come")
