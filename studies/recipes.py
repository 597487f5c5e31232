"""How an arm of a study trains where it does something that settings cannot say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from arrhythmia.backend import keras
from arrhythmia.beats import Beats, Prepared, cut_beats
from arrhythmia.classifier import Classifier
from arrhythmia.model import build_network
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import (
    Leads,
    RunBatches,
    TrainingBeats,
    join_beats,
    simulated_records,
)
from arrhythmia.train.fit import fit_batches
from arrhythmia.train.settings import TrainingSettings
from arrhythmia.train.simulate import find_donors
from arrhythmia.train.trainer import Trainer, kept_trainer
from studies.inputs import cut_beats_of_the_past, without_inputs
from studies.oversampling import balanced, oversampled


@dataclass(frozen=True)
class Recipe:
    """A training that differs from `arrhythmia.train.fit.fit` in some step.

    Parameters
    ----------
    cut : callable
        Cuts the beats of a record.
    resample : callable, optional
        From `TrainingBeats`, the length of a run and a seed to other `TrainingBeats`.
    change : callable, optional
        From a network to the one that is trained in its place.
    loss : callable, optional
        Makes the loss; cross-entropy by default.
    """

    cut: Callable[[Prepared, BeatSettings], Beats] = cut_beats
    resample: Callable[[TrainingBeats, int, int], TrainingBeats] | None = None
    change: Callable[[keras.Model], keras.Model] | None = None
    loss: Callable[[], keras.Loss] | None = None

    def trainer(self, samples: int, settings: TrainingSettings) -> Trainer:
        """What `fit` trains with, for all folds.

        Parameters
        ----------
        samples : int
            Samples of a segment.
        settings : TrainingSettings
        """
        if self.change is None and self.loss is None:
            return kept_trainer(samples, settings)

        def build() -> keras.Model:
            network = build_network(samples, len(RR_INPUTS), settings.network)
            return network if self.change is None else self.change(network)

        return Trainer(build, settings, self.loss and self.loss())

    def fit(
        self,
        records: dict[str, Leads],
        beat_settings: BeatSettings,
        settings: TrainingSettings,
        seed: int,
        trainer: Trainer,
    ) -> Classifier:
        """Train one network as `arrhythmia.train.fit.fit` does, but for what is varied.

        Parameters
        ----------
        records : dict
            Training records, as `arrhythmia.train.batches.prepare_records` gives them.
        beat_settings : BeatSettings
            How beats are made.
        settings : TrainingSettings
            How the network is trained.
        seed : int
            Random seed.
        trainer : Trainer
            As `trainer` gives it.
        """
        items = training_items(records, settings, beat_settings, seed, self.cut)
        beats = join_beats(items, settings, len(records))
        if self.resample is not None:
            beats = self.resample(beats, settings.network.run, seed)
        return fit_batches(RunBatches(beats, settings, seed), trainer, records, beat_settings)[0]


def training_items(
    records: dict[str, Leads],
    settings: TrainingSettings,
    beat_settings: BeatSettings,
    seed: int,
    cut: Callable[[Prepared, BeatSettings], Beats] = cut_beats,
) -> list[Beats]:
    """Beats of records and of the simulated records made from them, cut by any function.

    Parameters
    ----------
    records : dict
        Training records, as `arrhythmia.train.batches.prepare_records` gives them.
    settings : TrainingSettings
        How many records are simulated, and how.
    beat_settings : BeatSettings
        How beats are made.
    seed : int
        Of the simulated records.
    cut : callable
        Cuts the beats of a record.
    """
    rng = np.random.default_rng(seed)
    items = [cut(leads[0], beat_settings) for leads in records.values()]
    donors = find_donors(items)
    simulated = simulated_records(records, donors, settings, beat_settings, rng)
    return items + [cut(record, beat_settings) for record in simulated]


def make_recipe(varied: dict) -> Recipe:
    """Recipe from what is varied, as an arm names it and a stored result holds it.

    Parameters
    ----------
    varied : dict
        Empty, or one of: ``focal_gamma``, the exponent of the focal loss (Lin et al., ICCV 2017),
        in which beats already told apart count less; ``sampling``, ``"balanced"`` for runs drawn
        so that each class is met about equally often, ``"SMOTE"`` or ``"ADASYN"`` for
        interpolated ones (see `studies.oversampling`); ``unseen``, those of
        `studies.inputs.INPUTS` that the network does not see; ``past_minutes``, how far back each
        beat's template beat, amplitude and mean RR interval look.
    """
    recipe = Recipe()
    for key, value in varied.items():
        recipe = replace(recipe, **_STEPS[key](value))
    return recipe


def _focal(gamma: float) -> dict:
    loss = partial(keras.losses.CategoricalFocalCrossentropy, alpha=1.0, gamma=gamma)
    return {"loss": loss}


def _sampling(method: str) -> dict:
    return {"resample": balanced if method == "balanced" else partial(oversampled, method=method)}


def _unseen(inputs: Sequence[str]) -> dict:
    return {"change": partial(without_inputs, unseen=inputs)}


def _past(minutes: float) -> dict:
    return {"cut": partial(cut_beats_of_the_past, minutes=minutes)}


_STEPS: Final = {
    "focal_gamma": _focal, "sampling": _sampling, "unseen": _unseen, "past_minutes": _past,
}  # fmt: skip
