"""Tests of `studies.distillation`: one network learns what others say."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from train.tiny import BEATS, RUN, TINY, first_beats

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.train.batches import Leads, training_beats
from studies.distillation import SoftBatches, distil


def test_targets_are_the_probabilities_of_the_beats_drawn(records: dict[str, Leads]) -> None:
    plain = replace(TINY, copies=0, noise=0.0, gain=0.0, class_weight_exponent=0.0)
    beats = training_beats(records, plain, BEATS, 0)
    of_beats = np.random.default_rng(0).random((len(beats.beat_class), len(BEAT_CLASSES)))
    inputs, targets, weights = SoftBatches(beats, plain, 0, of_beats)[0]
    assert targets.shape == (TINY.batch, RUN, len(BEAT_CLASSES))
    assert set(np.unique(weights)) <= {0.0, 1.0}
    for segment, target in zip(inputs["segments"][:, 0, :, 0], targets[:, 0], strict=True):
        place = np.abs(beats.segments - segment).sum(axis=1).argmin()
        np.testing.assert_array_equal(target, of_beats[place])


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_a_network_learns_what_members_say(records: dict[str, Leads]) -> None:
    """Members that call every beat E: no class of any record says so."""
    expected = np.full(len(BEAT_CLASSES), 0.05)
    expected[BEAT_CLASSES.index("E")] = 0.8
    tilted = np.array([0.1, -0.1, 0, 0, 0])
    members = [
        SimpleNamespace(network_probabilities=lambda beats, p=p: np.tile(p, (len(beats), 1)))
        for p in (expected + tilted, expected - tilted)
    ]
    settings = replace(TINY, epochs=1, steps=50, learning_rate=0.1)
    classifier = distil(members, records, BEATS, settings, 0)
    probabilities = classifier.network_probabilities(first_beats(records["223"]))
    np.testing.assert_allclose(probabilities.mean(axis=0), expected, atol=0.1)
