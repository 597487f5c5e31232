"""Tests of `studies.faithfulness_table`."""

from __future__ import annotations

from studies.faithfulness_table import COLUMNS, LEGEND, format_faithfulness
from studies.results import RESULTS, read_json


def test_all_figures_are_shown() -> None:
    results = read_json(RESULTS / "faithfulness.json")
    text = format_faithfulness(results)
    assert text.endswith(LEGEND)
    first, second = text.split("\nDS2: ")
    for half, part in (("DS1", first), ("DS2", second)):
        figures = results[half]
        assert f"{sum(figures['beats'].values())} beats" in part
        assert all(head in part for head in COLUMNS)
        for method, of_method in figures["methods"].items():
            line = next(row for row in part.splitlines() if row.startswith(f"{method} "))
            assert f"{of_method['deletion, relative']:.2f}" in line
            assert f"{of_method['QRS of V']:.0f} %" in line


def test_what_was_not_measured_is_a_dash() -> None:
    results = read_json(RESULTS / "faithfulness.json")
    del results["DS1"]["methods"]["shap"]["noise"]
    line = next(row for row in format_faithfulness(results).splitlines() if row.startswith("shap"))
    assert line.split().count("–") == 1
