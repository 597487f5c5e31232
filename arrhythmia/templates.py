"""Templates: the beats of a record in groups that are alike in shape, in all leads, and in timing.

A Holter analyst names groups of beats, not beats. Grouping needs no labels; once a group is found,
what the network says of its beats is put together: the noise of single beats averages out. How
much a beat's template counts beside the beat itself was chosen on DS1 by record-wise
cross-validation (``python -m arrhythmia evaluate --folds``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import softmax

from arrhythmia.beats import Beats
from arrhythmia.rr import median_around

DIMENSIONS = 12
"""Principal components of the shapes that are compared: nine tenths of their variance or more."""
LARGEST = 8.0
"""Segments are limited to plus and minus this many standard deviations: artefacts would make
templates of their own."""
BEATS_AT_ONCE = 16_384
"""Bounds memory for day-long recordings."""
BEATS_EACH = 8
"""So many beats must there be, on average, for each template."""
FEWEST_BEATS = 64
"""In a shorter record every beat is judged by itself: ten seconds hold too few to tell groups."""
SURE = 0.9
"""Beats of a template of which the network says another class than of its others, with at least
this probability on average, become a template of their own."""
LEAST = 1e-4
"""Probabilities below this count as this when their logarithms are averaged."""


@dataclass(frozen=True)
class TemplateSettings:
    """How templates are found, and how much they count.

    Parameters
    ----------
    count : int
        Templates of a record, at most; fewer where it has few beats, see `BEATS_EACH`.
    timing : float
        Weight of the RR intervals beside the shape.
    share : float
        How much of what is said of a beat is said of its template: 0 for nothing, 1 for all.
    """

    count: int = 25
    timing: float = 3.0
    share: float = 0.7


@dataclass(frozen=True)
class Template:
    """A group of a record's beats that are alike.

    Parameters
    ----------
    number : int
        From 1.
    beats : ndarray of int, shape (members,)
        Which beats of the record, in order of time.
    mean_beat, spread : ndarray of float, shape (leads, samples)
        Mean of their segments and standard deviation around it, the lead that the network reads
        first, in its standard deviations.
    first_s, last_s : float
        When it was first and last seen, in seconds from the start of the record.
    coupling : float
        Median RR interval before its beats, relative to the median of the 21 beats around each.
    pause : float
        The same of the RR interval after.
    """

    number: int
    beats: np.ndarray
    mean_beat: np.ndarray
    spread: np.ndarray
    first_s: float
    last_s: float
    coupling: float
    pause: float

    def __len__(self) -> int:
        return len(self.beats)


@dataclass(frozen=True)
class Templates:
    """The templates of a record.

    Parameters
    ----------
    beats : Beats
        Of the record.
    number : ndarray of int, shape (beats,)
        Template of each beat, from 1; as they are found, template 1 has the most beats.
    """

    beats: Beats
    number: np.ndarray

    def __len__(self) -> int:
        return int(self.number.max(initial=0))

    def __iter__(self) -> Iterator[Template]:
        return iter(self._all)

    def __getitem__(self, number: int) -> Template:
        return self._all[number - 1]

    @cached_property
    def _all(self) -> list[Template]:
        segments, (before, after) = all_leads(self.beats), relative_rr(self.beats)
        places = [np.flatnonzero(self.number == number) for number in range(1, len(self) + 1)]
        return [
            Template(
                number=number,
                beats=members,
                mean_beat=segments[members].mean(axis=0),
                spread=segments[members].std(axis=0),
                first_s=float(self.beats.centers[members[0]]),
                last_s=float(self.beats.centers[members[-1]]),
                coupling=float(np.median(before[members])),
                pause=float(np.median(after[members])),
            )
            for number, members in enumerate(places, 1)
        ]

    def split(self, probabilities: np.ndarray) -> Templates:
        """Split templates where the network is sure that beats inside them differ, see `SURE`.

        Parameters
        ----------
        probabilities : ndarray of float, shape (beats, 5)
            As the network gives them for each beat by itself.
        """
        called, number = probabilities.argmax(axis=1), self.number.copy()
        for template in range(1, len(self) + 1):
            members = np.flatnonzero(self.number == template)
            usual = np.bincount(called[members]).argmax()
            for other in np.unique(called[members]):
                part = members[called[members] == other]
                if other != usual and probabilities[part, other].mean() >= SURE:
                    number[part] = number.max() + 1
        return Templates(self.beats, by_size(number))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over the beats of each template, given to all its beats.

        Parameters
        ----------
        values : ndarray of float, shape (beats, columns)
        """
        counts = np.bincount(self.number)
        columns = [np.bincount(self.number, column) / np.maximum(counts, 1) for column in values.T]
        return np.stack(columns, axis=1)[self.number]


