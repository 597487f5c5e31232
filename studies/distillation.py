"""One network that learns what several say on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads, RunBatches, TrainingBeats, join_beats
from arrhythmia.train.fit import fit_batches
from arrhythmia.train.settings import TrainingSettings
from arrhythmia.train.trainer import kept_trainer
from studies.recipes import training_items


class SoftBatches(RunBatches):
    """Batches whose targets are probabilities instead of classes.

    Parameters
    ----------
    beats : TrainingBeats
        What to draw from.
    settings : TrainingSettings
        Batches and augmentation.
    seed : int
        See `RunBatches`.
    probabilities : ndarray of float32, shape (beats, 5)
        To be learnt for each beat.
    """

    def __init__(
        self,
        beats: TrainingBeats,
        settings: TrainingSettings,
        seed: int,
        probabilities: np.ndarray,
    ) -> None:
        super().__init__(beats, settings, seed)
        self.probabilities = probabilities

    def targets(self, places: np.ndarray) -> np.ndarray:
        """Probabilities to be learnt: ndarray of float32, shape (batch, run, 5)."""
        return self.probabilities[places]


def distil(
    members: Sequence[Classifier],
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
) -> Classifier:
    """Train one network on the mean of the probabilities of several.

    Hinton et al., arXiv:1503.02531, at temperature 1.

    Parameters
    ----------
    members : sequence of Classifier
        Trained on the same records.
    records : dict
        As `arrhythmia.train.batches.prepare_records` gives them.
    beat_settings : BeatSettings
        How beats are made.
    settings : TrainingSettings
        How the members were trained. Classes are not weighted here, and priors not corrected: the
        probabilities of the members are right already.
    seed : int
        Random seed.
    """
    soft = replace(settings, members=1, class_weight_exponent=0.0, prior_correction=0.0)
    items = training_items(records, soft, beat_settings, seed)
    probabilities = np.concatenate(
        [
            np.mean([m.network_probabilities(b) for m in members], axis=0, dtype=np.float32)
            for b in items
        ]
    )
    beats = join_beats(items, soft, len(records))
    batches = SoftBatches(beats, soft, seed, probabilities)
    trainer = kept_trainer(beat_settings.length, soft)
    return fit_batches(batches, trainer, records, beat_settings)[0]
