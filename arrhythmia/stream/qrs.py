"""Beats as they come: the network of `arrhythmia.detector`, run over the newest part of a stream.

What the network says of a sample rests on what comes after it too. A sample is looked at again
until `AFTER` samples have come after it; what the layers gave of it is kept from there on. A beat
that is not told yet may so come and go.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import expit

from arrhythmia.detector import (
    DILATIONS,
    KERNEL,
    LARGEST,
    LEAST_SCALE,
    RATE,
    SCALE_BLOCKS,
    SCALE_S,
    beats_in,
    shipped_weights,
)
from arrhythmia.stream.front import HOP, WINDOW

AFTER: Final = 60
"""Samples after it from which on it is not judged again."""
CONTEXT: Final = 10
"""Samples that must have come after a beat before it counts."""
USUAL_BLOCKS: Final = 100
"""Blocks of `SCALE_S` that tell the usual amplitude."""


class OnlineDetector:
    """Finds the beats in the newest part of a stream.

    Parameters
    ----------
    leads : int
    """

    def __init__(self, leads: int) -> None:
        weights = shipped_weights()
        self._kernels = [k.reshape(-1, k.shape[2]) for k in weights.kernels]
        self._biases = weights.biases
        self._before = [
            np.zeros((leads, step * (KERNEL // 2), kernel.shape[1]), np.float32)
            for step, kernel in zip(DILATIONS, weights.kernels, strict=True)
        ]
        self._probability = np.zeros(WINDOW, np.float32)
        self._blocks = np.zeros((USUAL_BLOCKS, leads))
        self._count = 0
        self._greatest = np.zeros(leads)
        self._inside = 0
        self._usual = np.ones(leads)

    def look(self, filtered: np.ndarray) -> np.ndarray:
        """Read the newest `HOP` samples of a window, and those before them once more.

        Parameters
        ----------
        filtered : ndarray, shape (leads, WINDOW)

        Returns
        -------
        ndarray of int, shape (beats,)
            Places of the beats in the window, also of those that may not stay.
        """
        amplitude = self._amplitude(filtered)
        part = filtered[:, -(AFTER + HOP) :] / amplitude
        said = self._convolve(np.clip(part, -LARGEST, LARGEST).astype(np.float32))
        shares = np.exp(said[..., 1] - said[..., 1].max(axis=0))
        joined = expit((said[..., 0] * shares).sum(axis=0) / shares.sum(axis=0))
        self._probability[:-HOP] = self._probability[HOP:]
        self._probability[-(AFTER + HOP) :] = joined
        return beats_in(self._probability)

    def _amplitude(self, filtered: np.ndarray) -> np.ndarray:
        """As `arrhythmia.detector.scaled`, from what has been, shape (leads, 1)."""
        ended = np.abs(filtered[:, -(AFTER + HOP) : -AFTER]).max(axis=1)
        self._greatest = np.maximum(self._greatest, ended)
        self._inside += HOP
        if self._inside >= SCALE_S * RATE:
            self._blocks[self._count % USUAL_BLOCKS] = self._greatest
            self._count += 1
            self._inside, self._greatest = 0, np.zeros_like(self._greatest)
            last = np.arange(max(self._count - SCALE_BLOCKS, 0), self._count) % USUAL_BLOCKS
            around = np.median(self._blocks[last], axis=0)
            usual = np.median(self._blocks[: min(self._count, USUAL_BLOCKS)], axis=0)
            self._usual = np.maximum(np.maximum(around, LEAST_SCALE * usual), 1e-12)
        if not self._count:
            newest = np.abs(filtered[:, -AFTER:]).max(axis=1)
            self._usual = np.maximum(np.maximum(newest, self._greatest), 1e-12)
        return self._usual[:, None]

    def _convolve(self, values: np.ndarray) -> np.ndarray:
        """Both numbers for every sample of all leads, shape (leads, samples, 2)."""
        values = values[..., None]
        leads, samples, _ = values.shape
        last = len(self._kernels) - 1
        for layer, (kernel, bias) in enumerate(zip(self._kernels, self._biases, strict=True)):
            step, channels = DILATIONS[layer], values.shape[2]
            edge = step * (KERNEL // 2)
            padded = np.zeros((leads, samples + 2 * edge, channels), np.float32)
            padded[:, :edge] = self._before[layer]
            padded[:, edge : edge + samples] = values
            self._before[layer] = padded[:, HOP : HOP + edge].copy()
            taps = [padded[:, tap * step : tap * step + samples] for tap in range(KERNEL)]
            result = np.concatenate(taps, axis=2).reshape(-1, KERNEL * channels) @ kernel
            result += bias
            if layer < last:
                np.maximum(result, 0, out=result)
            values = result.reshape(leads, samples, -1)
        return values
