"""Tests of `arrhythmia.forward`: what NumPy gives is what Keras gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arrhythmia.backend import keras
from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.forward import Forward, input_shapes
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.sequences import CHANNELS
from arrhythmia.train.ensemble import combine

RNG = np.random.default_rng(0)
SHAPE = NetworkSettings(run=6, filters=(4, 6, 8), features=10, units=7)


def inputs_of(run: int, samples: int, rr: int) -> tuple[np.ndarray, np.ndarray]:
    segments = RNG.normal(size=(5, run, samples, CHANNELS)).astype(np.float32)
    return segments, RNG.normal(size=(5, run, rr)).astype(np.float32)


def randomised(network: keras.Model) -> keras.Model:
    """Weights as after a training, batch normalisation too."""
    network.set_weights(
        [np.abs(RNG.normal(0.3, 0.2, w.shape)) if w.ndim == 1 else RNG.normal(0, 0.2, w.shape)
         for w in network.get_weights()]
    )  # fmt: skip
    return network


def check_same(runner: Forward, network: keras.Model) -> None:
    run, samples = network.input_shape[0][1:3]
    segments, rr = inputs_of(run, samples, network.input_shape[1][2])
    expected = np.asarray(network([segments, rr], training=False))
    features = runner.features(segments.reshape(-1, samples, CHANNELS))
    scores = runner.scores(features.reshape(5, run, -1), rr)
    given = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(given, expected, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_one_network(bidirectional: bool, tmp_path: Path) -> None:
    shape = NetworkSettings(6, (4, 6, 8), (7, 5, 5), 10, 7, bidirectional)
    network = randomised(build_network(45, 9, shape))
    runner = Forward.of(network)
    assert len(runner.members) == 1
    check_same(runner, network)
    network.save(tmp_path / "model.keras")
    check_same(Forward.read(tmp_path / "model.keras"), network)
    assert input_shapes(tmp_path / "model.keras") == network.input_shape


@pytest.mark.parametrize("count", [2, 3])
def test_members_of_an_ensemble_are_run_one_by_one(count: int, tmp_path: Path) -> None:
    network = combine([randomised(build_network(45, 9, SHAPE)) for _ in range(count)], SHAPE)
    network.save(tmp_path / "model.keras")
    runner = Forward.read(tmp_path / "model.keras")
    assert len(runner.members) == count
    check_same(runner, network)


def test_the_shipped_network(tmp_path: Path) -> None:
    classifier = Classifier.load(DEFAULT_MODEL)
    assert len(classifier.runner.members) == 5
    check_same(classifier.runner, classifier.network)


def test_a_network_of_another_kind_is_refused() -> None:
    given = keras.Input((6, 3))
    other = keras.Model(given, keras.layers.GRU(4)(given))
    with pytest.raises(ValueError, match="cannot be run with NumPy"):
        Forward.of(other)


@pytest.mark.slow
def test_no_tensorflow_is_imported_to_classify() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from arrhythmia.annotate.analysis import analyse; "
        "from arrhythmia.classifier import Classifier; "
        "from arrhythmia.records import read_excerpt; "
        "analyse(Classifier.load(), None, read_excerpt()); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
