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
    TemplateSettings,
    all_leads,
    find_templates,
    relative_rr,
)

GROWTH: Final = 1.5
"""Groups are made anew when there are so many times as many beats …"""
RENEWED: Final = 200
"""… and when there were so many more."""


class Groups:
    """Groups of the beats that a `History` remembers.

    Parameters
    ----------
    settings : TemplateSettings
    """

    def __init__(self, settings: TemplateSettings) -> None:
        self.settings = settings
        self._renew_at = FEWEST_BEATS
        self._number = np.zeros(0, dtype=int)
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
        known = len(history) - after
        probabilities = history.last("probabilities")[:known]
        if history.total - after >= self._renew_at:
            self._renew(history, after)
        elif self._means is not None:
            place = self._place(history, after)
            nearest = np.argmin(np.sum((self._means - place) ** 2, axis=1))
            self._number = np.append(self._number, nearest)[-known:]
        if self._means is None:
            return probabilities[-1]
        members = probabilities[self._number == self._number[-1]]
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
        share = self.settings.share
        own = np.log(np.maximum(by_itself, LEAST))
        group = np.log(np.maximum(members, LEAST)).mean(axis=0)
        return softmax((1 - share) * own + share * group)

    def _renew(self, history: History, after: int) -> None:
        self._renew_at = min(int(history.total * GROWTH), history.total + RENEWED)
        beats = history.as_beats()
        self._units = np.array([
            history.scale[0],
            *(np.median(history.last("segments")[:, lead].std(axis=1))
              for lead in range(1, len(history.leads))),
        ])  # fmt: skip
        self._units = np.maximum(self._units, 1e-9)
        self._number = find_templates(beats, self.settings).number - 1
        space = self._space(all_leads(beats), np.stack(relative_rr(beats), axis=1))
        counts = np.bincount(self._number)
        self._means = np.zeros((len(counts), space.shape[1]))
        np.add.at(self._means, self._number, space)
        self._means /= counts[:, None]
        self._number = self._number[: len(history) - after]

    def _place(self, history: History, after: int) -> np.ndarray:
        segment = history.last("segments", after + 1)[:1] / self._units[:, None]
        around = max(float(middle(history.last("rr_pre", 2 * AROUND + 1))), 0.01)
        rr = [history.last(name, after + 1)[0] / around for name in ("rr_pre", "rr_post")]
        return self._space(segment, np.array([rr]))[0]

    def _space(self, segments: np.ndarray, timing: np.ndarray) -> np.ndarray:
        """As `arrhythmia.templates.template_space`, before its principal components."""
        segments = segments - segments.mean(axis=2, keepdims=True)
        flat = np.clip(segments, -LARGEST, LARGEST).reshape(len(segments), -1)
        timing = np.log(np.clip(timing, 0.3, 3.0))
        return np.concatenate(
            [flat / np.sqrt(flat.shape[1]), self.settings.timing * timing], axis=1
        )
