"""Tests of `arrhythmia.explain.panels`: the rhythm around a beat, and the bars of evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explain_cases import hump, make_case, with_gap, written_record
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from arrhythmia.explain.explanation import PARTS
from arrhythmia.explain.panels import AGAINST, FOR, TACHOGRAM_S, plot_evidence, plot_tachogram
from arrhythmia.sequences import RR_INPUTS


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


def rings(ax: Axes) -> list[Line2D]:
    return [line for line in ax.lines if line.get_markersize() == 9]


def intervals(r_peaks: np.ndarray) -> np.ndarray:
    return np.concatenate([[np.nan], np.diff(r_peaks)])


# --- rhythm ---------------------------------------------------------------------------------


def test_the_tachogram_rings_the_beat_and_names_others_that_are_not_n() -> None:
    r_peaks = np.arange(40) * 0.8
    r_peaks[20] -= 0.3
    letters = [*"N" * 19, "S", "V", *"N" * 9, *[""] * 10]
    ax = plot_tachogram(r_peaks, intervals(r_peaks), letters, 20)
    (ring,) = rings(ax)
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == pytest.approx((15.7, 0.5))
    assert texts(ax) == ["S"]
    assert ax.lines[0].get_ydata()[1:] == pytest.approx(np.diff(r_peaks))


def test_every_beat_shown_that_is_not_n_has_its_letter_also_far_from_the_beat() -> None:
    """Only those within 6 s of the beat had one."""
    r_peaks = np.arange(90) * 0.8
    letters = ["V" if i % 10 == 3 else "N" for i in range(90)]
    letters[44] = "?"
    ax = plot_tachogram(r_peaks, intervals(r_peaks), letters, 43)
    shown = np.abs(r_peaks - r_peaks[43]) <= TACHOGRAM_S
    wanted = {i for i in np.flatnonzero(shown) if letters[i] != "N" and i != 43}
    assert {round(t.xy[0] / 0.8) for t in ax.texts} == wanted
    assert max(abs(t.xy[0] - r_peaks[43]) for t in ax.texts) > 20
    assert sorted(texts(ax)) == sorted(letters[i] for i in wanted)


def test_the_tachogram_of_a_long_record_shows_a_minute() -> None:
    r_peaks = np.arange(1000) * 0.8
    ax = plot_tachogram(r_peaks, intervals(r_peaks), ["N"] * 1000, 500)
    times = ax.lines[0].get_xdata()
    assert times.min() >= 400 - 30
    assert times.max() <= 400 + 30
    assert len(times) == 75


def test_the_first_beat_has_no_interval_to_ring() -> None:
    r_peaks = np.arange(5) * 0.8
    ax = plot_tachogram(r_peaks, intervals(r_peaks), ["N"] * 5, 0)
    assert not rings(ax)


def test_a_gap_breaks_the_line_and_leaves_the_axis_as_it_was(tmp_path: Path) -> None:
    """Drawn as an interval, a gap of ten seconds pressed all others into a flat line."""
    whole = written_record(tmp_path, "N" * 40, seed=4)
    beats = make_case(whole, 30).beats
    first, last = beats.centers[10] + 0.3, beats.centers[22] - 0.3
    spoiled = replace(
        with_gap(whole, first, last),
        annotation=type(whole.annotation)(
            *(column[~_within(whole.annotation.sample, whole.fs, first, last)]
              for column in whole.annotation)
        ),
    )  # fmt: skip
    limits = []
    for record in (whole, spoiled):
        case = make_case(record, 15)
        letters = [case.letter(i) for i in range(len(case.beats))]
        ax = plot_tachogram(case.r_peaks, case.rr, letters, 15)
        limits.append(ax.get_ylim())
    drawn = ax.lines[0].get_ydata()
    assert np.isnan(drawn).sum() == 2  # the first beat, and the one after the gap
    assert np.isnan(drawn[11])
    assert case.r_peaks[11] - case.r_peaks[10] > 8
    assert limits[1][1] < 1.1
    np.testing.assert_allclose(limits[1], limits[0], atol=0.05)


def _within(sample: np.ndarray, fs: float, first: float, last: float) -> np.ndarray:
    return (sample / fs > first) & (sample / fs < last)


def test_an_interval_across_a_gap_gets_neither_ring_nor_letter() -> None:
    r_peaks = np.arange(10) * 0.8
    rr = intervals(r_peaks)
    rr[[4, 6]] = np.nan
    letters = [*"NNNNVNSNNN"]
    ax = plot_tachogram(r_peaks, rr, letters, 4)
    assert not rings(ax)
    assert texts(ax) == []


# --- evidence -------------------------------------------------------------------------------


def test_bars_tell_for_from_against_by_colour_and_hatch() -> None:
    rr = np.zeros(len(RR_INPUTS))
    rr[0], rr[1] = 3.0, -2.0
    explanation = replace(hump(0.42), rr=rr)
    ax = plot_evidence(explanation)
    assert tuple(t.get_text() for t in ax.get_yticklabels()) == PARTS
    for bar, name in zip(ax.patches, PARTS, strict=True):
        value = explanation.percent[name]
        assert bar.get_width() == pytest.approx(max(value, -60))
        assert to_hex(bar.get_facecolor()) == to_hex(FOR if value >= 0 else AGAINST)
        assert bool(bar.get_hatch()) == (value < 0)
    assert f"{explanation.percent['time of arrival']:.0f} %" in texts(ax)
    assert any(t.startswith("−") for t in texts(ax))


def test_bars_name_class_and_method() -> None:
    title = plot_evidence(hump(target_class="F")).get_title(loc="left")
    assert title == "evidence for F, Grad-CAM (hatched: against)"


def test_panels_draw_on_given_axes() -> None:
    ax, other = plt.subplots(2)[1]
    r_peaks = np.arange(5) * 0.8
    assert plot_tachogram(r_peaks, intervals(r_peaks), ["N"] * 5, 2, ax) is ax
    assert plot_evidence(hump(), other) is other
    assert len(plt.get_fignums()) == 1
