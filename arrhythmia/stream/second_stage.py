"""The second stage of a stream: `arrhythmia.second_stage`, of one beat after the other.

The dominant rhythm is that of the last beats called N, those that the second stage calls S not
among them, and it is remembered for `DOMINANT` intervals, as none is known that comes after: when
early beats begin and go on, some of them are called N at first, and must not become the rule. Which
groups are fusion beats is asked anew whenever the groups were made anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from arrhythmia.fusion import fusion_beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.rhythm import AROUND as FIBRILLATING
from arrhythmia.rhythm import in_fibrillation
from arrhythmia.second_stage import (
    SecondStage,
    against_dominant,
    due,
    with_earliness,
    with_fusion,
)
from arrhythmia.signals import BeatSettings
from arrhythmia.stream.groups import Groups
from arrhythmia.stream.history import History
from arrhythmia.templates import Templates

DOMINANT: Final = 200
"""RR intervals between beats called N that the dominant rhythm is the median of. Chosen on DS1 by
folds and svdb: with 20, as in a whole recording, the last minute of record 207 is lost."""

N = BEAT_CLASSES.index("N")


class RunningSecondStage:
    """What the dominant rhythm and the shapes of the last beats say of the newest.

    Parameters
    ----------
    stage : SecondStage
    settings : BeatSettings
        How beats are cut.
    """

    def __init__(self, stage: SecondStage, settings: BeatSettings) -> None:
        self.stage, self.settings = stage, settings
        self._asked = 0
        self._blends = np.zeros(0, dtype=int)

    def judge(
        self, history: History, after: int, probabilities: np.ndarray, groups: Groups
    ) -> np.ndarray:
        """Probabilities of a beat with the second stage, shape (5,).

        Parameters
        ----------
        history : History
            ``called`` holds what was made of the beats before, and of this one without the second
            stage.
        after : int
            Beats that came after it.
        probabilities : ndarray of float, shape (5,)
            What leads and groups say of it.
        groups : Groups
        """
        if not len(groups.number):
            return probabilities
        if self._asked < groups.renewals:
            self._asked = groups.renewals
            self._blends = self._find_blends(history, after, groups.number)
        relative = np.array([self._due(history, after)])
        given = with_earliness(probabilities[None], relative, self.stage)
        return with_fusion(given, np.isin(groups.number[-1:], self._blends), self.stage)[0]

    def _due(self, history: History, after: int) -> float:
        """How early the beat is, see `arrhythmia.second_stage.due`; NaN in fibrillation.

        Fibrillation is asked of the 41 beats before, and not of what surrounds the newest alone.
        """
        called = history.last("called", after=after)
        normal = called == N
        counts = np.flatnonzero(normal[1:] & normal[:-1])
        first = int(counts[-DOMINANT]) if len(counts) > DOMINANT else 0
        rr_pre = history.last("rr_pre", after=after)[first:]
        relative = float(against_dominant(rr_pre, normal[first:], DOMINANT // 2)[-1])
        if relative >= 0:
            return relative
        around = min(2 * FIBRILLATING, len(called))
        beats = replace(history.as_beats(around, after), others=())
        fibrillating = in_fibrillation(beats, called[-around:])
        return float("nan") if fibrillating[-min(FIBRILLATING // 2 + 1, around)] else relative

    def _find_blends(self, history: History, after: int, number: np.ndarray) -> np.ndarray:
        """Groups that are fusion beats."""
        beats, called = history.as_beats(after=after), history.last("called", after=after)
        groups, those = np.unique(number, return_inverse=True)  # some may be forgotten
        templates = Templates(beats, those + 1)
        found = fusion_beats(templates, called, due(beats, called), self.settings)
        return groups[np.unique(those[found])]
