"""Tests of `arrhythmia.stream.qrs`: it finds what `arrhythmia.detector` finds."""

from __future__ import annotations

import numpy as np
import pytest
from test_detector import heart

from arrhythmia.detector import beats_in, qrs_probability
from arrhythmia.stream.front import WINDOW
from arrhythmia.stream.qrs import AFTER, CONTEXT, STEP, OnlineDetector


def found(leads: list[np.ndarray], context: int) -> np.ndarray:
    """Beats as they are when so many samples have come after them."""
    detector, told = OnlineDetector(len(leads)), [-100]
    signals = np.pad(np.stack(leads), ((0, 0), (WINDOW, 0)))
    for end in range(WINDOW + STEP, signals.shape[1] + 1, STEP):
        start = end - 2 * WINDOW
        for place in detector.look(signals[:, end - WINDOW : end]):
            if place <= WINDOW - context and start + place > told[-1] + 20:
                told.append(start + int(place))
    return np.array(told[1:])


@pytest.mark.parametrize("context", [CONTEXT, AFTER])
@pytest.mark.parametrize("rate", [40, 75, 140])
def test_beats_are_those_of_the_recording_as_a_whole(rate: float, context: int) -> None:
    signal, _ = heart(rate)
    whole = beats_in(qrs_probability([signal]))
    whole = whole[whole < len(signal) - AFTER - STEP]
    told = found([signal], context)
    told = told[told < len(signal) - AFTER - STEP]
    late = told > 500  # until then the amplitude is not known
    assert np.abs(told[late][:, None] - whole).min(axis=1).max() <= 3
    assert np.abs(whole[whole > 500][:, None] - told).min(axis=1).max() <= 3


def test_a_lead_that_is_lost_hides_nothing() -> None:
    signal, beats = heart()
    told = found([signal, np.random.default_rng(1).normal(0, 1, len(signal))], CONTEXT)
    inside = beats[(beats > 500) & (beats < len(signal) - 100)]
    assert np.abs(inside[:, None] - told).min(axis=1).max() <= 6
