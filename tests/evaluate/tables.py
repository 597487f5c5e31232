"""Made-up predictions, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from arrhythmia.beats import Beats
from arrhythmia.labels import BEAT_CLASSES, SYMBOL_CLASS
from arrhythmia.predictions import scored_table
from arrhythmia.r_peaks import ANNOTATED

SYMBOLS = tuple(SYMBOL_CLASS)


def table_of(record: str, symbols: Sequence[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Predictions of one record, given symbols and probabilities of its beats."""
    beats = len(symbols)
    ones = np.ones(beats)
    made_up = Beats(
        record=record,
        lead="MLII",
        fs=100.0,
        sample=np.arange(beats) * 300,
        symbol=np.array(symbols, dtype=str),
        source=ANNOTATED,
        centers=np.arange(beats) * 0.8,
        segments=np.zeros((beats, 1), dtype=np.float32),
        template_beat=np.zeros(1, dtype=np.float32),
        mean_rr=0.8,
        rr_pre=0.8 * ones,
        rr_post=0.8 * ones,
        p_wave_similarity=ones,
    )
    return scored_table(made_up, probabilities)


def called(record: str, pairs: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    """Predictions of one record: so many beats of a symbol that were called a class."""
    symbols = [symbol for symbol, _, times in pairs for _ in range(times)]
    places = [BEAT_CLASSES.index(name) for _, name, times in pairs for _ in range(times)]
    probabilities = np.full((len(places), len(BEAT_CLASSES)), 0.05)
    probabilities[np.arange(len(places)), places] = 0.8
    return table_of(record, symbols, probabilities)


def random_table(records: Sequence[str], beats: int = 400, seed: int = 0) -> pd.DataFrame:
    """Predictions that have nothing to do with the reference."""
    rng = np.random.default_rng(seed)
    parts = []
    for name in records:
        symbols = rng.choice([*SYMBOLS, "Q"], size=beats)
        probabilities = rng.dirichlet(np.full(len(BEAT_CLASSES), 0.5), size=beats)
        parts.append(table_of(name, symbols, probabilities))
    return pd.concat(parts, ignore_index=True)
