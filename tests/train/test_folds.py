"""Tests of `arrhythmia.train.folds`: nobody is predicted by a network that knows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from train.tiny import BEATS, RUN, TINY, step_by_step

from arrhythmia.beats import find_beats
from arrhythmia.evaluate.scores import decisions_table
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model_settings import ModelSettings
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import read_record
from arrhythmia.templates import TemplateSettings
from arrhythmia.train import folds as module
from arrhythmia.train.batches import Leads
from arrhythmia.train.folds import decide_folds, out_of_fold, without

NAMES = ("101", "207", "208", "209")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Names that each network was trained on; its probabilities tell which network it was."""
    names: list[tuple[str, ...]] = []

    def remember(records: dict[str, Leads], *_: object) -> tuple[object, None]:
        names.append(tuple(records))
        mark = len(names) / 100
        return SimpleNamespace(
            settings=ModelSettings(BEATS, RUN, 0, TINY.as_dict()),
            find_beats=lambda record, source: find_beats(record, BEATS, source=source),
            decide=lambda beats: SimpleNamespace(
                probabilities=np.full((len(beats), len(BEAT_CLASSES)), mark)
            ),
            save=lambda folder: Path(folder).write_text(" ".join(records)),
        ), None

    monkeypatch.setattr(module, "fit_ensemble", remember)
    return names


def test_without_a_fold_the_others_are_left(records: dict[str, Leads]) -> None:
    assert list(without(records, ("101", "208", "999"))) == ["207", "209"]


def test_no_network_predicts_a_record_that_it_has_seen(
    records: dict[str, Leads], trained_on: list[tuple[str, ...]]
) -> None:
    folds = (("101", "208"), ("207",), ("209",))
    for fold, _ in zip(folds, out_of_fold(records, BEATS, TINY, 0, folds), strict=True):
        assert set(trained_on[-1]) == set(NAMES) - set(fold)
    assert len(trained_on) == len(folds)


def test_classifiers_of_two_folds_can_be_kept_side_by_side(records: dict[str, Leads]) -> None:
    folds = (("101", "208"), ("207", "209"))
    with step_by_step():
        classifiers = out_of_fold(records, BEATS, TINY, 0, folds)
        first = next(classifiers)
        weights = first.network.get_weights()
        second = next(classifiers)
    for weight, kept in zip(weights, first.network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, kept)
    assert not np.allclose(weights[-1], second.network.get_weights()[-1])


def test_predictions_out_of_fold_hold_every_beat_of_every_record(
    synthetic_dir: Path,
    trained_on: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(module, "DS1", NAMES)
    folds = (("101", "208"), ("207", "209"))
    monkeypatch.setattr(module, "FOLDS", folds)
    model = ModelSettings(BEATS, RUN, 0, TINY.as_dict())
    table = decisions_table(decide_folds(synthetic_dir, model, tmp_path / "it"))
    for number, fold in enumerate(folds, 1):
        kept = (tmp_path / f"it-fold{number}").read_text().split()
        assert set(kept) == set(NAMES) - set(fold)
        assert (table.loc[table["record"].isin(fold), "p_N"] == number / 100).all()
    assert list(table["record"].unique()) == list(NAMES)
    assert len(trained_on) == 2
    for name in NAMES:
        sample, symbol = reference_beats(read_record(name, synthetic_dir))
        rows = table[table["record"] == name]
        np.testing.assert_array_equal(rows["sample"], sample)
        np.testing.assert_array_equal(rows["symbol"], symbol)


@pytest.mark.slow
def test_a_fold_that_is_there_is_not_trained_again(
    synthetic_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    monkeypatch.setattr(module, "DS1", NAMES)
    monkeypatch.setattr(module, "FOLDS", (("101", "208"), ("207", "209")))
    facts = TINY.as_dict() | {"records": list(NAMES)}
    model = ModelSettings(BEATS, RUN, 0, facts, TemplateSettings())
    first = decisions_table(decide_folds(synthetic_dir, model, tmp_path / "it"))
    assert "already" not in capsys.readouterr().out
    again = decisions_table(decide_folds(synthetic_dir, model, tmp_path / "it"))
    pd.testing.assert_frame_equal(again, first)
    assert capsys.readouterr().out.count("is there already") == 2
    other = replace(model, training=facts | {"epochs": TINY.epochs + 1})
    decide_folds(synthetic_dir, other, tmp_path / "it")
    assert "already" not in capsys.readouterr().out
