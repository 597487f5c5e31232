"""Tests of `arrhythmia.detector`: beats are found whatever lead they are lost in."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.detector import RATE, REACH, beats_in, qrs_probability, scaled

SECONDS = 60


def heart(
    rate: float = 75, t_wave: float = 0.25, size: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """A lead at `RATE` and its beats in samples."""
    beats = np.arange(0.5, SECONDS - 0.5, 60 / rate) * RATE
    times = np.arange(round(SECONDS * RATE))
    signal = np.zeros(len(times))
    for beat in beats:
        shift = min(0.28 * RATE, 0.5 * 60 / rate * RATE)
        for place, width, height in (
            (-0.16 * RATE, 2.5, 0.12), (0, 1.2, 1.0), (2.5, 1.2, -0.25), (shift, 4.5, t_wave),
        ):  # fmt: skip
            signal += size * height * np.exp(-0.5 * ((times - beat - place) / width) ** 2)
    return signal + np.random.default_rng(0).normal(0, 0.01 * size, len(times)), beats


def check(leads: list[np.ndarray], beats: np.ndarray, off: int = 0) -> None:
    found = beats_in(qrs_probability(leads))
    apart = np.abs(found[:, None] - beats)
    assert np.sum(apart.min(axis=0) > 5) <= off
    assert np.sum(apart.min(axis=1) > 5) <= off


@pytest.mark.parametrize("rate", [25, 40, 75, 140, 220])
def test_every_beat_of_slow_and_fast_hearts(rate: float) -> None:
    signal, beats = heart(rate)
    check([signal], beats)


@pytest.mark.parametrize("factor", [-1, 1e-3, 1e6])
def test_polarity_and_units_do_not_matter(factor: float) -> None:
    signal, beats = heart()
    check([factor * signal], beats)


@pytest.mark.parametrize("t_wave", [-0.8, 0.9, 1.3])
def test_t_waves_are_no_beats(t_wave: float) -> None:
    signal, beats = heart(t_wave=t_wave)
    check([signal], beats)


@pytest.mark.parametrize("lost", ["flat", "noise", "hum"])
@pytest.mark.parametrize("first", [True, False])
def test_a_lead_that_is_lost_counts_nothing(lost: str, first: bool) -> None:
    signal, beats = heart()
    noise = np.random.default_rng(1).normal(0, 1, len(signal))
    hum = np.sin(2 * np.pi * 20 * np.arange(len(signal)) / RATE)
    other = {"flat": 1e-6 * noise, "noise": noise, "hum": hum}[lost]
    check([other, signal] if first else [signal, other], beats, off=1)


def test_a_pause_has_no_beats() -> None:
    signal, beats = heart()
    start, stop = round(20 * RATE), round(28 * RATE)
    signal[start:stop] = np.random.default_rng(2).normal(0, 0.005, stop - start)
    found = beats_in(qrs_probability([signal]))
    assert not np.any((found > start + 20) & (found < stop - 20))
    assert len(found) == pytest.approx(np.sum((beats < start) | (beats >= stop)), abs=2)


def test_twelve_leads_are_as_good_as_one() -> None:
    signal, beats = heart()
    rng = np.random.default_rng(3)
    leads = [rng.uniform(0.2, 2) * signal + rng.normal(0, 0.05, len(signal)) for _ in range(12)]
    check(leads, beats)


def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    signal, _ = heart()
    whole = qrs_probability([signal])
    monkeypatch.setattr("arrhythmia.detector.BLOCK", 700)
    assert REACH < 700
    np.testing.assert_allclose(qrs_probability([signal]), whole, atol=1e-5)


def test_amplitude_is_that_around() -> None:
    signal, _ = heart()
    falling = signal.copy()
    falling[len(signal) // 2 :] *= 0.3
    ratio = np.abs(scaled(falling)[-1000:]).max() / np.abs(scaled(falling)[:1000]).max()
    assert ratio == pytest.approx(1, abs=0.2)
    assert np.isfinite(scaled(np.zeros(500))).all()
