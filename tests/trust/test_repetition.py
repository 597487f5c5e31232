"""Tests of `arrhythmia.trust.repetition`: noise is told from beats with tall T waves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from arrhythmia.beats import find_beats
from arrhythmia.errors import InputError
from arrhythmia.records import Record
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.quality import NOISE, PROBLEMS, unreadable_in_all_leads
from arrhythmia.trust.repetition import FEWEST, judged_by_repetition, repetition

SETTINGS = BeatSettings()
FLAT = PROBLEMS.index("a flat line")
FS, SECONDS = 250.0, 120
TIMES = np.arange(int(FS * SECONDS)) / FS


def record_of(signal: np.ndarray) -> Record:
    return Record("mine", signal[:, None], FS, ("ECG",), ("mV",))


def beating(rng: np.random.Generator) -> np.ndarray:
    """Beats a little apart from each other."""
    signal = 0.02 * rng.standard_normal(len(TIMES))
    for beat in np.cumsum(rng.normal(0.8, 0.03, 148)):
        for height, at, wide in ((0.1, -0.18, 0.02), (1.0, 0, 0.012), (0.2, 0.27, 0.05)):
            signal += height * np.exp(-0.5 * ((TIMES - beat - at) / wide) ** 2)
    return signal


def noises(rng: np.random.Generator) -> dict[str, np.ndarray]:
    white = rng.standard_normal(len(TIMES))
    bursts = np.interp(TIMES, np.arange(0, SECONDS, 2), rng.exponential(1, SECONDS // 2))
    muscle = sosfilt(butter(2, [15, 100], btype="bandpass", fs=FS, output="sos"), white)
    return {
        "white": white,
        "brown": np.cumsum(white),
        "muscle": muscle * bursts,
        "narrow": sosfilt(butter(2, [5, 15], btype="bandpass", fs=FS, output="sos"), white),
        "hum": np.sin(2 * np.pi * 50 * TIMES) + 0.1 * white,
    }


def test_what_comes_again_with_every_beat_is_no_noise() -> None:
    record = record_of(beating(np.random.default_rng(0)))
    beats = find_beats(record, SETTINGS, source="detect")
    assert repetition(beats).min() > 0.9
    problems = np.full(len(beats), NOISE)
    problems[7] = FLAT
    judged = judged_by_repetition(problems, beats, NOISE)
    assert judged[7] == FLAT
    assert not np.delete(judged, 7).any()


@pytest.mark.parametrize("kind", ["white", "brown", "muscle", "narrow", "hum"])
def test_noise_stays_noise(kind: str) -> None:
    record = record_of(noises(np.random.default_rng(1))[kind])
    beats = find_beats(record, SETTINGS, source="detect")
    problems = unreadable_in_all_leads(record, beats, SETTINGS)
    assert np.mean(problems != 0) > 0.95
    one = unreadable_in_all_leads(record, beats, SETTINGS, np.array([5]))
    assert (np.delete(one, 5) == 0).all()


@pytest.mark.parametrize("kind", ["sine", "slow sine", "square"])
def test_what_a_generator_gives_is_not_assessable(kind: str) -> None:
    turns = TIMES % 1.0
    signal = {
        "sine": np.sin(2 * np.pi * 8 * TIMES),
        "slow sine": np.sin(2 * np.pi * 1.2 * TIMES),
        "square": np.sign(turns - 0.5),
    }[kind]
    record = record_of(signal)
    try:
        beats = find_beats(record, SETTINGS, source="detect")
    except InputError:  # no heartbeat found
        return
    assert np.mean(unreadable_in_all_leads(record, beats, SETTINGS) != 0) > 0.95


def test_of_few_beats_nothing_is_told() -> None:
    record = record_of(beating(np.random.default_rng(0))[: int(15 * FS)])
    beats = find_beats(record, SETTINGS, source="detect")
    assert len(beats) < FEWEST
    problems = np.full(len(beats), NOISE)
    np.testing.assert_array_equal(judged_by_repetition(problems, beats, NOISE), problems)


def test_a_day_is_measured_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = find_beats(record_of(beating(np.random.default_rng(0))), SETTINGS, source="detect")
    whole = repetition(beats)
    monkeypatch.setattr("arrhythmia.trust.repetition.BEATS_AT_ONCE", 40)
    np.testing.assert_allclose(repetition(beats), whole, rtol=1e-9)
