"""Tests of `arrhythmia.explain.summary`: what is printed of a beat, as text and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from explain_cases import (
    BEAT,
    FLAT,
    REASONS,
    SENTENCE,
    SETTINGS,
    hump,
    make_case,
    with_gap,
    with_pause,
    written_record,
)

from arrhythmia.beats import find_beats
from arrhythmia.explain.case import Case
from arrhythmia.explain.explanation import PARTS
from arrhythmia.explain.summary import as_dict, as_text
from arrhythmia.explain.wording import (
    ALONE,
    DISCLAIMER,
    NO_CLASS,
    NOT_CALIBRATED,
    RR_NAMES,
    evidence_words,
    template_words,
    what_if,
)
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES, GROUPINGS
from arrhythmia.records import Record
from arrhythmia.templates import Templates

FILES = {"figure": "one.png", "page": "one.html"}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return written_record(tmp_path_factory.mktemp("record"), "NNNANVNNFNNQ")


@pytest.fixture(scope="module")
def case(record: Record) -> Case:
    return make_case(record, notes=("a note",))


# --- JSON -----------------------------------------------------------------------------------


def test_the_dictionary_is_json_without_nan(case: Case) -> None:
    facts = as_dict(case, FILES)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert (facts["figure"], facts["page"]) == ("one.png", "one.html")
    assert facts["notes"] == ["a note"]
    assert facts["disclaimer"] == DISCLAIMER


def test_the_dictionary_tells_beat_and_class(case: Case) -> None:
    facts = as_dict(case, FILES)
    assert (facts["record"], facts["lead"], facts["beat"], facts["beats"]) == ("syn", "MLII", 5, 12)
    assert (facts["class"], facts["class_name"]) == ("V", "ventricular ectopic")
    assert facts["headline"] == case.headline
    assert facts["probability"] == facts["probabilities"]["V"] == pytest.approx(0.9, abs=1e-5)
    assert list(facts["probabilities"]) == list(BEAT_CLASSES)
    assert facts["sentence"] == SENTENCE
    assert facts["evidence"] == evidence_words(case.explanation)
    assert facts["what_if"] == what_if(REASONS)
    assert facts["explained_class"] == "V"
    assert facts["method"] == "shap"
    assert list(facts["evidence_percent"]) == list(PARTS)
    assert list(facts["evidence_rr_inputs"]) == list(RR_NAMES)
    assert facts["measured"]["qrs_s"] == REASONS.measured.qrs_s
    assert facts["measured"]["move"] == {
        "seconds": 0.12,
        "to_class": "N",
        "earliest_s": 0.6,
        "latest_s": 0.6,
    }


def test_probabilities_sum_to_one_in_every_grouping(case: Case) -> None:
    facts = as_dict(case, FILES)
    assert sum(facts["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert list(facts["groupings"]) == list(GROUPINGS)
    for name, values in facts["groupings"].items():
        assert sum(values.values()) == pytest.approx(1, abs=1e-4)
        for merged, classes in GROUPINGS[name].items():
            together = sum(facts["probabilities"][c] for c in classes)
            assert values[merged] == pytest.approx(together, abs=1e-4)


def test_timing_is_that_of_the_annotation(case: Case, record: Record) -> None:
    facts = as_dict(case, FILES)
    marks = record.annotation
    beats = marks.sample[~np.isin(marks.symbol, ["+", "~", "|"])]
    assert facts["sample"] == beats[5]
    assert facts["seconds"] == pytest.approx(beats[5] / 360, abs=1e-3)
    assert facts["time"] == f"00:00:{beats[5] / 360:06.3f}"
    assert facts["r_peaks"] == "reference annotation"
    assert facts["rr_before_s"] == pytest.approx((beats[5] - beats[4]) / 360, abs=1e-4)
    assert facts["rr_after_s"] == pytest.approx((beats[6] - beats[5]) / 360, abs=1e-4)
    assert facts["heart_rate_per_min"] == pytest.approx(60 / facts["rr_before_s"], abs=0.1)
    assert facts["median_rr_s"] == pytest.approx(np.median(np.diff(beats)) / 360, abs=1e-4)


def test_the_reference_is_told_with_its_class(record: Record) -> None:
    facts = as_dict(make_case(record), FILES)
    wanted = {"symbol": "V", "name": "premature ventricular contraction", "class": "V"}
    assert facts["reference"] == wanted
    facts = as_dict(make_case(record, 11), FILES)
    assert facts["reference"] == {"symbol": "Q", "name": "unclassifiable beat", "class": None}


def test_confidence_is_told_where_the_model_is_calibrated(record: Record, case: Case) -> None:
    facts = as_dict(case, FILES)
    assert facts["calibrated"]["V"] == pytest.approx(0.9, abs=1e-5)
    assert (facts["set_90"], facts["assessable"], facts["refer"]) == (["V"], True, False)
    assert set(facts["set_90"]) <= set(facts["set_95"]) <= set("NSVF")
    facts = as_dict(make_case(record, calibrated=False), FILES)
    assert (facts["calibrated"], facts["refer"], facts["refer_reason"]) == (None, None, None)
    assert facts["assessable"]
    assert "set_90" not in facts


def test_first_and_last_beat_lack_an_interval(record: Record) -> None:
    facts = as_dict(make_case(record, 0), FILES)
    assert (facts["rr_before_s"], facts["heart_rate_per_min"]) == (None, None)
    assert facts["rr_after_s"] > 0
    facts = as_dict(make_case(record, 11), FILES)
    assert facts["rr_after_s"] is None
    assert facts["rr_before_s"] > 0


def test_an_interval_with_a_gap_in_it_is_not_told(record: Record) -> None:
    start = make_case(record).r_peaks[4] + 0.15
    case = make_case(with_gap(record, start, start + 0.25))
    assert as_dict(case, FILES)["rr_before_s"] is None
    assert "RR before    – (no beat there, or a gap between)" in as_text(case, FILES)


def test_json_gives_no_reasons_for_a_beat_that_cannot_be_read(record: Record) -> None:
    facts = as_dict(make_case(record, problems={BEAT: FLAT}), FILES)
    assert facts["headline"] == "Not assessable: a flat line"
    assert facts["sentence"] == NO_CLASS
    assert facts["template"] is None
    assert (facts["assessable"], facts["refer"], facts["refer_reason"]) == (False, True, FLAT)
    assert facts["set_90"] == list("NSVF")


# --- text -----------------------------------------------------------------------------------


def test_text_says_what_matters_first(case: Case) -> None:
    lines = as_text(case, FILES).splitlines()
    assert lines[0] == "V – ventricular ectopic, p = 0.90"
    assert lines[1] == "reference: V, premature ventricular contraction"
    assert lines[2] == "Calibrated p(V) = 0.90. 90 % set: V (of N, S, V, F)."
    assert lines[4] == SENTENCE
    assert lines[5] == ALONE
    assert lines[6] == "Lead MLII says most: p(V) 0.90; 0.90 in V1."
    assert lines[7].startswith("Evidence for V in lead MLII (SHAP): ")
    assert lines[8].startswith("What if (the beat judged by itself), in lead MLII alone: ")
    assert lines[-3:] == ["figure: one.png", "page: one.html", DISCLAIMER]


def test_a_beat_is_said_to_be_one_of_a_template(record: Record) -> None:
    letters = "NNNVNVNNNNNN"
    beats = find_beats(record, SETTINGS)
    templates = Templates(beats, np.where(np.isin(np.arange(12), [3, 5, 7]), 2, 1))
    case = make_case(record, BEAT, letters, templates=templates)
    (line,) = [line for line in as_text(case, FILES).splitlines() if "of them called" in line]
    assert re.fullmatch(
        r"Judged in a group of 3 beats that it resembles only roughly \(correlation 0\.\d\d with "
        r"their mean\), 2 of them called V\.", line,
    )  # fmt: skip
    template = as_dict(case, FILES)["template"]
    assert (template["number"], template["beats"], template["called_like_it"]) == (2, 3, 2)
    assert template["first_s"] < case.seconds < template["last_s"]
    assert as_dict(make_case(record), FILES)["template"] is None


def test_a_class_that_the_template_decides_is_told_as_such() -> None:
    assert template_words(1, 1, "V", "V", 0.9, 1.0).startswith("No other beat of this recording")
    words = template_words(7, 7, "S", "N", 0.61, 0.95)
    assert words.startswith(
        "One of 7 beats of this shape and timing in this recording, all of them"
    )
    assert words.endswith("; by itself it would be called N (p = 0.61).")


def test_text_gives_the_figures_of_the_dictionary(case: Case) -> None:
    text, facts = as_text(case, FILES), as_dict(case, FILES)
    assert f"{facts['time']} (sample {facts['sample']}, reference annotation)" in text
    assert "record       syn, lead MLII, beat 5 of 12 (counted from 0)" in text
    assert f"RR before    {facts['rr_before_s']:.2f} s (" in text
    assert f"{facts['median_heart_rate_per_min']:.0f}/min in the record (median)" in text
    for values in facts["groupings"].values():
        top = max(values, key=values.get)
        assert f"> {top}  {values[top]:.3f}  {CLASS_NAMES[top]}" in text
    assert sum(line.startswith("> ") for line in text.splitlines()) == len(GROUPINGS)


def test_text_tells_of_a_reference_without_a_class(record: Record) -> None:
    text = as_text(make_case(record, 11), FILES)
    assert "reference: Q, unclassifiable beat (of no class that the model knows)\n" in text


def test_text_says_that_a_model_is_not_calibrated(record: Record) -> None:
    assert as_text(make_case(record, calibrated=False), FILES).splitlines()[2] == NOT_CALIBRATED


def test_text_says_when_nothing_speaks_for_the_class(record: Record) -> None:
    case = make_case(record, evidence=hump(None, "E"))
    message = "Grad-CAM finds nothing in the shape of this beat that speaks for E"
    assert message in as_text(case, FILES)
    assert as_dict(case, FILES)["explanation_note"] == message


def test_text_gives_no_class_to_a_beat_that_cannot_be_read(record: Record) -> None:
    text = as_text(make_case(record, problems={BEAT: FLAT}), FILES)
    lines = text.splitlines()
    assert lines[0] == "Not assessable: a flat line"
    assert f"Refer to a cardiologist: {FLAT}." in lines
    assert NO_CLASS in lines
    assert SENTENCE not in text
    assert "Evidence for" not in text
    assert "What if" not in text
    assert not [line for line in lines if line.startswith("> ")]
    assert "ventricular ectopic" not in text
    assert "p(V)" not in text


def test_a_referred_beat_keeps_its_class(record: Record) -> None:
    lines = as_text(make_case(record, problems={BEAT: "the network is not sure"}), FILES)
    assert lines.startswith("V – ventricular ectopic")
    assert "Refer to a cardiologist: the network is not sure.\n" in lines


def test_a_pause_of_six_seconds_reads_six_seconds(tmp_path: Path) -> None:
    """To the hundredth, whatever limits the inputs of the network have."""
    record = written_record(tmp_path, "N" * 16)
    usual = make_case(record, 8).rr_before
    case = make_case(with_pause(record, 7, 6.0 - usual), 8)
    assert "RR before    6.00 s (" in as_text(case, FILES)
    assert as_dict(case, FILES)["rr_before_s"] == pytest.approx(6.0, abs=0.003)
