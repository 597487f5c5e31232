"""The template beat of a record: its typical beat where that is likely of sinus origin.

What is normal for a patient is not always what is frequent: in bigeminy or ventricular tachycardia
most beats may be ectopic. So where the typical beat is hardly of sinus origin, the template beat is
the median of the beats that most likely are: narrow, with a P wave in common, neither early nor
followed by a pause, the T wave not opposite to the QRS. How much each of these counts is a logistic
regression on the training records (`arrhythmia.train.origin`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from arrhythmia.p_wave import p_wave_segments
from arrhythmia.signals import BeatSettings

MOST_GROUPS: Final = 25
DIMENSIONS: Final = 10
"""Principal components of the shapes that are compared."""
LARGEST: Final = 8.0
"""Shapes are limited to plus and minus this many standard deviations."""
ALIKE: Final = 0.9
"""A group is of the shape of another from this correlation of their medians on."""
LIKELY: Final = 0.75
"""The typical beat, or a group, is nearly as likely of sinus origin as the likeliest group is from
this part of its probability on."""
SHAPE_S: Final = (0.15, 0.30)
"""Seconds before and after the centre of the QRS whose shape is compared."""
QRS_S: Final = (0.15, 0.20)
"""Where the slope of a QRS is looked for."""
FEATURES: Final = (
    "share of the beats",
    "width of the QRS in the lead where it is widest",
    "width of the QRS in the lead where it is narrowest",
    "P wave in common",
    "logarithm of the RR interval before, relative to the median",
    "logarithm of the RR interval after, relative to the one before",
    "T wave opposite to the QRS",
    "area of the QRS, relative to its height",
)
"""What the origin of a group is judged by, in the order of `group_features`."""
ORIGIN: Final = (
    7.1312, 1.9567, -1.57011, -14.4257, 2.98731, 1.50895, -4.03062, -1.30565, -0.777219,
)  # fmt: skip
"""Intercept and weights learnt on DS1 by `arrhythmia.train.origin.fit_origin`."""


@dataclass(frozen=True)
class Origin:
    """The template beat of a record.

    Parameters
    ----------
    template_beat : ndarray of float, shape (leads, samples)
        In the units of the segments.
    probability : float
        That it is of sinus origin.
    is_typical : bool
        Whether it is the typical beat.
    """

    template_beat: np.ndarray
    probability: float
    is_typical: bool


def find_origin(
    segments: np.ndarray,
    rr_pre: np.ndarray,
    rr_post: np.ndarray,
    settings: BeatSettings,
    origin: tuple[float, ...],
) -> Origin:
    """The typical beat where it is likely of sinus origin, else the beat that is.

    Of shapes that are nearly as likely as the likeliest, the one with the most beats: a bundle
    branch block that comes and goes must not be the rule.

    Parameters
    ----------
    segments : ndarray, shape (beats, leads, samples)
        In any units.
    rr_pre, rr_post : ndarray of float, shape (beats,)
        Seconds.
    settings : BeatSettings
        How they were cut.
    origin : tuple of float
        An intercept and a weight for each of `FEATURES`.
    """
    typical = typical_beat(segments)
    number = shape_groups(segments, settings)
    sizes = np.bincount(number)
    medians = group_medians(segments, number)
    features = group_features(segments, medians, number, rr_pre, rr_post, settings)
    chances = expit(origin[0] + features @ np.array(origin[1:]))
    chances = chances * (1 - np.exp(-sizes / 1.5))  # one beat proves little
    alike = _correlations(np.concatenate([medians, typical[None]])) >= ALIKE
    mass = alike[:, :-1] @ (chances * sizes)  # how many sinus beats of each shape there may be
    of_typical = mass[-1] / max(alike[-1, :-1] @ sizes, 1)
    if of_typical >= LIKELY * chances.max():
        return Origin(typical, float(of_typical), is_typical=True)
    likely = np.flatnonzero(chances >= LIKELY * chances.max())
    best = likely[np.argmax(mass[likely])]
    of_its_shape = np.isin(number, [best, *likely[alike[best, likely]]])  # a flat line is like none
    median = np.median(segments[of_its_shape], axis=0)
    return Origin(median, float(chances[best]), is_typical=False)


def typical_beat(segments: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Median of the beats that look like the median, whatever they are.

    Starting from the median of all beats, the half of them nearest to it (by correlation) is
    kept and the median taken anew, so that frequent ectopic beats do not blur it.

    Parameters
    ----------
    segments : ndarray, shape (beats, leads, samples)
        In any units.
    rounds : int
        How often this is repeated.

    Returns
    -------
    ndarray, shape (leads, samples)
    """
    flat = segments.reshape(len(segments), -1)
    centered = flat - flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centered, axis=1) + 1e-9
    typical = np.median(flat, axis=0)
    for _ in range(rounds):
        # correlation times the norm of the typical beat, which is the same for all beats
        alike = centered @ (typical - typical.mean()) / norms
        typical = np.median(flat[alike >= np.median(alike)], axis=0)
    return typical.reshape(segments.shape[1:])


def _correlations(medians: np.ndarray) -> np.ndarray:
    """Correlation of median beats with each other, each lead counted alike, (groups, groups)."""
    centered = medians - medians.mean(axis=2, keepdims=True)
    centered /= np.linalg.norm(centered, axis=2, keepdims=True) + 1e-12
    return np.einsum("als,bls->ab", centered, centered) / medians.shape[1]


