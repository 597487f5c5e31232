"""Tests of `arrhythmia.rr`: what is early is early beside the patient's own rhythm."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.rr import FEWEST_RR, dominant_rr


def test_early_beats_do_not_make_the_rhythm_they_are_compared_with() -> None:
    """Of three beats two are early: the median of all intervals would be theirs."""
    pattern = [0.8, 0.8, 0.8, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.1]
    called = [True, True, True, *[False] * 6, True]
    rr, normal = np.array(pattern * 20), np.array(called * 20)
    dominant, irregular = dominant_rr(rr, normal)
    assert np.median(rr) == 0.5
    np.testing.assert_allclose(dominant, 0.8)
    np.testing.assert_allclose(irregular, 0)


def test_the_rhythm_is_that_around_the_beat() -> None:
    rr = np.concatenate([np.full(200, 1.0), np.full(200, 0.6)])
    dominant, _ = dominant_rr(rr, np.ones(400, dtype=bool))
    assert (dominant[50], dominant[350]) == (1.0, 0.6)
    assert dominant[0] == 1.0


@pytest.mark.parametrize("known", [0, FEWEST_RR - 1])
def test_without_normal_beats_in_a_row_there_is_none(known: int) -> None:
    rr, normal = np.full(20, 0.8), np.zeros(20, dtype=bool)
    normal[5 : 6 + known] = known > 0
    assert np.isnan(dominant_rr(rr, normal)).all()
    rr[7] = np.nan  # over a gap
    normal[5 : 6 + FEWEST_RR] = True
    assert np.isnan(dominant_rr(rr, normal)[0]).all()


def test_fibrillation_is_irregular() -> None:
    rr = np.random.default_rng(0).uniform(0.4, 1.1, 200)
    _, irregular = dominant_rr(rr, np.ones(200, dtype=bool))
    assert (irregular > 0.1).all()
    assert np.median(irregular) > 0.2
