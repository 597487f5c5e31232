"""Tests of `arrhythmia.annotate`: a class on disk for every beat, whole files or none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from conftest import MakeRecord, error_line
from explain_cases import with_pause

from arrhythmia.annotate import Annotated, Options, annotate
from arrhythmia.annotate.analysis import analyse, decided
from arrhythmia.annotate.holter import summary
from arrhythmia.annotate.report import summary_lines
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import Limits
from arrhythmia.naming import Decisions, decisions_file
from arrhythmia.records import Hints, Record, read_record

SUFFIXES = ("ai", "beats.csv", "json")


@pytest.fixture
def options(tiny_model: Path, tmp_path: Path) -> Options:
    return Options(output_dir=str(tmp_path / "out"), model=str(tiny_model))


def beats_of(path: Path) -> np.ndarray:
    """Samples of the beats of a reference annotation."""
    marks = read_record(path).annotation
    return marks.sample[~np.isin(marks.symbol, ["+", "~", "|"])]


def one_of(*names: object, options: Options) -> Annotated:
    (one,) = annotate(names, options)
    return one


def read_back(one: Annotated) -> wfdb.Annotation:
    return wfdb.rdann(str(one.file.with_suffix("")), "ai")


@pytest.mark.parametrize("source", ["atr", None])
def test_the_files_hold_the_class_of_every_beat(
    source: str | None, options: Options, tiny_classifier: Classifier, make_record: MakeRecord,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = make_record(tmp_path / "in", "long", seconds=40, fs=250)
    one = one_of(path, options=replace(options, source=source))
    assert not one.error
    assert sorted(f.name for f in one.file.parent.iterdir()) == sorted(
        f"long.{s}" for s in SUFFIXES
    )
    written = read_back(one)
    beats = tiny_classifier.find_beats(read_record(path))
    wanted = np.array(BEAT_CLASSES)[tiny_classifier.probabilities(beats).argmax(axis=1)]
    is_beat = np.isin(written.symbol, BEAT_CLASSES)
    np.testing.assert_array_equal(written.sample[is_beat], beats_of(path))
    assert list(np.array(written.symbol)[is_beat]) == list(wanted)
    assert written.fs == 250
    assert "not a medical device" in written.aux_note[0]
    table = pd.read_csv(one.file.with_name("long.beats.csv"), keep_default_na=False)
    assert list(table["class"]) == list(wanted)
    np.testing.assert_array_equal(table["sample"], beats_of(path))
    facts = json.loads(one.file.with_name("long.json").read_text())
    assert facts["beats"] == len(wanted)
    assert facts["classes"] == one.counts == {c: list(wanted).count(c) for c in one.counts}


def test_beats_are_detected_where_there_is_no_annotation(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", "bare", seconds=40, annotate=False)
    one = one_of(path, options=options)
    assert any("R peaks are detected" in note for note in one.notes)
    assert "bare.atr" in one_of(path, options=replace(options, source="atr")).error


def test_files_come_one_by_one_beside_the_recording(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    paths = [make_record(tmp_path / name, name, seconds=15) for name in ("b", "a")]
    steps = annotate(paths, replace(options, output_dir=None))
    assert next(steps).file == tmp_path / "b" / "b.ai"
    assert not (tmp_path / "a" / "a.ai").exists()
    assert next(steps).file == tmp_path / "a" / "a.ai"


def test_one_that_fails_stops_none_of_the_others(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    good = make_record(tmp_path / "in", "good", seconds=15)
    bad, fine = annotate([tmp_path / "none", good], options)
    assert (bad.file, "none" in bad.error, fine.error) == (None, True, "")
    assert {f.name for f in (tmp_path / "out").iterdir()} == {f"good.{s}" for s in SUFFIXES}


@pytest.mark.parametrize("name", ["write_annotation", "beat_table"])
def test_files_are_written_all_or_none(
    name: str, options: Options, make_record: MakeRecord, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = make_record(tmp_path / "in", seconds=20)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"arrhythmia.annotate.{name}", full)
    assert "No space left" in one_of(path, options=options).error
    assert list(Path(options.output_dir).iterdir()) == []


def test_a_system_that_refuses_stops_none_of_the_others(
    options: Options, make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_record(tmp_path / "in", seconds=20)
    errors = [OSError(24, "Too many open files", "x"), MemoryError()]
    for error in errors:

        def read(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("arrhythmia.annotate.read_record", read)
        done = list(annotate([path, "nothing"], options))
        assert [bool(one.error) for one in done] == [True, True]


def test_a_second_run_skips_what_is_done_and_does_what_is_not(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", "done", seconds=15, annotate=False)  # which is noted
    first = one_of(path, options=options)
    before = first.file.stat().st_mtime_ns
    again = one_of(path, options=options)
    assert again == replace(first, was_there=True)  # what it says of the recording is not lost
    assert first.notes
    assert first.file.stat().st_mtime_ns == before
    assert not one_of(path, options=replace(options, lead="V1")).was_there  # other options
    one_of(path, options=options)
    first.file.unlink()  # as after an interruption
    assert not one_of(path, options=options).was_there
    assert first.file.is_file()


def test_another_unit_in_the_header_is_another_recording(options: Options, tmp_path: Path) -> None:
    row = np.exp(-0.5 * (((np.arange(5000) / 250) % 0.8 - 0.4) / 0.02) ** 2)
    numbers, file = "\n".join(f"{v:.4f}" for v in row), tmp_path / "own.csv"
    options = replace(options, hints=Hints(fs=250.0))
    for unit in ("mV", "V"):
        file.write_text(f"II [{unit}]\n{numbers}\n", encoding="utf-8")
        done = one_of(file, options=options)
        assert (done.error, done.was_there) == ("", False)
    assert one_of(file, options=options).was_there


def test_two_recordings_of_one_name_do_not_overwrite_each_other(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    paths = [make_record(tmp_path / folder, "same", seconds=15) for folder in ("a", "b")]
    text = error_line(lambda: list(annotate(paths, options)))
    assert "two records are named 'same'" in text
    assert all(f"'{path}'" in text for path in paths)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", seconds=15)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    one = one_of(path, options=replace(options, output_dir=str(tmp_path / "file" / "out")))
    assert "cannot write" in one.error


def test_a_model_that_is_not_there(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", seconds=15)
    gone = replace(options, model=str(tmp_path / "none"))
    assert "no model folder" in error_line(lambda: list(annotate([path], gone)))


def test_a_readers_decisions_are_obeyed_and_marked(
    options: Options, tiny_classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", "read", seconds=40)
    centers = tiny_classifier.find_beats(read_record(path)).centers
    times = tuple(round(float(t), 3) for t in centers[[3, 7]])
    Decisions((("F", times),)).save(decisions_file(path))
    one = one_of(path, options=options)
    assert one.by_reader == 2
    written = read_back(one)
    named = [
        s for s, note in zip(written.symbol, written.aux_note, strict=True) if note == "reader"
    ]
    assert named == ["F", "F"]


@pytest.mark.slow
def test_several_jobs_write_what_one_writes(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    paths = [make_record(tmp_path / "in", name, seconds=15, seed=n) for n, name in enumerate("ab")]
    one = [a.counts for a in annotate(paths, options)]
    other = replace(options, output_dir=str(tmp_path / "other"))
    assert [a.counts for a in annotate(paths, other, jobs=2)] == one
    for name in ("a.ai", "b.ai", "a.beats.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_noise_is_not_written_as_beats(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    lead = read_record(make_record(tmp_path / "in", seconds=60)).lead()
    signal = lead.signal.copy()
    noisy = slice(round(20 * lead.fs), round(40 * lead.fs))
    signal[noisy] = np.random.default_rng(0).normal(0, 0.3, noisy.stop - noisy.start)
    path = tmp_path / "part.csv"
    pd.DataFrame({"time": np.arange(len(signal)) / lead.fs, "II [mV]": signal}).to_csv(path)
    one = one_of(path, options=options)
    written = read_back(one)
    marks = written.sample / lead.fs
    beats = np.isin(written.symbol, BEAT_CLASSES)
    assert "~" in written.symbol
    assert np.sum(beats & (marks > 22) & (marks < 38)) <= 2
    facts = json.loads(one.file.with_name("part.json").read_text())
    assert facts["not_assessable_percent"] > 5


@pytest.mark.slow
@pytest.mark.database
def test_a_paced_heart_is_not_classified(options: Options, data_dir: Path) -> None:
    one = one_of("102", options=replace(options, data_dir=str(data_dir), model=None))
    assert one.counts == {}
    assert any("paced" in note for note in one.notes)
    symbols = read_back(one).symbol
    assert symbols.count("Q") > 2000
    assert not set(symbols) & set(BEAT_CLASSES)


def test_a_reader_decides_without_a_new_analysis(
    tiny_classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    record = read_record(make_record(tmp_path, seconds=90))
    steps: list[str] = []
    analysis = analyse(tiny_classifier, None, record, told=steps.append)
    assert len(steps) == 4
    reader = Decisions().with_name(analysis.beats.centers[5:9], "V")
    again = analyse(tiny_classifier, None, record, reader=reader)
    after = decided(analysis, reader)
    np.testing.assert_array_equal(after.classes, again.classes)
    np.testing.assert_array_equal(after.by_reader, again.by_reader)
    assert after.events == again.events != decided(analysis, Decisions()).events
    np.testing.assert_array_equal(decided(after, Decisions()).classes, analysis.classes)


def test_what_is_told_can_end_an_analysis(
    tiny_classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    def stop(step: str) -> None:
        raise InputError(f"stopped before {step}")

    record = read_record(make_record(tmp_path))
    line = error_line(lambda: analyse(tiny_classifier, None, record, told=stop))
    assert line == "stopped before finding beats"


def with_pauses(record: Record, *seconds: float) -> Record:
    """A record with intervals of about these lengths, the line in them flat."""
    for place, longer in enumerate(seconds):
        beats = np.sort(record.annotation.sample)
        usual = float(np.median(np.diff(beats))) / record.fs
        record = with_pause(record, 20 + 10 * place, longer - usual)
    return record


def test_limits_change_events_and_no_class(
    tiny_classifier: Classifier, make_record: MakeRecord, tmp_path: Path
) -> None:
    record = read_record(make_record(tmp_path, symbols="N" * 60, seed=3))
    record = with_pauses(record, 1.8, 2.3, 3.2)
    usual = analyse(tiny_classifier, None, record)
    reader = Decisions().with_name(usual.beats.centers[5:9], "V")
    for limits, pauses in (
        (Limits(), 2), (Limits(1.5), 3), (Limits(2.7), 1), (Limits(4.0), 0),
        (Limits(2.7, 60, 0.2), 1),
    ):  # fmt: skip
        analysis = analyse(tiny_classifier, None, record, limits=limits)
        np.testing.assert_array_equal(analysis.probabilities, usual.probabilities)
        np.testing.assert_array_equal(analysis.classes, usual.classes)
        facts = summary(analysis)
        assert len(facts["pauses"]) == pauses
        assert facts["limits"]["pause_s"] == limits.pause_s
        assert len(summary(decided(analysis, reader))["pauses"]) == pauses  # they stay
        words = "\n".join(summary_lines(facts | {"model": "x"}))
        assert f"Pauses of {limits.pause_s:g} s or more: {pauses}" in words
        assert ("Limits set by the reader" in words) == (limits != Limits())
        assert limits.words in words.replace("\n    ", " ")


def test_files_are_made_anew_for_other_limits(
    options: Options, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", "turned", seconds=20)
    first = one_of(path, options=options)
    turned = replace(options, limits=Limits(pause_s=3.0))
    again = one_of(path, options=turned)
    assert (again.was_there, again.counts) == (False, first.counts)
    assert one_of(path, options=turned).was_there
    facts = json.loads(first.file.with_name("turned.json").read_text())
    assert facts["limits"] == {"pause_s": 3.0, "tachycardia_per_min": 100.0, "premature": 0.1}
