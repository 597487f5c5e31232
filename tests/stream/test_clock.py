"""Tests of `arrhythmia.stream.clock`: lost samples, and a sampling rate that drifts."""

from __future__ import annotations

import numpy as np
import pytest
from stream.conftest import beats_of, events_of, signals_of

from arrhythmia.classifier import Classifier
from arrhythmia.records import Record
from arrhythmia.stream import StreamClassifier
from arrhythmia.stream.alarms import NO_SIGNAL, RATE
from arrhythmia.stream.clock import Drift, lost_samples


@pytest.mark.parametrize("fs", [100.0, 360.0])
def test_a_sampling_rate_that_differs_is_told_once(fs: float) -> None:
    for real, differs in ((fs, False), (1.003 * fs, False), (1.02 * fs, True), (0.95 * fs, True)):
        drift, told = Drift(fs), []
        for second in range(300):
            told += drift.mark(round(second * real), float(second))
        assert [(e.kind, e.state) for e in told] == [(RATE, "begins")] * differs
        assert drift.measured == pytest.approx(real, rel=1e-3)
        assert drift.clock(round(100 * real)) == pytest.approx(100, abs=0.1)


def test_a_rate_that_is_right_again_ends_it() -> None:
    drift, told, samples = Drift(100), [], 0
    for second in range(600):
        samples += 103 if second < 300 else 100
        told += drift.mark(samples, float(second))
    assert [e.state for e in told] == ["begins", "ends"]


def test_a_clock_that_was_set_is_no_drift() -> None:
    drift, told = Drift(100), []
    for second in range(400):
        told += drift.mark(100 * second, second + (1e6 if second > 200 else 0.0))
        told += drift.mark(100 * second, second - (5e5 if second > 300 else 0.0))
    assert told == []


def test_lost_samples_are_counted() -> None:
    seconds = np.arange(1000) / 250
    seconds[400:] += 2.0
    assert np.flatnonzero(lost_samples(seconds, np.nan, 250)).tolist() == [400]
    assert lost_samples(seconds, np.nan, 250)[400] == 500
    jitter = seconds + np.random.default_rng(0).uniform(0, 0.02, 1000)
    assert lost_samples(jitter[:400], np.nan, 250).sum() == 0
    assert lost_samples(np.array([5.0]), 3.0, 250)[0] == pytest.approx(499)


def test_beats_after_lost_samples_are_where_the_clock_says(
    classifier: Classifier, record: Record
) -> None:
    signals = signals_of(record)[: round(60 * record.fs)]
    seconds = np.arange(len(signals)) / record.fs
    there = (seconds < 20) | (seconds > 26)
    whole = StreamClassifier(record.fs, record.ecg_leads, classifier)
    other = StreamClassifier(record.fs, record.ecg_leads, classifier)
    usual = beats_of(whole.push(signals, seconds))
    told = []
    for part in np.array_split(np.flatnonzero(there), 40):
        told += other.push(signals[part], seconds[part] + 1000)
    assert (NO_SIGNAL, "begins") in [(e.kind, e.state) for e in events_of(told)]
    late = [b for b in beats_of(told) if b.time > 28]
    for beat in late:
        assert min(abs(beat.time - other.time) for other in usual) < 0.03
        assert beat.clock == pytest.approx(beat.time + 1000, abs=0.1)
    assert len(late) == len([b for b in usual if b.time > 28])
