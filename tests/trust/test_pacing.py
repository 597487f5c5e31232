"""Tests of `arrhythmia.trust.pacing`: a paced heart is recognised, and no other is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import find_beats
from arrhythmia.mitdb import DS1, PACED
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.pacing import is_paced

SETTINGS = BeatSettings()


def paced(record: Record, edge_s: float = 0.004) -> Record:
    """The record with an abrupt edge before every QRS, which lasts as long as a wide QRS does."""
    signals, fs = record.signals.copy(), record.fs
    marks = record.annotation
    for sample in marks.sample[np.isin(marks.symbol, list("NVAF"))]:
        start = sample - round(0.05 * fs)
        seconds = np.arange(round(0.2 * fs)) / fs
        wave = np.minimum(seconds / edge_s, 1) * np.cos(2 * np.pi * 2.5 * seconds)
        part = slice(start, start + len(wave))
        if start > 0 and part.stop < len(signals):
            signals[part] = 2.0 * wave[:, None]
    return replace(record, signals=signals)


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="NNVNNAN" * 6, noise=0.0))


def test_an_edge_before_a_wide_qrs_is_a_stimulus(record: Record) -> None:
    changed = paced(record)
    assert is_paced(changed, find_beats(changed, SETTINGS, source="atr"))


def test_other_beats_begin_gradually(record: Record) -> None:
    assert not is_paced(record, find_beats(record, SETTINGS))


def test_it_is_not_told_of_a_slowly_sampled_record(record: Record) -> None:
    changed = replace(paced(record), fs=128.0)
    assert not is_paced(changed, find_beats(changed, SETTINGS, source="atr"))


def test_nor_of_a_few_beats(tmp_path: Path, make_record: MakeRecord) -> None:
    short = paced(read_record(make_record(tmp_path, symbols="NNN", noise=0.0)))
    assert not is_paced(short, find_beats(short, SETTINGS, source="atr"))


@pytest.mark.slow
@pytest.mark.database
def test_the_paced_records_of_mitdb_are_recognised_and_none_of_ds1_is(data_dir: Path) -> None:
    told = {}
    for name in PACED + DS1:
        record = read_record(name, data_dir)
        told[name] = is_paced(record, find_beats(record, SETTINGS, source="atr"))
    assert {name for name, is_so in told.items() if is_so} == set(PACED)
