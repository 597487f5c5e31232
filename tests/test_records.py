"""Tests of `arrhythmia.records` and `arrhythmia.database`: finding and reading a record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb
from conftest import MakeRecord

from arrhythmia.beats import reference_beats
from arrhythmia.database import find_data_dir, find_record, has_database, require_database
from arrhythmia.errors import InputError
from arrhythmia.records import (
    EXCERPT_START,
    Record,
    lead_names,
    read_excerpt,
    read_record,
)


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, and no word of a database."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("MITDB_DIR", raising=False)
    return here


def error_line(read: Callable[[], object]) -> str:
    """Text of the `InputError` that reading raises; it must be one line."""
    with pytest.raises(InputError) as caught:
        read()
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- finding a record -----------------------------------------------------------------------


def test_the_database_is_where_the_user_says_then_where_the_environment_says(
    no_database: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find_data_dir() == Path("mitdb")
    monkeypatch.setenv("MITDB_DIR", str(tmp_path / "environment"))
    assert find_data_dir() == tmp_path / "environment"
    assert find_data_dir(tmp_path / "given") == tmp_path / "given"
    monkeypatch.setenv("MITDB_DIR", "")
    assert find_data_dir() == Path("mitdb")


def test_a_folder_without_records_is_no_database(
    no_database: Path, make_record: MakeRecord
) -> None:
    assert not has_database()
    assert "python -m arrhythmia download" in error_line(require_database)
    make_record(no_database / "mitdb", "100", symbols="NNN")
    assert has_database()
    assert require_database() == Path("mitdb")


@pytest.mark.parametrize("name", ["syn", "syn.dat", "syn.hea", "syn.atr", "mitdb/syn.dat"])
def test_a_record_is_found_in_the_database_by_any_form_of_its_name(
    no_database: Path, tmp_path: Path, make_record: MakeRecord, name: str
) -> None:
    path = make_record(tmp_path / "elsewhere", "syn", symbols="NNN")
    assert find_record(name, path.parent) == path
    assert read_record(name, path.parent).name == "syn"


@pytest.mark.parametrize("suffix", ["", ".dat", ".hea"])
def test_a_record_elsewhere_is_found_by_its_path(
    no_database: Path, make_record: MakeRecord, suffix: str
) -> None:
    path = make_record(no_database / "own", "a_b", symbols="NNN")
    assert find_record(f"own/a_b{suffix}") == Path("own/a_b")
    assert find_record(Path(f"{path}{suffix}")) == path
    assert read_record(f"own/a_b{suffix}").name == "a_b"


def test_an_unknown_record_is_named_with_what_to_do(
    no_database: Path, make_record: MakeRecord
) -> None:
    text = error_line(lambda: read_record("233"))
    assert "'233'" in text
    assert "python -m arrhythmia download" in text
    make_record(no_database / "mitdb", "100", symbols="NNN")
    make_record(no_database / "mitdb", "101", symbols="NNN")
    text = error_line(lambda: read_record("999"))
    assert "'999'" in text
    assert "100, 101" in text
    assert "own/999.hea" in error_line(lambda: read_record("own/999"))


# --- what is read ---------------------------------------------------------------------------


def test_signal_and_annotation_come_back_as_they_were_written(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path, fs=250, units="uV", gain=5.0, symbols="NAVNF" * 3)
    record = read_record(path)
    whole, names = wfdb.rdsamp(str(path))
    np.testing.assert_allclose(record.signal, whole[:, names["sig_name"].index("MLII")])
    assert (record.fs, record.lead, record.units) == (250, "MLII", "uV")
    assert record.seconds == pytest.approx(len(whole) / 250)
    assert record.notes == ()
    sample, symbol = reference_beats(record)
    assert "".join(symbol) == "NAVNF" * 3
    assert record.annotation is not None
    assert set(record.annotation.symbol) == {*"NAVF", "+", "~", "|"}
    assert np.all(np.diff(sample) > 0)


def test_a_record_without_annotation_is_read(tmp_path: Path, make_record: MakeRecord) -> None:
    record = read_record(make_record(tmp_path, symbols="NNN", annotate=False))
    assert record.annotation is None
    assert "syn.atr" in error_line(lambda: reference_beats(record))


def test_another_annotator_is_read_by_its_suffix(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="NNNNN")
    wfdb.wrann("syn", "qrs", np.array([100, 400]), symbol=["N", "V"], write_dir=str(tmp_path))
    assert reference_beats(read_record(path, annotator="qrs"))[1].tolist() == ["N", "V"]
    assert len(reference_beats(read_record(path))[1]) == 5


def test_annotation_without_heartbeats_in_the_record_is_an_error(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path, symbols="NNN")
    wfdb.wrann("syn", "atr", np.array([9]), symbol=["~"], write_dir=str(tmp_path))
    assert "no heartbeat" in error_line(lambda: reference_beats(read_record(path)))
    wfdb.wrann("syn", "atr", np.array([10**6]), symbol=["N"], write_dir=str(tmp_path))
    assert "no heartbeat" in error_line(lambda: reference_beats(read_record(path)))


def test_invalid_samples_are_nan(tmp_path: Path) -> None:
    signal = np.sin(np.arange(1000) / 20)[:, None]
    signal[100:200] = np.nan
    wfdb.wrsamp("syn", 360, ["mV"], ["MLII"], signal, fmt=["16"], write_dir=str(tmp_path))
    np.testing.assert_array_equal(
        np.isnan(read_record(tmp_path / "syn").signal), np.isnan(signal[:, 0])
    )


# --- leads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("leads", [("MLII", "V1"), ("V5", "MLII"), ("RESP", "V1", "MLII")])
def test_the_preferred_lead_is_taken_by_its_name(
    tmp_path: Path, make_record: MakeRecord, leads: tuple[str, ...]
) -> None:
    path = make_record(tmp_path, symbols="NNN", leads=leads)
    record = read_record(path)
    assert record.lead == "MLII"
    assert record.notes == ()
    np.testing.assert_array_equal(
        record.signal, wfdb.rdrecord(str(path)).p_signal[:, leads.index("MLII")]
    )


@pytest.mark.parametrize(("leads", "taken"), [(("V5", "V1"), "V5"), (("RESP", "V1"), "V1")])
def test_another_lead_is_taken_with_a_note(
    tmp_path: Path, make_record: MakeRecord, leads: tuple[str, ...], taken: str
) -> None:
    record = read_record(make_record(tmp_path, symbols="NNN", leads=leads))
    assert record.lead == taken
    assert len(record.notes) == 1
    assert "MLII" in record.notes[0]
    assert taken in record.notes[0]


def test_a_lead_is_taken_when_asked_for(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="NNN", leads=("MLII", "V1"))
    assert read_record(path, lead="V1").lead == "V1"
    text = error_line(lambda: read_record(path, lead="V7"))
    assert "V7" in text
    assert "MLII, V1" in text


def test_breathing_is_no_ecg_lead(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="NNN", leads=("RESP",))
    assert "no ECG lead: it has RESP" in error_line(lambda: read_record(path))
    assert lead_names(path) == []


def test_lead_names_begin_with_the_preferred_lead(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="NNN", leads=("RESP", "V1", "MLII"))
    assert lead_names(path) == ["MLII", "V1"]


# --- what can be wrong with files -----------------------------------------------------------


def test_a_missing_header_is_named(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="NNN")
    path.with_suffix(".hea").unlink()
    assert "lacks its header" in error_line(lambda: read_record("syn", tmp_path))
    assert "syn.hea" in error_line(lambda: read_record(path))


def test_a_missing_signal_file_is_named(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="NNN")
    path.with_suffix(".dat").unlink()
    assert f"lacks its signal file '{path}.dat'" in error_line(lambda: read_record(path))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_truncated_signal_file_is_named(
    tmp_path: Path, make_record: MakeRecord, part: float
) -> None:
    path = make_record(tmp_path, symbols="N" * 10)
    whole = path.with_suffix(".dat").read_bytes()
    path.with_suffix(".dat").write_bytes(whole[: int(part * len(whole)) // 2 * 2])
    text = error_line(lambda: read_record(path))
    assert f"'{path}.dat' is truncated or damaged" in text


@pytest.mark.parametrize("stranger", ["../secret.dat", "/etc/hostname", "sub/secret.dat", ".."])
def test_a_header_cannot_point_outside_its_folder(
    tmp_path: Path, make_record: MakeRecord, stranger: str
) -> None:
    folder = tmp_path / "folder"
    path = make_record(folder, symbols="NNN")
    signal = path.with_suffix(".dat")
    for copy in (tmp_path / "secret.dat", folder / "sub" / "secret.dat"):
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(signal.read_bytes())
    header = path.with_suffix(".hea")
    header.write_text(header.read_text("utf-8").replace("syn.dat", stranger), "utf-8")
    assert f"'{path}.hea'" in error_line(lambda: read_record(path))


@pytest.mark.parametrize("text", ["", "nonsense\n", "syn two 360 100\n", "syn 0 360 100\n"])
def test_a_header_that_is_none_is_an_error(
    tmp_path: Path, make_record: MakeRecord, text: str
) -> None:
    path = make_record(tmp_path, symbols="NNN")
    path.with_suffix(".hea").write_text(text, "utf-8")
    assert "syn.hea'" in error_line(lambda: read_record(path))


def test_an_annotation_file_that_is_none_is_an_error(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path, symbols="NNN")
    path.with_suffix(".atr").write_bytes(b"\xff" * 7)
    assert "syn.atr' is not a WFDB annotation file" in error_line(lambda: read_record(path))


# --- real records ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record_208(data_dir: Path) -> Record:
    return read_record("208", data_dir)


@pytest.mark.database
def test_the_excerpt_is_a_part_of_record_208(record_208: Record) -> None:
    excerpt = read_excerpt()
    part = record_208.signal[EXCERPT_START : EXCERPT_START + len(excerpt.signal)]
    np.testing.assert_allclose(excerpt.signal, part, atol=1e-9)
    assert (excerpt.fs, excerpt.lead, excerpt.units) == (record_208.fs, "MLII", "mV")


def test_the_excerpt_says_that_its_patient_was_in_the_training_data() -> None:
    excerpt = read_excerpt()
    assert excerpt.seconds == pytest.approx(300)
    assert excerpt.annotation is None
    assert "training data" in " ".join(excerpt.notes)


@pytest.mark.database
def test_record_114_has_its_preferred_lead_second(data_dir: Path) -> None:
    record = read_record("114", data_dir)
    whole, facts = wfdb.rdsamp(str(data_dir / "114"))
    assert facts["sig_name"].index("MLII") == 1
    np.testing.assert_array_equal(record.signal, whole[:, 1])
