"""Tests of `arrhythmia.evaluate.reader`: each decision of a perfect reader names a template."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Decision
from arrhythmia.evaluate.reader import DECISIONS, format_reader, reader_curve
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import lead_shares
from arrhythmia.records import read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import TemplateSettings, find_templates


@pytest.fixture
def beats(tmp_path: Path, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path, symbols="NNNNVNNANN" * 20, seed=3)
    return find_beats(read_record(path), BeatSettings())


def decision_of(beats: Beats, probability: float = 0.6) -> Decision:
    """Every beat is called N, and those that are not are the less sure."""
    rows = np.full((len(beats), len(BEAT_CLASSES)), (1 - probability) / 4)
    rows[:, 0] = probability
    normal = beats.beat_class == 0
    rows[normal] = [0.96, 0.01, 0.01, 0.01, 0.01]
    templates = find_templates(beats, TemplateSettings())
    return Decision(rows, rows, templates, rows[None], lead_shares(beats, BeatSettings()))


def test_decisions_raise_the_score_until_all_is_named(beats: Beats) -> None:
    curve = reader_curve([(beats, decision_of(beats))])
    assert list(curve) == [str(n) for n in DECISIONS]
    accuracy = [row["accuracy"] for row in curve.values()]
    assert accuracy == sorted(accuracy)
    assert accuracy[0] == pytest.approx(0.8)
    assert accuracy[-1] == 1.0
    assert curve["0"]["f1"][2] == 0  # no V is called


def test_a_decision_that_matters_most_comes_first(beats: Beats) -> None:
    curve = reader_curve([(beats, decision_of(beats))])
    assert curve["1"]["accuracy"] > curve["0"]["accuracy"]


def test_the_table_has_a_row_for_each_number_of_decisions(beats: Beats) -> None:
    text = format_reader(reader_curve([(beats, decision_of(beats))]))
    assert len(text.splitlines()) == 1 + len(DECISIONS)
