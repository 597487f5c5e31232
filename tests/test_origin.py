"""Tests of `arrhythmia.origin`: the template beat is of sinus origin, however rare that is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import SHORT, Beats, cut_beats, find_beats, prepare_lead
from arrhythmia.mitdb import DS1
from arrhythmia.origin import FEATURES, ORIGIN, shape_groups, typical_beat
from arrhythmia.r_peaks import locate_beats
from arrhythmia.records import read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import all_leads
from arrhythmia.train.origin import fit_origin

PLAIN = BeatSettings()
QRS = slice(PLAIN.left - 12, PLAIN.left + 12)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def medians(beats: Beats, symbol: str) -> np.ndarray:
    return np.median(beats.segments[beats.symbol == symbol], axis=0)


@pytest.mark.parametrize("symbols", ["NV" * 15, "NVV" * 10])
def test_where_ventricular_beats_rule_the_template_beat_is_the_other(
    symbols: str, tmp_path: Path, make_record: MakeRecord
) -> None:
    beats = find_beats(read_record(make_record(tmp_path, symbols=symbols, seed=5)), PLAIN)
    template = beats.template_beat[QRS]
    sinus, ventricular = (medians(beats, symbol)[QRS] for symbol in "NV")
    assert correlation(template, sinus) > 0.98
    assert correlation(template, ventricular) < 0.9
    assert beats.sinus > 0.5


@pytest.mark.database
def test_in_a_piece_of_208_that_ventricular_beats_rule_the_template_beat_is_normal(
    data_dir: Path,
) -> None:
    record = read_record("208", data_dir)
    marks, first = record.annotation, round(480 * record.fs)
    inside = (marks.sample >= first) & (marks.sample < first + 30 * record.fs)
    columns = {name: getattr(marks, name)[inside] for name in marks._fields}
    columns["sample"] = columns["sample"] - first
    part = record.signals[first : first + round(30 * record.fs)]
    piece = replace(record, signals=part, annotation=marks._replace(**columns))
    beats = find_beats(piece, PLAIN)
    is_v = beats.symbol == "V"
    assert is_v.mean() > 0.5
    apart = np.abs(beats.segments - beats.template_beat).mean(axis=1)
    assert np.median(apart[is_v]) > 2 * np.median(apart[beats.symbol == "N"])
    assert beats.sinus > 0.5


def test_in_ordinary_records_it_is_the_typical_beat(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    record = read_record(make_record(tmp_path, symbols="NNNNVNNNAN" * 8, seed=5))
    beats = find_beats(record, PLAIN)
    prepared = prepare_lead(record.lead(), PLAIN, locate_beats(record, [record.lead()], PLAIN))
    typical = cut_beats(prepared, PLAIN).template_beat
    np.testing.assert_allclose(beats.template_beat, typical, atol=1e-5)
    assert beats.sinus > 0.5


def test_the_template_beat_of_a_long_record_is_not_judged(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    record = read_record(make_record(tmp_path, symbols="N" * SHORT, seed=5, fs=128))
    assert np.isnan(find_beats(record, PLAIN).sinus)


def test_the_weights_are_those_of_features_and_learnt_on_records_that_hold_both(
    synthetic_dir: Path,
) -> None:
    names = ("101", "207", "208", "209")
    records = [find_beats(read_record(name, synthetic_dir), PLAIN) for name in names]
    weights = fit_origin(records, PLAIN)
    assert len(weights) == len(ORIGIN) == 1 + len(FEATURES)
    assert np.isfinite(weights).all()
    assert fit_origin(records, PLAIN) == weights


@pytest.mark.slow
@pytest.mark.database
def test_the_weights_are_learnt_on_ds1(data_dir: Path) -> None:
    records = [find_beats(read_record(name, data_dir), PLAIN, source="atr") for name in DS1]
    np.testing.assert_allclose(fit_origin(records, PLAIN), ORIGIN, rtol=1e-3)


def test_groups_are_of_one_shape(tmp_path: Path, make_record: MakeRecord) -> None:
    beats = find_beats(read_record(make_record(tmp_path, symbols="NNVN" * 20, seed=2)), PLAIN)
    every = all_leads(beats)
    number = shape_groups(every, PLAIN)
    assert len(set(number)) > 1
    for group in set(number):
        assert len(set(beats.symbol[number == group])) == 1
    np.testing.assert_array_equal(shape_groups(every, PLAIN), number)


def test_the_order_of_the_beats_does_not_matter_to_the_typical_beat() -> None:
    segments = np.random.default_rng(0).normal(size=(31, 2, 90)) + np.sin(np.arange(90) / 9)
    shuffled = np.random.default_rng(1).permutation(segments)
    np.testing.assert_allclose(typical_beat(shuffled), typical_beat(segments), atol=1e-6)


@pytest.mark.parametrize("count", [2, 3])
def test_two_beats_have_a_template_too(count: int, tmp_path: Path, make_record: MakeRecord) -> None:
    beats = find_beats(read_record(make_record(tmp_path, symbols="NNN"[:count])), PLAIN)
    assert np.isfinite(beats.template_beat).all()
    assert 0 <= beats.sinus <= 1
