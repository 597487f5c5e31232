"""The table of events: rhythms, runs, couplets, pauses, and the beats that most need a look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from arrhythmia.annotate.holter import RUN, EctopicRun, ectopic_runs
from arrhythmia.app.reading import Reading
from arrhythmia.rhythm import SVT

KINDS: Final = (("ventricular", ("V", "E")), ("supraventricular", ("S",)))
COLUMNS: Final = {
    "start_s": "at", "what": "what", "seconds": "s", "beats": "beats", "rate": "/min",
}  # fmt: skip
"""Field of a row to its heading; the table can be sorted by each."""


@dataclass(frozen=True)
class Row:
    """A stretch or a beat to go to.

    Parameters
    ----------
    what : str
        In words.
    start_s, end_s : float
        Seconds from the start of the record.
    first, beats : int
        The beat that it begins with, and how many it has.
    rate : float
        Beats per minute; NaN where there is none.
    """

    what: str
    start_s: float
    end_s: float
    first: int
    beats: int
    rate: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end_s - self.start_s


def event_rows(reading: Reading) -> list[Row]:
    """All events of a recording, in order of time."""
    events = reading.analysis.events
    rows = [Row(e.name, e.start_s, e.end_s, e.first, e.last - e.first + 1, e.rate) for e in events]
    told = {e.first for e in events if e.kind == SVT}
    for name, classes in KINDS:
        runs = [run for run in ectopic_runs(reading.analysis, classes) if run.beats > 1]
        rows += list(_runs(name, runs, told))
    certainty = reading.analysis.certainty
    for beat in reading.facts["to_look_at"]:
        if not reading.analysis.by_reader[beat["beat"]]:
            at = float(reading.analysis.beats.centers[beat["beat"]])
            what = f"least sure: {beat['class']}, p {certainty[beat['beat']]:.2f}"
            rows.append(Row(what, at, at, beat["beat"], 1, float("nan")))
    return sorted(rows, key=lambda row: (row.start_s, row.what))


def _runs(name: str, runs: list[EctopicRun], told: set[int]) -> Iterator[Row]:
    """Couplets, runs that are no tachycardia, and the longest and the fastest run."""
    long = [run for run in runs if run.beats >= RUN]
    longest = max(long, key=lambda run: (run.beats, -run.first), default=None)
    fastest = max(long, key=lambda run: (run.rate, -run.first), default=None)
    for run in runs:
        what = []
        if run.beats < RUN:
            what.append(f"{name} couplet")
        elif name == KINDS[1][0] and run.first not in told:
            what.append(f"{name} run")
        what += [f"longest {name} run"] if run is longest else []
        what += [f"fastest {name} run"] if run is fastest else []
        for words in what:
            yield Row(words, run.start_s, run.end_s, run.first, run.beats, run.rate)


def ordered(rows: list[Row], by: str, descending: bool) -> list[Row]:
    """Rows sorted by a field of `COLUMNS`; those without a number are last."""
    values = [getattr(row, by) for row in rows]
    known = [i for i, value in enumerate(values) if value == value]
    rest = [i for i, value in enumerate(values) if value != value]
    known.sort(key=lambda i: values[i], reverse=descending)
    return [rows[i] for i in (*known, *rest)]


def beside(rows: list[Row], seconds: float, step: int) -> Row | None:
    """The next row after a moment, or with a ``step`` below 0 the one before it."""
    starts = np.array([row.start_s for row in rows])
    if step > 0:
        later = np.flatnonzero(starts > seconds + 0.01)
        return rows[later[0]] if len(later) else None
    before = np.flatnonzero(starts < seconds - 0.01)
    return rows[before[-1]] if len(before) else None
