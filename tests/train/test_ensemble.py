"""Tests of `arrhythmia.train.ensemble`: one network with the mean of the scores of several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from train.tiny import BEATS, RUN, TINY

from arrhythmia.classifier import Classifier
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.model_settings import ModelSettings
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.train.ensemble import combine, member_seeds


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [TINY.network, replace(TINY.network, bidirectional=True), NetworkSettings(run=RUN)],
    ids=["one way", "both ways", "as shipped"],
)
def test_combined_networks_give_the_mean_of_their_scores(shape: NetworkSettings) -> None:
    rng = np.random.default_rng(0)
    networks = [build_network(BEATS.length, len(RR_INPUTS), shape) for _ in range(3)]
    for network in networks:  # also where fresh networks are all zero, or one
        network.set_weights([w + rng.uniform(0.0, 0.2, w.shape) for w in network.get_weights()])
    combined = combine(networks, shape)
    segments = rng.normal(size=(2, RUN, BEATS.length, 2)).astype(np.float32)
    rr = rng.normal(size=(2, RUN, len(RR_INPUTS))).astype(np.float32)
    facts = ModelSettings(BEATS, RUN, 0, {})
    scores = np.asarray(Classifier(combined, facts).scores(segments, rr))
    single = [np.asarray(Classifier(network, facts).scores(segments, rr)) for network in networks]
    assert np.std(single, axis=0).max() > 0.1
    np.testing.assert_allclose(scores, np.mean(single, axis=0), rtol=1e-4, atol=1e-4)


def test_no_two_ensembles_share_a_seed() -> None:
    assert member_seeds(0, 5) == [100, 101, 102, 103, 104]
    seeds = [seed for number in range(5) for seed in member_seeds(number, 20)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 5
