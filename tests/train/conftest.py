"""Records and beats to train on, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from train.tiny import BEATS, TINY

from arrhythmia.train.batches import Leads, TrainingBeats, prepare_records, training_beats


@pytest.fixture(scope="session")
def records(synthetic_dir: Path) -> dict[str, Leads]:
    """Four records with all classes between them."""
    return prepare_records(("101", "207", "208", "209"), synthetic_dir, BEATS)


@pytest.fixture(scope="session")
def drawn(records: dict[str, Leads]) -> TrainingBeats:
    """Beats of `records` and of as many simulated ones."""
    return training_beats(records, TINY, BEATS, 0)
