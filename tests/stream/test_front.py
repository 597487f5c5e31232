"""Tests of `arrhythmia.stream.front`: it does what `arrhythmia.signals` does."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.records import Lead
from arrhythmia.signals import BeatSettings, filtered_and_resampled
from arrhythmia.stream.front import GAP, HOP, WINDOW, Front

SETTINGS = BeatSettings()


def made(fs: float, seconds: float = 20) -> np.ndarray:
    times = np.arange(round(seconds * fs)) / fs
    beats = np.exp(-0.5 * (((times % 0.8) - 0.4) / 0.02) ** 2)
    return beats + 0.3 * np.sin(2 * np.pi * 0.3 * times) + 40.0


@pytest.mark.parametrize("fs", [90.0, 100.0, 128.0, 250.0, 257.0, 360.0, 1000.0])
def test_all_but_the_newest_second_is_as_in_the_whole_recording(fs: float) -> None:
    signal = made(fs)
    whole = filtered_and_resampled(Lead("r", "II", signal, fs, "mV"), SETTINGS)
    front = Front(fs, 1, SETTINGS)
    front.add(signal[:, None])
    apart = []
    while front.next_block():
        if front.samples > 600:
            start = front.samples - WINDOW
            apart.append(np.abs(front.filtered()[0] - whole[start : front.samples]))
    worst = np.max(apart, axis=0)
    assert worst[: WINDOW - 200].max() < 0.03
    assert worst[WINDOW - 200 : WINDOW - 60].max() < 0.08


def test_it_waits_no_longer_than_it_says() -> None:
    front = Front(360, 1, SETTINGS)
    signal = made(360)
    for first in range(0, len(signal), 36):
        front.add(signal[first : first + 36, None])
        while front.next_block():
            pass
        newest = (first + 36) / 360
        assert newest - HOP / 100 - front.late - 0.02 <= front.samples / 100 <= newest


def test_no_step_is_made_after_a_gap() -> None:
    signal = made(250) + np.where(np.arange(5000) > 2500, 30.0, 0.0)
    signal[2400:2600] = np.nan
    front = Front(250, 1, SETTINGS)
    front.add(signal[:, None])
    while front.next_block():
        assert np.abs(front.filtered()).max() < 2


def test_gaps_are_known_where_all_leads_are_missing() -> None:
    signals = np.stack([made(100), made(100)], axis=1)
    signals[500:800, 0] = np.nan
    signals[600:700, 1] = np.nan
    signals[1200 : 1200 + GAP - 5] = np.nan  # too short to hide a beat
    front = Front(100, 2, SETTINGS)
    front.add(signals)
    while front.next_block():
        pass
    assert front.is_gap(550, 900)
    assert not front.is_gap(400, 590)
    assert not front.is_gap(720, 1900)
