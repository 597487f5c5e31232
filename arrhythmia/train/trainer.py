"""A network with its optimiser, compiled once and trained time and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.backend import keras
from arrhythmia.model import build_network, side_by_side
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.train.batches import RunBatches
from arrhythmia.train.settings import TrainingSettings

if TYPE_CHECKING:
    import pandas as pd


class Trainer:
    """A compiled network that can be trained from fresh weights time and again.

    Tracing one takes as long as many epochs, and it is used for every fold and every member of
    an ensemble.

    Parameters
    ----------
    build : callable
        Gives a network as `arrhythmia.model.build_network` does, with fresh weights.
    settings : TrainingSettings
        Epochs, steps, and how the learning rate goes.
    loss : keras.Loss, optional
        Cross-entropy by default.

    Attributes
    ----------
    network : keras.Model
        With the weights of the last training.
    """

    def __init__(
        self,
        build: Callable[[], keras.Model],
        settings: TrainingSettings,
        loss: keras.Loss | None = None,
    ) -> None:
        self.build, self.settings = build, settings
        self.network = build()
        self.compiled = side_by_side(self.network)
        self.compiled.compile(
            optimizer=keras.optimizers.AdamW(
                learning_rate(settings), weight_decay=settings.weight_decay, clipnorm=1.0
            ),
            loss=loss or keras.losses.CategoricalCrossentropy(),
            weighted_metrics=[keras.metrics.CategoricalAccuracy("accuracy")],
        )

    def train(self, batches: RunBatches, verbose: bool = False) -> pd.DataFrame:
        """Train from fresh weights.

        Parameters
        ----------
        batches : RunBatches
            From its first epoch on.
        verbose : bool
            Print a line for each epoch.

        Returns
        -------
        pandas.DataFrame
            A row an epoch: ``epoch``, and the means of ``loss`` and ``accuracy`` over its batches.
        """
        import pandas as pd

        for variable, start in zip(self.network.variables, self.build().variables, strict=True):
            variable.assign(start)
        for variable in self.compiled.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        rows = []
        # Keras' fit asks for the first batches once more, to learn their shapes, and so loses
        # some; fed by a generator it compiles another graph, whose sums differ in the last digits.
        # With either, no network trained so far could be repeated.
        for epoch in range(1, self.settings.epochs + 1):
            steps = [
                self.compiled.train_on_batch(*batches[step], return_dict=True)
                for step in range(len(batches))
            ]
            batches.on_epoch_end()
            means = {k: float(np.mean([s[k] for s in steps])) for k in ("loss", "accuracy")}
            rows.append({"epoch": epoch} | means)
            if verbose:
                print("epoch {epoch}: loss {loss:.4f}, accuracy {accuracy:.4f}".format(**rows[-1]),
                      flush=True)  # fmt: skip
        return pd.DataFrame(rows)

    def trained_network(self) -> keras.Model:
        """A network of its own with the weights of the last training."""
        network = self.build()
        network.set_weights(self.network.get_weights())
        return network


def learning_rate(settings: TrainingSettings) -> keras.optimizers.schedules.CosineDecay:
    """Learning rate by step: a short warm-up, then down along a cosine to a fiftieth."""
    warm_up = min(100, settings.epochs * settings.steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20,
        settings.epochs * settings.steps - warm_up,
        alpha=0.02,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )


def kept_trainer(samples: int, settings: TrainingSettings) -> Trainer:
    """Trainer of the standard network; the last one is kept for the next call.

    Parameters
    ----------
    samples : int
        Samples of a segment.
    settings : TrainingSettings
        A trainer is used again where what it depends on is the same, whatever is drawn.
    """
    shape = replace(
        TrainingSettings(),
        network=settings.network,
        epochs=settings.epochs,
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    return _trainer(samples, shape)


@lru_cache(maxsize=1)
def _trainer(samples: int, shape: TrainingSettings) -> Trainer:
    return Trainer(lambda: build_network(samples, len(RR_INPUTS), shape.network), shape)
