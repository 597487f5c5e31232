"""Tests of `studies.charts`."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt

from arrhythmia.explain.methods import METHODS
from studies.charts import plot_deletion, plot_run_lengths
from studies.results import RESULTS, read_json


@pytest.fixture(autouse=True)
def closed() -> None:
    yield
    plt.close("all")


def test_run_lengths_have_a_line_for_each_direction_and_one_to_compare() -> None:
    lines = {"LSTM": [0.4, 0.5, 0.6], "both": [0.5, 0.6, 0.7], "1 beat": [0.3]}
    ax = plot_run_lengths([1, 8, 64], lines)
    assert [list(line.get_ydata()) for line in ax.lines] == [*list(lines.values())[:2], [0.3, 0.3]]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "8", "64"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == list(lines)


def test_deletion_has_a_line_for_each_method_and_one_for_random_order() -> None:
    figures = read_json(RESULTS / "faithfulness.json")["DS1"]
    ax = plot_deletion(figures, title="DS1")
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert len(labels) == len(METHODS) + 1
    for (method, of_method), label, line in zip(
        figures["methods"].items(), labels, ax.lines, strict=False
    ):
        assert label == f"{method} ({of_method['deletion, relative']:.2f})"
        np.testing.assert_array_equal(line.get_ydata(), of_method["deletion curve"])
    assert labels[-1] == "random order"
