"""Rows of text as samples, and lines of JSON for the answer."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.stream.alarms import StreamEvent
from arrhythmia.stream.classifier import StreamBeat

TIME: Final = "time"
"""Name of a column that holds seconds of the sender's clock."""
LONGEST: Final = 65_536
"""Bytes of a row."""
MISSING: Final = (b"", b"-", b"nan", b"null", b"na")
"""What stands for a sample that is missing."""


class RowReader:
    """Takes bytes as they come and gives the samples of the rows that are whole.

    Parameters
    ----------
    columns : sequence of str
        Names of the leads; one may be `TIME`.
    lenient : bool
        Take a row that is bad as samples that are missing, instead of raising an error.

    Attributes
    ----------
    bad : int
        Rows that were bad.
    """

    def __init__(self, columns: Sequence[str], lenient: bool = False) -> None:
        self._columns, self._lenient = tuple(columns), lenient
        self._rest = b""
        self._row = 0
        self.bad = 0

    def feed(self, content: bytes, at_end: bool = False) -> np.ndarray:
        """Samples of all whole rows, shape (rows, columns).

        Raises
        ------
        InputError
            If a row is bad, and this is not lenient.
        """
        lines = (self._rest + content).split(b"\n")
        self._rest = lines.pop()
        if at_end and self._rest.strip():
            lines.append(self._rest)
            self._rest = b""
        if len(self._rest) > LONGEST:
            raise InputError(
                f"row {self._row + 1} is longer than {LONGEST} bytes: give a row for each sample, "
                "with a line feed at its end"
            )
        rows = [row for line in lines for row in self._parse(line)]
        return np.array(rows).reshape(len(rows), len(self._columns))

    def _parse(self, line: bytes) -> list[list[float]]:
        """No row of an empty line, else one."""
        self._row += 1
        text = line.strip()
        if not text or text.startswith(b"#"):
            return []
        cells = text.replace(b";", b",").replace(b"\t", b",").split(b",")
        try:
            if len(cells) != len(self._columns):
                raise ValueError
            return [[_number(cell) for cell in cells]]
        except ValueError:
            if self._row == 1:  # names of columns
                return []
            self.bad += 1
            if self._lenient:
                return [[math.nan] * len(self._columns)]
        shown = text[:40].decode("utf-8", "replace")
        raise InputError(
            f"row {self._row} is '{shown}', not {len(self._columns)} numbers with commas between: "
            "a sample that is missing is 'nan'"
        )


def _number(cell: bytes) -> float:
    cell = cell.strip()
    return math.nan if cell.lower() in MISSING else float(cell)


def as_line(told: StreamBeat | StreamEvent) -> str:
    """A beat or an event as a line of JSON; what is not known is null."""
    if isinstance(told, StreamBeat):
        facts = {
            "beat": told.beat_class, "time": _rounded(told.time), "sample": told.sample,
            "p": {c: _rounded(p, 4) for c, p in zip(BEAT_CLASSES, told.probabilities, strict=True)},
            "rr_pre": _rounded(told.rr_pre), "delay": _rounded(told.delay),
            "clock": _rounded(told.clock),
        }  # fmt: skip
    else:
        facts = {
            "event": told.kind, "state": told.state, "alarm": told.alarm,
            "start": _rounded(told.start_s), "end": _rounded(told.end_s),
            "told": _rounded(told.told_s), "per_min": _rounded(told.per_min, 1), "what": told.what,
        }  # fmt: skip
    return json.dumps(facts)


def _rounded(value: float, places: int = 3) -> float | None:
    return round(value, places) if math.isfinite(value) else None
