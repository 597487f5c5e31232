"""Tests of `arrhythmia.app.live`: a recording played as a stream, without a browser."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from app.conftest import wait_for
from conftest import error_line

from arrhythmia.app import live as module
from arrhythmia.app import session as sessions
from arrhythmia.app.actions import turn_live
from arrhythmia.app.live import (
    MORE_S,
    SHOWN_S,
    STEP_S,
    Alarm,
    Player,
    alarm_words,
    live_state,
    millivolts,
)
from arrhythmia.app.reading import Reading
from arrhythmia.app.session import Session, Sessions
from arrhythmia.stream import StreamBeat, StreamClassifier, StreamEvent

START_S = 20.0


class Timer:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def played(player: Player, timer: Timer, seconds: float) -> None:
    """Let time pass, and let the player do what is due."""
    for _ in range(round(seconds / 0.1)):
        timer.now += 0.1
        player.state()
        while player.step():
            pass


def still(reading: Reading, start: float, seconds: float) -> Reading:
    """The same reading, its heart at rest meanwhile."""
    record = reading.analysis.record
    signals = record.signals.copy()
    first, last = (round(at * record.fs) for at in (start, start + seconds))
    signals[first:last] = np.random.default_rng(1).normal(0, 0.004, (last - first, 1))
    record = replace(record, signals=signals)
    return replace(reading, analysis=replace(reading.analysis, record=record))


def test_it_plays_by_the_clock(two_leads: Reading) -> None:
    timer = Timer()
    player = Player(two_leads, START_S, 4, timer)
    played(player, timer, 2.0)
    assert player.state()["now"] == pytest.approx(START_S + 8, abs=4 * STEP_S)
    assert player.state()["playing"]


def test_beats_are_those_of_the_stream_at_the_time_of_the_recording(two_leads: Reading) -> None:
    timer, record = Timer(), two_leads.analysis.record
    player = Player(two_leads, START_S, 16, timer)
    played(player, timer, (record.seconds - START_S) / 16 + 1)
    stream = StreamClassifier(record.fs, record.ecg_leads, two_leads.recording.classifier)
    columns = [record.leads.index(name) for name in record.ecg_leads]
    signals = record.signals[round(START_S * record.fs) :, columns]
    told = [*stream.push(signals), *stream.end()]
    wanted = [
        [round(beat.time + START_S, 3), beat.beat_class]
        for beat in told
        if isinstance(beat, StreamBeat) and beat.time + START_S > record.seconds - SHOWN_S - MORE_S
    ]
    state = player.state()
    assert state["beats"] == wanted
    assert len(wanted) > 5
    assert not state["playing"]
    assert state["words"].startswith("stopped at")


def test_each_sample_is_given_once(two_leads: Reading) -> None:
    timer, record = Timer(), two_leads.analysis.record
    player = Player(two_leads, 0.0, 1, timer)
    drawn, parts = 0, []
    for _ in range(5):
        played(player, timer, 0.7)
        state = json.loads(json.dumps(player.state(drawn)))
        assert state["first"] == drawn
        drawn += len(state["samples"][0])
        parts.append(np.array(state["samples"], dtype=float))
    every = round(record.fs / state["hz"])
    seen = record.signals[: drawn * every : every, record.leads.index(state["leads"][1])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1)[1], seen, atol=6e-4)
    assert drawn / state["hz"] == pytest.approx(3.5, abs=0.3)


def test_what_is_missing_is_no_number(two_leads: Reading) -> None:
    record = two_leads.analysis.record
    signals = record.signals.copy()
    signals[: round(record.fs)] = np.nan
    reading = replace(
        two_leads, analysis=replace(two_leads.analysis, record=replace(record, signals=signals))
    )
    timer = Timer()
    player = Player(reading, 0.0, 1, timer)
    played(player, timer, 2.0)
    lead = json.loads(json.dumps(player.state(), allow_nan=False))["samples"][0]
    assert lead[0] is None
    assert lead[-1] is not None


def test_an_alarm_stays_until_it_is_acknowledged(two_leads: Reading) -> None:
    timer = Timer()
    player = Player(still(two_leads, 30.0, 6.0), START_S, 4, timer)
    played(player, timer, (34.8 - START_S) / 4)
    alarms = player.state()["alarms"]
    (alarm,) = [alarm for alarm in alarms if alarm.startswith("asystole")]
    assert "over now" not in alarm
    played(player, timer, (42 - 34.8) / 4)
    state = player.state()
    assert any("asystole" in alarm and "over now" in alarm for alarm in state["alarms"])
    asystole = [event for event in state["events"] if event["words"].startswith("asystole")]
    assert [event["words"].split()[-1] for event in asystole] == ["begins", "ends"]
    assert [event["at"][:8] for event in asystole] == ["00:00:29", "00:00:36"]
    before = len(player.state()["alarms"])
    player.acknowledge(0)  # what came after the browser's last look was not seen
    assert len(player.state()["alarms"]) == before
    player.acknowledge(state["told"])
    assert player.state()["alarms"] == []
    assert player.state(told=state["told"])["events"] == []


def test_the_rate_is_that_of_the_last_beats_and_not_of_old_ones(two_leads: Reading) -> None:
    timer = Timer()
    player = Player(still(two_leads, 40.0, 8.0), START_S, 4, timer)
    played(player, timer, (38.0 - START_S) / 4)
    rr = np.diff(two_leads.analysis.beats.centers)
    assert player.state()["rate"] == pytest.approx(60 / np.median(rr), rel=0.25)
    played(player, timer, (46.5 - 38.0) / 4)
    assert player.state()["rate"] is None


def test_a_browser_that_is_gone_ends_it(two_leads: Reading) -> None:
    timer = Timer()
    player = Player(two_leads, 0.0, 1, timer)
    timer.now += module.SILENT_S + 1
    assert not player.step()
    assert player.ended
    assert player.state()["words"] == module.GONE


def test_alarms_of_a_kind_are_told_once() -> None:
    def alarm(number: int, kind: str, start: float, ended: bool) -> Alarm:
        return Alarm(number, StreamEvent(kind, "begins", start, np.nan, start, 121.4), ended)

    alarms = [alarm(1, "tachycardia", 10, True), alarm(2, "pause", 20, True),
              alarm(3, "tachycardia", 70, False)]  # fmt: skip
    assert alarm_words(alarms) == [
        "tachycardia, 121/min, 00:01:10.0 (2 times)", "pause, 121/min, 00:00:20.0 – over now",
    ]  # fmt: skip


def test_a_fault_ends_it_with_a_word(
    two_leads: Reading, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    player = Player(two_leads, 0.0, 1)
    monkeypatch.setattr(player, "step", lambda: 1 / 0)
    player.begin()
    wait_for(lambda: player.ended)
    assert player.state()["words"] == module.FAILED
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_busy_computer_does_not_pile_up_work(two_leads: Reading) -> None:
    """After a minute without a step it is no minute behind, and says that it is slower."""
    timer = Timer()
    player = Player(two_leads, 0.0, 4, timer)
    timer.now += 10
    player.step()
    assert "slower than asked" in player.state()["words"]
    while player.step():
        pass
    assert player.state()["now"] <= module.BEHIND_S + STEP_S


@pytest.mark.parametrize("speed", [0, 3, -1])
def test_another_speed_is_refused(two_leads: Reading, speed: int) -> None:
    line = error_line(lambda: Player(two_leads, 0.0, speed))
    assert line == f"the speed must be one of 1, 4, 16, got {speed}"


def test_units_that_are_not_known_are_drawn_at_a_usual_height() -> None:
    signal = np.sin(np.arange(1000)) * 500
    assert millivolts(signal, "uV") == pytest.approx(1e-3)
    assert np.ptp(signal * millivolts(signal, "adu")) == pytest.approx(1.5, rel=0.05)
    assert np.isfinite(millivolts(np.full(9, np.nan), "adu"))


# --- a visitor --------------------------------------------------------------------------------


def test_a_visitor_starts_and_stops_it(session: Session) -> None:
    assert live_state(session.live) == {"playing": False}
    session.start = 30.0
    turn_live(session, {"do": "start", "speed": 16})
    state = live_state(session.live)
    assert state["playing"]
    assert state["now"] >= 30.0
    wait_for(lambda: live_state(session.live)["beats"])
    first = session.live
    turn_live(session, {"do": "start", "speed": 4})
    assert first.ended
    turn_live(session, {"do": "stop"})
    assert not live_state(session.live)["playing"]
    turn_live(session, {"do": "acknowledge"})


@pytest.mark.parametrize("facts", [{}, {"do": "dance\n"}, {"do": ["start"]}])
def test_what_is_not_known_is_refused(session: Session, facts: dict) -> None:
    assert "no action" in error_line(lambda: turn_live(session, facts))


@pytest.mark.parametrize("text", ["", "-1", "x", "٣", "9" * 30])
def test_places_that_are_no_numbers_are_the_beginning(session: Session, text: str) -> None:
    turn_live(session, {"do": "start", "speed": 1})
    assert live_state(session.live, text, text)["first"] == 0
    session.stop_live()


def test_another_recording_ends_it(session: Session, two_leads: Reading) -> None:
    turn_live(session, {"do": "start", "speed": 1})
    player = session.live
    session.show(two_leads)
    assert player.ended
    assert live_state(session.live) == {"playing": False}


def test_a_visitor_who_is_forgotten_plays_no_more(
    first: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = Sessions(first)
    one, other = (visitors.get(visitors.new()) for _ in range(2))
    for visitor in (one, other):
        turn_live(visitor, {"do": "start", "speed": 1})
    assert one.live is not other.live
    one.used = time.monotonic() - sessions.IDLE_S - 1
    visitors.new()
    assert one.live.ended
    assert not other.live.ended
    other.stop_live()
