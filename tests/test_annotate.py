"""Tests of `arrhythmia.annotate`: a class on disk for every beat."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wfdb
from conftest import MakeRecord, error_line

from arrhythmia.annotate import Annotated, annotate, write_annotation
from arrhythmia.classifier import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import read_record


def refused(*arguments: object, **options: object) -> str:
    """The one line with which annotating ends."""
    return error_line(lambda: list(annotate(*arguments, **options)))


@pytest.fixture(autouse=True)
def loaded_once(tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a network takes a second: here it is loaded once."""
    monkeypatch.setattr("arrhythmia.annotate.Classifier.load", lambda _: tiny_classifier)


def beats_of(path: Path) -> tuple[np.ndarray, list[str]]:
    """Samples and symbols of the beats of a reference annotation."""
    marks = read_record(path).annotation
    is_beat = ~np.isin(marks.symbol, ["+", "~", "|"])
    return marks.sample[is_beat], [str(s) for s in marks.symbol[is_beat]]


@pytest.mark.parametrize("source", ["atr", None])
def test_the_file_holds_the_class_of_every_beat(
    source: str | None,
    tiny_model: Path,
    tiny_classifier: Classifier,
    make_record: MakeRecord,
    tmp_path: Path,
) -> None:
    path = make_record(tmp_path / "in", "long", seconds=40, fs=250)
    (one,) = annotate([path], tmp_path / "out", tiny_model, source=source)
    assert one.file == tmp_path / "out" / "long.ai"
    assert [f.name for f in one.file.parent.iterdir()] == ["long.ai"]
    written = wfdb.rdann(str(one.file.with_suffix("")), "ai")
    np.testing.assert_array_equal(written.sample, beats_of(path)[0])
    beats = tiny_classifier.find_beats(read_record(path))
    wanted = np.array(BEAT_CLASSES)[tiny_classifier.probabilities(beats).argmax(axis=1)]
    assert written.symbol == list(wanted)
    assert written.fs == 250
    assert one.counts == Counter(wanted.tolist())
    assert list(one.counts) == [c for c in BEAT_CLASSES if c in one.counts]


def test_r_peaks_are_detected_where_that_is_asked_for(
    tiny_model: Path, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", "long", seconds=40)
    (one,) = annotate([path], tmp_path / "out", tiny_model, source="detect")
    truth = beats_of(path)[0]
    assert abs(sum(one.counts.values()) - len(truth)) <= 0.2 * len(truth)
    written = wfdb.rdann(str(one.file.with_suffix("")), "ai")
    assert not np.array_equal(written.sample, truth)


def test_r_peaks_are_detected_where_there_is_no_atr(
    tiny_model: Path, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", "bare", seconds=40, annotate=False)
    notes: list[str] = []
    (one,) = annotate([path], tmp_path / "out", tiny_model, note=notes.append)
    assert one.file.is_file()
    assert any("R peaks are detected" in note for note in notes)
    text = refused([path], tmp_path / "o", tiny_model, source="atr")
    assert "bare.atr" in text


def test_files_come_one_by_one_in_the_order_asked_for(
    tiny_model: Path, make_record: MakeRecord, tmp_path: Path
) -> None:
    paths = [make_record(tmp_path / "in", name, seconds=15) for name in ("b", "a")]
    steps = annotate(paths, tmp_path / "out", tiny_model)
    first = next(steps)
    assert isinstance(first, Annotated)
    assert first.file.name == "b.ai"
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["b.ai"]
    assert next(steps).file.name == "a.ai"


def test_another_lead_is_taken_by_name(
    tiny_model: Path, tiny_classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", seconds=15)
    text = refused([path], tmp_path, tiny_model, lead="aVR")
    assert "'aVR'" in text
    (one,) = annotate([path], tmp_path / "out", tiny_model, lead="V1")
    beats = tiny_classifier.find_beats(read_record(path), "V1")
    wanted = np.array(BEAT_CLASSES)[tiny_classifier.probabilities(beats).argmax(axis=1)]
    assert wfdb.rdann(str(one.file.with_suffix("")), "ai").symbol == list(wanted)


def test_nothing_is_written_when_one_record_is_bad(
    tiny_model: Path, make_record: MakeRecord, tmp_path: Path
) -> None:
    good = make_record(tmp_path / "in", "good", seconds=15)
    out = tmp_path / "out"
    assert "none" in error_line(lambda: list(annotate([good, tmp_path / "none"], out, tiny_model)))
    assert not out.exists()


def test_two_records_of_one_name_would_overwrite_each_other(
    tiny_model: Path, make_record: MakeRecord, tmp_path: Path
) -> None:
    paths = [make_record(tmp_path / folder, "same", seconds=15) for folder in ("a", "b")]
    text = error_line(lambda: list(annotate(paths, tmp_path / "out", tiny_model)))
    assert "two records are named 'same'" in text
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(
    tiny_model: Path, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", seconds=15)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    text = refused([path], tmp_path / "file" / "out", tiny_model)
    assert "cannot write" in text


def test_a_model_that_is_not_there(make_record: MakeRecord, tmp_path: Path) -> None:
    path = make_record(tmp_path / "in", seconds=15)
    text = refused([path], tmp_path / "out", tmp_path / "none")
    assert "no model folder" in text


def test_an_annotation_replaces_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "x.ai"
    write_annotation(file, np.array([10, 20, 30]), ["N", "V", "N"], 360)
    write_annotation(file, np.array([15]), ["S"], 128)
    read = wfdb.rdann(str(tmp_path / "x"), "ai")
    assert (list(read.sample), read.symbol, read.fs) == ([15], ["S"], 128)
    assert [f.name for f in tmp_path.iterdir()] == ["x.ai"]
