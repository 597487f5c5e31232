"""The README says what the files say, and its commands work."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import predict
from arrhythmia import experiments
from arrhythmia.__main__ import main
from arrhythmia.benchmark import ROOT
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.confidence import Confidence
from arrhythmia.experiments import STUDIES, TABLE
from arrhythmia.explanation import DEFAULT_METHOD
from arrhythmia.faithfulness import read_faithfulness
from arrhythmia.inside import INSIDE
from arrhythmia.ledger import model_digest, read_ledger
from arrhythmia.published import PUBLISHED
from arrhythmia.reports import over_seeds, seed_folders

README = (ROOT / "README.md").read_text(encoding="utf-8")
CARD = (DEFAULT_MODEL / "README.md").read_text(encoding="utf-8")
METRICS = json.loads((DEFAULT_MODEL / "metrics.json").read_text(encoding="utf-8"))
COMMANDS = re.findall(r"^(python (?:predict\.py|-m arrhythmia).*)$", README, re.MULTILINE)


def rows(text: str) -> dict[str, list[str]]:
    """Cells of all table rows by their first cell."""
    found = {}
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [c.strip().strip("*") for c in line.strip("|").split("|")]
            found[cells[0].strip()] = cells[1:]
    return found


def block(name: str, text: str = README) -> str:
    """The part of a text between two comments."""
    return re.search(f"<!-- {name} -->(.*?)<!-- /{name} -->", text, re.DOTALL)[1]


@pytest.mark.parametrize("text", [README, CARD], ids=["README", "card"])
def test_results_table_is_that_of_the_metrics(text: str) -> None:
    aami, table = METRICS["aami"], rows(block("results", text))
    for i, name in enumerate(aami["classes"]):
        shown = table[f"{name} (AAMI)"]
        values = [aami[key][i] for key in ("sensitivity", "ppv", "f1")]
        assert shown[:3] == [f"{v:.3f}" for v in values]
        low, high = aami["intervals_95"][name]
        assert shown[3:] == [f"{low:.2f} – {high:.2f}", str(aami["support"][i])]
    assert table["accuracy"][2] == f"{aami['accuracy']:.3f}"
    assert table["mean F1"][2] == f"{aami['mean_f1']:.3f}"


def test_other_figures_are_those_of_the_metrics() -> None:
    for key in ("S_without_232", "F_without_213"):
        assert f"{METRICS[key]['f1']:.3f}" in README
    part = METRICS["reference_records"]
    assert f"accuracy {part['accuracy']:.3f}" in README
    assert f"V recall {part['sensitivity'][part['classes'].index('V')]:.3f}" in README
    folds = json.loads((DEFAULT_MODEL / "folds_metrics.json").read_text(encoding="utf-8"))
    assert f"mean F1 {folds['aami']['mean_f1']:.3f}" in README
    assert f"accuracy {folds['aami']['accuracy']:.3f}" in README


def test_comparison_is_complete() -> None:
    table = rows(README)
    for system in PUBLISHED:
        shown = table[f"{system.system} ({system.source})"]
        values = (system.accuracy, system.s_f1, system.v_f1, system.f_f1, system.mean_f1)
        assert shown[:5] == ["–" if v is None else f"{v:.3f}" for v in values]


SHOWN = re.findall(r"<!-- study:([\w-]+) -->", README)


def test_every_study_is_shown() -> None:
    assert set(SHOWN) == set(STUDIES)


@pytest.mark.parametrize("study", SHOWN)
def test_study_tables_are_those_of_the_experiments(study: str) -> None:
    table = pd.read_csv(TABLE).query("study == @study", local_dict={"study": study})
    mean = table.groupby("arm").mean(numeric_only=True)
    shown = {k: v for k, v in rows(block(f"study:{study}")).items() if k in mean.index}
    assert set(shown) == set(mean.index) & set(STUDIES[study].arms)
    assert len(shown) >= 5
    for arm, cells in shown.items():
        found = mean.loc[arm]
        assert cells[0] == f"{found['mean_f1']:.3f}"
        for cell, c in zip(cells[1:4], "SVF", strict=True):
            assert cell == " / ".join(f"{found[f'{key}_{c}']:.3f}" for key in ("se", "ppv", "f1"))


@pytest.mark.parametrize("text", [README, CARD], ids=["README", "card"])
def test_mean_and_spread_are_those_of_five_seeds(text: str) -> None:
    found = over_seeds(DEFAULT_MODEL)
    assert found is not None
    table = rows(block("seeds", text))
    for name, values in found.items():
        assert table[name][0] == f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
        assert table[name][1:] == [f"{v:.3f}" for v in values]
    ledger = read_ledger(DEFAULT_MODEL.parent / "ds2_ledger.csv")
    assert len(seed_folders(DEFAULT_MODEL)) == 5
    for folder, value in zip(seed_folders(DEFAULT_MODEL), found["mean F1"], strict=True):
        row = next(row for row in ledger if row["digest"] == model_digest(folder))
        assert float(row["mean_f1"]) == value


@pytest.mark.parametrize("half", ["DS1", "DS2"])
def test_faithfulness_is_that_of_the_file(half: str) -> None:
    found = read_faithfulness(DEFAULT_MODEL)
    assert found["model"] == model_digest(DEFAULT_MODEL)
    text = block(f"faithfulness:{half}")
    beats = found[half]["beats"]
    assert f"{sum(beats.values())} beats, called " in text
    table = rows(text)
    for method, figures in found[half]["methods"].items():
        cells = [c.strip("*") for c in table[method]]
        keys = ("deletion, relative", "insertion, relative", "randomised")
        assert [c.split()[0] for c in cells[:3]] == [f"{figures[k]:.2f}" for k in keys]
        assert cells[2].endswith(f"({figures['randomised, absolute']:.2f})")
        assert cells[3:5] == [f"{figures[k]:.2f}" for k in ("noise", "one sample later")]
        shares = [f"{figures[k]:.0f} %" for k in ("QRS of V", "P and rhythm of S")]
        assert cells[5:7] == shares
        each = figures["deletion, relative, by class"]
        assert cells[7] == " / ".join(f"{each[c]:.2f}" for c in "NSVF")


def test_the_default_method_is_the_one_that_wins_on_ds1() -> None:
    methods = read_faithfulness(DEFAULT_MODEL)["DS1"]["methods"]
    assert min(methods, key=lambda m: methods[m]["deletion"]) == DEFAULT_METHOD


def test_confidence_is_that_of_the_files() -> None:
    table = rows(block("confidence"))
    found = json.loads((DEFAULT_MODEL / "confidence_metrics.json").read_text(encoding="utf-8"))
    folds = Confidence.load(DEFAULT_MODEL).measured["folds_cross_fitted"]
    for place, part in enumerate((found, folds)):
        errors = part["calibration"]
        for when in ("before", "after"):
            (cells,) = [v for k, v in table.items() if k.endswith(when) and "error" in k]
            assert cells[place] == f"{errors[when]['ece']:.4f}"
        for level, sets in part["sets"].items():
            assert table[f"{level} % sets hold the true class"][place] == f"{sets['coverage']:.3f}"
            assert table[f"{level} % sets, classes in a set"][place] == f"{sets['size']:.3f}"
            each = " / ".join(f"{sets['classes'][c]['coverage']:.3f}" for c in "NSVF")
            assert table[f"{level} % sets, by class N / S / V / F"][place] == each
        ratio = f"(ratio {part['risk']['ratio']:.2f})"
        assert table["wrong, of the surest 95 %"][place].endswith(ratio)
        assert table["not assessable"][place] == f"{100 * part['not_assessable']:.2f} %"


def test_figures_inside_patients_are_those_of_the_file() -> None:
    shown = [r for r in block("inside").splitlines() if "every" in r]
    for line, seconds in zip(shown, (300, 60), strict=True):
        found = json.loads((INSIDE / f"metrics-{seconds}.json").read_text(encoding="utf-8"))["four"]
        cells = [c.strip() for c in line.strip("|").split("|")]
        assert cells[1:3] == [f"{found['accuracy']:.4f}", f"{found['mean_f1']:.3f}"]


def test_times_are_those_of_the_benchmark() -> None:
    times = json.loads((ROOT / "saved_models" / "benchmark.json").read_text(encoding="utf-8"))
    table = rows(README)
    for name, seconds in times.items():
        if name != "cores":
            shown = f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"
            assert table[name][0] == shown


def test_shipped_model_is_in_the_ledger_with_its_figures() -> None:
    ledger = read_ledger(DEFAULT_MODEL.parent / "ds2_ledger.csv")
    row = next(row for row in ledger if row["digest"] == model_digest(DEFAULT_MODEL))
    assert float(row["accuracy"]) == METRICS["aami"]["accuracy"]
    assert float(row["mean_f1"]) == METRICS["aami"]["mean_f1"]
    assert sum(f.stat().st_size for f in DEFAULT_MODEL.glob("model.keras")) < 5_000_000


def test_files_and_targets_named_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target.replace("%20", " ")).exists(), target
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE)):
        assert f"\n{target}:" in makefile, target


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.database
@pytest.mark.parametrize("command", [c for c in COMMANDS if not re.search(" train | tune ", c)])
def test_command(
    command: str, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MITDB_DIR", str(data_dir.resolve()))
    model = Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "models" / "ds1"))
    shutil.copy(DEFAULT_MODEL.parent / "ds2_ledger.csv", model.parent)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command, comments=True)[1:]
    if words[0] == "predict.py":
        assert predict.main(words[1:]) == 0
        return
    words = words[2:]
    if words[0] == "download":
        source = str(data_dir.resolve())
        words = [w.replace("DIR", source) for w in words]
        words += ["--data-dir", str(tmp_path / "mitdb")]
        words += [] if "--from" in words else ["--from", source]  # no network in tests
    if words[0] == "evaluate" and "--folds" in words:
        small_folds(monkeypatch)
    if words[0] == "ablate":  # what it shows is stored; if not, say so, and do not train for long
        monkeypatch.setattr(
            experiments, "run_experiment", lambda *_, **__: pytest.fail("not stored")
        )
    if words[0] == "benchmark":
        words = ["benchmark", "--only", "record"]
    if words[0] == "calibrate":
        for fold in DEFAULT_MODEL.parent.glob("ds1-fold*"):
            shutil.copytree(fold, model.parent / fold.name)
    if words[0] in ("evaluate", "annotate", "benchmark", "calibrate", "faithfulness"):
        words += ["--model", str(model)]
    assert main(words) == 0
    if words[0] == "evaluate" and "--folds" not in words:
        for name in ("metrics.json", "predictions.csv", "confidence_metrics.json"):
            assert (model / name).read_bytes() == (DEFAULT_MODEL / name).read_bytes()
    if words[0] in ("calibrate", "faithfulness"):  # anyone gets what is stored
        name = {"calibrate": "confidence.json", "faithfulness": "faithfulness.json"}[words[0]]
        assert (model / name).read_bytes() == (DEFAULT_MODEL / name).read_bytes()


def small_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on two folds of two records for a few steps."""
    from dataclasses import replace

    from arrhythmia import training

    monkeypatch.setattr(training, "FOLDS", (("208", "101"), ("207", "209")))
    monkeypatch.setattr(training, "DS1", ("208", "101", "207", "209"))
    whole = training.TrainingSettings.from_dict
    monkeypatch.setattr(
        training.TrainingSettings,
        "from_dict",
        lambda facts: replace(whole(facts), epochs=1, steps=4, copies=1, members=1),
    )
