"""Samples as they come in, at 100 Hz and filtered: what `arrhythmia.signals` does, block by block.

The resampling is exact, a tenth of a second late. The band-pass is run forwards as samples come,
and backwards over the last seconds, from an extension of the signal as at the end of a recording:
so the newest second is less true than what lies before it.
"""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Final

import numpy as np
from scipy.signal import firwin, sosfilt, sosfilt_zi

from arrhythmia.signals import BeatSettings, bandpass_sections, resampling_ratio

HOP: Final = 25
"""Samples at 100 Hz that are read at a time."""
WINDOW: Final = 320
"""Filtered samples that are kept."""
PAD: Final = 200
"""Samples by which the signal is extended, as in `arrhythmia.signals.bandpass`."""
LARGEST: Final = 1e9
"""Samples beyond plus and minus this are missing ones."""
GAP: Final = 15
"""Samples that must be missing in all leads to hide a beat."""
CROSSINGS: Final = 10
"""Of the low-pass of `scipy.signal.resample_poly`, to each side."""


class Front:
    """Resamples, bridges gaps and filters all leads of a stream.

    Parameters
    ----------
    fs : float
        Of the samples that come in, in Hz.
    leads : int
    settings : BeatSettings
        Rate and band.

    Attributes
    ----------
    samples : int
        Samples at ``settings.fs`` so far.
    late : float
        Seconds by which the newest of these is behind the newest sample that it was made of.
    valid : ndarray of bool, shape (leads, WINDOW)
        Where the last of these are not bridged.
    still_s : ndarray of float, shape (leads,)
        For how many seconds each lead has not changed at all, or was missing.
    """

    def __init__(self, fs: float, leads: int, settings: BeatSettings) -> None:
        ratio = resampling_ratio(fs, settings)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._taps = _phases(self._up, self._down)
        self._reach = self._taps.shape[1] // 2
        self._near = ceil(self._down / self._up)
        self._sections = bandpass_sections(settings.order, settings.band, settings.fs)
        self._rest = sosfilt_zi(self._sections)[:, None, :]
        self._state = np.zeros((len(self._sections), leads, 2))
        self._hop_s = HOP / settings.fs
        self.late = self._reach / fs
        self.samples = 0
        self.still_s = np.zeros(leads)
        self._gaps: deque[list[int]] = deque(maxlen=4)  # first and last sample of each
        self._missing = 0
        self.valid = np.zeros((leads, WINDOW), dtype=bool)
        self._plain = np.zeros((leads, max(WINDOW, PAD + 1)))
        self._once = np.zeros((leads, WINDOW))
        self._held = np.zeros(leads)
        self._shift = np.full(leads, np.nan)  # nothing was valid yet
        self._raw = np.zeros((self._reach, leads))  # as if the first sample had stood before
        self._known = np.zeros((self._reach, leads), dtype=bool)
        self._first = -self._reach  # number of the first of these samples

    def add(self, samples: np.ndarray) -> None:
        """Take samples of all leads, shape (samples, leads); NaN where they are missing."""
        known = np.abs(samples) < LARGEST  # which NaN is not
        bridged = np.empty(samples.shape)
        for lead in range(samples.shape[1]):
            self._bridge(samples[:, lead], known[:, lead], lead, bridged[:, lead])
        self._raw = np.concatenate([self._raw, bridged])
        self._known = np.concatenate([self._known, known])

    def _bridge(self, signal: np.ndarray, known: np.ndarray, lead: int, out: np.ndarray) -> None:
        """Hold the last value in a gap, and go on from there after it: no step is made."""
        if known.all() and np.isfinite(self._shift[lead]):
            out[:] = signal + self._shift[lead]
            self._held[lead] = out[-1] if len(out) else self._held[lead]
            return
        edges = np.flatnonzero(np.diff(known)) + 1
        for part in np.split(np.arange(len(signal)), edges):
            if not len(part):
                continue
            if known[part[0]]:
                if not np.isfinite(self._shift[lead]):
                    self._shift[lead] = self._held[lead] - signal[part[0]]
                out[part] = signal[part] + self._shift[lead]
                self._held[lead] = out[part[-1]]
            else:
                out[part] = self._held[lead]
                self._shift[lead] = np.nan

    def next_block(self) -> bool:
        """Filter `HOP` more samples; False where not enough came in yet."""
        places = np.arange(self.samples, self.samples + HOP) * self._down
        bases, phases = places // self._up - self._first, places % self._up
        if bases[-1] + self._reach >= len(self._raw):
            return False
        around = np.arange(-self._reach, self._reach + 1)
        seen = self._raw[bases[:, None] + around]
        block = np.einsum("mtl,mt->lm", seen, self._taps[phases])
        near = np.arange(-self._near, self._near + 1)
        _push(self.valid, self._known[bases[:, None] + near].all(axis=1).T)
        self._note_gaps(self.valid[:, -HOP:])
        part = self._raw[max(bases[0] - 1, 0) : bases[-1] + 1]
        self.still_s = np.where(np.ptp(part, axis=0) == 0, self.still_s + self._hop_s, 0.0)
        once, self._state = sosfilt(self._sections, block, zi=self._state)
        _push(self._plain, block)
        _push(self._once, once)
        self.samples += HOP
        done = self.samples * self._down // self._up - self._first - self._reach - 1
        if done > 0:
            self._raw, self._known = self._raw[done:], self._known[done:]
            self._first += done
        return True

    def _note_gaps(self, valid: np.ndarray) -> None:
        if valid.any(axis=0).all():
            self._missing = 0
            return
        for offset, there in enumerate(valid.any(axis=0)):
            self._missing = 0 if there else self._missing + 1
            sample = self.samples + offset
            if self._missing == GAP:
                self._gaps.append([sample - GAP, sample])
            elif self._missing > GAP:
                self._gaps[-1][1] = sample

    def is_gap(self, first: int, last: int) -> bool:
        """Whether so much is missing in all leads between two samples that it may hide a beat."""
        return any(start < last and end > first for start, end in self._gaps)

    def filtered(self) -> np.ndarray:
        """The last `WINDOW` samples without phase shift, shape (leads, WINDOW)."""
        plain = self._plain
        beyond = 2 * plain[:, -1:] - plain[:, -2 : -PAD - 2 : -1]
        beyond, _ = sosfilt(self._sections, beyond, zi=self._state)
        back = np.concatenate([self._once, beyond], axis=1)[:, ::-1]
        twice, _ = sosfilt(self._sections, back, zi=self._rest * back[:, :1])
        return twice[:, PAD:][:, ::-1]


def _push(ring: np.ndarray, new: np.ndarray) -> None:
    count = new.shape[1]
    ring[:, :-count] = ring[:, count:]
    ring[:, -count:] = new


def _phases(up: int, down: int) -> np.ndarray:
    """Weights of the samples around for each place between samples, shape (up, 2 * reach + 1).

    Those of `scipy.signal.resample_poly`, made to sum to 1.
    """
    if up == down:
        return np.ones((1, 1))
    half = CROSSINGS * max(up, down)
    low_pass = firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0))
    reach = half // up + 1
    places = np.arange(up)[:, None] - np.arange(-reach, reach + 1) * up + half
    inside = (places >= 0) & (places <= 2 * half)
    taps = np.where(inside, low_pass[np.clip(places, 0, 2 * half)], 0.0)
    return taps / taps.sum(axis=1, keepdims=True)
