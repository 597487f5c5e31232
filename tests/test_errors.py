"""Tests of `arrhythmia.errors`: one line, whatever it quotes."""

from __future__ import annotations

import pytest

from arrhythmia.errors import LONGEST, InputError, one_line


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31mred", r"a\x1b[31mred"),
        ("bell\a", r"bell\x07"),
        ("no utf-8 \udcff", r"no utf-8 \udcff"),
        ("turned \u202e round", r"turned \u202e round"),
        ("two\nlines\r\tand more", "two lines and more"),
        ("Müller 心电", "Müller 心电"),
    ],
)
def test_a_message_is_one_line_that_any_terminal_can_show(name: str, shown: str) -> None:
    assert str(InputError(f"no record '{name}'")) == f"no record '{shown}'"


@pytest.mark.parametrize("quoted", ["x" * 301, "\x1b" * 5000, "y " * 10_000_000])
def test_a_message_is_never_long_and_keeps_fault_and_remedy(quoted: str) -> None:
    text = one_line(f"no record '{quoted}': give another")
    assert len(text) <= LONGEST
    assert text.startswith("no record '")
    assert " ... " in text


def test_the_remedy_stands_at_the_end_of_a_long_message() -> None:
    assert one_line("bad '" + "x" * 20_000 + "': give another").endswith("': give another")
