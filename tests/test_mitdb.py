"""Tests of `arrhythmia.mitdb`: the halves of the database, and finding its records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import wfdb
from conftest import MakeRecord, error_line

from arrhythmia.labels import SYMBOL_CLASS, UNCLASSED_SYMBOLS
from arrhythmia.mitdb import (
    ALL,
    ALL_FOLDS,
    DS1,
    DS2,
    FIVE_RECORDS,
    FOLDS,
    PACED,
    find_data_dir,
    find_record,
    has_database,
    require_database,
)
from arrhythmia.svdb import SVDB

COUNTS = {
    "DS1": (DS1, {"N": 45866, "S": 944, "V": 3683, "E": 105, "F": 415, "": 8}),
    "DS2": (DS2, {"N": 44259, "S": 1837, "V": 3220, "E": 1, "F": 388, "": 7}),
}
"""Beats of each class in each half, as the field counts them; 8 and 7 are without a class."""


def class_counts(names: tuple[str, ...], data_dir: Path) -> Counter[str]:
    """Annotated beats of some records by class; an empty string for those without one."""
    symbols: Counter[str] = Counter()
    for name in names:
        symbols.update(wfdb.rdann(str(data_dir / name), "atr").symbol)
    counts: Counter[str] = Counter()
    for symbol in (*SYMBOL_CLASS, *UNCLASSED_SYMBOLS):
        counts[SYMBOL_CLASS.get(symbol, "")] += symbols[symbol]
    return counts


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, and no word of a database."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MITDB_DIR", raising=False)
    return folder


# --- all records ----------------------------------------------------------------------------


def test_all_records_are_mitdb_without_paced_ones_and_half_of_svdb() -> None:
    assert len(ALL) == len(set(ALL)) == 22 + 22 + 39
    assert set(ALL) == {*DS1, *DS2, *SVDB}
    assert not set(ALL) & set(PACED)


def test_folds_of_all_records_enlarge_those_of_ds1_and_part_no_patient() -> None:
    assert sorted(name for fold in ALL_FOLDS for name in fold) == sorted(ALL)
    for small, large in zip(FOLDS, ALL_FOLDS, strict=True):
        assert set(small) <= set(large)
    (fold,) = [fold for fold in ALL_FOLDS if "201" in fold]
    assert "202" in fold  # the same person


# --- halves and folds -----------------------------------------------------------------------


def test_halves_are_of_22_different_records_without_paced_ones() -> None:
    assert len(set(DS1)) == len(DS1) == 22
    assert len(set(DS2)) == len(DS2) == 22
    assert len(set(PACED)) == len(PACED) == 4
    assert len({*DS1, *DS2, *PACED}) == 48
    assert set(FIVE_RECORDS) <= set(DS2)


def test_folds_hold_every_record_of_ds1_once() -> None:
    names = [name for fold in FOLDS for name in fold]
    assert len(names) == len(set(names)) == len(DS1)
    assert set(names) == set(DS1)


@pytest.mark.database
@pytest.mark.parametrize("half", COUNTS)
def test_beats_of_each_half_are_those_that_the_field_counts(half: str, data_dir: Path) -> None:
    names, counts = COUNTS[half]
    assert class_counts(names, data_dir) == counts


@pytest.mark.database
def test_every_fold_holds_beats_of_every_class_but_e(data_dir: Path) -> None:
    for fold in FOLDS:
        counts = class_counts(fold, data_dir)
        assert all(counts[c] for c in "NSVF")
        assert bool(counts["E"]) == ("207" in fold)


# --- where the database is ------------------------------------------------------------------


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
    text = error_line(require_database)
    assert "the database is not in 'mitdb'" in text
    assert "python -m arrhythmia download" in text
    make_record(no_database / "mitdb", "100", symbols="NNN")
    assert has_database()
    assert require_database() == Path("mitdb")


# --- finding a record -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["syn", "syn.dat", "syn.hea", "syn.atr", "mitdb/syn.dat"])
def test_a_record_is_found_in_the_database_by_any_form_of_its_name(
    no_database: Path, tmp_path: Path, make_record: MakeRecord, name: str
) -> None:
    path = make_record(tmp_path / "elsewhere", "syn", symbols="NNN")
    assert find_record(name, path.parent) == path


@pytest.mark.parametrize("suffix", ["", ".dat", ".hea"])
def test_a_record_elsewhere_is_found_by_its_path(
    no_database: Path, make_record: MakeRecord, suffix: str
) -> None:
    path = make_record(no_database / "own", "a_b", symbols="NNN")
    assert find_record(f"own/a_b{suffix}") == Path("own/a_b")
    assert find_record(Path(f"{path}{suffix}")) == path


def test_a_record_in_the_working_directory_comes_before_the_database(
    no_database: Path, make_record: MakeRecord
) -> None:
    make_record(no_database / "mitdb", "100", symbols="NNN")
    assert find_record("100") == Path("mitdb/100")
    make_record(no_database, "100", symbols="NNN")
    assert find_record("100") == Path("100")


def test_an_unknown_record_is_named_with_what_to_do(
    no_database: Path, make_record: MakeRecord
) -> None:
    text = error_line(lambda: find_record("233"))
    assert "'233'" in text
    assert "python -m arrhythmia download" in text
    make_record(no_database / "mitdb", "100", symbols="NNN")
    make_record(no_database / "mitdb", "101", symbols="NNN")
    text = error_line(lambda: find_record("999"))
    assert "'999'" in text
    assert "100, 101" in text
    assert "own/999.hea" in error_line(lambda: find_record("own/999"))


def test_many_known_records_are_named_by_the_first_and_the_last(
    no_database: Path, make_record: MakeRecord
) -> None:
    for name in ("100", "101", "102", "103", "104", "105"):
        make_record(no_database / "mitdb", name, symbols="NNN")
    assert "(there are 100 to 105)" in error_line(lambda: find_record("999"))


def test_a_missing_header_is_named(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path, symbols="NNN")
    path.with_suffix(".hea").unlink()
    assert "lacks its header" in error_line(lambda: find_record("syn", tmp_path))
    assert f"'{path}.hea'" in error_line(lambda: find_record(path))
