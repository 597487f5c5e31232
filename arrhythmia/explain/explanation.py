"""Why a beat got its class: evidence per sample, per RR input and per neighbouring beat.

One interface to the methods of `arrhythmia.explain.methods`. What evidence is measured against is
told in `arrhythmia.explain.reference`; how far each method is to be trusted is measured by
``python -m studies faithfulness``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.explain.method_names import DEFAULT_METHOD
from arrhythmia.explain.methods import METHODS
from arrhythmia.explain.reference import RHYTHM, Comparison, compare_with_reference
from arrhythmia.explain.waves import WAVES, Waves
from arrhythmia.labels import BEAT_CLASSES

NEIGHBOURS = "neighbours' shape"
NEIGHBOUR_TIMING = "neighbours' timing"
PARTS = (*WAVES, *RHYTHM, NEIGHBOUR_TIMING, NEIGHBOURS)
"""What evidence is added up by for a reader; the middle five are rhythm."""
RHYTHM_PARTS = (*RHYTHM, NEIGHBOUR_TIMING)
SHARES = {"shape": WAVES, "rhythm": RHYTHM_PARTS, "neighbours' shapes": (NEIGHBOURS,)}
"""Where evidence can lie, and which of `PARTS` that is: the shape of this beat, the rhythm, and the
shapes of the beats around."""


@dataclass(frozen=True)
class Explanation:
    """Evidence for a class, positive where it speaks for it.

    Parameters
    ----------
    method : str
        A key of `arrhythmia.explain.methods.METHODS`.
    target_class : str
        The class explained.
    samples : ndarray of float, shape (samples,)
        Evidence of each sample of the segment. In log odds of the class, except for Grad-CAM
        and Grad-CAM++, whose unit is their own.
    rr : ndarray of float, shape (9,)
        Evidence of each of `arrhythmia.sequences.RR_INPUTS`.
    neighbours : ndarray of int, shape (neighbours,)
        Where the other beats stand that were read with this one: -1 is the beat before.
    neighbour_shapes, neighbour_timing : ndarray of float, shape (neighbours,)
        Evidence of each: of its shape, and of its RR inputs.
    waves : Waves
        Where the waves of the beat are.
    """

    method: str
    target_class: str
    samples: np.ndarray
    rr: np.ndarray
    neighbours: np.ndarray
    neighbour_shapes: np.ndarray
    neighbour_timing: np.ndarray
    waves: Waves

    @property
    def parts(self) -> dict[str, float]:
        """Evidence of waves, rhythm and neighbours, in the order of `PARTS`."""
        of = self.waves.of_samples(len(self.samples))
        parts = {name: float(self.samples[of == i].sum()) for i, name in enumerate(WAVES)}
        parts |= {name: float(self.rr[list(which)].sum()) for name, which in RHYTHM.items()}
        parts[NEIGHBOUR_TIMING] = float(self.neighbour_timing.sum())
        parts[NEIGHBOURS] = float(self.neighbour_shapes.sum())
        return parts

    @property
    def percent(self) -> dict[str, float]:
        """`parts` in percent of all that speaks for the class; negative speaks against it."""
        parts = self.parts
        total = sum(max(value, 0.0) for value in parts.values())
        return {k: 100 * v / total if total > 1e-9 else 0.0 for k, v in parts.items()}

    @property
    def shares(self) -> dict[str, float]:
        """Where the evidence lies, in percent that sum to 100 (or are all 0): `SHARES`."""
        positive = {part: max(value, 0.0) for part, value in self.percent.items()}
        sums = {name: sum(positive[part] for part in parts) for name, parts in SHARES.items()}
        total = sum(sums.values())
        return {name: 100 * v / total if total > 0 else 0.0 for name, v in sums.items()}

    @property
    def heat(self) -> np.ndarray:
        """Evidence along the segment from 0 to 1, relative to the strongest place."""
        positive = np.maximum(self.samples, 0.0)
        top = float(positive.max())
        return positive / top if np.isfinite(top) and top > 1e-9 else np.zeros(len(positive))


def called_class(classifier: Classifier, beats: Beats, beat: int) -> str:
    """The class that the network gives a beat by itself: the one with the greatest probability."""
    probabilities = classifier.network_probabilities(beats, np.array([beat]))
    return BEAT_CLASSES[int(probabilities[beat].argmax())]


def find_evidence(
    classifier: Classifier,
    beats: Beats,
    beat: int,
    method: str = DEFAULT_METHOD,
    target_class: str | None = None,
    waves: Waves | None = None,
) -> Explanation:
    """Evidence for a class of one beat.

    Parameters
    ----------
    classifier : Classifier
        Trained, or loaded from disk.
    beats : Beats
        All beats of a record, as `Classifier.find_beats` gives them.
    beat : int
        Which of them, from 0.
    method : str
        A key of `arrhythmia.explain.methods.METHODS`.
    target_class : str, optional
        One of `arrhythmia.labels.BEAT_CLASSES`; by default `called_class`.
    waves : Waves, optional
        Of the beat; by default a division of its segment.

    Raises
    ------
    InputError
        If there is no such method, class or beat.

    Examples
    --------
    >>> from arrhythmia.classifier import Classifier
    >>> from arrhythmia.records import read_excerpt
    >>> classifier = Classifier.load()
    >>> beats = classifier.find_beats(read_excerpt())
    >>> evidence = find_evidence(classifier, beats, 10, "occlusion")
    >>> max(evidence.percent, key=evidence.percent.get) in PARTS
    True
    """
    check_choice(method, METHODS, "method")
    if target_class is not None:
        check_choice(target_class, BEAT_CLASSES, "class")
    check_beat(beats, beat)
    target_class = target_class or called_class(classifier, beats, beat)
    comparison = compare_with_reference(classifier, beats, beat, target_class, waves)
    return from_atoms(comparison, method, METHODS[method](classifier, comparison))


def check_beat(beats: Beats, beat: int) -> None:
    """Raise an error if a record has no such beat."""
    if not 0 <= beat < len(beats):
        raise InputError(
            f"beat {beat} is not in record '{beats.record}': its beats are 0 to {len(beats) - 1}"
        )


def check_choice(value: str, known: Sequence[str] | dict, kind: str) -> None:
    """Raise an error if a value is not one of those known."""
    if value not in known:
        raise InputError(f"no {kind} '{value}': choose one of {', '.join(known)}")


def from_atoms(comparison: Comparison, method: str, atoms: np.ndarray) -> Explanation:
    """Explanation from the evidence of the atoms, as a method gives it."""
    samples, rr, shapes, timing = comparison.split(atoms)
    others = comparison.neighbours
    return Explanation(
        method, comparison.target_class, samples, rr, others - comparison.here, shapes[others],
        timing[others], comparison.waves,
    )  # fmt: skip
