"""Tests of `arrhythmia.evaluation` on made-up predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from arrhythmia.beats import reference_beats
from arrhythmia.errors import InputError
from arrhythmia.evaluation import (
    PROBABILITY_COLUMNS,
    confusion_matrices,
    format_summary,
    intervals,
    predict_records,
    prediction_table,
    read_predictions,
    score,
    summary,
)
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES, GROUPINGS, REFERENCE_RECORDS, SYMBOL_CLASS, grouped
from arrhythmia.records import read_record
from arrhythmia.reports import format_seeds, over_seeds

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

SYMBOLS = tuple(SYMBOL_CLASS)


def table_of(record: str, pairs: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    """Predictions of one record: so many beats of a symbol that were called a class."""
    symbols = np.array([symbol for symbol, _, times in pairs for _ in range(times)], dtype=str)
    called = [BEAT_CLASSES.index(found) for _, found, times in pairs for _ in range(times)]
    probabilities = np.full((len(called), len(BEAT_CLASSES)), 0.05)
    probabilities[np.arange(len(called)), called] = 0.8
    return prediction_table(record, np.arange(len(called)) * 300, symbols, probabilities)


def random_table(records: Sequence[str], beats: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.concat(
        [
            prediction_table(
                name,
                np.arange(beats) * 300,
                rng.choice([*SYMBOLS, "Q"], size=beats),
                rng.dirichlet(np.full(len(BEAT_CLASSES), 0.5), size=beats),
            )
            for name in records
        ],
        ignore_index=True,
    )


def truth_and_found(table: pd.DataFrame, grouping: str) -> tuple[np.ndarray, np.ndarray]:
    """Classes of a grouping by name, found another way than the package does."""
    known = table[table["reference"] != ""]
    names = list(GROUPINGS[grouping])
    of = {c: name for name, made_of in GROUPINGS[grouping].items() for c in made_of}
    sums = pd.DataFrame(
        {name: known[[f"p_{c}" for c in GROUPINGS[grouping][name]]].sum(axis=1) for name in names}
    )
    return known["reference"].map(of).to_numpy(), sums.idxmax(axis=1).to_numpy()


# --- scores ---------------------------------------------------------------------------------


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(grouping: str, seed: int) -> None:
    table = random_table(("1", "2", "3"), seed=seed)
    classes = tuple(GROUPINGS[grouping])
    scores = score(sum(confusion_matrices(table, grouping).values()), classes)
    truth, found = truth_and_found(table, grouping)
    ppv, sensitivity, f1, support = precision_recall_fscore_support(
        truth, found, labels=list(classes), zero_division=0
    )
    np.testing.assert_array_equal(
        scores.confusion, confusion_matrix(truth, found, labels=list(classes))
    )
    np.testing.assert_allclose(scores.sensitivity, sensitivity)
    np.testing.assert_allclose(scores.ppv, ppv)
    np.testing.assert_allclose(scores.f1, f1)
    np.testing.assert_array_equal(scores.support, support)
    assert scores.accuracy == pytest.approx(accuracy_score(truth, found))
    assert scores.mean_f1 == pytest.approx(f1.mean())


def test_rows_of_the_confusion_matrix_are_the_reference() -> None:
    table = table_of("1", [("N", "V", 5), ("V", "N", 2), ("N", "N", 10)])
    matrix = confusion_matrices(table, "aami")["1"]
    n, v = (list(GROUPINGS["aami"]).index(c) for c in "NV")
    assert matrix[n, v] == 5
    assert matrix[v, n] == 2
    scores = score(matrix, tuple(GROUPINGS["aami"]))
    assert scores.sensitivity[n] == pytest.approx(10 / 15)
    assert scores.ppv[n] == pytest.approx(10 / 12)


def test_beats_without_a_class_are_not_scored() -> None:
    table = table_of("1", [("N", "N", 10), ("Q", "V", 7), ("/", "S", 3)])
    assert (table["reference"] == "").sum() == 10
    assert confusion_matrices(table, "aami")["1"].sum() == 10
    assert summary(table)["aami"]["accuracy"] == 1
    assert summary(table)["beats"] == 20


def test_every_record_has_a_matrix_of_the_same_shape() -> None:
    table = pd.concat([table_of("1", [("N", "N", 3)]), table_of("2", [("Q", "N", 2)])])
    matrices = confusion_matrices(table, "aami")
    assert {name: m.shape for name, m in matrices.items()} == {"1": (4, 4), "2": (4, 4)}
    assert matrices["2"].sum() == 0


def test_a_grouping_sums_probabilities_before_it_chooses() -> None:
    probabilities = np.array([[0.3, 0.3, 0.4, 0.0, 0.0], [0.4, 0.0, 0.3, 0.3, 0.0]])
    table = prediction_table("1", np.array([1, 2]), np.array(["N", "V"]), probabilities)
    assert table["predicted"].tolist() == ["V", "N"]
    four = score(confusion_matrices(table, "four")["1"], tuple(GROUPINGS["four"]))
    aami = score(confusion_matrices(table, "aami")["1"], tuple(GROUPINGS["aami"]))
    assert four.accuracy == 0.5  # N with S is likelier than V; N is likelier than V alone
    assert aami.accuracy == 0.5  # V is likelier than N; V with E is likelier than N


def test_a_class_without_beats_has_no_score_and_is_not_in_the_mean() -> None:
    classes = tuple(GROUPINGS["aami"])
    table = table_of("1", [("N", "N", 8), ("N", "F", 2), ("V", "V", 4), ("V", "N", 1)])
    scores = score(confusion_matrices(table, "aami")["1"], classes)
    for i in (classes.index("S"), classes.index("F")):
        assert np.isnan([scores.sensitivity[i], scores.ppv[i], scores.f1[i]]).all()
        assert scores.support[i] == 0
    present = [classes.index("N"), classes.index("V")]
    assert scores.mean_f1 == pytest.approx(scores.f1[present].mean())
    figures = summary(table)["aami"]
    assert figures["f1"][classes.index("S")] is None
    json.dumps(figures, allow_nan=False)


def test_a_class_never_predicted_has_a_score_of_zero() -> None:
    table = table_of("1", [("N", "N", 8), ("F", "N", 2)])
    scores = score(confusion_matrices(table, "aami")["1"], tuple(GROUPINGS["aami"]))
    i = list(GROUPINGS["aami"]).index("F")
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
    classes = tuple(GROUPINGS["aami"])
    matrices = errors_in([10] * 6)
    point = score(sum(matrices.values()), classes)
    found = intervals(matrices, classes)
    assert found["accuracy"] == [0.9, 0.9]
    np.testing.assert_allclose(found["mean_f1"], point.mean_f1, atol=1e-4)
    np.testing.assert_allclose(found["V"], point.f1[2], atol=1e-4)


def test_an_interval_is_wider_when_one_record_holds_all_errors() -> None:
    classes = tuple(GROUPINGS["aami"])
    spread, single = errors_in([8, 10, 12, 9, 11, 10]), errors_in([60, 0, 0, 0, 0, 0])
    assert sum(m[0, 2] for m in spread.values()) == sum(m[0, 2] for m in single.values())
    narrow, wide = intervals(spread, classes), intervals(single, classes)
    for key in ("accuracy", "mean_f1", "N", "V"):
        assert np.ptp(wide[key]) > 3 * np.ptp(narrow[key]) > 0
    point = score(sum(single.values()), classes).mean_f1
    assert wide["mean_f1"][0] < point < wide["mean_f1"][1]


def test_intervals_are_drawn_from_the_seed() -> None:
    classes = tuple(GROUPINGS["aami"])
    matrices = errors_in([40, 3, 11, 25, 0, 7])
    assert intervals(matrices, classes, seed=1) == intervals(matrices, classes, seed=1)
    assert intervals(matrices, classes, seed=1) != intervals(matrices, classes, seed=2)


def test_a_class_without_beats_has_no_interval() -> None:
    found = intervals(errors_in([1, 2, 3]), tuple(GROUPINGS["aami"]))
    assert found["S"] == found["F"] == []
    assert set(found) == {"accuracy", "mean_f1", *GROUPINGS["aami"]}


# --- summary --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half() -> pd.DataFrame:
    """Records among which 232 holds most S and 213 most F, as in DS2."""
    return pd.concat(
        [
            table_of("232", [("A", "S", 90), ("A", "N", 10), ("N", "S", 20)]),
            table_of("213", [("F", "F", 30), ("F", "V", 10), ("N", "N", 100)]),
            table_of("100", [("A", "S", 3), ("A", "N", 7), ("N", "S", 2), ("N", "N", 88)]),
            table_of("200", [("F", "F", 1), ("F", "N", 3), ("V", "F", 4), ("V", "V", 50)]),
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
            *("accuracy", "mean_f1", "confusion", "intervals_95"),
        }
        assert np.sum(part["confusion"]) == len(half)
        truth, found = truth_and_found(half, grouping)
        assert part["accuracy"] == pytest.approx(accuracy_score(truth, found), abs=1e-4)
    assert "intervals_95" not in summary(half, with_intervals=False)["aami"]
    json.dumps(figures, allow_nan=False)


def test_s_is_also_scored_without_record_232_and_f_without_213(half: pd.DataFrame) -> None:
    figures = summary(half, with_intervals=False)
    s, f = figures["S_without_232"], figures["F_without_213"]
    assert s == {
        "sensitivity": pytest.approx(3 / 10),
        "ppv": pytest.approx(3 / 5),
        "f1": pytest.approx(2 * 3 / (10 + 5)),
        "support": 10,
    }
    assert f == {
        "sensitivity": pytest.approx(1 / 4),
        "ppv": pytest.approx(1 / 5),
        "f1": pytest.approx(2 / 9, abs=1e-4),
        "support": 4,
    }
    others = half[half["record"].isin(["100", "200"])]
    assert not {"S_without_232", "F_without_213"} & set(summary(others, with_intervals=False))


def test_the_records_of_the_reference_description_are_scored_alone() -> None:
    table = random_table((*REFERENCE_RECORDS, "202"), beats=100)
    figures = summary(table, with_intervals=False)["reference_records"]
    part = table[table["record"].isin(REFERENCE_RECORDS)]
    truth, found = truth_and_found(part, "four")
    assert figures["records"] == list(REFERENCE_RECORDS)
    assert figures["accuracy"] == pytest.approx(accuracy_score(truth, found), abs=1e-4)
    rest = table[table["record"] != REFERENCE_RECORDS[0]]
    assert "reference_records" not in summary(rest, with_intervals=False)


def test_the_tables_show_every_class_and_the_records_left_out(half: pd.DataFrame) -> None:
    text = format_summary(summary(half))
    assert "S without record 232: Se 0.300  +P 0.600  F1 0.400  (10 beats)" in text
    assert "F without record 213: Se 0.250" in text
    for line in (line.split() for line in text.splitlines()):
        if line[:1] == ["E"]:
            assert line[1:4] == ["–", "–", "–"]
            assert line[-1] == "0"


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
    figures = summary(pd.concat([table_of(*table) for table in tables], ignore_index=True))
    assert format_summary(figures)
    json.dumps(figures, allow_nan=False)


# --- tables ---------------------------------------------------------------------------------


def test_a_table_written_and_read_gives_the_same_figures(tmp_path: Path) -> None:
    table = random_table(("100", "232", "0213"), beats=200)
    with whole_file(tmp_path / "predictions.csv") as part:
        table.to_csv(part, index=False)
    again = read_predictions(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    assert summary(again) == summary(table)


def test_a_prediction_is_the_class_with_the_greatest_probability() -> None:
    table = random_table(("1",))
    probabilities = table[list(PROBABILITY_COLUMNS)].to_numpy()
    np.testing.assert_allclose(grouped(probabilities, "four").sum(axis=1), 1, atol=1e-3)
    names = np.array(BEAT_CLASSES)[probabilities.argmax(axis=1)]
    ties = np.sort(probabilities, axis=1)
    clear = ties[:, -1] - ties[:, -2] > 1e-3
    assert clear.mean() > 0.95
    assert (table["predicted"] == names)[clear].all()


def test_every_reference_beat_of_every_record_is_predicted(
    tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    records = [read_record(name, synthetic_dir) for name in ("101", "208")]
    table = predict_records(tiny_classifier, records)
    assert list(table.columns) == [
        *("record", "sample", "symbol", "reference", "predicted"),
        *PROBABILITY_COLUMNS,
    ]
    for record in records:
        rows = table[table["record"] == record.name]
        sample, symbol = reference_beats(record)
        np.testing.assert_array_equal(rows["sample"], sample)
        np.testing.assert_array_equal(rows["symbol"], symbol)
        known = rows[rows["reference"] != ""]
        assert (known["reference"] == known["symbol"].map(SYMBOL_CLASS)).all()
        assert set(rows["symbol"][rows["reference"] == ""]) <= {"Q"}
    assert summary(table)["aami"]["accuracy"] > 0.9
    unknown = read_record("101", synthetic_dir, annotator="none")
    with pytest.raises(InputError, match="no reference annotation"):
        predict_records(tiny_classifier, [records[1], unknown])


# --- several seeds --------------------------------------------------------------------------


def test_seeds_are_compared_when_all_were_evaluated(tmp_path: Path) -> None:
    f1 = [0.5, 0.6, 0.7, 0.8, 0.9]
    rest = {"S_without_232": {"f1": 0.1}, "F_without_213": {"f1": 0.2}}
    assert over_seeds(tmp_path / "ds1") is None
    for name, value in zip(("", "-seed1", "-seed2", "-seed3", "-seed4"), f1, strict=True):
        folder = tmp_path / f"ds1{name}"
        folder.mkdir()
        assert over_seeds(tmp_path / "ds1") is None
        aami = {"classes": ["N", "S"], "f1": [0.9, value], "accuracy": 0.9, "mean_f1": value}
        (folder / "metrics.json").write_text(json.dumps({"aami": aami} | rest))
    found = over_seeds(tmp_path / "ds1")
    assert found is not None
    assert found["S F1"] == found["mean F1"] == f1
    assert "S F1                0.700  0.158   0.500 0.600 0.700 0.800 0.900" in format_seeds(found)
