"""Tests of `arrhythmia.limits`: what a reader may turn, and in what range."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import error_line
from hypothesis import given
from hypothesis import strategies as st

from arrhythmia.errors import InputError
from arrhythmia.limits import RANGES, Limits, read_limit

NAMES = [field.name for field in fields(Limits)]


def test_each_limit_has_a_range_in_which_the_default_is() -> None:
    assert list(RANGES) == NAMES
    assert Limits() == Limits(2.0, 100.0, 0.1)
    assert Limits().words == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_ends_of_a_range_are_in_it_and_what_is_beyond_is_not(name: str) -> None:
    allowed = RANGES[name]
    for end, beyond in ((allowed.least, 0.99), (allowed.most, 1.01)):
        assert getattr(Limits(**{name: end / allowed.scale}), name) == end / allowed.scale
        line = error_line(lambda e=end, b=beyond: Limits(**{name: b * e / allowed.scale}))
        assert line.startswith(f"{allowed.name} must be from {allowed.least:g} to {allowed.most:g}")
        assert line.endswith(f"got {beyond * end:g}")
    for value in (math.nan, math.inf, -1.0, 0.0):
        assert allowed.name in error_line(lambda v=value: Limits(**{name: v}))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(pause_s=2.5), "pause from 2.5 s"),
        (Limits(2.0, 110), "tachycardia from 110/min"),
        (Limits(premature=0.2), "early from 20 %"),
        (Limits(3, 120, 0.15), "pause from 3 s, tachycardia from 120/min, early from 15 %"),
    ],
)
def test_what_is_not_the_default_is_said(limits: Limits, words: str) -> None:
    assert limits.words == words


@given(st.sampled_from(NAMES), st.floats(0, 1))
def test_what_is_shown_is_read_back(name: str, place: float) -> None:
    allowed = RANGES[name]
    value = (allowed.least + place * (allowed.most - allowed.least)) / allowed.scale
    shown = allowed.shown(value)
    assert read_limit(name, shown) == pytest.approx(value, rel=1e-5)
    assert read_limit(name, f" {shown.replace('.', ',')} ") == read_limit(name, shown)
    assert allowed.shown(read_limit(name, shown)) == shown


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_field_is_the_default(name: str) -> None:
    for empty in ("", "  ", None):
        assert read_limit(name, empty) == getattr(Limits(), name)


@given(st.sampled_from(NAMES), st.one_of(st.text(), st.lists(st.integers()), st.booleans()))
def test_whatever_is_written_is_a_limit_or_a_line(name: str, text: object) -> None:
    try:
        limits = Limits(**{name: read_limit(name, text)})
    except InputError as error:
        assert str(error).startswith(f"{RANGES[name].name} must be from ")
        assert len(str(error).splitlines()) == 1
    else:
        allowed = RANGES[name]
        assert allowed.least <= allowed.scale * getattr(limits, name) <= allowed.most


@pytest.mark.parametrize("name", NAMES)
def test_the_ranges_are_those_of_the_docs(name: str) -> None:
    allowed = RANGES[name]
    usual = f"{allowed.shown(getattr(Limits(), name))}{allowed.unit}"
    row = f"| {usual} | {allowed.least:g} to {allowed.most:g}{allowed.unit} |"
    text = Path(__file__).resolve().parent.parent.joinpath("docs", "app.md").read_text("utf-8")
    assert f"| {allowed.says} {row}" in text
