"""The live view: a recording played as a stream, with what a monitor would show and tell."""

from __future__ import annotations

import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event, RLock, Thread
from typing import Final

import numpy as np

from arrhythmia.app.reading import Reading
from arrhythmia.drawing import clock
from arrhythmia.errors import InputError
from arrhythmia.records import IN_MILLIVOLTS
from arrhythmia.stream import StreamBeat, StreamClassifier, StreamEvent

SPEEDS: Final = (1, 4, 16)
"""Times as fast as recorded."""
SHOWN_S: Final = 8.0
"""Seconds of the signal that the browser draws."""
DRAWN_HZ: Final = 120.0
"""Of the samples that it draws, about."""
STEP_S: Final = 0.1
"""The stream is given the signal in steps of so many seconds."""
SILENT_S: Final = 90.0
"""A browser that has not asked for so long is gone: the player stops. In a tab that is not seen
browsers ask once a minute."""
MORE_S: Final = 4.0
"""Seconds before what is drawn that a browser may draw a little late."""
FAILED: Final = "the live view ended by a fault: the terminal says why"
GONE: Final = "no browser asked for it"
BEHIND_S: Final = 2.0
"""Further than this, in seconds of signal, the player does not fall behind its clock."""
RATE_BEATS: Final = 8
"""RR intervals that the rate is the mean of."""
FRESH_S: Final = 4.0
"""A rate is shown for so long after its last beat."""
MOST_TOLD: Final = 100
"""Beats, and events, that are kept for the browser."""


@dataclass
class Alarm:
    """An alarm, which stays until somebody has acknowledged it.

    Parameters
    ----------
    number : int
        From 1.
    event : StreamEvent
        What began.
    ended : bool
        Whether it is over.
    """

    number: int
    event: StreamEvent
    ended: bool = False


def alarm_words(alarms: list[Alarm]) -> list[str]:
    """What is shown of alarms: each kind once, with its last time."""
    kinds: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        kinds.setdefault((alarm.event.kind, alarm.event.what), []).append(alarm)
    words = []
    for alike in kinds.values():
        last = alike[-1]
        often = f" ({len(alike)} times)" if len(alike) > 1 else ""
        over = " – over now" if last.ended else ""
        words.append(f"{event_words(last.event)}, {clock(last.event.start_s, 1)}{often}{over}")
    return words


def event_words(event: StreamEvent) -> str:
    """An event in words, without its time."""
    rate = f", {event.per_min:.0f}/min" if np.isfinite(event.per_min) else ""
    what = f" ({event.what})" if event.what else ""
    return f"{event.kind}{what}{rate}"


@dataclass
class Told:
    """What the stream has told that is still shown.

    Parameters
    ----------
    beats : deque of StreamBeat
        The newest.
    events : deque of (int, StreamEvent)
        The newest, each with its number.
    alarms : list of Alarm
        Those that nobody has acknowledged.
    count : int
        Events so far.
    """

    beats: deque[StreamBeat] = field(default_factory=lambda: deque(maxlen=MOST_TOLD))
    events: deque[tuple[int, StreamEvent]] = field(default_factory=lambda: deque(maxlen=MOST_TOLD))
    alarms: list[Alarm] = field(default_factory=list)
    count: int = 0

    def take(self, told: StreamBeat | StreamEvent, offset: float) -> None:
        """Take what the stream tells; ``offset`` is where in the recording it began."""
        if isinstance(told, StreamBeat):
            self.beats.append(moved(told, offset))
            return
        self.count += 1
        event = moved(told, offset)
        self.events.append((self.count, event))
        if event.alarm:
            self.alarms = [*self.alarms, Alarm(self.count, event)][-MOST_TOLD:]
        for alarm in self.alarms:
            same = (alarm.event.kind, alarm.event.what) == (event.kind, event.what)
            alarm.ended |= same and event.state == "ends"

    def rate(self, now: float) -> int | None:
        """Beats per minute; None where the last beats are long ago, or too few."""
        newest = list(self.beats)[-RATE_BEATS:]
        rr = [beat.rr_pre for beat in newest if np.isfinite(beat.rr_pre)]
        if len(rr) < 2 or now - newest[-1].time > FRESH_S:
            return None
        return round(60 / float(np.mean(rr)))


def moved(told: StreamBeat | StreamEvent, offset: float) -> StreamBeat | StreamEvent:
    """The same, its times counted from the start of the recording."""
    if isinstance(told, StreamBeat):
        return replace(told, time=told.time + offset)
    return replace(
        told, start_s=told.start_s + offset, end_s=told.end_s + offset, told_s=told.told_s + offset
    )


def live_state(player: Player | None, drawn: str = "", told: str = "") -> dict:
    """What is new of a visitor's live view, see `Player.state`.

    Parameters
    ----------
    player : Player or None
    drawn, told : str
        As the browser gives them.
    """
    if player is None:
        return {"playing": False}
    return player.state(_count(drawn), _count(told))


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


