"""Tests of `arrhythmia.r_peaks`: annotated or detected, and how well it is detected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line
from wfdb.processing import compare_annotations

from arrhythmia.errors import InputError
from arrhythmia.labels import SOURCES
from arrhythmia.mitdb import DS1
from arrhythmia.r_peaks import (
    ANNOTATED,
    DETECTED,
    RPeaks,
    detect_r_peaks,
    locate_beats,
    reference_beats,
)
from arrhythmia.records import Annotation, Record, read_excerpt, read_record
from arrhythmia.signals import BeatSettings

SETTINGS = BeatSettings()
SYMBOLS = "NNNANNVNNQ" * 6
TOLERANCE_S = 0.15
"""Within which EC57 takes a detected beat for the reference beat."""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path_factory.mktemp("record"), symbols=SYMBOLS))


def annotated(record: Record, *marks: tuple[int, str]) -> Record:
    """The record with other marks."""
    sample, symbol = np.array([m[0] for m in marks]), np.array([m[1] for m in marks])
    nothing = np.full(len(marks), ""), np.zeros(len(marks), dtype=int)
    return replace(record, annotation=Annotation(sample, symbol, *nothing))


def located(record: Record, source: str | None = None) -> RPeaks:
    return locate_beats(record, [record.lead()], SETTINGS, source)


# --- annotated beats ------------------------------------------------------------------------


def test_reference_beats_are_the_heartbeats_in_order(record: Record) -> None:
    sample, symbol = reference_beats(record)
    assert "".join(symbol) == SYMBOLS
    assert (np.diff(sample) > 0).all()
    assert record.annotation is not None
    assert set(record.annotation.symbol) == {*"NAVQ", "+", "~", "|"}


def test_marks_outside_the_record_are_left_out(record: Record) -> None:
    last = len(record) - 1
    marked = annotated(record, (-1, "N"), (0, "V"), (50, "+"), (last, "A"), (last + 1, "N"))
    sample, symbol = reference_beats(marked)
    assert sample.tolist() == [0, last]
    assert symbol.tolist() == ["V", "A"]


@pytest.mark.parametrize("marks", [[], [(9, "~")], [(10**6, "N")]], ids=["none", "~", "outside"])
def test_annotation_without_heartbeats_in_the_record_is_an_error(
    record: Record, marks: list[tuple[int, str]]
) -> None:
    marked = annotated(record, *marks)
    assert "marks no heartbeat" in error_line(lambda: reference_beats(marked))
    assert "marks no heartbeat" in error_line(lambda: located(marked, "atr"))


# --- annotation or detection ----------------------------------------------------------------


@pytest.mark.parametrize("source", [None, "atr"])
def test_the_annotation_is_taken_where_there_is_one(record: Record, source: str | None) -> None:
    r_peaks = located(record, source)
    assert (r_peaks.source, r_peaks.notes) == (ANNOTATED, ())
    np.testing.assert_array_equal(r_peaks.sample, reference_beats(record)[0])
    assert "".join(r_peaks.symbol) == SYMBOLS


def test_beats_are_detected_where_the_annotation_has_rhythms_only(record: Record) -> None:
    r_peaks = located(annotated(record, (5, "+"), (90, "~")))
    assert r_peaks.source == DETECTED
    assert "an annotation without beats" in r_peaks.notes[0]


def test_beats_are_detected_when_asked_for(record: Record) -> None:
    r_peaks = located(record, "detect")
    assert (r_peaks.source, r_peaks.notes) == (DETECTED, ())
    np.testing.assert_array_equal(r_peaks.sample, detect_r_peaks([record.lead()], SETTINGS))
    assert set(r_peaks.symbol) == {""}
    assert SOURCES == ("atr", "detect")


def test_beats_are_detected_with_a_note_where_there_is_no_annotation(record: Record) -> None:
    bare = replace(record, annotation=None)
    r_peaks = located(bare)
    assert r_peaks.source == DETECTED
    (note,) = r_peaks.notes
    assert "record syn has no reference annotation" in note
    np.testing.assert_array_equal(r_peaks.sample, located(record, "detect").sample)


def test_an_annotation_that_is_asked_for_and_not_there_is_an_error(record: Record) -> None:
    text = error_line(lambda: located(replace(record, annotation=None), "atr"))
    assert "'syn' has no reference annotation ('syn.atr')" in text
    assert "detect" in text


# --- leads in which nothing can be detected -------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.8])
def test_a_recording_too_short_for_the_detector_is_named(record: Record, seconds: float) -> None:
    lead = record.lead()
    short = replace(lead, signal=lead.signal[: round(seconds * lead.fs)])
    text = error_line(lambda: detect_r_peaks([short], SETTINGS))
    assert f"'syn' lasts {seconds:.2f} s" in text


@pytest.mark.parametrize(
    ("spoil", "word"),
    [(lambda s: 0 * s, "flat"), (lambda s: np.nan * s, "NaN"), (lambda s: s + np.inf, "NaN")],
)
def test_no_beat_is_detected_without_an_ecg(
    record: Record, spoil: Callable[[np.ndarray], np.ndarray], word: str
) -> None:
    lead = record.lead()
    spoiled = replace(lead, signal=spoil(lead.signal))
    text = error_line(lambda: detect_r_peaks([spoiled], SETTINGS))
    assert "'syn'" in text
    assert word in text


# --- how well beats are detected ------------------------------------------------------------


@pytest.mark.parametrize("fs", [128, 250, 360, 1000])
def test_detected_beats_are_the_reference_beats(
    tmp_path: Path, make_record: MakeRecord, fs: int
) -> None:
    record = read_record(make_record(tmp_path, symbols=SYMBOLS, fs=fs))
    found, (reference, _) = located(record, "detect").sample, reference_beats(record)
    distance = np.abs(found[:, None] - reference).min(axis=0) / fs
    assert np.mean(distance[2:-2] < 0.1) > 0.95  # an R peak of an ectopic beat is not its centre
    assert len(found) == pytest.approx(len(reference), abs=4)


@pytest.mark.parametrize(("size", "found"), [(0.15, False), (0.5, True)])
def test_a_bump_in_a_pause_is_no_beat(record: Record, size: float, found: bool) -> None:
    """It was, and hid the pause: what is far smaller than the beats around in all leads."""
    marks, _ = reference_beats(record)
    reach, place = round(0.25 * record.fs), int(marks[20])
    part = slice(place - reach, place + reach)
    signals = record.signals.copy()
    ends = np.linspace(signals[part.start], signals[part.stop - 1], part.stop - part.start)
    signals[part] = ends + size * (signals[part] - ends)
    sample = located(replace(record, signals=signals, annotation=None)).sample
    assert (np.abs(sample - place).min() < 0.1 * record.fs) == found
    assert len(sample) == len(marks) - (not found)


@pytest.mark.parametrize("lead", ["MLII", "V1"])
def test_polarity_and_units_do_not_matter_to_the_number_of_beats(record: Record, lead: str) -> None:
    chosen = record.lead(lead)
    for factor in (-1.0, 1000.0, 0.001):
        found = detect_r_peaks([replace(chosen, signal=factor * chosen.signal)], SETTINGS)
        assert len(found) == pytest.approx(len(SYMBOLS), abs=4)


def test_a_heart_rate_is_detected_in_the_excerpt() -> None:
    excerpt = read_excerpt()
    assert 60 * len(located(excerpt).sample) / excerpt.seconds == pytest.approx(100, abs=15)


@pytest.mark.slow
@pytest.mark.database
def test_nearly_all_beats_of_the_training_records_are_detected(data_dir: Path) -> None:
    """The flutter of 207 is marked too."""
    counts = np.zeros(3, dtype=int)
    for name in DS1:
        record = read_record(name, data_dir)
        found, (reference, _) = located(record, "detect").sample, reference_beats(record)
        compared = compare_annotations(reference, found, int(TOLERANCE_S * record.fs))
        counts += compared.tp, compared.fn, compared.fp
        assert compared.sensitivity > 0.99
    hit, missed, false = counts
    assert hit / (hit + missed) > 0.999
    assert hit / (hit + false) > 0.99


def test_an_unknown_source_is_refused(tmp_path: Path, make_record: MakeRecord) -> None:
    record = read_record(make_record(tmp_path))
    with pytest.raises(InputError, match="one of atr, detect, got 'detected'"):
        locate_beats(record, [record.lead()], BeatSettings(), "detected")
