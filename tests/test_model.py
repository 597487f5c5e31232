"""Tests of `arrhythmia.model`: what the network is made of, and other ways to run its layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arrhythmia.backend import keras
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model import NetworkSettings, build_encoder, build_network, halves, side_by_side
from arrhythmia.sequences import CHANNELS, RR_INPUTS

SAMPLES = 30
SHAPES = {
    "both ways": NetworkSettings(run=4, filters=(4, 6), kernels=(5, 3), features=5, units=3),
    "one way": NetworkSettings(
        run=4, filters=(4, 6), kernels=(5, 3), features=5, units=3, bidirectional=False
    ),
    "one block, single beats": NetworkSettings(
        run=1, filters=(4,), kernels=(3,), features=5, units=3
    ),
}
ROUNDING = 1e-6
"""Float32 holds seven digits; the same sums are taken in another order in each way to run them."""

EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def made_network(shape: NetworkSettings, seed: int = 0) -> keras.Model:
    """A network whose weights, statistics of the normalisation included, are all different."""
    keras.utils.set_random_seed(seed)
    network = build_network(SAMPLES, len(RR_INPUTS), shape)
    rng = np.random.default_rng(seed)
    weights = [w + rng.uniform(0.02, 0.2, w.shape) for w in network.get_weights()]
    network.set_weights(weights)
    return network


def runs(shape: NetworkSettings, count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    segments = rng.normal(size=(count, shape.run, SAMPLES, CHANNELS)).astype(np.float32)
    return [segments, rng.normal(size=(count, shape.run, len(RR_INPUTS))).astype(np.float32)]


# --- the network ----------------------------------------------------------------------------


@EVERY_SHAPE
def test_a_network_gives_probabilities_for_every_beat_of_a_run(shape: NetworkSettings) -> None:
    probabilities = np.asarray(made_network(shape)(runs(shape)))
    assert probabilities.shape == (3, shape.run, len(BEAT_CLASSES))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=ROUNDING)


def test_the_encoder_is_run_over_consecutive_beats_which_an_lstm_reads() -> None:
    network = build_network(SAMPLES, len(RR_INPUTS), SHAPES["both ways"])
    each_beat, lstm = network.get_layer("each_beat"), network.get_layer("lstm")
    assert isinstance(each_beat, keras.layers.TimeDistributed)
    assert isinstance(lstm, keras.layers.Bidirectional)
    assert isinstance(lstm.forward_layer, keras.layers.LSTM)
    assert lstm.forward_layer.return_sequences
    one_way = build_network(SAMPLES, len(RR_INPUTS), SHAPES["one way"])
    assert isinstance(one_way.get_layer("lstm"), keras.layers.LSTM)


@EVERY_SHAPE
def test_the_encoder_is_convolutions_that_halve_the_time_axis(shape: NetworkSettings) -> None:
    encoder = build_encoder(SAMPLES, shape)
    assert encoder.output_shape == (None, shape.features)
    samples = SAMPLES
    for block, (filters, kernel) in enumerate(zip(shape.filters, shape.kernels, strict=True), 1):
        convolution = encoder.get_layer(f"conv{block}")
        assert isinstance(convolution, keras.layers.Conv1D)
        assert convolution.kernel.shape[0] == kernel
        assert convolution.output.shape[1:] == (samples, filters)
        samples //= 2
        assert encoder.get_layer(f"pool{block}").output.shape[1:] == (samples, filters)


def test_as_many_kernels_as_filters_are_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        build_encoder(SAMPLES, NetworkSettings(filters=(4, 8), kernels=(3,)))


def test_the_shipped_shape_is_small() -> None:
    network = build_network(90, len(RR_INPUTS), NetworkSettings())
    assert network.input_shape == [(None, 16, 90, 2), (None, 16, 9)]
    assert 10_000 < network.count_params() < 51_013  # fewer weights than DS1 has beats


@pytest.mark.parametrize(("name", "looks_ahead"), [("one way", False), ("both ways", True)])
def test_only_a_network_that_reads_both_ways_looks_ahead(name: str, looks_ahead: bool) -> None:
    shape = SHAPES[name]
    network, (segments, rr) = made_network(shape), runs(shape, 1)
    before = np.asarray(network([segments, rr]))[0]
    for later in (1, 2, 3):
        changed = rr.copy()
        changed[0, later] += 5.0
        change = np.abs(np.asarray(network([segments, changed]))[0] - before).max(axis=-1)
        assert (change[:later] > ROUNDING).all() == looks_ahead
        assert change[later] > ROUNDING


def test_shape_and_rhythm_both_reach_the_probabilities() -> None:
    shape = SHAPES["both ways"]
    network, (segments, rr) = made_network(shape), runs(shape)
    probabilities = np.asarray(network([segments, rr]))
    for others in ([np.roll(segments, 3, axis=2), rr], [segments, rr + 0.5]):
        assert np.abs(np.asarray(network(others)) - probabilities).max() > 1e-4


def test_runs_do_not_depend_on_the_other_runs_of_a_batch() -> None:
    shape = SHAPES["both ways"]
    network, batch = made_network(shape), runs(shape)
    together = np.asarray(network(batch))
    for run in range(3):
        alone = np.asarray(network([values[run : run + 1] for values in batch]))
        np.testing.assert_allclose(alone[0], together[run], atol=ROUNDING)


def test_a_saved_network_needs_no_code_of_this_project(tmp_path: Path) -> None:
    shape = SHAPES["both ways"]
    network, batch = made_network(shape), runs(shape)
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(again(batch), network(batch), atol=ROUNDING)
    encoder = again.get_layer("each_beat").layer
    for layer in [*again.layers, *encoder.layers]:
        assert type(layer).__module__.startswith("keras."), layer.name
        assert not isinstance(layer, keras.layers.Lambda)


# --- other ways to run the same layers ------------------------------------------------------


@EVERY_SHAPE
def test_beats_side_by_side_get_the_same_probabilities(shape: NetworkSettings) -> None:
    network, batch = made_network(shape), runs(shape)
    faster = side_by_side(network)
    np.testing.assert_allclose(faster(batch), network(batch), atol=ROUNDING)
    assert not any(isinstance(layer, keras.layers.TimeDistributed) for layer in faster.layers)


@EVERY_SHAPE
def test_the_two_halves_give_the_scores_of_the_whole(shape: NetworkSettings) -> None:
    network, (segments, rr) = made_network(shape), runs(shape)
    encoder, reader = halves(network)
    described = np.asarray(encoder(segments.reshape(-1, SAMPLES, CHANNELS)))
    assert described.shape == (3 * shape.run, shape.features)
    scores = np.asarray(reader([described.reshape(3, shape.run, -1), rr]))
    probabilities = np.asarray(network([segments, rr]))
    np.testing.assert_allclose(
        np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True), probabilities, rtol=1e-4
    )


@EVERY_SHAPE
def test_weights_are_shared_not_copied(shape: NetworkSettings) -> None:
    network = made_network(shape)
    known = {id(weight) for weight in network.weights}
    for part in (side_by_side(network), *halves(network)):
        assert {id(weight) for weight in part.weights} <= known
    assert [id(w) for w in side_by_side(network).weights] == [id(w) for w in network.weights]
    changed, batch = side_by_side(network), runs(shape)
    before = np.asarray(changed(batch))
    network.set_weights([weight + 0.1 for weight in network.get_weights()])
    assert np.abs(np.asarray(changed(batch)) - before).max() > 1e-4
