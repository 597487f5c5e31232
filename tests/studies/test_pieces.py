"""Tests of `studies.pieces`: pieces are parts of a record, and what is missed is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.model_settings import model_digest
from arrhythmia.origin import ORIGIN
from arrhythmia.records import Record, read_record
from arrhythmia.trust.confidence import Confidence
from studies.pieces import FILE, LENGTHS_S, cut_pieces, format_pieces, measure_piece, run_pieces
from studies.results import RESULTS, read_json


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="NNNVNNNNNN" * 6, seed=4))


@pytest.mark.parametrize("seconds", [10, 20])
def test_pieces_are_parts_of_the_record_with_their_marks(record: Record, seconds: float) -> None:
    pieces = list(cut_pieces(record, seconds))
    assert len(pieces) >= 2
    joined = "".join("".join(piece.annotation.symbol) for piece in pieces)
    assert joined.count("V") <= 6
    for piece in pieces:
        assert len(piece) == round(seconds * record.fs)
        assert "V" in piece.annotation.symbol
        assert piece.annotation.sample.min() >= 0
        assert piece.annotation.sample.max() < len(piece)


def test_ventricular_beats_are_counted(record: Record) -> None:
    (piece,) = cut_pieces(record, 40)
    classifier, confidence = Classifier.load(), Confidence.load(DEFAULT_MODEL)
    counts = measure_piece(classifier, confidence, piece, ORIGIN)
    beats, found, missed, *ruled = counts
    assert beats == np.sum(piece.annotation.symbol == "V")
    assert 0 <= missed <= beats - found
    assert ruled == [0, 0, 0]  # they do not rule it


def test_what_is_stored_is_of_the_shipped_model(tmp_path: Path) -> None:
    stored = read_json(RESULTS / FILE)
    assert stored["model"] == model_digest(DEFAULT_MODEL)
    assert run_pieces(DEFAULT_MODEL, tmp_path / "no database") == stored
    assert len(format_pieces(stored).splitlines()) == 1 + len(LENGTHS_S)
