"""Tests of `arrhythmia.formats.wfdb`: what is read, and what can be wrong with the files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pytest
import wfdb
from conftest import MakeRecord, error_line

from arrhythmia.formats.wfdb import read


@pytest.fixture
def path(tmp_path: Path, make_record: MakeRecord) -> Path:
    """A record of five beats in a folder of its own."""
    return make_record(tmp_path / "folder", symbols="NNVNN")


def edit_header(path: Path, change: Callable[[str], str]) -> None:
    header = path.with_suffix(".hea")
    header.write_text(change(header.read_text("utf-8")), "utf-8")


def edit_record_line(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the fields of a header's first line: name, signals, Hz, samples, time, date."""

    def with_changed_line(text: str) -> str:
        line, rest = text.split("\n", 1)
        return " ".join(change(line.split())) + "\n" + rest

    edit_header(path, with_changed_line)


# --- what is read ---------------------------------------------------------------------------


def test_all_leads_come_back_as_they_were_written(tmp_path: Path) -> None:
    signals = np.random.default_rng(0).normal(size=(1000, 3)).round(3) + [0.0, 5.0, 0.0]
    wfdb.wrsamp(
        "syn", 250, ["mV", "uV", "NU"], ["MLII", "V5", "RESP"], signals, fmt=["16"] * 3,
        adc_gain=[1000.0] * 3, baseline=[0] * 3, write_dir=str(tmp_path),
    )  # fmt: skip
    record = read(tmp_path / "syn")
    assert (record.name, record.fs) == ("syn", 250.0)
    assert record.leads == ("MLII", "V5", "RESP")
    assert record.units == ("mV", "uV", "NU")
    np.testing.assert_allclose(record.signals, signals, atol=1e-9)
    assert record.notes == ()


def test_leads_are_those_that_wfdb_reads(path: Path) -> None:
    record, expected = read(path), wfdb.rdrecord(str(path))
    assert record.signals.shape == (expected.sig_len, 2)
    for column, name in enumerate(expected.sig_name):
        np.testing.assert_array_equal(record.lead(name).signal, expected.p_signal[:, column])


def test_invalid_samples_are_nan(tmp_path: Path) -> None:
    signals = np.tile(np.sin(np.arange(1000) / 20)[:, None], 2)
    signals[100:200, 0] = np.nan
    wfdb.wrsamp(
        "syn", 360, ["mV"] * 2, ["MLII", "V1"], signals, fmt=["16"] * 2, write_dir=str(tmp_path)
    )
    np.testing.assert_array_equal(np.isnan(read(tmp_path / "syn").signals), np.isnan(signals))


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ([], None),
        (["12:30:15"], None),  # the time of day alone does not say when
        (["12:30:15", "25/12/1999"], datetime(1999, 12, 25, 12, 30, 15)),
        (["23:59:59.250", "01/02/2003"], datetime(2003, 2, 1, 23, 59, 59, 250_000)),
    ],
)
def test_the_start_is_known_where_the_header_has_time_and_date(
    path: Path, fields: list[str], start: datetime | None
) -> None:
    edit_record_line(path, lambda line: line + fields)
    assert read(path).start == start


def test_a_start_written_by_wfdb_comes_back(tmp_path: Path) -> None:
    wfdb.wrsamp(
        "syn", 360, ["mV"], ["MLII"], np.sin(np.arange(100.0))[:, None], fmt=["16"],
        base_time=time(7, 8, 9), base_date=date(2010, 11, 12), write_dir=str(tmp_path),
    )  # fmt: skip
    assert read(tmp_path / "syn").start == datetime(2010, 11, 12, 7, 8, 9)


def test_signals_without_names_are_numbered(path: Path) -> None:
    def without_names(text: str) -> str:
        line, *signals = text.strip().split("\n")
        return "\n".join([line, *(" ".join(s.split()[:2]) for s in signals)]) + "\n"

    edit_header(path, without_names)
    record = read(path)
    assert record.leads == ("signal 1", "signal 2")
    assert record.units == ("mV", "mV")  # what WFDB assumes
    assert record.lead().name == "signal 1"


# --- annotation -----------------------------------------------------------------------------


def test_an_annotation_has_beats_and_other_marks_with_notes_and_subtypes(path: Path) -> None:
    marks = [
        (5, "+", "(AFIB", 0), (54, "N", "", 0), (200, "~", "", 3), (342, "V", "", 0),
        (500, "~", "", -1), (630, "N", "", 0), (700, "+", "(N", 0),
    ]  # fmt: skip
    sample, symbol, note, subtype = (list(column) for column in zip(*marks, strict=True))
    wfdb.wrann(
        "syn", "atr", np.array(sample), symbol, np.array(subtype), aux_note=note,
        write_dir=str(path.parent),
    )  # fmt: skip
    annotation = read(path).annotation
    assert annotation is not None
    assert annotation.sample.tolist() == sample
    assert annotation.symbol.tolist() == symbol
    assert annotation.note.tolist() == note
    assert annotation.subtype.tolist() == subtype


