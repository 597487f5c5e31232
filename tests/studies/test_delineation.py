"""Tests of `studies.delineation`: distances from an expert's marks are what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from arrhythmia.errors import InputError
from studies.delineation import (
    FILE,
    MARKS,
    compare_marks,
    expert_marks,
    format_delineation,
    run_delineation,
    summary,
)
from studies.results import RESULTS, read_json


def test_marks_are_read_by_beat(tmp_path: Path) -> None:
    symbols = list("(p)(N)t)(N)(t)")
    samples = 10 * np.arange(1, len(symbols) + 1)
    wfdb.wrann("r", "atr", samples, np.array(symbols), write_dir=str(tmp_path))
    (tmp_path / "r.atr").rename(tmp_path / "r.q1c")  # wfdb writes no digits in a suffix
    (tmp_path / "r.hea").write_text("r 2 250 225000\nr.dat 212 200\nr.dat 212 200\n")
    table = expert_marks(tmp_path / "r") * 250
    nan = np.nan
    expected = [[10, 20, 30, 40, 50, 60, nan, 70, 80], [nan] * 3 + [90, 100, 110, 120, 130, 140]]
    np.testing.assert_allclose(table, expected)


def test_bias_spread_and_misses() -> None:
    expert = np.tile(np.arange(9.0), (4, 1))
    expert[3, :3] = np.nan
    ours = np.tile(np.arange(9.0), (4, 1)) + 0.004
    ours[:2, 5] += 0.05
    ours[0, :3] = np.nan
    row = compare_marks(expert, ours)
    assert row["bias"] == [4.0, 4.0, 4.0, 4.0, 29.0, 4.0, 4.0]
    assert row["spread"][MARKS.index("QRS end")] == 25.0
    assert row["P seen"] == [2, 3]
    assert row["P where none"] == [1, 1]
    assert row["width off"] == [2, 4]


def test_the_stored_figures_are_those_promised() -> None:
    results = read_json(RESULTS / FILE)
    assert len(results) == 39
    figures = summary(results)
    limits = {"P onset": (3, 12), "P end": (3, 11), "QRS onset": (4, 7.5), "QRS end": (2, 8.5),
              "T end": (4, 17)}  # fmt: skip
    for mark, (bias, spread) in limits.items():
        place = MARKS.index(mark)
        assert abs(figures["bias"][place]) <= bias, mark
        assert figures["spread"][place] <= spread, mark
    assert figures["P seen"] >= 0.96
    assert figures["width off"] <= 0.03
    others = {name: row for name, row in results.items() if name != "sel310"}
    assert summary(others)["P where none"] <= 0.1  # of sel310 the expert called the wave U
    assert len(format_delineation(results).splitlines()) == 2 + 39


def test_without_records_and_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QTDB_DIR", str(tmp_path))
    with pytest.raises(InputError, match="QTDB_DIR"):
        run_delineation(tmp_path)
