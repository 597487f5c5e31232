"""Tests of `studies.results`: the stored files, and the table made of them."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from arrhythmia.mitdb import DS1, DS2
from arrhythmia.sequences import RR_INPUTS
from studies.results import (
    ARCHIVE,
    RESULTS,
    TABLE,
    archived_runs,
    as_row,
    confusion,
    current_runs,
    digest,
    format_rows,
    scores,
    write_table,
)

RUN = {
    "study": "some", "arm": "one", "seed": 3, "date": "2026-01-02", "commit": "abc", "seconds": 1.5,
    "folds": [["a"], ["b"]], "beats": {}, "training": {}, "varied": {"x": 1},
    "confusion": {"a": np.diag([8, 2, 1, 1]).tolist()},
}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(RESULTS / TABLE)


@pytest.mark.slow
def test_the_table_is_made_of_the_stored_files(tmp_path: Path, table: pd.DataFrame) -> None:
    for file in RESULTS.glob("*/*.json"):
        copy = tmp_path / file.relative_to(RESULTS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (tmp_path / ARCHIVE).parent.mkdir()
    (tmp_path / ARCHIVE).write_bytes((RESULTS / ARCHIVE).read_bytes())
    rows = write_table(tmp_path)
    assert (tmp_path / TABLE).read_text() == (RESULTS / TABLE).read_text()
    assert len(rows) == len(table)


def test_the_table_holds_all_runs_each_once(table: pd.DataFrame) -> None:
    assert len(table) >= 271  # all that were made until November 2026
    assert not table.duplicated(["study", "arm", "seed"]).any()
    earlier = {run["study"] for run in archived_runs()}
    assert earlier.isdisjoint(run["study"] for run in current_runs())
    assert {"first-rare-classes", "second-ensemble", "third-ensemble", "exploration"} <= earlier


def test_no_run_has_used_ds2() -> None:
    for run in [*current_runs(), *archived_runs()]:
        assert set(run["confusion"]) <= set(DS1)
        assert set(run["confusion"]).isdisjoint(DS2)
        assert {name for fold in run["folds"] for name in fold} == set(DS1)


def test_current_runs_have_the_rr_inputs_of_today() -> None:
    assert {run["rr_inputs"] for run in current_runs()} == {digest(RR_INPUTS)}
    assert digest(RR_INPUTS[::-1]) != digest(RR_INPUTS)


def test_runs_are_read_from_files_and_archive(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "one-3.json").write_text(json.dumps(RUN))
    (tmp_path / "some" / "summary.json").write_text(json.dumps({"trials": 3}))
    assert list(current_runs(tmp_path)) == [RUN]
    assert list(archived_runs(tmp_path)) == []
    (tmp_path / ARCHIVE).parent.mkdir()
    older = [RUN | {"study": "older", "seed": seed, "rr_inputs": ["a", "b"]} for seed in (0, 1)]
    with ZipFile(tmp_path / ARCHIVE, "w") as archive:
        archive.writestr("older.jsonl", "".join(json.dumps(run) + "\n" for run in older))
    assert list(archived_runs(tmp_path)) == older
    rows = write_table(tmp_path)
    assert list(rows["study"]) == ["some", "older", "older"]
    assert json.loads(rows["settings"][2])["rr_inputs"] == digest(["a", "b"])
    assert json.loads(rows["settings"][0])["varied"] == {"x": 1}


def test_a_row_of_a_stopped_run_has_only_its_folds() -> None:
    row = as_row(RUN)
    assert row["mean_f1"] == row["accuracy"] == row["fold1_mean_f1"] == 1
    assert np.isnan(row["fold2_mean_f1"])


def test_confusion_counts_aami_classes_and_leaves_out_beats_without_one() -> None:
    beat_class = np.array([0, 1, 3, 2, 4, -1, 0])  # N S E V F – N
    probabilities = np.eye(5)[[0, 0, 2, 3, 4, 0, 1]]  # E called V, V called E: both are V
    matrix = confusion(beat_class, probabilities)
    expected = np.diag([1, 0, 2, 1])
    expected[1, 0] = expected[0, 1] = 1
    np.testing.assert_array_equal(matrix, expected)
    np.testing.assert_array_equal(confusion(beat_class[5:6], probabilities[5:6]), 0 * expected)


def test_scores_are_of_the_records_named() -> None:
    matrices = {"a": np.diag([3, 0, 0, 0]), "b": np.array([[0, 3, 0, 0]] + [[0] * 4] * 3)}
    assert scores(matrices, ["a"]).accuracy == 1
    assert scores(matrices, ["b"]).accuracy == 0
    assert scores(matrices).accuracy == 0.5


def test_rows_are_shown_with_their_figures() -> None:
    text = format_rows(pd.DataFrame([as_row(RUN)]))
    head, line = text.splitlines()
    assert head.split()[:2] == ["arm", "seed"]
    assert line.split()[:5] == ["one", "3", "1.000", "0.000", "1.000"]
