"""Tests of `arrhythmia.annotate.report`: pages that say what the summary says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotate.test_holter import analysis_of
from conftest import MakeRecord

from arrhythmia.annotate.holter import NOTICE, summary
from arrhythmia.annotate.report import (
    STRIPS,
    plot_ectopic,
    plot_rate,
    plot_strip,
    strips_of,
    summary_lines,
    write_report,
)
from arrhythmia.drawing import new_axes
from arrhythmia.records import Record, read_record
from arrhythmia.rhythm import NOT_ASSESSABLE, Event


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path_factory.mktemp("r"), symbols="N" * 60))


def test_a_pdf_is_written_whole(record: Record, tmp_path: Path) -> None:
    analysis = analysis_of(record)
    file = tmp_path / "r.pdf"
    write_report(file, analysis, summary(analysis) | {"model": "x"})
    content = file.read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 4
    assert [f.name for f in tmp_path.iterdir()] == ["r.pdf"]


def test_the_summary_is_told_in_words(record: Record) -> None:
    lines = "\n".join(summary_lines(summary(analysis_of(record)) | {"model": "x"}))
    for words in ("14 (23.33 %", "single 2, couplets 2, runs 2", "Fusion beats: 2", "model x"):
        assert words in lines
    assert all(len(line) < 110 for line in lines.splitlines())
    assert "medical" in NOTICE


def test_strips_are_of_beats_of_each_class_and_not_too_many(record: Record) -> None:
    strips = list(strips_of(analysis_of(record)))
    words = " ".join(text for _, text in strips)
    assert 3 <= len(strips) <= STRIPS + 1
    for noun in ("Ventricular beat", "Supraventricular beat", "Fusion beat", "least sure"):
        assert noun in words


def test_a_strip_has_a_letter_above_every_beat(record: Record) -> None:
    analysis = analysis_of(record)
    ax = plot_strip(analysis, 20.0, new_axes((7, 2)))
    first, last = ax.get_xlim()
    inside = (analysis.beats.centers >= first) & (analysis.beats.centers <= last)
    letters = [t.get_text() for t in ax.texts if t.get_text() in "NSVEF?"]
    assert letters == list(analysis.classes[inside])


def test_bars_are_as_high_as_there_are_ectopic_beats(record: Record) -> None:
    ax = plot_ectopic(analysis_of(record), new_axes((7, 2)))
    assert sum(bar.get_height() for bar in ax.patches) == 14 + 8


def test_without_ectopic_beats_the_axis_counts_from_nought(record: Record) -> None:
    analysis = analysis_of(record, np.ones(60, dtype=int))
    assert plot_ectopic(analysis, new_axes((7, 2))).get_ylim() == pytest.approx((0, 1.05))


def test_missing_signal_is_grey_and_not_drawn(record: Record) -> None:
    analysis = analysis_of(record)
    fs, (start, end) = record.fs, (20.0, 24.0)
    signals = record.signals.copy()
    signals[int(start * fs) : int(end * fs)] = np.nan
    missing = Event(NOT_ASSESSABLE, 20, 24, start, end, float("nan"))
    holed = replace(analysis, record=replace(record, signals=signals), events=[missing])
    ax = plot_strip(holed, 22.0, new_axes((7, 2)))
    trace = ax.lines[0]
    unseen = np.isnan(trace.get_ydata())
    seconds = trace.get_xdata()
    np.testing.assert_array_equal(unseen, (seconds >= start) & (seconds < end))
    (grey,) = plot_rate(holed, new_axes((7, 2))).patches
    assert (grey.get_x(), grey.get_width()) == pytest.approx((start / 60, (end - start) / 60))
