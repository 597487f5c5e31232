"""Confidence keeps its promises on data made to break them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import resample_poly

from arrhythmia.__main__ import main
from arrhythmia.beats import BeatSettings, find_beats
from arrhythmia.calibration import Evidence, calibrate, cross_fit, fit_confidence
from arrhythmia.classifier import Classifier
from arrhythmia.confidence import (
    CLASSES,
    NOT_ASSESSABLE,
    UNLIKE,
    Confidence,
    Novelty,
    sets_of,
    tempered,
)
from arrhythmia.errors import InputError
from arrhythmia.evaluation import predict_records, prediction_table, read_predictions
from arrhythmia.fitting import (
    fit_lapse,
    fit_novelty,
    fit_temperature,
    fit_thresholds,
    record_weights,
    softened,
)
from arrhythmia.quality import PROBLEMS, find_problems
from arrhythmia.records import Record, read_record
from arrhythmia.reliability import (
    confidence_columns,
    confidence_report,
    format_confidence,
    reliability,
    risk_figures,
)
from arrhythmia.reports import evaluate_model, write_results

SETTINGS = BeatSettings()


def softmax(scores: np.ndarray) -> np.ndarray:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def draw(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random((len(probabilities), 1)) > probabilities.cumsum(axis=1)).sum(axis=1)


# temperature


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_temperature_is_recovered(temperature: float) -> None:
    rng = np.random.default_rng(0)
    honest = softmax(rng.normal(0, 1.5, (20_000, 5)))
    truth = draw(honest, rng)
    given = softmax(np.log(honest) * temperature)  # too sure of itself where above 1
    assert fit_temperature(given, truth) == pytest.approx(temperature, rel=0.06)
    before = reliability(given.max(axis=1), given.argmax(axis=1) == truth)[0]
    fixed = tempered(given, fit_temperature(given, truth))
    after = reliability(fixed.max(axis=1), fixed.argmax(axis=1) == truth)[0]
    assert after < 0.015
    assert after <= before + 0.002


@pytest.mark.parametrize("lapse", [0.0, 0.03, 0.2])
def test_lapse_rate_is_recovered(lapse: float) -> None:
    rng = np.random.default_rng(0)
    given = softmax(rng.normal(0, 4, (20_000, 5)))
    truth = draw(softened(given, lapse), rng)
    assert fit_lapse(given, truth) == pytest.approx(lapse, rel=0.1, abs=2e-3)
    fixed = softened(given, fit_lapse(given, truth))
    assert reliability(fixed.max(axis=1), fixed.argmax(axis=1) == truth)[0] < 0.012


@pytest.mark.parametrize("change", [tempered, softened])
def test_calibration_keeps_the_order_of_classes_and_nan(change: object) -> None:
    given = softmax(np.random.default_rng(1).normal(0, 1, (50, 5)))
    given[3] = np.nan
    fixed = change(given, 0.7)
    assert np.isnan(fixed[3]).all()
    rest = np.arange(50) != 3
    np.testing.assert_array_equal(np.argsort(given[rest]), np.argsort(fixed[rest]))
    np.testing.assert_allclose(fixed[rest].sum(axis=1), 1)


def test_calibration_error_agrees_with_mapie() -> None:
    from mapie.metrics.calibration import top_label_ece

    rng = np.random.default_rng(2)
    given = softmax(rng.normal(0, 2, (4000, 4)))
    truth = draw(softmax(np.log(given) / 2), rng)
    right = given.argmax(axis=1) == truth
    ours, diagram = reliability(given.max(axis=1), right)
    assert sum(diagram["beats"]) == len(truth)
    assert ours > 0.1
    # mapie takes the mean over classes of the same figure, bin by bin
    theirs = top_label_ece(truth, given, num_bins=15, split_strategy="uniform")
    assert ours == pytest.approx(theirs, abs=0.03)


# prediction sets


def patients(
    seed: int, records: int, spread: float, sizes: tuple[int, int] = (50, 51)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, truth and record of patients some of whom are harder than others."""
    rng = np.random.default_rng(seed)
    parts = []
    for name in range(records):
        beats = rng.integers(*sizes)
        truth = rng.integers(0, 4, beats)
        scores = rng.normal(0, 1, (beats, 4))
        scores[np.arange(beats), truth] += 2.5 + spread * rng.normal()
        parts.append((softmax(scores), truth, np.full(beats, f"{seed}-{name}")))
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


