"""Tests of `arrhythmia.stream`: beats are told once, in time, and in constant memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from conftest import error_line
from stream.conftest import beats_of, events_of, signals_of

from arrhythmia.classifier import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import Record
from arrhythmia.stream import StreamBeat, StreamClassifier
from arrhythmia.stream.alarms import LEAD_OFF, NO_SIGNAL
from arrhythmia.stream.classifier import DELAY_S

Play = Callable[..., tuple]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_it_does_not_matter_how_much_comes_at_a_time(play: Play, record: Record, size: int) -> None:
    signals = signals_of(record)[: round(20 * record.fs)]
    assert list(map(repr, play(record, signals, size))) == list(map(repr, play(record, signals)))


def test_beats_are_those_of_the_recording_read_as_a_whole(
    play: Play, record: Record, classifier: Classifier
) -> None:
    told = beats_of(play(record))
    beats = classifier.find_beats(record, source="atr")
    called = np.array(BEAT_CLASSES)[classifier.probabilities(beats).argmax(axis=1)]
    inside = beats.sample < len(record) - (DELAY_S + 0.5) * record.fs
    apart = np.abs(np.array([beat.sample for beat in told])[:, None] - beats.sample) / record.fs
    assert np.all(apart.min(axis=0)[inside] < 0.06)
    assert np.all(apart.min(axis=1) < 0.06)
    assert "V" in called
    nearest = apart.argmin(axis=1)
    same = [one.beat_class == called[place] for one, place in zip(told, nearest, strict=True)]
    settled = np.array([one.time > 15 for one in told])
    assert np.mean(np.array(same)[settled]) > 0.97
    assert {one.beat_class for one in told} >= {"N", "V"}


@pytest.mark.parametrize(("fs", "following"), [(128.0, 1), (257.0, 0), (360.0, 1), (1000.0, 1)])
def test_a_beat_is_told_once_in_order_and_in_time(
    classifier: Classifier, record: Record, fs: float, following: int
) -> None:
    seconds = np.arange(round(30 * fs)) / fs
    signals = signals_of(record)
    old = np.arange(len(signals)) / record.fs
    resampled = np.stack([np.interp(seconds, old, lead) for lead in signals.T], axis=1)
    stream = StreamClassifier(fs, record.ecg_leads, classifier, following)
    told, size = [], max(round(fs / 50), 1)
    for first in range(0, len(resampled), size):
        now = (first + size) / fs
        for beat in stream.push(resampled[first : first + size]):
            assert isinstance(beat, StreamBeat)
            assert 0 < now - beat.time <= DELAY_S + 2 * size / fs
            assert beat.delay <= DELAY_S
            assert sum(beat.probabilities) == pytest.approx(1, abs=1e-6)
            told.append(beat.time)
    assert len(told) > 25
    assert np.all(np.diff(told) >= 0.2)


def test_a_beat_of_a_slow_heart_is_told_before_the_next(
    play: Play, tmp_path: object, make_record: Callable
) -> None:
    from arrhythmia.records import read_record

    slow = read_record(make_record(tmp_path, symbols="N" * 12, sinus_rr=2.6, seed=1))
    told = beats_of(play(slow))
    assert len(told) >= 10
    assert max(beat.delay for beat in told) <= DELAY_S


@pytest.mark.slow
def test_memory_does_not_grow(classifier: Classifier, record: Record) -> None:
    signals = signals_of(record)[: round(100 * record.fs)]
    stream = StreamClassifier(record.fs, record.ecg_leads, classifier)

    def size() -> int:
        state = {k: v for k, v in vars(stream).items() if k != "_judge"}
        judge = stream._judge
        parts = judge.history, judge._groups.number, judge._groups._means, judge._second._blends
        return len(pickle.dumps((state, parts)))

    sizes = []
    for _ in range(8):
        for first in range(0, len(signals), 180):
            stream.push(signals[first : first + 180])
        sizes.append(size())
    assert stream._judge.history.total > 800
    assert max(sizes[6:]) < 1.01 * sizes[4]


def test_a_gap_is_told_and_hides_nothing_after_it(play: Play, record: Record) -> None:
    signals = signals_of(record).copy()
    signals[round(40 * record.fs) : round(50 * record.fs)] = np.nan
    told = play(record, signals)
    assert not [b for b in beats_of(told) if 40.1 < b.time < 49.9]
    after = [b for b in beats_of(told) if b.time > 49.9]
    assert after[0].time < 51.5
    assert np.isnan(after[0].rr_pre)
    assert after[0].beat_class == "N"
    events = [(e.kind, e.state) for e in events_of(told)]
    assert events.count((NO_SIGNAL, "begins")) == events.count((NO_SIGNAL, "ends")) == 1
    assert {e.kind for e in events_of(told)} == {NO_SIGNAL, LEAD_OFF}
    whole = {round(b.time, 1) for b in beats_of(play(record)) if b.time > 52}
    assert len(whole ^ {round(b.time, 1) for b in after if b.time > 52}) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize("value", [np.nan, 5.0])
def test_a_lead_that_is_off_is_told_and_the_other_goes_on(
    play: Play, record: Record, lead: int, value: float
) -> None:
    signals = signals_of(record).copy()
    signals[round(40 * record.fs) : round(70 * record.fs), lead] = value
    told = play(record, signals)
    assert [(e.kind, e.state, e.what) for e in events_of(told)] == [
        (LEAD_OFF, "begins", record.ecg_leads[lead]), (LEAD_OFF, "ends", record.ecg_leads[lead]),
    ]  # fmt: skip
    inside = [b for b in beats_of(told) if 41 < b.time < 69]
    usual = [b for b in beats_of(play(record)) if 41 < b.time < 69]
    assert abs(len(inside) - len(usual)) <= 1
    same = [
        b.beat_class == min(usual, key=lambda u, b=b: abs(u.time - b.time)).beat_class
        for b in inside
    ]
    assert np.mean(same) > 0.9


def test_units_do_not_matter(play: Play, record: Record) -> None:
    signals = signals_of(record)[: round(30 * record.fs)]
    ours, theirs = (beats_of(play(record, signals * k)) for k in (1.0, 1000.0))
    assert [b.beat_class for b in ours] == [b.beat_class for b in theirs]


def test_what_cannot_be_used_is_told_in_a_line(classifier: Classifier) -> None:
    stream = StreamClassifier(250, ["II", "V1"], classifier)
    assert "(samples, 2)" in error_line(lambda: stream.push(np.zeros((5, 3))))
    assert "(5,)" in error_line(lambda: stream.push(np.zeros((5, 2)), np.zeros(4)))
    assert "80 Hz" in error_line(lambda: StreamClassifier(50, ["II"], classifier))
    assert "lead" in error_line(lambda: StreamClassifier(250, [], classifier))


def test_at_the_end_all_beats_are_told(record: Record, classifier: Classifier) -> None:
    stream = StreamClassifier(record.fs, record.ecg_leads, classifier)
    told = beats_of(stream.push(signals_of(record)))
    last = beats_of(stream.end())
    assert 1 <= len(last) <= 3
    assert stream.end() == ()
    times = [beat.time for beat in (*told, *last)]
    assert np.all(np.diff(times) > 0.2)
    assert record.seconds - times[-1] < 1.2


def test_nothing_comes_of_nothing(classifier: Classifier) -> None:
    stream = StreamClassifier(250, ["II"], classifier)
    assert stream.push(np.zeros((0, 1))) == ()
    told = stream.push(np.zeros((5000, 1)))
    assert beats_of(told) == []
    assert (NO_SIGNAL, "begins") in [(e.kind, e.state) for e in events_of(told)]
