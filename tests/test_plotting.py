"""Tests of the drawings: what stands where, not how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

from arrhythmia.beats import Beats, BeatSettings, bandpass, find_beats
from arrhythmia.charts import (
    plot_class_counts,
    plot_confusion,
    plot_history,
    plot_mean_beats,
    plot_raw_and_filtered,
    plot_run_lengths,
    plot_strip,
)
from arrhythmia.explanation import Explanation
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.plotting import (
    CLASS_COLORS,
    CLASS_LINES,
    chance,
    clock,
    ecg_paper,
    heat_colors,
    plot_explained_beat,
)
from arrhythmia.records import Record
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.waves import WAVES, Waves

FS = 250.0
SETTINGS = BeatSettings()


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def make_record(seconds: float = 20.0, units: str = "mV") -> tuple[Record, np.ndarray]:
    """Sharp peaks, one each 0.8 s from 0.4 s on, and where they are."""
    times = np.arange(round(seconds * FS)) / FS
    peaks = np.arange(0.4, seconds - 0.2, 0.8)
    signal = sum(1.2 * np.exp(-0.5 * ((times - p) / 0.012) ** 2) for p in peaks)
    return Record("made", signal, FS, "V5", units), np.rint(peaks * FS).astype(int)


def probabilities(letters: str) -> np.ndarray:
    """0.9 for each letter's class."""
    table = np.full((len(letters), len(BEAT_CLASSES)), 0.025)
    table[np.arange(len(letters)), [BEAT_CLASSES.index(c) for c in letters]] = 0.9
    return table


def hump(at: float | None = 0.5, target: str = "V") -> Explanation:
    """Evidence that is greatest at a share of the segment; none at all for None."""
    places = np.arange(SETTINGS.length)
    values = np.zeros(SETTINGS.length)
    if at is not None:
        values = np.exp(-0.5 * ((places - round(at * (SETTINGS.length - 1))) / 4) ** 2)
    edges = np.array([0.0, 20, 30, 36, 45, 53, 75, SETTINGS.length])
    nothing = np.zeros(15)
    return Explanation(
        "grad-cam", target, values, np.zeros(len(RR_INPUTS)), np.arange(15), nothing, nothing,
        Waves(edges, True, True),
    )  # fmt: skip


def explained(
    beat: int = 10,
    record: Record | None = None,
    heatmap: Explanation | None = None,
    letters: dict[int, str] | None = None,
    **options: object,
) -> tuple[Axes, Beats]:
    made, r_peaks = make_record()
    if record is not None and len(record.signal) != len(made.signal):
        r_peaks = make_record(record.seconds)[1]
    record = record or made
    beats = find_beats(record, SETTINGS, r_peaks)
    found = ["N"] * len(beats)
    for i, letter in ({beat: "V"} | (letters or {})).items():
        found[i] = letter
    signal = bandpass(np.nan_to_num(record.signal), FS)
    ax = plot_explained_beat(
        record, signal, beats, SETTINGS, probabilities("".join(found)), beat,
        heatmap or hump(), **options,
    )  # fmt: skip
    ax.figure.canvas.draw()
    return ax, beats


def texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


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


@pytest.mark.parametrize(("units", "height"), [("uV", 3.0), ("NU", 3.0), ("mV", 4000.0)])
def test_paper_claims_no_millivolts_where_there_are_none(units: str, height: float) -> None:
    ax = ecg_paper(plt.subplots()[1], (0.0, 2.0), (0.0, height), units)
    assert ax.get_aspect() == "auto"
    assert ax.get_ylabel() == units
    flat = [s for group in ax.collections for s in group.get_segments() if s[0, 1] == s[1, 1]]
    assert not flat


def test_title_tells_class_probability_record_time_and_lead() -> None:
    ax, beats = explained(10)
    assert ax.get_title(loc="left") == "V – ventricular ectopic, p = 0.90"
    assert f"record made, {clock(beats.centers[10])} · lead V5" in texts(ax)


def test_marks_stand_on_the_r_peaks_where_these_are_given() -> None:
    r_peaks = explained(10)[1].centers + 0.02
    r_peaks[10] += 0.1
    ax, _ = explained(10, r_peaks=r_peaks)
    (mark,) = [t for t in ax.texts if t.get_text() == "V"]
    assert mark.xy[0] == r_peaks[10]
    assert f"record made, {clock(r_peaks[10])} · lead V5" in texts(ax)
    assert {"0.90 s", "0.70 s"} <= set(texts(ax))


