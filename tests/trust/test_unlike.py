"""A recording of which the network is unsure is told, and its sets are widened, never narrowed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line
from trust.simulated import out_of_fold_beats, patients, random_probabilities

from arrhythmia.annotate.analysis import analyse
from arrhythmia.annotate.holter import summary
from arrhythmia.annotate.report import summary_lines
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.explain.case import Case
from arrhythmia.explain.summary import as_dict, as_text
from arrhythmia.interface import Classifier
from arrhythmia.predictions import PROBABILITY_COLUMNS
from arrhythmia.records import Record, read_record
from arrhythmia.templates import FEWEST_BEATS
from arrhythmia.trust.calibrate import (
    UNLIKE_QUANTILE,
    OutOfFoldBeats,
    cross_fit,
    fit_confidence,
)
from arrhythmia.trust.compare import UNSURE, beats_compared, compare_records, widening_figures
from arrhythmia.trust.confidence import Confidence, Novelty
from arrhythmia.trust.fit import MISCALLED, fit_thresholds, fit_wide_thresholds
from arrhythmia.trust.sets import sets_of
from arrhythmia.trust.unlike import UnlikeRecord, share_unsure

NARROW = {90: np.array([1.0, 0.05, 0.3, 0.05]), 95: np.array([0.5, 0.01, 0.1, 0.01])}
WIDE = UnlikeRecord(0.016, 0.076, {level: row / 5 for level, row in NARROW.items()})
CONFIDENCE = Confidence(1.0, NARROW, 0.3, Novelty(np.zeros((1, 2)), np.eye(2), 5.0), unlike=WIDE)
ANY_NOVELTY = Novelty(np.zeros((1, 1)), np.eye(1), np.inf)


# --- the measure ----------------------------------------------------------------------------


def test_the_share_is_that_of_unsure_beats() -> None:
    calibrated = np.full((100, 5), 0.01)
    calibrated[:, 0] = 0.96
    calibrated[:19, :2] = (0.6, 0.37)
    assert share_unsure(calibrated, 0.1) == pytest.approx(0.19)
    assert share_unsure(calibrated, 0.5) == 0


def test_of_few_beats_or_of_some_nothing_is_told() -> None:
    calibrated = random_probabilities(0, FEWEST_BEATS)
    assert share_unsure(calibrated, 0.1) > 0
    assert np.isnan(share_unsure(calibrated[1:], 0.1))
    calibrated[3] = np.nan
    assert np.isnan(share_unsure(calibrated, 0.1))


def test_words_give_the_shares_and_come_beyond_the_limit_alone() -> None:
    assert [WIDE.words(share) for share in (0.0, 0.076, float("nan"))] == [""] * 3
    words = WIDE.words(0.193)
    assert "unsure of 19 % of its beats (2 % in the median training record)" in words
    assert "less than 1 % in the median" in replace(WIDE, usual=0.004).words(0.193)


# --- wider sets -----------------------------------------------------------------------------


def test_sets_are_widened_beyond_the_limit_and_nothing_else_changes() -> None:
    given = random_probabilities(3, 400)
    rest = np.zeros(400), np.zeros(400, dtype=int)
    like, unlike = (CONFIDENCE.judge(given, *rest, unsure=share) for share in (0.076, 0.077))
    for narrow, wide in ((like.sets90, unlike.sets90), (like.sets95, unlike.sets95)):
        assert (wide >= narrow).all()
        assert wide.sum() > narrow.sum()
    assert (like.note, unlike.note) == ("", WIDE.words(0.077))
    np.testing.assert_array_equal(like.refer, unlike.refer)
    assert like.reasons == unlike.reasons
    never = replace(CONFIDENCE, unlike=None).judge(given, *rest, unsure=1.0)
    np.testing.assert_array_equal(never.sets90, like.sets90)
    assert never.note == ""


def scored(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, truth and record of patients of whom a fifth of the beats is called wrongly."""
    probabilities, truth, record = patients(seed, records=40, spread=0.4)
    return probabilities / probabilities.max(axis=1, keepdims=True), truth, record


def test_wide_sets_hold_their_share_of_beats_that_are_called_otherwise() -> None:
    scores, truth, record = scored(0)
    narrow = fit_thresholds(scores, truth, record)
    wide = fit_wide_thresholds(scores, truth, record, narrow)
    others, true, _ = scored(1)
    held = sets_of(others, np.minimum(wide[90], 1))[np.arange(len(true)), true]
    miscalled = others[np.arange(len(true)), true] < 1
    assert 0.05 < miscalled.mean() < 0.5
    assert held[miscalled].mean() > MISCALLED - 0.05
    for level, row in narrow.items():
        assert (wide[level] <= row).all()


def test_a_class_that_is_never_called_otherwise_keeps_its_threshold() -> None:
    scores, truth, record = scored(0)
    scores[truth == 2] = np.eye(4)[2]
    narrow = fit_thresholds(scores, truth, record)
    wide = fit_wide_thresholds(scores, truth, record, narrow)
    assert wide[90][2] == narrow[90][2]


# --- fitted ---------------------------------------------------------------------------------


def with_hard_records(hard: int = 5) -> OutOfFoldBeats:
    """Out-of-fold beats, of which in the first records the network is less sure than elsewhere."""
    beats = out_of_fold_beats(noisy=0)
    place = np.flatnonzero(np.isin(beats.record, [f"r{n}" for n in range(hard)]))
    columns = list(PROBABILITY_COLUMNS)
    flat = beats.table.loc[place, columns].to_numpy() ** 0.25
    beats.table.loc[place, columns] = flat / flat.sum(axis=1, keepdims=True)
    return beats