def find_templates(beats: Beats, settings: TemplateSettings) -> Templates:
    """Group the beats of a record by shape and timing.

    K-means over the principal components of the segments of all leads and the RR intervals before
    and after. The same record gives the same templates. The time it takes is proportional to the
    number of beats.

    Parameters
    ----------
    beats : Beats
    settings : TemplateSettings
    """
    count = min(settings.count, len(beats) // BEATS_EACH)
    if count < 2:
        return Templates(beats, np.ones(len(beats), dtype=int))
    from sklearn.cluster import KMeans

    space = template_space(beats, settings)
    groups = KMeans(count, n_init=1, max_iter=40, random_state=0).fit_predict(space)
    return Templates(beats, by_size(groups))


def halved(templates: Templates, number: int, settings: TemplateSettings) -> np.ndarray:
    """The smaller part of a template when it is split in two, as places in its record.

    Parameters
    ----------
    templates : Templates
    number : int
        A template with two beats or more.
    settings : TemplateSettings
    """
    from sklearn.cluster import KMeans

    members = templates[number].beats
    space = template_space(templates.beats, settings)[members]
    part = KMeans(2, n_init=4, random_state=0).fit_predict(space)
    smaller = int(np.sum(part == 1) <= np.sum(part == 0))
    half = members[part == smaller]
    return half if len(half) else members[-1:]  # beats that do not differ at all


def by_size(groups: np.ndarray) -> np.ndarray:
    """Numbers of groups from 1, the largest first; of groups of one size the earliest first."""
    _, first, which, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(sizes), dtype=int)
    rank[np.lexsort((first, -sizes))] = np.arange(1, len(sizes) + 1)
    return rank[which]


def template_space(beats: Beats, settings: TemplateSettings) -> np.ndarray:
    """Numbers by which beats are compared, shape (beats, `DIMENSIONS` + 2) or fewer."""
    segments = all_leads(beats)
    segments -= segments.mean(axis=2, keepdims=True)  # in place: a day has many beats
    flat = np.clip(segments, -LARGEST, LARGEST, out=segments).reshape(len(beats), -1)
    flat -= flat.mean(axis=0)
    parts = np.split(flat, range(BEATS_AT_ONCE, len(flat), BEATS_AT_ONCE))
    squares = np.zeros((flat.shape[1], flat.shape[1]))
    for part in parts:
        part = part / np.sqrt(flat.shape[1])
        squares += part.T @ part
    _, axes = np.linalg.eigh(squares)
    best = axes[:, ::-1][:, :DIMENSIONS]
    shape = np.concatenate([part / np.sqrt(flat.shape[1]) @ best for part in parts])
    timing = np.log(np.clip(np.stack(relative_rr(beats), axis=1), 0.3, 3.0))
    return np.concatenate([shape, settings.timing * timing], axis=1).astype(np.float32)


def all_leads(beats: Beats) -> np.ndarray:
    """Segments in every lead, the first lead first, shape (beats, leads, samples).

    Its unit is the standard deviation of its template beat; that of each other lead is the median
    standard deviation of its beats.
    """
    others = (lead.segments / max(_median_std(lead.segments), 1e-9) for lead in beats.others)
    return np.stack([beats.segments, *others], axis=1)


def _median_std(segments: np.ndarray) -> float:
    return float(np.median(np.std(segments, axis=1)))


def relative_rr(beats: Beats) -> tuple[np.ndarray, np.ndarray]:
    """RR intervals before and after each beat, relative to the median of the 21 beats around."""
    around = np.maximum(median_around(beats.rr_pre), 0.01)
    return beats.rr_pre / around, beats.rr_post / around


def with_templates(
    probabilities: np.ndarray, templates: Templates, settings: TemplateSettings
) -> np.ndarray:
    """What is said of each beat and of its template, put together.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
        As the network gives them.
    templates : Templates
        Of the same beats.
    settings : TemplateSettings
        ``share`` weighs the mean logarithm of the template's probabilities, the rest those of the
        beat.

    Returns
    -------
    ndarray of float, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; rows sum to 1.
    """
    own = np.log(np.maximum(probabilities, LEAST))
    scores = (1 - settings.share) * own + settings.share * templates.mean(own)
    return softmax(scores, axis=1)
