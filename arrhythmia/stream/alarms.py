"""Events of a stream: runs of ventricular beats, tachycardia, pauses, leads that are off."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from arrhythmia.limits import PAUSE_S, TACHYCARDIA_PER_MIN
from arrhythmia.rhythm import (
    ACTIVE,
    AFTER_S,
    IDIOVENTRICULAR,
    NO_BEATS,
    PAUSE,
    RUN,
    VT,
)
from arrhythmia.rr import AROUND

TACHYCARDIA: Final = "tachycardia"
ASYSTOLE: Final = "asystole"
LEAD_OFF: Final = "lead off"
NO_SIGNAL: Final = "no signal"
RATE: Final = "sampling rate"
BAD_ROWS: Final = "bad rows"
ALARMS: Final = (VT, IDIOVENTRICULAR, TACHYCARDIA, PAUSE, ASYSTOLE, NO_BEATS, NO_SIGNAL)
"""Kinds that a person should be called for."""

SURE: Final = 0.6
"""Three beats in a row are a run where each is ventricular with this probability; …"""
LIKELY: Final = 0.95
"""… or all but one with this probability …"""
POSSIBLE: Final = 0.05
"""… and the other with this, if none of them is late. Chosen on DS1 by folds, where that finds .91
of the runs with 1.9 false an hour; from .6 to .65, .93 to .97 and .04 to .05 it is the same."""
LATE: Final = 1.2
"""A beat that comes later than this part of the usual RR interval is late: after a couplet there is
a pause."""
FAST_PER_MIN: Final = 120.0
"""Mean rate of `FAST_BEATS` intervals from which on there is tachycardia."""
FAST_BEATS: Final = 8
SLOWER: Final = 0.95
"""Tachycardia ends below this part of `FAST_PER_MIN`."""
ASYSTOLE_S: Final = 4.0
"""Without a beat for so long."""
OFF_S: Final = 1.0
"""A lead that is missing, or does not change at all, for so long is off."""


@dataclass(frozen=True)
class StreamEvent:
    """Something that begins or ends in a stream.

    Parameters
    ----------
    kind : str
        One of `ALARMS`, `LEAD_OFF`, `RATE` or `BAD_ROWS`.
    state : str
        ``"begins"`` or ``"ends"``.
    start_s, end_s : float
        Seconds since the stream began; ``end_s`` is NaN while it lasts.
    told_s : float
        Newest sample when it was told, in seconds.
    per_min : float
        Beats per minute in it, NaN where none is meant.
    what : str
        The lead, or what else there is to say.
    """

    kind: str
    state: str
    start_s: float
    end_s: float
    told_s: float
    per_min: float = float("nan")
    what: str = ""

    @property
    def alarm(self) -> bool:
        """Whether a person should be called."""
        return self.kind in ALARMS and self.state == "begins"


class Alarms:
    """Tells events from beats and from the signal as it comes.

    Parameters
    ----------
    leads : sequence of str
    """

    def __init__(self, leads: Sequence[str]) -> None:
        self._leads = tuple(leads)
        self._lasting: dict[tuple[str, str], float] = {}  # kind and what, to its start
        self._times: deque[float] = deque(maxlen=FAST_BEATS + 1)
        self._ventricular: deque[float] = deque(maxlen=RUN)
        self._rr: deque[float] = deque(maxlen=2 * AROUND + 1)
        self._since = 0.0

    def _begin(
        self, kind: str, start: float, now: float, rate: float = float("nan"), what: str = ""
    ) -> Iterator[StreamEvent]:
        if (kind, what) not in self._lasting:
            self._lasting[kind, what] = start
            yield StreamEvent(kind, "begins", start, float("nan"), now, rate, what)

    def _end(
        self, kind: str, end: float, now: float, rate: float = float("nan"), what: str = ""
    ) -> Iterator[StreamEvent]:
        start = self._lasting.pop((kind, what), None)
        if start is not None:
            yield StreamEvent(kind, "ends", start, end, now, rate, what)

    def beat(
        self, time: float, ventricular: float, after_gap: bool, now: float
    ) -> Iterator[StreamEvent]:
        """Take a beat that was classified.

        Parameters
        ----------
        time : float
            Of its R peak, in seconds.
        ventricular : float
            Probability that it is one, a fusion beat counted as one: of the beat by itself, as the
            beats of a run are of shapes that their groups know little of.
        after_gap : bool
            Whether signal is missing since the beat before.
        now : float
            Newest sample, in seconds.
        """
        if after_gap:
            yield from self._break(now)
        if self._times:
            self._rr.append(time - self._times[-1])
        self._times.append(time)
        self._ventricular.append(ventricular)
        yield from self._of_run(now)
        if len(self._times) > FAST_BEATS:
            rate = 60 * FAST_BEATS / (time - self._times[0])
            if rate >= FAST_PER_MIN:
                yield from self._begin(TACHYCARDIA, self._times[0], now, rate)
            elif rate < SLOWER * FAST_PER_MIN:
                yield from self._end(TACHYCARDIA, self._times[-2], now)

    def _of_run(self, now: float) -> Iterator[StreamEvent]:
        """Begin or end a run: what the last beats are, and none of them late."""
        chances, times = list(self._ventricular)[-RUN:], list(self._times)[-RUN:]
        if self._is_run(chances, times):
            rate = 60 * (RUN - 1) / (times[-1] - times[0])
            kind = VT if rate >= TACHYCARDIA_PER_MIN else IDIOVENTRICULAR
            if kind == VT:  # a slow run that becomes fast is another alarm
                yield from self._end(IDIOVENTRICULAR, times[0], now)
            if (VT, "") not in self._lasting:
                yield from self._begin(kind, times[0], now, rate)
            return
        last = times[-2] if len(times) > 1 else times[-1]
        for kind in (VT, IDIOVENTRICULAR):
            yield from self._end(kind, last, now)

    def _is_run(self, chances: list[float], times: list[float]) -> bool:
        if len(chances) < RUN:
            return False
        if min(chances) >= SURE:
            return True
        usual = sorted(self._rr)[len(self._rr) // 2]
        late = np.diff(times).max() > LATE * usual
        return bool(min(chances) >= POSSIBLE and sorted(chances)[1] >= LIKELY and not late)

    def _break(self, now: float) -> Iterator[StreamEvent]:
        """Nothing goes on over a gap."""
        last = self._times[-1] if self._times else now
        for kind in (VT, IDIOVENTRICULAR, TACHYCARDIA):
            yield from self._end(kind, last, now)
        self._times.clear()
        self._ventricular.clear()

    def signal(
        self, now: float, late_s: float, newest_s: float, still_s: np.ndarray, moves: bool
    ) -> Iterator[StreamEvent]:
        """Take what is known of the newest signal.

        Parameters
        ----------
        now : float
            Newest sample, in seconds.
        late_s : float
            Seconds before it up to which beats are found.
        newest_s : float
            Of the newest beat, told or not.
        still_s : ndarray of float, shape (leads,)
            For how long each lead is missing, or does not change.
        moves : bool
            Whether the signal since that beat moves as beats do.
        """
        still = still_s.tolist()
        if any(still) or self._lasting:
            for name, seconds in zip(self._leads, still, strict=True):
                if seconds >= OFF_S:
                    yield from self._begin(LEAD_OFF, now - seconds, now, what=name)
                elif not seconds:
                    yield from self._end(LEAD_OFF, now, now, what=name)
            if min(still) >= OFF_S:
                start = now - min(still)
                yield from self._end_silence(start, now)
                yield from self._begin(NO_SIGNAL, start, now)
                self._since = now  # what comes after it is counted anew
                return
            yield from self._end(NO_SIGNAL, now, now)
        if newest_s > self._since:
            yield from self._end_silence(newest_s, now)
            self._since = newest_s
        silent = now - late_s - self._since
        if silent < PAUSE_S:
            return
        kind = NO_BEATS if moves else ASYSTOLE if silent >= ASYSTOLE_S else PAUSE
        yield from self._begin(kind, self._since, now)

    def _end_silence(self, end: float, now: float) -> Iterator[StreamEvent]:
        for kind in (PAUSE, ASYSTOLE, NO_BEATS):
            yield from self._end(kind, end, now)


def moves_as_beats(lead: np.ndarray, fs: float, ago_s: float, skipped: int, height: float) -> bool:
    """Whether a lead moves nearly as much as its beats do, see `arrhythmia.rhythm.active_before`.

    Parameters
    ----------
    lead : ndarray, shape (samples,)
        Filtered; its end is now.
    fs : float
        Hz.
    ago_s : float
        Seconds since the last beat.
    skipped : int
        Newest samples that do not count.
    height : float
        Of a QRS.
    """
    first = max(len(lead) - round((ago_s - AFTER_S) * fs), 0)
    part = lead[first : len(lead) - skipped]
    if not len(part):
        return False
    low, high = np.percentile(part, [5, 95])
    return bool(high - low > ACTIVE * height)
