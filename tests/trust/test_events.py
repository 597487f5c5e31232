"""Tests of `arrhythmia.trust.events`: what is told of a whole record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import find_beats
from arrhythmia.records import Record, read_record
from arrhythmia.rhythm import NOT_ASSESSABLE, PACED, PAUSE, Event
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.events import events_of_record, invalid_before

SETTINGS = BeatSettings()


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="N" * 60, seed=3))


def events_of(record: Record) -> list[Event]:
    beats = find_beats(record, SETTINGS, source="atr")
    return events_of_record(record, beats, np.zeros(len(beats), dtype=int), SETTINGS)


def with_gap(record: Record, columns: list[int]) -> Record:
    """Signal is missing from second 20 to 25, and with it the beats."""
    signals = record.signals.copy()
    first, last = (round(s * record.fs) for s in (20, 25))
    signals[first:last, columns] = np.nan
    marks = record.annotation
    kept = (marks.sample < first - record.fs / 5) | (marks.sample > last + record.fs / 5)
    columns_kept = {name: getattr(marks, name)[kept] for name in marks._fields}
    return replace(record, signals=signals, annotation=marks._replace(**columns_kept))


def test_a_gap_in_all_leads_is_no_pause(record: Record) -> None:
    leads = record.signals.shape[1]
    assert {e.kind for e in events_of(with_gap(record, list(range(leads))))} == {NOT_ASSESSABLE}


def test_a_gap_in_one_lead_hides_nothing(record: Record) -> None:
    two = replace(
        record, signals=record.signals[:, [0, 0]], leads=("MLII", "V1"), units=("mV", "mV")
    )
    kinds = {event.kind for event in events_of(with_gap(two, [0]))}
    assert NOT_ASSESSABLE not in kinds


def test_invalid_samples_are_counted_between_beats(record: Record) -> None:
    lead = with_gap(record, [0]).lead()
    sample = np.array([5, 15, 19, 26, 30]) * round(record.fs)
    np.testing.assert_array_equal(invalid_before(lead, sample), [0, 0, 0, 1, 0])


def test_a_paced_record_is_one_event(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PACED not in {event.kind for event in events_of(record)}
    monkeypatch.setattr("arrhythmia.trust.quality.is_paced", lambda *_: True)
    (event,) = events_of(record)
    assert (event.kind, event.first, event.last) == (PACED, 0, 59)
    assert PAUSE != event.name == PACED
