"""Confidence is fitted on beats out of fold, and refuses what does not belong together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import error_line
from trust.simulated import out_of_fold_beats

from arrhythmia.predictions import CALIBRATED_COLUMNS, SET_CLASSES, read_predictions
from arrhythmia.trust.calibrate import (
    NOVEL_SHARE,
    REFER_SHARE,
    OutOfFoldBeats,
    calibrate,
    compare_calibrations,
    compare_scores,
    cross_fit,
    fit_confidence,
    fold_folders,
    format_calibration,
    gather,
)
from arrhythmia.trust.confidence import NOT_ASSESSABLE, UNLIKE, Confidence, Novelty

ANY_NOVELTY = Novelty(np.zeros((1, 2)), np.eye(2), np.inf)


@pytest.fixture(scope="module")
def beats() -> OutOfFoldBeats:
    return out_of_fold_beats()


def test_the_rule_of_referral_takes_its_share(beats: OutOfFoldBeats) -> None:
    confidence = fit_confidence(beats, ANY_NOVELTY)
    assessment = confidence.judge(beats.probabilities, beats.novelty, beats.problems)
    assert assessment.refer.mean() == pytest.approx(REFER_SHARE, abs=0.003)
    novel = beats.novelty > confidence.novelty.limit
    assert novel.mean() == pytest.approx(NOVEL_SHARE, abs=0.002)
    assert assessment.refer[novel].all()
    assert assessment.refer[beats.problems > 0].all()
    beginnings = {reason.split(":")[0].split(";")[0] for reason in assessment.reasons if reason}
    assert beginnings == {"the network is unsure", UNLIKE, NOT_ASSESSABLE.split(":")[0]}


def test_a_network_that_is_too_sure_is_made_less_sure(beats: OutOfFoldBeats) -> None:
    confidence = fit_confidence(beats, ANY_NOVELTY)
    assert confidence.temperature == pytest.approx(1.8, rel=0.1)  # with which it was made
    assert set(confidence.thresholds) == {90, 95}


def test_unreadable_beats_and_those_without_a_class_teach_nothing(beats: OutOfFoldBeats) -> None:
    spoiled = out_of_fold_beats()
    rows = np.flatnonzero(spoiled.problems > 0)
    spoiled.table.loc[rows, ["p_N", "p_S", "p_V", "p_E", "p_F"]] = [0, 0, 0, 0, 1.0]
    spoiled.table.loc[rows[:10], "reference"] = ""
    one, other = (fit_confidence(each, ANY_NOVELTY) for each in (beats, spoiled))
    assert one.temperature == other.temperature
    np.testing.assert_array_equal(one.thresholds[90], other.thresholds[90])


def test_each_fold_is_assessed_by_what_the_others_teach(beats: OutOfFoldBeats) -> None:
    table = cross_fit(beats)
    assert len(table) == len(beats.table)
    confidence = fit_confidence(beats.select(beats.fold != 0), ANY_NOVELTY)
    held_out = beats.select(beats.fold == 0)
    expected = confidence.judge(held_out.probabilities, held_out.novelty, held_out.problems)
    assessed = table[: len(held_out.table)]
    pd.testing.assert_frame_equal(assessed[list(held_out.table)], held_out.table)
    calibrated = assessed[list(CALIBRATED_COLUMNS)].to_numpy()
    np.testing.assert_allclose(calibrated, expected.probabilities, atol=5.1e-5)
    assert (assessed["refer"] > 0).tolist() == expected.refer.tolist()


def test_the_best_way_to_calibrate_is_found(beats: OutOfFoldBeats) -> None:
    compared = compare_calibrations(beats)
    for key in ("ece", "negative_log_likelihood"):
        best = min(compared, key=lambda name: compared[name][key])
        assert best == "temperature"  # what the networks lack
    assert all(values["worst_fold"] >= values["ece"] for values in compared.values())


def test_the_probability_orders_beats_and_chance_does_not(beats: OutOfFoldBeats) -> None:
    ratios = compare_scores(beats)
    assert ratios["1 - greatest probability"] < 0.95
    assert ratios["entropy"] < 0.95
    assert ratios["novelty of the shape"] == pytest.approx(1, abs=0.05)  # drawn at random


def test_what_was_fitted_is_shown(beats: OutOfFoldBeats) -> None:
    confidence = Confidence(
        1.62,
        {90: np.array([0.9, 0.1, 0.2, 0.3]), 95: np.array([0.8, 0.05, 0.1, 0.2])},
        0.194,
        ANY_NOVELTY,
        {
            "records": dict.fromkeys(SET_CLASSES, 9),
            "calibrations": compare_calibrations(beats),
            "scores": {"entropy": 0.4, "novelty": None},
        },
    )
    text = format_calibration(confidence)
    assert "temperature 1.620; refer above 0.194" in text
    assert "negative log-likelihood" in text
    assert "  90 %: N 0.9000, S 0.1000, V 0.2000, F 0.3000" in text
    assert "  records: N 9, S 9, V 9, F 9" in text
    assert "  novelty: –" in text


# --- with networks --------------------------------------------------------------------------


@pytest.mark.slow
def test_every_beat_is_judged_by_the_network_that_did_not_see_it(
    model_with_folds: Path, synthetic_dir: Path
) -> None:
    out_of_fold, novelty = gather(model_with_folds, synthetic_dir)
    stored = read_predictions(model_with_folds / "folds_predictions.csv")
    assert len(out_of_fold.table) == len(stored)
    exact, rounded = out_of_fold.probabilities, stored.filter(like="p_").to_numpy()
    np.testing.assert_allclose(exact, rounded, atol=2e-3)
    assert not np.array_equal(exact, rounded)
    names = list(dict.fromkeys(stored["record"]))
    for name, fold in zip(out_of_fold.record, out_of_fold.fold, strict=True):
        assert fold == names.index(name) % 4
    assert np.isfinite(out_of_fold.novelty).all()
    assert (out_of_fold.truth >= 0).sum() == (stored["reference"] != "").sum()
    assert novelty.limit == np.inf


@pytest.mark.slow
def test_calibrating_again_gives_the_same(
    calibrated_model: Path, model_with_folds: Path, synthetic_dir: Path, tmp_path: Path
) -> None:
    confidence, table = calibrate(model_with_folds, synthetic_dir)
    confidence.save(tmp_path)
    stored = (calibrated_model / "confidence.json").read_bytes()
    assert (tmp_path / "confidence.json").read_bytes() == stored
    measured = confidence.measured
    assert measured["folds_cross_fitted"]["beats"] == (table["reference"] != "").sum()
    assert measured["records"]["N"] == table["record"].nunique()
    assert "90 %" in format_calibration(confidence)


def test_calibrating_needs_predictions_of_folds(tiny_model: Path, synthetic_dir: Path) -> None:
    line = error_line(lambda: calibrate(tiny_model, synthetic_dir))
    assert "lacks 'folds_predictions.csv'" in line
    assert f"evaluate --folds --model {tiny_model}" in line


def test_calibrating_needs_networks_of_folds(
    model_with_folds: Path, synthetic_dir: Path, tmp_path: Path
) -> None:
    assert len(fold_folders(model_with_folds)) == 4
    folder = tmp_path / "alone"
    shutil.copytree(model_with_folds, folder)
    assert "(0 folds)" in error_line(lambda: calibrate(folder, synthetic_dir))


def test_predictions_of_other_networks_are_refused(
    model_with_folds: Path, synthetic_dir: Path, tmp_path: Path
) -> None:
    for folder in (model_with_folds, *fold_folders(model_with_folds)):
        shutil.copytree(folder, tmp_path / folder.name)
    model = tmp_path / model_with_folds.name
    file = model / "folds_predictions.csv"
    stored = read_predictions(file)
    stored.assign(p_N=0.5 * stored["p_N"] + 0.1).to_csv(file, index=False)
    line = error_line(lambda: calibrate(model, synthetic_dir))
    assert "not what the networks of the folds say" in line
    stored[5:].to_csv(file, index=False)
    assert "annotation of record" in error_line(lambda: calibrate(model, synthetic_dir))
