"""Tests of `arrhythmia.predictions`: a row a beat, with the same values wherever it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, find_beats
from arrhythmia.labels import BEAT_CLASSES, GROUPINGS, SYMBOL_CLASS
from arrhythmia.predictions import (
    CALIBRATED_COLUMNS,
    PROBABILITY_COLUMNS,
    SET_CLASSES,
    Assessment,
    confidence_columns,
    read_predictions,
    read_sets,
    record_table,
    scored_table,
    truth_and_predicted,
)
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings

SYMBOLS = "NLAVNEFNNQ"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    folder = tmp_path_factory.mktemp("record")
    return read_record(make_record(folder, "101", symbols=SYMBOLS, fs=250))


@pytest.fixture(scope="module")
def beats(record: Record) -> Beats:
    return find_beats(record, BeatSettings())


@pytest.fixture(scope="module")
def probabilities() -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(len(BEAT_CLASSES), 0.5), size=len(SYMBOLS))


@pytest.fixture(scope="module")
def assessment() -> Assessment:
    """Of beats that are sure, unsure, and (the last) not assessable."""
    count, rng = len(SYMBOLS), np.random.default_rng(1)
    calibrated = rng.dirichlet(np.ones(len(BEAT_CLASSES)), size=count)
    sets95 = rng.uniform(size=(count, len(SET_CLASSES))) < 0.5
    sets95[np.arange(count), rng.integers(len(SET_CLASSES), size=count)] = True
    sets95[-1] = True
    refer = sets95.sum(axis=1) > 1
    reasons = ["several classes are possible" if r else "" for r in refer]
    reasons[-1] = "not assessable"
    return Assessment(
        probabilities=calibrated,
        sets90=sets95 & (np.cumsum(sets95, axis=1) == 1),
        sets95=sets95,
        score=1 - calibrated.max(axis=1),
        novelty=np.zeros(count),
        assessable=np.arange(count) < count - 1,
        refer=refer,
        reasons=reasons,
    )


def assert_assessed(table: pd.DataFrame, assessment: Assessment, places: float) -> None:
    """The columns of a table are those of an assessment."""
    calibrated = table[list(CALIBRATED_COLUMNS)].to_numpy()
    np.testing.assert_allclose(calibrated, assessment.probabilities, atol=places)
    np.testing.assert_array_equal(read_sets(table["set90"]), assessment.sets90)
    np.testing.assert_array_equal(read_sets(table["set95"]), assessment.sets95)
    np.testing.assert_array_equal(table["refer"], assessment.refer)
    assert table["reason"].tolist() == assessment.reasons


# --- the table of a record ------------------------------------------------------------------


def test_a_record_has_a_row_for_each_beat(
    record: Record, beats: Beats, probabilities: np.ndarray
) -> None:
    table = record_table(beats, probabilities, record.fs)
    assert list(table) == [
        "sample", "time", "symbol", "class", *PROBABILITY_COLUMNS, "rr_pre", "rr_post",
    ]  # fmt: skip
    np.testing.assert_array_equal(table["sample"], beats.sample)
    np.testing.assert_allclose(table["time"], beats.sample / 250)
    assert "".join(table["symbol"]) == SYMBOLS
    np.testing.assert_array_equal(table[list(PROBABILITY_COLUMNS)], probabilities)
    np.testing.assert_allclose(table["rr_pre"][1:], np.diff(beats.sample) / record.fs)
    np.testing.assert_allclose(table["rr_post"][:-1], np.diff(beats.sample) / record.fs)
    assert np.isnan([table["rr_pre"].iloc[0], table["rr_post"].iloc[-1]]).all()


def test_a_class_is_the_one_with_the_greatest_probability(
    record: Record, beats: Beats, probabilities: np.ndarray
) -> None:
    table = record_table(beats, probabilities, record.fs)
    for row, values in zip(table.itertuples(), probabilities, strict=True):
        assert values[BEAT_CLASSES.index(table.loc[row.Index, "class"])] == values.max()


def test_detected_beats_have_no_symbol(record: Record) -> None:
    beats = find_beats(record, BeatSettings(), source="detect")
    even = np.full((len(beats), len(BEAT_CLASSES)), 0.2)
    assert "symbol" not in record_table(beats, even, record.fs)


def test_an_assessment_is_part_of_the_table(
    record: Record, beats: Beats, probabilities: np.ndarray, assessment: Assessment
) -> None:
    table = record_table(beats, probabilities, record.fs, assessment)
    columns = list(confidence_columns(assessment))
    assert columns == [*CALIBRATED_COLUMNS, "set90", "set95", "refer", "reason"]
    assert [name for name in table if name in columns] == columns
    assert_assessed(table, assessment, places=1e-12)
    assert not table.drop(columns=["reason", "rr_pre", "rr_post"]).isna().any(axis=None)


# --- the table that is scored and stored ----------------------------------------------------


def test_a_scored_table_holds_reference_and_prediction(
    beats: Beats, probabilities: np.ndarray
) -> None:
    table = scored_table(beats, probabilities)
    assert list(table) == [
        "record", "sample", "symbol", "reference", "predicted", *PROBABILITY_COLUMNS,
    ]  # fmt: skip
    assert set(table["record"]) == {"101"}
    assert table["reference"].tolist() == [SYMBOL_CLASS.get(s, "") for s in SYMBOLS]
    assert table["reference"].iloc[-1] == ""
    assert table["predicted"].tolist() == [BEAT_CLASSES[i] for i in probabilities.argmax(axis=1)]
    stored = table[list(PROBABILITY_COLUMNS)].to_numpy()
    np.testing.assert_allclose(stored, probabilities, atol=0.5001e-4)
    np.testing.assert_allclose(stored * 1e4, np.rint(stored * 1e4), atol=1e-6)


def test_rounding_does_not_change_the_predicted_class(beats: Beats) -> None:
    close = np.tile([0.40001, 0.40003, 0.1, 0.05, 0.04996], (len(beats), 1))
    assert set(scored_table(beats, close)["predicted"]) == {"S"}


@pytest.mark.parametrize("assessed", [False, True])
def test_a_table_written_and_read_is_the_same(
    beats: Beats,
    probabilities: np.ndarray,
    assessment: Assessment,
    tmp_path: Path,
    assessed: bool,
) -> None:
    table = scored_table(beats, probabilities, assessment if assessed else None)
    table.to_csv(tmp_path / "predictions.csv", index=False)
    again = read_predictions(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    assert again["record"].tolist() == ["101"] * len(SYMBOLS)  # a name, not a number
    if assessed:
        assert_assessed(again, assessment, places=0.5001e-4)


# --- prediction sets ------------------------------------------------------------------------


def test_e_is_no_class_of_a_prediction_set() -> None:
    assert SET_CLASSES == ("N", "S", "V", "F")


def test_every_set_is_read_as_it_was_written() -> None:
    every = np.array([[bool(i >> place & 1) for place in range(4)] for i in range(16)])
    even, zeros, no = np.full((16, 5), 0.2), np.zeros(16), np.zeros(16, dtype=bool)
    table = confidence_columns(Assessment(even, every, ~every, zeros, zeros, no, no, [""] * 16))
    np.testing.assert_array_equal(read_sets(table["set90"]), every)
    np.testing.assert_array_equal(read_sets(table["set95"]), ~every)
    assert table["set90"].iloc[0] == ""
    assert table["set90"].iloc[15] == "N|S|V|F"


# --- what is scored -------------------------------------------------------------------------


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_truth_and_prediction_are_places_in_the_grouping(
    beats: Beats, probabilities: np.ndarray, grouping: str
) -> None:
    table = scored_table(beats, probabilities).query("reference != ''")
    truth, predicted = truth_and_predicted(table, grouping)
    classes = list(GROUPINGS[grouping].items())
    for beat, (reference, place) in enumerate(zip(table["reference"], truth, strict=True)):
        assert reference in classes[place][1]
        row = table.iloc[beat]
        sums = [sum(row[f"p_{c}"] for c in made_of) for _, made_of in classes]
        assert sums[predicted[beat]] == pytest.approx(max(sums))


def test_probabilities_are_summed_before_a_class_is_chosen(beats: Beats) -> None:
    """N is the likeliest class by itself, but V and E together are V for EC57."""
    table = scored_table(beats, np.tile([0.4, 0.0, 0.3, 0.3, 0.0], (len(beats), 1)))
    scored = table[table["reference"] != ""]
    assert set(scored["predicted"]) == {"N"}
    assert set(truth_and_predicted(scored, "aami")[1]) == {list(GROUPINGS["aami"]).index("V")}
    assert set(truth_and_predicted(scored, "four")[1]) == {list(GROUPINGS["four"]).index("N")}
