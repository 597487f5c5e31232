"""Slopes around the beats of a record, and what `arrhythmia.delineate` does with them.

Windows have the shape (beats, `LENGTH`, leads): the smoothed slope in every lead, on a grid of
`GRID` samples a second.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

GRID = 250.0
"""Samples a second of the windows that are measured …"""
CENTER, LENGTH = 125, 311
"""… the centre of the QRS in them, and their length: from 0.5 s before to 0.74 s after it."""
TURN = 0.6
"""A slope that turns below this part of its extremum is at the end of its wave."""


def slopes_around(signals: np.ndarray, fs: float, centers: np.ndarray, width: float) -> np.ndarray:
    """Smoothed slopes around each centre, shape (beats, `LENGTH`, leads), per second."""
    slope = gaussian_filter1d(signals, width * fs, axis=1, order=1, truncate=3.0).T * fs
    slope = np.ascontiguousarray(slope)
    places = (centers[:, None] + (np.arange(LENGTH) - CENTER) / GRID) * fs
    places = np.clip(places, 0, len(slope) - 1.001)
    first = places.astype(int)
    part = (places - first)[..., None].astype(np.float32)
    return slope[first] * (1 - part) + slope[first + 1] * part


def means_of(windows: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Mean window of each template, of whose number ``member`` (beats,) tells, from 0."""
    order = np.argsort(member, kind="stable")
    first = np.flatnonzero(np.diff(member[order], prepend=-1))
    sums = np.add.reduceat(windows[order], first, axis=0)
    return sums / np.bincount(member)[:, None, None]


def align(
    windows: np.ndarray, means: np.ndarray, reach: int, part: slice
) -> tuple[np.ndarray, np.ndarray]:
    """How much later than in the mean a wave is, in parts of a sample, and how alike it is."""
    mean = means[:, part]
    lags = np.arange(-reach, reach + 1)
    moved = [windows[:, part.start + lag : part.stop + lag] for lag in lags]
    fits = np.stack([np.einsum("bsl,bsl->b", w, mean) for w in moved], axis=1)
    energy = np.stack([np.einsum("bsl,bsl->b", w, w) for w in moved], axis=1)
    energy *= np.einsum("bsl,bsl->b", mean, mean)[:, None]
    fits /= np.sqrt(np.maximum(energy, 1e-12))
    best, rows = fits.argmax(axis=1), np.arange(len(windows))
    inner = np.clip(best, 1, len(lags) - 2)
    left, middle, right = (fits[rows, inner + k] for k in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -1e-12)
    return lags[inner] + np.clip(0.5 * (left - right) / bend, -1, 1), fits[rows, best]


def one_lead(windows: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The leads along the main direction of their slopes in a stretch, shape (beats, samples)."""
    part, inside = _stretch(first, last)
    held = windows[:, part] * inside[..., None]
    _, axes = np.linalg.eigh(np.matmul(held.transpose(0, 2, 1), held))
    return np.einsum("bsl,bl->bs", windows, axes[:, :, -1])


def _stretch(first: np.ndarray, last: np.ndarray) -> tuple[slice, np.ndarray]:
    """Columns that hold all stretches, and which of them are inside, shape (beats, columns)."""
    start = int(np.clip(first.min(), 0, LENGTH - 1))
    part = slice(start, max(min(int(last.max()), LENGTH), start + 1))
    places = np.arange(LENGTH)[part]
    return part, (places >= first[:, None]) & (places < last[:, None])


def steepest_pair(
    slope: np.ndarray, first: np.ndarray, last: np.ndarray, longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steepest rise and fall, in either order, in a stretch: their places, and how steep."""
    part, inside = _stretch(first, last)
    held, rows, found = slope[:, part] * inside, np.arange(len(slope)), []
    for sign in (1, -1):
        one, two = np.maximum(sign * held, 0), np.maximum(-sign * held, 0)
        before = maximum_filter1d(one, longest, axis=1, origin=longest // 2, mode="constant")
        both = np.sqrt(before * two)
        both[np.minimum(before, two) < 0.3 * np.maximum(before, two)] = 0
        late = both.argmax(axis=1)
        back = np.maximum(late[:, None] - np.arange(longest), 0)
        early = back[rows, one[rows[:, None], back].argmax(axis=1)]
        found.append((early + part.start, late + part.start, both[rows, late]))
    up = found[0][2] >= found[1][2]
    early, late, height = (np.where(up, *both) for both in zip(*found, strict=True))
    return early, late, height


def walk(slope: np.ndarray, start: np.ndarray, level: float, step: int) -> np.ndarray:
    """Where a slope has fallen to a part of its extremum, or turns, on the way from there."""
    places, rows = np.arange(slope.shape[1]), np.arange(len(slope))
    top = slope[rows, start]
    part = slope / np.where(top == 0, 1, top)[:, None]
    stop = part <= level
    if level > 0:
        turns = (part[:, 1:-1] <= part[:, :-2]) & (part[:, 1:-1] <= part[:, 2:])
        stop[:, 1:-1] |= turns & (part[:, 1:-1] < TURN)
    stop &= (places - start[:, None]) * step > 0
    reached = np.where(stop, places * step, slope.shape[1]).min(axis=1) * step
    reached = np.clip(reached, 0, LENGTH - 1)
    inside, low = part[rows, np.clip(reached - step, 0, LENGTH - 1)], part[rows, reached]
    back = np.where(low <= level, (level - low) / np.maximum(inside - low, 1e-12), 0)
    return reached - step * np.clip(back, 0, 1)


def around(windows: np.ndarray, places: np.ndarray, before: int, after: int) -> np.ndarray:
    """Stretches around a place of each beat, shape (beats, samples, leads)."""
    places = np.round(places).astype(int)[:, None] + np.arange(-before, after + 1)
    return windows[np.arange(len(windows))[:, None], np.clip(places, 0, LENGTH - 1)]


def weighted_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    """The least value up to which the weights make this part of their sum."""
    order = np.argsort(values)
    above = np.cumsum(weights[order]) >= level * weights.sum()
    return float(values[order][above.argmax()])
