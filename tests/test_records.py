"""Tests of `arrhythmia.records`: a recording, its leads, and reading it by its name."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line

from arrhythmia.beats import find_beats
from arrhythmia.errors import InputError
from arrhythmia.lead_names import NOT_ECG
from arrhythmia.records import (
    EXCERPT_NAME,
    EXCERPT_START,
    Hints,
    Record,
    read_excerpt,
    read_record,
)
from arrhythmia.signals import BeatSettings


def recording(*leads: str, units: str = "mV") -> Record:
    """A record of ten samples a lead, with another number in each column."""
    signals = np.tile(np.arange(len(leads), dtype=float), (10, 1))
    return Record("made", signals, 5.0, leads, (units,) * len(leads))


# --- leads ----------------------------------------------------------------------------------


def test_a_record_has_a_length_in_samples_and_in_seconds() -> None:
    record = recording("MLII", "V1")
    assert len(record) == 10
    assert record.seconds == record.lead().seconds == 2.0


def test_a_lead_is_its_column_with_its_name_and_units() -> None:
    record = Record("made", np.arange(6.0).reshape(3, 2), 250.0, ("V1", "V5"), ("mV", "uV"))
    lead = record.lead("V5")
    assert (lead.record, lead.name, lead.fs, lead.units) == ("made", "V5", 250.0, "uV")
    np.testing.assert_array_equal(lead.signal, [1, 3, 5])


@pytest.mark.parametrize(
    ("leads", "ecg"),
    [
        (("MLII", "V1"), ("MLII", "V1")),
        (("V5", "MLII"), ("MLII", "V5")),
        (("RESP", "V1", "MLII"), ("MLII", "V1")),
        (("V5", "V1"), ("V5", "V1")),
        (("RESP", "V1"), ("V1",)),
        (("Resp", "II", "ABP", "PLETH R"), ("II",)),
    ],
)
def test_the_preferred_lead_comes_first_and_breathing_is_no_ecg(
    leads: tuple[str, ...], ecg: tuple[str, ...]
) -> None:
    record = recording(*leads)
    assert record.ecg_leads == ecg
    assert record.lead().name == ecg[0]
    assert set(record.lead().signal) == {leads.index(ecg[0])}


def test_no_name_of_an_ecg_lead_is_taken_for_another_signal() -> None:
    names = ("I", "II", "III", "aVR", "V", "MCL1", "aVL", "aVF", "V1", "V6", "MLI", "MLIII",
             "ECG", "ECG1", "lead I", "A-I", "CM5", "NASA", "MV2", "X", "D3", "E-S",
             "signal 1")  # fmt: skip
    for name in names:
        assert recording(name).ecg_leads == (name,)
    others = set(names) - {"X", "signal 1"}  # of an accelerometer, where there are leads
    ecg = recording(*names).ecg_leads
    assert (ecg[0], set(ecg)) == ("II", others)


def test_leads_are_reached_in_any_spelling_and_by_number() -> None:
    record = recording("Lead II", "ECG", "ECG (2)", "acc x")
    for asked, name in (("ii", "Lead II"), ("lead ii", "Lead II"), ("2", "ECG"), ("3", "ECG (2)")):
        assert record.lead(asked).name == name
    assert record.ecg_leads == ("Lead II", "ECG", "ECG (2)")
    for asked in ("0", "9", "V1"):
        assert "has no lead" in error_line(lambda asked=asked: record.lead(asked))
    assert recording(*NOT_ECG).ecg_leads == ()


@pytest.mark.parametrize(
    "name",
    ["PPG", "ppg_green", "left ABP", "Pleth R", "EEG Fpz-Cz", "GSR", "eda", "Chest acc (x)",
     "accelerometer_y", "RESP", "THOR RES", "CO2", "BVP", "sine 8 Hz", "squarewave", "Skin temp"],
)  # fmt: skip
def test_what_is_no_ecg_is_known_by_any_word_of_its_name_and_never_classified(name: str) -> None:
    assert recording(name).ecg_leads == ()
    record = recording("ECG", name)
    assert record.ecg_leads == ("ECG",)
    with pytest.raises(InputError, match="is no ECG lead of 'made': those are ECG"):
        find_beats(record, BeatSettings(), lead=name)


def test_a_lead_that_is_not_there_is_named_with_those_that_are() -> None:
    text = error_line(lambda: recording("MLII", "V1").lead("V7"))
    assert text == "record 'made' has no lead 'V7': it has MLII, V1"


def test_a_record_without_ecg_is_the_users_error() -> None:
    record = recording("RESP", "ABP")
    assert error_line(record.lead) == "record 'made' has no ECG lead: it has RESP, ABP"
    assert record.lead("RESP").name == "RESP"  # who asks for it gets it


def test_a_lead_other_than_the_preferred_one_is_noted() -> None:
    record = recording("V5", "V1")
    (note,) = record.lead_notes(record.lead())
    assert "no lead II: using V5 first, and 1 more" in note
    both = recording("V5", "MLII")
    assert both.lead_notes(both.lead()) == ()


@pytest.mark.parametrize(
    ("units", "millivolts"),
    [("mV", 1), ("uV", 1e-3), ("\N{MICRO SIGN}V", 1e-3), ("\N{GREEK SMALL LETTER MU}V", 1e-3),
     ("V", 1e3), ("nV", 1e-6), ("NU", None), ("mmHg", None), ("", None)],
)  # fmt: skip
def test_units_are_voltages_or_none(units: str, millivolts: float | None) -> None:
    assert recording("MLII", units=units).lead().millivolts == millivolts


# --- reading by name ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.b", "a.b.hea", "a.b.atr"])
def test_a_dot_in_the_name_of_a_record_is_no_suffix(
    tmp_path: Path, make_record: MakeRecord, name: str
) -> None:
    path = make_record(tmp_path, symbols="NNNNN")
    for suffix in (".hea", ".atr"):
        path.with_suffix(suffix).rename(tmp_path / f"a.b{suffix}")
    record = read_record(tmp_path / name)
    assert record.name == "a.b"
    assert record.annotation is not None


@pytest.mark.parametrize("name", ["syn", "syn.dat", "syn.hea", "syn.atr"])
def test_a_record_is_read_from_the_database_or_by_its_path(
    tmp_path: Path, make_record: MakeRecord, name: str
) -> None:
    make_record(tmp_path, symbols="NNN")
    for record in (read_record(name, tmp_path), read_record(tmp_path / name)):
        assert record.name == "syn"
        assert record.leads == ("MLII", "V1")


def test_a_record_that_is_nowhere_is_named(tmp_path: Path) -> None:
    assert "no record 'own/999'" in error_line(lambda: read_record("own/999", tmp_path))
    assert "'table.csv'" in error_line(lambda: read_record("table.csv", tmp_path))


# --- the excerpt ----------------------------------------------------------------------------


def test_the_excerpt_says_that_its_patient_was_in_the_training_data() -> None:
    excerpt = read_record(EXCERPT_NAME)
    assert excerpt.seconds == pytest.approx(300)
    assert excerpt.signals.shape == (len(excerpt), 1)
    assert excerpt.annotation is None
    assert "training data" in " ".join(excerpt.notes)


@pytest.mark.database
def test_the_excerpt_is_a_part_of_record_208(data_dir: Path) -> None:
    excerpt, whole = read_excerpt().lead(), read_record("208", data_dir)
    part = whole.lead("MLII").signal[EXCERPT_START : EXCERPT_START + len(excerpt.signal)]
    np.testing.assert_allclose(excerpt.signal, part, atol=1e-9)
    assert (excerpt.fs, excerpt.name, excerpt.units) == (whole.fs, "MLII", "mV")


def test_a_file_of_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\0\0")
    with pytest.raises(InputError, match=r"picture\.png' is of no format that is read"):
        read_record(tmp_path / "picture.png")


STRANGE = "a\x1b[2J\n$\\frac$\udce9"


def test_names_are_fit_to_be_shown_whatever_they_are() -> None:
    record = Record(
        f".{STRANGE}/x", np.zeros((9, 3)), 250.0, (STRANGE, "x" * 99, "x" * 98), (STRANGE,) * 3,
        notes=(STRANGE * 99,),
    )  # fmt: skip
    for text in (record.name, *record.leads, *record.units, *record.notes):
        assert text.isprintable()
        text.encode()
    assert record.name == "a\\x1b[2J\\n$\\frac$\\udce9_x"
    assert len(set(record.leads)) == 3
    assert max(map(len, (*record.leads, *record.notes))) <= 300
    assert replace(record).leads == record.leads


@pytest.mark.parametrize("name", ["", ".", "..", "/", "../.."])
def test_a_name_is_that_of_a_file(name: str) -> None:
    shown = Record(name, np.zeros((9, 1)), 250.0, ("II",), ("mV",)).name
    assert Path("out", shown).parent == Path("out")


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (("I", "I", "II"), ("I", "I (2)", "II")),
        (("I", "I", "I (2)", "I"), ("I", "I (2)", "I (2) (2)", "I (3)")),
    ],
)
def test_each_lead_has_a_name_of_its_own(names: tuple[str, ...], unique: tuple[str, ...]) -> None:
    record = Record("a", np.zeros((9, len(names))), 250.0, names, ("mV",) * len(names))
    assert record.leads == unique
    assert replace(record).leads == unique


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs and devices there")
def test_a_file_that_is_no_regular_one_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")
    for name in (tmp_path / "fifo.csv", "/dev/zero", "/dev/null"):
        assert "no regular file" in error_line(lambda name=name: read_record(name))


@pytest.mark.parametrize("name", ["", ".", "/", "..", "~", "a::b", "caf\udce9", "a\0b", "\x1b[2J"])
def test_what_is_no_record_is_a_line(name: str, tmp_path: Path) -> None:
    assert error_line(lambda: read_record(name, tmp_path)).isprintable()


# --- what a user says of a file, and what the file says ------------------------------------------


def test_a_rate_and_a_unit_that_the_file_says_otherwise_are_told(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path, symbols="NNN")
    record = read_record(path, hints=Hints(fs=100.0, units="uV"))
    assert record.fs != 100
    assert record.units == ("uV", "uV")
    assert f"record syn says {record.fs:g} Hz: 100 Hz is not used" in record.notes
    assert "'syn' says mV; uV is used, as asked for" in record.notes
    (tmp_path / "a.csv").write_text("II [mV],V1 [mV]\n" + "1,2\n2,1\n" * 200, encoding="utf-8")
    table = read_record(tmp_path / "a.csv", hints=Hints(fs=100.0, units="uV"))
    assert table.notes == ("'a.csv' says mV; uV is used, as asked for",)
    assert not read_record(tmp_path / "a.csv", hints=Hints(fs=100.0, units="mV")).notes


def test_a_file_or_folder_that_is_no_record_is_told_as_what_it_is(tmp_path: Path) -> None:
    for name in ("nowhere.csv", f"{tmp_path}/nowhere.edf"):
        assert f"no file '{name}'" in error_line(lambda n=name: read_record(n, tmp_path))
    assert "is a folder" in error_line(lambda: read_record(tmp_path, tmp_path))
