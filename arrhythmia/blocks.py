"""Parts of a record: leads side by side, a long lead in blocks; gaps are bridged."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.records import Lead

T, R = TypeVar("T"), TypeVar("R")

LONG_S: Final = 7200.0
"""Longer leads are read and filtered in blocks, and kept as float32: what is held in memory besides
the signal itself does not grow with their length."""
BLOCK_S: Final = 600.0
MARGIN_S: Final = 30.0
"""What a block sees of its neighbours: more than a filter remembers."""


@dataclass(frozen=True)
class Block:
    """A part of a lead, in samples.

    Parameters
    ----------
    first, last : int
        What it is responsible for, ``last`` not included.
    start, stop : int
        What it sees.
    """

    first: int
    last: int
    start: int
    stop: int


def side_by_side(work: Callable[[T], R], leads: Sequence[T]) -> list[R]:
    """Do the same with each lead, at the same time where there are cores.

    Threads are enough: NumPy and SciPy let go of Python's lock while they compute.

    Parameters
    ----------
    work : callable
        Given what stands for a lead.
    leads : sequence

    Returns
    -------
    list
        What it gave, in the order of the leads.
    """
    if len(leads) < 2:
        return [work(lead) for lead in leads]
    with ThreadPoolExecutor(min(len(leads), os.cpu_count() or 1)) as threads:
        return list(threads.map(work, leads))


def blocks_of(samples: int, fs: float, multiple: int = 1) -> Iterator[Block]:
    """The blocks in which a lead is worked on; one where it is not long.

    Parameters
    ----------
    samples : int
        Of the lead.
    fs : float
        Its sampling rate in Hz.
    multiple : int
        Of which every start is a multiple: where blocks are resampled, they fit together.
    """
    if samples <= LONG_S * fs:
        yield Block(0, samples, 0, samples)
        return
    size, margin = (max(round(s * fs / multiple), 1) * multiple for s in (BLOCK_S, MARGIN_S))
    for first in range(0, samples, size):
        last = min(first + size, samples)
        yield Block(first, last, max(first - margin, 0), min(last + margin, samples))


def members(places: np.ndarray, first: int, last: int, samples: int) -> slice:
    """Which places lie from ``first`` to before ``last``; at the ends of a lead, all beyond too.

    Parameters
    ----------
    places : ndarray, shape (beats,)
        In samples, increasing.
    first, last : int
        See `Block`.
    samples : int
        Of the lead.
    """
    start = int(np.searchsorted(places, first)) if first > 0 else 0
    return slice(start, int(np.searchsorted(places, last)) if last < samples else len(places))


def check_signal(lead: Lead) -> None:
    """Raise an error if a lead is constant, or half of it or more is invalid.

    Raises
    ------
    InputError
    """
    signal = np.asarray(lead.signal)
    valid = np.isfinite(signal)
    where = f"lead {lead.name} of record '{lead.record}'"
    if 2 * np.count_nonzero(valid) <= len(signal):
        raise InputError(
            f"{where} is invalid (NaN) in {np.count_nonzero(~valid)} of its {len(signal)} "
            "samples: choose another lead"
        )
    low, high = rails(signal)
    if low == high:
        raise InputError(f"{where} is flat (always {low:g} {lead.units}): choose another lead")


def rails(signal: np.ndarray) -> tuple[float, float]:
    """Lowest and highest valid value of a signal."""
    valid = np.isfinite(signal)
    low = np.min(signal, where=valid, initial=np.inf)
    return float(low), float(np.max(signal, where=valid, initial=-np.inf))


def bridged(lead: Lead, start: int, stop: int) -> np.ndarray:
    """Part of a lead that was checked, invalid samples bridged by straight lines.

    Parameters
    ----------
    lead : Lead
    start, stop : int
        In samples. A gap at the edge is bridged to the next valid sample beyond.

    Returns
    -------
    ndarray of float64, shape (stop - start,)
        In the lead's units.
    """
    signal = np.asarray(lead.signal[start:stop], dtype=float)
    valid = np.isfinite(signal)
    if valid.all():
        return signal
    places, values = np.flatnonzero(valid), signal[valid]
    if not valid[0]:
        before = _first_valid(lead.signal[:start][::-1])
        if before is not None:
            places = np.append(-1 - before, places)
            values = np.append(float(lead.signal[start - 1 - before]), values)
    if not valid[-1]:
        after = _first_valid(lead.signal[stop:])
        if after is not None:
            places = np.append(places, len(signal) + after)
            values = np.append(values, float(lead.signal[stop + after]))
    return np.interp(np.arange(len(signal)), places, values)


def _first_valid(signal: np.ndarray) -> int | None:
    """Place of the first valid sample; None where there is none."""
    step = 100_000
    for first in range(0, len(signal), step):
        valid = np.isfinite(signal[first : first + step])
        if valid.any():
            return first + int(valid.argmax())
    return None


def missing_before(signal: np.ndarray) -> np.ndarray:
    """How many samples before each are invalid, ndarray of int32, shape (samples + 1,)."""
    counts = np.zeros(len(signal) + 1, np.int32)
    np.cumsum(~np.isfinite(signal), dtype=np.int32, out=counts[1:])
    return counts
