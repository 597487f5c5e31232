"""Tests of `arrhythmia.stream.second_stage`: what it does beat by beat."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.beats import Beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.second_stage import SecondStage, due, with_earliness
from arrhythmia.signals import BeatSettings
from arrhythmia.stream.groups import RENEWED, Groups
from arrhythmia.stream.history import BEATS, History
from arrhythmia.stream.second_stage import RunningSecondStage
from arrhythmia.templates import FEWEST_BEATS, TemplateSettings

SETTINGS = BeatSettings()
STAGE = SecondStage(early=0.8)
TIMES = (np.arange(SETTINGS.length) - SETTINGS.left) / SETTINGS.fs
NARROW = np.exp(-0.5 * (TIMES / 0.02) ** 2) + 0.2 * np.exp(-0.5 * ((TIMES + 0.16) / 0.03) ** 2)
WIDE = -1.5 * np.exp(-0.5 * ((TIMES - 0.03) / 0.05) ** 2)
BLEND = 0.8 * NARROW + 0.7 * WIDE
N, S, V, E, F = range(len(BEAT_CLASSES))


def row(name: str, chance: float = 0.98) -> np.ndarray:
    rest = np.full(len(BEAT_CLASSES), (1 - chance) / 4)
    rest[BEAT_CLASSES.index(name)] = chance
    return rest


def streamed(
    shapes: list[np.ndarray], rr_pre: np.ndarray, given: list[np.ndarray], similarity: float = 0.9
) -> tuple[np.ndarray, History]:
    """What is said of each beat, shape (beats, 5), and the history after the last."""
    history, groups = History(("II",), SETTINGS, (1, 4)), Groups(TemplateSettings())
    stage, said, rng = RunningSecondStage(STAGE, SETTINGS), [], np.random.default_rng(0)
    centers = np.cumsum(rr_pre)
    rr_post = np.append(rr_pre[1:], rr_pre[-1])
    for i, shape in enumerate(shapes):
        segment = (shape + rng.normal(0, 0.02, SETTINGS.length))[None]
        history.append(
            centers=centers[i], rr_pre=rr_pre[i], rr_post=rr_post[i], segments=segment,
            similarity=similarity,
        )  # fmt: skip
        history.renew()
        history.put(probabilities=given[i])
        grouped = groups.judge(history, 0)
        history.put(called=grouped.argmax())
        said.append(np.array(stage.judge(history, 0, grouped, groups)))
        history.put(called=said[-1].argmax())
    return np.array(said), history


def as_sinus(rr_pre: np.ndarray) -> Beats:
    """Normal beats at these RR intervals, as those of a whole recording."""
    _, history = streamed([NARROW] * len(rr_pre), rr_pre, [row("N")] * len(rr_pre))
    return history.as_beats()


def unsure_s(count: int, rr_pre: float) -> np.ndarray:
    """What is said of a beat of which the network is unsure, after many in rhythm."""
    rr = np.append(np.full(count, 0.8), rr_pre)
    given = [row("N")] * count + [np.array([0.7, 0.28, 0.01, 0.005, 0.005])]
    return streamed([NARROW] * (count + 1), rr, given)[0][-1]


def test_a_beat_that_is_early_is_more_likely_s() -> None:
    early, on_time, among_few = unsure_s(150, 0.5), unsure_s(150, 0.8), unsure_s(50, 0.5)
    odds = early[[S, N]] / on_time[[S, N]]
    assert odds[0] / odds[1] > np.exp(2 * STAGE.early)  # by two tenths and more
    assert among_few[S] == pytest.approx(0.28)  # of `FEWEST_BEATS` none is judged with others
    np.testing.assert_allclose(early.sum(), 1)


def test_early_beats_that_go_on_do_not_become_the_rule() -> None:
    """The first of them are called N, and are more than a whole recording looks back."""
    count, first, run = 300, 30, 30
    rr = np.append(np.full(count, 0.8), np.full(first + run, 0.5))
    unsure = np.array([0.44, 0.54, 0.01, 0.005, 0.005])
    given = [row("N")] * (count + first) + [unsure] * run
    relative = due(as_sinus(rr), np.zeros(len(rr), dtype=int))
    assert relative[-1] == pytest.approx(0)
    odds = [
        streamed([NARROW] * len(rr), each, given)[0][-1] for each in (rr, np.full(len(rr), 0.8))
    ]
    early, on_time = (one[S] / one[N] for one in odds)
    assert early / on_time > np.exp(2 * STAGE.early)


def test_in_fibrillation_no_beat_is_early() -> None:
    rng = np.random.default_rng(0)
    rr = 0.8 * np.exp(rng.normal(0, 0.25, 200))
    rr[-1] = 0.5
    given = [row("N")] * 199 + [np.array([0.7, 0.28, 0.01, 0.005, 0.005])]
    lone, _ = streamed([NARROW] * 200, rr, given, similarity=0.1)
    with_p, _ = streamed([NARROW] * 200, rr, given, similarity=0.9)
    assert lone[-1].argmax() == N
    assert with_p[-1][S] > 2 * lone[-1][S]


def test_it_is_the_rule_of_a_whole_recording() -> None:
    """In a steady rhythm with early beats, which both take for the same."""
    rr = np.full(400, 0.8)
    early = np.arange(80, 400, 17)
    rr[early], rr[early + 1] = 0.55, 1.05
    given = [row("S", 0.95) if i in early else row("N") for i in range(400)]
    said, history = streamed([NARROW] * 400, rr, given)
    called = history.last("called")
    relative = due(history.as_beats(), called)
    assert np.array_equal(np.flatnonzero(called == S), early)
    whole = with_earliness(np.array(given), relative, STAGE)
    assert np.array_equal(said.argmax(axis=1), whole.argmax(axis=1))


def test_a_blend_of_the_normal_and_a_ventricular_beat_is_fusion_once_both_are_known() -> None:
    kinds = "NNNVNNNVNNBV" * 20
    shapes = [{"N": NARROW, "V": WIDE, "B": BLEND}[kind] for kind in kinds]
    given = [row("V", 0.9) if kind == "B" else row(kind, 0.95) for kind in kinds]
    said, _ = streamed(shapes, np.full(len(kinds), 0.8), given)
    called = np.array(["NSVEF"[k] for k in said.argmax(axis=1)])
    blends = np.array([kind == "B" for kind in kinds])
    late = np.arange(len(kinds)) > FEWEST_BEATS + 2 * RENEWED
    assert np.mean(called[blends & late] == "F") > 0.9
    assert not np.any(called[~blends] == "F")
    assert not np.any(called[:FEWEST_BEATS] == "F")


def test_groups_may_be_forgotten_between_two_renewals() -> None:
    """A kind of beat that stood at the beginning alone leaves the history."""
    count = BEATS + 3 * RENEWED
    kinds = "V" * 4 + "N" * (count - 4)
    shapes = [{"N": NARROW, "V": WIDE}[kind] for kind in kinds]
    said, _ = streamed(shapes, np.full(count, 0.8), [row(kind) for kind in kinds])
    assert np.all(said[4:].argmax(axis=1) == N)
