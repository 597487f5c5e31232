"""Finds the heartbeats of a recording in all its leads together.

A small convolutional network reads each lead at 100 Hz and gives two numbers for every sample: the
log-odds that a QRS is here, and how much this lead is worth here. The leads' log-odds are averaged
with these weights (a softmax over the leads), so that an electrode that is off counts next to
nothing, and a beat that is lost in one lead is kept by another. Peaks of the mean are the beats. It
was trained on DS1 by `arrhythmia.train.detector`; here its weights are run with NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from typing import Final

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter
from scipy.signal import find_peaks
from scipy.special import expit, softmax

from arrhythmia.blocks import side_by_side

RATE: Final = 100.0
"""Hz at which leads are read."""
BAND: Final = (0.5, 40.0)
"""Hz."""
DILATIONS: Final = (1, 1, 2, 4, 8, 16, 32, 1)
"""Of the convolutions, in samples."""
KERNEL: Final = 7
REACH: Final = sum(DILATIONS) * (KERNEL // 2)
"""Samples to each side that a number rests on."""
BLOCK: Final = 20_000
"""Samples read at a time: memory does not grow with the length of a recording."""
THRESHOLD: Final = 0.5
"""Probability of a QRS from which a peak is a beat."""
REFRACTORY_S: Final = 0.2
"""No two beats are nearer."""
SCALE_S: Final = 3.0
SCALE_BLOCKS: Final = 5
"""Amplitude is the median over so many blocks around of the greatest value in a block."""
LEAST_SCALE: Final = 0.2
"""Part of a recording's usual amplitude below which nothing is amplified further."""
LARGEST: Final = 4.0
"""Values are limited to plus and minus this, in units of the amplitude."""


@dataclass(frozen=True)
class Weights:
    """Of the convolutions, in order.

    Parameters
    ----------
    kernels : tuple of ndarray of float32, shape (KERNEL, inputs, outputs)
    biases : tuple of ndarray of float32, shape (outputs,)
    """

    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    """Those that come with the package."""
    with np.load(files("arrhythmia") / "detector.npz", allow_pickle=False) as stored:
        count = len(stored.files) // 2
        kernels = tuple(stored[f"kernel{i}"] for i in range(count))
        return Weights(kernels, tuple(stored[f"bias{i}"] for i in range(count)))


def scaled(signal: np.ndarray) -> np.ndarray:
    """A lead in units of its amplitude around, which may change in the course of a recording.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Filtered, at `RATE`, in any units.

    Returns
    -------
    ndarray of float32, shape (samples,)
    """
    block = round(SCALE_S * RATE)
    count = max(len(signal) // block, 1)
    blocks = np.array([np.abs(part).max() for part in np.array_split(signal, count)])
    around = median_filter(blocks, SCALE_BLOCKS, mode="nearest")
    usual = np.median(around) if np.median(around) > 0 else max(blocks.max(), 1e-12)
    around = np.maximum(around, LEAST_SCALE * usual)
    middles = (np.arange(count) + 0.5) * len(signal) / count
    result = np.empty(len(signal), np.float32)
    for first, last in _blocks(len(signal)):
        amplitude = np.interp(np.arange(first, last), middles, around)
        result[first:last] = np.clip(signal[first:last] / amplitude, -LARGEST, LARGEST)
    return result


def qrs_probability(leads: Sequence[np.ndarray], weights: Weights | None = None) -> np.ndarray:
    """Probability that a QRS is at each sample, from all leads.

    Parameters
    ----------
    leads : sequence of ndarray, each of shape (samples,)
        Filtered, at `RATE`, in any units.
    weights : Weights, optional
        By default those that come with the package.

    Returns
    -------
    ndarray of float32, shape (samples,)
    """
    weights = weights or shipped_weights()
    signals = np.stack([scaled(lead) for lead in leads])
    parts = []
    for first, last in _blocks(signals.shape[1]):
        start, stop = max(first - REACH, 0), min(last + REACH, signals.shape[1])
        work = partial(_convolve, weights=weights)
        said = np.stack(side_by_side(work, signals[:, start:stop]))
        said = said[:, first - start : last - start]
        parts.append(expit(np.sum(said[..., 0] * softmax(said[..., 1], axis=0), axis=0)))
    return np.concatenate(parts)


def _blocks(samples: int) -> Iterator[tuple[int, int]]:
    for first in range(0, samples, BLOCK):
        yield first, min(first + BLOCK, samples)


def _convolve(signal: np.ndarray, weights: Weights) -> np.ndarray:
    """Both numbers for every sample, shape (samples, 2)."""
    values = signal[:, None]
    for layer, (kernel, bias, dilation) in enumerate(
        zip(weights.kernels, weights.biases, DILATIONS, strict=True)
    ):
        edge = dilation * (KERNEL // 2)
        padded = np.pad(values, ((edge, edge), (0, 0)))
        result = np.zeros((len(values), kernel.shape[2]), np.float32)
        for tap in range(KERNEL):
            shifted = padded[tap * dilation : tap * dilation + len(values)]
            result += shifted @ kernel[tap]
        result += bias
        last = layer == len(weights.kernels) - 1
        values = result if last else np.maximum(result, 0, out=result)
    return values


def beats_in(probability: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """Samples at which the beats are.

    Parameters
    ----------
    probability : ndarray of float, shape (samples,)
        As `qrs_probability` gives it.
    threshold : float
        From which a peak is a beat.

    Returns
    -------
    ndarray of int, shape (beats,)
    """
    smooth = np.convolve(probability, np.ones(5) / 5, "same")
    peaks, _ = find_peaks(smooth, height=0.3 * threshold, distance=round(REFRACTORY_S * RATE))
    near = maximum_filter1d(probability, 7)
    return peaks[near[peaks] >= threshold]
