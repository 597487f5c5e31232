"""What a beat is, from its signal in all leads and from the beats before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.leads import CLEARER, MUCH_BETTER, NOISE, QRS_S, LeadShares, join_leads
from arrhythmia.p_wave import p_wave_segments
from arrhythmia.rr import AROUND
from arrhythmia.sequences import limited_logarithms, p_wave_ratio, rr_inputs, with_difference
from arrhythmia.stream.groups import Groups
from arrhythmia.stream.history import History, middle
from arrhythmia.stream.network import Network
from arrhythmia.stream.second_stage import RunningSecondStage

KNOWN: Final = 40
"""Beats that RR inputs are measured over."""


class Judge:
    """Classifies beat after beat, as `arrhythmia.classifier.Classifier.decide` does all at once.

    Parameters
    ----------
    classifier : Classifier
    leads : sequence of str
        The one that is read first comes first.
    """

    def __init__(self, classifier: Classifier, leads: Sequence[str]) -> None:
        self._settings, self._run = classifier.settings.beats, classifier.settings.run
        self._network = Network(classifier.runner)
        self.history = History(tuple(leads), self._settings, self._network.features_shape)
        templates = classifier.settings.templates
        self._groups = None if templates is None else Groups(templates)
        stage = classifier.settings.second_stage
        self._second = None if stage is None else RunningSecondStage(stage, self._settings)

    def add(
        self, center: float, rr: tuple[float, float], segments: np.ndarray, readable: np.ndarray
    ) -> None:
        """Take a beat.

        Parameters
        ----------
        center : float
            Of its QRS, in seconds.
        rr : tuple of float
            RR intervals before and after it in seconds.
        segments : ndarray, shape (leads, samples)
        readable : ndarray of bool, shape (leads,)
            Which leads are there.
        """
        history = self.history
        history.append(
            centers=center, rr_pre=rr[0], rr_post=rr[1], segments=segments,
            p_waves=p_wave_segments(segments, self._settings), readable=readable,
        )  # fmt: skip
        history.renew()
        scale = history.scale[:, None]
        shapes = with_difference(segments / scale, history.template_beat / scale)
        history.put(similarity=history.p_wave_similarity(), features=self._network.features(shapes))

    def judge(self, after: int) -> np.ndarray:
        """Probabilities of a beat, in the order of `arrhythmia.labels.BEAT_CLASSES`, shape (5,).

        Parameters
        ----------
        after : int
            Beats taken after it.
        """
        history = self.history
        features = history.last("features", self._run).transpose(1, 2, 0, 3)
        by_lead = self._network.probabilities(features, self._rr_inputs(), after)
        joined = join_leads(by_lead[:, None], self._shares(after))[0]
        history.put(after, probabilities=joined)
        if self._groups is None:
            return joined
        probabilities = self._groups.judge(history, after)
        history.put(after, called=probabilities.argmax())
        if self._second is None:
            return probabilities
        probabilities = self._second.judge(history, after, probabilities, self._groups)
        history.put(after, called=probabilities.argmax())
        return probabilities

    def _rr_inputs(self) -> np.ndarray:
        """Of the newest run, shape (leads, run, inputs)."""
        history = self.history
        similar = history.last("similarity", KNOWN)
        rr_pre, rr_post = history.last("rr_pre", KNOWN), history.last("rr_post", KNOWN)
        of_first = rr_inputs(rr_pre, rr_post, history.mean_rr, similar[:, 0])[-self._run :]
        inputs = np.stack([of_first] * len(history.leads))
        inputs[..., -1] = limited_logarithms(p_wave_ratio(similar[-self._run :])).T
        return inputs

    def _shares(self, after: int) -> LeadShares:
        """As `arrhythmia.leads.lead_shares`, of one beat."""
        history = self.history
        readable = history.last("readable", after + 1)[0]
        around = round(QRS_S * self._settings.fs)
        inner = slice(self._settings.left - around, self._settings.left + around + 1)
        qrs = history.last("segments", 2 * AROUND + 1)[:, :, inner] / history.scale[:, None]
        qrs = qrs - qrs.mean(axis=2, keepdims=True)
        energy = middle((qrs**2).mean(axis=2)) + NOISE**2
        repeats = np.minimum((middle(qrs) ** 2).mean(axis=1) / energy, 1) * readable
        clear = history.clarity
        clearest = int(clear.argmax()) if clear.max() > CLEARER * clear[0] else 0

        def asked(lead: int) -> np.ndarray:
            good = MUCH_BETTER * repeats[lead] >= repeats.max()
            return np.array([lead if good else int(repeats.argmax())])

        counted = (repeats + 1e-6)[:, None]
        shares = counted / counted.sum(axis=0)
        return LeadShares(history.leads, shares, asked(clearest), asked(0))
