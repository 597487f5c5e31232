"""Tests of `arrhythmia.explain.figure`: what stands where in the figure of a beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explain_cases import (
    FLAT,
    SENTENCE,
    SETTINGS,
    SYMBOLS,
    hump,
    make_case,
    with_gap,
    with_pause,
    written_record,
)
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from arrhythmia.drawing import MV_PER_SECOND, clock
from arrhythmia.errors import InputError
from arrhythmia.explain import wording
from arrhythmia.explain.case import Case
from arrhythmia.explain.figure import draw_case, heat_colors, plot_explained_beat, save_figure
from arrhythmia.explain.wording import DISCLAIMER
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import Record


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A ventricular beat in the middle of 24 others, all of them written as N."""
    return written_record(tmp_path_factory.mktemp("record"), "N" * 12 + "V" + "N" * 11)


@pytest.fixture(scope="module")
def case(record: Record) -> Case:
    return make_case(record, 12, evidence=hump())


def texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


def all_text(figure: Figure) -> str:
    """Titles, labels and all other text of a figure, with the lines that wrapping broke joined."""
    parts = []
    for ax in figure.axes:
        parts += [ax.get_title(loc=loc) for loc in ("left", "center")]
        parts += [ax.get_xlabel(), ax.get_ylabel(), *texts(ax)]
    return " ".join(" ".join(parts).split())


def drawn(case: Case, **options: object) -> Axes:
    ax = plot_explained_beat(case, **options)
    ax.figure.canvas.draw()
    return ax


# --- what is said above the ECG -------------------------------------------------------------


def test_title_tells_class_probability_record_time_and_lead(case: Case) -> None:
    ax = drawn(case)
    assert ax.get_title(loc="left") == "V – ventricular ectopic, p = 0.90"
    (where,) = [t for t in texts(ax) if t.startswith("record ")]
    assert where == (
        f"record syn, {clock(case.seconds)} · lead MLII · "
        "reference: V, premature ventricular contraction"
    )


def test_every_beat_shown_has_its_letter_above_its_r_peak(record: Record) -> None:
    case = make_case(record, 12, "N" * 11 + "SVF" + "N" * 10, evidence=hump())
    ax = drawn(case)
    low, high = ax.get_xlim()
    letters = {t.xy[0]: t.get_text() for t in ax.texts if t.get_text() in BEAT_CLASSES}
    shown = case.r_peaks[(case.r_peaks >= low) & (case.r_peaks <= high)]
    assert sorted(letters) == pytest.approx(list(shown))
    assert [letters[case.r_peaks[i]] for i in (10, 11, 12, 13)] == list("NSVF")


def test_the_explained_beat_stands_out(case: Case) -> None:
    sizes = {t.xy[0]: t.get_fontsize() for t in drawn(case).texts if t.get_text() in BEAT_CLASSES}
    assert max(sizes, key=sizes.get) == case.seconds
    assert sum(size == max(sizes.values()) for size in sizes.values()) == 1


def test_the_reference_is_shown_where_the_network_differs(record: Record) -> None:
    ax = drawn(make_case(record, 11, "N" * 24, evidence=hump(target_class="N")))
    assert [t for t in texts(ax) if t.startswith("ref. ")] == ["ref. V"]


def test_bundle_branch_block_is_no_difference_from_normal(tmp_path: Path) -> None:
    case = make_case(written_record(tmp_path, "LLLLLVLLLLLL"), evidence=hump())
    assert not [t for t in texts(drawn(case)) if t.startswith("ref. ")]


def test_rr_intervals_are_written_beside_the_beat(tmp_path: Path) -> None:
    record = written_record(tmp_path, "N" * 12)
    case = make_case(record, 5, evidence=hump())
    wanted = [f"{rr:.2f} s" for rr in (case.rr_before, case.rr_after)]
    assert [t for t in texts(drawn(case)) if t.endswith(" s")] == wanted
    first = make_case(record, 0, evidence=hump())
    assert [t for t in texts(drawn(first)) if t.endswith(" s")] == [f"{first.rr_after:.2f} s"]


# --- evidence -------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0.2, 0.45, 0.9])
def test_heat_lies_on_the_trace_at_its_own_time(record: Record, at: float) -> None:
    case = make_case(record, 12, evidence=hump(at))
    ax = drawn(case)
    (line,) = [c for c in ax.collections if c.get_array() is not None]
    assert isinstance(line, LineCollection)
    assert (np.diff(line.get_array()) >= 0).all()  # the hottest is drawn last, on top
    hottest = line.get_segments()[int(np.argmax(line.get_array()))][0, 0]
    start = case.beats.centers[12] - SETTINGS.before
    wanted = start + at * (SETTINGS.length - 1) / SETTINGS.fs
    assert hottest == pytest.approx(wanted, abs=0.012)
    ends = np.concatenate([s[:, 0] for s in line.get_segments()])
    assert ends.min() >= start - 0.01
    assert ends.max() <= case.beats.centers[12] + SETTINGS.after + 0.01


