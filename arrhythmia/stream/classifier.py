"""Classifies the beats of a stream, each as soon as what it rests on has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.beats import cut_segments
from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.detector import RATE, REFRACTORY_S
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import CLEARER, MUCH_BETTER, NOISE, QRS_S, LeadShares, join_leads
from arrhythmia.p_wave import p_wave_segments
from arrhythmia.r_peaks import WHOLE_S
from arrhythmia.rhythm import PAUSE_S
from arrhythmia.rr import AROUND
from arrhythmia.sequences import rr_inputs, with_difference
from arrhythmia.signals import center_qrs
from arrhythmia.stream.alarms import Alarms, StreamEvent, moves_as_beats
from arrhythmia.stream.front import HOP, WINDOW, Front
from arrhythmia.stream.groups import Groups
from arrhythmia.stream.history import History, middle
from arrhythmia.stream.network import Network
from arrhythmia.stream.qrs import CONTEXT, OnlineDetector

DELAY_S: Final = 2.0
"""Seconds after its R peak in which a beat is told, whether the next has come or not."""
COMPLETE_S: Final = 0.1
"""Seconds of signal that must have come after the segment of a beat."""
MARK_S: Final = 0.05
"""The mark of a beat may stand so many seconds before its R peak."""
KNOWN: Final = 40
"""Beats that RR inputs are measured over."""


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
    """

    sample: int
    time: float
    beat_class: str
    probabilities: tuple[float, ...]
    rr_pre: float
    delay: float


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
    """

    def __init__(
        self, fs: float, leads: Sequence[str], model: str | Path | Classifier = DEFAULT_MODEL
    ) -> None:
        classifier = model if isinstance(model, Classifier) else Classifier.load(model)
        self.fs, self.leads = float(fs), tuple(leads)
        self._beats, self._run = classifier.settings.beats, classifier.settings.run
        self._network = Network(classifier.runner)
        self._front = Front(self.fs, len(self.leads), self._beats)
        self._detector = OnlineDetector(len(self.leads))
        self._history = History(self.leads, self._beats, self._network.features_shape)
        templates = classifier.settings.templates
        self._groups = None if templates is None else Groups(templates)
        self._alarms = Alarms(self.leads)
        self._told = -WINDOW  # place of the last beat told, in samples at `RATE`
        late = self._front.late + HOP / RATE + MARK_S
        self._patience = int((DELAY_S - late) * RATE)
        self._complete = int((self._beats.after + COMPLETE_S) * RATE)

    def push(self, samples: np.ndarray) -> tuple[StreamBeat | StreamEvent, ...]:
        """Take samples, and give what is known now.

        Parameters
        ----------
        samples : ndarray of float, shape (samples, leads)
            In any units; NaN where a sample is missing.

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
        self._front.add(samples)
        told: list[StreamBeat | StreamEvent] = []
        while self._front.next_block():
            filtered = self._front.filtered()
            found = self._detector.look(filtered)
            places = found[self._whole(found)]
            told += self._tell(filtered, places)
            told += self._watch(filtered, places)
        return tuple(told)

    @property
    def _now(self) -> float:
        """Time of the newest sample that was used, in seconds."""
        return self._front.samples / RATE + self._front.late

    def _watch(self, filtered: np.ndarray, places: np.ndarray) -> Iterator[StreamEvent]:
        """Events that the signal tells without a beat."""
        start = self._front.samples - WINDOW
        sure = places[places <= WINDOW - CONTEXT]
        newest = max(start + int(sure[-1]) if len(sure) else 0, self._told)
        ago = (self._front.samples - newest) / RATE
        moves = ago >= PAUSE_S and moves_as_beats(
            filtered[0], RATE, ago, CONTEXT, float(np.ptp(self._history.template_beat[0]))
        )
        yield from self._alarms.signal(
            self._now, self._front.late + CONTEXT / RATE, newest / RATE if newest > 0 else np.nan,
            self._front.still_s, moves,
        )  # fmt: skip

    def _tell(self, filtered: np.ndarray, places: np.ndarray) -> Iterator[StreamBeat | StreamEvent]:
        start = self._front.samples - WINDOW
        while True:
            places = places[places + start >= self._told + round(REFRACTORY_S * RATE)]
            if not len(places):
                return
            ago = WINDOW - places[0]
            follows = len(places) > 1 and places[1] <= WINDOW - CONTEXT
            if not (follows and ago >= self._complete) and ago < self._patience:
                return
            beat = self._beat(filtered, int(places[0]), int(places[1]) if follows else None)
            self._told = start + int(places[0])
            yield beat
            ventricular = beat.beat_class in ("V", "E")
            yield from self._alarms.beat(beat.time, ventricular, np.isnan(beat.rr_pre), self._now)

    def _whole(self, found: np.ndarray) -> np.ndarray:
        """Whether a lead has no gap near each place."""
        valid = self._front.valid
        if valid.all():
            return np.ones(len(found), dtype=bool)
        reach = round(WHOLE_S * RATE)
        return np.array([valid[:, max(p - reach, 0) : p + reach + 1].all(axis=1).any()
                         for p in found], dtype=bool)  # fmt: skip

    def _beat(self, filtered: np.ndarray, place: int, following: int | None) -> StreamBeat:
        history, fs = self._history, self._beats.fs
        start = self._front.samples - WINDOW
        marks = [m for m in (self._told - start, place, following) if m is not None and m >= 0]
        first = max(marks[0] - 30, 0)
        centers = first + center_qrs(
            filtered[0, first:], fs, np.array(marks, float) - first, self._beats.search
        )
        which = marks.index(place)
        center = float(centers[which])
        now = (start + center) / fs
        after = (centers[which + 1] if following is not None else WINDOW) - center
        rr_post = max(after / fs, 0.01)
        rr_pre = float("nan")
        if len(history):
            rr_pre = max(now - float(history.last("centers", 1)[0]), 0.01)
            history.put(rr_post=rr_pre)
        low = max(int(center) - self._beats.left - 20, 0)
        high = min(int(center) + self._beats.length - self._beats.left + 20, WINDOW)
        at = np.array([center - low])
        segments = np.stack([cut_segments(lead[low:high], at, self._beats)[0] for lead in filtered])
        history.append(
            centers=now, rr_pre=rr_pre if np.isfinite(rr_pre) else rr_post, rr_post=rr_post,
            segments=segments, p_waves=p_wave_segments(segments, self._beats),
        )  # fmt: skip
        history.renew()
        probabilities = self._judge()
        mark = (start + place) / RATE
        return StreamBeat(
            sample=round(mark * self.fs),
            time=mark,
            beat_class=BEAT_CLASSES[int(probabilities.argmax())],
            probabilities=tuple(float(p) for p in probabilities),
            rr_pre=rr_pre,
            delay=self._now - mark,
        )

    def _judge(self) -> np.ndarray:
        history = self._history
        similarity = history.p_wave_similarity()
        segments = history.last("segments", 1)[0] / history.scale[:, None]
        shapes = with_difference(segments, history.template_beat / history.scale[:, None])
        history.put(similarity=similarity, features=self._network.features(shapes))
        rr_pre, rr_post = history.last("rr_pre", KNOWN), history.last("rr_post", KNOWN)
        similar = history.last("similarity", KNOWN)
        mean = history.mean_rr
        rr = np.stack([
            rr_inputs(rr_pre, rr_post, mean, similar[:, lead])[-self._run:]
            for lead in range(len(self.leads))
        ])  # fmt: skip
        features = history.last("features", self._run).transpose(1, 2, 0, 3)
        by_lead = self._network.probabilities(features, rr)
        joined = join_leads(by_lead[:, None], self._shares())[0]
        history.put(probabilities=joined, called=joined.argmax())
        return joined if self._groups is None else self._groups.judge(history)

    def _shares(self) -> LeadShares:
        """As `arrhythmia.leads.lead_shares`, of the newest beat."""
        history = self._history
        around = round(QRS_S * self._beats.fs)
        inner = slice(self._beats.left - around, self._beats.left + around + 1)
        qrs = history.last("segments", 2 * AROUND + 1)[:, :, inner] / history.scale[:, None]
        qrs = qrs - qrs.mean(axis=2, keepdims=True)
        energy = middle((qrs**2).mean(axis=2)) + NOISE**2
        repeats = np.minimum((middle(qrs) ** 2).mean(axis=1) / energy, 1)
        clear = history.clarity
        clearest = int(clear.argmax()) if clear.max() > CLEARER * clear[0] else 0

        def asked(lead: int) -> np.ndarray:
            good = MUCH_BETTER * repeats[lead] >= repeats.max()
            return np.array([lead if good else int(repeats.argmax())])

        counted = (repeats + 1e-6)[:, None]
        return LeadShares(self.leads, counted / counted.sum(axis=0), asked(clearest), asked(0))
