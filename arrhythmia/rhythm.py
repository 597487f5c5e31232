"""Rhythm: stretches of fibrillation, tachycardia, bi- and trigeminy, pauses and noise.

What a rhythm is follows from the classes of the beats, their RR intervals and their P waves. Limits
of rate and length are those of clinical use, and a reader may turn two of them
(`arrhythmia.limits`); the two limits of fibrillation were chosen on DS1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import find_objects, label, median_filter

from arrhythmia.beats import Beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import PAUSE_S, Limits

N, S, V, E, F = range(len(BEAT_CLASSES))

FIBRILLATION: Final = "atrial fibrillation or flutter"
SVT: Final = "supraventricular tachycardia"
VT: Final = "ventricular tachycardia"
IDIOVENTRICULAR: Final = "idioventricular rhythm"
BIGEMINY: Final = "bigeminy"
TRIGEMINY: Final = "trigeminy"
PAUSE: Final = "pause"
NO_BEATS: Final = "no countable beats"
NOT_ASSESSABLE: Final = "not assessable"
PACED: Final = "paced: not assessed"
KINDS: Final = (
    FIBRILLATION, SVT, VT, IDIOVENTRICULAR, BIGEMINY, TRIGEMINY, PAUSE, NO_BEATS,
    NOT_ASSESSABLE, PACED,
)  # fmt: skip

AROUND: Final = 41
"""Beats that fibrillation is looked for in, around each beat."""
IRREGULAR: Final = 0.09
"""It changes its RR intervals from one to the next by more than this, relative to their median; on
DS1 the median is .03 in sinus rhythm, .18 in fibrillation …"""
WITHOUT_P: Final = 0.35
"""… and the P-wave similarity is less than this: .9 in sinus rhythm, .1 in fibrillation."""
FEWEST_FIBRILLATING: Final = 12
"""Fibrillation that lasts fewer beats than this is not told."""
RUN: Final = 3
"""So many V, or S, in a row are a run."""
TURNS: Final = 3
"""So often must an ectopic beat and its one or two normal beats follow each other."""
ACTIVE: Final = 0.3
"""A long RR interval is a pause if the line between, nine tenths of it, moves by no more than this
part of a QRS's height. In the flutter of record 207 it moves by .7 and more, in the pauses of DS1
by .2 at most."""
AFTER_S, BEFORE_S, QRS_S = 0.6, 0.4, 0.08
"""Seconds after a QRS and before the next that do not count, and half the width of a QRS."""


@dataclass(frozen=True)
class Event:
    """A stretch of a rhythm.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    first, last : int
        Beats that it goes from and to.
    start_s, end_s : float
        Seconds from the start of the record: centres of the QRS of these beats.
    rate : float
        Beats per minute in it; NaN of a single beat, and of a gap between two.
    of : str
        ``"V"`` or ``"S"`` where it is made of such beats, else empty.
    """

    kind: str
    first: int
    last: int
    start_s: float
    end_s: float
    rate: float
    of: str = ""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end_s - self.start_s

    @property
    def name(self) -> str:
        """In words: ``ventricular bigeminy``, ``pause of 2.4 s``."""
        if self.kind == PAUSE:
            return f"pause of {self.seconds:.1f} s"
        if self.kind in (BIGEMINY, TRIGEMINY):
            return f"{'ventricular' if self.of == 'V' else 'supraventricular'} {self.kind}"
        return self.kind


def find_events(
    beats: Beats,
    called: np.ndarray,
    assessable: np.ndarray | None = None,
    active: np.ndarray | None = None,
    missing: np.ndarray | None = None,
    limits: Limits = Limits(),  # noqa: B008, frozen
) -> list[Event]:
    """Stretches of rhythms of a record, in order of time.

    Parameters
    ----------
    beats : Beats
        All beats of the record.
    called : ndarray of int, shape (beats,)
        Class of each beat, as its place in `arrhythmia.labels.BEAT_CLASSES`.
    assessable : ndarray of bool, shape (beats,), optional
        Where the signal can be read; by default everywhere. Beats elsewhere are in no rhythm.
    active : ndarray of bool, shape (beats,), optional
        See `active_before`; what looks like a pause is none there.
    missing : ndarray of bool, shape (beats,), optional
        Before which beats signal is missing that may hide another: no rhythm goes over it.
    limits : Limits
        From where on an interval is a pause, and a run a tachycardia.
    """
    readable = np.ones(len(beats), bool) if assessable is None else np.asarray(assessable)
    unknown = np.zeros(len(beats), bool) if missing is None else np.asarray(missing)
    events = [
        _event(beats, NOT_ASSESSABLE, part.start, part.stop - 1) for part in _stretches(~readable)
    ]
    fibrillating = in_fibrillation(beats, called) & readable
    events += [
        _event(beats, FIBRILLATION, part.start, part.stop - 1)
        for part in _stretches(fibrillating)
        if part.stop - part.start >= FEWEST_FIBRILLATING
    ]
    events += [_event(beats, NOT_ASSESSABLE, i - 1, i) for i in np.flatnonzero(unknown) if i]
    hidden = np.zeros(len(beats), bool) if active is None else np.asarray(active)
    hidden = hidden & (beats.rr_pre >= min(PAUSE_S, limits.pause_s))  # whatever is called a pause
    gaps = (beats.rr_pre >= limits.pause_s) | hidden | unknown
    ventricular = np.isin(called, (V, E)) & readable
    supraventricular = (called == S) & readable
    for of, ectopic in (("V", ventricular), ("S", supraventricular)):
        events += _runs(beats, ectopic, of, limits.tachycardia_per_min)
    normal = (called == N) & readable
    for of, ectopic in (("V", ventricular), ("S", supraventricular)):
        for kind, period in ((BIGEMINY, 2), (TRIGEMINY, 3)):
            events += [
                _event(beats, kind, first, last, of)
                for first, last in _in_turns(ectopic, normal, gaps, period)
            ]
    gaps &= readable & np.append(False, readable[:-1]) & ~unknown
    for beat in np.flatnonzero(gaps):
        events.append(_event(beats, NO_BEATS if hidden[beat] else PAUSE, beat - 1, beat))
    return sorted(events, key=lambda event: (event.first, event.last, event.kind))


def active_before(
    signal: np.ndarray, fs: float, centers: np.ndarray, from_s: float = PAUSE_S
) -> np.ndarray:
    """Whether the signal before each beat moves nearly as much as the beats themselves do.

    In a pause the line is nearly flat. Where it moves on without beats there is ventricular flutter
    or fibrillation, or beats that were not detected.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Filtered.
    fs : float
        Hz.
    centers : ndarray of float, shape (beats,)
        Of the QRS, in seconds.
    from_s : float
        Seconds: shorter intervals are not looked at.

    Returns
    -------
    ndarray of bool, shape (beats,)
        False where the interval is shorter.
    """
    active = np.zeros(len(centers), dtype=bool)
    reach = round(QRS_S * fs)
    places = np.clip(np.rint(centers * fs).astype(int), reach, len(signal) - reach - 1)
    around = signal[places[:, None] + np.arange(-reach, reach + 1)]
    height = float(np.median(np.ptp(around, axis=1)))
    for beat in np.flatnonzero(np.diff(centers, prepend=centers[:1]) >= from_s):
        first, last = centers[beat - 1] + AFTER_S, centers[beat] - BEFORE_S
        between = signal[round(first * fs) : round(last * fs)]
        low, high = np.percentile(between, [5, 95])
        active[beat] = high - low > ACTIVE * height
    return active


def in_fibrillation(beats: Beats, called: np.ndarray) -> np.ndarray:
    """Which beats stand in atrial fibrillation, or flutter that is conducted irregularly.

    RR intervals that begin or end with a ventricular beat do not count.

    Parameters
    ----------
    beats : Beats
        All beats of the record.
    called : ndarray of int, shape (beats,)
        Class of each.

    Returns
    -------
    ndarray of bool, shape (beats,)
    """
    conducted = np.isin(called, (N, S))
    counts = np.flatnonzero(conducted & np.append(conducted[:1], conducted[:-1]))
    if len(counts) < FEWEST_FIBRILLATING:
        return np.zeros(len(beats), dtype=bool)
    rr = np.clip(beats.rr_pre[counts], 0.2, 3.0)
    change = np.abs(np.diff(rr, prepend=rr[:1])) / _median(rr)
    irregular = np.interp(np.arange(len(beats)), counts, _median(change))
    return (irregular > IRREGULAR) & (_median(beats.p_wave_similarity) < WITHOUT_P)


def _median(values: np.ndarray) -> np.ndarray:
    return median_filter(values, AROUND, mode="nearest")


def _stretches(inside: np.ndarray) -> list[slice]:
    return [part for (part,) in find_objects(label(inside)[0])]


def _event(beats: Beats, kind: str, first: int, last: int, of: str = "") -> Event:
    start, end = float(beats.centers[first]), float(beats.centers[last])
    told = end > start and kind not in (PAUSE, NO_BEATS, NOT_ASSESSABLE)
    rate = 60 * (last - first) / (end - start) if told else float("nan")
    return Event(kind, int(first), int(last), start, end, rate, of)


def _runs(beats: Beats, ectopic: np.ndarray, of: str, from_per_min: float) -> list[Event]:
    """Runs of ectopic beats; slow ones of S are none."""
    events = []
    for part in _stretches(ectopic):
        if part.stop - part.start < RUN:
            continue
        event = _event(beats, VT if of == "V" else SVT, part.start, part.stop - 1, of)
        if event.rate >= from_per_min:
            events.append(event)
        elif of == "V":
            events.append(_event(beats, IDIOVENTRICULAR, part.start, part.stop - 1, of))
    return events


def _in_turns(
    ectopic: np.ndarray, normal: np.ndarray, gaps: np.ndarray, period: int
) -> list[tuple[int, int]]:
    """First and last beat where every second (or third) beat is ectopic, `TURNS` times or more.

    The beats between are normal, and no interval is a gap.
    """
    places = np.flatnonzero(ectopic)
    stretches, first = [], 0
    for i in range(1, len(places) + 1):
        if i < len(places):
            before, beat = places[i - 1], places[i]
            together = beat - before == period and not gaps[before + 1 : beat + 1].any()
            if together and normal[before + 1 : beat].all():
                continue
        if i - first >= TURNS:
            stretches.append((int(places[first]), int(places[i - 1])))
        first = i
    return stretches
