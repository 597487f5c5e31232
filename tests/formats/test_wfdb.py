"""Tests of `arrhythmia.formats.wfdb`: what is read, and what can be wrong with the files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pytest
import wfdb
from conftest import MakeRecord, error_line

from arrhythmia.formats.wfdb import read
from arrhythmia.formats.wfdb_annotation import read_file
from arrhythmia.records import Hints


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


@pytest.mark.parametrize(
    "content",
    [b"\xff" * 7, b"\xc8\x04\1\xf4\1\xf4\0\0", b"<html>\n<body>404 Not Found</body></html>\n"],
)
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


@pytest.mark.parametrize("suffix", [".dat", ".atr"])
def test_a_link_elsewhere_is_read_where_links_are_followed(
    path: Path, tmp_path: Path, suffix: str
) -> None:
    whole = read(path)
    elsewhere = tmp_path / f"elsewhere{suffix}"
    path.with_suffix(suffix).rename(elsewhere)
    path.with_suffix(suffix).symlink_to(elsewhere)
    text = error_line(lambda: read(path))
    assert "a link to a file outside" in text
    assert "--follow-links" in text
    followed = read(path, hints=Hints(follow_links=True))
    np.testing.assert_array_equal(followed.signals, whole.signals)
    assert followed.annotation.sample.tolist() == whole.annotation.sample.tolist()


def test_a_link_within_the_folder_is_read(path: Path) -> None:
    path.with_suffix(".dat").rename(path.with_name("other.dat"))
    path.with_suffix(".dat").symlink_to("other.dat")
    assert len(read(path)) > 1000


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs and devices there")
@pytest.mark.parametrize("suffix", [".dat", ".hea"])
@pytest.mark.parametrize("follow", [False, True])
def test_only_regular_files_are_read(path: Path, suffix: str, follow: bool) -> None:
    file = path.with_suffix(suffix)
    file.unlink()
    for make in (lambda: os.mkfifo(file), lambda: file.symlink_to("/dev/zero"), file.mkdir,
                 lambda: file.symlink_to(file)):  # fmt: skip
        make()
        assert str(path.parent) in error_line(lambda: read(path, hints=Hints(follow_links=follow)))
        file.rmdir() if file.is_dir() else file.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be there")
@pytest.mark.parametrize("name", ["~", "~root", "[a]*", "a b", "s3:", "$HOME", "caf\udce9"])
def test_a_folder_of_any_name_is_read(tmp_path: Path, make_record: MakeRecord, name: str) -> None:
    path = make_record(tmp_path / "plain", symbols="NNVNN")
    path.parent.rename(tmp_path / name)
    assert read(tmp_path / name / path.name).annotation is not None
    working = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert read(Path(name, path.name)).annotation is not None
    finally:
        os.chdir(working)


def test_a_path_with_two_colons_is_refused(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path / "plain", symbols="NNVNN")
    path.parent.rename(tmp_path / "a::b")
    assert "'::'" in error_line(lambda: read(tmp_path / "a::b" / path.name))


def test_segments_cannot_hide_a_stranger(tmp_path: Path, make_record: MakeRecord) -> None:
    for name in "ab":
        make_record(tmp_path / "folder", name, seconds=10)
    secret = make_record(tmp_path / "secret", "s", seconds=10)
    folder = tmp_path / "folder"
    (folder / "all.hea").write_text("all/2 2 360 7200\na 3600\nb 3600\n")
    (folder / "b.dat").unlink()
    (folder / "b.dat").symlink_to(secret.with_suffix(".dat"))
    assert "a link to a file outside" in error_line(lambda: read(folder / "all"))
    (folder / "b.hea").write_text("b/1 2 360 3600\na 3600\n")
    assert "of segments itself" in error_line(lambda: read(folder / "all"))


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


def marks(*pairs: tuple[int, int], note: bytes = b"") -> bytes:
    """An annotation file: codes and steps, the first with a note."""
    words = [(code << 10 | step).to_bytes(2, "little") for code, step in pairs]
    words[:1] = [
        words[0],
        (63 << 10 | len(note)).to_bytes(2, "little"),
        note + b"\0" * (len(note) % 2),
    ]
    return b"".join(words) + b"\0\0"


@pytest.mark.parametrize(
    "note", [b"## hello", b"## time resolution: x", b"## end of definitions",
             b"## annotation type definitions"],
)  # fmt: skip
def test_a_note_from_which_wfdb_never_returns_is_read(path: Path, note: bytes) -> None:
    path.with_suffix(".atr").write_bytes(marks((22, 0), (1, 200), (5, 300), note=note))
    annotation = read(path).annotation
    assert annotation.sample.tolist() == [200, 500]
    assert annotation.symbol.tolist() == ["N", "V"]


@pytest.mark.parametrize(
    ("note", "sample"),
    [
        (b"## time resolution: 720", 100),
        (b"## time resolution: 0", 200),
        (b"## time resolution: 0.0000001", 4_000_000_000),
    ],
)
def test_an_annotation_at_another_rate_is_converted(path: Path, note: bytes, sample: int) -> None:
    file = path.with_suffix(".atr")
    file.write_bytes(marks((22, 0), (1, 200), note=note))
    assert read_file(file, 360.0, 10_000, 360.0)[0].sample.tolist() == [sample]


def test_marks_of_a_record_of_frames_count_frames(path: Path) -> None:
    edit_header(path, lambda text: text.replace(" 16 ", " 16x2 "))
    edit_record_line(path, lambda line: [*line[:3], str(int(line[3]) // 2)])
    path.with_suffix(".atr").write_bytes(marks((1, 200)))
    record = read(path)
    assert record.fs == 720
    assert record.annotation.sample.tolist() == [400]


def test_a_code_without_a_symbol_is_no_beat(path: Path) -> None:
    path.with_suffix(".atr").write_bytes(marks((1, 200), (45, 100)))
    assert read(path).annotation.symbol.tolist() == ["N", ""]


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
