"""Tests of `studies.stream` and `studies.stream_benchmark`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.evaluate.stream import alarm_facts
from arrhythmia.mitdb import DS1
from arrhythmia.model_settings import model_digest
from arrhythmia.records import Record, read_record
from studies import stream_benchmark
from studies.results import RESULTS, read_json
from studies.stream import FILE, run_stream
from studies.stream_benchmark import beat_times, format_memory, format_times, memory_of


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="NNNNNNNNNV" * 3, seed=1))


def test_what_is_stored_is_of_the_shipped_model(tmp_path: Path) -> None:
    stored = read_json(RESULTS / FILE)
    assert stored["model"] == model_digest(DEFAULT_MODEL)
    assert run_stream(DEFAULT_MODEL, tmp_path / "no database") == stored
    assert set(stored["DS1"]) == set(DS1)
    assert alarm_facts(stored["DS1"])["delay_most"] <= 2.0


def test_computing_is_timed_for_each_beat(record: Record) -> None:
    times = beat_times(Classifier.load(), record)
    assert 26 <= len(times) <= 30
    assert 0 < np.median(times) < 1


def test_memory_is_measured_after_each_length(record: Record) -> None:
    memory = memory_of(Classifier.load(), record, (2, 4))
    assert len(memory) == 2
    assert 50 < memory[0] < 5000


def test_stored_figures_are_shown() -> None:
    stored = read_json(RESULTS / stream_benchmark.FILE)
    assert f"{stored['median_ms']:.2f} ms" in format_times(stored)
    assert stored["median_ms"] <= stored["p99_ms"] <= stored["most_ms"]
    assert f"{stored['memory_mb'][0]:.1f} MB" in format_memory(stored)
    assert stored["growth"] < 0.05