class Player:
    """Plays a recording to a stream by the clock, and keeps what is to be shown of it.

    Parameters
    ----------
    reading : Reading
        Whose recording is played.
    start : float
        Seconds from its beginning at which it starts.
    speed : int
        One of `SPEEDS`.
    timer : callable
        Gives seconds that pass.

    Raises
    ------
    InputError
        If the speed is another, or the recording cannot be streamed.
    """

    def __init__(
        self,
        reading: Reading,
        start: float,
        speed: int,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        if speed not in SPEEDS:
            allowed = ", ".join(map(str, SPEEDS))
            raise InputError(f"the speed must be one of {allowed}, got {speed}")
        record = reading.analysis.record
        lead = reading.settings.lead
        self._names = [record.lead(lead).name] if lead else list(record.ecg_leads)
        self._columns = [record.leads.index(name) for name in self._names]
        self.speed, self._timer = speed, timer
        self._fs, self._signals = record.fs, record.signals
        self._first = min(int(max(start, 0.0) * record.fs), len(self._signals) - 1)
        self._given = self._first
        self._every = max(round(record.fs / DRAWN_HZ), 1)
        self._scales = [
            millivolts(self._signals[:, column], record.units[column]) for column in self._columns
        ]
        self._stream = StreamClassifier(record.fs, self._names, reading.recording.classifier)
        self._told, self._lock, self._stopped = Told(), RLock(), Event()
        self._behind, self._error = False, ""
        self._began = self._asked = timer()

    def begin(self) -> Player:
        """Play, beside the page."""
        Thread(target=self._run, daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self._stopped.set()

    @property
    def ended(self) -> bool:
        """Whether it plays no more."""
        return self._stopped.is_set()

    def acknowledge(self, told: int) -> None:
        """The alarms up to an event, by its number, were seen."""
        with self._lock:
            self._told.alarms = [a for a in self._told.alarms if a.number > told]

    def _run(self) -> None:
        try:
            while not self.ended:
                if not self.step():
                    self._stopped.wait(STEP_S / 2)
        except InputError as error:
            self._error = str(error)
        except Exception:  # the page stays usable
            traceback.print_exc(file=sys.stderr)
            self._error = FAILED
        finally:
            self.stop()

    def step(self) -> bool:
        """Give the stream what is due; whether anything was."""
        now = self._timer()
        if now - self._asked > SILENT_S:
            self._error = GONE
            self.stop()
        if self.ended:
            return False
        due = self._first / self._fs + (now - self._began) * self.speed
        late = due - self._given / self._fs
        self._behind = late > BEHIND_S
        if self._behind:  # as fast as it can
            self._began += (late - BEHIND_S) / self.speed
        size = max(round(STEP_S * self._fs), 1)
        last = min(self._given + size, len(self._signals))
        at_end = last == len(self._signals)
        if last > due * self._fs and not (at_end and due * self._fs >= last - 1):
            return False
        told = list(self._stream.push(self._signals[self._given : last, self._columns]))
        told += self._stream.end() if at_end else ()
        with self._lock:
            self._given = last
            for one in told:
                self._told.take(one, self._first / self._fs)
        if at_end:
            self.stop()
        return True

    def state(self, drawn: int = 0, told: int = 0) -> dict:
        """What is new for a browser.

        Parameters
        ----------
        drawn : int
            Place up to which it has the samples that are drawn.
        told : int
            Number of the last event that it knows.

        Returns
        -------
        dict
            For JSON: ``playing``; ``leads``; ``hz`` of the samples, ``first`` (their place) and
            ``samples`` (of each lead, in mV, None where missing); ``now`` in seconds; ``beats``
            (of what is shown); ``rate``; ``events``, newest last; ``alarms``; ``words``.
        """
        with self._lock:
            self._asked = self._timer()
            now, last = self._given / self._fs, self._given // self._every
            hz = self._fs / self._every
            earliest = max(last - int((SHOWN_S + MORE_S) * hz), -(-self._first // self._every))
            first = min(max(drawn, earliest), last)
            seen = slice(first * self._every, last * self._every, self._every)
            part = (self._signals[seen, self._columns] * self._scales).T
            beats = [b for b in self._told.beats if b.time > now - SHOWN_S - MORE_S]
            rate = self._told.rate(now)
            return {
                "playing": not self.ended, "leads": self._names, "hz": hz, "shown": SHOWN_S,
                "speed": self.speed, "now": round(now, 3), "first": first,
                "samples": [[round(float(v), 3) if np.isfinite(v) else None for v in lead]
                            for lead in part],
                "beats": [[round(b.time, 3), b.beat_class] for b in beats],
                "rate": rate, "told": self._told.count,
                "events": [
                    {"at": clock(e.start_s if e.state == "begins" else e.end_s, 1),
                     "words": f"{event_words(e)} {e.state}"}
                    for number, e in self._told.events if number > told
                ],
                "alarms": alarm_words(self._told.alarms),
                "words": self._error or self._words(now, rate),
            }  # fmt: skip

    def _words(self, now: float, rate: int | None) -> str:
        """The view for who does not see it."""
        letters = " ".join(beat.beat_class for beat in list(self._told.beats)[-8:])
        words = f"{clock(now)}: {f'{rate}/min' if rate else 'no rate'}"
        words += f", last beats {letters}" if letters else ", no beat yet"
        slow = " (slower than asked: the computer is busy)" if self._behind else ""
        return f"{words}{slow}" if not self.ended else f"stopped at {words}"


def millivolts(signal: np.ndarray, units: str) -> float:
    """What values are multiplied with: to mV, or where no unit is known, to a usual height."""
    if units in IN_MILLIVOLTS:
        return IN_MILLIVOLTS[units]
    known = signal[np.isfinite(signal)]
    low, high = np.percentile(known, [0.5, 99.5]) if len(known) else (0.0, 1.0)
    return 1.5 / max(float(high - low), 1e-9)
