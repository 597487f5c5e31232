"""Tests of `arrhythmia.rhythm`: stretches that are there are found, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, find_beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import Limits
from arrhythmia.records import read_record
from arrhythmia.rhythm import (
    BIGEMINY,
    FIBRILLATION,
    IDIOVENTRICULAR,
    KINDS,
    NO_BEATS,
    NOT_ASSESSABLE,
    PAUSE,
    SVT,
    TRIGEMINY,
    VT,
    Event,
    active_before,
    find_events,
    in_fibrillation,
)
from arrhythmia.signals import BeatSettings

BEATS = 120


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("rhythm"), symbols="N" * BEATS, seed=1)
    return find_beats(read_record(path), BeatSettings())


def at(plain: Beats, rr: np.ndarray, similarity: float = 0.9) -> Beats:
    """The same beats at other RR intervals (seconds), one before each but the first."""
    centers = 1.0 + np.concatenate([[0.0], np.cumsum(rr)])
    pre, post = np.concatenate([rr[:1], rr]), np.concatenate([rr, rr[-1:]])
    return replace(
        plain, centers=centers, rr_pre=pre, rr_post=post,
        p_wave_similarity=np.full(len(centers), similarity),
    )  # fmt: skip


def called(letters: str) -> np.ndarray:
    return np.array([BEAT_CLASSES.index(c) for c in letters])


def steady(rr: float = 0.8) -> np.ndarray:
    return np.full(BEATS - 1, rr)


def found(events: list[Event], kind: str) -> list[tuple[int, int]]:
    return [(event.first, event.last) for event in events if event.kind == kind]


def test_a_steady_sinus_rhythm_has_no_event(plain: Beats) -> None:
    assert find_events(at(plain, steady()), called("N" * BEATS)) == []


@pytest.mark.parametrize(("letter", "kind"), [("V", VT), ("S", SVT)])
def test_a_fast_run_is_a_tachycardia(plain: Beats, letter: str, kind: str) -> None:
    rr = steady()
    rr[49:56] = 0.4
    letters = "N" * 50 + letter * 7 + "N" * (BEATS - 57)
    (event,) = find_events(at(plain, rr), called(letters))
    assert (event.kind, event.first, event.last, event.of) == (kind, 50, 56, letter)
    assert event.rate == pytest.approx(150)
    assert event.seconds == pytest.approx(6 * 0.4)


def test_a_slow_run_is_idioventricular_and_of_s_nothing(plain: Beats) -> None:
    rr = steady()
    rr[49:56] = 0.9
    for letter, kinds in (("V", [IDIOVENTRICULAR]), ("E", [IDIOVENTRICULAR]), ("S", [])):
        letters = "N" * 50 + letter * 7 + "N" * (BEATS - 57)
        assert [e.kind for e in find_events(at(plain, rr), called(letters))] == kinds


def test_two_in_a_row_are_no_run(plain: Beats) -> None:
    rr = steady(0.4)
    assert find_events(at(plain, rr), called("N" * 50 + "VV" + "N" * (BEATS - 52))) == []


@pytest.mark.parametrize(("turn", "kind"), [("NV", BIGEMINY), ("NNV", TRIGEMINY)])
def test_beats_in_turns_are_told_by_their_period(plain: Beats, turn: str, kind: str) -> None:
    letters = ("N" * 30 + turn * 5).ljust(BEATS, "N")
    (event,) = find_events(at(plain, steady()), called(letters))
    assert event.kind == kind
    assert event.name == f"ventricular {kind}"
    assert (event.first, event.last) == (30 + len(turn) - 1, 30 + 5 * len(turn) - 1)
    (event,) = find_events(at(plain, steady()), called(letters.replace("V", "S")))
    assert event.name == f"supraventricular {kind}"


def test_two_turns_are_not_enough(plain: Beats) -> None:
    letters = ("N" * 30 + "NVNV").ljust(BEATS, "N")
    assert find_events(at(plain, steady()), called(letters)) == []


def test_a_pause_is_told_with_its_length(plain: Beats) -> None:
    rr = steady()
    rr[59] = 2.4
    (event,) = find_events(at(plain, rr), called("N" * BEATS))
    assert (event.kind, event.first, event.last) == (PAUSE, 59, 60)
    assert event.name == "pause of 2.4 s"


def test_a_gap_in_which_the_signal_moves_on_is_no_pause(plain: Beats) -> None:
    rr = steady()
    rr[59] = 4.0
    active = np.zeros(BEATS, bool)
    active[60] = True
    (event,) = find_events(at(plain, rr), called("N" * BEATS), None, active)
    assert (event.kind, event.first, event.last) == (NO_BEATS, 59, 60)


@pytest.mark.parametrize(("height", "moves"), [(0.02, False), (0.8, True)])
def test_the_line_in_a_pause_is_flat_and_in_flutter_it_is_not(height: float, moves: bool) -> None:
    fs, centers = 100.0, np.array([1.0, 2.0, 3.0, 8.0, 9.0])
    seconds = np.arange(1000) / fs
    signal = np.sum([np.exp(-(((seconds - c) / 0.02) ** 2)) for c in centers], axis=0)
    gap = (seconds > 3.2) & (seconds < 7.8)
    signal[gap] += height / 2 * np.sin(2 * np.pi * 4 * seconds[gap])
    np.testing.assert_array_equal(active_before(signal, fs, centers), [0, 0, 0, moves, 0])


def test_no_turn_reaches_over_a_pause(plain: Beats) -> None:
    rr = steady()
    rr[34] = 4.0
    letters = ("N" * 30 + "NV" * 4).ljust(BEATS, "N")
    events = find_events(at(plain, rr), called(letters))
    assert [event.kind for event in events] == [PAUSE]


def test_a_stretch_that_cannot_be_read_is_no_rhythm(plain: Beats) -> None:
    rr = steady()
    rr[59] = 2.4
    readable = np.ones(BEATS, bool)
    readable[40:80] = False
    letters = ("N" * 45 + "V" * 10).ljust(BEATS, "N")
    events = find_events(at(plain, rr), called(letters), readable)
    assert [(e.kind, e.first, e.last) for e in events] == [(NOT_ASSESSABLE, 40, 79)]


def irregular(seed: int = 0, rr: float = 0.8) -> np.ndarray:
    return rr * np.exp(np.random.default_rng(seed).normal(0, 0.2, BEATS - 1))


def test_irregular_without_p_waves_is_fibrillation_from_end_to_end(plain: Beats) -> None:
    events = find_events(at(plain, irregular(), 0.1), called("N" * BEATS))
    ((first, last),) = found(events, FIBRILLATION)
    assert first < 10
    assert last > BEATS - 10


def test_neither_p_waves_nor_a_steady_rhythm_is_fibrillation(plain: Beats) -> None:
    assert not in_fibrillation(at(plain, irregular(), 0.9), called("N" * BEATS)).any()
    assert not in_fibrillation(at(plain, steady(), 0.1), called("N" * BEATS)).any()


def test_bigeminy_of_ventricular_beats_is_not_fibrillation(plain: Beats) -> None:
    rr = np.resize([0.5, 1.1], BEATS - 1)
    letters = called(("NV" * BEATS)[:BEATS])
    assert not in_fibrillation(at(plain, rr, 0.1), letters).any()


def test_a_few_beats_are_never_fibrillation(plain: Beats) -> None:
    few = at(plain, irregular()[:7], 0.0)
    assert not in_fibrillation(few, called("N" * 8)).any()


def test_events_are_of_known_kinds_and_in_order(plain: Beats) -> None:
    rng = np.random.default_rng(3)
    letters = "".join(rng.choice(list("NSV"), BEATS))
    events = find_events(at(plain, irregular(1), 0.2), called(letters))
    assert {event.kind for event in events} <= set(KINDS)
    assert [event.first for event in events] == sorted(event.first for event in events)


@pytest.mark.database
def test_fibrillation_of_203_is_found_and_101_has_none(data_dir: Path) -> None:
    for name, share in (("203", 0.9), ("101", 0.0)):
        beats = find_beats(read_record(name, data_dir), BeatSettings(), source="atr")
        inside = in_fibrillation(beats, np.maximum(beats.beat_class, 0))
        assert inside.mean() >= share
        assert (inside.mean() == 0) == (share == 0)


@pytest.mark.parametrize("between", ["F", "S", "V"])
def test_beats_between_turns_are_normal(plain: Beats, between: str) -> None:
    letters = ("N" * 30 + f"{between}V" * 5).ljust(BEATS, "N")
    kinds = {event.kind for event in find_events(at(plain, steady(1.0)), called(letters))}
    assert BIGEMINY not in kinds


def test_where_signal_is_missing_there_is_neither_pause_nor_turn(plain: Beats) -> None:
    rr = steady()
    rr[34] = 2.4
    missing = np.zeros(BEATS, bool)
    missing[35] = True
    letters = ("N" * 30 + "NV" * 4).ljust(BEATS, "N")
    (event,) = find_events(at(plain, rr), called(letters), missing=missing)
    assert (event.kind, event.first, event.last) == (NOT_ASSESSABLE, 34, 35)


@pytest.mark.parametrize("pause_s", [1.5, 2.0, 2.5, 4.0, 10.0])
def test_a_pause_is_what_is_as_long_as_the_limit(plain: Beats, pause_s: float) -> None:
    rr = steady()
    rr[[19, 39, 59, 79]] = 1.6, 2.0, 2.6, 5.0
    events = find_events(at(plain, rr), called("N" * BEATS), limits=Limits(pause_s=pause_s))
    assert {event.kind for event in events} <= {PAUSE}
    assert [e.last for e in events] == [i + 1 for i in (19, 39, 59, 79) if rr[i] >= pause_s]


@pytest.mark.parametrize("pause_s", [1.5, 2.0, 2.5, 4.0, 10.0])
def test_what_moves_on_is_no_pause_whatever_the_limit(plain: Beats, pause_s: float) -> None:
    """Nobody loses flutter by calling nothing a pause."""
    rr, active = steady(), np.zeros(BEATS, bool)
    rr[59], active[60] = 2.4, True
    events = find_events(
        at(plain, rr), called("N" * BEATS), active=active, limits=Limits(pause_s=pause_s)
    )
    assert [(event.kind, event.last) for event in events] == [(NO_BEATS, 60)]


@pytest.mark.parametrize("per_min", [90, 100, 140, 150, 151, 200])
def test_a_run_is_a_tachycardia_from_the_limit_on(plain: Beats, per_min: float) -> None:
    rr = steady()
    rr[29:36] = 60 / 110
    rr[69:76] = 60 / 150.5
    runs = (30, 110), (70, 150.5)
    for letter, fast, slow in (("V", VT, [IDIOVENTRICULAR]), ("S", SVT, [])):
        letters = "N" * 30 + letter * 7 + "N" * 33 + letter * 7 + "N" * (BEATS - 77)
        events = find_events(
            at(plain, rr), called(letters), limits=Limits(tachycardia_per_min=per_min)
        )
        wanted = [(k, i) for i, rate in runs for k in ([fast] if rate >= per_min else slow)]
        assert [(event.kind, event.first) for event in events] == wanted


def test_beats_go_on_in_turns_over_what_is_called_no_pause(plain: Beats) -> None:
    rr = steady()
    rr[34] = 2.2
    beats, letters = at(plain, rr), ("N" * 30 + "NV" * 4).ljust(BEATS, "N")
    (event,) = find_events(beats, called(letters), limits=Limits(pause_s=2.5))
    assert (event.kind, event.first, event.last) == (BIGEMINY, 31, 37)
    assert [e.kind for e in find_events(beats, called(letters))] == [PAUSE]


def test_shorter_intervals_are_looked_at_where_they_may_be_pauses() -> None:
    fs, centers = 100.0, np.array([1.0, 2.0, 3.0, 4.7, 5.7])
    seconds = np.arange(700) / fs
    signal = np.sum([np.exp(-(((seconds - c) / 0.02) ** 2)) for c in centers], axis=0)
    gap = (seconds > 3.2) & (seconds < 4.5)
    signal[gap] += 0.4 * np.sin(2 * np.pi * 4 * seconds[gap])
    assert not active_before(signal, fs, centers).any()
    np.testing.assert_array_equal(active_before(signal, fs, centers, 1.5), [0, 0, 0, 1, 0])
