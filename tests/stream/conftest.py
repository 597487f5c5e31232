"""What the tests of `arrhythmia.stream` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.records import Record, read_record
from arrhythmia.stream import StreamBeat, StreamClassifier, StreamEvent

Told = tuple[StreamBeat | StreamEvent, ...]
Play = Callable[..., Told]


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier.load(DEFAULT_MODEL)


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    """Two minutes with ventricular beats, two leads."""
    return read_record(make_record(tmp_path, symbols="NNNNNVNNNN" * 12, seconds=125, seed=4))


def signals_of(record: Record) -> np.ndarray:
    return np.stack([record.lead(name).signal for name in record.ecg_leads], axis=1)


@pytest.fixture
def play(classifier: Classifier) -> Play:
    """Streams signals, in pieces of some length."""

    def run(record: Record, signals: np.ndarray | None = None, size: int = 100) -> Told:
        stream = StreamClassifier(record.fs, record.ecg_leads, classifier)
        signals = signals_of(record) if signals is None else signals
        parts = range(0, len(signals), size)
        return tuple(one for first in parts for one in stream.push(signals[first : first + size]))

    return run


def beats_of(told: Told) -> list[StreamBeat]:
    return [one for one in told if isinstance(one, StreamBeat)]


def events_of(told: Told) -> list[StreamEvent]:
    return [one for one in told if isinstance(one, StreamEvent)]