def test_without_an_annotation_file_there_is_none(path: Path) -> None:
    path.with_suffix(".atr").unlink()
    assert read(path).annotation is None


def test_another_annotator_is_read_by_its_suffix(path: Path) -> None:
    wfdb.wrann("syn", "qrs", np.array([100, 400]), ["N", "V"], write_dir=str(path.parent))
    found, reference = read(path, annotator="qrs").annotation, read(path).annotation
    assert found is not None
    assert reference is not None
    assert found.symbol.tolist() == ["N", "V"]
    assert "".join(s for s in reference.symbol if s in "NV") == "NNVNN"
    assert read(path, annotator="none").annotation is None


@pytest.mark.parametrize("content", [b"\xff" * 7, b"<html>\n<body>404 Not Found</body></html>\n"])
def test_an_annotation_file_that_is_none_is_named(path: Path, content: bytes) -> None:
    path.with_suffix(".atr").write_bytes(content)
    assert f"'{path}.atr' is not a WFDB annotation file" in error_line(lambda: read(path))


# --- headers that cannot be used ------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense\n",
        "syn two 360 100\n",
        "\x00\x01\x02",
        "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head>\n<body>\n</html>\n",
    ],
    ids=["empty", "nonsense", "words for numbers", "binary", "html"],
)
def test_a_header_that_is_none_is_named(path: Path, text: str) -> None:
    edit_header(path, lambda _: text)
    assert f"'{path}.hea' is not a WFDB header" in error_line(lambda: read(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("syn 0 360 100\n", "no signals of its own"),
        ("syn/2 2 360 2000\none 1000\ntwo 1000\n", "lacks its signal file"),
        ("syn/1 2 360 2000\n../one 1000\n", "not a WFDB header"),
    ],
)
def test_a_header_without_signals_says_what_is_missing(path: Path, text: str, words: str) -> None:
    edit_header(path, lambda _: text)
    assert words in error_line(lambda: read(path))


