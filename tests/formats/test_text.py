"""Tests of `arrhythmia.formats.text`: tables as people have them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import error_line

from arrhythmia.records import Hints, Record, read_record

FS = 250.0
COUNT = 500
RNG = np.random.default_rng(0)
ONE = np.round(np.sin(np.arange(COUNT) / 7), 3)
TWO = np.round(np.cos(np.arange(COUNT) / 5), 3)


def read(tmp_path: Path, text: str, name: str = "mine.csv", **hints: object) -> Record:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return read_record(file, hints=Hints(**hints))


def rows(*columns: np.ndarray, separator: str = ",", decimal: str = ".") -> str:
    lines = (
        separator.join(f"{v:g}".replace(".", decimal) for v in row)
        for row in zip(*columns, strict=True)
    )
    return "\n".join(lines) + "\n"


def check(record: Record, *columns: np.ndarray, fs: float = FS) -> None:
    assert record.fs == pytest.approx(fs)
    np.testing.assert_allclose(record.signals, np.stack(columns, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("separator", "decimal"),
    [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), (" ", ".")],
)
@pytest.mark.parametrize("head", [True, False])
def test_columns_are_found_however_they_are_set_apart(
    tmp_path: Path, separator: str, decimal: str, head: bool
) -> None:
    names = separator.join(("II", "V1")) + "\n" if head else ""
    text = names + rows(ONE, TWO, separator=separator, decimal=decimal)
    record = read(tmp_path, text, fs=FS)
    check(record, ONE, TWO)
    assert record.leads == (("II", "V1") if head else ("column 1", "column 2"))
    assert record.name == "mine"


@pytest.mark.parametrize(
    ("head", "scale"),
    [("time", 1.0), ("Time (s)", 1.0), ("timestamp [ms]", 1e3), ("sensor timestamp [ns]", 1e9),
     ("", 1.0)],
)  # fmt: skip
def test_a_column_of_time_gives_the_rate(tmp_path: Path, head: str, scale: float) -> None:
    times = np.arange(COUNT) / FS * scale
    body = "\n".join(f"{t:.10g},{v:g}" for t, v in zip(times, ONE, strict=True))
    record = read(tmp_path, f"{head},ecg [uV]\n{body}\n" if head else body)
    check(record, ONE)
    if head:
        assert (record.leads, record.units) == (("ecg",), ("uV",))


def test_time_stamps_give_rate_and_start(tmp_path: Path) -> None:
    body = "\n".join(
        f"2024-03-01T10:00:{i / FS:09.6f},{v:g}" for i, v in enumerate(ONE)
    )  # fmt: skip
    record = read(tmp_path, f"time,ECG\n{body}\n")
    check(record, ONE)
    assert record.start == datetime(2024, 3, 1, 10)


def test_clock_times_of_rdsamp_are_read(tmp_path: Path) -> None:
    body = "\n".join(f"'0:{i / FS:06.3f}',{v:g}" for i, v in enumerate(ONE))
    record = read(tmp_path, f"'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n{body}\n")
    check(record, ONE)
    assert (record.leads, record.units) == (("MLII",), ("mV",))


def test_where_time_jumps_there_is_a_gap(tmp_path: Path) -> None:
    times = np.arange(COUNT) / FS
    times[200:] += 1.0
    record = read(tmp_path, "time,II\n" + rows(np.round(times, 6), ONE))
    assert len(record) == COUNT + FS
    assert np.isnan(record.signals[200 : 200 + int(FS)]).all()
    np.testing.assert_allclose(record.signals[200 + int(FS) :, 0], ONE[200:])


def test_numbers_of_rows_are_no_time(tmp_path: Path) -> None:
    check(read(tmp_path, rows(np.arange(COUNT, dtype=float), ONE), fs=FS), ONE)


@pytest.mark.parametrize(
    "line",
    ["Sample Rate,512 hertz", "Abtastrate,512 Hertz", "Fréquence,512 hertz",
     "采样率,512赫兹", "Частота дискретизации,512 Гц", "Sampling frequency: 512"],
)  # fmt: skip
def test_an_export_of_a_watch_in_any_language(tmp_path: Path, line: str) -> None:
    head = f"Name,Somebody\nRecorded Date,2024-01-05 10:11:12 +0100\n{line}\n\n"
    head += "Lead,Lead I\nUnit,µV\n\n"
    record = read(tmp_path, head + rows(1000 * ONE))
    check(record, 1000 * ONE, fs=512)
    assert (record.leads, record.units) == (("I",), ("µV",))
    assert record.start.replace(tzinfo=None) == datetime(2024, 1, 5, 10, 11, 12)


def test_open_signals_text(tmp_path: Path) -> None:
    head = (
        '# OpenSignals Text File Format\n# {"00:07:80": {"sensor": ["ECG"], "label": ["A1"], '
        '"column": ["nSeq", "I1", "A1"], "sampling rate": 1000}}\n# EndOfHeader\n'
    )
    counted = np.arange(COUNT) % 16
    record = read(
        tmp_path, head + rows(counted.astype(float), 0 * ONE, 500 + 100 * ONE, separator="\t")
    )
    assert record.fs == 1000
    assert record.ecg_leads == ("ECG",)
    assert "counts" in " ".join(record.notes)


def test_what_the_user_says_goes_before_the_file(tmp_path: Path) -> None:
    record = read(tmp_path, "time,II\n" + rows(np.arange(COUNT) / 100, ONE), fs=200, units="uV")
    check(record, ONE, fs=200)
    assert record.units == ("uV",)
    assert any("not used" in note for note in record.notes)


def test_bytes_of_other_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16", "latin-1"):
        file = tmp_path / f"{encoding}.txt"
        file.write_bytes(("Größe\nII\n" + rows(ONE)).encode(encoding))
        check(read_record(file, hints=Hints(fs=FS)), ONE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rows(ONE), "has no sampling rate: add --fs"),
        ("a,b\nx,y\nz,w\nq,r\n", "no columns of numbers"),
        ("just a letter\n" * 20, "no columns of numbers"),
        ("time,II\n0,1\n1,2\n0.5,3\n", "goes back"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    assert words in error_line(lambda: read(tmp_path, text))


@pytest.mark.parametrize("fs", [0.001, 1e9])
def test_an_absurd_rate_is_refused(tmp_path: Path, fs: float) -> None:
    assert "sampling rate of" in error_line(lambda: read(tmp_path, rows(ONE), fs=fs))


@pytest.mark.parametrize("units", ["mV", "uV"])
def test_units_that_the_user_names_are_not_missed(tmp_path: Path, units: str) -> None:
    """The note said that the file names none, and that they were taken as mV."""
    file = tmp_path / "a.csv"
    file.write_text("II\n" + "\n".join(str(value) for value in ONE), encoding="utf-8")
    record = read_record(file, hints=Hints(fs=FS, units=units))
    assert record.units == (units,)
    assert not any("unit" in note for note in record.notes)
    assert any("says no unit" in note for note in read_record(file, hints=Hints(fs=FS)).notes)


def clock_rows(form: str, start: datetime, gap: int = 0) -> str:
    """A line a sample, the clock in some form before it; from the middle on it is later."""
    lines = []
    for i, value in enumerate(ONE):
        at = start + timedelta(seconds=(i + (gap if i >= COUNT // 2 else 0)) / FS)
        lines.append(f"{at.strftime(form).replace('%L', f'{at.microsecond // 1000:03d}')};{value}")
    return "Zeit;II\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("gap", [0, 1000])
@pytest.mark.parametrize(
    ("form", "dated"),
    [
        ("%d.%m.%Y %H:%M:%S,%L", True),
        ("%d.%m.%Y %H:%M:%S.%L", True),
        ("%m/%d/%Y %H:%M:%S.%L", False),
        ("%H:%M:%S,%L", False),
    ],
)
def test_clocks_with_dates_or_a_comma_are_read_also_over_midnight(
    tmp_path: Path, form: str, dated: bool, gap: int
) -> None:
    start = datetime(2024, 3, 1, 23, 59, 59, 500_000)
    record = read(tmp_path, clock_rows(form, start, gap))
    half = COUNT // 2
    whole = np.concatenate([ONE[:half], np.full(gap, np.nan), ONE[half:]])
    check(record, whole)
    assert record.start == (start if dated else None)


def test_a_clock_of_whole_seconds_gives_the_rate_and_gaps(tmp_path: Path) -> None:
    start, form = datetime(2024, 3, 1, 9, 59, 58, 700_000), "%Y-%m-%d %H:%M:%S"
    long = np.resize(ONE, 2500)
    times = np.arange(len(long)) / FS + np.where(np.arange(len(long)) >= 1325, 20.0, 0.0)
    lines = [f"{(start + timedelta(seconds=t)).strftime(form)},{v}"
             for t, v in zip(times, long, strict=True)]  # fmt: skip
    record = read(tmp_path, "time,II\n" + "\n".join(lines) + "\n")
    check(record, np.concatenate([long[:1325], np.full(5000, np.nan), long[1325:]]))


@pytest.mark.parametrize("timed", [False, True])
def test_rows_that_cannot_be_read_are_missing_and_move_no_others(
    tmp_path: Path, timed: bool
) -> None:
    """A decimal comma here and there makes three fields of two."""
    signal = np.sin(np.arange(3000) / 20).round(4)
    rows = [f"{i / 250:.3f},{v}" if timed else f"{v},{-v}" for i, v in enumerate(signal)]
    whole = tmp_path / "whole.csv"
    head = "time [s],II\n" if timed else "I,II\n"
    whole.write_text(head + "\n".join(rows) + "\n")
    bad = np.r_[1000:1100, 2000]
    for row in bad:
        rows[row] = "0,1,0,2"
    rows.insert(500, "")  # a blank line is no row
    path = tmp_path / "mine.csv"
    path.write_text(head + "\n".join(rows) + "\n")
    hints = Hints(fs=None if timed else 250)
    found, wanted = (read_record(p, hints=hints) for p in (path, whole))
    assert len(found) == len(wanted)
    lost = ~np.isfinite(found.signals[:, 0])
    assert set(np.flatnonzero(lost)) <= set(bad)
    assert lost[1050]
    np.testing.assert_allclose(found.signals[~lost], wanted.signals[~lost], atol=0.03)
    assert "'mine.csv': 101 rows have too many fields and are taken as missing" in found.notes
    assert not any("rows" in note for note in wanted.notes)
