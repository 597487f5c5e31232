"""Tests of ``python -m studies``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from arrhythmia.classifier import DEFAULT_MODEL
from studies import __main__ as module
from studies.__main__ import QUESTIONS, main
from studies.arms import STUDIES
from studies.results import RESULTS, TABLE, read_json


def stopped(arguments: list[str], capsys: pytest.CaptureFixture) -> str:
    """The one line with which a command ends that cannot be done; its exit code is 2."""
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("python -m studies")
    return line


def test_studies_are_listed_with_their_questions(capsys: pytest.CaptureFixture) -> None:
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    for name, question in QUESTIONS.items():
        assert f"{name}: {question}\n" in shown
    for study in STUDIES.values():
        assert "; ".join(study.arms) in shown


def test_the_list_needs_no_tensorflow() -> None:
    code = (
        "import sys; from studies.__main__ import main; main(['--list']); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=RESULTS.parents[1]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give --list, or the name of a study"),
        (["magic"], "'magic'"),
        (["priors", "--seeds", "0"], "seeds must be at least 1, got 0"),
        (["tuning", "--trials", "0"], "trials must be at least 1, got 0"),
        (["ensemble", "--seeds", "2"], "--seeds"),
        (["causes", "--again"], "--again"),
        (["benchmark", "--only", "magic"], "'magic'"),
        (["benchmark", "--output", "times.txt"], "--output FILE.json"),
        (["faithfulness", "--model", "nowhere"], "nowhere"),
        (["causes", "--model", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture
) -> None:
    assert text in stopped(arguments, capsys)


@pytest.mark.parametrize("name", [*STUDIES, "inside-patients", "tuning", "faithfulness"])
def test_a_stored_study_is_shown_without_the_database(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([name, "--data-dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    if name in STUDIES:
        table = pd.read_csv(RESULTS / TABLE)
        rows = table[table["study"] == name]
        assert len(rows) >= len(STUDIES[name].arms)
        lines = shown.splitlines()
        for row in rows.itertuples():
            start = re.compile(rf"{re.escape(row.arm)} +{row.seed} +([.\d]+) ")
            figures = [float(match[1]) for match in map(start.match, lines) if match]
            assert figures == [pytest.approx(row.mean_f1, abs=0.0006)]
    elif name == "inside-patients":
        for seconds in (300, 60):
            four = read_json(RESULTS / name / f"metrics-{seconds}.json")["four"]
            assert f"{four['mean_f1']:.3f}" in shown
    elif name == "tuning":
        assert "best: trial 22, mean F1 0.640" in shown
    else:
        best = read_json(RESULTS / "faithfulness.json")["DS1"]["methods"]["shap"]
        assert f"{best['deletion, relative']:.2f}" in shown


@pytest.mark.parametrize("name", [*STUDIES, "inside-patients", "faithfulness"])
def test_to_run_a_study_again_needs_the_database_and_stores_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    before = {file: file.stat().st_mtime_ns for file in RESULTS.rglob("*")}
    line = stopped([name, "--again", "--data-dir", str(tmp_path)], capsys)
    assert "python -m arrhythmia download" in line
    assert {file: file.stat().st_mtime_ns for file in RESULTS.rglob("*")} == before


@pytest.mark.parametrize(
    "arguments", [["tuning", "--trials", "1"], ["causes"], ["benchmark"]], ids=lambda a: a[0]
)
def test_what_is_not_stored_needs_the_database(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    line = stopped([*arguments, "--data-dir", str(tmp_path)], capsys)
    assert "python -m arrhythmia download" in line


def test_times_are_written_where_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def report(*arguments: object) -> dict:
        told.append(arguments)
        return {"cores": 2, "something": 1.5}

    monkeypatch.setattr("studies.benchmark.run_benchmark", report)
    monkeypatch.setattr(module, "require_database", lambda *_: None)
    file = tmp_path / "times.json"
    assert main(["benchmark", "--only", "record", "train", "--output", str(file)]) == 0
    assert told == [(None, DEFAULT_MODEL, ["record", "train"])]
    assert read_json(file) == {"cores": 2, "something": 1.5}


@pytest.mark.database
def test_causes_are_printed(data_dir: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["causes", "--data-dir", str(data_dir)]) == 0
    shown = capsys.readouterr().out
    metrics = read_json(DEFAULT_MODEL / "metrics.json")["aami"]
    beats = sum(metrics["support"])
    errors = beats - sum(row[i] for i, row in enumerate(metrics["confusion"]))
    columns = [line[40:56].split() for line in shown.splitlines()[1:]]
    assert sum(int(beats) for beats, _ in columns) == beats
    assert sum(int(errors) for _, errors in columns) == errors
