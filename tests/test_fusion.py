"""Tests of `arrhythmia.fusion`: a blend of two beats is told from either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, find_beats
from arrhythmia.fusion import MOVED_S, alone, blend, fusion_beats, moved
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import Templates

SETTINGS = BeatSettings()
SYMBOLS = "NNNNVNNNNN" * 40
N, V = (BEAT_CLASSES.index(c) for c in "NV")
FUSED = np.arange(7, 400, 20)
"""Normal beats, none beside a V, that `fused` makes fusion beats of."""


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("fusion"), symbols=SYMBOLS, seed=3)
    return find_beats(read_record(path), SETTINGS)


@pytest.fixture(scope="module")
def fused(beats: Beats) -> Beats:
    """The same with normal beats to which half a ventricular one is added."""

    def lead(old: Beats) -> Beats:
        segments = old.segments.copy()
        ventricular = segments[beats.symbol == "V"].mean(axis=0)
        segments[FUSED] = 0.6 * segments[FUSED] + 0.5 * ventricular
        return replace(old, segments=segments)

    return replace(lead(beats), others=tuple(map(lead, beats.others)))


def number_of(beats: Beats) -> np.ndarray:
    """Template 1 of normal, 2 of ventricular and 3 of fusion beats."""
    number = np.where(beats.symbol == "V", 2, 1)
    number[FUSED] = 3
    return number


def found(beats: Beats, due: float | np.ndarray = 0.0, called: np.ndarray | None = None) -> set:
    called = np.where(beats.symbol == "V", V, N) if called is None else called
    templates = Templates(beats, number_of(beats))
    every = np.broadcast_to(due, (len(beats),))
    return set(np.flatnonzero(fusion_beats(templates, called, every, SETTINGS)))


def test_a_blend_of_normal_and_ventricular_beats_is_found(fused: Beats) -> None:
    assert found(fused) == set(FUSED)


def test_normal_beats_of_a_template_of_their_own_are_none(beats: Beats) -> None:
    assert found(beats) == set()


@pytest.mark.parametrize("due", [-0.2, 0.2, np.nan])
def test_a_beat_that_is_early_late_or_never_due_is_none(fused: Beats, due: float) -> None:
    assert found(fused, due) == set()


def test_without_a_frequent_ventricular_focus_there_is_none(fused: Beats) -> None:
    called = np.full(len(fused), N)
    assert found(fused, called=called) == set()
    called[np.flatnonzero(fused.symbol == "V")[:9]] = V
    assert found(fused, called=called) == set()


def test_without_normal_beats_there_is_none(fused: Beats) -> None:
    assert found(fused, called=np.full(len(fused), V)) == set()


def test_the_parts_of_a_blend_are_measured(beats: Beats) -> None:
    normal, ventricular = (
        np.stack([lead.segments[beats.symbol == s].mean(axis=0) for lead in beats.in_leads])
        for s in "NV"
    )
    mixed = moved(0.7 * normal + 0.4 * ventricular, SETTINGS)
    shape = mixed[len(mixed) // 2]
    sinus, focus = moved(normal, SETTINGS), moved(ventricular, SETTINGS)
    explained, of_normal, of_focus = blend(shape, sinus, focus)
    assert explained == pytest.approx(1, abs=1e-6)
    assert (of_normal, of_focus) == pytest.approx((0.7, 0.4), abs=1e-6)
    assert max(alone(shape, sinus), alone(shape, focus)) < 0.95 * explained
    assert alone(sinus[0], sinus) == pytest.approx(1)


def test_two_beats_alike_make_no_blend(beats: Beats) -> None:
    still = moved(beats.segments[None, 0], SETTINGS)[:1]
    assert alone(still[0], still) == pytest.approx(1)
    assert blend(still[0], still, 2 * still)[0] == 0  # which of the two it is cannot be told
    assert blend(np.zeros(still.shape[1]), still, still)[0] == 0


def test_a_beat_is_moved_both_ways(beats: Beats) -> None:
    lags = moved(beats.template_beat[None], SETTINGS)
    reach = round(MOVED_S * SETTINGS.fs)
    assert len(lags) == 2 * reach + 1
    peaks = lags.argmax(axis=1)
    assert list(np.diff(peaks)) == [1] * 2 * reach
