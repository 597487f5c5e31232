"""Tests of `arrhythmia.slopes`: what is known of a slope is found in it."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.slopes import (
    CENTER,
    GRID,
    LENGTH,
    align,
    means_of,
    one_lead,
    slopes_around,
    steepest_pair,
    walk,
    weighted_quantile,
)


def bump(middle: float, width: float = 8.0) -> np.ndarray:
    """Slope of a wave with its top at a place, shape (`LENGTH`,)."""
    t = (np.arange(LENGTH) - middle) / width
    return -t * np.exp(-(t**2) / 2)


def test_the_slope_of_a_ramp_is_its_steepness() -> None:
    fs = 500.0
    signals = np.stack([3.0 * np.arange(3000) / fs, np.zeros(3000)])
    windows = slopes_around(signals, fs, np.array([2.0, 4.0]), 0.01)
    assert windows.shape == (2, LENGTH, 2)
    np.testing.assert_allclose(windows[..., 0], 3.0, rtol=0.025)  # smoothed within three sd
    np.testing.assert_allclose(windows[..., 1], 0.0, atol=1e-9)


def test_means_are_those_of_each_template() -> None:
    windows = np.random.default_rng(0).normal(size=(6, LENGTH, 2))
    member = np.array([1, 0, 1, 1, 0, 2])
    means = means_of(windows, member)
    for k in range(3):
        np.testing.assert_allclose(means[k], windows[member == k].mean(axis=0))


@pytest.mark.parametrize("late", [-3.0, 0.0, 2.4])
def test_a_wave_that_comes_later_is_found_so(late: float) -> None:
    one, mean = bump(CENTER + late)[None, :, None], bump(CENTER)[None, :, None]
    lag, alike = align(one, mean, 8, slice(CENTER - 40, CENTER + 41))
    assert lag[0] == pytest.approx(late, abs=0.1)
    assert alike[0] > 0.98
    _, unlike = align(-one, mean, 1, slice(CENTER - 40, CENTER + 41))
    assert unlike[0] < 0


def test_leads_are_read_along_their_main_direction() -> None:
    windows = np.stack([bump(CENTER), -2 * bump(CENTER)], axis=1)[None]
    lead = one_lead(windows, np.array([CENTER - 40]), np.array([CENTER + 40]))
    assert np.abs(lead).max() == pytest.approx(np.sqrt(5) * bump(CENTER).max(), rel=1e-6)


def test_a_wave_is_a_pair_and_ends_where_its_slope_is_lost() -> None:
    slope = bump(CENTER)[None]
    first, last = np.array([CENTER - 50]), np.array([CENTER + 50])
    early, late, height = steepest_pair(slope, first, last, 41)
    assert (early[0], late[0]) == (CENTER - 8, CENTER + 8)  # a standard deviation off
    assert height[0] == pytest.approx(np.exp(-0.5))
    assert walk(slope, early, 0.0, 1)[0] == pytest.approx(CENTER, abs=1)
    end = walk(slope, late, 0.2, 1)[0]
    assert np.interp(end, np.arange(LENGTH), slope[0]) == pytest.approx(0.2 * slope[0, late[0]])
    assert GRID * 0.02 < end - late[0] < GRID * 0.12


def test_a_quantile_goes_by_weight() -> None:
    values, weights = np.array([5.0, 1.0, 3.0]), np.array([1.0, 8.0, 1.0])
    assert weighted_quantile(values, weights, 0.5) == 1
    assert weighted_quantile(values, weights, 0.85) == 3
    assert weighted_quantile(values, weights, 1.0) == 5
