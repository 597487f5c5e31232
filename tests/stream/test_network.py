"""Tests of `arrhythmia.stream.network`: it gives what `arrhythmia.forward` gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from arrhythmia.classifier import Classifier
from arrhythmia.files import DEFAULT_MODEL, OWN_MODEL
from arrhythmia.stream.network import Network


@pytest.mark.parametrize("folder", [DEFAULT_MODEL, OWN_MODEL], ids=lambda f: f.name)
@pytest.mark.parametrize("run", [1, 3, 16])
def test_members_side_by_side_give_what_they_give_one_by_one(folder: object, run: int) -> None:
    forward = Classifier.load(folder).runner
    network, rng = Network(forward), np.random.default_rng(0)
    segments = rng.normal(size=(2 * run, 90, 2)).astype(np.float32)
    rr = rng.normal(size=(2, run, 9)).astype(np.float32)
    one_by_one = forward.features(segments)
    members, size = network.features_shape
    features = network.features(segments)
    assert np.allclose(features.transpose(1, 0, 2).reshape(2 * run, -1), one_by_one, atol=1e-5)
    wanted = softmax(forward.scores(one_by_one.reshape(2, run, -1), rr), axis=-1)
    for after in range(run):
        given = network.probabilities(features.reshape(members, 2, run, size), rr, after)
        assert np.allclose(given, wanted[:, run - 1 - after], atol=1e-5)
