"""Tests of `arrhythmia.delineate`: marks lie where the waves begin and end."""

from __future__ import annotations

import time

import numpy as np
import pytest

from arrhythmia.delineate import Delineation, delineate

RR_S, BEATS = 0.8, 24
CENTERS = 1 + RR_S * np.arange(BEATS)
P, QRS, T = (-0.17, 0.10, 0.15), (0.0, 0.10, 1.0), (0.27, 0.16, 0.3)
"""Middle (from the centre), width and height of a wave: s, s, mV."""


def hump(t: np.ndarray, middle: float, width: float, height: float) -> np.ndarray:
    """A wave that begins and ends exactly where it says, with a corner in neither place."""
    phase = np.clip((t - middle) / width, -0.5, 0.5)
    return height * np.cos(np.pi * phase) ** 2


def signals_of(
    *waves: tuple[float, float, float], fs: float = 360.0, noise: float = 0.005,
    p_in: np.ndarray | None = None, centers: np.ndarray = CENTERS,
) -> np.ndarray:  # fmt: skip
    """Two leads, the second upside down; ``p_in`` says which beats have the first wave."""
    t = np.arange(round((centers[-1] + 1) * fs)) / fs
    one = np.zeros(len(t))
    for beat, center in enumerate(centers):
        for k, wave in enumerate(waves):
            if k or p_in is None or p_in[beat]:
                one += hump(t - center, *wave)
    rng = np.random.default_rng(0)
    return np.stack([one, -0.6 * one], axis=1) + noise * rng.normal(size=(len(t), 2))


def measured(signals: np.ndarray, fs: float = 360.0) -> Delineation:
    return delineate(signals, fs, CENTERS, np.ones(BEATS, dtype=int))


@pytest.mark.parametrize("fs", [128.0, 250.0, 360.0, 1000.0])
@pytest.mark.parametrize("width", [0.08, 0.12, 0.18])
def test_marks_are_at_the_known_borders(fs: float, width: float) -> None:
    waves = measured(signals_of(P, (0.0, width, 1.0), T, fs=fs), fs)
    for wave, (middle, length, _), within in (
        (waves.qrs, (0.0, width, 0), 0.018), (waves.p, P, 0.025), (waves.t, T, 0.04),
    ):  # fmt: skip
        inner = slice(1, -1)
        away = (wave.onset - CENTERS - middle + length / 2)[inner]
        assert np.abs(away).max() < within
        assert np.abs(wave.end - CENTERS - middle - length / 2)[inner].max() < within
        assert np.abs(wave.peak - CENTERS - middle)[inner].max() < 0.012


@pytest.mark.parametrize("change", [lambda x: 7 * x, lambda x: -x, lambda x: x + 3])
def test_gain_polarity_and_offset_change_nothing(change: object) -> None:
    signals = signals_of(P, QRS, T)
    before, after = measured(signals), measured(change(signals))
    for name in ("p", "qrs", "t"):
        for key in ("onset", "peak", "end"):
            one, two = (getattr(getattr(w, name), key) for w in (before, after))
            np.testing.assert_allclose(one, two, atol=0.002)


def test_p_is_looked_for_in_each_beat() -> None:
    p_in = np.arange(BEATS) % 3 != 0
    waves = measured(signals_of(P, QRS, T, p_in=p_in))
    np.testing.assert_array_equal(waves.p.seen[1:-1], p_in[1:-1])
    assert not measured(signals_of(QRS, T)).p.seen.any()


def test_a_notch_does_not_end_the_qrs() -> None:
    notched = signals_of((-0.035, 0.08, 1.0), (0.035, 0.08, 0.9), T)
    width = measured(notched).qrs.width
    assert np.abs(width - 0.15).max() < 0.025


def test_a_beat_unlike_its_template_is_measured_by_itself() -> None:
    wide = CENTERS[10] + 0.0
    signals = signals_of(QRS, T)
    t = np.arange(len(signals)) / 360
    signals[:, 0] += hump(t - wide, 0.0, 0.2, -2.2) - hump(t - wide, *QRS)
    signals[:, 1] += hump(t - wide, 0.0, 0.2, 1.5)
    width = measured(signals).qrs.width
    assert width[10] > 0.17
    assert np.abs(np.delete(width, 10) - 0.1).max() < 0.03


