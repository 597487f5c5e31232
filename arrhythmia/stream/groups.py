"""Templates that grow with a stream: the groups of `arrhythmia.templates`, made anew now and then.

In between, a beat belongs to the group whose mean it is nearest to.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import softmax

from arrhythmia.rr import AROUND
from arrhythmia.stream.history import History, middle
from arrhythmia.templates import (
    FEWEST_BEATS,
    LARGEST,
    LEAST,
    SURE,
    Templates,
    TemplateSettings,
    all_leads,
    find_templates,
    relative_rr,
)

GROWTH: Final = 1.5
"""Groups are made anew when there are so many times as many beats …"""
RENEWED: Final = 50
"""… and when there were so many more: a new kind of beat has no group until then."""
WELL_KNOWN: Final = 10
"""A group of so many beats counts half of what a group of many does: the first S of a record stand
among few that were heard of before."""


class Groups:
    """Groups of the beats that a `History` remembers.

    Parameters
    ----------
    settings : TemplateSettings

    Attributes
    ----------
    number : ndarray of int, shape (beats,)
        Group of each beat that was judged and is remembered, from 0; empty until there are groups.
    renewals : int
        How often the groups were made.
    """

    def __init__(self, settings: TemplateSettings) -> None:
        self.settings = settings
        self.number = np.zeros(0, dtype=int)
        self.renewals = 0
        self._renew_at = FEWEST_BEATS
        self._found: tuple[int, Templates, np.ndarray] | None = None
        self._means: np.ndarray | None = None
        self._units = np.zeros(0)

    def judge(self, history: History, after: int) -> np.ndarray:
        """What is said of a beat and of its group, shape (5,).

        Parameters
        ----------
        history : History
        after : int
            Beats that came after it.
        """
        probabilities = history.last("probabilities", after=after)
        self._renew(history, after)
        if self._means is None:
            return probabilities[-1]
        self._add(history, after)
        members = probabilities[self.number == self.number[-1]]
        return self._with_group(probabilities[-1], self._of_one_kind(members))

    def _of_one_kind(self, probabilities: np.ndarray) -> np.ndarray:
        """The beats of a group that are not surely of another class than its last."""
        called = probabilities.argmax(axis=1)
        counts = np.bincount(called, minlength=probabilities.shape[1])
        usual, split = counts.argmax(), []
        for other in np.flatnonzero(counts):
            if other != usual and probabilities[called == other, other].mean() >= SURE:
                split.append(other)
        if called[-1] in split:
            return probabilities[called == called[-1]]
        return probabilities[~np.isin(called, split)] if split else probabilities

    def _with_group(self, by_itself: np.ndarray, members: np.ndarray) -> np.ndarray:
        share = self.settings.share * len(members) / (len(members) + WELL_KNOWN)
        own = np.log(np.maximum(by_itself, LEAST))
        group = np.log(np.maximum(members, LEAST)).mean(axis=0)
        return softmax((1 - share) * own + share * group)

    def _renew(self, history: History, after: int) -> None:
        """Make the groups anew if it is time: in two steps, as no beat must wait for both."""
        judged = history.total - after
        if self._found is not None:
            self._finish(history, after, *self._found)
            self._found = None
        elif judged >= self._renew_at:
            self._renew_at = min(int(judged * GROWTH), judged + RENEWED)
            beats = history.as_beats(after=after)
            units = [history.scale[0]]
            for lead in range(1, len(history.leads)):
                stds = history.last("segments", after=after)[:, lead].std(axis=1)
                units.append(np.median(stds))
            units = np.maximum(units, 1e-9)
            self._found = judged, find_templates(beats, self.settings), units

    def _finish(
        self, history: History, after: int, judged: int, templates: Templates, units: np.ndarray
    ) -> None:
        beats, self._units = templates.beats, units
        space = self._space(all_leads(beats), np.stack(relative_rr(beats), axis=1))
        belongs = templates.number == np.arange(1, len(templates) + 1)[:, None]
        self._means = belongs @ space / belongs.sum(axis=1, keepdims=True)
        self.number = templates.number - 1
        for more in range(history.total - after - judged - 1, 0, -1):
            self._add(history, after + more)
        self.renewals += 1

    def _add(self, history: History, after: int) -> None:
        """Find the group of a beat."""
        apart = np.sum((self._means - self._place(history, after)) ** 2, axis=1)
        known = len(history) - after
        self.number = np.append(self.number, apart.argmin())[-known:]

    def _place(self, history: History, after: int) -> np.ndarray:
        segment = history.last("segments", 1, after) / self._units[:, None]
        around = max(float(middle(history.last("rr_pre", 2 * AROUND + 1))), 0.01)
        rr = [history.last(name, 1, after)[0] / around for name in ("rr_pre", "rr_post")]
        return self._space(segment, np.array([rr]))[0]

    def _space(self, segments: np.ndarray, timing: np.ndarray) -> np.ndarray:
        """As `arrhythmia.templates.template_space`, before its principal components."""
        segments = segments - segments.mean(axis=2, keepdims=True)
        flat = np.clip(segments, -LARGEST, LARGEST).reshape(len(segments), -1)
        timing = np.log(np.clip(timing, 0.3, 3.0))
        return np.concatenate(
            [flat / np.sqrt(flat.shape[1]), self.settings.timing * timing], axis=1
        )