def test_the_colour_bar_names_the_class_explained(record: Record) -> None:
    ax = drawn(make_case(record, 12, evidence=hump(target_class="F")))
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    label = bar.get_xlabel()
    assert label.startswith("evidence for F in the shape of this beat, relative (Grad-CAM)")
    assert "shape 100 %, rhythm 0 %" in label


def test_an_empty_heatmap_is_told_and_has_no_colours(record: Record) -> None:
    ax = drawn(make_case(record, 12, evidence=hump(None)))
    assert "Grad-CAM finds nothing in the shape of this beat that speaks for V" in texts(ax)
    assert ax.figure.axes == [ax]
    assert not ax.images


def test_waves_are_named_where_they_are(case: Case) -> None:
    places = {t.get_text(): t.xy[0] - case.segment_start for t in drawn(case).texts}
    named = {k: round(places[k], 3) for k in ("P", "QRS", "T")}
    assert named == {"P": 0.25, "QRS": 0.405, "T": 0.64}


@pytest.mark.slow
@pytest.mark.parametrize(("p_seen", "t_seen"), [(False, True), (True, False), (False, False)])
def test_waves_that_were_not_seen_are_in_brackets(
    record: Record, p_seen: bool, t_seen: bool
) -> None:
    """The figure said P and T where the page said (P) and (T)."""
    case = make_case(record, 12, evidence=hump(p_seen=p_seen, t_seen=t_seen))
    named = {t for t in texts(drawn(case)) if t.strip("()") in ("P", "QRS", "T")}
    assert named == {"P" if p_seen else "(P)", "QRS", "T" if t_seen else "(T)"}


def test_heat_grows_darker_step_by_step_also_in_grey() -> None:
    grey = heat_colors()(np.linspace(0, 1, 50))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) < 0).all()


# --- the paper ------------------------------------------------------------------------------


@pytest.mark.parametrize("beat", [0, 23])
def test_a_beat_at_the_edge_is_shown_on_a_whole_strip(record: Record, beat: int) -> None:
    case = make_case(record, beat, evidence=hump())
    low, high = drawn(case).get_xlim()
    assert low <= case.seconds <= high
    assert low >= 0
    assert high <= record.seconds + 0.2  # of a large box that the record ends in
    assert high - low == pytest.approx(5.0)


def test_a_short_recording_is_shown_whole(tmp_path: Path) -> None:
    record = written_record(tmp_path, "NVN")
    low, high = drawn(make_case(record, 1, evidence=hump())).get_xlim()
    assert low == 0
    assert high >= record.seconds


def test_invalid_samples_leave_a_gap_in_the_recorded_line(record: Record) -> None:
    start = make_case(record, 12).seconds + 1.0
    ax = drawn(make_case(with_gap(record, start, start + 0.1), 12, evidence=hump()))
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert np.isnan(lines["as recorded"]).sum() == pytest.approx(36, abs=1)
    assert np.isfinite(lines["filtered"]).all()
    ax = drawn(make_case(with_gap(record, start, start + 0.5), 12, evidence=hump()))
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert np.isnan(lines["filtered"]).sum() == pytest.approx(180, abs=1)


@pytest.mark.parametrize("units", ["uV", "µV", "V"])
def test_other_voltages_are_drawn_in_mv_on_ruled_paper(
    record: Record, case: Case, units: str
) -> None:
    """In microvolts the paper lost its rulings and its proportions."""
    factor = {"uV": 1e3, "µV": 1e3, "V": 1e-3}[units]
    converted = replace(record, signals=record.signals * factor, units=(units, units))
    ax, wanted = drawn(make_case(converted, 12, evidence=hump())), drawn(case)
    assert ax.get_ylabel() == "mV"
    assert "25 mm/s, 10 mm/mV" in texts(ax)
    assert ax.get_aspect() == pytest.approx(1 / MV_PER_SECOND)
    assert ax.get_ylim() == pytest.approx(wanted.get_ylim())
    for line, in_mv in zip(ax.lines, wanted.lines, strict=True):
        np.testing.assert_allclose(line.get_ydata(), in_mv.get_ydata(), atol=1e-6)


def test_units_that_are_no_voltage_are_drawn_without_millivolts(record: Record) -> None:
    ax = drawn(make_case(replace(record, units=("NU", "NU")), 12, evidence=hump()))
    assert ax.get_ylabel() == "NU"
    assert ax.get_aspect() == "auto"
    assert not [t for t in texts(ax) if "mV" in t]


