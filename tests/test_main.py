"""The commands ``python -m arrhythmia …``: what they write, and what they say of bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import wfdb
from conftest import MakeRecord

from arrhythmia import __main__ as commands
from arrhythmia.__main__ import main
from arrhythmia.classifier import Classifier
from arrhythmia.evaluate import ledger as ledgers
from arrhythmia.evaluate.ledger import LEDGER_NAME, read_ledger
from arrhythmia.evaluate.report import evaluate_model
from arrhythmia.evaluate.scores import decide_reference_beats, decisions_table
from arrhythmia.files import MODELS_FOLDER
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.mitdb import DS2
from arrhythmia.model_settings import model_digest, read_settings
from arrhythmia.records import read_record

PROJECT = Path(commands.__file__).parent.parent
Capture = pytest.CaptureFixture[str]


def run(*argv: str | Path) -> int:
    """Exit code of a command, also where the parser leaves."""
    try:
        return main([str(a) for a in argv])
    except SystemExit as leaving:
        return leaving.code


def only_line(capsys: Capture) -> str:
    """The one line on stderr."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert "error: " in lines[0]
    return lines[0]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture(scope="module")
def half(make_record: MakeRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that passes for the database, with all of DS2 in short records."""
    folder = tmp_path_factory.mktemp("half")
    for i, name in enumerate(DS2):
        make_record(folder, name, seconds=15, seed=i)
    return folder


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the small model that a test may write into."""
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "mine"))


