"""Tests of `studies.oversampling`: rare classes are met more often."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import error_line
from train.tiny import BEATS

from arrhythmia.train.batches import Leads, TrainingBeats, drawn_shares, training_beats
from arrhythmia.train.settings import TrainingSettings
from studies.experiments import changed
from studies.oversampling import METHODS, balanced, oversampled

RUN = 4


@pytest.fixture(scope="module")
def drawn(records: dict[str, Leads]) -> TrainingBeats:
    settings = changed(TrainingSettings(), {"copies": 0, "rare_runs": 0.0, "network": {"run": RUN}})
    return training_beats(records, settings, BEATS, 0)


@pytest.mark.parametrize("method", METHODS)
def test_interpolated_runs_lie_between_runs_of_their_class(
    drawn: TrainingBeats, method: str
) -> None:
    more = oversampled(drawn, RUN, 0, method)
    real = len(drawn.segments)
    new_class = more.beat_class[real:].reshape(-1, RUN)
    assert len(new_class)
    assert (new_class[:, [0, 1, 3]] == -1).all()
    assert (new_class[:, 2] > 0).all()
    assert more.chances.sum() == pytest.approx(1)
    assert more.chances[len(drawn.starts) :].sum() == pytest.approx(0.5)
    np.testing.assert_array_equal(more.segments[:real], drawn.segments)
    assert {len(part) for part in (more.segments, more.template_beats, more.rr)} == {
        len(more.beat_class)
    }
    for number in set(new_class[:, 2]):
        sources = drawn.segments[drawn.beat_class == number]
        new = more.segments[real:].reshape(len(new_class), RUN, -1)[new_class[:, 2] == number, 2]
        assert (new <= sources.max(axis=0) + 1e-4).all()
        assert (new >= sources.min(axis=0) - 1e-4).all()


def test_another_method_is_an_error(drawn: TrainingBeats) -> None:
    text = error_line(lambda: oversampled(drawn, RUN, 0, "magic"))
    assert text == "oversampling must be SMOTE or ADASYN, got 'magic'"


def test_balanced_sampling_draws_rare_classes_more_often(drawn: TrainingBeats) -> None:
    plain = drawn_shares(drawn, RUN)
    beats = balanced(drawn, RUN, 0)
    assert beats.chances.sum() == pytest.approx(1)
    even = drawn_shares(beats, RUN)
    assert even[0] < plain[0]
    rarest = min(range(1, 5), key=lambda i: plain[i] or 1)
    assert even[rarest] > 1.5 * plain[rarest]


def test_balanced_sampling_gives_each_run_the_chance_of_its_rarest_beat(
    drawn: TrainingBeats,
) -> None:
    beats = balanced(drawn, RUN, 0)
    counts = np.bincount(drawn.beat_class, minlength=5)
    rarest = [
        min(counts[c] for c in drawn.beat_class[start : start + RUN]) for start in drawn.starts
    ]
    ratio = beats.chances * rarest
    np.testing.assert_allclose(ratio, ratio[0])
