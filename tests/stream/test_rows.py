"""Tests of `arrhythmia.stream.rows`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import error_line

from arrhythmia.rhythm import VT
from arrhythmia.stream import StreamBeat, StreamEvent
from arrhythmia.stream.rows import LONGEST, RowReader, as_line


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_rows_are_read_wherever_they_are_cut(size: int) -> None:
    text = b"II,V1\r\n0.5,-1\r\n# a remark\n\n nan , 2e-3\n3;4\n5\t6"
    rows, got = RowReader(["II", "V1"]), []
    for first in range(0, len(text), size):
        got += rows.feed(text[first : first + size]).tolist()
    got += rows.feed(b"", at_end=True).tolist()
    wanted = [[0.5, -1], [np.nan, 0.002], [3, 4], [5, 6]]
    assert np.array_equal(got, wanted, equal_nan=True)


@pytest.mark.parametrize("bad", [b"1,x", b"1", b"1,2,3", b"\xff\x00,1"])
def test_a_bad_row_is_named(bad: bytes) -> None:
    text = error_line(lambda: RowReader(["II", "V1"]).feed(b"1,2\n3,4\n" + bad + b"\n"))
    assert text.startswith("row 3 ")
    assert "2 numbers" in text


def test_a_sender_that_may_err_loses_the_sample_alone() -> None:
    rows = RowReader(["II", "V1"], lenient=True)
    got = rows.feed(b"1,2\n3\n5,6\nx,y\n")
    assert np.array_equal(got, [[1, 2], [np.nan] * 2, [5, 6], [np.nan] * 2], equal_nan=True)
    assert rows.bad == 2


@pytest.mark.parametrize("lenient", [True, False])
def test_a_row_without_end_is_refused(lenient: bool) -> None:
    rows = RowReader(["II"], lenient)
    assert "longer" in error_line(lambda: rows.feed(b"1" * (LONGEST + 1)))


def test_lines_are_json_and_what_is_not_known_is_null() -> None:
    nan = float("nan")
    beat = StreamBeat(360, 1.0, "V", (0.1, 0.0, 0.8, 0.05, 0.05), nan, 1.5, nan)
    facts = json.loads(as_line(beat))
    assert facts["beat"] == "V"
    assert facts["p"]["V"] == 0.8
    assert facts["rr_pre"] is None
    assert facts["clock"] is None
    event = json.loads(as_line(StreamEvent(VT, "begins", 1.0, nan, 3.0, 120.0)))
    assert event["event"] == VT
    assert event["alarm"] is True
    assert event["end"] is None
