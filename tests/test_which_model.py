"""Tests of `arrhythmia.which_model`: one's own recordings get another model than mitdb's."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from conftest import MakeRecord

from arrhythmia import which_model as module
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.which_model import choose_model, known_as


@pytest.fixture(autouse=True)
def own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for model ``all``."""
    folder = tmp_path / "all"
    folder.mkdir()
    for name in ("model.keras", "settings.json"):
        shutil.copy(DEFAULT_MODEL / name, folder)
    monkeypatch.setattr(module, "OWN_MODEL", folder)
    return folder


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record that is known as 207 of mitdb, of DS1."""
    path = make_record(tmp_path / "db", "207", symbols="NNNN")
    digest = hashlib.sha256(path.with_suffix(".dat").read_bytes()).hexdigest()
    lists = {"mitdb": {"207.dat": f"sha256:{digest}"}, "svdb": {}}
    monkeypatch.setattr(module, "read_checksums", lists.__getitem__)
    return path


def test_a_recording_of_ones_own_gets_the_model_trained_on_all(
    own_model: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path / "here", "mine", symbols="NNNN")
    assert choose_model(path, tmp_path) == (own_model, ())


def test_a_record_of_mitdb_gets_ds1_and_that_is_said(record: Path) -> None:
    for name, folder in (("207", record.parent), (record, None)):
        model, notes = choose_model(name, folder)
        assert model == DEFAULT_MODEL
        assert notes == (
            "record 207 is of mitdb: model 'ds1' is used, not 'all'",
            "record 207 was in the training data of this model",
        )


def test_a_copy_is_known_whatever_it_is_called(record: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    shutil.copy(record.with_suffix(".dat"), copy / "mine.dat")
    header = record.with_suffix(".hea").read_text().replace("207", "mine")
    (copy / "mine.hea").write_text(header)
    assert known_as(copy / "mine") == ("mitdb", "207")


def test_a_record_that_is_only_called_like_one_of_mitdb_is_ones_own(
    own_model: Path, record: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path / "mitdb", "207", symbols="NNNV")
    assert choose_model(path) == choose_model("207", path.parent) == (own_model, ())


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs there")
def test_only_a_regular_signal_file_is_looked_at(record: Path) -> None:
    file = record.with_suffix(".dat")
    for make in (lambda: os.mkfifo(file), lambda: file.symlink_to("/dev/zero")):
        file.unlink()
        make()
        assert known_as(record) == ("", "")


def test_the_sample_beats_are_of_mitdb() -> None:
    assert known_as(None) == known_as("208-excerpt") == ("mitdb", "")
    assert choose_model(None) == choose_model("208-excerpt") == (DEFAULT_MODEL, ())


def test_what_the_user_names_is_used_and_its_training_is_told(
    record: Path, own_model: Path
) -> None:
    model, (note,) = choose_model(record, None, own_model)
    assert model == own_model
    assert "in the training data" in note
    facts = json.loads((own_model / "settings.json").read_text())
    facts["training"]["records"] = ["100"]
    (own_model / "settings.json").write_text(json.dumps(facts))
    assert choose_model(record, None, own_model) == (own_model, ())


def test_without_the_other_model_all_records_get_ds1(
    own_model: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    (own_model / "model.keras").unlink()
    path = make_record(tmp_path / "here", "mine", symbols="NNNN")
    assert choose_model(path, tmp_path) == (DEFAULT_MODEL, ())


@pytest.mark.database
def test_records_of_the_database_are_known(data_dir: Path) -> None:
    assert known_as("233", data_dir) == ("mitdb", "233")
