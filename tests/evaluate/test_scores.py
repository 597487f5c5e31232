"""Scores of made-up predictions are those that scikit-learn gives, record by record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from conftest import error_line
from evaluate.tables import called, random_table, table_of
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.evaluate.scores import (
    MOST_OF_A_CLASS,
    average_f1,
    confusion_matrices,
    decide_reference_beats,
    decisions_table,
    format_summary,
    intervals,
    score,
    summary,
)
from arrhythmia.labels import GROUPINGS, SYMBOL_CLASS
from arrhythmia.mitdb import FIVE_RECORDS
from arrhythmia.predictions import PROBABILITY_COLUMNS, read_predictions
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import read_record

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

AAMI, FOUR = (tuple(GROUPINGS[grouping]) for grouping in ("aami", "four"))


def truth_and_predicted(table: pd.DataFrame, grouping: str) -> tuple[np.ndarray, np.ndarray]:
    """Classes of a grouping by name, found in another way than the package does."""
    known = table[table["reference"] != ""]
    class_of = {c: name for name, made_of in GROUPINGS[grouping].items() for c in made_of}
    sums = pd.DataFrame(
        {
            name: known[[f"p_{c}" for c in made_of]].sum(axis=1)
            for name, made_of in GROUPINGS[grouping].items()
        }
    )
    return known["reference"].map(class_of).to_numpy(), sums.idxmax(axis=1).to_numpy()


# --- scores ---------------------------------------------------------------------------------


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(grouping: str, seed: int) -> None:
    table = random_table(("1", "2", "3"), seed=seed)
    classes = tuple(GROUPINGS[grouping])
    scores = score(sum(confusion_matrices(table, grouping).values()), classes)
    truth, predicted = truth_and_predicted(table, grouping)
    ppv, sensitivity, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=list(classes), zero_division=0
    )
    np.testing.assert_array_equal(
        scores.confusion, confusion_matrix(truth, predicted, labels=list(classes))
    )
    np.testing.assert_allclose(scores.sensitivity, sensitivity)
    np.testing.assert_allclose(scores.ppv, ppv)
    np.testing.assert_allclose(scores.f1, f1)
    np.testing.assert_array_equal(scores.support, support)
    assert scores.accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert scores.mean_f1 == pytest.approx(f1.mean())


def test_rows_of_the_confusion_matrix_are_the_reference() -> None:
    table = called("1", [("N", "V", 5), ("V", "N", 2), ("N", "N", 10)])
    matrix = confusion_matrices(table, "aami")["1"]
    n, v = AAMI.index("N"), AAMI.index("V")
    assert matrix[n, v] == 5
    assert matrix[v, n] == 2
    scores = score(matrix, AAMI)
    assert scores.sensitivity[n] == pytest.approx(10 / 15)
    assert scores.ppv[n] == pytest.approx(10 / 12)


def test_beats_without_a_class_are_not_scored() -> None:
    table = called("1", [("N", "N", 10), ("Q", "V", 7), ("/", "S", 3)])
    assert (table["reference"] == "").sum() == 10
    assert confusion_matrices(table, "aami")["1"].sum() == 10
    assert summary(table)["aami"]["accuracy"] == 1
    assert summary(table)["beats"] == 20


def test_every_record_has_a_matrix_of_the_same_shape() -> None:
    table = pd.concat([called("1", [("N", "N", 3)]), called("2", [("Q", "N", 2)])])
    matrices = confusion_matrices(table, "aami")
    assert {name: m.shape for name, m in matrices.items()} == {"1": (4, 4), "2": (4, 4)}
    assert matrices["2"].sum() == 0


def test_a_grouping_sums_probabilities_before_it_chooses() -> None:
    probabilities = np.array([[0.3, 0.3, 0.4, 0.0, 0.0], [0.4, 0.0, 0.3, 0.3, 0.0]])
    table = table_of("1", ["N", "V"], probabilities)
    assert table["predicted"].tolist() == ["V", "N"]
    four = confusion_matrices(table, "four")["1"]
    aami = confusion_matrices(table, "aami")["1"]
    # N with S is likelier than V; N is likelier than V alone
    assert four[FOUR.index("N"), FOUR.index("N")] == four[FOUR.index("V"), FOUR.index("N")] == 1
    # V is likelier than N alone; V with E is likelier than N
    assert aami[AAMI.index("N"), AAMI.index("V")] == aami[AAMI.index("V"), AAMI.index("V")] == 1


def test_a_class_without_beats_has_no_score_and_is_not_in_the_mean() -> None:
    table = called("1", [("N", "N", 8), ("N", "F", 2), ("V", "V", 4), ("V", "N", 1)])
    scores = score(confusion_matrices(table, "aami")["1"], AAMI)
    for i in (AAMI.index("S"), AAMI.index("F")):
        assert np.isnan([scores.sensitivity[i], scores.ppv[i], scores.f1[i]]).all()
        assert scores.support[i] == 0
    present = [AAMI.index("N"), AAMI.index("V")]
    assert scores.mean_f1 == pytest.approx(scores.f1[present].mean())
    figures = summary(table)["aami"]
    assert figures["f1"][AAMI.index("S")] is None
    json.dumps(figures, allow_nan=False)


def test_a_class_that_is_never_predicted_has_a_score_of_zero() -> None:
    table = called("1", [("N", "N", 8), ("F", "N", 2)])
    scores = score(confusion_matrices(table, "aami")["1"], AAMI)
    i = AAMI.index("F")
    assert (scores.sensitivity[i], scores.ppv[i], scores.f1[i]) == (0, 0, 0)


# --- intervals ------------------------------------------------------------------------------


def errors_in(counts: Sequence[int]) -> dict[str, np.ndarray]:
    """Records of 100 normal and 100 ventricular beats, with so many errors of each kind."""
    matrices = {}
    for record, wrong in enumerate(counts):
        matrix = np.zeros((4, 4), dtype=int)
        matrix[0, 0], matrix[0, 2] = 100 - wrong, wrong
        matrix[2, 2], matrix[2, 0] = 100 - wrong, wrong
        matrices[str(record)] = matrix
    return matrices


def test_equal_records_have_an_interval_of_one_point() -> None:
    matrices = errors_in([10] * 6)
    point = score(sum(matrices.values()), AAMI)
    limits = intervals(matrices, AAMI)
    assert limits["accuracy"] == [0.9, 0.9]
    np.testing.assert_allclose(limits["mean_f1"], point.mean_f1, atol=1e-4)
    np.testing.assert_allclose(limits["V"], point.f1[2], atol=1e-4)


def test_an_interval_is_wider_when_one_record_holds_all_errors() -> None:
    spread, single = errors_in([8, 10, 12, 9, 11, 10]), errors_in([60, 0, 0, 0, 0, 0])
    assert sum(m[0, 2] for m in spread.values()) == sum(m[0, 2] for m in single.values())
    narrow, wide = intervals(spread, AAMI), intervals(single, AAMI)
    for key in ("accuracy", "mean_f1", "N", "V"):
        assert np.ptp(wide[key]) > 3 * np.ptp(narrow[key]) > 0
    point = score(sum(single.values()), AAMI).mean_f1
    assert wide["mean_f1"][0] < point < wide["mean_f1"][1]


def test_intervals_are_drawn_from_the_seed() -> None:
    matrices = errors_in([40, 3, 11, 25, 0, 7])
    assert intervals(matrices, AAMI, seed=1) == intervals(matrices, AAMI, seed=1)
    assert intervals(matrices, AAMI, seed=1) != intervals(matrices, AAMI, seed=2)


def test_a_class_without_beats_has_no_interval() -> None:
    limits = intervals(errors_in([1, 2, 3]), AAMI)
    assert limits["S"] == limits["F"] == []
    assert set(limits) == {"accuracy", "mean_f1", *AAMI}


# --- summary --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half() -> pd.DataFrame:
    """Records among which 232 holds most S and 213 most F, as in DS2."""
    return pd.concat(
        [
            called("232", [("A", "S", 90), ("A", "N", 10), ("N", "S", 20)]),
            called("213", [("F", "F", 30), ("F", "V", 10), ("N", "N", 100)]),
            called("100", [("A", "S", 3), ("A", "N", 7), ("N", "S", 2), ("N", "N", 88)]),
            called("200", [("F", "F", 1), ("F", "N", 3), ("V", "F", 4), ("V", "V", 50)]),
        ],
        ignore_index=True,
    )


def test_the_summary_holds_the_figures_of_both_groupings(half: pd.DataFrame) -> None:
    figures = summary(half)
    assert figures["records"] == ["100", "200", "213", "232"]
    assert figures["beats"] == len(half)
    for grouping, classes in GROUPINGS.items():
        part = figures[grouping]
        assert part["classes"] == list(classes)
        assert set(part) == {
            *("classes", "support", "sensitivity", "ppv", "f1"),
            *("accuracy", "mean_f1", "average_f1", "confusion", "intervals_95"),
        }
        assert np.sum(part["confusion"]) == len(half)
        accuracy = accuracy_score(*truth_and_predicted(half, grouping))
        assert part["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert "intervals_95" not in summary(half, with_intervals=False)["aami"]
    json.dumps(figures, allow_nan=False)


def test_s_is_also_scored_without_record_232_and_f_without_213(half: pd.DataFrame) -> None:
    figures = summary(half, with_intervals=False)
    assert figures["S_without_232"] == {
        "sensitivity": pytest.approx(3 / 10),
        "ppv": pytest.approx(3 / 5),
        "f1": pytest.approx(2 * 3 / (10 + 5)),
        "support": 10,
    }
    assert figures["F_without_213"] == {
        "sensitivity": pytest.approx(1 / 4),
        "ppv": pytest.approx(1 / 5),
        "f1": pytest.approx(2 / 9, abs=1e-4),
        "support": 4,
    }
    resampled = summary(half)
    for name, record in MOST_OF_A_CLASS:
        matrices = confusion_matrices(half[half["record"] != record], "aami")
        assert (
            resampled[f"{name}_without_{record}"]["interval_95"] == intervals(matrices, AAMI)[name]
        )
    others = half[half["record"].isin(["100", "200"])]
    assert not {"S_without_232", "F_without_213"} & set(summary(others, with_intervals=False))
    alone = half[half["record"] == "232"]
    assert "S_without_232" not in summary(alone, with_intervals=False)


def test_the_four_classes_are_also_scored_on_five_records_alone() -> None:
    table = random_table((*FIVE_RECORDS, "202"), beats=100)
    figures = summary(table, with_intervals=False)["reference_records"]
    part = table[table["record"].isin(FIVE_RECORDS)]
    assert figures["records"] == list(FIVE_RECORDS)
    accuracy = accuracy_score(*truth_and_predicted(part, "four"))
    assert figures["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    shown = format_summary(summary(table))
    assert "four classes, records 100, 111, 123, 200, 233 alone:" in shown
    rest = table[table["record"] != FIVE_RECORDS[0]]
    assert "reference_records" not in summary(rest, with_intervals=False)


def test_the_tables_show_every_class_and_the_records_left_out(half: pd.DataFrame) -> None:
    text = format_summary(summary(half))
    assert "S without record 232: Se 0.300  +P 0.600  F1 0.400  (10 beats)" in text
    assert "F without record 213: Se 0.250" in text
    rows = [line.split() for line in text.splitlines() if line.lstrip().startswith("E ")]
    assert [(row[1:4], row[-1]) for row in rows] == [(["–", "–", "–"], "0")]


@pytest.mark.parametrize(
    "tables",
    [
        [("1", [("Q", "N", 3)])],
        [("1", [("N", "N", 3)])],
        [("232", [("A", "S", 3)]), ("213", [("F", "F", 3)])],
        [("232", [("A", "S", 3)]), ("1", [("Q", "S", 3)])],
    ],
    ids=["only Q", "only N", "S and F in one record each", "nothing without 232"],
)
def test_records_that_lack_classes_can_be_shown(
    tables: list[tuple[str, list[tuple[str, str, int]]]],
) -> None:
    figures = summary(pd.concat([called(*table) for table in tables], ignore_index=True))
    assert "mean F1" in format_summary(figures)
    json.dumps(figures, allow_nan=False)


def test_a_table_that_was_written_and_read_gives_the_same_figures(tmp_path: Path) -> None:
    table = random_table(("100", "232", "0213"), beats=200)
    table.to_csv(tmp_path / "predictions.csv", index=False)
    assert summary(read_predictions(tmp_path / "predictions.csv")) == summary(table)


# --- networks -------------------------------------------------------------------------------


def test_every_reference_beat_of_every_record_is_predicted(
    tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    records = [read_record(name, synthetic_dir) for name in ("101", "208")]
    table = decisions_table(decide_reference_beats(tiny_classifier, r) for r in records)
    assert list(table) == [
        *("record", "sample", "symbol", "reference", "predicted"),
        *PROBABILITY_COLUMNS,
    ]
    assert len(table) == sum(len(reference_beats(record)[0]) for record in records)
    for record in records:
        rows = table[table["record"] == record.name]
        sample, symbol = reference_beats(record)
        np.testing.assert_array_equal(rows["sample"], sample)
        np.testing.assert_array_equal(rows["symbol"], symbol)
        known = rows[rows["reference"] != ""]
        assert (known["reference"] == known["symbol"].map(SYMBOL_CLASS)).all()
        assert set(rows["symbol"][rows["reference"] == ""]) <= {"Q"}
    assert summary(table)["aami"]["accuracy"] > 0.9


def test_without_an_annotation_nothing_is_scored(
    tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    record = read_record("101", synthetic_dir, annotator="none")
    line = error_line(lambda: decide_reference_beats(tiny_classifier, record))
    assert "no reference annotation" in line


@pytest.mark.parametrize("prefix", ["", "folds_"])
def test_stored_figures_of_the_shipped_model_are_those_of_its_predictions(prefix: str) -> None:
    figures = summary(read_predictions(DEFAULT_MODEL / f"{prefix}predictions.csv"))
    stored = json.loads((DEFAULT_MODEL / f"{prefix}metrics.json").read_text(encoding="utf-8"))
    assert figures["records"] == stored["records"]
    for grouping in GROUPINGS:
        assert figures[grouping]["confusion"] == stored[grouping]["confusion"]
        for key in ("sensitivity", "ppv", "f1", "accuracy", "mean_f1"):
            # counts are whole, so only the rounding to four places may fall out otherwise
            assert figures[grouping][key] == pytest.approx(stored[grouping][key], abs=1.1e-4)
        limits, stored_limits = (f[grouping]["intervals_95"] for f in (figures, stored))
        assert limits.keys() == stored_limits.keys()
        for name, pair in limits.items():
            assert pair == pytest.approx(stored_limits[name], abs=1.1e-4)


def test_the_shipped_model_is_as_good_as_its_card_says() -> None:
    stored = json.loads((DEFAULT_MODEL / "metrics.json").read_text(encoding="utf-8"))
    assert stored["aami"]["accuracy"] > 0.96
    assert stored["aami"]["mean_f1"] > 0.78
    assert dict(zip(AAMI, stored["aami"]["f1"], strict=True))["V"] > 0.94


def test_the_average_counts_every_record_alike_that_has_the_class() -> None:
    classes = ("N", "V")
    matrices = {
        "a": np.array([[90, 0], [0, 10]]),  # V: F1 1
        "b": np.array([[80, 10], [10, 0]]),  # V: F1 0
        "c": np.array([[100, 0], [0, 0]]),  # no V
    }
    normal, ventricular = average_f1(matrices, classes)
    assert ventricular == 0.5
    assert normal == pytest.approx((1 + 160 / 180 + 1) / 3, abs=1e-3)
    assert average_f1({"c": matrices["c"]}, classes) == [1.0, None]
