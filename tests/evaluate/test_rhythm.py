"""Tests of `arrhythmia.evaluate.rhythm`: stretches are compared by duration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.evaluate.rhythm import MARKS, durations, format_rhythm, marked_rhythm
from arrhythmia.records import Annotation, Record, read_record
from arrhythmia.rhythm import BIGEMINY, FIBRILLATION, KINDS, VT, Event


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    """Fibrillation from second 10 to 20, bigeminy from 30 on."""
    plain = read_record(make_record(tmp_path, symbols="N" * 60))
    notes = ("(N", "(AFIB", "(N", "(B")
    annotation = Annotation(
        np.round(np.array([0, 10, 20, 30]) * plain.fs).astype(int), np.full(4, "+"),
        np.array(notes), np.zeros(4, dtype=int),
    )  # fmt: skip
    return replace(plain, annotation=annotation)


def event(kind: str, start: float, end: float) -> Event:
    return Event(kind, 0, 1, start, end, 90.0)


def test_a_mark_holds_until_the_next(record: Record) -> None:
    rhythm = marked_rhythm(record)
    assert rhythm[int(15 / 0.05)] == "(AFIB"
    assert rhythm[int(25 / 0.05)] == "(N"
    assert rhythm[-1] == "(B"


def test_durations_are_those_that_agree_and_those_that_do_not(record: Record) -> None:
    events = [event(FIBRILLATION, 12, 24), event(VT, 40, 41)]
    both, found, marked = durations(record, events)[FIBRILLATION]
    assert (both, found, marked) == pytest.approx((8, 4, 2), abs=0.11)
    assert durations(record, events)[VT] == pytest.approx([0, 1, 0], abs=0.11)
    assert durations(record, [])[BIGEMINY][2] == pytest.approx(record.seconds - 30, abs=0.11)


def test_every_kind_scored_can_be_found() -> None:
    assert set(MARKS) <= set(KINDS)


def test_what_is_nowhere_has_no_figure() -> None:
    text = format_rhythm({VT: {"sensitivity": None, "ppv": 0.5, "marked_s": 0.0}})
    assert text.splitlines()[1].split() == ["ventricular", "tachycardia", "–", "0.500", "0", "s"]
