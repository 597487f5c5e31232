"""Tests of `arrhythmia.annotate.holter`: figures that can be counted on paper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.annotate.analysis import Analysis
from arrhythmia.annotate.holter import beat_table, ectopic_runs, summary
from arrhythmia.annotate.report import summary_lines
from arrhythmia.beats import find_beats
from arrhythmia.decision import Decision
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import lead_shares
from arrhythmia.predictions import Assessment
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.events import look_between
from arrhythmia.trust.quality import PACED

LETTERS = "NNNVNNVVNNNVVVVNNSNNNSSSNNNFNN" * 2


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path_factory.mktemp("h"), symbols="N" * len(LETTERS)))


def analysis_of(record: Record, problems: np.ndarray | None = None) -> Analysis:
    beats = find_beats(record, BeatSettings(), source="atr")
    classes = np.array(list(LETTERS))
    rows = np.full((len(beats), 5), 0.02)
    rows[np.arange(len(beats)), [BEAT_CLASSES.index(c) for c in LETTERS]] = 0.92
    rows[5] = [0.5, 0.4, 0.05, 0.03, 0.02]
    none = np.zeros(len(beats), dtype=int)
    settings = BeatSettings()
    decision = Decision(rows, rows, None, rows[None], lead_shares(beats, settings))
    return Analysis(
        record, beats, settings, decision, classes, none.astype(bool), None,
        none if problems is None else problems, look_between(record, beats, settings), [],
    )  # fmt: skip


def test_ectopic_beats_are_counted_as_on_paper(record: Record) -> None:
    facts = summary(analysis_of(record))
    v, s = facts["ventricular"], facts["supraventricular"]
    assert (v["beats"], v["single"], v["couplets"], v["runs"]) == (14, 2, 2, 2)
    assert (s["beats"], s["single"], s["couplets"], s["runs"]) == (8, 2, 0, 2)
    assert v["longest_run"]["beats"] == 4
    assert facts["fusion"] == 2
    assert v["percent"] == pytest.approx(100 * 14 / 60, abs=0.01)
    assert v["per_hour"] == pytest.approx(14 / (record.seconds / 3600), abs=0.1)
    assert facts["beats"] == 60
    assert sum(facts["classes"].values()) == 60


def test_the_rate_is_that_of_the_intervals(record: Record) -> None:
    analysis = analysis_of(record)
    rr = analysis.beats.rr_pre[1:]
    rate = summary(analysis)["rate"]
    assert rate["mean"] == pytest.approx(60 / rr.mean(), abs=0.1)
    assert rate["lowest"] <= rate["mean"] <= rate["highest"]


def test_the_beat_that_is_least_sure_is_first_to_look_at(record: Record) -> None:
    first = summary(analysis_of(record))["to_look_at"][0]
    assert (first["beat"], first["probability"]) == (5, 0.5)


def test_what_cannot_be_assessed_counts_nowhere_and_is_told(record: Record) -> None:
    problems = np.zeros(60, dtype=int)
    problems[11:15] = 4  # the run of four V
    analysis = analysis_of(record, problems)
    facts = summary(analysis)
    assert facts["ventricular"]["runs"] == 1
    assert facts["beats"] == 56
    (stretch,) = facts["not_assessable"]
    assert stretch["reason"] == "noise as loud as the beat"
    table = beat_table(analysis)
    assert list(table["class"][11:15]) == ["?"] * 4
    assert (table["quality"][11:15] == "noise as loud as the beat").all()
    assert facts["not_assessable_percent"] == pytest.approx(100 * 4 / 60, abs=0.01)


def test_a_paced_heart_has_no_beat_of_a_class(record: Record) -> None:
    facts = summary(analysis_of(record, np.full(60, PACED)))
    assert (facts["paced"], facts["beats"], facts["rate"]) == (True, 0, None)


def test_the_first_and_last_interval_are_unknown(record: Record) -> None:
    table = beat_table(analysis_of(record))
    assert np.isnan(table["rr_pre"].iloc[0])
    assert np.isnan(table["rr_post"].iloc[-1])
    assert table["rr_pre"].iloc[1] == pytest.approx(table["rr_post"].iloc[0])


def test_clock_time_goes_on_from_the_start_of_the_record(record: Record, tmp_path: Path) -> None:
    from datetime import datetime

    at_night = replace(record, start=datetime(2024, 1, 5, 23, 59, 59))
    table = beat_table(analysis_of(at_night))
    assert table["clock"].iloc[-1].startswith("2024-01-06 00:00")
    assert beat_table(analysis_of(record))["clock"].iloc[0].startswith("00:00:0")


def test_runs_end_where_signal_is_missing(record: Record) -> None:
    analysis = analysis_of(record)
    whole = [run.beats for run in ectopic_runs(analysis, ("V",))]
    assert whole == [1, 2, 4] * 2
    missing = analysis.between.missing.copy()
    missing[LETTERS.index("VVVV") + 1] = True
    cut = replace(analysis, between=analysis.between._replace(missing=missing))
    assert [run.beats for run in ectopic_runs(cut, ("V",))] == [1, 2, 1, 3, 1, 2, 4]


def test_beats_to_look_at_are_as_many_in_the_summary_as_in_the_table(record: Record) -> None:
    problems = np.zeros(len(LETTERS), dtype=int)
    problems[[3, 4]] = 1
    analysis = analysis_of(record, problems)
    count = len(LETTERS)
    refer, by_reader = problems != 0, np.arange(count) >= count - 2
    refer[[7, 8, count - 1]] = True  # the last was named by a reader
    sets, rows = np.ones((count, 4), dtype=bool), np.zeros(count)
    assessment = Assessment(
        analysis.probabilities, sets, sets, rows, rows, problems == 0, refer,
        ["unsure" if r else "" for r in refer],
    )  # fmt: skip
    analysis = replace(analysis, assessment=assessment, by_reader=by_reader)
    facts, table = summary(analysis), beat_table(analysis)
    assert facts["referred"] == 4 == table["refer"].sum()
    assert facts["referred_not_assessable"] == 2
    lines = summary_lines(facts | {"model": "m"})
    assert "Beats that a person should look at: 2, besides 2 that cannot be assessed" in lines
