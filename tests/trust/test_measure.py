"""Figures of confidence are what their definitions say, counted another way."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from trust.simulated import NOISE, draw, out_of_fold_beats, random_probabilities, sharpened

from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.predictions import read_predictions
from arrhythmia.trust.calibrate import cross_fit
from arrhythmia.trust.measure import (
    BINS,
    CURVE,
    calibration_figures,
    confidence_report,
    coverage_figures,
    format_confidence,
    reliability,
    risk_figures,
)

# --- calibration ----------------------------------------------------------------------------


def test_the_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    confidence = np.array([0.52, 0.54, 0.91, 0.92, 0.93, 0.94])
    right = np.array([1, 0, 1, 1, 1, 0], dtype=bool)
    error, diagram = reliability(confidence, right, bins=10)
    assert error == pytest.approx((2 * abs(0.53 - 0.5) + 4 * abs(0.925 - 0.75)) / 6)
    assert diagram == {"confidence": [0.53, 0.925], "share": [0.5, 0.75], "beats": [2, 4]}


def test_certainty_is_in_the_last_bin() -> None:
    error, diagram = reliability(np.ones(3), np.ones(3, dtype=bool))
    assert error == 0
    assert diagram["beats"] == [3]


def test_the_diagram_is_that_of_scikit_learn() -> None:
    probabilities = random_probabilities(2, 4000, spread=2, classes=4)
    right = draw(probabilities) == probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    _, diagram = reliability(confidence, right)
    share, mean = calibration_curve(right, confidence, n_bins=BINS)
    np.testing.assert_allclose(diagram["share"], share, atol=5.1e-5)
    np.testing.assert_allclose(diagram["confidence"], mean, atol=5.1e-5)
    assert sum(diagram["beats"]) == 4000


def test_the_calibration_error_agrees_with_mapie() -> None:
    from mapie.metrics.calibration import top_label_ece

    honest = random_probabilities(2, 4000, spread=1, classes=4)
    truth, given = draw(honest), sharpened(honest, 2)
    error, _ = reliability(given.max(axis=1), given.argmax(axis=1) == truth)
    assert error > 0.1
    # mapie takes the mean over classes of the same figure, bin by bin
    theirs = top_label_ece(truth, given, num_bins=BINS, split_strategy="uniform")
    assert error == pytest.approx(theirs, abs=0.03)


def test_calibrated_probabilities_have_next_to_no_error_in_any_class() -> None:
    honest = random_probabilities(3, 20_000, classes=4)
    truth = draw(honest)
    figures = calibration_figures(honest, truth)
    too_sure = calibration_figures(sharpened(honest, 2), truth)
    assert figures["ece"] < 0.015 < 0.1 < too_sure["ece"]
    for name, values in figures["classes"].items():
        assert values["ece"] < 0.015 < too_sure["classes"][name]["ece"]


# --- coverage -------------------------------------------------------------------------------


def test_coverage_and_size_of_sets_by_class_and_record() -> None:
    sets = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
    truth = np.array([0, 1, 0, 2])
    figures = coverage_figures(sets, truth, np.array(["a", "a", "b", "b"]))
    assert figures["coverage"] == 0.5
    assert figures["size"] == 1.0
    assert figures["classes"]["N"] == {"coverage": 0.5, "size": 1.0, "beats": 2}
    assert figures["classes"]["F"] == {"coverage": None, "size": None, "beats": 0}
    assert figures["records"]["a"] == {"coverage": 1.0, "size": 1.5, "beats": 2}


# --- risk -----------------------------------------------------------------------------------


def test_risk_of_a_perfect_and_of_a_useless_score() -> None:
    wrong = np.arange(1000) >= 950
    assert risk_figures(wrong.astype(float), wrong)["ratio"] == 0
    assert risk_figures(-wrong.astype(float), wrong)["error_kept"] > 0.05
    assert risk_figures(np.zeros(10), np.zeros(10, dtype=bool))["ratio"] is None


def test_the_curve_begins_with_all_beats() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(2000) < 0.2
    figures = risk_figures(rng.random(2000) + wrong, wrong)
    curve = figures["curve"]
    assert curve["kept"] == list(CURVE)
    assert curve["error"][0] == figures["error"] == pytest.approx(wrong.mean(), abs=5.1e-5)
    assert curve["error"][5] == figures["error_kept"]
    assert (np.diff(curve["error"]) <= 1e-3).all()


# --- the report -----------------------------------------------------------------------------


def test_the_report_of_a_network_that_is_too_sure() -> None:
    report = confidence_report(cross_fit(out_of_fold_beats()))
    assert report["referred"]["ratio"] < 1
    assert report["referred"]["error"] > report["risk"]["error"]
    assert report["calibration"]["after"]["ece"] < report["calibration"]["before"]["ece"]
    assert report["sets"]["90"]["coverage"] == pytest.approx(0.9, abs=0.03)
    assert report["not_assessable"] == pytest.approx(20 / report["beats"], abs=1e-4)
    json.dumps(report, allow_nan=False)


def test_where_all_beats_are_assessable_their_risk_is_that_of_all() -> None:
    report = confidence_report(cross_fit(out_of_fold_beats(noisy=0)))
    assert report["not_assessable"] == 0
    keys = ("error", "error_kept", "ratio")
    assert report["risk_assessable"] == {key: report["risk"][key] for key in keys}


def test_beats_that_are_not_assessable_are_referred_first() -> None:
    """Noise on beats that are called wrong: the others have fewer errors."""
    beats = out_of_fold_beats(noisy=0)
    table = cross_fit(beats)
    truth = table["reference"].to_numpy()
    called = table.filter(like="p_").idxmax(axis=1).str.removeprefix("p_").to_numpy()
    wrong = np.flatnonzero((truth != called) & np.isin(truth, ["N", "S"]))[:100]
    beats.problems[wrong] = NOISE
    report = confidence_report(cross_fit(beats))
    assert report["risk_assessable"]["error"] < report["risk"]["error"]
    assert report["risk"]["curve"]["error"][3] < report["risk"]["error"]


def test_a_report_can_be_made_and_shown_where_nothing_is_assessable() -> None:
    beats = out_of_fold_beats(records=8, beats=50, noisy=0)
    table = cross_fit(beats).assign(refer=1, reason="not assessable: a flat line")
    report = confidence_report(table)
    assert report["risk_assessable"] is None
    assert report["referred"]["error_kept"] is None
    assert "error of the rest –" in format_confidence(report)
    json.dumps(report, allow_nan=False)


def test_beats_without_a_reference_are_left_out() -> None:
    table = cross_fit(out_of_fold_beats(noisy=0))
    unknown = table[:40].assign(reference="", refer=1)
    with_unknown = pd.concat([unknown, table], ignore_index=True)
    assert confidence_report(with_unknown) == confidence_report(table)


def test_the_tables_show_each_class_and_the_rule() -> None:
    report = confidence_report(cross_fit(out_of_fold_beats()))
    lines = format_confidence(report).splitlines()
    (line,) = [line for line in lines if line.lstrip().startswith("calibrated")]
    assert len(line.split()) == 6
    for start in ("90 % sets", "95 % sets", "referred by rule", "not assessable"):
        assert sum(line.lstrip().startswith(start) for line in lines) == 1


# --- the shipped model ----------------------------------------------------------------------


def numbers(figures: object, name: str = "") -> dict[str, object]:
    """Every value of nested figures by its place in them."""
    if isinstance(figures, dict | list):
        items = figures.items() if isinstance(figures, dict) else enumerate(figures)
        return {k: v for key, part in items for k, v in numbers(part, f"{name}/{key}").items()}
    return {name: figures}


@pytest.mark.slow
def test_stored_figures_are_those_of_the_stored_predictions() -> None:
    report = confidence_report(read_predictions(DEFAULT_MODEL / "predictions.csv"))
    stored = json.loads((DEFAULT_MODEL / "confidence_metrics.json").read_text(encoding="utf-8"))
    # no network is involved; rounding to four places may fall out otherwise on another CPU
    assert numbers(report) == pytest.approx(numbers(stored), abs=1.1e-4)


def test_confidence_of_the_shipped_model_is_worth_having() -> None:
    report = json.loads((DEFAULT_MODEL / "confidence_metrics.json").read_text(encoding="utf-8"))
    assert report["calibration"]["after"]["ece"] < 0.02
    assert report["sets"]["90"]["coverage"] > 0.88
    assert report["sets"]["95"]["coverage"] > 0.93
    assert report["sets"]["90"]["size"] < 1.3
    assert report["sets"]["95"]["size"] < 1.6
    assert report["risk"]["ratio"] < 0.6
    assert report["referred"]["share"] < 0.08