@pytest.mark.parametrize(("level", "promise"), [(90, 0.90), (95, 0.95)])
def test_sets_cover_each_class_of_exchangeable_records(level: int, promise: float) -> None:
    least = fit_thresholds(*patients(0, 150, spread=0.5))[level]
    given, truth, _ = patients(1, 200, spread=0.5)
    sets = sets_of(given, least)
    for place in range(4):
        own = truth == place
        assert sets[own, place].mean() == pytest.approx(promise, abs=0.025)
    assert sets.any(axis=1).all()
    assert sets.sum(axis=1).mean() < 4


def test_the_record_is_the_unit_of_the_promise() -> None:
    """One easy patient with most of the beats must not speak for new patients."""
    hard = patients(3, 40, spread=0.3)
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 4, 20_000)
    scores = rng.normal(0, 0.3, (len(truth), 4))
    scores[np.arange(len(truth)), truth] += 8
    easy = (softmax(scores), truth, np.full(len(truth), "easy"))
    given, truths, record = (np.concatenate(each) for each in zip(hard, easy, strict=True))
    ours = fit_thresholds(given, truths, record)[90]
    pooled = fit_thresholds(given, truths, np.arange(len(given)) % 50)[90]  # records torn apart
    new, truth, _ = patients(5, 100, spread=0.3)
    rows = np.arange(len(truth))
    assert (new[rows, truth] >= pooled[truth]).mean() < 0.6
    assert (new[rows, truth] >= ours[truth]).mean() > 0.87


def test_a_class_of_few_records_is_in_every_set() -> None:
    given, truth, record = patients(6, 30, spread=0.3)
    keep = (truth != 3) | np.isin(record, ["6-0", "6-1", "6-2"])
    least = fit_thresholds(given[keep], truth[keep], record[keep])
    assert least[90][3] == least[95][3] == 0
    assert sets_of(given, least[90])[:, 3].all()
    assert (least[95] <= least[90]).all()


def test_sets_are_never_empty_and_hold_nothing_where_nothing_is_known() -> None:
    given = np.array([[0.4, 0.3, 0.2, 0.1], [np.nan] * 4])
    sets = sets_of(given, np.full(4, 0.9))
    np.testing.assert_array_equal(sets, [[True, False, False, False], [False] * 4])


# referral


def evidence(seed: int = 0, records: int = 24, beats: int = 200) -> Evidence:
    rng = np.random.default_rng(seed)
    tables, folds = [], []
    for name in range(records):
        honest = softmax(rng.normal(0, 3, (beats, 5)))
        symbols = np.array(["N", "A", "V", "E", "F"])[draw(honest, rng)]
        given = softmax(np.log(honest) * 1.8)  # too sure of itself
        tables.append(prediction_table(f"r{name}", np.arange(beats), symbols, given))
        folds.append(np.full(beats, name % 4))
    novelty, problems = rng.chisquare(8, records * beats), np.zeros(records * beats, dtype=int)
    problems[rng.integers(0, len(problems), 20)] = 4
    return Evidence(pd.concat(tables, ignore_index=True), np.concatenate(folds), novelty, problems)


