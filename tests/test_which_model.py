"""Tests of `arrhythmia.which_model`: one's own recordings get another model than mitdb's."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRecord

from arrhythmia import which_model as module
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.which_model import choose_model, database_of


@pytest.fixture(autouse=True)
def own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for model ``all``."""
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "model.keras").write_text("")
    monkeypatch.setattr(module, "OWN_MODEL", folder)
    return folder


def test_a_recording_of_ones_own_gets_the_model_trained_on_all(
    own_model: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path / "here", "mine", symbols="NNNN")
    assert choose_model(path, tmp_path) == (own_model, ())


def test_a_record_of_mitdb_gets_ds1_and_that_is_said(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    make_record(tmp_path / "db", "233", symbols="NNNN")
    for name in ("233", tmp_path / "db" / "233"):
        model, (note,) = choose_model(name, tmp_path / "db")
        assert model == DEFAULT_MODEL
        assert note == "record 233 is of mitdb: model 'ds1' is used, not 'all'"


def test_a_record_that_is_only_called_like_one_of_mitdb_is_ones_own(
    own_model: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path / "holter", "201", symbols="NNNN")
    assert choose_model(path, tmp_path / "db") == (own_model, ())


def test_the_sample_beats_are_of_mitdb() -> None:
    assert database_of(None) == database_of("208-excerpt") == "mitdb"
    assert choose_model(None) == choose_model("208-excerpt") == (DEFAULT_MODEL, ())


def test_records_of_svdb_that_were_trained_on_get_ds1(
    tmp_path: Path, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_record(tmp_path / "sv", "800", symbols="NNNN")
    monkeypatch.setenv("SVDB_DIR", str(tmp_path / "sv"))
    assert database_of("800") == "svdb"


def test_what_the_user_names_is_used(tmp_path: Path) -> None:
    assert choose_model("233", tmp_path, "mine") == (Path("mine"), ())


def test_without_the_other_model_all_records_get_ds1(
    own_model: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    (own_model / "model.keras").unlink()
    path = make_record(tmp_path / "here", "mine", symbols="NNNN")
    assert choose_model(path, tmp_path) == (DEFAULT_MODEL, ())
