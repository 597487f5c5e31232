"""Tests of `studies.recipes`: a recipe differs from the package's training in one step."""

from __future__ import annotations

import numpy as np
import pytest
from train.tiny import BEATS

from arrhythmia.train.batches import Leads, join_beats, training_beats
from arrhythmia.train.fit import fit
from arrhythmia.train.settings import TrainingSettings
from studies.experiments import changed
from studies.recipes import Recipe, make_recipe, training_items


def weights_of(
    recipe: Recipe, records: dict[str, Leads], settings: TrainingSettings
) -> list[np.ndarray]:
    trainer = recipe.trainer(BEATS.length, settings)
    return recipe.fit(records, BEATS, settings, 1, trainer).network.get_weights()


@pytest.mark.usefixtures("without_graphs")
def test_a_recipe_that_varies_nothing_trains_as_the_package_does(
    records: dict[str, Leads], tiny: TrainingSettings
) -> None:
    settings = changed(tiny, {"copies": 1})
    expected = fit(records, BEATS, settings, 1)[0].network.get_weights()
    for weight, same in zip(expected, weights_of(make_recipe({}), records, settings), strict=True):
        np.testing.assert_array_equal(weight, same)


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
@pytest.mark.parametrize(
    "varied",
    [{"focal_gamma": 2.0}, {"sampling": "balanced"}, {"unseen": ["rr"]}, {"past_minutes": 0.3}],
    ids=lambda varied: next(iter(varied)),
)
def test_what_is_varied_makes_another_network(
    varied: dict, records: dict[str, Leads], tiny: TrainingSettings
) -> None:
    plain = weights_of(make_recipe({}), records, tiny)
    other = weights_of(make_recipe(varied), records, tiny)
    assert [w.shape for w in other] == [w.shape for w in plain]
    assert max(np.abs(a - b).max() for a, b in zip(plain, other, strict=True)) > 1e-6


@pytest.mark.usefixtures("without_graphs")
def test_a_network_that_does_not_see_an_input_is_used_as_any_other(
    records: dict[str, Leads], tiny: TrainingSettings
) -> None:
    recipe = make_recipe({"unseen": ["beat", "difference"]})
    classifier = recipe.fit(records, BEATS, tiny, 1, recipe.trainer(BEATS.length, tiny))
    first, *others = (classifier.probabilities(recipe.cut(leads[0], BEATS))
                      for leads in records.values())  # fmt: skip
    assert np.isfinite(first).all()
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-5)
    assert all(probabilities.shape[1] == 5 for probabilities in others)


def test_items_are_those_that_the_package_trains_on(
    records: dict[str, Leads], tiny: TrainingSettings
) -> None:
    settings = changed(tiny, {"copies": 1})
    items = training_items(records, settings, BEATS, 3)
    expected = training_beats(records, settings, BEATS, 3)
    beats = join_beats(items, settings, len(records))
    np.testing.assert_array_equal(beats.segments, expected.segments)
    np.testing.assert_array_equal(beats.beat_class, expected.beat_class)


def test_an_unknown_variation_is_an_error() -> None:
    with pytest.raises(KeyError, match="magic"):
        make_recipe({"magic": 1})
