"""Tests of `arrhythmia.evaluate.stream`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line

from arrhythmia.evaluate.stream import (
    ARMS,
    FILE,
    REFERENCE,
    STREAMED,
    alarm_facts,
    count_runs,
    evaluate_stream,
    format_stream,
    matched,
    runs_of,
    score_record,
    scores_of,
)
from arrhythmia.files import DEFAULT_MODEL, OWN_MODEL
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.mitdb import DS2
from arrhythmia.model_settings import model_digest
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import Record, read_record
from arrhythmia.rhythm import VT
from arrhythmia.stream import StreamEvent

N, V = BEAT_CLASSES.index("N"), BEAT_CLASSES.index("V")


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="NNNVVVVNNN" * 4, seed=4))


def test_beats_are_matched_and_others_are_missed_or_added(record: Record) -> None:
    sample, symbol = reference_beats(record)
    called = [V if s == "V" else N for s in symbol]
    table = np.array(matched(record, sample + 10, called))
    assert table.sum() == len(sample)
    assert table.trace() == len(sample)
    table = np.array(matched(record, sample[1:], [N] * (len(sample) - 1)))
    assert table[0, 4] == 1
    assert table[2, 0] == np.sum(symbol == "V")
    extra = np.sort(np.append(sample, (sample[3] + sample[4]) // 2))
    assert np.array(matched(record, extra, [V] * len(extra)))[4, 2] == 1


def event(start: float, told: float) -> StreamEvent:
    return StreamEvent(VT, "begins", start, float("nan"), told)


def test_runs_are_found_missed_and_false(record: Record) -> None:
    sample, symbol = reference_beats(record)
    seconds = sample / record.fs
    runs = runs_of(symbol == "V", seconds)
    assert len(runs) == 4
    assert runs[0] == (seconds[3], seconds[6])
    told = [event(runs[1][0], runs[1][0] + 3), event(runs[1][1], runs[1][1]), event(0.0, 0.1)]
    assert count_runs(record, told) == [4, 1, 1]
    ends = [replace(one, state="ends") for one in told]
    assert count_runs(record, ends) == [4, 0, 0]


def test_a_record_is_scored_by_all_arms(tmp_path: Path, make_record: MakeRecord) -> None:
    place = make_record(tmp_path, symbols="NNNVNNNVVV" * 10, seed=3)
    result = score_record(str(DEFAULT_MODEL), str(place))
    assert sum(result["delays"]) >= 96
    assert len(result["delays"]) <= 21  # none after more than two seconds
    for arm in ARMS:
        assert np.sum(result[arm][:4]) == 100
    results = {"one": result, "two": result}
    assert scores_of(results, REFERENCE).mean_f1 >= scores_of(results, STREAMED).mean_f1 - 0.1
    assert scores_of(results, STREAMED).f1[2] > 0.8
    facts = alarm_facts(results)
    assert facts["runs"] == 20
    assert facts["delay_median"] <= facts["delay_99"] <= facts["delay_most"] <= 2.0
    shown = format_stream(results)
    assert all(arm in shown for arm in ARMS)


def test_a_model_that_knows_ds2_is_refused() -> None:
    assert "trained on DS2" in error_line(lambda: evaluate_stream(OWN_MODEL))


def test_what_is_stored_is_of_the_shipped_model() -> None:
    stored = json.loads((DEFAULT_MODEL / FILE).read_text(encoding="utf-8"))
    assert stored["model"] == model_digest(DEFAULT_MODEL)
    assert set(stored["DS2"]) == set(DS2)
    metrics = json.loads((DEFAULT_MODEL / "metrics.json").read_text(encoding="utf-8"))["aami"]
    offline = scores_of(stored["DS2"], REFERENCE)
    assert offline.mean_f1 == pytest.approx(metrics["mean_f1"], abs=2e-3)
    assert offline.support.tolist() == metrics["support"]
