"""The commands ``python -m arrhythmia …``: what they write, and what they say of bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from arrhythmia.__main__ import main
from arrhythmia.ledger import read_ledger
from arrhythmia.records import read_record


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.fixture
def half(make_record: object, tmp_path: Path) -> Path:
    """A folder that passes for the database, with all of DS2 in a few short records."""
    from arrhythmia.labels import DS2

    folder = tmp_path / "mitdb"
    for i, name in enumerate(DS2):
        make_record(folder, name, seconds=25, seed=i)
    return folder


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the small model that a test may write into."""
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "tiny"))


def test_evaluate_writes_results_and_one_ledger_row(
    half: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--model", str(model), "--data-dir", str(half)]
    assert main(command) == 0
    assert "AAMI EC57" in capsys.readouterr().out
    figures = json.loads((model / "metrics.json").read_text(encoding="utf-8"))
    table = pd.read_csv(model / "predictions.csv", keep_default_na=False)
    assert figures["beats"] == len(table)
    agree = (table["predicted"] == table["reference"])[table["reference"] != ""].mean()
    # merging V and E makes more of the beats right, but for those whose sum overtakes another
    assert figures["aami"]["accuracy"] == pytest.approx(agree, abs=0.01)
    assert len(read_ledger(model.parent / "ds2_ledger.csv")) == 1
    before = {f.name: f.read_bytes() for f in model.iterdir()}
    assert main(command) == 0
    assert {f.name: f.read_bytes() for f in model.iterdir()} == before
    assert len(read_ledger(model.parent / "ds2_ledger.csv")) == 1


def test_evaluate_needs_references_and_writes_nothing_without(
    half: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (half / "234.atr").unlink()
    before = sorted(model.iterdir())
    assert main(["evaluate", "--model", str(model), "--data-dir", str(half)]) == 2
    assert "'234'" in error_line(capsys)
    assert sorted(model.iterdir()) == before
    assert not (model.parent / "ds2_ledger.csv").exists()


@pytest.mark.parametrize("r_peaks", ["atr", "detect", None])
def test_annotate_writes_a_class_for_every_beat(
    r_peaks: str | None, tiny_model: Path, make_record: object, tmp_path: Path
) -> None:
    path = make_record(tmp_path / "in", "long", seconds=40, fs=250)
    out = tmp_path / "out"
    options = ["--r-peaks", r_peaks] if r_peaks else []
    command = ["annotate", str(path), "--model", str(tiny_model), "--output-dir", str(out)]
    assert main([*command, *options]) == 0
    found = wfdb.rdann(str(out / "long"), "ai")
    assert set(found.symbol) <= set("NSVEF")
    truth = [s for s in read_record(path).annotation.symbol if s not in "+~|"]
    if r_peaks == "detect":
        assert abs(len(found.sample) - len(truth)) <= 0.2 * len(truth)
    else:
        reference = read_record(path).annotation
        beats = [s not in "+~|" for s in reference.symbol]
        np.testing.assert_array_equal(found.sample, reference.sample[beats])
    assert [f.name for f in out.iterdir()] == ["long.ai"]


def test_annotate_detects_where_there_is_no_atr(
    tiny_model: Path, make_record: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_record(tmp_path, "bare", seconds=40, annotate=False)
    command = ["annotate", str(path), "--model", str(tiny_model), "--output-dir", str(tmp_path)]
    assert main(command) == 0
    assert "R peaks detected" in capsys.readouterr().err
    assert main([*command, "--r-peaks", "atr"]) == 2
    assert "bare.atr" in error_line(capsys)


def test_annotate_writes_nothing_when_one_record_is_bad(
    tiny_model: Path, make_record: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = make_record(tmp_path / "in", "good", seconds=30)
    out = tmp_path / "out"
    command = ["annotate", str(good), str(tmp_path / "none"), "--model", str(tiny_model)]
    assert main([*command, "--output-dir", str(out)]) == 2
    assert "none" in error_line(capsys)
    assert not out.exists()


def test_output_folder_that_cannot_be_written(
    tiny_model: Path, make_record: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_record(tmp_path, "good", seconds=30)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    command = ["annotate", str(path), "--model", str(tiny_model)]
    assert main([*command, "--output-dir", str(tmp_path / "file" / "out")]) == 2
    assert "cannot write" in error_line(capsys)


def test_train_saves_a_model_that_loads(
    synthetic_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arrhythmia import classifier, training

    monkeypatch.setattr(classifier, "MODELS_FOLDER", tmp_path)
    names = sorted(p.stem for p in synthetic_dir.glob("*.hea"))
    small = training.TrainingSettings(steps=4, copies=1, batch=4)
    monkeypatch.setattr(training, "TrainingSettings", lambda: small)
    real = training.train
    monkeypatch.setattr(
        training, "train", lambda *args, **kwargs: real(*args, **kwargs, names=names)
    )
    shutil.copy(synthetic_dir / f"{names[0]}.hea", synthetic_dir / "100.hea")
    command = ["train", "--data-dir", str(synthetic_dir), "--name", "new", "--epochs", "2"]
    assert main(command) == 0
    assert sorted(f.name for f in (tmp_path / "new").iterdir()) == [
        "history.csv", "model.keras", "settings.json",
    ]  # fmt: skip
    assert len(pd.read_csv(tmp_path / "new" / "history.csv")) == 2
    assert classifier.Classifier.load(tmp_path / "new").settings.training["epochs"] == 2


@pytest.mark.parametrize("command", ["train", "evaluate", "benchmark"])
def test_missing_database_names_the_command_that_gets_it(
    command: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [] if command == "train" else ["--model", str(tiny_model)]
    assert main([command, "--data-dir", str(tmp_path), *options]) == 2
    line = error_line(capsys)
    assert "python -m arrhythmia download" in line
    assert str(tmp_path) in line


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["evaluat"], "evaluat"),
        (["evaluate", "--fold"], "--fold"),
        (["annotate"], "RECORD"),
        (["annotate", "x", "--r-peaks", "guess"], "guess"),
        (["download", "--url", "http://x", "--from", "y"], "--from"),
        (["train", "--seed", "one"], "one"),
        (["train", "--seed", "-1"], "-1"),
        (["train", "--epochs", "0"], "0"),
        (["train", "--name", "../up"], "../up"),
        (["evaluate", "--model", "nowhere"], "nowhere"),
    ],
)
def test_bad_options_are_one_line(
    argv: list[str],
    said: str,
    half: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MITDB_DIR", str(half))
    try:
        code = main(argv)
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    assert said in error_line(capsys)


def test_download_from_a_folder_without_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new"
    assert main(["download", "--data-dir", str(target), "--from", str(tmp_path)]) == 2
    assert "100.atr" in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.database
def test_download_takes_a_copy_once(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["download", "--data-dir", str(tmp_path / "mitdb"), "--from", str(data_dir)]
    assert main(command) == 0
    assert "144 files fetched" in capsys.readouterr().out
    assert main(command) == 0
    assert "144 already there" in capsys.readouterr().out
