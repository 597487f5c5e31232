"""Each model that is evaluated on DS2 is written down once, in the ledger where it belongs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import error_line
from evaluate.tables import random_table

from arrhythmia.evaluate import ledger as ledger_module
from arrhythmia.evaluate import report
from arrhythmia.evaluate.ledger import COLUMNS, add_to_ledger, commit, ledger_of, read_ledger
from arrhythmia.evaluate.scores import summary
from arrhythmia.files import CLONE
from arrhythmia.model_settings import model_digest


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of models of a clone."""
    folder = tmp_path / "clone" / "saved_models"
    folder.mkdir(parents=True)
    monkeypatch.setattr(ledger_module, "MODELS_FOLDER", folder)
    monkeypatch.setattr(ledger_module, "IS_CLONE", True)
    return folder


@pytest.mark.parametrize("name", ["ds1", "ds1-seed1", "ds1-seed12", "all", "all-seed2"])
def test_models_of_the_project_share_its_ledger(models: Path, name: str) -> None:
    assert ledger_of(models / name) == models / "ds2_ledger.csv"


@pytest.mark.parametrize(
    "name", ["mine", "notebook", "ds1-mine", "my-ds1", "ds1-fold1", "ds1-seed", "overall", "DS1"]
)
def test_models_of_a_user_keep_a_ledger_of_their_own(models: Path, name: str) -> None:
    assert ledger_of(models / name) == models / name / "ds2_ledger.csv"


def test_only_the_folder_of_the_clone_is_that_of_the_project(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "ds1"
    assert ledger_of(folder) == folder / "ds2_ledger.csv"
    assert ledger_of(models / "ds1" / "ds1") == models / "ds1" / "ds1" / "ds2_ledger.csv"


def test_a_path_from_another_folder_names_the_same_model(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ledger_of("clone/saved_models/ds1") == models / "ds2_ledger.csv"
    assert ledger_of("clone/saved_models/mine/../ds1") == models / "ds2_ledger.csv"


def test_an_installed_package_has_no_ledger_of_the_project(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "IS_CLONE", False)
    assert ledger_of(models / "ds1") == models / "ds1" / "ds2_ledger.csv"


def test_a_model_has_one_row_however_often_it_is_evaluated(
    tiny_model: Path, tmp_path: Path
) -> None:
    ledger, figures = tmp_path / "ds2_ledger.csv", summary(random_table(("100",)))
    assert read_ledger(ledger) == []
    assert add_to_ledger(ledger, tiny_model, figures)
    assert not add_to_ledger(ledger, tiny_model, figures)
    copy = tmp_path / "of another name"
    shutil.copytree(tiny_model, copy)
    assert not add_to_ledger(ledger, copy, figures)
    (row,) = read_ledger(ledger)
    assert tuple(row) == COLUMNS
    assert row["model"] == "tiny"
    assert row["digest"] == model_digest(tiny_model)
    assert float(row["accuracy"]) == figures["aami"]["accuracy"]
    assert float(row["f1_V"]) == figures["aami"]["f1"][2]
    assert json.loads(row["settings"])["seed"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])


def test_another_model_adds_a_row_and_keeps_those_before(tiny_model: Path, tmp_path: Path) -> None:
    ledger, figures = tmp_path / "ds2_ledger.csv", summary(random_table(("100",)))
    add_to_ledger(ledger, tiny_model, figures)
    before = ledger.read_text(encoding="utf-8")
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    facts = json.loads((other / "settings.json").read_text(encoding="utf-8"))
    (other / "settings.json").write_text(json.dumps(facts | {"seed": 7}), encoding="utf-8")
    assert add_to_ledger(ledger, other, figures)
    assert ledger.read_text(encoding="utf-8").startswith(before)
    assert [row["model"] for row in read_ledger(ledger)] == ["tiny", "other"]


def test_the_commit_is_one_of_git_or_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?|unknown", commit())
    monkeypatch.setattr(ledger_module.shutil, "which", lambda _: None)
    assert commit() == "unknown"


def test_the_commit_of_another_project_is_not_that_of_an_installed_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_module, "IS_CLONE", False)
    assert commit() == "unknown"


@pytest.mark.slow
def test_ledgers_written_at_once_lose_nothing(tiny_model: Path, tmp_path: Path) -> None:
    ledger, table = tmp_path / "ds2_ledger.csv", random_table(("100",))
    (tmp_path / "figures.json").write_text(json.dumps({"aami": summary(table)["aami"]}), "utf-8")
    code = """
import json, sys
from pathlib import Path
from arrhythmia.evaluate import ledger
folder, model, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
figures = json.loads((folder / "figures.json").read_text())
ledger.commit = lambda: "unknown"
for row in range(10):
    ledger.model_digest = lambda _: f"{number:032x}{row:032x}"
    assert ledger.add_to_ledger(folder / "ds2_ledger.csv", model, figures)
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, tiny_model, str(number)], cwd=CLONE)
        for number in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len({row["digest"] for row in read_ledger(ledger)}) == 40
    assert {file.name for file in tmp_path.iterdir()} == {"ds2_ledger.csv", "figures.json"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"digest", b"digits"),
        lambda text: b"\0" * len(text),
        lambda text: text + b"\xff\xfe\n",
        lambda text: text + b"1,2,3\n",
        lambda _: b"",
        lambda _: b"<<<<<<< HEAD\n",
    ],
)
def test_a_damaged_ledger_stops_before_ds2_is_looked_at(
    tiny_model: Path,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    ledger = model / "ds2_ledger.csv"
    add_to_ledger(ledger, model, summary(random_table(("100",))))
    ledger.write_bytes(damage(ledger.read_bytes()))
    before = ledger.read_bytes()
    monkeypatch.setattr(report, "read_record", lambda *_: pytest.fail("DS2 is read"))
    assert f"ledger '{ledger}'" in error_line(lambda: report.evaluate_model(model, tmp_path))
    assert ledger.read_bytes() == before


def test_the_ledger_is_written_before_the_results(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    table = random_table(("100",))
    monkeypatch.setattr(report, "read_record", lambda *_: None)
    monkeypatch.setattr(report, "decide_reference_beats", lambda *_: (None, None, None))
    monkeypatch.setattr(report, "decisions_table", lambda *_: table)
    monkeypatch.setattr(report, "score_rhythm", lambda *_: {})
    monkeypatch.setattr(report, "reader_curve", lambda *_: {})
    monkeypatch.setattr(report, "check_ledger", lambda _: order.append("check"))
    monkeypatch.setattr(report, "add_to_ledger", lambda *_: order.append("row"))
    monkeypatch.setattr(report, "write_results", lambda *_, **__: order.append("results"))
    report.evaluate_model(tiny_model, names=("100",))
    assert order == ["check", "row", "results"]