def test_referral_takes_its_share_and_helps() -> None:
    seen = evidence()
    confidence = fit_confidence(seen, Novelty(np.zeros((1, 2)), np.eye(2), np.inf))
    found = confidence.judge(seen.raw, seen.novelty, seen.problems)
    assert found.refer.mean() == pytest.approx(0.05, abs=0.003)
    assert confidence.temperature > 1
    assert not found.assessable[seen.problems > 0].any()
    assert found.refer[seen.problems > 0].all()
    assert found.sets90[seen.problems > 0].all()
    for refer, reason in zip(found.refer, found.reasons, strict=True):
        assert refer == bool(reason)
    beginnings = {r.split(":")[0].split(";")[0] for r in found.reasons if r}
    assert beginnings == {"the network is unsure", UNLIKE, "not assessable"}
    unsure = next(r for r in found.reasons if r.startswith("the network is unsure"))
    assert len(unsure.split(":")[1].split(";")[0].split(",")) == 2
    report = confidence_report(cross_fit(seen))
    assert report["referred"]["ratio"] < 1
    assert report["referred"]["error"] > report["risk"]["error"]
    if not report["not_assessable"]:
        alone = report["risk_assessable"]
        assert alone == {k: report["risk"][k] for k in ("error", "error_kept", "ratio")}
    assert report["calibration"]["after"]["ece"] < report["calibration"]["before"]["ece"]
    assert report["sets"]["90"]["coverage"] == pytest.approx(0.9, abs=0.03)
    assert report["not_assessable"] == pytest.approx(20 / len(seen.table), abs=1e-3)
    assert "90 % sets" in format_confidence(report)
    json.dumps(report, allow_nan=False)


def test_risk_of_a_perfect_and_of_a_useless_score() -> None:
    wrong = np.arange(1000) >= 950
    assert risk_figures(wrong.astype(float), wrong)["ratio"] == 0
    assert risk_figures(-wrong.astype(float), wrong)["error_kept"] > 0.05
    assert risk_figures(np.zeros(10), np.zeros(10, dtype=bool))["ratio"] is None


def test_novelty_is_small_in_training_and_great_elsewhere() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 2], 500)
    features = rng.normal(0, [1, 5, 0.1], (1000, 3)) + np.where(truth == 2, 20, 0)[:, None]
    novelty = fit_novelty(features, truth)
    np.testing.assert_allclose(novelty.means[:, 0], [0, 20], atol=0.2)
    assert np.median(novelty.distance(features)) < 2
    assert novelty.distance(np.array([[10.0, 10.0, 10.0]]))[0] > 20


# quality


