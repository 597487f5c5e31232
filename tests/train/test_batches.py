"""Tests of `arrhythmia.train.batches`: what is drawn, how often, and of whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line
from train.tiny import BEATS, RUN, TINY, first_beats, times_drawn

from arrhythmia.beats import prepare_lead
from arrhythmia.labels import BEAT_CLASSES, SYMBOL_CLASS
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS, network_inputs
from arrhythmia.train import batches as module
from arrhythmia.train.batches import (
    Leads,
    RunBatches,
    TrainingBeats,
    class_weights,
    drawn_shares,
    join_beats,
    prepare_records,
    training_beats,
)
from arrhythmia.train.settings import TrainingSettings
from arrhythmia.train.simulate import Donors


def beats_of(records: dict[str, Leads], settings: TrainingSettings) -> TrainingBeats:
    return training_beats(records, settings, BEATS, 0)


def count(records: dict[str, Leads]) -> int:
    """Beats of all records."""
    return sum(len(leads[0].marks) for leads in records.values())


# --- records --------------------------------------------------------------------------------


def test_records_are_prepared_with_two_leads_the_preferred_one_first(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    make_record(tmp_path, "101", symbols="NVNANQNN", leads=("V1", "RESP", "MLII"))
    make_record(tmp_path, "106", symbols="NVNANQNN", leads=("V5",))
    names = ["101", "106"]
    records = prepare_records(names, tmp_path, BEATS)
    assert names == list(records) == ["101", "106"]
    assert [lead.lead for lead in records["101"]] == ["MLII", "V1"]
    assert [lead.lead for lead in records["106"]] == ["V5", "V5"]
    record = read_record("101", tmp_path)
    sample, symbol = reference_beats(record)
    for lead in records["101"]:
        expected = prepare_lead(record.lead(lead.lead), BEATS, lead.r_peaks)
        np.testing.assert_array_equal(lead.signal, expected.signal)
        np.testing.assert_allclose(lead.marks, sample * BEATS.fs / record.fs, rtol=1e-6)
        classes = [BEAT_CLASSES.index(SYMBOL_CLASS[s]) if s != "Q" else -1 for s in symbol]
        np.testing.assert_array_equal(lead.beat_class, classes)


def test_each_record_is_read_once(synthetic_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def remember(name: str, *rest: object) -> object:
        read.append(name)
        return read_record(name, *rest)

    monkeypatch.setattr(module, "read_record", remember)
    prepare_records(("101", "208"), synthetic_dir, BEATS)
    assert read == ["101", "208"]


def test_donors_are_of_the_training_records_alone(
    records: dict[str, Leads], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Donors] = []

    def copy(leads: Leads, donors: Donors, *_: object) -> object:
        seen.append(donors)
        return leads[0]

    monkeypatch.setattr(module, "simulated_record", copy)
    beats_of({name: records[name] for name in ("101", "208")}, TINY)
    assert len(seen) == 2
    assert all(set(donors.segments) == {"208"} for donors in seen)


# --- what is drawn --------------------------------------------------------------------------


def test_runs_lie_within_one_record(drawn: TrainingBeats, records: dict[str, Leads]) -> None:
    lengths = [len(leads[0].marks) for leads in records.values()] * 2
    record = np.repeat(np.arange(len(lengths)), lengths)
    assert len(drawn.beat_class) == len(record)
    np.testing.assert_array_equal(record[drawn.starts], record[drawn.starts + RUN - 1])
    assert len(drawn.starts) == sum(n - RUN + 1 for n in lengths)


def test_every_beat_of_the_recordings_can_be_drawn_and_is_as_it_is_classified(
    drawn: TrainingBeats, records: dict[str, Leads]
) -> None:
    assert (times_drawn(drawn) > 0).all()
    assert drawn.chances.sum() == pytest.approx(1)
    first = 0
    for leads in records.values():
        beats = first_beats(leads)
        part = slice(first, first + len(beats))
        np.testing.assert_array_equal(drawn.segments[part], beats.segments)
        np.testing.assert_array_equal(drawn.rr[part], network_inputs(beats).rr)
        np.testing.assert_array_equal(drawn.beat_class[part], beats.beat_class)
        assert (drawn.template_beats[part] == beats.template_beat).all()
        first += len(beats)


@pytest.mark.parametrize("copies", [1, 3])
def test_recordings_and_simulated_records_are_drawn_equally_often(
    records: dict[str, Leads], copies: int
) -> None:
    beats = beats_of(records, replace(TINY, copies=copies))
    assert len(beats.beat_class) == (1 + copies) * count(records)
    real = beats.starts < count(records)
    assert beats.chances[real].sum() == pytest.approx(0.5)


def test_without_copies_only_recordings_are_drawn(records: dict[str, Leads]) -> None:
    beats = beats_of(records, replace(TINY, copies=0))
    assert len(beats.beat_class) == count(records)
    assert beats.chances.sum() == pytest.approx(1)


def test_rare_beats_are_drawn_more_often_if_wanted(records: dict[str, Leads]) -> None:
    items = [first_beats(leads) for leads in records.values()]
    shares = []
    for rare_runs in (0.0, 4.0):
        beats = join_beats(items, replace(TINY, copies=0, rare_runs=rare_runs), len(items))
        shares.append(times_drawn(beats)[beats.beat_class > 0].sum() / RUN)
    assert shares[1] > 1.1 * shares[0]


def test_a_record_shorter_than_a_run_is_left_out(
    tmp_path: Path, make_record: MakeRecord, records: dict[str, Leads]
) -> None:
    make_record(tmp_path, "106", symbols="NN")
    short = prepare_records(("106",), tmp_path, BEATS)
    plain = replace(TINY, copies=0)
    beats = beats_of(short | records, plain)
    assert beats.starts.min() == 2
    assert len(beats.beat_class) == 2 + count(records)
    assert f"at least {RUN} beats" in error_line(lambda: beats_of(short, plain))


def test_shares_are_those_of_the_beats_drawn(drawn: TrainingBeats) -> None:
    times, known = times_drawn(drawn), drawn.beat_class >= 0
    assert not known.all()
    shares = np.bincount(drawn.beat_class[known], times[known]) / times[known].sum()
    np.testing.assert_allclose(drawn_shares(drawn, RUN), shares)


@pytest.mark.parametrize("exponent", [0.0, 0.35, 1.0])
def test_the_mean_weight_of_the_beats_drawn_is_one(drawn: TrainingBeats, exponent: float) -> None:
    times, known = times_drawn(drawn), drawn.beat_class >= 0
    weights = class_weights(drawn_shares(drawn, RUN), exponent)
    assert weights.shape == (len(BEAT_CLASSES) + 1,)
    assert weights[-1] == 0
    assert np.average(weights[drawn.beat_class[known]], weights=times[known]) == pytest.approx(1)


def test_weights_follow_the_inverse_frequency() -> None:
    shares = np.array([0.8, 0.1, 0.06, 0.03, 0.01])
    np.testing.assert_allclose(class_weights(shares, 0.0)[:-1], 1)
    for exponent in (0.5, 1.0):
        weights = class_weights(shares, exponent)[:-1]
        np.testing.assert_allclose(weights / weights[0], (shares / shares[0]) ** -exponent)


def test_a_class_that_is_nowhere_has_no_weight() -> None:
    weights = class_weights(np.array([0.9, 0.1, 0, 0, 0]), 0.5)
    assert np.isfinite(weights).all()
    assert (weights[2:] == 0).all()
    assert (weights[:2] > 0).all()


# --- batches --------------------------------------------------------------------------------


def test_a_batch_is_what_the_network_takes(drawn: TrainingBeats) -> None:
    batches = RunBatches(drawn, TINY, seed=3)
    assert len(batches) == TINY.steps
    inputs, classes, weights = batches[0]
    assert inputs["segments"].shape == (TINY.batch, RUN, BEATS.length, 2)
    assert inputs["rr"].shape == (TINY.batch, RUN, len(RR_INPUTS))
    assert classes.shape == (TINY.batch, RUN, len(BEAT_CLASSES))
    assert weights.shape == (TINY.batch, RUN)
    assert all(np.isfinite(values).all() for values in inputs.values())
    np.testing.assert_array_equal(classes.sum(axis=-1), 1)


def test_batches_without_augmentation_are_runs_as_the_classifier_takes_them(
    records: dict[str, Leads],
) -> None:
    still = replace(TINY, copies=0, noise=0.0, gain=0.0, rr_noise=0.0, batch=16)
    beats = beats_of({"207": records["207"]}, still)
    inputs, classes, _ = RunBatches(beats, still, seed=0)[0]
    of_record = first_beats(records["207"])
    expected = network_inputs(of_record)
    for run in range(16):
        first = np.abs(expected.segments - inputs["segments"][run, 0]).sum(axis=(1, 2)).argmin()
        part = slice(first, first + RUN)
        np.testing.assert_allclose(inputs["segments"][run], expected.segments[part], atol=1e-5)
        np.testing.assert_allclose(inputs["rr"][run], expected.rr[part], atol=1e-5)
        np.testing.assert_array_equal(classes[run].argmax(axis=-1), of_record.beat_class[part])


def test_beats_without_a_class_weigh_nothing(drawn: TrainingBeats) -> None:
    unknown = replace(drawn, beat_class=np.where(drawn.beat_class == 0, -1, drawn.beat_class))
    _, classes, weights = RunBatches(unknown, replace(TINY, batch=200), seed=0)[0]
    assert (weights == 0).any()
    assert (classes[weights > 0].argmax(axis=-1) > 0).all()


def test_batches_come_from_the_seed_and_differ_between_epochs(drawn: TrainingBeats) -> None:
    batches, again, other = (RunBatches(drawn, TINY, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(batches[0][0]["segments"], again[0][0]["segments"])
    np.testing.assert_array_equal(batches[0][1], again[0][1])
    assert not np.array_equal(batches[0][0]["segments"], batches[1][0]["segments"])
    assert not np.array_equal(batches[0][0]["segments"], other[0][0]["segments"])
    again.on_epoch_end()
    assert not np.array_equal(batches[0][0]["segments"], again[0][0]["segments"])
    batches.on_epoch_end()
    np.testing.assert_array_equal(batches[0][0]["segments"], again[0][0]["segments"])
