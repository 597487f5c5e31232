"""Charts show what they are given: what stands where, not how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from arrhythmia.evaluate.charts import (
    plot_class_counts,
    plot_confusion,
    plot_history,
    plot_mean_beats,
    plot_raw_and_filtered,
    plot_reliability,
    plot_risk_coverage,
    plot_strip,
)
from arrhythmia.labels import BEAT_CLASSES

DIAGRAM = {"confidence": [0.5, 0.9], "share": [0.4, 0.8], "beats": [10, 1000]}


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


def in_legend(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.get_legend().get_texts()]


def test_class_counts_stand_on_their_bars() -> None:
    ax = plot_class_counts({"DS1": {"N": 45866, "E": 105}, "DS2": {"N": 44259, "E": 0}})
    assert [b.get_height() for group in ax.containers for b in group] == [45866, 105, 44259, 0]
    assert [t for t in texts(ax) if t] == ["45,866", "105", "44,259", "0"]
    assert ax.get_yscale() == "log"
    assert in_legend(ax) == ["DS1", "DS2"]
    assert "ventricular\nescape" in ax.get_xticklabels()[1].get_text()


def test_confusion_cells_hold_beats_and_their_share_of_the_row() -> None:
    ax = plot_confusion(np.array([[900, 100], [1, 3]]), ("N", "V"), title="DS2")
    assert texts(ax) == ["900\n90.0 %", "100\n10.0 %", "1\n25.0 %", "3\n75.0 %"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["N", "V"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("predicted", "reference", "DS2")


def test_confusion_row_without_beats_has_no_share() -> None:
    ax = plot_confusion(np.array([[5, 0], [0, 0]]), ("N", "E"))
    assert texts(ax)[2:] == ["0\n–", "0\n–"]
    assert np.isfinite(ax.images[0].get_array()).all()


def test_confusion_is_readable_on_dark_and_pale_cells() -> None:
    ax = plot_confusion(np.array([[60, 40], [0, 9]]), ("N", "V"))
    cells = ax.images[0].to_rgba(ax.images[0].get_array())[..., :3].reshape(-1, 3)
    for cell, text in zip(cells, ax.texts, strict=True):
        brightness = [
            np.dot(c, [0.299, 0.587, 0.114]) for c in (cell, np.array(to_rgb(text.get_color())))
        ]
        assert abs(brightness[0] - brightness[1]) > 0.4


def test_mean_beats_have_a_line_style_each_and_a_band() -> None:
    times = np.linspace(-0.4, 0.5, 20)
    means = {c: np.full(20, float(i)) for i, c in enumerate(BEAT_CLASSES)}
    ax = plot_mean_beats(times, means, {"N": np.full(20, 0.5)})
    lines = [line for line in ax.lines if len(line.get_xdata()) == 20]
    assert [line.get_ydata()[0] for line in lines] == [0, 1, 2, 3, 4]
    assert len({str(line._dash_pattern) for line in lines}) == len(BEAT_CLASSES)
    (band,) = ax.collections
    assert band.get_paths()[0].get_extents().y0 == -0.5
    assert band.get_paths()[0].get_extents().y1 == 0.5


def test_history_shows_loss_and_accuracy() -> None:
    history = pd.DataFrame({"epoch": [1, 2], "loss": [0.9, 0.4], "accuracy": [0.6, 0.8]})
    ax = plot_history(history)
    (right,) = [a for a in ax.figure.axes if a is not ax]
    assert list(ax.lines[0].get_ydata()) == [0.9, 0.4]
    assert list(right.lines[0].get_ydata()) == [0.6, 0.8]
    assert ax.get_ylim()[0] == 0


def test_raw_and_filtered_are_both_drawn_as_they_are() -> None:
    times = np.arange(4) / 4
    ax = plot_raw_and_filtered(times, times + 1, times - 0.5, units="uV")
    assert list(ax.lines[0].get_ydata()) == list(times + 1)
    assert list(ax.lines[1].get_ydata()) == list(times - 0.5)
    assert ax.get_ylabel() == "uV"


def test_a_strip_names_both_classes_of_a_beat_called_wrong() -> None:
    seconds = np.linspace(60, 66, 600)
    ax = plot_strip(seconds, np.sin(seconds), np.array([61.0, 63.0]), ["N", "S"], ["N", "V"])
    assert texts(ax) == ["N", "S→V"]
    assert len(ax.patches) == 1
    assert ax.patches[0].get_x() < 63 < ax.patches[0].get_x() + ax.patches[0].get_width()


def test_a_reliability_diagram_has_a_mark_for_each_bin_that_grows_with_its_beats() -> None:
    ax = plot_reliability({"before": DIAGRAM, "after": DIAGRAM | {"share": [0.5, 0.9]}})
    assert in_legend(ax) == ["perfect calibration", "before", "after"]
    before, after = ax.collections
    np.testing.assert_allclose(before.get_offsets(), [[0.5, 0.4], [0.9, 0.8]])
    np.testing.assert_allclose(after.get_offsets(), [[0.5, 0.5], [0.9, 0.9]])
    small, large = before.get_sizes()
    assert small < large
    diagonal = ax.lines[0]
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata())


def test_risk_falls_with_the_share_referred_and_the_rule_is_marked() -> None:
    kept, error = np.array([1.0, 0.9, 0.8]), np.array([0.03, 0.01, 0.005])
    ax = plot_risk_coverage(kept, error, rule=(0.94, 0.012))
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.0, 0.1, 0.2])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), error)
    assert list(ax.lines[1].get_ydata()) == [0.03, 0.03]
    mark = ax.lines[2]
    assert [mark.get_xdata()[0], mark.get_ydata()[0]] == pytest.approx([0.06, 0.012])
    assert in_legend(ax)[2] == "rule in use: 6.0 % referred, 1.20 % of the rest wrong"
    assert len(plot_risk_coverage(kept, error).lines) == 2


@pytest.mark.parametrize(
    "plot",
    [
        lambda ax: plot_class_counts({"DS1": {"N": 1}}, ax=ax),
        lambda ax: plot_confusion(np.eye(2, dtype=int), ("N", "V"), ax=ax),
        lambda ax: plot_mean_beats(np.arange(3), {"N": np.arange(3)}, {}, ax=ax),
        lambda ax: plot_history(pd.DataFrame({"epoch": [1], "loss": [1], "accuracy": [1]}), ax=ax),
        lambda ax: plot_raw_and_filtered(np.arange(3), np.arange(3), np.arange(3), ax=ax),
        lambda ax: plot_strip(np.arange(3), np.arange(3), np.array([1.0]), ["N"], ["N"], ax=ax),
        lambda ax: plot_reliability({"one": DIAGRAM}, ax=ax),
        lambda ax: plot_risk_coverage(np.array([1, 0.5]), np.array([0.1, 0.05]), ax=ax),
    ],
)
def test_a_given_axes_is_drawn_on_and_returned(plot: Callable[[Axes], Axes]) -> None:
    ax = plt.subplots()[1]
    assert plot(ax) is ax
    assert len(plt.get_fignums()) == 1
