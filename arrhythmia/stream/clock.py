"""A clock beside the samples that came: samples that are lost, a sampling rate that drifts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from arrhythmia.stream.alarms import RATE, StreamEvent

LOST_S: Final = 0.25
"""Where the clock goes on by so many seconds more than one sample, samples are lost."""
LONGEST_S: Final = 86_400.0
"""Where it goes on by more, or goes back, it was set anew."""
MEASURED_S: Final = 60.0
"""Seconds over which the sampling rate is measured."""
OFF: Final = 0.005
"""Part of the sampling rate by which it may differ from the one that was said."""


def lost_samples(seconds: np.ndarray, before: float, fs: float) -> np.ndarray:
    """How many samples are lost before each sample.

    Parameters
    ----------
    seconds : ndarray of float, shape (samples,)
        When each was taken.
    before : float
        The same of the sample before them; NaN where there is none.
    fs : float
        Hz.

    Returns
    -------
    ndarray of int, shape (samples,)
    """
    steps = np.diff(seconds, prepend=before) - 1 / fs
    lost = np.nan_to_num((steps > LOST_S) & (steps <= LONGEST_S))
    return np.where(lost, np.rint(np.nan_to_num(steps) * fs), 0).astype(int)


class Drift:
    """Measures the sampling rate, minute by minute.

    Parameters
    ----------
    fs : float
        As it was said, in Hz.
    """

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._from: tuple[int, float] | None = None
        self._newest = (0, float("nan"))
        self._since = float("nan")
        self.measured = fs

    def mark(self, samples: int, seconds: float) -> Iterator[StreamEvent]:
        """Take how many samples there were at a time of the clock.

        Parameters
        ----------
        samples : int
        seconds : float
            Of the clock.
        """
        if not np.isfinite(seconds):
            return
        jump = seconds - self._newest[1]
        self._newest = samples, seconds
        if self._from is None or not 0 <= jump <= LONGEST_S:
            self._from = samples, seconds
            return
        first, start = self._from
        if seconds - start < MEASURED_S:
            return
        self._from = samples, seconds
        self.measured = (samples - first) / (seconds - start)
        now = samples / self._fs
        differs = abs(self.measured / self._fs - 1) > OFF
        if differs != np.isfinite(self._since):
            what = f"{self.measured:.5g} Hz, not {self._fs:g} Hz"
            begun = first / self._fs if differs else self._since
            end = float("nan") if differs else now
            self._since = begun if differs else float("nan")
            state = "begins" if differs else "ends"
            yield StreamEvent(RATE, state, begun, end, now, what=what)

    def clock(self, sample: int) -> float:
        """Seconds of the clock at a sample; NaN where there is no clock."""
        samples, seconds = self._newest
        return seconds - (samples - sample) / self.measured
