"""Tests of `arrhythmia.templates`: groups that are alike, found without labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import join_leads, lead_shares
from arrhythmia.records import read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import (
    FEWEST_BEATS,
    Templates,
    TemplateSettings,
    by_size,
    find_templates,
    relative_rr,
    template_space,
    with_templates,
)

SETTINGS = TemplateSettings()
SYMBOLS = "NNNNVNNANN" * 40
N, S, V = (BEAT_CLASSES.index(c) for c in "NSV")


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("templates"), symbols=SYMBOLS, seed=3)
    return find_beats(read_record(path), BeatSettings())


@pytest.fixture(scope="module")
def templates(beats: Beats) -> Templates:
    return find_templates(beats, SETTINGS)


def sure_of(classes: np.ndarray, probability: float = 0.97) -> np.ndarray:
    """Probabilities that call these classes."""
    rest = (1 - probability) / (len(BEAT_CLASSES) - 1)
    return np.where(np.eye(len(BEAT_CLASSES))[classes] > 0, probability, rest)


def test_beats_of_one_template_are_of_one_kind(beats: Beats, templates: Templates) -> None:
    for template in templates:
        assert len(set(beats.symbol[template.beats])) == 1, template.number


def test_every_beat_is_in_one_template_and_the_largest_is_the_first(
    beats: Beats, templates: Templates
) -> None:
    members = np.concatenate([template.beats for template in templates])
    assert sorted(members) == list(range(len(beats)))
    sizes = [len(template) for template in templates]
    assert sizes == sorted(sizes, reverse=True)
    assert [template.number for template in templates] == list(range(1, len(templates) + 1))
    assert len(templates) <= SETTINGS.count


def test_a_template_tells_its_beats(beats: Beats, templates: Templates) -> None:
    number = templates.number[SYMBOLS.index("V")]
    template = templates[number]
    assert set(beats.symbol[template.beats]) == {"V"}
    assert template.mean_beat.shape == template.spread.shape == (2, beats.segments.shape[1])
    np.testing.assert_allclose(
        template.mean_beat[0], beats.segments[template.beats].mean(axis=0), atol=1e-5
    )
    assert template.first_s == beats.centers[template.beats[0]]
    assert template.last_s == beats.centers[template.beats[-1]]
    assert template.coupling < 0.8 < 1.1 < template.pause  # early, and a pause after


def test_the_same_beats_give_the_same_templates(beats: Beats, templates: Templates) -> None:
    np.testing.assert_array_equal(find_templates(beats, SETTINGS).number, templates.number)


def test_symbols_play_no_part(beats: Beats, templates: Templates) -> None:
    unnamed = replace(beats, symbol=np.full(len(beats), ""))
    np.testing.assert_array_equal(find_templates(unnamed, SETTINGS).number, templates.number)


def test_the_other_lead_tells_beats_apart_that_one_lead_does_not(beats: Beats) -> None:
    blind = replace(beats, segments=np.repeat(beats.template_beat[None], len(beats), axis=0))
    untimed = TemplateSettings(timing=0.0)
    noise = np.random.default_rng(0).normal(0, 1e-3, blind.segments.shape)
    blind = replace(blind, segments=(blind.segments + noise).astype(np.float32))
    with_other = find_templates(blind, untimed)
    ventricular = beats.symbol == "V"
    number = with_other.number
    assert not set(number[ventricular]) & set(number[~ventricular])
    alone = find_templates(replace(blind, others=()), untimed)
    assert set(alone.number[ventricular]) & set(alone.number[~ventricular])


@pytest.mark.parametrize("count", [1, 2, 7, 15])
def test_few_beats_are_one_template(beats: Beats, count: int) -> None:
    def first(lead: Beats) -> Beats:
        names = ("segments", "rr_pre", "rr_post", "centers", "sample", "symbol")
        return replace(lead, **{name: getattr(lead, name)[:count] for name in names})

    few = replace(first(beats), others=tuple(map(first, beats.others)))
    assert set(find_templates(few, SETTINGS).number) == {1}


def test_an_artefact_does_not_make_the_space_its_own(beats: Beats) -> None:
    spoilt = beats.segments.copy()
    spoilt[5] *= 1000
    space = template_space(replace(beats, segments=spoilt), SETTINGS)
    assert np.isfinite(space).all()
    assert np.abs(space[5]).max() < 20


def test_rr_intervals_are_relative_to_those_around(beats: Beats) -> None:
    before, after = relative_rr(beats)
    normal = [i for i in range(20, 380) if SYMBOLS[i - 1 : i + 2] == "NNN"]
    np.testing.assert_allclose(before[normal], 1, atol=0.15)
    assert (before[beats.symbol == "V"] < 0.85).all()
    assert (after[beats.symbol == "V"] > 1.1).all()


def test_groups_are_numbered_by_size_then_by_time() -> None:
    np.testing.assert_array_equal(by_size(np.array([7, 7, 3, 9, 9, 9])), [2, 2, 3, 1, 1, 1])
    np.testing.assert_array_equal(by_size(np.array([5, 2])), [1, 2])


def test_what_is_said_of_a_template_is_the_mean_of_its_beats(beats: Beats) -> None:
    templates = Templates(beats, np.repeat([1, 2], len(beats) // 2))
    values = np.arange(2.0 * len(beats)).reshape(-1, 2)
    half = len(beats) // 2
    np.testing.assert_allclose(templates.mean(values)[:half], [values[:half].mean(0)] * half)
    np.testing.assert_allclose(templates.mean(values)[half:], [values[half:].mean(0)] * half)


def test_one_doubtful_beat_is_overruled_by_its_template(beats: Beats) -> None:
    templates = Templates(beats, np.ones(len(beats), dtype=int))
    probabilities = sure_of(np.full(len(beats), V))
    probabilities[4] = sure_of(np.array([N]), 0.55)[0]
    joined = with_templates(probabilities, templates, SETTINGS)
    np.testing.assert_allclose(joined.sum(axis=1), 1)
    assert (joined.argmax(axis=1) == V).all()
    for share, expected in ((0.0, probabilities), (1.0, None)):
        joined = with_templates(probabilities, templates, TemplateSettings(share=share))
        same = np.broadcast_to(joined[:1], joined.shape) if expected is None else expected
        np.testing.assert_allclose(joined, same, rtol=1e-9)


def test_a_template_is_split_where_the_network_is_sure_that_its_beats_differ(beats: Beats) -> None:
    templates = Templates(beats, np.ones(len(beats), dtype=int))
    classes = np.full(len(beats), N)
    classes[[10, 50]], classes[[20, 60]] = V, S
    probabilities = sure_of(classes)
    probabilities[[20, 60]] = sure_of(np.array([S]), 0.6)
    split = templates.split(probabilities)
    assert len(split) == 2
    assert list(split[2].beats) == [10, 50]  # the S beats are not sure enough


def test_a_model_with_templates_says_what_each_beat_is_by_itself(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    settings = replace(tiny_classifier.settings, templates=SETTINGS)
    classifier = Classifier(tiny_classifier.network, settings)
    decision = classifier.decide(beats)
    by_lead = np.stack([tiny_classifier.network_probabilities(lead) for lead in beats.in_leads])
    np.testing.assert_allclose(decision.by_lead, by_lead, atol=1e-6)
    shares = lead_shares(beats, classifier.settings.beats)
    np.testing.assert_allclose(decision.by_itself, join_leads(by_lead, shares), atol=1e-6)
    assert decision.templates is not None
    assert not np.allclose(decision.probabilities, decision.by_itself)
    some = classifier.probabilities(beats, np.array([3, 8]))
    np.testing.assert_allclose(some[[3, 8]], decision.probabilities[[3, 8]], atol=1e-6)
    assert np.isnan(np.delete(some, [3, 8], axis=0)).all()


def test_in_a_short_record_every_beat_is_judged_by_itself(
    tiny_classifier: Classifier, tmp_path: Path, make_record: MakeRecord
) -> None:
    path = make_record(tmp_path, symbols=("NNNV" * 16)[: FEWEST_BEATS - 1])
    short = find_beats(read_record(path), BeatSettings())
    classifier = Classifier(
        tiny_classifier.network, replace(tiny_classifier.settings, templates=SETTINGS)
    )
    decision = classifier.decide(short)
    assert decision.templates is None
    np.testing.assert_array_equal(decision.probabilities, decision.by_itself)


@pytest.mark.database
def test_the_beats_of_half_an_hour_are_grouped_well(data_dir: Path) -> None:
    record = read_record("208", data_dir)
    found = find_beats(record, BeatSettings(), source="atr")
    templates = find_templates(found, SETTINGS)
    purest = [np.max(np.bincount(found.beat_class[t.beats] + 1)) for t in templates]
    assert sum(purest) / len(found) > 0.9  # 208 mixes N, V and F
