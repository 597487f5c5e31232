"""Beats that were classified by a network which had not seen their record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.predictions import PROBABILITY_COLUMNS


@dataclass(frozen=True)
class OutOfFoldBeats:
    """Beats of records that the network which classified them was not trained on.

    Parameters
    ----------
    table : pandas.DataFrame
        Their predictions, see `arrhythmia.predictions.scored_table`.
    fold : ndarray of int, shape (beats,)
        Which network classified each, from 0.
    novelty : ndarray of float, shape (beats,)
        Distance from the training beats of that network.
    problems : ndarray of int, shape (beats,)
        See `arrhythmia.trust.quality.find_problems`.
    """

    table: pd.DataFrame
    fold: np.ndarray
    novelty: np.ndarray
    problems: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """As the networks give them, shape (beats, 5)."""
        return self.table[list(PROBABILITY_COLUMNS)].to_numpy(dtype=float)

    @property
    def truth(self) -> np.ndarray:
        """Place of each beat in `BEAT_CLASSES`; -1 for a beat without a class."""
        places = {c: i for i, c in enumerate(BEAT_CLASSES)}
        return np.array([places.get(c, -1) for c in self.table["reference"]], dtype=int)

    @property
    def record(self) -> np.ndarray:
        """Name of the record of each beat."""
        return self.table["record"].to_numpy(dtype=str)

    def select(self, where: np.ndarray) -> OutOfFoldBeats:
        """Some of the beats, given a boolean for each."""
        table = self.table[where].reset_index(drop=True)
        return OutOfFoldBeats(table, self.fold[where], self.novelty[where], self.problems[where])
