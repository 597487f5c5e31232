"""Why a beat got its class: evidence per sample, per RR input and per neighbouring beat.

One interface to the methods of `arrhythmia.attribution`; what "evidence" is measured against is
told in `arrhythmia.reading`. How far each method is to be trusted is measured by
`arrhythmia.faithfulness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arrhythmia.attribution import METHODS
from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.reading import RHYTHM, Reading, read_beat
from arrhythmia.records import Record
from arrhythmia.waves import WAVES, Waves

DEFAULT_METHOD = "shap"
"""The one that wins on DS1 (`python -m arrhythmia faithfulness`)."""
METHOD_NAMES = {
    "grad-cam": "Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "integrated-gradients": "integrated gradients",
    "occlusion": "occlusion by waves",
    "shap": "SHAP",
    "lime": "LIME",
}
NEIGHBOURS = "neighbours' shape"
NEIGHBOUR_TIMING = "neighbours' timing"
PARTS = (*WAVES, *RHYTHM, NEIGHBOUR_TIMING, NEIGHBOURS)
"""What evidence is added up by for a reader; the middle five are rhythm."""
RHYTHM_PARTS = (*RHYTHM, NEIGHBOUR_TIMING)


@dataclass(frozen=True)
class Explanation:
    """Evidence for a class, positive where it speaks for it.

    Parameters
    ----------
    method : str
        A key of `arrhythmia.attribution.METHODS`.
    target_class : str
        The class explained.
    samples : ndarray of float, shape (samples,)
        Evidence of each sample of the segment. In log odds of the class, except for Grad-CAM
        and Grad-CAM++, whose unit is their own.
    rr : ndarray of float, shape (8,)
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
        found = {name: float(self.samples[of == i].sum()) for i, name in enumerate(WAVES)}
        found |= {name: float(self.rr[list(which)].sum()) for name, which in RHYTHM.items()}
        found[NEIGHBOUR_TIMING] = float(self.neighbour_timing.sum())
        found[NEIGHBOURS] = float(self.neighbour_shapes.sum())
        return found

    @property
    def percent(self) -> dict[str, float]:
        """`parts` in percent of all that speaks for the class; negative speaks against it."""
        parts = self.parts
        total = sum(max(value, 0.0) for value in parts.values())
        return {k: 100 * v / total if total > 1e-9 else 0.0 for k, v in parts.items()}

    @property
    def elsewhere(self) -> float:
        """Percent of what speaks for the class that is not in the shape of this beat."""
        return sum(max(v, 0.0) for k, v in self.percent.items() if k not in WAVES)

    @property
    def heat(self) -> np.ndarray:
        """Evidence along the segment from 0 to 1, relative to the strongest place."""
        positive = np.maximum(self.samples, 0.0)
        top = float(positive.max())
        return positive / top if np.isfinite(top) and top > 1e-9 else np.zeros(len(positive))

    @property
    def message(self) -> str:
        """What to know when nothing along the beat speaks for the class; else empty."""
        if self.heat.any():
            return ""
        name = METHOD_NAMES[self.method]
        return f"{name} finds nothing in the shape of this beat that speaks for {self.target_class}"


def explain(
    classifier: Classifier,
    record: Record | Beats,
    beat: int,
    method: str = DEFAULT_METHOD,
    target_class: str | None = None,
) -> Explanation:
    """Explain the class of one beat.

    Parameters
    ----------
    classifier : Classifier
        Trained, or loaded from disk.
    record : Record or Beats
        A record with annotation, or all its beats as `Classifier.find_beats` gives them, which
        saves finding them anew for each explanation.
    beat : int
        Which of them, from 0.
    method : str
        A key of `arrhythmia.attribution.METHODS`.
    target_class : str, optional
        One of `arrhythmia.labels.BEAT_CLASSES`; the class with the greatest score by default.

    Raises
    ------
    InputError
        If there is no such method, class or beat.

    Examples
    --------
    >>> from arrhythmia.classifier import Classifier
    >>> from arrhythmia.records import read_excerpt
    >>> classifier = Classifier.load("saved_models/ds1")
    >>> beats = classifier.find_beats(read_excerpt(), detect=True)
    >>> explanation = explain(classifier, beats, 10, "occlusion")
    >>> max(explanation.percent, key=explanation.percent.get) in PARTS
    True
    """
    _check(method, METHODS, "method")
    if target_class is not None:
        _check(target_class, BEAT_CLASSES, "class")
    beats = record if isinstance(record, Beats) else classifier.find_beats(record)
    if not 0 <= beat < len(beats):
        raise InputError(
            f"beat {beat} is not in record '{beats.record}': its beats are 0 to {len(beats) - 1}"
        )
    reading = read_beat(classifier, beats, beat, target_class)
    return from_atoms(reading, method, METHODS[method](classifier, reading))


def from_atoms(reading: Reading, method: str, atoms: np.ndarray) -> Explanation:
    """Explanation from the evidence of the atoms of a reading, as a method gives it."""
    samples, rr, shapes, timing = reading.split(atoms)
    others = reading.neighbours
    return Explanation(
        method, reading.target_class, samples, rr, others - reading.here, shapes[others],
        timing[others], reading.waves,
    )  # fmt: skip


def _check(value: str, known: Sequence[str] | dict, kind: str) -> None:
    if value not in known:
        raise InputError(f"no {kind} '{value}': choose one of {', '.join(known)}")
