"""What is written beside a model, and which ledger hears of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_record
from evaluate.tables import random_table

from arrhythmia.classifier import Classifier
from arrhythmia.evaluate import ledger as ledger_module
from arrhythmia.evaluate.ledger import read_ledger
from arrhythmia.evaluate.report import (
    evaluate_model,
    format_seeds,
    over_seeds,
    seed_folders,
    write_results,
)
from arrhythmia.evaluate.scores import decide_reference_beats, decisions_table, summary
from arrhythmia.model_settings import model_digest
from arrhythmia.predictions import SET_CLASSES, confidence_columns, read_predictions
from arrhythmia.records import read_record
from arrhythmia.trust.confidence import Confidence
from arrhythmia.trust.fit import fit_novelty
from arrhythmia.trust.measure import confidence_report

CONFIDENCE_FILES = ("confidence_metrics.json", "reliability.png", "risk_coverage.png")


def a_confidence(model: Path) -> Confidence:
    """One that was not fitted, for a model in a folder."""
    width = int(Classifier.load(model).halves[0].output.shape[-1])
    features = np.random.default_rng(0).normal(0, 1, (200, width))
    thresholds = np.array([0.9, 0.05, 0.2, 0.05])
    return Confidence(
        temperature=1.5,
        thresholds={90: thresholds, 95: thresholds / 2},
        refer_above=0.2,
        novelty=fit_novelty(features, np.zeros(200, dtype=int), limit=1e6),
        model=model_digest(model),
    )


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model."""
    folder = tmp_path / "models" / "mine"
    shutil.copytree(tiny_model, folder)
    return folder


# --- files ----------------------------------------------------------------------------------


def test_predictions_figures_and_confusion_matrices_are_written(tmp_path: Path) -> None:
    table = random_table(("100", "232"), beats=60)
    figures = write_results(tmp_path / "new", table, prefix="folds_")
    assert {file.name for file in (tmp_path / "new").iterdir()} == {
        *("folds_predictions.csv", "folds_metrics.json", "folds_confusion.png"),
    }
    read = read_predictions(tmp_path / "new" / "folds_predictions.csv")
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    stored = json.loads((tmp_path / "new" / "folds_metrics.json").read_text(encoding="utf-8"))
    assert stored == figures == summary(table)


def test_other_files_of_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("a card", encoding="utf-8")
    write_results(tmp_path, random_table(("100",), beats=60))
    write_results(tmp_path, random_table(("101",), beats=60))
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "a card"
    assert set(read_predictions(tmp_path / "predictions.csv")["record"]) == {"101"}


def test_confidence_is_written_where_there_is_one(
    model: Path, tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    record = read_record("106", synthetic_dir)
    confidence = a_confidence(model)
    decided = [decide_reference_beats(tiny_classifier, record)]
    plain = decisions_table(decided)
    table = decisions_table(decided, partial(confidence.assess, tiny_classifier))
    pd.testing.assert_frame_equal(table[list(plain)], plain)
    beats = tiny_classifier.find_beats(record)
    columns = confidence_columns(confidence.assess(tiny_classifier, record, beats))
    assert list(table) == [*plain, *columns]
    write_results(model, table)
    read = read_predictions(model / "predictions.csv")
    assert confidence_report(read) == confidence_report(table)
    stored = json.loads((model / "confidence_metrics.json").read_text(encoding="utf-8"))
    assert stored == confidence_report(table)
    for name in CONFIDENCE_FILES:
        assert (model / name).stat().st_size > 500
    assert set(read["refer"]) <= {0, 1}
    assert all(set(text.split("|")) <= set(SET_CLASSES) for text in read["set90"])


# --- evaluation -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_model_is_evaluated_with_confidence_where_it_is_calibrated(
    model: Path, synthetic_dir: Path
) -> None:
    names = ("106", "207")
    figures, _ = evaluate_model(model, synthetic_dir, names)
    assert figures["records"] == list(names)
    assert not (model / "confidence_metrics.json").exists()
    a_confidence(model).save(model)
    assert evaluate_model(model, synthetic_dir, names)[0] == figures
    assert (model / "confidence_metrics.json").exists()


def test_records_outside_of_ds2_are_not_in_the_ledger(model: Path, synthetic_dir: Path) -> None:
    _, ledger = evaluate_model(model, synthetic_dir, ("106",))
    assert ledger is None
    assert not list(model.parent.rglob("ds2_ledger.csv"))


def test_a_users_model_keeps_a_ledger_in_its_own_folder(model: Path, tmp_path: Path) -> None:
    write_record(tmp_path / "data", "100", seconds=20)
    _, ledger = evaluate_model(model, tmp_path / "data", ("100",))
    assert ledger == model / "ds2_ledger.csv"
    assert [row["model"] for row in read_ledger(ledger)] == ["mine"]
    _, again = evaluate_model(model, tmp_path / "data", ("100",))
    assert again is None
    assert len(read_ledger(ledger)) == 1


def test_the_projects_model_is_in_the_ledger_of_the_project(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MODELS_FOLDER", model.parent)
    monkeypatch.setattr(ledger_module, "IS_CLONE", True)
    write_record(tmp_path / "data", "100", seconds=20)
    shipped = model.rename(model.with_name("ds1"))
    _, ledger = evaluate_model(shipped, tmp_path / "data", ("100",))
    assert ledger == model.parent / "ds2_ledger.csv"
    assert not (shipped / "ds2_ledger.csv").exists()


# --- several seeds --------------------------------------------------------------------------


def test_seeds_are_compared_when_all_were_evaluated(tmp_path: Path) -> None:
    f1 = [0.5, 0.6, 0.7, 0.8, 0.9]
    rest = {"S_without_232": {"f1": 0.1}, "F_without_213": {"f1": 0.2}}
    folders = [tmp_path / f"ds1{end}" for end in ("", "-seed1", "-seed2", "-seed3", "-seed4")]
    (tmp_path / "ds1-fold1").mkdir()
    for folder, value in zip(folders, f1, strict=True):
        folder.mkdir()
        assert over_seeds(folders[0]) is None  # none besides, or the last was not evaluated
        aami = {"classes": ["N", "S"], "f1": [0.9, value], "accuracy": 0.9, "mean_f1": value}
        (folder / "metrics.json").write_text(json.dumps({"aami": aami} | rest), encoding="utf-8")
    assert seed_folders(folders[0]) == folders
    figures = over_seeds(folders[0])
    assert figures is not None
    assert figures["S F1"] == figures["mean F1"] == f1
    assert figures["S F1 without 232"] == [0.1] * 5
    shown = "S F1                0.700  0.158   0.500 0.600 0.700 0.800 0.900"
    assert shown in format_seeds(figures)


def test_a_confidence_of_another_network_is_not_used(model: Path, synthetic_dir: Path) -> None:
    replace(a_confidence(model), model="0" * 64).save(model)
    with pytest.raises(ValueError, match="made for another network"):
        evaluate_model(model, synthetic_dir, ("106",))