def test_noise_has_no_width() -> None:
    rng = np.random.default_rng(1)
    waves = delineate(rng.normal(size=(9000, 2)), 360.0, CENTERS)
    assert not (waves.qrs.seen | waves.p.seen | waves.t.seen).any()
    flat = delineate(np.zeros((9000, 2)), 360.0, CENTERS)
    assert not (flat.qrs.seen | flat.p.seen | flat.t.seen).any()


def test_a_width_is_between_the_limits_or_not_stated() -> None:
    widths = [measured(signals_of((0.0, w, 1.0), T)).qrs.width for w in (0.03, 0.1, 0.24, 0.4)]
    stated = np.concatenate(widths)
    stated = stated[np.isfinite(stated)]
    assert stated.size
    assert ((stated >= 0.04) & (stated <= 0.25)).all()


@pytest.mark.parametrize("beats", [0, 1, 2])
def test_few_beats(beats: int) -> None:
    waves = delineate(signals_of(P, QRS, T), 360.0, CENTERS[:beats])
    assert waves.qrs.width.shape == (beats,)
    assert (np.abs(waves.qrs.width - 0.1) < 0.03).all()


def test_half_an_hour_takes_a_moment() -> None:
    centers = 1 + 0.9 * np.arange(2000)
    signals = np.tile(signals_of(P, QRS, T), (100, 1))[: 360 * 1802]
    began = time.process_time()
    delineate(signals, 360.0, centers, np.ones(2000, dtype=int))
    assert time.process_time() - began < 0.9  # 0.3 s on a machine with nothing else to do


def test_a_p_that_reaches_the_qrs_in_one_template_is_no_part_of_it() -> None:
    """In two of three templates P ends well before the QRS; in the third it adjoins."""
    near = (-0.115, 0.10, 0.15)
    far = signals_of(P, QRS, T)
    adjoining = signals_of(near, QRS, T)
    number = 1 + np.arange(BEATS) // 8
    third = round((CENTERS[16] - 0.4) * 360)
    signals = np.concatenate([far[:third], adjoining[third:]])
    alone = delineate(adjoining, 360.0, CENTERS, np.ones(BEATS, dtype=int))
    together = delineate(signals, 360.0, CENTERS, number)
    part = slice(17, -1)
    assert (alone.qrs.width[part] > 0.15).all()  # nothing to compare it with
    np.testing.assert_allclose(together.qrs.onset[part], CENTERS[part] - 0.05, atol=0.02)


def test_a_wave_that_is_far_from_t_in_other_templates_is_no_t() -> None:
    """In one of three templates there is no T, and a wave as late as no other T is."""
    usual, late = (0.22, 0.1, 0.3), (0.36, 0.1, 0.3)
    other = signals_of(P, QRS, late)
    alone = delineate(other, 360.0, CENTERS, np.ones(BEATS, dtype=int))
    np.testing.assert_allclose((alone.t.peak - CENTERS)[1:-1], late[0], atol=0.02)
    signals = signals_of(P, QRS, usual)
    third = round((CENTERS[16] - 0.4) * 360)
    signals[third:] = other[third:]
    waves = delineate(signals, 360.0, CENTERS, 1 + np.arange(BEATS) // 8)
    np.testing.assert_allclose((waves.t.peak - CENTERS)[1:16], usual[0], atol=0.02)
    away = np.abs(waves.t.peak - CENTERS - late[0])[17:-1]
    assert np.nanmin(np.append(away, 1.0)) > 0.05


def test_noise_beside_a_single_beat_is_no_part_of_its_qrs() -> None:
    signals = signals_of(P, QRS, T, noise=0.02)
    waves = delineate(signals, 360.0, CENTERS)
    widths = waves.qrs.width[1:-1]
    assert np.isfinite(widths).mean() > 0.8
    assert np.nanmedian(np.abs(widths - QRS[1])) < 0.03
    assert np.nanmean(np.abs(widths - QRS[1]) > 0.05) < 0.1