def test_segments_are_read_one_after_the_other_with_gaps(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    parts = [make_record(tmp_path, name, seconds=10, seed=n) for n, name in enumerate("ab")]
    one, two = (read(part).signals for part in parts)
    length = len(one) + 360 + len(two)
    (tmp_path / "all.hea").write_text(f"all/3 2 360 {length}\na {len(one)}\n~ 360\nb {len(two)}\n")
    whole = read(tmp_path / "all").signals
    assert np.isnan(whole[len(one) : len(one) + 360]).all()
    np.testing.assert_allclose(whole[: len(one)], one, atol=1e-6)
    np.testing.assert_allclose(whole[len(one) + 360 :], two, atol=1e-6)


def test_a_signal_file_that_is_a_link_elsewhere_is_refused(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.dat"
    path.with_suffix(".dat").rename(elsewhere)
    path.with_suffix(".dat").symlink_to(elsewhere)
    assert "a link to a file outside" in error_line(lambda: read(path))


def test_a_checksum_that_does_not_fit_is_said(path: Path) -> None:
    assert read(path).notes == ()
    content = bytearray(path.with_suffix(".dat").read_bytes())
    content[100] ^= 5
    path.with_suffix(".dat").write_bytes(bytes(content))
    (note,) = read(path).notes
    assert "checksum" in note


@pytest.mark.parametrize(("rate", "words"), [("-360", "-360 Hz"), ("1e9", "1e+09"), ("x", "'x'")])
def test_an_absurd_rate_is_named(path: Path, rate: str, words: str) -> None:
    edit_record_line(path, lambda line: [*line[:2], rate, *line[3:]])
    assert words in error_line(lambda: read(path))


def test_a_rate_left_out_is_that_of_the_standard(path: Path) -> None:
    edit_record_line(path, lambda line: line[:2])
    record = read(path)
    assert record.fs == 250
    assert any("250 Hz is taken" in note for note in record.notes)


@pytest.mark.parametrize(
    "text", ["x" * 80_000, "syn 1 360 100\n" + "y" * 2000, "syn 999999 360 100\n"]
)
def test_a_header_that_would_take_for_ever_is_refused_at_once(path: Path, text: str) -> None:
    edit_header(path, lambda _: text)
    assert "syn.hea" in error_line(lambda: read(path))


def test_an_annotation_is_a_strangers_too(path: Path) -> None:
    wfdb.wrann(
        "syn", "atr", np.array([100, 101, 400, 700, 10**7]), symbol=["V", "V", "N", "N", "N"],
        write_dir=str(path.parent),
    )  # fmt: skip
    record = read(path)
    assert record.annotation.sample.tolist() == [100, 400, 700]
    notes = " ".join(record.notes)
    for words in ("marks 1 beats twice", "1 beats outside"):
        assert words in notes


def test_an_annotation_that_wfdb_never_finishes_is_refused(path: Path) -> None:
    content = b"\x00\x58\x08\xfc## hello\xf4\x05\x2c\x05\x00\x00"
    path.with_suffix(".atr").write_bytes(content)
    assert "damaged" in error_line(lambda: read(path))


def test_more_marks_than_a_record_can_have(path: Path) -> None:
    path.with_suffix(".atr").write_bytes(b"\x01\x04" * 200_000)
    assert "more marks" in error_line(lambda: read(path))


def test_a_sampling_rate_of_zero_is_named(path: Path) -> None:
    edit_record_line(path, lambda line: [*line[:2], "0", *line[3:]])
    assert "sampling rate of 0 Hz" in error_line(lambda: read(path))


@pytest.mark.parametrize(
    "stranger",
    ["../secret.dat", "{folder}/secret.dat", "sub/secret.dat", "..", ".", "..\\secret.dat", "sub"],
)
def test_a_header_cannot_point_outside_its_folder(path: Path, stranger: str) -> None:
    signal = path.with_suffix(".dat").read_bytes()
    outside, below = path.parent.parent / "secret.dat", path.parent / "sub" / "secret.dat"
    below.parent.mkdir()
    for copy in (outside, below, path.with_name("..\\secret.dat")):
        copy.write_bytes(signal)
    stranger = stranger.format(folder=path.parent.parent)
    edit_header(path, lambda text: text.replace("syn.dat", stranger))
    assert str(path.parent) in error_line(lambda: read(path))


# --- signal files that cannot be used -------------------------------------------------------


def test_a_missing_signal_file_is_named(path: Path) -> None:
    path.with_suffix(".dat").unlink()
    assert f"lacks its signal file '{path}.dat'" in error_line(lambda: read(path))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_truncated_or_empty_signal_file_is_named(path: Path, part: float) -> None:
    signal = path.with_suffix(".dat").read_bytes()
    path.with_suffix(".dat").write_bytes(signal[: int(part * len(signal)) // 2 * 2])
    text = error_line(lambda: read(path))
    assert f"'{path}.dat' is truncated or damaged" in text
    assert "fetch it again" in text


def test_a_header_that_promises_too_much_is_no_matter_of_memory(path: Path) -> None:
    edit_record_line(path, lambda line: [*line[:3], "9" * 15])
    assert "promises more than 2e+09 samples" in error_line(lambda: read(path))


@pytest.mark.parametrize(
    ("old", "new"), [("syn 2", "syn 3"), (" 16 ", " 17 ")], ids=["a signal too many", "format"]
)
def test_a_header_that_does_not_fit_its_signals_is_named(path: Path, old: str, new: str) -> None:
    edit_header(path, lambda text: text.replace(old, new))
    assert str(path) in error_line(lambda: read(path))


# --- real records ---------------------------------------------------------------------------


@pytest.mark.database
@pytest.mark.parametrize("name", ["101", "114"])  # 114 has its leads in the other order
def test_both_leads_of_a_real_record_are_those_that_wfdb_reads(data_dir: Path, name: str) -> None:
    record, expected = read(data_dir / name), wfdb.rdrecord(str(data_dir / name))
    np.testing.assert_array_equal(record.signals, expected.p_signal)
    assert record.leads == tuple(expected.sig_name)
    assert (record.fs, record.units, len(record)) == (360.0, ("mV", "mV"), 650_000)
    preferred = expected.p_signal[:, expected.sig_name.index("MLII")]
    np.testing.assert_array_equal(record.lead().signal, preferred)


@pytest.mark.database
def test_rhythms_and_noise_of_a_real_record_are_read(data_dir: Path) -> None:
    annotation = read(data_dir / "203").annotation
    assert annotation is not None
    assert set(annotation.note) == {"", "(AFIB", "(AFL", "(VT", "(T"}
    assert set(annotation.note[annotation.symbol != "+"]) == {""}
    noise = annotation.subtype[annotation.symbol == "~"]
    assert {-1, 0, 1, 2, 3} <= set(noise)
