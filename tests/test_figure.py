"""Tests of `arrhythmia.figure`: rhythm, evidence and sentences stand where they should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from test_plotting import SETTINGS, hump, make_record, probabilities

from arrhythmia.beats import find_beats
from arrhythmia.explanation import PARTS
from arrhythmia.figure import AGAINST, FOR, draw_explanation, plot_evidence, plot_tachogram
from arrhythmia.sequences import RR_INPUTS


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_tachogram_rings_the_beat_and_names_others_that_are_not_n() -> None:
    r_peaks = np.arange(40) * 0.8
    r_peaks[20] -= 0.3
    found = probabilities("N" * 19 + "SVN" + "N" * 18)
    found[30:] = np.nan
    ax = plot_tachogram(r_peaks, found, 20)
    (ring,) = [line for line in ax.lines if line.get_markersize() == 9]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == pytest.approx((15.7, 0.5))
    assert [t.get_text() for t in ax.texts] == ["S"]
    assert ax.lines[0].get_ydata() == pytest.approx(np.diff(r_peaks))


def test_the_tachogram_of_a_long_record_shows_a_minute() -> None:
    r_peaks = np.arange(1000) * 0.8
    ax = plot_tachogram(r_peaks, probabilities("N" * 1000), 500)
    times = ax.lines[0].get_xdata()
    assert times.min() >= 400 - 30
    assert times.max() <= 400 + 30
    assert len(times) == 75


def test_the_first_beat_has_no_interval_to_ring() -> None:
    ax = plot_tachogram(np.arange(5) * 0.8, probabilities("NNNNN"), 0)
    assert not [line for line in ax.lines if line.get_markersize() == 9]


def test_bars_tell_for_from_against_by_colour_and_hatch() -> None:
    explanation = hump(0.42)
    rr = np.zeros(len(RR_INPUTS))
    rr[0], rr[1] = 3.0, -2.0
    explanation = replace(explanation, rr=rr)
    ax = plot_evidence(explanation)
    assert tuple(t.get_text() for t in ax.get_yticklabels()) == PARTS
    for bar, name in zip(ax.patches, PARTS, strict=True):
        value = explanation.percent[name]
        assert bar.get_width() == pytest.approx(max(value, -60))
        assert to_hex(bar.get_facecolor()) == to_hex(FOR if value >= 0 else AGAINST)
        assert bool(bar.get_hatch()) == (value < 0)
    shown = {t.get_text() for t in ax.texts}
    assert f"{explanation.percent['time of arrival']:.0f} %" in shown
    assert any(t.startswith("−") for t in shown)


@pytest.mark.parametrize("seconds", [2.0, 20.0])
def test_the_whole_figure_holds_every_sentence_inside_its_page(seconds: float) -> None:
    record, marks = make_record(seconds)
    beats = find_beats(record, SETTINGS, marks)
    text = ["Ventricular: it is wide.", "Evidence: " + "much of it " * 40]
    figure = draw_explanation(
        {"record": record, "signal": record.signal, "beats": beats, "settings": SETTINGS,
         "probabilities": probabilities("N" * len(beats)), "beat": 1},
        marks / record.fs, hump(), text,
    )  # fmt: skip
    figure.canvas.draw()
    drawn = [t for ax in figure.axes for t in ax.texts]
    said = " ".join(t.get_text() for t in drawn)
    assert "Ventricular: it is wide." in said
    assert said.count("much of it") == 40
    box = figure.bbox
    for t in drawn:
        extent = t.get_window_extent()
        assert extent.x0 >= box.x0 - 2
        assert extent.x1 <= box.x1 + 2