def test_every_beat_shown_has_its_letter_above_it() -> None:
    ax, beats = explained(10, letters={9: "S", 11: "F"})
    low, high = ax.get_xlim()
    letters = {t.xy[0]: t.get_text() for t in ax.texts if t.get_text() in BEAT_CLASSES}
    shown = beats.centers[(beats.centers >= low) & (beats.centers <= high)]
    assert sorted(letters) == pytest.approx(list(shown))
    assert [letters[beats.centers[i]] for i in (8, 9, 10, 11)] == list("NSVF")


def test_the_explained_beat_stands_out() -> None:
    ax, beats = explained(10)
    sizes = {t.xy[0]: t.get_fontsize() for t in ax.texts if t.get_text() in BEAT_CLASSES}
    assert max(sizes, key=sizes.get) == beats.centers[10]
    assert sum(size == max(sizes.values()) for size in sizes.values()) == 1


def test_reference_is_told_in_words_and_shown_where_the_network_differs() -> None:
    symbols = np.array(["N"] * 24)
    symbols[[10, 11]] = "V", "A"
    ax, _ = explained(10, symbols=symbols)
    assert any("reference: V, premature ventricular contraction" in t for t in texts(ax))
    assert [t for t in texts(ax) if t.startswith("ref. ")] == ["ref. A"]


def test_bundle_branch_block_is_no_difference_from_normal() -> None:
    symbols = np.array(["L"] * 24)
    symbols[10] = "V"
    ax, _ = explained(10, symbols=symbols)
    assert not [t for t in texts(ax) if t.startswith("ref. ")]


def test_rr_intervals_are_written_beside_the_beat() -> None:
    ax, _ = explained(10)
    assert texts(ax).count("0.80 s") == 2
    ax, _ = explained(0)
    assert texts(ax).count("0.80 s") == 1


@pytest.mark.parametrize("at", [0.2, 0.45, 0.9])
def test_heat_lies_on_the_trace_at_its_own_time(at: float) -> None:
    ax, beats = explained(10, heatmap=hump(at))
    (line,) = [c for c in ax.collections if c.get_array() is not None]
    assert isinstance(line, LineCollection)
    assert (np.diff(line.get_array()) >= 0).all()  # the hottest is drawn last, on top
    hottest = line.get_segments()[int(np.argmax(line.get_array()))][0, 0]
    start = beats.centers[10] - SETTINGS.before
    wanted = start + at * (SETTINGS.length - 1) / SETTINGS.fs
    assert hottest == pytest.approx(wanted, abs=0.012)
    ends = np.concatenate([s[:, 0] for s in line.get_segments()])
    assert ends.min() >= start - 0.01
    assert ends.max() <= beats.centers[10] + SETTINGS.after + 0.01


def test_colour_bar_names_the_class_explained() -> None:
    ax, _ = explained(10, heatmap=hump(target="F"))
    (bar,) = [a for a in ax.figure.axes if a is not ax]
    assert bar.get_xlabel().startswith("evidence for F in the shape of this beat (Grad-CAM,")


def test_empty_heatmap_is_told_and_has_no_colours() -> None:
    ax, _ = explained(10, heatmap=hump(None))
    assert "Grad-CAM finds nothing in the shape of this beat that speaks for V" in texts(ax)
    assert ax.figure.axes == [ax]
    assert not ax.images


def test_waves_are_named_where_they_are() -> None:
    ax, beats = explained(10)
    start = beats.centers[10] - SETTINGS.before
    names = {t.get_text(): t.xy[0] - start for t in ax.texts if t.get_text() in WAVES}
    assert {k: round(v, 3) for k, v in names.items()} == {"P": 0.25, "QRS": 0.405, "T": 0.64}


@pytest.mark.parametrize("beat", [0, 23])
def test_a_beat_at_the_edge_is_shown_whole_strip(beat: int) -> None:
    ax, beats = explained(beat)
    low, high = ax.get_xlim()
    assert low <= beats.centers[beat] <= high
    assert low >= 0
    assert high <= 20.2
    assert high - low == pytest.approx(5.0)


def test_a_short_recording_is_shown_whole() -> None:
    ax, _ = explained(1, record=make_record(2.0)[0])
    low, high = ax.get_xlim()
    assert low == 0
    assert high >= 2.0


