"""Tests of `studies.wording`: contradictions are counted where there are some."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.interface import Classifier
from arrhythmia.records import read_record
from arrhythmia.trust.confidence import Confidence
from studies import wording
from studies.results import RESULTS
from studies.wording import CHECKS, CONTRADICTIONS, FOUND, audit_record, format_wording, rows_of


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> tuple:
    """A synthetic record as the shipped model calls it."""
    path = make_record(tmp_path_factory.mktemp("wording"), symbols="NNNNVNNNNANNNN" * 5, seed=3)
    classifier, record = Classifier.load("saved_models/ds1"), read_record(path)
    beats = classifier.find_beats(record, source="atr")
    return classifier, record, beats, classifier.decide(beats)


def test_every_beat_is_counted(counted: tuple) -> None:
    found = audit_record(*counted)
    beats = len(counted[2])
    assert set(found) == set(FOUND)
    assert found["any contradiction"][0] == found["sentences"][0] <= beats
    assert found["any contradiction"][1] == 0


def test_a_set_without_the_class_called_is_found(
    counted: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Confidence.judge

    def spoilt(self: Confidence, *args: object) -> object:
        judged = judge(self, *args)
        sets = judged.sets90.copy()
        sets[:4] = False
        return replace(judged, sets90=sets)

    monkeypatch.setattr(Confidence, "judge", spoilt)
    found = audit_record(*counted)
    assert found["assessable"][1] == found["any contradiction"][1] == 4


def test_an_early_beat_said_to_be_on_time_is_found(
    counted: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, record, beats, decision = counted
    early = np.isin(beats.symbol, ["V", "A"])
    called = np.zeros_like(decision.probabilities)
    called[np.arange(len(early)), np.where(early, 2, 0)] = 1.0
    decision = replace(decision, probabilities=called)
    monkeypatch.setattr(wording.vocabulary, "timing_words", lambda *_: ["on time"])
    found = audit_record(classifier, record, beats, decision)
    assert found["premature by reference and called S or V"] == [early.sum()] * 2


def test_the_stored_audit_keeps_what_is_promised() -> None:
    results = json.loads((RESULTS / wording.FILE).read_text(encoding="utf-8"))
    for part in results["audit"].values():
        shares = {name: wrong / max(beats, 1) for name, (beats, wrong) in part.items()}
        assert shares["premature by reference and called S or V"] <= 0.03
        assert shares["any contradiction"] <= 0.005
        assert shares["assessable"] == shares["sentences"] == 0
    assert len(rows_of(results)) == len(FOUND) + 1
    assert len(CHECKS) > max(CONTRADICTIONS)
    assert len(format_wording(results).splitlines()) == 2 * len(FOUND)


def test_what_is_stored_needs_no_database(tmp_path: Path) -> None:
    told = []
    results = wording.run_wording(Path("saved_models/ds1"), tmp_path, RESULTS, told.append)
    assert set(results["audit"]) == {"DS1", "svdb", "DS2"}
    assert told == []
