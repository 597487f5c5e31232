"""Tests of `arrhythmia.stream.alarms`."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.rhythm import IDIOVENTRICULAR, NO_BEATS, PAUSE, VT
from arrhythmia.stream.alarms import (
    ASYSTOLE,
    LEAD_OFF,
    NO_SIGNAL,
    TACHYCARDIA,
    Alarms,
    StreamEvent,
)

CHANCES = {"V": 0.97, "v": 0.1, "N": 0.001}
"""That a beat is ventricular."""


def after_beats(symbols: str, rr: float, gap_before: int = -1) -> list[StreamEvent]:
    """What is told of beats at one rate."""
    alarms, told = Alarms(["II"]), []
    for i, symbol in enumerate(symbols):
        told += alarms.beat(i * rr, CHANCES[symbol], i == gap_before, i * rr + 1)
    return told


def kinds(told: list[StreamEvent]) -> list[tuple[str, str]]:
    return [(event.kind, event.state) for event in told]


@pytest.mark.parametrize(("rr", "kind"), [(0.5, VT), (0.8, IDIOVENTRICULAR)])
def test_three_ventricular_beats_are_a_run(rr: float, kind: str) -> None:
    told = after_beats("NNVVVVNN", rr)
    assert kinds(told) == [(kind, "begins"), (kind, "ends")]
    begins, ends = told
    assert begins.alarm and not ends.alarm
    assert begins.start_s == ends.start_s == pytest.approx(2 * rr)
    assert begins.told_s == pytest.approx(4 * rr + 1)  # at the third
    assert begins.per_min == pytest.approx(60 / rr)
    assert ends.end_s == pytest.approx(5 * rr)


def test_a_slow_run_that_becomes_fast_is_a_tachycardia_too() -> None:
    alarms, told, now = Alarms(["II"]), [], 0.0
    for rr, symbol in [(0.8, "N")] * 3 + [(0.8, "V")] * 5 + [(0.4, "V")] * 9 + [(0.9, "N")]:
        now += rr
        told += alarms.beat(now, CHANCES[symbol], False, now + 1)
    runs = [event for event in told if event.kind in (VT, IDIOVENTRICULAR)]
    wanted = [(IDIOVENTRICULAR, "begins"), (IDIOVENTRICULAR, "ends"), (VT, "begins"), (VT, "ends")]
    assert kinds(runs) == wanted
    assert runs[1].end_s == runs[2].start_s == pytest.approx(8 * 0.8, abs=0.85)


@pytest.mark.parametrize("symbols", ["NVVNVVN", "NVNVNVNV", "NNNN", "NvvvvN", "NVvvN"])
def test_fewer_are_none(symbols: str) -> None:
    assert after_beats(symbols, 0.6) == []


@pytest.mark.parametrize("symbols", ["NNVvVNN", "NNvVVNN", "NNVVvNN"])
def test_one_of_three_may_be_unsure(symbols: str) -> None:
    assert kinds(after_beats(symbols, 0.5)) == [(VT, "begins"), (VT, "ends")]


def test_a_beat_after_the_pause_of_a_couplet_makes_no_run() -> None:
    alarms, told, now = Alarms(["II"]), [], 0.0
    for rr, symbol in [(0.8, "N")] * 9 + [(0.5, "V"), (0.5, "V"), (1.2, "v"), (0.8, "N")]:
        now += rr
        told += alarms.beat(now, CHANCES[symbol], False, now + 1)
    assert told == []


def test_a_run_does_not_go_over_a_gap() -> None:
    assert after_beats("NVVVVN", 0.6, gap_before=3) == []
    assert len(after_beats("NVVVVVVN", 0.6, gap_before=4)) == 4  # ended, and another


def test_tachycardia_begins_and_ends_once() -> None:
    assert kinds(after_beats("N" * 40, 0.4)) == [(TACHYCARDIA, "begins")]
    assert after_beats("N" * 40, 0.6) == []
    alarms, told, now = Alarms(["II"]), [], 0.0
    for rr in [0.7] * 12 + [0.4] * 12 + [0.7] * 12:
        now += rr
        told += alarms.beat(now, 0.0, False, now)
    assert kinds(told) == [(TACHYCARDIA, "begins"), (TACHYCARDIA, "ends")]
    assert told[0].told_s < 12 * 0.7 + 10 * 0.4


def silence(seconds: float, moves: bool = False, then_beat: bool = True) -> list[StreamEvent]:
    alarms, told = Alarms(["II"]), []
    for now in np.arange(0, 10 + seconds, 0.25):
        newest = min(10.0, np.floor(now))
        told += alarms.signal(now, 0.2, newest, np.zeros(1), moves and now > 11)
    if then_beat:
        told += alarms.signal(10.5 + seconds, 0.2, 10 + seconds, np.zeros(1), False)
    return told


def test_silence_is_a_pause_and_then_asystole() -> None:
    assert silence(1.9) == []
    told = silence(3)
    assert kinds(told) == [(PAUSE, "begins"), (PAUSE, "ends")]
    assert told[0].told_s - told[0].start_s <= 2.5
    assert told[1].end_s - told[1].start_s == pytest.approx(3)
    assert kinds(silence(6, then_beat=False)) == [(PAUSE, "begins"), (ASYSTOLE, "begins")]


def test_a_line_that_moves_without_beats_is_no_pause() -> None:
    assert kinds(silence(4, moves=True)) == [(NO_BEATS, "begins"), (NO_BEATS, "ends")]


def test_missing_signal_is_no_pause() -> None:
    alarms, told = Alarms(["II", "V1"]), []
    for now in np.arange(0, 20, 0.25):
        still = max(now - 5, 0) if now < 15 else 0
        told += alarms.signal(now, 0.2, min(now, 5), np.array([still, still]), False)
    assert kinds(told) == [
        (LEAD_OFF, "begins"), (LEAD_OFF, "begins"), (NO_SIGNAL, "begins"),
        (LEAD_OFF, "ends"), (LEAD_OFF, "ends"), (NO_SIGNAL, "ends"),
        (PAUSE, "begins"), (ASYSTOLE, "begins"),  # five seconds of signal without a beat
    ]  # fmt: skip
    assert told[-2].start_s > 14
