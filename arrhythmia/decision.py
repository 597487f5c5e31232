"""What was decided of a record's beats, and what that rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import LeadShares
from arrhythmia.templates import Templates


@dataclass(frozen=True)
class Decision:
    """What the beats of a record are, and what that rests on.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.
    by_itself : ndarray of float, shape (beats, 5)
        What the network says of each beat and its neighbours in all leads.
    templates : Templates or None
        The groups that were judged together; None where each beat was judged by itself.
    by_lead : ndarray of float, shape (leads, beats, 5)
        What the network says of each beat and its neighbours in each lead.
    shares : LeadShares
        How much each lead counts.
    before : ndarray of float, shape (beats, 5), optional
        What leads and templates say without the second stage; None where there is none.
    """

    probabilities: np.ndarray
    by_itself: np.ndarray
    templates: Templates | None
    by_lead: np.ndarray
    shares: LeadShares
    before: np.ndarray | None = None

    def leads_that_count(self, beat: int) -> np.ndarray:
        """Places of the leads whose QRS counts at least half of what it would among equals."""
        shares = self.shares.qrs[:, beat]
        return np.flatnonzero(shares >= 0.5 / len(shares))

    def lead_that_says_most(self, beat: int, name: str) -> int:
        """The lead that counts in which a class is likeliest for a beat; the first of equals."""
        count = self.leads_that_count(beat)
        return int(count[self.by_lead[count, beat, BEAT_CLASSES.index(name)].argmax()])


def only(probabilities: np.ndarray, wanted: np.ndarray | None) -> np.ndarray:
    """The rows wanted, the others NaN; all of them where ``wanted`` is None."""
    if wanted is None:
        return probabilities
    chosen = np.isin(np.arange(len(probabilities)), wanted)
    return np.where(chosen[:, None], probabilities, np.nan)
