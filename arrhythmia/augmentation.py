"""Rare beats made from common ones by their mechanism, as virtual copies of a record.

A virtual copy is a real recording whose rhythm and some of whose beats were changed, so that
what is rare becomes frequent while each patient's own shapes stay: premature atrial beats
(a normal QRS that comes early, with another P wave and a shifted pause), runs of them,
fusion beats (a blend of a normal and a ventricular beat), ventricular beats of another
patient, and irregular rhythm without P waves that stays N, as in atrial fibrillation.
Copies go through the same `arrhythmia.beats.cut_beats` as recordings do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter1d

from arrhythmia.beats import P_WAVE_S, BeatSettings, Prepared, center_qrs, cut_beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.sequences import irregularity

N, S, V, E, F = (BEAT_CLASSES.index(c) for c in BEAT_CLASSES)

STEADY = 0.1
"""Irregularity above which no beat is made premature: in a patient who fibrillates, normal beats
come early all the time and are not S."""

MODES = ("as it is", "premature", "runs", "bigeminy", "fibrillation", "ventricular", "fusion")


@dataclass(frozen=True)
class Mixture:
    """How often each mechanism is used: the share of stretches (20 to 200 beats) of a copy.

    Parameters
    ----------
    as_it_is, premature, runs, bigeminy, fibrillation, ventricular, fusion : float
        Relative shares.
    rotation : float
        Standard deviation, in radians, of the rotation between the two recorded leads.
    any_lead : float
        Share of copies that are rotated by any angle instead.
    always : float
        Share of copies that fibrillate from beginning to end.
    latest : float
        A premature beat comes after at most this part of the usual RR interval.
    groups : float
        Share of copies in a long part of which early beats are the majority: groups of ectopic
        beats, each ended by a pause and a few normal beats, as in sick sinus syndrome.
    """

    as_it_is: float = 0.35
    premature: float = 0.2
    runs: float = 0.1
    bigeminy: float = 0.05
    fibrillation: float = 0.25
    ventricular: float = 0.05
    fusion: float = 0.05
    rotation: float = 0.3
    any_lead: float = 0.25
    latest: float = 0.93
    groups: float = 0.25
    always: float = 0.15

    @property
    def shares(self) -> np.ndarray:
        """Probability of each of `MODES`."""
        shares = np.array([self.as_it_is, self.premature, self.runs, self.bigeminy,
                           self.fibrillation, self.ventricular, self.fusion])  # fmt: skip
        return shares / shares.sum()


@dataclass(frozen=True)
class Donors:
    """Ventricular beats that copies may borrow, cut like segments, one array a record."""

    own: dict[str, np.ndarray]

    def draw(self, record: str, scale: float, rng: np.random.Generator) -> np.ndarray | None:
        """One ventricular beat: mostly the record's own, else another's, in its units."""
        if record in self.own and rng.random() < 0.8:
            pool = self.own[record]
        elif self.own:
            pool = self.own[str(rng.choice(sorted(self.own)))]
        else:
            return None
        return pool[rng.integers(len(pool))] * scale


def find_donors(prepared: list[Prepared], settings: BeatSettings, least: int = 5) -> Donors:
    """Collect the ventricular beats of records that have at least ``least`` of them."""
    own = {}
    for record in prepared:
        is_v = record.beat_class == V
        if np.count_nonzero(is_v) >= least:
            own[record.record] = cut_beats(record, settings).segments[is_v]
    return Donors(own)


def virtual_copy(
    leads: tuple[Prepared, Prepared],
    donors: Donors,
    mixture: Mixture,
    settings: BeatSettings,
    rng: np.random.Generator,
) -> Prepared:
    """One virtual copy of a record.

    Parameters
    ----------
    leads : tuple of Prepared
        The two leads of the record, with their classes.
    donors : Donors
        Ventricular beats to borrow; of training records only.
    mixture : Mixture
        How often each mechanism is used.
    settings : BeatSettings
        As for `arrhythmia.beats.cut_beats`.
    rng : numpy Generator

    Returns
    -------
    Prepared
        With the classes of its beats.
    """
    any_lead = rng.random() < mixture.any_lead
    angle = rng.uniform(-np.pi / 2, np.pi / 2) if any_lead else rng.normal(0, mixture.rotation)
    source = rotated(*leads, angle)
    centers = center_qrs(source.signal, source.fs, source.marks, settings.search)
    scale = _scale(source.signal, centers, settings)
    plan = _Plan(source.signal.copy(), source.fs, centers, source.beat_class.copy())
    at = 0
    if rng.random() < mixture.groups:
        at = int(len(centers) * rng.uniform(0.3, 0.9))
        _group(plan, at, rng)
    elif rng.random() < mixture.always:
        at = len(centers)
        _fibrillate(plan, 0, at, rng)
    while at < len(centers):
        stop = min(at + int(rng.integers(20, 200)), len(centers))
        mode = MODES[rng.choice(len(MODES), p=mixture.shares)]
        borrow = partial(donors.draw, source.record, scale, rng)
        _change(plan, mode, at, stop, borrow, rng, mixture)
        at = stop
    drift = gaussian_filter1d(rng.normal(size=len(plan.rr)), rng.uniform(3, 30), mode="wrap")
    plan.rr *= np.exp(rng.uniform(0, 0.06) * drift / (drift.std() + 1e-9))
    return plan.render(source.record)


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
    """A signal being changed: shapes in place, RR intervals as a list to render at the end."""

    def __init__(
        self, signal: np.ndarray, fs: float, centers: np.ndarray, beat_class: np.ndarray
    ) -> None:
        self.signal, self.fs, self.beat_class = signal, fs, beat_class
        self.centers = np.rint(centers).astype(int)
        self.rr = np.diff(self.centers).astype(float)
        self.usual_rr = float(np.median(self.rr))
        normal = beat_class == N
        padded = np.pad(normal, 2, constant_values=True)
        self.free = np.all([padded[i : i + len(normal)] for i in range(5)], axis=0)
        self.free[[0, -1]] = False
        irregular = irregularity(np.concatenate([self.rr[:1], self.rr])) > STEADY
        self.steady = self.free & ~irregular

    def span(self, beat: int, start: float, stop: float) -> slice:
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

    def render(self, record: str) -> Prepared:
        """Join the beats at their new distances."""
        fs, x, centers = self.fs, self.signal, self.centers
        lengths = np.rint(np.clip(self.rr, 0.2 * fs, 4 * fs)).astype(int)
        head = round(P_WAVE_S[0] * fs)
        ramp = np.sin(np.linspace(0, np.pi / 2, round(0.14 * fs))) ** 2
        pieces = [x[: centers[0]]]
        for i, length in enumerate(lengths):
            old = x[centers[i] : centers[i + 1]]
            if length == len(old):
                pieces.append(old)
            elif length < len(old):
                own = min(head, length - 1)
                fade = np.ones(own)
                fade[: len(ramp)] = ramp[:own]
                piece = old[:length].copy()
                piece[length - own :] = (1 - fade) * piece[length - own :] + fade * old[-own:]
                pieces.append(piece)
            else:
                tail = min(round(0.42 * fs), len(old) // 2)
                own = min(head, len(old) - tail - 2)
                middle = old[tail : len(old) - own]
                wanted = length - tail - own
                grid = np.linspace(0, len(middle) - 1, wanted)
                stretched = np.interp(grid, np.arange(len(middle)), middle)
                pieces.append(np.concatenate([old[:tail], stretched, old[len(old) - own :]]))
        pieces.append(x[centers[-1] :])
        marks = np.concatenate([[0], np.cumsum(lengths)]) + float(centers[0])
        return Prepared(record, np.concatenate(pieces), fs, marks, self.beat_class)


def _change(
    plan: _Plan,
    mode: str,
    at: int,
    stop: int,
    donor: object,
    rng: np.random.Generator,
    mixture: Mixture,
) -> None:
    if mode == "fibrillation":
        _fibrillate(plan, at, stop, rng)
        return
    if mode == "as it is":
        return
    rate = rng.uniform(0.03, 0.2)
    period = int(rng.integers(2, 4))
    p_factor = _another_p(rng)
    i = at + 1
    free = plan.free if mode in ("ventricular", "fusion") else plan.steady
    while i < stop - 1:
        if not free[i]:
            i += 1
        elif mode == "bigeminy":
            if (i - at) % period == 0:
                _premature(plan, i, rng.uniform(0.5, min(mixture.latest, 0.9)), p_factor, rng)
            i += 1
        elif rng.random() > rate:
            i += 1
        elif mode == "premature":
            _premature(plan, i, rng.uniform(0.45, mixture.latest), _another_p(rng), rng)
            i += 2
        elif mode == "runs":
            i = _run(plan, i, min(i + int(rng.integers(2, 40)), stop), rng)
        else:
            wave = donor()
            if wave is None:
                return
            left = round(0.4 * plan.fs)
            if mode == "ventricular":
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
        plan.rr[i - 1] = max(plan.usual_rr * factor * np.exp(rng.normal(0, 0.02)), 0.28 * plan.fs)
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
            plan.rr[i - 1] = max(plan.usual_rr * factor * np.exp(rng.normal(0, 0.05)),
                                 0.28 * plan.fs)  # fmt: skip
            plan.beat_class[i] = S
            i += 1
        if first < i < len(plan.rr):
            plan.rr[i - 1] = plan.usual_rr * pause * np.exp(rng.normal(0, 0.15))


def _fibrillate(plan: _Plan, at: int, stop: int, rng: np.random.Generator) -> None:
    spread, rate = rng.uniform(0.1, 0.3), rng.uniform(0.6, 1.2)
    level = max(plan.usual_rr * rate, 0.4 * plan.fs)
    for i in range(at + 1, stop - 1):
        if plan.free[i]:
            plan.change_p(i, rng.normal(0, 0.15))
            plan.rr[i - 1] = max(level * np.exp(rng.normal(0, spread)), 0.3 * plan.fs)
    part = slice(plan.centers[at], plan.centers[stop - 1])
    if stop - at < 5:
        return
    seconds = np.arange(part.stop - part.start) / plan.fs
    wander = gaussian_filter1d(rng.normal(size=len(seconds)), 0.5 * plan.fs) * 40
    phase = 2 * np.pi * rng.uniform(4, 8) * seconds + wander
    height = rng.uniform(0, 0.1) * np.ptp(plan.signal[part][: round(2 * plan.fs)])
    plan.signal[part] += height * np.sin(phase)
