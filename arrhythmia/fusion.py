"""Fusion: templates whose mean beat is a blend of the record's normal and ventricular beats.

In a fusion beat the sinus impulse and a ventricular one meet: its QRS is, nearly, a sum of the
two. So it can be looked for in the shapes of one record, without having seen the patient before.
Besides, the sinus beat must have been due when it came, and the ventricular focus must be a
frequent one. The limits were chosen on DS1, where record 208 holds nine tenths of the fusion
beats, and on svdb, where hardly any are marked: nothing but that one patient tells how many are
found, and the others how few are found wrongly (``docs/studies.md``).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import Templates, all_leads

BEFORE_S, AFTER_S = 0.14, 0.20
"""Seconds before and after the centre of the QRS that are compared."""
MOVED_S: Final = 0.05
"""Normal and ventricular beat may be moved by so much, each by itself, to fit."""
LARGEST_SHARE: Final = 1.3
"""A blend holds at most this multiple of either beat."""
TOO_ALIKE: Final = 0.05
"""Where one beat explains the other but for this share, no blend can be told."""
FOCUS_BEATS: Final = 10
"""A ventricular focus has so many beats in one template …"""
FOCUS_SHARE: Final = 0.02
"""… and this share of the beats of the record; …"""
FOCUS_SPREAD: Final = 0.08
"""… of several, those count that are least like the normal beat, within this much."""
EXPLAINED: Final = 0.84
"""A blend explains so much of the energy of a fusion template; …"""
NORMAL_SHARE, FOCUS_PART = 0.5, 0.3
"""… it holds more than these multiples of the normal and of the ventricular beat; …"""
NORMAL_ALONE, FOCUS_ALONE = 0.6, 0.93
"""… either alone explains less than this; …"""
ON_TIME: Final = 0.1
"""… and its beats come when a sinus beat is due, within this part of the RR interval."""
FEWEST: Final = 3
"""Templates of fewer beats are not judged."""

N, V, E = (BEAT_CLASSES.index(c) for c in "NVE")


def fusion_beats(
    templates: Templates, called: np.ndarray, due: np.ndarray, settings: BeatSettings
) -> np.ndarray:
    """Which beats are in a template that is a blend of normal and ventricular beats.

    Parameters
    ----------
    templates : Templates
        Of a record.
    called : ndarray of int, shape (beats,)
        Class of each beat, as its place in `arrhythmia.labels.BEAT_CLASSES`.
    due : ndarray of float, shape (beats,)
        Logarithm of the RR interval before each beat relative to that of the dominant rhythm; NaN
        in fibrillation, where no beat is due at any time.
    settings : BeatSettings
        How the beats were cut.

    Returns
    -------
    ndarray of bool, shape (beats,)
    """
    count = len(called)
    normal = called == N
    if not normal.any():
        return np.zeros(count, dtype=bool)
    median_normal = np.median(all_leads(templates.beats)[normal], axis=0)
    sinus = moved(median_normal, settings)
    shapes = {t.number: moved(t.mean_beat, settings) for t in templates}
    still = {number: shape[len(shape) // 2] for number, shape in shapes.items()}
    like_sinus = {number: alone(shape, sinus) for number, shape in still.items()}
    foci = [
        t.number
        for t in templates
        if len(t) >= max(FOCUS_BEATS, FOCUS_SHARE * count)
        and np.isin(called[t.beats], (V, E)).mean() > 0.5
    ]
    least = min((like_sinus[number] for number in foci), default=0.0)
    foci = [number for number in foci if like_sinus[number] <= least + FOCUS_SPREAD]
    found = np.zeros(count, dtype=bool)
    for template in templates:
        number, late = template.number, np.median(due[template.beats])
        if (
            len(template) >= FEWEST
            and like_sinus[number] < NORMAL_ALONE
            and abs(late) < ON_TIME
            and _is_blend(still[number], sinus, [shapes[f] for f in foci if f != number])
        ):
            found[template.beats] = True
    return found


def _is_blend(shape: np.ndarray, sinus: np.ndarray, foci: list[np.ndarray]) -> bool:
    """Whether the best blend of the normal beat with one of the foci is a fusion beat."""
    if not foci:
        return False
    blends = [(blend(shape, sinus, focus), alone(shape, focus)) for focus in foci]
    (explained, of_normal, of_focus), by_focus = max(blends, key=lambda found: found[0][0])
    return (
        explained > EXPLAINED
        and of_normal > NORMAL_SHARE
        and of_focus > FOCUS_PART
        and by_focus < FOCUS_ALONE
    )


def moved(mean_beat: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """A beat around its QRS, earlier and later by up to `MOVED_S`, in the middle as it is.

    Parameters
    ----------
    mean_beat : ndarray of float, shape (leads, samples)
    settings : BeatSettings
        How it was cut.

    Returns
    -------
    ndarray of float, shape (lags, leads * samples)
        The leads one after the other, the mean of each taken off.
    """
    before, after, reach = (round(s * settings.fs) for s in (BEFORE_S, AFTER_S, MOVED_S))
    padded = np.pad(mean_beat, ((0, 0), (reach, reach)), mode="edge")
    first = settings.left - before + reach
    parts = [
        padded[:, first - lag : first - lag + before + after + 1]
        for lag in range(-reach, reach + 1)
    ]
    stacked = np.stack(parts).astype(float)
    stacked -= stacked.mean(axis=2, keepdims=True)
    return stacked.reshape(len(parts), -1)


def alone(shape: np.ndarray, other: np.ndarray) -> float:
    """Share of a beat's energy that another explains, moved and scaled to fit best.

    Parameters
    ----------
    shape : ndarray of float, shape (samples,)
    other : ndarray of float, shape (lags, samples)
        As `moved` gives it.
    """
    fits = np.maximum(other @ shape, 0) ** 2 / np.maximum((other**2).sum(axis=1), 1e-12)
    return float(fits.max() / max(shape @ shape, 1e-12))


def blend(shape: np.ndarray, normal: np.ndarray, focus: np.ndarray) -> tuple[float, float, float]:
    """The sum of two beats, each scaled and moved, that comes nearest to a third.

    Parameters
    ----------
    shape : ndarray of float, shape (samples,)
    normal, focus : ndarray of float, shape (lags, samples)
        As `moved` gives them.

    Returns
    -------
    explained, of_normal, of_focus : float
        Share of its energy that the sum explains, and how much of each beat is in it.
    """
    by_normal, by_focus = (normal @ shape)[:, None], (focus @ shape)[None]
    size, other, both = (normal**2).sum(1)[:, None], (focus**2).sum(1)[None], normal @ focus.T
    apart = size * other - both**2
    told = apart > TOO_ALIKE * size * other
    apart = np.where(told, apart, 1.0)
    of_normal = (by_normal * other - by_focus * both) / apart
    of_focus = (by_focus * size - by_normal * both) / apart
    explained = (of_normal * by_normal + of_focus * by_focus) / max(shape @ shape, 1e-12)
    for part in (of_normal, of_focus):
        told &= (part > 0) & (part < LARGEST_SHARE)
    explained = np.where(told, explained, 0.0)
    best = np.unravel_index(explained.argmax(), explained.shape)
    return float(explained[best]), float(of_normal[best]), float(of_focus[best])
