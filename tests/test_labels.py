"""Tests of the facts in `arrhythmia.labels`."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from wfdb.io.annotation import ann_label_table, is_qrs

from arrhythmia.labels import (
    BEAT_CLASSES,
    CLASS_NAMES,
    CLASS_SYMBOLS,
    GROUPING_NAMES,
    GROUPINGS,
    SYMBOL_CLASS,
    SYMBOL_NAMES,
    UNCLASSED_SYMBOLS,
    class_letters,
    class_numbers,
    grouped,
    grouping_numbers,
    is_beat,
)

# --- symbols --------------------------------------------------------------------------------


def test_every_beat_symbol_has_one_place() -> None:
    symbols = [s for made_of in CLASS_SYMBOLS.values() for s in made_of] + list(UNCLASSED_SYMBOLS)
    assert max(Counter(symbols).values()) == 1
    assert set(symbols) == set(SYMBOL_NAMES)
    assert set(SYMBOL_CLASS) == set(symbols) - set(UNCLASSED_SYMBOLS)
    assert set(SYMBOL_CLASS.values()) == set(BEAT_CLASSES)
    assert tuple(CLASS_SYMBOLS) == tuple(CLASS_NAMES) == BEAT_CLASSES


def test_the_order_of_the_classes_is_that_of_the_saved_networks() -> None:
    assert BEAT_CLASSES == ("N", "S", "V", "E", "F")


@pytest.mark.parametrize("symbol", [s for s in ann_label_table["symbol"] if s.strip()])
def test_a_beat_is_what_wfdb_calls_a_qrs(symbol: str) -> None:
    if symbol == "!":  # a wave of ventricular flutter (only in 207), which nobody counts as a beat
        assert not is_beat(symbol)
        return
    code = int(ann_label_table.loc[ann_label_table["symbol"] == symbol, "label_store"].iloc[0])
    assert is_beat(symbol) == is_qrs[code]


@pytest.mark.parametrize(
    ("symbols", "beat_class"),
    [("NLRej", "N"), ("AaJS", "S"), ("V", "V"), ("E", "E"), ("F", "F")],
)
def test_symbols_of_the_database_have_the_classes_of_the_design(
    symbols: str, beat_class: str
) -> None:
    assert {SYMBOL_CLASS[s] for s in symbols} == {beat_class}
    assert set(class_numbers(np.array(list(symbols)))) == {BEAT_CLASSES.index(beat_class)}


def test_beats_without_a_class_have_the_number_minus_one() -> None:
    assert class_numbers(np.array(["Q", "N", "/", "?", ""])).tolist() == [-1, 0, -1, -1, -1]
    assert class_numbers(np.array([], dtype=str)).shape == (0,)


def test_letters_are_symbols_of_their_classes() -> None:
    numbers = np.array([*range(len(BEAT_CLASSES)), -1, 2])
    letters = class_letters(numbers)
    assert letters.tolist() == [*BEAT_CLASSES, "Q", "V"]
    np.testing.assert_array_equal(class_numbers(letters), numbers)
    assert all(is_beat(letter) for letter in letters)


# --- groupings ------------------------------------------------------------------------------


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_a_grouping_is_a_partition_of_the_beat_classes(grouping: str) -> None:
    members = [c for made_of in GROUPINGS[grouping].values() for c in made_of]
    assert sorted(members) == sorted(BEAT_CLASSES)
    assert set(GROUPING_NAMES) == set(GROUPINGS)
    names = list(GROUPINGS[grouping])
    for beat_class, place in zip(BEAT_CLASSES, grouping_numbers(grouping), strict=True):
        assert beat_class in GROUPINGS[grouping][names[place]]


def test_groupings_are_ec57_and_the_four_classes() -> None:
    assert GROUPINGS["four"] == {"N": ("N", "S"), "V": ("V",), "F": ("F",), "E": ("E",)}
    assert GROUPINGS["aami"] == {"N": ("N",), "S": ("S",), "V": ("V", "E"), "F": ("F",)}


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_grouped_probabilities_are_sums_of_their_classes(grouping: str) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(BEAT_CLASSES)), size=50)
    sums = grouped(probabilities, grouping)
    assert sums.shape == (50, len(GROUPINGS[grouping]))
    np.testing.assert_allclose(sums.sum(axis=1), 1)
    for place, made_of in enumerate(GROUPINGS[grouping].values()):
        columns = [BEAT_CLASSES.index(c) for c in made_of]
        np.testing.assert_allclose(sums[:, place], probabilities[:, columns].sum(axis=1))
