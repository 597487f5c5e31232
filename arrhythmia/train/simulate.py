"""Simulated records: rare beats made from common ones by their mechanism.

A simulated record is a real recording whose rhythm and some of whose beats were changed, so that
what is rare becomes frequent while each patient's own shapes stay: premature atrial beats
(a normal QRS that comes early, with another P wave and a shifted pause), runs of them,
fusion beats (a blend of a normal and a ventricular beat), ventricular beats of another
patient, and irregular rhythm without P waves that stays N, as in atrial fibrillation.
Simulated records go through the same `arrhythmia.beats.cut_beats` as recordings do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from arrhythmia.beats import Beats, Prepared
from arrhythmia.labels import BEAT_CLASSES, class_letters
from arrhythmia.r_peaks import RPeaks
from arrhythmia.rr import irregularity
from arrhythmia.signals import P_WAVE_S, BeatSettings, center_qrs
from arrhythmia.train.settings import MECHANISMS, SimulationSettings

N, S, V, E, F = range(len(BEAT_CLASSES))

STEADY: Final = 0.1
"""Irregularity above which no beat is made premature: in a patient who fibrillates, normal beats
come early all the time and are not S."""

SIMULATED: Final = "simulated"
"""Source of the R peaks of a simulated record."""


@dataclass(frozen=True)
class Donors:
    """Ventricular beats that simulated records may borrow.

    Parameters
    ----------
    segments : dict
        Record name to its ventricular beats, an ndarray of float32, shape (beats, samples),
        standardised.
    """

    segments: dict[str, np.ndarray]

    def draw(self, record: str, scale: float, rng: np.random.Generator) -> np.ndarray | None:
        """One ventricular beat: mostly of the record itself, else of another.

        Parameters
        ----------
        record : str
            Name of the record that borrows.
        scale : float
            Its standard deviation, in its units.
        rng : numpy Generator

        Returns
        -------
        ndarray of float, shape (samples,)
            In the record's units; None where there are no donors at all.
        """
        if record in self.segments and rng.random() < 0.8:
            pool = self.segments[record]
        elif self.segments:
            pool = self.segments[str(rng.choice(sorted(self.segments)))]
        else:
            return None
        return pool[rng.integers(len(pool))] * scale


def find_donors(items: Sequence[Beats], least: int = 5) -> Donors:
    """Collect the ventricular beats of records, one item each, that have ``least`` or more."""
    segments = {}
    for beats in items:
        is_v = beats.beat_class == V
        if np.count_nonzero(is_v) >= least:
            segments[beats.record] = beats.segments[is_v]
    return Donors(segments)


def simulated_record(
    leads: tuple[Prepared, Prepared],
    donors: Donors,
    mixture: SimulationSettings,
    settings: BeatSettings,
    rng: np.random.Generator,
) -> Prepared:
    """Make one simulated record.

    Parameters
    ----------
    leads : tuple of Prepared
        The two leads of a record, with its symbols.
    donors : Donors
        Ventricular beats to borrow; of training records only.
    mixture : SimulationSettings
        How often each mechanism is used.
    settings : BeatSettings
        How beats are made.
    rng : numpy Generator

    Returns
    -------
    Prepared
        With as many beats; the symbols of ``r_peaks`` are letters of beat classes.
    """
    any_lead = rng.random() < mixture.any_lead
    angle = rng.uniform(-np.pi / 2, np.pi / 2) if any_lead else rng.normal(0, mixture.rotation)
    source = rotated(*leads, angle)
    centers = center_qrs(source.signal, source.fs, source.marks, settings.search)
    scale = _scale(source.signal, centers, settings)
    plan = _Plan(source.signal.copy(), source.fs, centers, source.beat_class.copy())
    start = 0
    if rng.random() < mixture.groups:
        start = int(len(centers) * rng.uniform(0.3, 0.9))
        _group(plan, start, rng)
    elif rng.random() < mixture.always:
        start = len(centers)
        _fibrillate(plan, 0, start, rng)
    while start < len(centers):
        stop = min(start + int(rng.integers(20, 200)), len(centers))
        mechanism = MECHANISMS[rng.choice(len(MECHANISMS), p=mixture.shares)]
        borrow = partial(donors.draw, source.record, scale, rng)
        _change(plan, mechanism, start, stop, borrow, rng, mixture)
        start = stop
    drift = gaussian_filter1d(rng.normal(size=len(plan.rr)), rng.uniform(3, 30), mode="wrap")
    plan.rr *= np.exp(rng.uniform(0, 0.06) * drift / (drift.std() + 1e-9))
    signal, marks = plan.render()
    r_peaks = RPeaks(np.rint(marks).astype(int), class_letters(plan.beat_class), SIMULATED)
    return replace(source, signal=signal, marks=marks, r_peaks=r_peaks)


def rotated(first: Prepared, second: Prepared, angle: float) -> Prepared:
    """Blend two leads of one recording, as another place of the electrodes would.

    Parameters
    ----------
    first, second : Prepared
        The same record and marks.
    angle : float
        Radians; 0 gives the first lead.
    """
    return replace(first, signal=np.cos(angle) * first.signal + np.sin(angle) * second.signal)


def _scale(signal: np.ndarray, centers: np.ndarray, settings: BeatSettings) -> float:
    places = np.rint(centers).astype(int)[:, None] + np.arange(settings.length) - settings.left
    return float(np.median(np.std(signal[np.clip(places, 0, len(signal) - 1)], axis=1)))


class _Plan:
    """A signal being changed: shapes in place, RR intervals as a list to render at the end.

    ``rr`` and ``typical_rr`` are in samples. ``free`` beats are normal ones among normal ones,
    which may be changed; ``steady`` ones of these stand in a regular rhythm.
    """

    def __init__(
        self, signal: np.ndarray, fs: float, centers: np.ndarray, beat_class: np.ndarray
    ) -> None:
        self.signal, self.fs, self.beat_class = signal, fs, beat_class
        self.centers = np.rint(centers).astype(int)
        self.rr = np.diff(self.centers).astype(float)
        self.typical_rr = float(np.median(self.rr))
        normal = beat_class == N
        padded = np.pad(normal, 2, constant_values=True)
        self.free = np.all([padded[i : i + len(normal)] for i in range(5)], axis=0)
        self.free[[0, -1]] = False
        irregular = irregularity(np.concatenate([self.rr[:1], self.rr])) > STEADY
        self.steady = self.free & ~irregular

    def span(self, beat: int, start: float, stop: float) -> slice:
        """Samples between two moments around a beat, in seconds from its centre."""
        center = self.centers[beat]
        low = max(center + round(start * self.fs), 0)
        return slice(low, min(center + round(stop * self.fs), len(self.signal)))

    def change_p(self, beat: int, factor: float) -> None:
        """Multiply what rises over the baseline before the QRS."""
        part = self.span(beat, -P_WAVE_S[0], -P_WAVE_S[1])
        wave = self.signal[part]
        if len(wave) > 2:
            base = np.linspace(wave[0], wave[-1], len(wave))
            self.signal[part] = base + factor * (wave - base)

    def blend(self, beat: int, donor: np.ndarray, share: float, left: int, start: float) -> None:
        """Mix a donor's QRS and T wave into a beat; ``left`` is the donor's place of its QRS."""
        part = self.span(beat, start, min(0.45, (len(donor) - left) / self.fs))
        places = np.arange(part.start, part.stop) - self.centers[beat] + left
        keep = (places >= 0) & (places < len(donor))
        fade = np.clip(np.minimum(np.arange(len(keep)) + 1, np.arange(len(keep))[::-1] + 1)
                       / (0.05 * self.fs), 0, 1) * share * keep  # fmt: skip
        values = donor[np.clip(places, 0, len(donor) - 1)]
        self.signal[part] = (1 - fade) * self.signal[part] + fade * values

    def early(self, beat: int, factor: float, reset: float | None) -> None:
        """Let a beat come early; the pause resets the rhythm, or (None) compensates."""
        before = self.rr[beat - 1]
        self.rr[beat - 1] = max(factor * before, 0.24 * self.fs)
        if reset is None:
            self.rr[beat] += before - self.rr[beat - 1]
        else:
            self.rr[beat] *= reset

    def render(self) -> tuple[np.ndarray, np.ndarray]:
        """Signal with the beats at their new distances, and their marks in samples of it."""
        fs, x, centers = self.fs, self.signal, self.centers
        lengths = np.rint(np.clip(self.rr, 0.2 * fs, 4 * fs)).astype(int)
        head = round(P_WAVE_S[0] * fs)
        ramp = np.sin(np.linspace(0, np.pi / 2, round(0.14 * fs))) ** 2
        pieces = [x[: centers[0]]]
        for i, length in enumerate(lengths):
            old = x[centers[i] : centers[i + 1]]
            if length == len(old):
                pieces.append(old)
            elif length < len(old):  # what precedes the next QRS fades in earlier
                moved = min(head, length - 1)
                fade = np.ones(moved)
                fade[: len(ramp)] = ramp[:moved]
                piece = old[:length].copy()
                piece[length - moved :] *= 1 - fade
                piece[length - moved :] += fade * old[-moved:]
                pieces.append(piece)
            else:  # the line between T and P wave is stretched
                tail = min(round(0.42 * fs), len(old) // 2)
                moved = min(head, len(old) - tail - 2)
                middle = old[tail : len(old) - moved]
                grid = np.linspace(0, len(middle) - 1, length - tail - moved)
                stretched = np.interp(grid, np.arange(len(middle)), middle)
                pieces.append(np.concatenate([old[:tail], stretched, old[len(old) - moved :]]))
        pieces.append(x[centers[-1] :])
        marks = np.concatenate([[0], np.cumsum(lengths)]) + float(centers[0])
        return np.concatenate(pieces), marks


def _change(
    plan: _Plan,
    mechanism: str,
    start: int,
    stop: int,
    borrow: Callable[[], np.ndarray | None],
    rng: np.random.Generator,
    mixture: SimulationSettings,
) -> None:
    if mechanism == "fibrillation":
        _fibrillate(plan, start, stop, rng)
        return
    if mechanism == "as_it_is":
        return
    rate = rng.uniform(0.03, 0.2)
    period = int(rng.integers(2, 4))
    p_factor = _another_p(rng)
    i = start + 1
    may_change = plan.free if mechanism in ("ventricular", "fusion") else plan.steady
    while i < stop - 1:
        if not may_change[i]:
            i += 1
        elif mechanism == "bigeminy":
            if (i - start) % period == 0:
                _premature(plan, i, rng.uniform(0.5, min(mixture.latest, 0.9)), p_factor, rng)
            i += 1
        elif rng.random() > rate:
            i += 1
        elif mechanism == "premature":
            _premature(plan, i, rng.uniform(0.45, mixture.latest), _another_p(rng), rng)
            i += 2
        elif mechanism == "runs":
            i = _run(plan, i, min(i + int(rng.integers(2, 40)), stop), rng)
        else:
            wave = borrow()
            if wave is None:
                return
            left = round(0.4 * plan.fs)
            if mechanism == "ventricular":
                plan.blend(i, wave, 1.0, left, -0.2)
                plan.early(i, rng.uniform(0.45, 0.95), None)
                plan.beat_class[i] = V
            else:
                plan.blend(i, wave, rng.uniform(0.3, 0.75), left, -0.12)
                plan.early(i, rng.uniform(0.85, 1.02), None)
                plan.beat_class[i] = F
            i += 2


def _another_p(rng: np.random.Generator) -> float:
    """Factor for an ectopic P wave: hidden, turned over, or merely different."""
    return float(rng.choice([rng.normal(0, 0.1), rng.uniform(-1, -0.2), rng.uniform(0.4, 1.5)]))


def _premature(
    plan: _Plan, beat: int, factor: float, p_factor: float, rng: np.random.Generator
) -> None:
    plan.change_p(beat, p_factor)
    plan.early(beat, factor, None if rng.random() < 0.3 else rng.uniform(0.95, 1.25))
    plan.beat_class[beat] = S


def _run(plan: _Plan, start: int, stop: int, rng: np.random.Generator) -> int:
    factor, p_factor = rng.uniform(0.5, 0.85), _another_p(rng)
    i = start
    while i < stop and plan.steady[i]:
        plan.change_p(i, p_factor)
        plan.rr[i - 1] = max(plan.typical_rr * factor * np.exp(rng.normal(0, 0.02)), 0.28 * plan.fs)
        plan.beat_class[i] = S
        i += 1
    if i < len(plan.rr):
        plan.rr[i - 1] *= rng.uniform(1.0, 1.6)
    return i + 1


def _group(plan: _Plan, stop: int, rng: np.random.Generator) -> None:
    factor, p_factor, longest = rng.uniform(0.5, 0.85), _another_p(rng), int(rng.integers(2, 9))
    pause, i = rng.uniform(1.0, 1.8), 1
    while i < stop - 1:
        i += int(rng.integers(1, 3))
        end = min(i + int(rng.integers(1, longest + 1)), stop - 1)
        first = i
        while i < end and plan.steady[i]:
            plan.change_p(i, p_factor)
            plan.rr[i - 1] = max(plan.typical_rr * factor * np.exp(rng.normal(0, 0.05)),
                                 0.28 * plan.fs)  # fmt: skip
            plan.beat_class[i] = S
            i += 1
        if first < i < len(plan.rr):
            plan.rr[i - 1] = plan.typical_rr * pause * np.exp(rng.normal(0, 0.15))


def _fibrillate(plan: _Plan, start: int, stop: int, rng: np.random.Generator) -> None:
    spread, rate = rng.uniform(0.1, 0.3), rng.uniform(0.6, 1.2)
    level = max(plan.typical_rr * rate, 0.4 * plan.fs)
    for i in range(start + 1, stop - 1):
        if plan.free[i]:
            plan.change_p(i, rng.normal(0, 0.15))
            plan.rr[i - 1] = max(level * np.exp(rng.normal(0, spread)), 0.3 * plan.fs)
    part = slice(plan.centers[start], plan.centers[stop - 1])
    if stop - start < 5:
        return
    seconds = np.arange(part.stop - part.start) / plan.fs
    wander = gaussian_filter1d(rng.normal(size=len(seconds)), 0.5 * plan.fs) * 40
    phase = 2 * np.pi * rng.uniform(4, 8) * seconds + wander
    height = rng.uniform(0, 0.1) * np.ptp(plan.signal[part][: round(2 * plan.fs)])
    plan.signal[part] += height * np.sin(phase)
