"""Tests of `arrhythmia.drawing`: ECG paper, clock time, colours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from arrhythmia.drawing import (
    CLASS_COLORS,
    CLASS_LINES,
    TALLEST,
    clock,
    ecg_paper,
    fits_paper,
    new_axes,
)
from arrhythmia.labels import BEAT_CLASSES


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


# --- ECG paper ------------------------------------------------------------------------------


def test_paper_has_the_proportions_of_25_mm_per_second_and_10_mm_per_millivolt() -> None:
    ax = ecg_paper(plt.subplots(figsize=(9, 7))[1], (3.0, 8.0), (-1.0, 1.5))
    ax.figure.canvas.draw()
    corner, right, up = ax.transData.transform([(4.0, 0.0), (5.0, 0.0), (4.0, 2.5)])
    assert right[0] - corner[0] == pytest.approx(up[1] - corner[1], rel=1e-6)
    assert ax.get_xlim() == (3.0, 8.0)
    assert ax.get_ylim() == (-1.0, 1.5)


def test_paper_is_ruled_in_boxes_of_40_ms_and_a_tenth_of_a_millivolt() -> None:
    ax = ecg_paper(plt.subplots()[1], (0.0, 2.0), (0.0, 1.0))
    columns, rows, bold_columns, bold_rows = (
        sorted({round(float(p), 6) for line in group.get_segments() for p in line[:, axis]})
        for group, axis in zip(ax.collections, (0, 1, 0, 1), strict=True)
    )
    assert np.allclose(np.diff(columns), 0.04)
    assert np.allclose(np.diff(bold_columns), 0.2)
    assert np.allclose(np.diff(rows), 0.1)
    assert np.allclose(np.diff(bold_rows), 0.5)


def test_rulings_stand_on_whole_boxes_wherever_the_strip_begins() -> None:
    ax = ecg_paper(plt.subplots()[1], (301.337, 303.9), (-0.73, 1.21))
    for group, axis, box in zip(ax.collections, (0, 1, 0, 1), (0.04, 0.1, 0.2, 0.5), strict=True):
        places = np.array([line[0, axis] for line in group.get_segments()])
        np.testing.assert_allclose(places / box, np.rint(places / box), atol=1e-6)


@pytest.mark.parametrize(("units", "height"), [("uV", 3.0), ("NU", 3.0), ("mV", 4000.0)])
def test_paper_claims_no_millivolts_where_there_are_none(units: str, height: float) -> None:
    ax = ecg_paper(plt.subplots()[1], (0.0, 2.0), (0.0, height), units)
    assert ax.get_aspect() == "auto"
    assert ax.get_ylabel() == units
    flat = [s for group in ax.collections for s in group.get_segments() if s[0, 1] == s[1, 1]]
    assert not flat
    upright = [s for group in ax.collections for s in group.get_segments() if s[0, 0] == s[1, 0]]
    assert upright


def test_only_millivolts_of_the_size_of_an_ecg_fit_the_paper() -> None:
    assert fits_paper("mV", -2.0, 3.0)
    assert fits_paper("mV", 0.0, TALLEST)
    assert not fits_paper("mV", 0.0, TALLEST + 0.1)
    assert not fits_paper("uV", -2.0, 3.0)


def test_a_given_axes_is_ruled_and_returned() -> None:
    ax = plt.subplots()[1]
    assert ecg_paper(ax, (0.0, 2.0), (0.0, 1.0)) is ax
    assert len(plt.get_fignums()) == 1


def test_new_axes_stand_on_a_figure_of_the_size_wanted() -> None:
    ax = new_axes((7.0, 3.0))
    assert ax.figure.get_size_inches().tolist() == [7.0, 3.0]
    assert new_axes((7.0, 3.0)).figure is not ax.figure


# --- clock time -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0, 1, "00:00:00.0"),
        (59.94, 1, "00:00:59.9"),
        (59.96, 1, "00:01:00.0"),
        (293.4167, 3, "00:04:53.417"),
        (3599.9999, 3, "01:00:00.000"),
        (90061.0, 1, "25:01:01.0"),
        (52.0, 0, "00:00:52"),
        (3661.0, 0, "01:01:01"),
    ],
)
def test_clock(seconds: float, decimals: int, text: str) -> None:
    assert clock(seconds, decimals) == text


# --- colours --------------------------------------------------------------------------------


def test_classes_differ_without_colour_and_with_it() -> None:
    for marks in (CLASS_COLORS, CLASS_LINES):
        assert tuple(marks) == BEAT_CLASSES
        assert len(set(marks.values())) == len(BEAT_CLASSES)


def test_no_class_is_as_bright_as_the_paper() -> None:
    brightness = [np.dot(to_rgb(color), [0.299, 0.587, 0.114]) for color in CLASS_COLORS.values()]
    assert max(brightness) < 0.75