@pytest.fixture
def loaded_once(tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a network takes a second: here it is loaded once."""
    monkeypatch.setattr(Classifier, "load", lambda *_: tiny_classifier)


# --- evaluate -------------------------------------------------------------------------------


@pytest.mark.slow
def test_evaluate_writes_results_and_one_ledger_row(
    half: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The row of a user's model went to the project's ledger, which is tracked."""
    project = MODELS_FOLDER / LEDGER_NAME
    before = project.read_bytes()
    monkeypatch.setattr(ledgers, "MODELS_FOLDER", model.parent)  # as if in saved_models/
    command = ("evaluate", "--model", model, "--data-dir", half)
    assert run(*command) == 0
    out = capsys.readouterr().out
    assert "AAMI EC57" in out
    assert f"a row was added to '{model / LEDGER_NAME}'" in out
    figures = json.loads((model / "metrics.json").read_text(encoding="utf-8"))
    table = pd.read_csv(model / "predictions.csv", keep_default_na=False)
    assert figures["beats"] == len(table)
    agree = (table["predicted"] == table["reference"])[table["reference"] != ""].mean()
    # merging V and E makes more of the beats right, but for those whose sum overtakes another
    assert figures["aami"]["accuracy"] == pytest.approx(agree, abs=0.02)
    (row,) = read_ledger(model / LEDGER_NAME)
    assert (row["model"], row["digest"]) == ("mine", model_digest(model))
    assert [f.name for f in model.parent.iterdir()] == ["mine"]
    assert project.read_bytes() == before

    kept = (model / LEDGER_NAME).read_bytes()
    assert run(*command) == 0
    out = capsys.readouterr().out
    assert "a row was added" not in out
    assert (model / LEDGER_NAME).read_bytes() == kept


@pytest.mark.slow
def test_evaluate_says_of_a_model_that_it_is_not_calibrated(
    half: Path, model: Path, loaded_once: None, capsys: Capture
) -> None:
    assert run("evaluate", "--model", model, "--data-dir", half) == 0
    out = capsys.readouterr().out
    assert f"not calibrated ('python -m arrhythmia calibrate --model {model}' does it)" in out
    assert "How far the probabilities can be trusted" not in out
    assert not (model / "confidence_metrics.json").exists()


@pytest.mark.slow
def test_evaluate_model_gives_figures_and_the_ledger_written_to(
    half: Path, model: Path, loaded_once: None, synthetic_dir: Path
) -> None:
    figures, ledger = evaluate_model(model, synthetic_dir, ("101", "106"))
    assert ledger is None  # none of them is of DS2
    assert not (model / LEDGER_NAME).exists()
    assert "aami" in figures
    figures, ledger = evaluate_model(model, half, DS2[:2])
    assert ledger == model / LEDGER_NAME
    assert json.loads((model / "metrics.json").read_text(encoding="utf-8")) == figures
    again, ledger = evaluate_model(model, half, DS2[:2])
    assert ledger is None
    assert again["beats"] == figures["beats"]
    assert len(read_ledger(model / LEDGER_NAME)) == 1


def test_a_model_trained_on_ds2_is_not_evaluated_on_it(
    half: Path, model: Path, capsys: Capture
) -> None:
    facts = json.loads((model / "settings.json").read_text("utf-8"))
    facts["training"]["records"] += ["100"]
    (model / "settings.json").write_text(json.dumps(facts), "utf-8")
    assert run("evaluate", "--model", model, "--data-dir", half) == 2
    assert "was trained on DS2" in only_line(capsys)
    assert not (model / "metrics.json").exists()


def test_evaluate_needs_references_and_writes_nothing_without(
    half: Path, model: Path, loaded_once: None, tmp_path: Path, capsys: Capture
) -> None:
    data = Path(shutil.copytree(half, tmp_path / "mitdb"))
    (data / "234.atr").unlink()
    before = files_below(model.parent)
    assert run("evaluate", "--model", model, "--data-dir", data) == 2
    assert "'234'" in only_line(capsys)
    assert files_below(model.parent) == before


@pytest.fixture
def folds(
    tiny_classifier: Classifier, synthetic_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> pd.DataFrame:
    """Predictions that cross-validation is said to have given."""
    decided = [
        decide_reference_beats(tiny_classifier, read_record(name, synthetic_dir))
        for name in ("101", "106", "208", "207")
    ]
    monkeypatch.setattr("arrhythmia.train.folds.decide_folds", lambda *_: decided)
    return decisions_table(decided)


def test_evaluate_by_folds_leaves_ds2_alone(
    folds: pd.DataFrame,
    half: Path,
    synthetic_dir: Path,
    model: Path,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    whole = shutil.copytree(half, tmp_path / "whole")
    shutil.copytree(synthetic_dir, whole, dirs_exist_ok=True)
    assert run("evaluate", "--folds", "--model", model, "--data-dir", whole) == 0
    out = capsys.readouterr().out
    assert "DS1 by record-wise cross-validation (DS2 is not used)" in out
    assert "calibrated" not in out
    table = pd.read_csv(model / "folds_predictions.csv", dtype={"record": str})
    assert list(table["record"]) == list(folds["record"])
    figures = json.loads((model / "folds_metrics.json").read_text(encoding="utf-8"))
    assert figures["beats"] == len(folds)
    assert "ventricular tachycardia" in figures["rhythm"]
    assert "ventricular tachycardia" in out
    assert (model / "folds_confusion.png").is_file()
    assert not (model / LEDGER_NAME).exists()
    assert not (model / "metrics.json").exists()


# --- calibrate ------------------------------------------------------------------------------


@pytest.fixture
def with_folds(model: Path, tiny_classifier: Classifier, synthetic_dir: Path) -> Path:
    """The small model as after ``evaluate --folds``: all folds are the same network."""
    names = tiny_classifier.settings.training["records"]
    for number in range(4):
        others = [name for i, name in enumerate(names) if i % 4 != number]
        training = tiny_classifier.settings.training | {"records": others}
        settings = replace(tiny_classifier.settings, training=training)
        Classifier(tiny_classifier.network, settings).save(f"{model}-fold{number + 1}")
    records = (read_record(name, synthetic_dir) for name in names)
    table = decisions_table(decide_reference_beats(tiny_classifier, record) for record in records)
    table.to_csv(model / "folds_predictions.csv", index=False)
    return model


@pytest.mark.slow
def test_calibrate_saves_confidence_beside_the_model(
    with_folds: Path, synthetic_dir: Path, tmp_path: Path, capsys: Capture
) -> None:
    from arrhythmia.interface import Classifier as FullClassifier

    data = database(synthetic_dir, tmp_path)
    assert FullClassifier.load(with_folds).confidence is None
    assert run("calibrate", "--model", with_folds, "--data-dir", data) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"saved as '{with_folds / 'confidence.json'}'\n")
    assert "DS1 by record-wise cross-validation" in out
    classifier = FullClassifier.load(with_folds)
    assert classifier.confidence is not None
    table = classifier.predict(read_record("101", synthetic_dir))
    assert {"c_N", "set90", "refer"} < set(table.columns)


def test_calibrate_needs_the_folds(
    model: Path, synthetic_dir: Path, tmp_path: Path, capsys: Capture
) -> None:
    data = database(synthetic_dir, tmp_path)
    before = files_below(model.parent)
    assert run("calibrate", "--model", model, "--data-dir", data) == 2
    assert "evaluate --folds" in only_line(capsys)
    assert files_below(model.parent) == before


# --- weigh ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_weigh_writes_the_second_stage_of_a_model_and_of_its_folds(
    with_folds: Path, synthetic_dir: Path, tmp_path: Path, capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    names = read_settings(with_folds).training["records"]
    folds = tuple(tuple(names[number::4]) for number in range(4))
    monkeypatch.setattr("arrhythmia.train.folds.FOLDS", folds)
    places = [with_folds, *(Path(f"{with_folds}-fold{n}") for n in range(1, 5))]
    for place in places:
        file = place / "settings.json"
        facts = json.loads(file.read_text()) | {"templates": {"count": 25}}
        file.write_text(json.dumps(facts))
    before = [read_settings(place) for place in places]
    data = database(synthetic_dir, tmp_path)
    assert run("weigh", "--model", with_folds, "--data-dir", data) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"evaluate --folds --model {with_folds}\n")
    for place, old in zip(places, before, strict=True):
        new = read_settings(place)
        assert new.second_stage is not None
        assert f"{place}: log-odds of S" in out
        assert replace(new, second_stage=None) == old


def test_weigh_takes_the_weights_of_another_model(
    model: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    other = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    before = files_below(tmp_path)
    assert run("weigh", "--model", model, "--like", other) == 2
    assert f"'{other}' has no second stage" in only_line(capsys)
    assert files_below(tmp_path) == before
    facts = json.loads((other / "settings.json").read_text())
    facts["second_stage"] = {"early": 0.84, "fusion": 0.7}
    (other / "settings.json").write_text(json.dumps(facts))
    assert run("weigh", "--model", model, "--like", other) == 0
    assert read_settings(model).second_stage == read_settings(other).second_stage


def test_weigh_needs_the_folds(
    model: Path, synthetic_dir: Path, tmp_path: Path, capsys: Capture
) -> None:
    data = database(synthetic_dir, tmp_path)
    before = files_below(model.parent)
    assert run("weigh", "--model", model, "--data-dir", data) == 2
    assert "evaluate --folds" in only_line(capsys)
    assert files_below(model.parent) == before


def database(synthetic_dir: Path, tmp_path: Path) -> Path:
    """A copy of the synthetic records that passes for the database."""
    folder = Path(shutil.copytree(synthetic_dir, tmp_path / "mitdb"))
    shutil.copy(folder / "101.hea", folder / "100.hea")
    return folder


# --- events ---------------------------------------------------------------------------------


def test_events_are_printed_and_written(
    make_record: MakeRecord, tmp_path: Path, tiny_model: Path, capsys: Capture
) -> None:
    path = make_record(tmp_path, symbols="NNNN" + "VN" * 8 + "NNNN")
    file = tmp_path / "events.csv"
    assert run("events", path, "--model", tiny_model, "--csv", file) == 0
    told = capsys.readouterr()
    assert "ventricular bigeminy" in told.out
    assert told.err == ""
    assert "ventricular bigeminy" in set(pd.read_csv(file)["event"])


def test_limits_are_options_of_events(
    make_record: MakeRecord, tmp_path: Path, tiny_model: Path, capsys: Capture
) -> None:
    path = make_record(tmp_path, symbols="N" * 40 + "V" * 6 + "N" * 10)
    kinds = []
    for rate in ("60", "300"):
        assert run("events", path, "--model", tiny_model, "--tachycardia", rate) == 0
        kinds.append(capsys.readouterr().out)
    assert "ventricular tachycardia" in kinds[0] and "idioventricular" not in kinds[0]
    assert "idioventricular" in kinds[1] and "tachycardia" not in kinds[1]


@pytest.mark.parametrize("command", ["events", "annotate"])
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--pause", "0.5", "pause must be from 1.5 to 10 s, got 0.5"),
        ("--pause", "long", "pause must be from 1.5 to 10 s, got 'long'"),
        ("--tachycardia", "1000", "tachycardia must be from 60 to 300/min, got 1000"),
    ],
)
def test_a_limit_outside_its_range_is_a_line(
    command: str, option: str, value: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    assert run(command, tmp_path / "none", option, value) == 2
    assert words in only_line(capsys)


def test_a_record_without_events_says_so(
    make_record: MakeRecord, tmp_path: Path, tiny_model: Path, capsys: Capture
) -> None:
    path = make_record(tmp_path, symbols="N" * 20)
    assert run("events", path, "--model", tiny_model) == 0
    assert capsys.readouterr().out.strip() == "no stretch of any of these rhythms"


def test_bad_input_of_events_is_a_line(tmp_path: Path, tiny_model: Path, capsys: Capture) -> None:
    assert run("events", tmp_path / "none", "--model", tiny_model) == 2
    assert "none" in only_line(capsys)


# --- annotate -------------------------------------------------------------------------------


def test_annotate_writes_a_file_and_tells_its_classes(
    tiny_model: Path, loaded_once: None, make_record: MakeRecord, tmp_path: Path, capsys: Capture
) -> None:
    paths = [make_record(tmp_path / "in", name, seconds=15) for name in ("one", "two")]
    out_dir = tmp_path / "out"
    assert run("annotate", *paths, "--model", tiny_model, "--output-dir", out_dir) == 0
    lines = capsys.readouterr().out.splitlines()
    suffixes = ("ai", "beats.csv", "json")
    expected = [f"{name}.{suffix}" for name in ("one", "two") for suffix in suffixes]
    assert sorted(f.name for f in out_dir.iterdir()) == expected
    for line, name in zip(lines, ("one", "two"), strict=True):
        symbols = [s for s in wfdb.rdann(str(out_dir / name), "ai").symbol if s in BEAT_CLASSES]
        assert line.startswith(f"{out_dir / name}.ai: {len(symbols)} beats (")
        assert f"{symbols.count('N')} N" in line


def test_annotate_puts_notes_on_stderr(
    tiny_model: Path, loaded_once: None, make_record: MakeRecord, tmp_path: Path, capsys: Capture
) -> None:
    path = make_record(tmp_path, "bare", seconds=15, annotate=False)
    command = ("annotate", path, "--model", tiny_model, "--output-dir", tmp_path)
    assert run(*command) == 0
    notes = capsys.readouterr().err.splitlines()
    assert all(line.startswith("note: ") for line in notes)
    assert any("R peaks are detected" in line for line in notes)
    assert run(*command, "--r-peaks", "atr") == 2
    assert "bare.atr" in only_line(capsys)


def test_annotate_goes_on_when_one_record_is_bad(
    tiny_model: Path, loaded_once: None, make_record: MakeRecord, tmp_path: Path, capsys: Capture
) -> None:
    good = make_record(tmp_path / "in", "good", seconds=15)
    command = ("annotate", tmp_path / "none", good, "--model", tiny_model)
    assert run(*command, "--output-dir", tmp_path / "out") == 3
    err = capsys.readouterr().err
    assert f"failed: {tmp_path / 'none'}: " in err
    assert "1 of 2 recordings failed" in err
    assert (tmp_path / "out" / "good.ai").is_file()


def test_annotate_takes_folders_and_patterns(
    tiny_model: Path, loaded_once: None, make_record: MakeRecord, tmp_path: Path, capsys: Capture
) -> None:
    for name in ("one", "two"):
        make_record(tmp_path / "in", name, seconds=15)
    options = ("--model", tiny_model, "--output-dir", tmp_path / "out")
    assert run("annotate", tmp_path / "in", *options) == 0
    assert capsys.readouterr().out.count("beats (") == 2
    assert run("annotate", f"{tmp_path}/in/t*.hea", *options) == 0
    assert "two.ai" in only_line_of(capsys.readouterr().out)
    (tmp_path / "empty").mkdir()
    assert run("annotate", tmp_path / "empty", *options) == 2
    assert "holds no recording" in only_line(capsys)
    assert run("annotate", f"{tmp_path}/x*.hea", *options) == 2
    assert "no file is like" in only_line(capsys)


def only_line_of(text: str) -> str:
    (line,) = text.splitlines()
    return line


# --- train ----------------------------------------------------------------------------------


@pytest.fixture
def small_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Training of a small network on the synthetic records; gives the folder of the models."""
    from conftest import SYNTHETIC_RECORDS

    from arrhythmia.model import NetworkSettings
    from arrhythmia.train import fit, settings

    network = NetworkSettings(run=3, filters=(4,), kernels=(5,), features=4, units=2)
    small = settings.TrainingSettings(network=network, steps=2, copies=1, batch=4, members=1)
    names, real = tuple(SYNTHETIC_RECORDS), fit.train
    monkeypatch.setattr(settings, "TrainingSettings", lambda: small)
    monkeypatch.setattr(fit, "train", lambda *args: real(*args, names=names, verbose=False))
    monkeypatch.setattr("arrhythmia.__main__.MODELS_FOLDER", tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.slow
def test_train_saves_a_model_that_loads(
    small_training: Path, synthetic_dir: Path, tmp_path: Path, capsys: Capture
) -> None:
    data = database(synthetic_dir, tmp_path)
    command = ("train", "--data-dir", data, "--name", "new", "--epochs", "2", "--seed", "7")
    assert run(*command) == 0
    folder = small_training / "new"
    assert f"saved in '{folder}'" in capsys.readouterr().out
    names = ["history.csv", "model.keras", "settings.json"]
    assert sorted(f.name for f in folder.iterdir()) == names
    assert len(pd.read_csv(folder / "history.csv")) == 2
    settings = Classifier.load(folder).settings
    assert (settings.training["epochs"], settings.seed) == (2, 7)


def test_train_says_before_the_training_that_it_cannot_save(
    small_training: Path, half: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def train(*_: object) -> None:
        raise AssertionError("it was trained")

    monkeypatch.setattr("arrhythmia.train.fit.train", train)
    small_training.write_text("in the way")
    assert run("train", "--data-dir", half) == 2
    assert "cannot write" in only_line(capsys)


# --- download -------------------------------------------------------------------------------


def test_download_from_a_folder_without_the_files(tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "new"
    assert run("download", "--data-dir", target, "--from", tmp_path) == 2
    assert "100.atr" in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.database
@pytest.mark.slow
def test_download_takes_a_copy_once(data_dir: Path, tmp_path: Path, capsys: Capture) -> None:
    command = ("download", "--data-dir", tmp_path / "mitdb", "--from", data_dir)
    assert run(*command) == 0
    assert "144 files fetched" in capsys.readouterr().out
    assert run(*command) == 0
    assert "144 already there" in capsys.readouterr().out


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["train", "weigh", "evaluate", "calibrate"])
def test_missing_database_names_the_command_that_gets_it(
    command: str, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = () if command == "train" else ("--model", tiny_model)
    assert run(command, "--data-dir", tmp_path, *options) == 2
    line = only_line(capsys)
    assert line.startswith(f"python -m arrhythmia {command}: error: ")
    assert "python -m arrhythmia download" in line
    assert str(tmp_path) in line


BAD_OPTIONS = {
    "evaluat": "evaluat",
    "evaluate --fold": "--fold",
    "annotate": "RECORD",
    "annotate x --r-peaks guess": "guess",
    "download --url http://x --from y": "--from",
    "train --seed one": "one",
    "train --seed -1": "seed must be at least 0, got -1",
    "train --epochs 0": "epochs must be at least 1, got 0",
    "train --name ../up": "'../up'",
    "train --name .": "'.'",
    "evaluate --model nowhere": "nowhere",
    "calibrate --model nowhere": "nowhere",
    "weigh --model nowhere": "nowhere",
    "annotate nowhere": "nowhere",
}


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_bad_options_are_one_line_and_write_nothing(
    options: str, half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("MITDB_DIR", str(half))
    monkeypatch.setattr("arrhythmia.__main__.MODELS_FOLDER", tmp_path / "saved")
    monkeypatch.chdir(tmp_path)
    assert run(*options.split()) == 2
    assert BAD_OPTIONS[options] in only_line(capsys)
    assert not list(tmp_path.iterdir())


def test_no_command_is_an_error(capsys: Capture) -> None:
    assert run() == 2
    assert "COMMAND" in only_line(capsys)


@pytest.mark.slow
def test_bad_input_is_told_before_tensorflow_is_imported(half: Path, tmp_path: Path) -> None:
    argvs = [options.split() for options in BAD_OPTIONS if not options.startswith("download")]
    code = (
        "import json, sys; from arrhythmia.__main__ import main\n"
        "for argv in json.loads(sys.argv[1]):\n"
        "    try: code = main(argv)\n"
        "    except SystemExit as leaving: code = leaving.code\n"
        "    slow = {'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "    assert code == 2 and not slow, (argv, code, slow)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(argvs)], cwd=tmp_path, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "MITDB_DIR": str(half)}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == len(argvs)
    assert not list(tmp_path.iterdir())


def test_help_names_every_command(capsys: Capture) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    for command in ("download", "train", "weigh", "evaluate", "calibrate", "annotate"):
        assert f"\n    {command}" in text
        assert run(command, "--help") == 0
