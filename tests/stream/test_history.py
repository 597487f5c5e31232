"""Tests of `arrhythmia.stream.history` and `arrhythmia.stream.groups`."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.p_wave import p_wave_segments, p_wave_similarity
from arrhythmia.signals import BeatSettings
from arrhythmia.stream.groups import Groups
from arrhythmia.stream.history import BEATS, MORE, History, middle
from arrhythmia.templates import FEWEST_BEATS, TemplateSettings

SETTINGS = BeatSettings()
TIMES = (np.arange(SETTINGS.length) - SETTINGS.left) / SETTINGS.fs
NARROW = np.exp(-0.5 * (TIMES / 0.02) ** 2) + 0.2 * np.exp(-0.5 * ((TIMES + 0.16) / 0.03) ** 2)
WIDE = 1.5 * np.exp(-0.5 * (TIMES / 0.06) ** 2)


def filled(shapes: list[np.ndarray], probabilities: np.ndarray | None = None) -> History:
    history, rng = History(("II",), SETTINGS, (1, 4)), np.random.default_rng(0)
    for i, shape in enumerate(shapes):
        segment = (shape + rng.normal(0, 0.02, SETTINGS.length))[None]
        history.append(
            centers=0.8 * i, rr_pre=0.8, rr_post=0.8, segments=segment,
            p_waves=p_wave_segments(segment, SETTINGS),
        )  # fmt: skip
        history.renew()
        if probabilities is not None:
            history.put(probabilities=probabilities[i])
    return history


def test_the_last_beats_are_remembered_in_order() -> None:
    history = History(("II",), SETTINGS, (1, 4))
    for i in range(3 * BEATS + MORE // 2):
        history.append(centers=float(i))
        expected = np.arange(max(i + 1 - BEATS, 0), i + 1)
        if i % 97 == 0 or i > 3 * BEATS:
            assert np.array_equal(history.last("centers"), expected)
            assert history.last("centers", 3).tolist() == expected[-3:].tolist()
    assert len(history) == BEATS
    history.put(2, centers=-1.0)
    assert history.last("centers", 3)[0] == -1.0


@pytest.mark.parametrize("every", [2, 3])
def test_the_template_beat_is_of_sinus_origin_however_many_are_ectopic(every: int) -> None:
    shapes = [NARROW if i % every == 0 else WIDE for i in range(240)]
    history = filled(shapes)
    assert np.corrcoef(history.template_beat[0], NARROW)[0, 1] > 0.98
    assert history.scale[0] == pytest.approx(history.template_beat[0].std())


def test_p_waves_are_as_similar_as_in_a_recording() -> None:
    history = filled([NARROW] * 60)
    whole = p_wave_similarity(history.last("segments")[:, 0] / history.scale[0], SETTINGS)
    assert history.p_wave_similarity()[0] == pytest.approx(whole[30], abs=0.05)
    assert history.p_wave_similarity()[0] > 0.8


def test_the_median_is_one_of_the_values() -> None:
    values = np.random.default_rng(0).normal(size=(21, 5))
    assert np.allclose(middle(values), np.median(values, axis=0))
    assert middle(np.array([1.0, 2.0])) == 2.0


def row(name: str, chance: float) -> np.ndarray:
    rest = np.full(len(BEAT_CLASSES), (1 - chance) / 4)
    rest[BEAT_CLASSES.index(name)] = chance
    return rest


def judged(chances: list[np.ndarray], shapes: list[np.ndarray]) -> list[np.ndarray]:
    groups, history, said = Groups(TemplateSettings()), History(("II",), SETTINGS, (1, 4)), []
    rng = np.random.default_rng(0)
    for i, (chance, shape) in enumerate(zip(chances, shapes, strict=True)):
        segment = (shape + rng.normal(0, 0.02, SETTINGS.length))[None]
        history.append(centers=0.8 * i, rr_pre=0.8, rr_post=0.8, segments=segment)
        history.renew()
        history.put(probabilities=chance)
        said.append(groups.judge(history, 0))
    return said


def test_an_unsure_beat_is_called_what_its_group_is() -> None:
    shapes = [WIDE if i % 4 == 0 else NARROW for i in range(121)]
    chances = [row("V", 0.95) if i % 4 == 0 else row("N", 0.98) for i in range(120)]
    said = judged([*chances, row("N", 0.5)], shapes)
    for one, chance in zip(said[: FEWEST_BEATS - 1], chances, strict=False):
        assert np.array_equal(one, chance)  # too few to tell groups
    assert BEAT_CLASSES[said[-1].argmax()] == "V"


def test_beats_that_are_surely_of_another_class_leave_their_group() -> None:
    chances = [row("S", 0.97) if i % 10 == 5 else row("N", 0.98) for i in range(126)]
    said = judged(chances, [NARROW] * 126)
    assert all(one.argmax() == chance.argmax() for one, chance in zip(said, chances, strict=True))