@pytest.fixture(scope="module")
def clean(make_record: object, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return read_record(make_record(tmp_path_factory.mktemp("quality"), "clean", seconds=120))


def problems_of(record: Record) -> tuple[np.ndarray, np.ndarray]:
    beats = find_beats(record, SETTINGS)
    return beats.centers, find_problems(record, beats.centers, SETTINGS)


def spoiled(record: Record, how: str, first: float = 40, last: float = 80) -> Record:
    rng = np.random.default_rng(7)
    signal, part = record.signal.copy(), slice(int(first * record.fs), int(last * record.fs))
    size = part.stop - part.start
    noise = rng.normal(0, 1, size)
    signal[part] = {
        "flat": np.full(size, signal[part.start]),
        "gap": np.full(size, np.nan),
        "rail": np.full(size, np.max(signal) + 2),
        "white noise": 0.3 * noise,
        "loud noise": signal[part] + 3 * noise,
        "faint noise": 0.001 * noise,
        "slow noise": 2 * np.convolve(noise, np.ones(30) / 30, "same"),
    }[how]
    return replace(record, signal=signal)


SPOILS = {
    "flat": {2}, "gap": {1}, "rail": {2, 3}, "white noise": {4}, "loud noise": {4},
    "faint noise": {2}, "slow noise": {4},
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILS)
def test_spoiled_stretches_are_found_and_the_rest_is_not(clean: Record, how: str) -> None:
    centers, found = problems_of(spoiled(clean, how))
    inside = (centers > 40.5) & (centers < 79.5)
    outside = (centers < 37) | (centers > 83)
    assert set(found[inside]) <= SPOILS[how], [PROBLEMS[i] for i in set(found[inside])]
    assert not found[outside].any()


@pytest.mark.parametrize("how", ["white noise", "flat"])
@pytest.mark.parametrize(("factor", "offset"), [(1e-3, 0), (1000, 5e5), (-0.5, 1)])
def test_gain_units_and_offset_do_not_matter(
    clean: Record, how: str, factor: float, offset: float
) -> None:
    record = spoiled(clean, how)
    other = replace(record, signal=factor * record.signal + offset, units="uV")
    np.testing.assert_array_equal(problems_of(other)[1], problems_of(record)[1])


@pytest.mark.parametrize(("up", "down"), [(1, 3), (25, 36), (2, 1)])
def test_the_sampling_rate_does_not_matter(clean: Record, up: int, down: int) -> None:
    record = spoiled(clean, "white noise")
    faster = replace(
        record,
        signal=resample_poly(record.signal, up, down),
        fs=record.fs * up / down,
        annotation=record.annotation._replace(
            sample=np.rint(record.annotation.sample * up / down).astype(int)
        ),
    )
    centers, found = problems_of(faster)
    inside, outside = (centers > 40.5) & (centers < 79.5), (centers < 37) | (centers > 83)
    assert found[inside].all()
    assert not found[outside].any()


def test_wanted_beats_are_judged_as_all_are(clean: Record) -> None:
    record = spoiled(clean, "white noise")
    beats = find_beats(record, SETTINGS)
    every = find_problems(record, beats.centers, SETTINGS)
    wanted = np.array([3, 60, 61, len(beats) - 1])
    some = find_problems(record, beats.centers, SETTINGS, wanted)
    np.testing.assert_array_equal(some[wanted], every[wanted])
    assert not np.delete(some, wanted).any()


@pytest.mark.database
def test_few_beats_of_real_records_are_not_assessable(data_dir: Path) -> None:
    for name, limit in (("119", 0.0), ("108", 0.03), ("205", 0.002)):
        _, found = problems_of(read_record(name, data_dir))
        assert np.mean(found > 0) <= limit


# with a network


@pytest.fixture(scope="module")
def calibrated(
    tiny_model: Path, synthetic_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny model with folds beside it (all of the same network, for speed) and confidence."""
    folder = tmp_path_factory.mktemp("calibrated") / "tiny"
    shutil.copytree(tiny_model, folder)
    classifier = Classifier.load(folder)
    names = classifier.settings.training["records"]
    for number in range(4):
        others = [n for i, n in enumerate(names) if i % 4 != number]
        training = classifier.settings.training | {"records": others}
        settings = replace(classifier.settings, training=training)
        Classifier(classifier.network, settings).save(f"{folder}-fold{number + 1}")
    records = [read_record(name, synthetic_dir) for name in names]
    write_results(folder, predict_records(classifier, records), prefix="folds_")
    return folder


@pytest.fixture(scope="module")
def confidence(calibrated: Path, synthetic_dir: Path) -> Confidence:
    found, table = calibrate(calibrated, synthetic_dir)
    found.save(calibrated)
    assert len(table) == len(read_predictions(calibrated / "folds_predictions.csv"))
    return Confidence.load(calibrated)


def test_confidence_survives_saving(confidence: Confidence, calibrated: Path) -> None:
    again = Confidence.load(calibrated)
    assert again.temperature == confidence.temperature
    assert again.measured == confidence.measured
    for level, least in confidence.least.items():
        np.testing.assert_array_equal(again.least[level], least)


def test_some_beats_are_assessed_as_all_are(
    confidence: Confidence, tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    record = spoiled(read_record("106", synthetic_dir), "white noise", 20, 30)
    beats = tiny_classifier.find_beats(record)
    every = confidence.assess(tiny_classifier, record, beats)
    wanted = np.array([2, 30, 31, 50])
    some = confidence.assess(tiny_classifier, record, beats, wanted)
    for name in ("probabilities", "score", "novelty"):
        one, other = getattr(some, name), getattr(every, name)
        np.testing.assert_allclose(one[wanted], other[wanted], rtol=1e-4, atol=1e-5)
        assert np.isnan(np.delete(one, wanted, axis=0)).all()
    for name in ("sets90", "sets95", "assessable", "refer"):
        np.testing.assert_array_equal(getattr(some, name)[wanted], getattr(every, name)[wanted])
        assert not np.delete(getattr(some, name), wanted, axis=0).any()
    assert [some.reasons[i] for i in wanted] == [every.reasons[i] for i in wanted]
    assert some.reasons[31].startswith(NOT_ASSESSABLE)
    given = confidence.assess(
        tiny_classifier, record, beats, probabilities=tiny_classifier.probabilities(beats)
    )
    np.testing.assert_array_equal(given.probabilities, every.probabilities)
    np.testing.assert_allclose(every.probabilities.sum(axis=1), 1)


def test_calibrate_and_what_evaluate_writes(
    confidence: Confidence,
    calibrated: Path,
    synthetic_dir: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("arrhythmia.__main__.require_database", lambda _: None)
    before = (calibrated / "confidence.json").read_bytes()
    options = ["--model", str(calibrated), "--data-dir", str(synthetic_dir)]
    assert main(["calibrate", *options]) == 0
    assert "temperature" in capsys.readouterr().out
    assert (calibrated / "confidence.json").read_bytes() == before  # reproducible
    classifier = Classifier.load(calibrated)
    record = read_record("106", synthetic_dir)
    plain = predict_records(classifier, [record])
    table = predict_records(classifier, [record], confidence)
    pd.testing.assert_frame_equal(table[list(plain)], plain)
    write_results(calibrated, table)
    read = read_predictions(calibrated / "predictions.csv")
    assert confidence_report(read) == confidence_report(table)
    for name in ("confidence_metrics.json", "reliability.png", "risk_coverage.png"):
        assert (calibrated / name).stat().st_size > 500
    assert set(read["refer"]) <= {0, 1}
    assert all(set(s.split("|")) <= set(CLASSES) for s in read["set90"])
    columns = confidence_columns(
        confidence.assess(classifier, record, classifier.find_beats(record))
    )
    assert list(columns) == list(table)[len(plain.columns) :]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "{", "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: text.replace('"temperature"', '"heat"'), "damaged"),
        (lambda text: text.replace('"temperature": ', '"temperature": -'), "damaged"),
        (lambda text: text.replace('"90": [', '"90": [0.5, '), "damaged"),
        (lambda text: text.replace('"format": 2', '"format": 99'), "incompatible"),
        (lambda text: text.replace('"model": "', '"model": "0'), "another network"),
        (lambda text: None, "not calibrated"),
    ],
)
def test_damaged_confidence_is_said_with_a_remedy(
    confidence: Confidence, calibrated: Path, tmp_path: Path, spoil: object, said: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(calibrated, folder)
    file = folder / "confidence.json"
    text = spoil(file.read_text(encoding="utf-8"))
    file.unlink()
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said) as raised:
        Confidence.load(folder)
    assert "arrhythmia calibrate" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_calibrate_without_folds_says_what_to_do(
    tiny_model: Path, synthetic_dir: Path, calibrated: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="evaluate --folds"):
        calibrate(tiny_model, synthetic_dir)
    folder = tmp_path / "alone"
    shutil.copytree(calibrated, folder)
    with pytest.raises(InputError, match="0 folds"):
        calibrate(folder, synthetic_dir)


def test_predictions_of_other_networks_are_refused(
    calibrated: Path, synthetic_dir: Path, tmp_path: Path
) -> None:
    for name in ("tiny", "tiny-fold1", "tiny-fold2", "tiny-fold3", "tiny-fold4"):
        shutil.copytree(calibrated.parent / name, tmp_path / name)
    file = tmp_path / "tiny" / "folds_predictions.csv"
    table = read_predictions(file)
    table["p_N"] = 0.5 * table["p_N"] + 0.1
    table.to_csv(file, index=False)
    with pytest.raises(InputError, match="not what the networks of the folds say"):
        calibrate(tmp_path / "tiny", synthetic_dir)


def test_weights_of_records_are_equal() -> None:
    weights = record_weights(np.array(["a"] * 3 + ["b"]))
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_evaluate_tells_what_confidence_is_worth_where_there_is_one(
    confidence: Confidence,
    calibrated: Path,
    tiny_model: Path,
    synthetic_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    from arrhythmia.__main__ import _print_confidence

    for source, said in ((calibrated, "90 % sets"), (tiny_model, "not calibrated")):
        folder = tmp_path / said
        shutil.copytree(source, folder)
        (folder / "confidence_metrics.json").unlink(missing_ok=True)
        evaluate_model(folder, synthetic_dir, names=("106", "207"))
        _print_confidence(folder)
        assert said in capsys.readouterr().out
        assert (folder / "confidence_metrics.json").exists() == (source == calibrated)
