"""Tests of the facts in `arrhythmia.labels`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wfdb
from wfdb.io.annotation import ann_label_table, is_qrs

from arrhythmia.beats import reference_beats
from arrhythmia.labels import (
    BEAT_CLASSES,
    CLASS_NAMES,
    CLASS_SYMBOLS,
    DS1,
    DS2,
    GROUPING_NAMES,
    GROUPINGS,
    PACED,
    REFERENCE_RECORDS,
    SYMBOL_CLASS,
    SYMBOL_NAMES,
    UNCLASSED_SYMBOLS,
    class_numbers,
    grouped,
    grouping_numbers,
    is_beat,
)
from arrhythmia.records import Annotation, Record

COUNTS = {
    "DS1": (DS1, {"N": 45866, "S": 944, "V": 3683, "E": 105, "F": 415, "": 8}),
    "DS2": (DS2, {"N": 44259, "S": 1837, "V": 3220, "E": 1, "F": 388, "": 7}),
}
"""Beats of each class in each half, as the field counts them; 8 and 7 are without a class."""


def test_halves_are_of_22_different_records_without_paced_ones() -> None:
    assert len(set(DS1)) == len(DS1) == 22
    assert len(set(DS2)) == len(DS2) == 22
    assert len(set(PACED)) == len(PACED) == 4
    assert len({*DS1, *DS2, *PACED}) == 48
    assert set(REFERENCE_RECORDS) <= set(DS2)


def test_every_beat_symbol_has_one_place() -> None:
    symbols = [s for made_of in CLASS_SYMBOLS.values() for s in made_of] + list(UNCLASSED_SYMBOLS)
    assert max(Counter(symbols).values()) == 1
    assert set(symbols) == set(SYMBOL_NAMES)
    assert set(SYMBOL_CLASS) == set(symbols) - set(UNCLASSED_SYMBOLS)
    assert set(SYMBOL_CLASS.values()) == set(BEAT_CLASSES)
    assert tuple(CLASS_SYMBOLS) == tuple(CLASS_NAMES) == BEAT_CLASSES


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
    assert class_numbers(np.array(["Q", "N", "/", "?"])).tolist() == [-1, 0, -1, -1]
    assert class_numbers(np.array([], dtype=str)).shape == (0,)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_a_grouping_is_a_partition_of_the_beat_classes(grouping: str) -> None:
    members = [c for made_of in GROUPINGS[grouping].values() for c in made_of]
    assert sorted(members) == sorted(BEAT_CLASSES)
    assert set(GROUPING_NAMES) == set(GROUPINGS)
    names = list(GROUPINGS[grouping])
    for beat_class, place in zip(BEAT_CLASSES, grouping_numbers(grouping), strict=True):
        assert beat_class in GROUPINGS[grouping][names[place]]


def test_groupings_are_those_of_the_description_and_of_ec57() -> None:
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


@pytest.mark.database
@pytest.mark.parametrize("half", COUNTS)
def test_beats_of_each_half_are_those_that_the_field_counts(half: str, data_dir: Path) -> None:
    names, counts = COUNTS[half]
    found: Counter[str] = Counter()
    for name in names:
        marks = wfdb.rdann(str(data_dir / name), "atr")
        annotation = Annotation(marks.sample, np.array(marks.symbol))
        record = Record(name, np.zeros(650_000), 360.0, "MLII", annotation=annotation)
        numbers = class_numbers(reference_beats(record)[1])
        found.update(BEAT_CLASSES[n] if n >= 0 else "" for n in numbers)
    assert found == counts
