"""A training that takes a second, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from arrhythmia.beats import Beats, cut_beats
from arrhythmia.classifier import Classifier
from arrhythmia.model import NetworkSettings
from arrhythmia.sequences import network_inputs
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads, TrainingBeats
from arrhythmia.train.settings import TrainingSettings

BEATS = BeatSettings()
RUN = 3
TINY = TrainingSettings(
    network=NetworkSettings(
        run=RUN, filters=(4,), kernels=(3,), features=4, units=2, bidirectional=False
    ),
    copies=1,
    epochs=2,
    steps=1,
    batch=4,
    members=1,
)


@contextmanager
def step_by_step() -> Iterator[None]:
    """TensorFlow without graphs: for a few steps that is quicker than to trace them."""
    from arrhythmia.backend import tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def first_beats(leads: Leads) -> Beats:
    """Beats of a record in its preferred lead."""
    return cut_beats(leads[0], BEATS)


def times_drawn(beats: TrainingBeats, run: int = RUN) -> np.ndarray:
    """How often each beat is drawn, for one run."""
    times = np.zeros(len(beats.beat_class))
    for start, chance in zip(beats.starts, beats.chances, strict=True):
        times[start : start + run] += chance
    return times


def run_scores(classifier: Classifier, leads: Leads, run: int = RUN) -> np.ndarray:
    """Scores of the first run of a record."""
    inputs = network_inputs(first_beats(leads))
    return np.asarray(classifier.scores(inputs.segments[None, :run], inputs.rr[None, :run]))