def shape_groups(segments: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """Groups of beats that are alike in shape, in all leads: k-means of principal components.

    Parameters
    ----------
    segments : ndarray, shape (beats, leads, samples)
        In any units.
    settings : BeatSettings

    Returns
    -------
    ndarray of int, shape (beats,)
        Number of the group of each beat, from 0.
    """
    beats = len(segments)
    count = int(np.clip(round(np.sqrt(beats) / 1.8), 1, MOST_GROUPS))
    if count == 1:
        return np.zeros(beats, dtype=int)
    from sklearn.cluster import KMeans

    scale = _lead_scale(segments)
    shapes = segments[..., _around(settings, SHAPE_S)] / scale[:, None]
    shapes = shapes - shapes.mean(axis=2, keepdims=True)
    # in double precision: else a beat at a border is of another group on another CPU
    flat = np.clip(shapes.reshape(beats, -1), -LARGEST, LARGEST).astype(np.float64)
    flat -= flat.mean(axis=0)
    _, axes = np.linalg.eigh(flat.T @ flat)
    space = flat @ axes[:, ::-1][:, :DIMENSIONS]
    found = KMeans(count, n_init=1, max_iter=30, random_state=0).fit_predict(space)
    return np.unique(found, return_inverse=True)[1]


def group_medians(segments: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Median beat of each group, shape (groups, leads, samples)."""
    groups = range(number.max() + 1)
    return np.stack([np.median(segments[number == group], axis=0) for group in groups])


def group_features(
    segments: np.ndarray,
    medians: np.ndarray,
    number: np.ndarray,
    rr_pre: np.ndarray,
    rr_post: np.ndarray,
    settings: BeatSettings,
) -> np.ndarray:
    """What the origin of each group is judged by.

    Parameters
    ----------
    segments : ndarray, shape (beats, leads, samples)
        In any units.
    medians : ndarray, shape (groups, leads, samples)
        See `group_medians`.
    number : ndarray of int, shape (beats,)
        See `shape_groups`.
    rr_pre, rr_post : ndarray of float, shape (beats,)
        Seconds.
    settings : BeatSettings

    Returns
    -------
    ndarray of float, shape (groups, 8)
        In the order of `FEATURES`.
    """
    scale = _lead_scale(segments)[:, None]
    typical_rr = np.median(rr_pre)
    early = np.log(np.clip(rr_pre / typical_rr, 0.2, 5))
    pause = np.log(np.clip(rr_post / np.maximum(rr_pre, 0.05), 0.2, 5))
    rows = []
    for group, median in enumerate(medians / scale):
        members = number == group
        width, area = _qrs_width(median, settings), _qrs_area(median, settings)
        rows.append([
            members.mean(), width.max(), width.min(),
            _common_p(segments[members] / scale, settings),
            np.median(early[members]), np.median(pause[members]),
            _discordance(median, settings), area.max(),
        ])  # fmt: skip
    return np.array(rows)


def _lead_scale(segments: np.ndarray) -> np.ndarray:
    return np.median(segments.std(axis=2), axis=0) + 1e-9


def _around(settings: BeatSettings, seconds: tuple[float, float]) -> slice:
    before, after = (round(s * settings.fs) for s in seconds)
    return slice(max(settings.left - before, 0), settings.left + after)


def _qrs_width(beat: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """Spread of the slope's energy around the QRS in each lead, in units of 0.1 s."""
    part = _around(settings, QRS_S)
    energy = gaussian_filter1d(np.gradient(beat, axis=1) ** 2, 0.01 * settings.fs, axis=1)[:, part]
    share = energy / (energy.sum(axis=1, keepdims=True) + 1e-12)
    times = np.arange(energy.shape[1]) / settings.fs
    center = share @ times
    return 10 * np.sqrt(np.sum(share * (times - center[:, None]) ** 2, axis=1))


def _qrs_area(beat: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """Area of the QRS in each lead, in tenths of a second of its height."""
    height = np.abs(beat[:, _around(settings, (0.08, 0.08))]).max(axis=1)
    area = np.abs(beat[:, _around(settings, (0.15, 0.15))]).sum(axis=1) / settings.fs
    return 10 * area / (height + 1e-9)


def _common_p(segments: np.ndarray, settings: BeatSettings) -> float:
    """How much of what precedes the QRS the beats have in common, in the lead that shows most."""
    wave = p_wave_segments(segments, settings)
    common = np.median(wave, axis=0)
    height = np.sqrt(np.mean(common**2, axis=1))
    apart = np.sqrt(np.mean((wave - common) ** 2))
    return float(np.max(height / (height + apart + 0.03)))


def _discordance(beat: np.ndarray, settings: BeatSettings) -> float:
    """How far the T wave is opposite to the QRS, in the lead where it is most."""
    leads = np.arange(len(beat))
    qrs = beat[:, _around(settings, (0.08, 0.08))]
    t_wave = beat[:, settings.left + round(0.15 * settings.fs) :][:, : round(0.25 * settings.fs)]
    qrs = qrs[leads, np.abs(qrs).argmax(axis=1)]
    t_wave = t_wave[leads, np.abs(t_wave).argmax(axis=1)]
    return float(np.max(-qrs * t_wave / (np.abs(qrs) + np.abs(t_wave) + 1e-9)))
