"""Tests of `studies.causes`: what stands behind errors, as the annotation says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import error_line

from arrhythmia.beats import cut_beats, prepare_lead
from arrhythmia.predictions import scored_table
from arrhythmia.r_peaks import locate_beats
from arrhythmia.records import Annotation, Record, read_record
from arrhythmia.signals import BeatSettings
from studies import causes
from studies.causes import CAUSES, beat_causes, errors_by_cause, format_causes, stored_predictions

Mark = tuple[str, str, int]


def annotated(*marks: Mark) -> Record:
    """A record with a mark each second: symbol, note, subtype."""
    symbol, note, subtype = (np.array(part) for part in zip(*marks, strict=True))
    sample = 100 * (1 + np.arange(len(marks)))
    signals = np.random.default_rng(0).normal(size=(100 * (len(marks) + 2), 1))
    annotation = Annotation(sample, symbol, note, subtype)
    return Record("1", signals, 100.0, ("MLII",), ("mV",), annotation)


def named(record: Record) -> list[str]:
    return [CAUSES[i] for i in beat_causes(record)]


def test_rhythm_and_noise_hold_until_the_next_mark() -> None:
    causes_found = named(
        annotated(
            ("N", "", 0),
            ("+", "(AFIB", 0),
            ("N", "", 0),
            ("~", "", 1),
            ("V", "", 0),
            ("~", "", 0),
            ("a", "", 0),
            ("N", "", 0),
            ("+", "(N", 0),
            ("N", "", 0),
        )
    )
    assert causes_found == [
        "none of these",
        "atrial fibrillation or flutter",
        "noise",
        "aberrant beats",
        "atrial fibrillation or flutter",
        "none of these",
    ]


def test_whole_records_are_blocked_or_mostly_early() -> None:
    blocked = named(annotated(("L", "", 0), ("L", "", 0), ("V", "", 0), ("N", "", 0)))
    assert set(blocked) == {"bundle branch block"}
    early = named(annotated(("R", "", 0), ("A", "", 0), ("A", "", 0)))
    assert set(early) == {"early beats in the majority"}


def test_errors_are_counted_by_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    record = annotated(("L", "", 0), ("L", "", 0), ("V", "", 0), ("Q", "", 0))
    monkeypatch.setattr(causes, "read_record", lambda *_: record)
    settings, lead = BeatSettings(), record.lead()
    r_peaks = locate_beats(record, [lead], settings)
    beats = cut_beats(prepare_lead(lead, settings, r_peaks), settings)
    called = np.eye(5)[[0, 2, 3, 0]]  # N right, N called V, V called E (V in AAMI), Q: no class
    table = scored_table(beats, called)
    (row,) = errors_by_cause(table).to_dict("records")
    assert row == {
        "cause": "bundle branch block",
        "beats": 3,
        "errors": 1,
        "most_frequent": "N called V (1)",
        "records": "1 (1)",
    }
    line = format_causes(pd.DataFrame([row])).splitlines()[1]
    assert line.split() == [
        "bundle",
        "branch",
        "block",
        "3",
        "1",
        "N",
        "called",
        "V",
        "(1)",
        "1",
        "(1)",
    ]
    both = pd.concat([table, table.assign(record="2")])
    assert errors_by_cause(both)["errors"].tolist() == [2]


def test_a_model_without_predictions_is_told_what_to_run(tmp_path: Path) -> None:
    text = error_line(lambda: stored_predictions(tmp_path))
    assert f"python -m arrhythmia evaluate --model {tmp_path}" in text


@pytest.mark.database
def test_records_that_are_known_for_it(data_dir: Path) -> None:
    for name, cause, share in (
        ("232", "early beats in the majority", 0.8),
        ("207", "bundle branch block", 0.5),
        ("202", "atrial fibrillation or flutter", 0.2),
        ("100", "none of these", 1.0),
    ):
        places = beat_causes(read_record(name, data_dir))
        assert np.mean(places == CAUSES.index(cause)) >= share
