"""Tests of `arrhythmia.train.trainer`: a network trained anew each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from train.tiny import BEATS, TINY, step_by_step

from arrhythmia.backend import keras
from arrhythmia.model import build_network
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.train.batches import RunBatches, TrainingBeats
from arrhythmia.train.trainer import Trainer, kept_trainer, learning_rate


def build() -> keras.Model:
    return build_network(BEATS.length, len(RR_INPUTS), TINY.network)


def trained(trainer: Trainer, beats: TrainingBeats, seed: int) -> tuple[list[np.ndarray], dict]:
    """Weights and history of a training from a seed."""
    keras.utils.set_random_seed(seed)
    with step_by_step():
        history = trainer.train(RunBatches(beats, TINY, seed))
    return trainer.network.get_weights(), history.to_dict("list")


@pytest.mark.slow
def test_a_network_trained_again_is_as_good_as_a_new_one(drawn: TrainingBeats) -> None:
    trainer = Trainer(build, TINY)
    expected, history = trained(trainer, drawn, 1)
    assert history["epoch"] == [1, 2]
    assert np.isfinite(history["loss"]).all()
    other, other_history = trained(trainer, drawn, 2)
    assert other_history != history
    assert not np.allclose(expected[0], other[0])
    again, same_history = trained(trainer, drawn, 1)
    np.testing.assert_allclose(same_history["loss"], history["loss"], rtol=1e-6)
    for weight, same in zip(expected, again, strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-6)


@pytest.mark.slow
def test_a_trained_network_is_not_changed_by_the_next_training(drawn: TrainingBeats) -> None:
    trainer = Trainer(build, TINY)
    weights, _ = trained(trainer, drawn, 1)
    network = trainer.trained_network()
    trained(trainer, drawn, 2)
    for weight, kept in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, kept)


@pytest.mark.slow
def test_the_loss_can_be_another(drawn: TrainingBeats) -> None:
    _, history = trained(Trainer(build, TINY), drawn, 1)
    focal = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0)
    _, other = trained(Trainer(build, TINY, focal), drawn, 1)
    assert other["loss"][0] < history["loss"][0]


def test_a_trainer_is_kept_for_what_does_not_depend_on_the_beats_drawn() -> None:
    trainer = kept_trainer(BEATS.length, TINY)
    assert kept_trainer(BEATS.length, replace(TINY, copies=3, noise=0.5, batch=9)) is trainer
    longer = kept_trainer(BEATS.length + 10, TINY)
    assert longer.network.input_shape[0][2] == BEATS.length + 10
    assert kept_trainer(BEATS.length + 10, replace(TINY, epochs=3)) is not longer


def test_the_learning_rate_rises_and_then_falls() -> None:
    settings = replace(TINY, epochs=10, steps=100)
    rate = learning_rate(settings)
    steps = np.arange(0, 1000)
    values = np.array([float(rate(step)) for step in steps])
    assert values.max() == pytest.approx(settings.learning_rate, rel=1e-3)
    top = int(values.argmax())
    assert 0 < top <= 100
    assert (np.diff(values[:top]) > 0).all()
    assert (np.diff(values[top + 1 :]) <= 0).all()
    assert values[-1] == pytest.approx(settings.learning_rate / 50, rel=0.01)
