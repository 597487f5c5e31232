"""The inputs of a beat beside those of a reference, which explanations compare.

Every explanation asks the same question: what in these inputs speaks for a class, compared with
a reference? The reference of S, V, E and F is the patient's template beat, on time, among template
beats on time. Compared with that nothing speaks for N, so N is compared with its contrary: no
wave at all, and early. Inputs are told apart as *atoms*: the samples of the beat, its RR inputs,
and the shape and the RR inputs of each neighbour. Atoms can be set to the reference one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.explain.waves import WAVES, Waves, find_waves
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.rr import median_around
from arrhythmia.sequences import limited_logarithms, network_inputs, rr_ratios

RHYTHM = {
    "time of arrival": (0, 2, 4, 5, 7),
    "pause after": (1, 3),
    "irregularity": (6,),
    "P waves around": (8,),
}
"""What the RR inputs tell, and which of `arrhythmia.sequences.RR_INPUTS` tell it."""

EARLY = (0.7, 1.3)
"""RR before and after of an early beat, the contrary of N, relative to the local RR interval."""
STEADY_RR = 0.03
"""Irregularity of a steady rhythm."""
WITH_P = 0.9
"""P-wave similarity in sinus rhythm, see `arrhythmia.p_wave.p_wave_similarity`."""


@dataclass(frozen=True)
class Comparison:
    """Inputs for one beat, and those of the reference.

    Parameters
    ----------
    target_class : str
        The class that is explained; it decides the reference.
    places : ndarray of int, shape (run,)
        Which beats of the record the network reads together.
    here : int
        Place of the beat explained among them.
    segments, reference_segments : ndarray of float32, shape (run, samples, 2)
        What the network sees of their shapes, and would see of the reference.
    rr, reference_rr : ndarray of float32, shape (run, 9)
        The same of their timing.
    waves : Waves
        Of the beat explained.
    """

    target_class: str
    places: np.ndarray
    here: int
    segments: np.ndarray
    reference_segments: np.ndarray
    rr: np.ndarray
    reference_rr: np.ndarray
    waves: Waves

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Atoms: samples of the beat, its RR inputs, shapes and RR inputs of the run."""
        run, samples = self.segments.shape[:2]
        return samples, self.rr.shape[1], run, run

    @property
    def neighbours(self) -> np.ndarray:
        """Places of the other beats in the run."""
        return np.delete(np.arange(len(self.places)), self.here)

    def split(self, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Values of atoms (…, atoms) by kind, in the order of `sizes`."""
        parts = np.split(atoms, np.cumsum(self.sizes)[:-1], axis=-1)
        return parts[0], parts[1], parts[2], parts[3]

    def distances(self) -> np.ndarray:
        """How far each atom is from the reference, shape (atoms,)."""
        shapes = np.abs(self.segments - self.reference_segments).sum(axis=2)
        timing = np.abs(self.rr - self.reference_rr)
        other = np.arange(len(self.places)) != self.here
        return np.concatenate(
            [shapes[self.here], timing[self.here], shapes.sum(1) * other, timing.sum(1) * other]
        )

    def inputs(self, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs of variants of this run.

        Parameters
        ----------
        kept : ndarray of float, shape (variants, atoms)
            1 where an atom is as it is, 0 where it is as in the reference; parts of the way
            are allowed.

        Returns
        -------
        segments : ndarray of float32, shape (variants, run, samples, 2)
        rr : ndarray of float32, shape (variants, run, 9)
        """
        samples, _, shapes, _ = self.split(np.asarray(kept, dtype=np.float32))
        by_shape = np.repeat(shapes[:, :, None], samples.shape[1], axis=2)
        by_shape[:, self.here] = samples
        away = self.segments - self.reference_segments
        return self.reference_segments + by_shape[..., None] * away, self.timing(kept)

    def timing(self, kept: np.ndarray) -> np.ndarray:
        """RR inputs of variants, the second part of `inputs`."""
        _, of_beat, _, of_others = self.split(np.asarray(kept, dtype=np.float32))
        by_rr = np.repeat(of_others[:, :, None], of_beat.shape[1], axis=2)
        by_rr[:, self.here] = of_beat
        return self.reference_rr + by_rr * (self.rr - self.reference_rr)

    def wave_parts(self) -> list[tuple[str, np.ndarray]]:
        """Parts a person can name, each with its atoms as a mask: waves, rhythm, neighbours."""
        samples, inputs, run, _ = self.sizes
        of = self.waves.of_samples(samples)
        masks = [(name, of == i) for i, name in enumerate(WAVES)]
        parts = [(n, np.concatenate([m, np.zeros(inputs + 2 * run, bool)])) for n, m in masks]
        for name, which in RHYTHM.items():
            parts.append((name, self._mask(samples + np.array(which))))
        for kind, first in (("shape", samples + inputs), ("RR", samples + inputs + run)):
            for place in self.neighbours:
                name = f"{kind} of the beat {place - self.here:+d}"
                parts.append((name, self._mask(np.array([first + place]))))
        return [(name, mask) for name, mask in parts if mask.any()]

    def _mask(self, atoms: np.ndarray) -> np.ndarray:
        mask = np.zeros(sum(self.sizes), bool)
        mask[atoms] = True
        return mask


def compare_with_reference(
    classifier: Classifier,
    beats: Beats,
    beat: int,
    target_class: str | None = None,
    waves: Waves | None = None,
) -> Comparison:
    """Inputs for a beat in the run that has it in the middle, with the reference.

    Parameters
    ----------
    classifier : Classifier
        Trained, or loaded from disk.
    beats : Beats
        All beats of the record.
    beat : int
        Which of them, from 0.
    target_class : str, optional
        One of `arrhythmia.labels.BEAT_CLASSES`; by default the class with the greatest score in
        this run.
    waves : Waves, optional
        Of the beat, as `arrhythmia.explain.waves.beat_waves` finds them; by default a division
        of its segment.
    """
    places, here = run_around(len(beats), beat, classifier.settings.run)
    inputs = network_inputs(beats)
    segments, rr = inputs.segments[places], inputs.rr[places]
    if target_class is None:
        scores = np.asarray(classifier.scores(segments[None], rr[None]))[0, here]
        target_class = BEAT_CLASSES[int(scores.argmax())]
    template = np.repeat(beats.template_beat[None], len(places), axis=0)
    plain = np.stack([template, np.zeros_like(template)], axis=-1).astype(np.float32)
    local = median_around(np.maximum(beats.rr_pre, 0.01))[places]
    steady = np.full(len(local), STEADY_RR), np.full(len(local), WITH_P)

    def rr_of(rr_pre: np.ndarray, rr_post: np.ndarray) -> np.ndarray:
        ratios = rr_ratios(rr_pre, rr_post, beats.mean_rr, local, local, *steady)
        return limited_logarithms(ratios)

    plain_rr = rr_of(local, local)
    if target_class == "N":
        plain[here] = np.stack([0 * template[here], -2 * template[here]], axis=-1)
        plain_rr[here] = rr_of(EARLY[0] * local, EARLY[1] * local)[here]
    if waves is None:
        center = classifier.settings.beats.left
        waves = find_waves(beats.segments[beat], beats.template_beat, beats.fs, center)
    return Comparison(target_class, places, here, segments, plain, rr, plain_rr, waves)


def log_odds(classifier: Classifier, comparison: Comparison, kept: np.ndarray) -> np.ndarray:
    """Log odds of the target class for variants of a beat.

    Parameters
    ----------
    classifier : Classifier
    comparison : Comparison
    kept : ndarray of float, shape (variants, atoms)
        1 where an atom is as it is, 0 where it is as in the reference; parts of the way are
        allowed for samples and RR inputs.

    Returns
    -------
    ndarray of float, shape (variants,)
    """
    samples, _, shapes, _ = comparison.split(np.asarray(kept, dtype=np.float32))
    # many variants share the shape of the beat, and neighbours have two: each is encoded once
    variants, which = np.unique(samples, axis=0, return_inverse=True)
    away = (comparison.segments - comparison.reference_segments)[comparison.here]
    variants = comparison.reference_segments[comparison.here] + variants[..., None] * away
    beats = np.concatenate([comparison.reference_segments, comparison.segments, variants])
    features = classifier.runner.features(beats)
    run = len(comparison.places)
    described = np.where(shapes[..., None] > 0.5, features[run : 2 * run], features[:run])
    described[:, comparison.here] = features[2 * run :][which.ravel()]
    scores = classifier.runner.scores(described, comparison.timing(kept))
    scores, target = scores[:, comparison.here], BEAT_CLASSES.index(comparison.target_class)
    others = np.delete(scores, target, axis=1)
    return scores[:, target] - np.logaddexp.reduce(others.astype(float), axis=1)


def run_around(beats: int, beat: int, length: int) -> tuple[np.ndarray, int]:
    """Beats of the run that has one beat nearest to its middle, and the beat's place in it.

    Parameters
    ----------
    beats : int
        Beats of the record.
    beat : int
        Which of them.
    length : int
        Beats of a run; a shorter record repeats its last beat.
    """
    start = int(np.clip(beat - length // 2, 0, max(beats - length, 0)))
    return np.minimum(start + np.arange(length), beats - 1), beat - start