def test_invalid_samples_leave_a_gap_in_the_recorded_line() -> None:
    record, _ = make_record()
    record.signal[2000:2100] = np.nan
    ax, _ = explained(10, record=record)
    (recorded,) = [line for line in ax.lines if line.get_label() == "as recorded"]
    (filtered,) = [line for line in ax.lines if line.get_label() == "filtered"]
    assert np.isnan(recorded.get_ydata()).sum() == 100
    assert np.isfinite(filtered.get_ydata()).all()


def test_other_units_are_drawn_without_millivolts() -> None:
    record, _ = make_record(units="uV")
    ax, _ = explained(10, record=record)
    assert ax.get_ylabel() == "uV"
    assert not [t for t in texts(ax) if "mV" in t]


def test_heat_grows_darker_step_by_step_also_in_grey() -> None:
    grey = heat_colors()(np.linspace(0, 1, 50))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) < 0).all()


def test_classes_differ_without_colour_and_with_it() -> None:
    for marks in (CLASS_COLORS, CLASS_LINES):
        assert tuple(marks) == BEAT_CLASSES
        assert len(set(marks.values())) == len(BEAT_CLASSES)


def test_class_counts_stand_on_their_bars() -> None:
    ax = plot_class_counts({"DS1": {"N": 45866, "E": 105}, "DS2": {"N": 44259, "E": 0}})
    assert [b.get_height() for group in ax.containers for b in group] == [45866, 105, 44259, 0]
    assert [t for t in texts(ax) if t] == ["45,866", "105", "44,259", "0"]
    assert ax.get_yscale() == "log"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["DS1", "DS2"]
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


@pytest.mark.parametrize(
    "plot",
    [
        lambda ax: plot_class_counts({"DS1": {"N": 1}}, ax=ax),
        lambda ax: plot_confusion(np.eye(2, dtype=int), ("N", "V"), ax=ax),
        lambda ax: plot_mean_beats(np.arange(3), {"N": np.arange(3)}, {}, ax=ax),
        lambda ax: plot_history(pd.DataFrame({"epoch": [1], "loss": [1], "accuracy": [1]}), ax=ax),
        lambda ax: plot_raw_and_filtered(np.arange(3), np.arange(3), np.arange(3), ax=ax),
        lambda ax: explained(10, ax=ax)[0],
    ],
)
def test_a_given_axes_is_drawn_on_and_returned(plot: Callable[[Axes], Axes]) -> None:
    ax = plt.subplots()[1]
    assert plot(ax) is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0, 1, "00:00:00.0"),
        (59.96, 1, "00:01:00.0"),
        (293.4167, 3, "00:04:53.417"),
        (3599.9999, 3, "01:00:00.000"),
        (90061.0, 1, "25:01:01.0"),
    ],
)
def test_clock(seconds: float, decimals: int, text: str) -> None:
    assert clock(seconds, decimals) == text


@pytest.mark.parametrize(
    ("probability", "text"), [(0.5, "= 0.50"), (0.9949, "= 0.99"), (0.995, "> 0.99"), (1, "> 0.99")]
)
def test_chance_is_never_certain(probability: float, text: str) -> None:
    assert chance(probability) == text


def test_run_lengths_have_a_line_for_each_direction_and_one_to_compare() -> None:
    lines = {"LSTM": [0.4, 0.5, 0.6], "both": [0.5, 0.6, 0.7], "reference": [0.3]}
    ax = plot_run_lengths([1, 8, 64], lines)
    assert [list(line.get_ydata()) for line in ax.lines] == [*list(lines.values())[:2], [0.3, 0.3]]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "8", "64"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == list(lines)


def test_a_strip_names_both_classes_of_a_beat_called_wrong() -> None:
    seconds = np.linspace(60, 66, 600)
    ax = plot_strip(seconds, np.sin(seconds), np.array([61.0, 63.0]), ["N", "S"], ["N", "V"])
    assert texts(ax) == ["N", "S→V"]
    assert len(ax.patches) == 1
    assert ax.patches[0].get_x() < 63 < ax.patches[0].get_x() + ax.patches[0].get_width()


def test_whole_seconds_are_two_digits() -> None:
    assert clock(52.0, 0) == "00:00:52"
    assert clock(3661.0, 0) == "01:01:01"
