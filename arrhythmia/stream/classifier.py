"""Classifies the beats of a stream, each as soon as what it rests on has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.beats import cut_segments
from arrhythmia.classifier import Classifier
from arrhythmia.detector import RATE, REFRACTORY_S
from arrhythmia.errors import InputError
from arrhythmia.files import OWN_MODEL
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.r_peaks import WHOLE_S
from arrhythmia.rhythm import PAUSE_S
from arrhythmia.rr import AROUND
from arrhythmia.signals import center_qrs
from arrhythmia.stream.alarms import Alarms, StreamEvent, moves_as_beats
from arrhythmia.stream.clock import Drift, lost_samples
from arrhythmia.stream.front import HOP, WINDOW, Front
from arrhythmia.stream.history import middle
from arrhythmia.stream.judge import Judge
from arrhythmia.stream.qrs import CONTEXT, STEP, OnlineDetector

DELAY_S: Final = 2.0
"""Seconds after its R peak in which a beat is told, whether the next has come or not."""
COMPLETE_S: Final = 0.1
"""Seconds of signal that must have come after the segment of a beat."""
MARK_S: Final = 0.05
"""The mark of a beat may stand so many seconds before its R peak."""
SHORTEST_S: Final = 0.01
"""RR intervals are at least so long."""
NEAR: Final = 20
"""Samples around what is read of a window that are read with it."""
FLAT: Final = 0.05
"""A lead that moves by less than this part of its template beat does not show a beat."""


VENTRICULAR: Final = [BEAT_CLASSES.index(c) for c in "VEF"]


@dataclass(frozen=True)
class StreamBeat:
    """A classified beat of a stream.

    Parameters
    ----------
    sample : int
        R peak, in samples since the stream began.
    time : float
        The same in seconds.
    beat_class : str
        One of `arrhythmia.labels.BEAT_CLASSES`.
    probabilities : tuple of float
        In their order.
    rr_pre : float
        Seconds since the beat before; NaN for the first, and after a gap.
    delay : float
        Seconds of signal between the R peak and the newest sample when the beat was told.
    clock : float
        The R peak in seconds of the sender's clock; NaN where it has none.
    """

    sample: int
    time: float
    beat_class: str
    probabilities: tuple[float, ...]
    rr_pre: float
    delay: float
    clock: float


@dataclass(frozen=True)
class Waiting:
    """A beat that is known but not told: its place in samples at `RATE`, and RR interval."""

    place: int
    rr_pre: float


class StreamClassifier:
    """Classifies beats while they are recorded, in constant memory.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz.
    leads : sequence of str
        Names of the leads, the one to be read first (lead II) first.
    model : str, Path or Classifier
        Folder of a saved model, or one that is loaded, for many streams.
    following : int
        So many complete beats after a beat are waited for, within `DELAY_S`; with 0 it is told
        when the next is detected.
    """

    def __init__(
        self,
        fs: float,
        leads: Sequence[str],
        model: str | Path | Classifier = OWN_MODEL,
        following: int = 1,
    ) -> None:
        classifier = model if isinstance(model, Classifier) else Classifier.load(model)
        self.fs, self.leads = float(fs), tuple(leads)
        self._beats = classifier.settings.beats
        if not 2 * self._beats.band[1] < self.fs < np.inf:
            raise InputError(
                f"fs must be above {2 * self._beats.band[1]:g} Hz, got {self.fs:g}: give the rate "
                "at which the samples come"
            )
        if not self.leads:
            raise InputError("leads must name one lead at least, got none")
        self._judge = Judge(classifier, self.leads)
        self._front = Front(self.fs, len(self.leads), self._beats)
        self._detector = OnlineDetector(len(self.leads))
        self._alarms = Alarms(self.leads)
        self._drift = Drift(self.fs)
        self._samples, self._newest_s = 0, float("nan")
        self._read = -WINDOW  # place of the last beat that is known, in samples at `RATE`
        self._places = np.zeros(0, dtype=int)  # of beats in the window
        self._filtered: np.ndarray | None = None
        self._waiting: deque[Waiting] = deque()
        self._following = following
        late = self._front.late + HOP / RATE + MARK_S
        self._patience = int((DELAY_S - late) * RATE)
        self._complete = int((self._beats.after + COMPLETE_S) * RATE)

    def push(
        self, samples: np.ndarray, seconds: np.ndarray | None = None
    ) -> tuple[StreamBeat | StreamEvent, ...]:
        """Take samples, and give what is known now.

        Parameters
        ----------
        samples : ndarray of float, shape (samples, leads)
            In any units; NaN where a sample is missing.
        seconds : ndarray of float, shape (samples,), optional
            When each was taken, by the sender's clock: samples that are lost are then known, and
            a sampling rate that drifts.

        Raises
        ------
        InputError
            If the samples are of another number of leads.
        """
        samples = np.asarray(samples, dtype=float)
        if samples.ndim != 2 or samples.shape[1] != len(self.leads):
            raise InputError(
                f"samples must be of shape (samples, {len(self.leads)}), got {samples.shape}"
            )
        if seconds is None or not len(samples):
            return tuple(self._take(samples))
        seconds = np.asarray(seconds, dtype=float)
        if seconds.shape != samples.shape[:1]:
            raise InputError(f"seconds must be of shape ({len(samples)},), got {seconds.shape}")
        told: list[StreamBeat | StreamEvent] = []
        lost = lost_samples(seconds, self._newest_s, self.fs)
        self._newest_s = float(seconds[-1])
        starts = np.unique(np.append(np.flatnonzero(lost), 0))
        for start, stop in zip(starts, np.append(starts[1:], len(samples)), strict=True):
            told += self._take_missing(int(lost[start]))
            told += self._drift.mark(self._samples, float(seconds[start]))
            told += self._take(samples[start:stop])
        return tuple(told)

    def end(self) -> tuple[StreamBeat | StreamEvent, ...]:
        """Tell the beats that still wait, where nothing more will come."""
        self._patience = 0
        return tuple(self._advance())

    def _take_missing(self, count: int) -> Iterator[StreamBeat | StreamEvent]:
        """Samples that never came, a second at a time: memory does not grow with a gap."""
        size = max(round(self.fs), 1)
        for first in range(0, count, size):
            rows = min(size, count - first)
            yield from self._take(np.full((rows, len(self.leads)), np.nan))

    def _take(self, samples: np.ndarray) -> Iterator[StreamBeat | StreamEvent]:
        self._samples += len(samples)
        self._front.add(samples)
        while self._front.next_block():
            self._filtered = None
            if self._front.samples % STEP:
                self._places = self._places - HOP
            else:
                found = self._detector.look(self._window())
                self._places = found[self._whole(found)]
            yield from self._advance()
            yield from self._watch()

    def _window(self) -> np.ndarray:
        """The newest signal, filtered once for each block, shape (leads, WINDOW)."""
        if self._filtered is None:
            self._filtered = self._front.filtered()
        return self._filtered

    @property
    def seconds(self) -> float:
        """How much signal came so far."""
        return self._samples / self.fs

    @property
    def _now(self) -> float:
        """Time of the newest sample that was used, in seconds."""
        return self._front.samples / RATE + self._front.late

    def _watch(self) -> Iterator[StreamEvent]:
        """Events that the signal tells without a beat."""
        start = self._front.samples - WINDOW
        sure = self._places[self._places <= WINDOW - CONTEXT]
        newest = max(start + int(sure[-1]) if len(sure) else 0, self._read)
        ago = (self._front.samples - newest) / RATE
        moves = ago >= PAUSE_S and moves_as_beats(
            self._window()[0],
            RATE,
            ago,
            CONTEXT,
            float(np.ptp(self._judge.history.template_beat[0])),
        )
        yield from self._alarms.signal(
            self._now, self._front.late + (CONTEXT + HOP) / RATE, newest / RATE,
            self._front.still_s, moves,
        )  # fmt: skip

    def _advance(self) -> Iterator[StreamBeat | StreamEvent]:
        """Read the beats that are complete, and tell those that wait for nothing more."""
        start, places = self._front.samples - WINDOW, self._places
        while True:
            places = places[places + start >= self._read + round(REFRACTORY_S * RATE)]
            if not len(places):
                break
            ago = WINDOW - int(places[0])
            follows = len(places) > 1 and places[1] <= WINDOW - CONTEXT
            if ago < self._patience and (ago < self._complete or not (follows or self._following)):
                break
            self._read_beat(int(places[0]), int(places[1]) if follows else None)
            yield from self._tell()
        sure = places[places <= WINDOW - CONTEXT] + start
        if len(sure) and len(self._waiting) == 1:
            rr_post = (int(sure[0]) - self._waiting[0].place) / RATE
            self._judge.history.put(rr_post=max(rr_post, SHORTEST_S))
        yield from self._tell()

    def _tell(self) -> Iterator[StreamBeat | StreamEvent]:
        while self._waiting:
            first, after = self._waiting[0], len(self._waiting) - 1
            if after < self._following and self._front.samples - first.place < self._patience:
                return
            self._waiting.popleft()
            probabilities = self._judge.judge(after)
            mark = first.place / RATE
            sample = round(mark * self.fs)
            beat = StreamBeat(
                sample=sample,
                time=mark,
                beat_class=BEAT_CLASSES[int(probabilities.argmax())],
                probabilities=tuple(float(p) for p in probabilities),
                rr_pre=first.rr_pre,
                delay=self._now - mark,
                clock=self._drift.clock(sample),
            )
            yield beat
            by_itself = self._judge.history.last("probabilities", 1, after)[0]
            ventricular = float(by_itself[VENTRICULAR].sum())
            yield from self._alarms.beat(beat.time, ventricular, np.isnan(beat.rr_pre), self._now)

    def _whole(self, found: np.ndarray) -> np.ndarray:
        """Whether a lead has no gap near each place."""
        valid = self._front.valid
        if valid.all():
            return np.ones(len(found), dtype=bool)
        reach = round(WHOLE_S * RATE)
        return np.array([valid[:, max(p - reach, 0) : p + reach + 1].all(axis=1).any()
                         for p in found], dtype=bool)  # fmt: skip

    def _read_beat(self, place: int, next_place: int | None) -> None:
        """Put a beat among those that are known."""
        filtered = self._window()
        history, fs = self._judge.history, self._beats.fs
        start = self._front.samples - WINDOW
        marks = [m for m in (self._read - start, place, next_place) if m is not None and m >= 0]
        readable = self._readable(filtered, place)
        first = max(marks[0] - NEAR, 0)
        signal = filtered[int(readable.argmax()), first : marks[-1] + NEAR]
        centers = first + center_qrs(signal, fs, np.array(marks) - first, self._beats.search)
        which = marks.index(place)
        center = float(centers[which])
        now = (start + center) / fs
        usual = float(middle(history.last("rr_pre", 2 * AROUND + 1))) if len(history) else 0.0
        if next_place is not None:
            rr_post = max(float(centers[which + 1] - center) / fs, SHORTEST_S)
        else:
            rr_post = max((WINDOW - center) / fs, usual)
        rr_pre = float("nan")
        if len(history) and not self._front.is_gap(self._read, start + place):
            rr_pre = max(now - float(history.last("centers", 1)[0]), SHORTEST_S)
            history.put(rr_post=rr_pre)
        low = max(int(center) - self._beats.left - NEAR, 0)
        high = int(center) + self._beats.length + NEAR
        at = np.array([center - low])
        segments = np.stack([cut_segments(lead[low:high], at, self._beats)[0] for lead in filtered])
        known = rr_pre if np.isfinite(rr_pre) else usual or rr_post
        self._judge.add(now, (known, rr_post), segments, readable)
        self._waiting.append(Waiting(start + place, rr_pre))
        self._read = start + place

    def _readable(self, filtered: np.ndarray, place: int) -> np.ndarray:
        """Which leads are there at a beat: not missing, and not flat beside what is usual."""
        reach = round(WHOLE_S * RATE)
        around = slice(max(place - reach, 0), place + reach + 1)
        history = self._judge.history
        moves = np.ptp(filtered[:, around], axis=1)
        usual = np.ptp(history.template_beat, axis=1)
        return self._front.valid[:, around].all(axis=1) & (moves > FLAT * usual)
