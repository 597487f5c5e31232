"""Tests of `arrhythmia.interface`: the five lines of Python that the README begins with."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRecord, error_line

import arrhythmia
from arrhythmia import Classifier, explain, read_record
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.explain.case import Case
from arrhythmia.explain.method_names import DEFAULT_METHOD
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.predictions import CALIBRATED_COLUMNS, PROBABILITY_COLUMNS, SET_CLASSES
from arrhythmia.records import Record

PROJECT = Path(arrhythmia.__file__).parent.parent
SYMBOLS = "NNNANVNNFNNNNVNN"
V_BEAT = 5
ROUNDING = 1e-4
"""Of probabilities in float32, computed twice in batches of other sizes."""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path_factory.mktemp("record"), symbols=SYMBOLS))


@pytest.fixture(scope="module")
def classifier(tiny_model: Path) -> Classifier:
    """Not calibrated."""
    return Classifier.load(tiny_model)


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    """The model that comes with the package, which is calibrated."""
    return Classifier.load()


# --- the table of all beats -----------------------------------------------------------------


def test_the_table_has_a_row_for_every_beat(classifier: Classifier, record: Record) -> None:
    table = classifier.predict(record)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == [
        "sample", "time", "symbol", "class", *PROBABILITY_COLUMNS, "rr_pre", "rr_post",
    ]  # fmt: skip
    marks = record.annotation
    beats = marks.sample[~np.isin(marks.symbol, ["+", "~", "|"])]
    np.testing.assert_array_equal(table["sample"], beats)
    assert "".join(table["symbol"]) == SYMBOLS


def test_times_and_intervals_are_in_seconds(classifier: Classifier, record: Record) -> None:
    table = classifier.predict(record)
    np.testing.assert_allclose(table["time"], table["sample"] / record.fs)
    np.testing.assert_allclose(table["rr_pre"][1:], np.diff(table["time"]), atol=0.05)
    np.testing.assert_allclose(table["rr_post"][:-1], np.diff(table["time"]), atol=0.05)


def test_the_class_is_the_one_with_the_greatest_probability(
    classifier: Classifier, record: Record
) -> None:
    table = classifier.predict(record)
    probabilities = table[list(PROBABILITY_COLUMNS)].to_numpy()
    wanted = classifier.probabilities(classifier.find_beats(record))
    np.testing.assert_allclose(probabilities, wanted, atol=ROUNDING)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert list(table["class"]) == [BEAT_CLASSES[i] for i in probabilities.argmax(axis=1)]


def test_lead_and_source_are_chosen(classifier: Classifier, record: Record) -> None:
    mlii, v1 = (classifier.predict(record, lead) for lead in ("MLII", "V1"))
    np.testing.assert_array_equal(mlii["sample"], v1["sample"])
    assert not np.allclose(mlii[list(PROBABILITY_COLUMNS)], v1[list(PROBABILITY_COLUMNS)])
    detected = classifier.predict(record, source="detect")
    assert "symbol" not in detected
    assert abs(len(detected) - len(SYMBOLS)) <= 3
    assert "'aVR'" in error_line(lambda: classifier.predict(record, "aVR"))


def test_what_the_user_should_know_reaches_table_and_case(
    classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    record = read_record(make_record(tmp_path, leads=("V5", "V1"), annotate=False))
    notes = classifier.predict(record).attrs["notes"]
    assert [note.split(": ")[1] for note in notes] == [
        "using V5 first, and 1 more",
        "R peaks are detected",
    ]
    case = classifier.explain(record, V_BEAT, method="grad-cam")
    assert case.notes == notes
    assert explain(classifier, record, V_BEAT, "grad-cam", lead="V1").lead.name == "V1"


def test_a_calibrated_model_says_how_far_it_can_be_trusted(
    shipped: Classifier, record: Record
) -> None:
    table = shipped.predict(record)
    assert list(table.columns) == [
        "sample", "time", "symbol", "class", *PROBABILITY_COLUMNS, *CALIBRATED_COLUMNS,
        "set90", "set95", "refer", "reason", "rr_pre", "rr_post",
    ]  # fmt: skip
    np.testing.assert_allclose(table[list(CALIBRATED_COLUMNS)].sum(axis=1), 1, atol=1e-5)
    for small, large in zip(table["set90"], table["set95"], strict=True):
        assert set(small.split("|")) <= set(large.split("|")) <= set(SET_CLASSES)
    assert set(table["refer"]) <= {0, 1}
    assert [bool(reason) for reason in table["reason"]] == list(table["refer"] == 1)


def test_events_are_a_table_in_order_of_time(
    classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    record = read_record(make_record(tmp_path, symbols="NNNN" + "VN" * 8 + "NNNN"))
    table = classifier.events(record)
    assert list(table.columns) == [
        "event", "start", "end", "start_s", "end_s", "seconds", "beats", "rate",
    ]  # fmt: skip
    assert "ventricular bigeminy" in set(table["event"])
    assert table["start_s"].is_monotonic_increasing
    np.testing.assert_allclose(table["seconds"], table["end_s"] - table["start_s"], atol=0.01)
    assert table.attrs["notes"] == ()


def test_what_cannot_be_read_is_an_event_of_a_calibrated_model(
    shipped: Classifier, record: Record
) -> None:
    signals = record.signals.copy()
    signals[: len(record) // 3] = 0.1
    table = shipped.events(replace(record, signals=signals))
    first = table.iloc[0]
    assert first["event"] == "not assessable"
    assert first["end_s"] == pytest.approx(record.seconds / 3, abs=1.5)


# --- one beat -------------------------------------------------------------------------------


def test_explaining_a_row_of_the_table_gives_its_case(
    classifier: Classifier, record: Record
) -> None:
    table = classifier.predict(record)
    case = classifier.explain(record, V_BEAT)
    assert isinstance(case, Case)
    assert case.called == table["class"][V_BEAT]
    assert case.seconds == pytest.approx(table["time"][V_BEAT])
    assert case.symbol == "V"
    assert case.probability == pytest.approx(
        table[f"p_{case.called}"][V_BEAT], abs=ROUNDING
    )  # fmt: skip
    assert (case.method, case.target_class) == (DEFAULT_METHOD, case.called)
    assert case.assessment is None


def test_method_class_and_lead_are_chosen(classifier: Classifier, record: Record) -> None:
    case = classifier.explain(record, V_BEAT, "occlusion", "F", lead="V1")
    assert (case.explanation.method, case.explanation.target_class) == ("occlusion", "F")
    assert case.reasons.target_class == "F"
    assert case.lead.name == "V1"


def test_the_package_can_be_called_to_explain(classifier: Classifier, record: Record) -> None:
    case = explain(classifier, record, V_BEAT, method="occlusion")
    wanted = classifier.explain(record, V_BEAT, "occlusion")
    assert case.called == wanted.called
    np.testing.assert_allclose(case.explanation.samples, wanted.explanation.samples, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beat": 99}, ["beat 99", "0 to 15"]),
        ({"beat": -1}, ["beat -1", "0 to 15"]),
        ({"beat": 1, "method": "guess"}, ["'guess'", "shap"]),
        ({"beat": 1, "target_class": "Q"}, ["'Q'", "N, S, V, E, F"]),
        ({"beat": 1, "lead": "aVR"}, ["'aVR'", "MLII, V1"]),
    ],
)
def test_what_cannot_be_explained(
    classifier: Classifier, record: Record, options: dict, words: list[str]
) -> None:
    text = error_line(lambda: classifier.explain(record, **options))
    assert all(word in text for word in words), text


# --- loading --------------------------------------------------------------------------------


def test_confidence_is_loaded_where_the_model_is_calibrated(
    classifier: Classifier, shipped: Classifier
) -> None:
    assert classifier.confidence is None
    assert (DEFAULT_MODEL / "confidence.json").is_file()
    assert shipped.confidence is not None


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    assert "no model folder" in error_line(lambda: Classifier.load(tmp_path / "none"))


@pytest.mark.parametrize(
    "statement", ["import arrhythmia", "from arrhythmia import read_record, explain"]
)
def test_importing_the_package_imports_nothing_slow_until_it_is_asked_for(statement: str) -> None:
    code = (
        f"import sys; {statement}; "
        "slow = {'tensorflow', 'keras', 'pandas', 'matplotlib.pyplot', 'wfdb'} & set(sys.modules); "
        "sys.exit(f'imported {slow}' if slow else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_package_has_no_other_names() -> None:
    assert sorted(arrhythmia.__all__) == ["Classifier", "explain", "read_record"]
    assert all(getattr(arrhythmia, name) is not None for name in arrhythmia.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = arrhythmia.nothing
