"""Probabilities whose truth is known, and spoiled records, for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import softmax

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.predictions import PROBABILITY_COLUMNS
from arrhythmia.records import Record
from arrhythmia.trust.calibrate import OutOfFoldBeats

NOISE = 4
"""A number of `arrhythmia.trust.quality.PROBLEMS`."""


def random_probabilities(
    seed: int, beats: int = 20_000, spread: float = 1.5, classes: int = 5
) -> np.ndarray:
    """Rows of probabilities; the greater ``spread``, the surer."""
    scores = np.random.default_rng(seed).normal(0, spread, (beats, classes))
    return softmax(scores, axis=1)


def sharpened(probabilities: np.ndarray, power: float) -> np.ndarray:
    """What a network says that is too sure of itself (``power`` above 1): T = power mends it."""
    return softmax(power * np.log(probabilities), axis=1)


def draw(probabilities: np.ndarray, seed: int = 0) -> np.ndarray:
    """A class for each row, drawn with its probabilities."""
    chances = np.random.default_rng(seed).random((len(probabilities), 1))
    return (chances > probabilities.cumsum(axis=1)).sum(axis=1)


def patients(seed: int, records: int, spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, truth and record of patients some of whom are harder than others."""
    rng = np.random.default_rng(seed)
    parts = []
    for name in range(records):
        truth = rng.integers(0, 4, 50)
        scores = rng.normal(0, 1, (50, 4))
        scores[np.arange(50), truth] += 2.5 + spread * rng.normal()
        parts.append((softmax(scores, axis=1), truth, np.full(50, f"{seed}-{name}")))
    probabilities, truth, record = zip(*parts, strict=True)
    return np.concatenate(probabilities), np.concatenate(truth), np.concatenate(record)


def out_of_fold_beats(
    seed: int = 0, records: int = 24, beats: int = 200, noisy: int = 20
) -> OutOfFoldBeats:
    """Beats in four folds, from networks that are too sure of themselves (T = 1.8 mends it)."""
    honest = random_probabilities(seed, records * beats, spread=3)
    truth = draw(honest, seed + 1)
    name = np.repeat(np.arange(records), beats)
    table = pd.DataFrame(
        {
            "record": [f"r{n}" for n in name],
            "reference": np.array(BEAT_CLASSES)[truth],
        }
    )
    table[list(PROBABILITY_COLUMNS)] = np.round(sharpened(honest, 1.8), 4)
    rng = np.random.default_rng(seed + 2)
    problems = np.zeros(len(table), dtype=int)
    problems[rng.choice(len(table), noisy, replace=False)] = NOISE
    return OutOfFoldBeats(table, name % 4, rng.chisquare(8, len(table)), problems)


def spoil(record: Record, how: str, first: float = 40, last: float = 80) -> Record:
    """A record whose first lead cannot be read between two seconds."""
    signals = record.signals.copy()
    part = slice(int(first * record.fs), int(last * record.fs))
    lead = signals[part, 0]
    noise = np.random.default_rng(7).normal(0, 1, len(lead))
    signals[part, 0] = {
        "flat": np.full(len(lead), lead[0]),
        "gap": np.full(len(lead), np.nan),
        "rail": np.full(len(lead), signals[:, 0].max() + 2),
        "white noise": 0.3 * noise,
        "loud noise": lead + 3 * noise,
        "faint noise": 0.001 * noise,
        "slow noise": 2 * np.convolve(noise, np.ones(30) / 30, "same"),
    }[how]
    return replace(record, signals=signals)
