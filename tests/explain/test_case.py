"""Tests of `arrhythmia.explain.case`: one bundle for one beat, which says one thing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line
from explain_cases import BEAT, FLAT, SYMBOLS, make_case, with_gap, written_record

import arrhythmia
from arrhythmia.classifier import Classifier
from arrhythmia.explain.gather import NEAR_S, explain_beat
from arrhythmia.explain.method_names import METHOD_NAMES
from arrhythmia.explain.page_figures import RHYTHM_REACH_S
from arrhythmia.explain.panels import TACHOGRAM_S
from arrhythmia.explain.vocabulary import noun
from arrhythmia.explain.wording import NO_CLASS, NOT_CALIBRATED, WHAT_IF
from arrhythmia.files import CLONE
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES
from arrhythmia.records import Record, read_record
from arrhythmia.templates import Templates


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return written_record(tmp_path_factory.mktemp("record"))


def test_what_is_said_is_of_the_class_given(record: Record) -> None:
    case = make_case(record)
    assert (case.called, case.probability, case.assessable) == ("V", 0.9, True)
    assert case.headline == "V – ventricular ectopic, p = 0.90"
    assert case.sentences[0] == case.sentence
    assert case.sentence.startswith("Ventricular: ")
    assert case.reference == "V, premature ventricular contraction"
    assert "reference: V" in case.where
    assert case.set90 == ["V"]
    assert case.trust == ["Calibrated p(V) = 0.90. 90 % set: V (of N, S, V, F)."]


def test_where_the_signal_cannot_be_read_no_class_is_named(record: Record) -> None:
    case = make_case(record, problems={BEAT: FLAT})
    assert not case.assessable
    assert case.headline == "Not assessable: a flat line"
    assert case.sentence == NO_CLASS
    assert case.sentences == [NO_CLASS]
    assert case.trust == [f"Refer to a cardiologist: {FLAT}."]
    assert case.letter(BEAT) == "?"
    said = " ".join([case.headline, *case.sentences, *case.trust])
    assert "ventricular" not in said.lower()


def test_a_model_that_is_not_calibrated_says_so(record: Record) -> None:
    case = make_case(record, calibrated=False)
    assert case.assessable
    assert (case.refer_reason, case.set90, case.trust) == ("", [], [NOT_CALIBRATED])


def test_beats_that_were_not_classified_have_no_letter(record: Record) -> None:
    case = make_case(record, letters="---NNVN-----")
    assert [case.letter(i) for i in range(len(case.beats))] == [*("",) * 3, *"NNVN", *("",) * 5]


def test_rr_intervals_are_those_between_r_peaks(record: Record) -> None:
    case = make_case(record)
    assert np.isnan(case.rr[0])
    np.testing.assert_allclose(case.rr[1:], np.diff(case.beats.sample) / record.fs)
    assert case.rr_before == pytest.approx(case.rr[BEAT])
    assert case.rr_after == pytest.approx(case.rr[BEAT + 1])
    assert case.median_rr == pytest.approx(np.nanmedian(case.rr))
    assert make_case(record, beat=0).rr_before is None
    assert make_case(record, beat=len(SYMBOLS) - 1).rr_after is None


def test_an_interval_across_a_gap_is_none(record: Record) -> None:
    whole = make_case(record)
    after = whole.r_peaks[BEAT]
    case = make_case(with_gap(record, after + 0.2, after + 0.45))
    assert case.rr_after is None
    assert case.rr_before == pytest.approx(whole.rr_before)
    short = make_case(with_gap(record, after + 0.2, after + 0.25))
    assert short.rr_after == pytest.approx(whole.rr_after)


@pytest.mark.parametrize(("units", "factor"), [("mV", 1.0), ("uV", 1e3), ("V", 1e-3)])
def test_any_voltage_is_drawn_in_millivolts(record: Record, units: str, factor: float) -> None:
    expected = make_case(record)
    scaled = replace(record, signals=record.signals * factor, units=(units,) * len(record.leads))
    case = make_case(scaled)
    assert case.units == "mV"
    np.testing.assert_allclose(case.recorded, expected.recorded, rtol=1e-9)
    np.testing.assert_allclose(case.filtered, expected.filtered, rtol=1e-6, atol=1e-9)


def test_what_is_no_voltage_keeps_its_unit(record: Record) -> None:
    case = make_case(replace(record, units=("adu",) * len(record.leads)))
    assert case.units == "adu"
    np.testing.assert_array_equal(case.recorded, record.lead().signal)


# --- built from a classifier ----------------------------------------------------------------


def test_a_case_holds_what_the_classifier_says(
    tiny_classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    record = read_record(make_record(tmp_path, seconds=100))
    beats = tiny_classifier.find_beats(record)
    beat = len(beats) // 2
    case = explain_beat(tiny_classifier, record, beat, beats=beats, notes=("a note",))
    near = np.abs(beats.centers - beats.centers[beat]) < NEAR_S
    expected = tiny_classifier.probabilities(beats)
    # the same sums over other batches: float32, so equal to about 1e-6
    np.testing.assert_allclose(case.probabilities[near], expected[near], atol=1e-5)
    assert np.isnan(case.probabilities[~near]).all()
    assert (~near).any()
    assert case.called == BEAT_CLASSES[expected[beat].argmax()]
    assert case.target_class == case.explanation.target_class == case.reasons.called == case.called
    assert (case.assessment, case.notes) == (None, ("a note",))
    assert list(case.explanations) == [("shap", case.called)]


@pytest.mark.parametrize("shift", [-0.1, 0.1])
def test_every_beat_that_the_rhythm_shows_is_classified(
    tiny_classifier: Classifier, make_record: MakeRecord, tmp_path: Path, shift: float
) -> None:
    """Of beats more than 6 s away there was no class.

    At the edge, the R peak may be inside and the centre of the QRS, 0.1 s from it, outside.
    """
    record = read_record(make_record(tmp_path, symbols="N" * 120))
    beats = tiny_classifier.find_beats(record)
    beat, fs = 60, record.fs
    last = int(np.searchsorted(beats.sample, beats.sample[beat] + TACHOGRAM_S * fs))
    first = int(np.searchsorted(beats.sample, beats.sample[beat] - TACHOGRAM_S * fs))
    sample, centers = beats.sample.copy(), beats.centers.copy()
    sample[[first, last]] = sample[beat] + np.array([-1, 1]) * int(TACHOGRAM_S * fs)
    centers[[first, last]] = sample[[first, last]] / fs + np.array([-1, 1]) * abs(shift)
    centers[beat] = sample[beat] / fs + shift
    beats = replace(beats, sample=sample, centers=centers, others=())
    case = explain_beat(tiny_classifier, record, beat, beats=beats, method="grad-cam")
    for reach in (TACHOGRAM_S, RHYTHM_REACH_S):
        shown = np.flatnonzero(np.abs(case.r_peaks - case.seconds) <= reach)
        assert {first, last} <= set(shown)
        assert all(case.letter(i) in BEAT_CLASSES for i in shown)


@pytest.mark.slow
def test_every_view_has_every_method_and_class(tiny_classifier: Classifier, record: Record) -> None:
    case = explain_beat(tiny_classifier, record, BEAT, every_view=True)
    assert set(case.explanations) == {(m, c) for m in METHOD_NAMES for c in BEAT_CLASSES}
    assert set(case.reasons_for) == set(BEAT_CLASSES)
    for (method, target), explanation in case.explanations.items():
        assert (explanation.method, explanation.target_class) == (method, target)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"method": "magic"}, "'magic'"), ({"target_class": "Q"}, "'Q'"), ({"beat": 99}, "0 to 11")],
)
def test_what_does_not_exist_is_refused_in_a_line(
    tiny_classifier: Classifier, record: Record, options: dict, named: str
) -> None:
    options = {"beat": BEAT} | options
    assert named in error_line(lambda: explain_beat(tiny_classifier, record, **options))


@pytest.mark.database
@pytest.mark.slow
def test_title_sentence_and_what_if_name_one_class(data_dir: Path) -> None:
    """Of this beat the run around it and the mean over all runs say different classes."""
    classifier, record = arrhythmia.Classifier.load(), read_record("232", data_dir)
    beats = classifier.find_beats(record)
    beat = int(np.flatnonzero(beats.sample == 579_332)[0])
    case = explain_beat(classifier, record, beat, beats=beats, method="grad-cam")
    called = case.called
    assert called == BEAT_CLASSES[classifier.probabilities(beats)[beat].argmax()]
    assert {case.target_class, case.explanation.target_class, case.reasons.called} == {called}
    assert case.headline.startswith(f"{called} – {CLASS_NAMES[called]}, ")
    assert case.sentence.startswith(f"{noun(called, case.reasons.measured)}: ")
    own = case.decision.by_lead[case.decision.shares.names.index(case.lead.name), beat]
    assert case.reasons.by_itself == BEAT_CLASSES[int(own.argmax())]
    assert case.reasons.move.to_class in set(BEAT_CLASSES) - {case.reasons.by_itself}
    what_if = (
        f"{WHAT_IF}, in lead {case.lead.name} alone: would be {case.reasons.move.to_class} had"
    )
    assert what_if in case.sentences[-1]


@pytest.mark.database
@pytest.mark.slow
def test_where_the_template_decides_it_is_told_what_the_rest_goes_by(data_dir: Path) -> None:
    """Called S, it was said to be S "had it come 0.01 s earlier"."""
    classifier, record = arrhythmia.Classifier.load(), read_record("232", data_dir)
    beats = classifier.find_beats(record)
    decision = classifier.decide(beats)
    overruled = decision.probabilities.argmax(axis=1) != decision.by_itself.argmax(axis=1)
    beat = int(np.flatnonzero(overruled)[0])
    case = explain_beat(classifier, record, beat, beats=beats, method="grad-cam")
    assert case.called != case.by_itself
    assert case.sentence.startswith(f"{noun(case.called, case.reasons.measured)}: ")
    assert f"by itself it would be called {case.by_itself} (p = " in case.alike
    assert case.sentences[-1].startswith(f"{WHAT_IF}, in lead {case.lead.name} alone: ")
    assert case.reasons.move.to_class != case.reasons.by_itself


def test_what_the_second_stage_changed_is_told(record: Record) -> None:
    beats = make_case(record).beats
    case = make_case(record, templates=Templates(beats, np.ones(len(beats), dtype=int)))
    assert case.called == "V"
    without = np.roll(case.probabilities, 1, axis=0)  # the V is another beat
    for before, told in ((None, False), (case.probabilities, False), (without, True)):
        staged = replace(case, decision=replace(case.decision, before=before))
        assert "of them called V" in staged.alike
        assert staged.alike.endswith("without that it would be called N.") == told


def test_the_package_can_be_called(tiny_classifier: Classifier, record: Record) -> None:
    case = arrhythmia.explain(tiny_classifier, record, BEAT, method="occlusion")
    expected = explain_beat(tiny_classifier, record, BEAT, method="occlusion")
    assert (case.headline, case.sentence) == (expected.headline, expected.sentence)
    np.testing.assert_allclose(case.explanation.samples, expected.explanation.samples, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "first", ["", "import arrhythmia.explain.waves", "from arrhythmia.explain.waves import WAVES"]
)
def test_the_face_is_the_same_in_any_order(first: str) -> None:
    code = f"{first}\nfrom arrhythmia import Classifier, explain, read_record\n"
    code += "import arrhythmia.explain.waves\nassert callable(explain), explain\n"
    code += "assert arrhythmia.explain is explain\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CLONE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_is_known_of_the_record_is_not_sought_again(
    tiny_classifier: Classifier, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = explain_beat(tiny_classifier, record, BEAT, method="grad-cam")
    beats = tiny_classifier.find_beats(record)
    decision = tiny_classifier.decide(beats)
    monkeypatch.setattr(tiny_classifier, "decide", None)
    case = explain_beat(
        tiny_classifier, record, BEAT, beats=beats, decision=decision, method="grad-cam"
    )
    assert (case.headline, case.sentence) == (expected.headline, expected.sentence)