def test_a_given_axes_is_drawn_on_and_returned(case: Case) -> None:
    ax = plt.subplots()[1]
    assert plot_explained_beat(case, ax=ax) is ax
    assert len(plt.get_fignums()) == 1


# --- the whole figure -----------------------------------------------------------------------


def test_the_figure_holds_ecg_sentences_rhythm_and_evidence(case: Case) -> None:
    figure = draw_case(case)
    said = all_text(figure)
    for sentence in (*case.sentences, *case.trust):
        assert sentence in said
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert case.headline in titles
    assert "evidence for V, Grad-CAM (hatched: against)" in titles
    assert any(title.startswith("rhythm: ") for title in titles)


@pytest.mark.parametrize("symbols", ["NVN", SYMBOLS])
def test_every_sentence_stands_inside_the_page(tmp_path: Path, symbols: str) -> None:
    doubt = "the network is not sure; " * 12
    beat = symbols.index("V")
    figure = draw_case(make_case(written_record(tmp_path, symbols), beat, problems={beat: doubt}))
    figure.canvas.draw()
    assert all_text(figure).count("the network is not sure") == 12
    for text in (t for ax in figure.axes for t in ax.texts):
        extent = text.get_window_extent()
        assert extent.x0 >= figure.bbox.x0 - 2
        assert extent.x1 <= figure.bbox.x1 + 2


def test_a_beat_that_cannot_be_read_gets_no_class_no_heat_and_no_evidence(record: Record) -> None:
    """The figure said "not assessable", and below it the sentence of a class in bold letters."""
    case = make_case(record, 12, problems={12: FLAT})
    figure = draw_case(case)
    said = all_text(figure)
    ax = figure.axes[0]
    assert ax.get_title(loc="left") == "Not assessable: a flat line"
    assert wording.NO_CLASS in said
    assert SENTENCE not in said
    assert "ventricular ectopic" not in said
    assert "evidence for" not in said.lower()
    assert "p(V)" not in said
    assert "90 % set" not in said
    assert not ax.images
    assert not [c for c in ax.collections if c.get_array() is not None]
    letters = [t.get_text() for t in ax.texts if t.xy[0] == case.seconds]
    assert "?" in letters
    assert "V" not in letters
    assert not {"P", "QRS", "T"} & {t.strip("()") for t in texts(ax)}
    assert len(figure.axes) == 4  # ECG, the other lead, sentences, rhythm


def test_the_rhythm_panel_has_the_classes_of_all_beats_classified(tmp_path: Path) -> None:
    """Of beats more than 6 s away it had none."""
    record = written_record(tmp_path, "N" * 40)
    letters = "".join("S" if i % 7 == 0 else "N" for i in range(40))
    case = make_case(record, 20, letters, problems={13: FLAT})
    figure = draw_case(case)
    (rhythm,) = [ax for ax in figure.axes if ax.get_title(loc="left").startswith("rhythm")]
    named = {round(float(t.xy[0]), 3): t.get_text() for t in rhythm.texts}
    wanted = {7: "S", 13: "?", 14: "S", 21: "S", 28: "S", 35: "S"}
    assert named == {round(float(case.r_peaks[i]), 3): letter for i, letter in wanted.items()}


def test_a_pause_of_six_seconds_is_one_of_six_seconds(tmp_path: Path) -> None:
    record = with_pause(written_record(tmp_path, "N" * 16), 7, 5.2)
    case = make_case(record, 8, evidence=hump())
    figure = draw_case(case)
    (rhythm,) = [ax for ax in figure.axes if ax.get_title(loc="left").startswith("rhythm")]
    assert np.nanmax(rhythm.lines[0].get_ydata()) == pytest.approx(6.0, abs=0.1)


def test_the_figure_is_a_whole_png_of_readable_size(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "one.png"
    save_figure(draw_case(case), file)
    with Image.open(file) as image:
        image.load()
        assert image.format == "PNG"
        assert 1800 < image.width < 2600
        assert 600 < image.height < 2600
        assert len(image.convert("RGB").getcolors(10**6)) > 100
    assert [path.name for path in file.parent.iterdir()] == ["one.png"]


def test_a_place_that_cannot_be_written_is_told(case: Case, tmp_path: Path) -> None:
    figure = plt.figure()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        save_figure(figure, tmp_path / "file" / "one.png")
    with pytest.raises(InputError, match="is a folder"):
        save_figure(figure, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_figure_says_what_it_is_and_what_to_know(tmp_path: Path) -> None:
    """It is passed on without the words beside it."""
    case = make_case(written_record(tmp_path), notes=("the lead was chosen",))
    said = [text.get_text() for ax in draw_case(case).axes for text in ax.texts]
    assert "Note: the lead was chosen." in said
    assert DISCLAIMER in said