def test_the_limit_leaves_its_share_of_records_beyond() -> None:
    beats = with_hard_records()
    unlike = fit_confidence(beats, ANY_NOVELTY).unlike
    assert unlike is not None
    assert 0 < unlike.usual < unlike.limit < 1
    table = cross_fit(beats)
    beyond = table.attrs["unlike"]
    assert {f"r{n}" for n in range(5)} <= set(beyond)
    assert len(beyond) / 24 == pytest.approx(1 - UNLIKE_QUANTILE, abs=0.15)
    figures = widening_figures(cross_fit(beats, widened=False), table, beyond)
    before, after = figures["before"], figures["after"]
    assert after["unlike"]["coverage"] > before["unlike"]["coverage"]
    assert after["unlike"]["size"] > before["unlike"]["size"]
    assert cross_fit(beats, widened=False).attrs["unlike"] == []


def test_measures_are_ranked_by_what_they_foresee() -> None:
    record = np.repeat([f"r{n}" for n in range(6)], 50)
    hard = np.repeat(np.arange(6), 50)
    ranks = compare_records(
        record, {"right": hard, "reversed": -hard, "constant": 0 * hard}, {"wrong": hard / 10}
    )
    assert ranks == {"right": {"wrong": 1}, "reversed": {"wrong": -1}, "constant": {"wrong": None}}
    beats = with_hard_records()
    table = cross_fit(beats, widened=False)
    refer_above = fit_confidence(beats, ANY_NOVELTY).refer_above
    compared = beats_compared(table, beats.novelty, refer_above)
    assert set(compared[UNSURE]) == {"wrong", "outside the 90 % set"}
    assert compared["not assessable"]["wrong"] is None  # everything is


def test_in_the_training_records_the_measure_ranks_those_with_errors_first() -> None:
    measured = Confidence.load(DEFAULT_MODEL).measured["unlike"]
    assert measured[UNSURE]["wrong"] > 0.5
    assert measured[UNSURE]["outside the 90 % set"] > 0.5
    for name, ranks in measured.items():
        assert name == UNSURE or ranks["wrong"] < measured[UNSURE]["wrong"]


# --- on disk --------------------------------------------------------------------------------


def test_it_survives_saving_and_an_older_file_has_none(tmp_path: Path) -> None:
    CONFIDENCE.save(tmp_path)
    facts = json.loads((tmp_path / "confidence.json").read_text(encoding="utf-8"))
    loaded = Confidence._from_facts(facts).unlike
    assert loaded is not None
    assert (loaded.usual, loaded.limit) == (WIDE.usual, WIDE.limit)
    for level, row in WIDE.thresholds.items():
        np.testing.assert_array_equal(loaded.thresholds[level], row)
    del facts["unlike"]
    assert Confidence._from_facts(facts).unlike is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("limit", 1.5), ("usual", 0.5), ("limit", None), ("least", {"90": [0.1], "95": [0.1]})],
)
def test_a_damaged_limit_is_told(
    key: str, value: object, calibrated_model: Path, tmp_path: Path
) -> None:
    for file in calibrated_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    file = tmp_path / "confidence.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    facts["unlike"] = {"usual": 0.1, "limit": 0.2, "least": facts["least"]} | {key: value}
    file.write_text(json.dumps(facts), encoding="utf-8")
    assert "is damaged" in error_line(lambda: Confidence.load(tmp_path))


# --- said -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unlike() -> Classifier:
    """The shipped model, for which every recording is unlike those of its training."""
    classifier = Classifier.load(DEFAULT_MODEL)
    confidence = classifier.confidence
    limits = replace(confidence.unlike, usual=-0.01, limit=-0.01)
    classifier.confidence = replace(confidence, unlike=limits)
    return classifier


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    folder = tmp_path_factory.mktemp("unlike")
    return read_record(make_record(folder, symbols="NNNNVNNNNANNNN" * 6, seed=3))


def test_one_beat_is_judged_as_the_whole_recording_is(unlike: Classifier, record: Record) -> None:
    beats = unlike.find_beats(record)
    every = unlike.confidence.assess(unlike, record, beats)
    assert every.note
    case = unlike.explain(record, 7)
    assert case.assessment.note == every.note
    np.testing.assert_array_equal(case.assessment.sets90[7], every.sets90[7])


def said_of(case: Case) -> str:
    return f"This recording is {case.assessment.note}."


def test_it_is_said_of_a_beat_in_text_and_json(unlike: Classifier, record: Record) -> None:
    case = unlike.explain(record, 7)
    assert as_text(case, {}).count(said_of(case)) == 1
    assert as_dict(case, {})["recording_note"] == said_of(case)
    plain = Classifier.load(DEFAULT_MODEL)
    plain.confidence = replace(unlike.confidence, unlike=None)
    assert "This recording is" not in as_text(plain.explain(record, 7), {})


def test_it_is_said_in_the_summary_and_in_the_report(unlike: Classifier, record: Record) -> None:
    analysis = analyse(unlike, unlike.confidence, record)
    facts = summary(analysis, ["a", "b", "c", "d"]) | {"model": "ds1"}
    said = f"record {record.name} is {analysis.assessment.note}"
    assert facts["notes"][0] == said
    assert said in " ".join(" ".join(summary_lines(facts)).split())
