"""The last beats of a stream: what the network must know of a recording to judge its next beat."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.origin import ORIGIN, find_origin, typical_beat
from arrhythmia.p_wave import LEAST_WAVE, p_wave_clarity, p_wave_segments
from arrhythmia.r_peaks import DETECTED
from arrhythmia.rr import AROUND, mean_rr
from arrhythmia.signals import BeatSettings

BEATS: Final = 600
"""That are remembered."""
MORE: Final = 50
"""Places besides, so that beats are moved only now and then."""
TYPICAL_OF: Final = 200
"""Beats that the template beat is the typical one of, drawn from all that are remembered."""
GROWTH: Final = 1.25
"""The template beat is made anew when there are so many times as many beats …"""
RENEWED: Final = 200
"""… and when there were so many more."""


def middle(values: np.ndarray) -> np.ndarray:
    """Median along the first axis; of an even number of values the upper one, which is quicker."""
    half = len(values) // 2
    return np.partition(values, half, axis=0)[half]


class History:
    """The last `BEATS` beats in all leads, in constant memory.

    Parameters
    ----------
    leads : tuple of str
    settings : BeatSettings
    features : tuple of int
        Members of the network, and features that each gives of a beat.

    Attributes
    ----------
    template_beat : ndarray, shape (leads, samples)
        In the units of the segments.
    scale : ndarray, shape (leads,)
        Its standard deviations.
    clarity : ndarray, shape (leads,)
        See `arrhythmia.p_wave.p_wave_clarity`.
    """

    def __init__(
        self, leads: tuple[str, ...], settings: BeatSettings, features: tuple[int, int]
    ) -> None:
        self.leads, self.settings = leads, settings
        size, count = BEATS + MORE, len(leads)
        self._columns = {
            "centers": np.zeros(size),
            "rr_pre": np.zeros(size),
            "rr_post": np.zeros(size),
            "segments": np.zeros((size, count, settings.length), np.float32),
            "p_waves": np.zeros((size, count, p_wave_segments(
                np.zeros(settings.length), settings).shape[-1]), np.float32),
            "similarity": np.zeros((size, count)),
            "features": np.zeros((size, features[0], count, features[1]), np.float32),
            "readable": np.zeros((size, count), dtype=bool),
            "probabilities": np.zeros((size, len(BEAT_CLASSES))),
            "called": np.zeros(size, dtype=int),
        }  # fmt: skip
        self._first = self._stop = 0
        self._renew_at = 1
        self._drawn = np.random.default_rng(0)  # every third beat may be ectopic
        self.total = 0
        self.template_beat = np.zeros((count, settings.length))
        self.scale, self.clarity = np.ones(count), np.zeros(count)

    def __len__(self) -> int:
        return self._stop - self._first

    def last(self, name: str, count: int = BEATS, after: int = 0) -> np.ndarray:
        """A column of the last beats, without the newest ``after``.

        ``centers`` and ``rr_pre`` are in seconds, ``called`` is the place of a beat's class in
        `arrhythmia.labels.BEAT_CLASSES`, ``probabilities`` are those of each beat by itself.
        """
        stop = self._stop - after
        return self._columns[name][max(self._first, stop - count) : stop]

    def append(self, **values: object) -> None:
        """Add a beat, and forget the oldest."""
        if self._stop == BEATS + MORE:
            for column in self._columns.values():
                column[: BEATS - 1] = column[MORE + 1 :]
            self._first, self._stop = 0, BEATS - 1
        for name, value in values.items():
            self._columns[name][self._stop] = value
        self._stop += 1
        self.total += 1
        self._first = max(self._first, self._stop - BEATS)

    def put(self, after: int = 0, **values: object) -> None:
        """Set values of the beat that so many came after."""
        for name, value in values.items():
            self._columns[name][self._stop - 1 - after] = value

    @property
    def mean_rr(self) -> float:
        """Mean RR interval in seconds, see `arrhythmia.rr.mean_rr`."""
        return mean_rr(self.last("rr_pre"))

    def renew(self) -> bool:
        """Make the template beat anew, if it is time; tell whether it was."""
        if self.total < self._renew_at:
            return False
        self._renew_at = min(max(int(self.total * GROWTH), self.total + 1), self.total + RENEWED)
        segments = self.last("segments")
        drawn = self._drawn.permutation(len(segments))[:TYPICAL_OF]
        chosen = segments[drawn]
        rr = (self.last(name)[drawn] for name in ("rr_pre", "rr_post"))
        found = find_origin(chosen, *rr, self.settings, ORIGIN)
        for lead in range(len(self.leads)):
            self.template_beat[lead] = (
                typical_beat(chosen[:, lead : lead + 1])[0]
                if found.is_typical
                else found.template_beat[lead]
            )
            self.clarity[lead] = p_wave_clarity(chosen[:, lead], self.settings)
        self.scale = np.maximum(self.template_beat.std(axis=1), 1e-9)
        return True

    def p_wave_similarity(self) -> np.ndarray:
        """Of the last 21 beats, see `arrhythmia.p_wave`, shape (leads,)."""
        waves = self.last("p_waves", 2 * AROUND + 1) / self.scale[:, None]
        energy = middle((waves**2).mean(axis=2)) + LEAST_WAVE**2
        return np.minimum((middle(waves) ** 2).mean(axis=1) / energy, 1)

    def as_beats(self, count: int = BEATS, after: int = 0) -> Beats:
        """The last beats, without the newest ``after``, as those of a record."""
        segments = self.last("segments", count, after)
        centers = self.last("centers", count, after).copy()
        rr_pre, rr_post = (self.last(n, count, after).copy() for n in ("rr_pre", "rr_post"))
        similarity = self.last("similarity", count, after).copy()
        empty = np.full(len(centers), "")
        leads = [
            Beats(
                record="", lead=name, fs=self.settings.fs,
                sample=np.rint(centers * self.settings.fs).astype(int), symbol=empty,
                source=DETECTED, centers=centers,
                segments=(segments[:, lead] / self.scale[lead]).astype(np.float32),
                template_beat=self.template_beat[lead] / self.scale[lead], mean_rr=self.mean_rr,
                rr_pre=rr_pre, rr_post=rr_post, p_wave_similarity=similarity[:, lead],
            )
            for lead, name in enumerate(self.leads)
        ]  # fmt: skip
        return replace(leads[0], others=tuple(leads[1:]))
