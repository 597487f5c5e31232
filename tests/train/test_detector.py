"""Tests of `arrhythmia.train.detector`: examples keep their beats, and training learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.detector import BAND, RATE, beats_in, qrs_probability, shipped_weights
from arrhythmia.records import read_record
from arrhythmia.train.detector import (
    SECONDS,
    Marked,
    build_network,
    example,
    marked_record,
    save_weights,
    train_detector,
)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Marked:
    path = make_record(tmp_path_factory.mktemp("d"), symbols="NNNVNNNNNN" * 10)
    return marked_record(read_record(path))


def test_a_record_is_read_at_the_rate_of_the_detector(marked: Marked) -> None:
    assert len(marked.signals) == 2
    assert len(marked.marks) == 100
    assert marked.ventricular.sum() == 10
    assert np.abs(marked.signals.mean(axis=1)).max() < 0.05
    assert BAND == (0.5, 40.0)


def test_an_example_wants_what_its_record_marks(marked: Marked) -> None:
    for seed in range(20):
        signals, wanted, weight = example(marked, np.random.default_rng(seed))
        assert signals.shape == (2, round(SECONDS * RATE))
        assert wanted.shape == weight.shape == signals.shape[1:]
        assert np.isfinite(signals).all()
        assert 5 <= np.sum(np.diff(wanted) > 0) <= 60  # beats
        assert weight.min() == 1 < weight.max()


@pytest.mark.slow
def test_training_learns_to_find_beats(marked: Marked, tmp_path: Path) -> None:
    weights = train_detector([marked], steps=80)
    found = beats_in(qrs_probability(list(marked.signals), weights))
    apart = np.abs(found[:, None] - marked.marks)
    assert len(found) > 50
    assert np.mean(apart.min(axis=0) < 10) > 0.8
    save_weights(weights, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as stored:
        np.testing.assert_array_equal(stored["kernel0"], weights.kernels[0])


def test_what_is_run_is_what_is_trained() -> None:
    network, weights = build_network(), shipped_weights()
    pairs = zip(weights.kernels, weights.biases, strict=True)
    network.set_weights([part for pair in pairs for part in pair])
    signal = np.random.default_rng(0).normal(size=600).astype(np.float32)
    from arrhythmia.detector import _convolve

    expected = np.asarray(network(signal[None, :, None]))[0]
    np.testing.assert_allclose(_convolve(signal, weights), expected, atol=1e-3)
