"""Stretches of rhythms against the rhythm marks of the reference annotation, by duration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.classifier import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import Record
from arrhythmia.rhythm import (
    BIGEMINY,
    FIBRILLATION,
    IDIOVENTRICULAR,
    SVT,
    TRIGEMINY,
    VT,
    Event,
    find_events,
)

MARKS: Final = {
    FIBRILLATION: ("(AFIB", "(AFL"),
    SVT: ("(SVTA",),
    VT: ("(VT",),
    IDIOVENTRICULAR: ("(IVR",),
    BIGEMINY: ("(B",),
    TRIGEMINY: ("(T",),
}
"""Kind of event to the rhythm marks of the MIT-BIH database that mean it."""

STEP_S: Final = 0.05
"""Time is compared in steps of this."""


def marked_rhythm(record: Record) -> np.ndarray:
    """Rhythm that the reference annotation marks, every `STEP_S`, shape (steps,)."""
    marks = record.annotation
    is_rhythm = marks.symbol == "+"
    starts = marks.sample[is_rhythm] / record.fs
    names = [str(note).rstrip("\0") for note in marks.note[is_rhythm]]
    times = np.arange(0, record.seconds, STEP_S)
    rhythm = np.full(len(times), "", dtype=object)
    for start, name in zip(starts, names, strict=True):
        rhythm[times >= start] = name
    return rhythm


def durations(record: Record, events: Sequence[Event]) -> dict[str, np.ndarray]:
    """Seconds found and marked, found alone, and marked alone, of each kind in `MARKS`."""
    rhythm = marked_rhythm(record)
    times = np.arange(len(rhythm)) * STEP_S
    seconds = {}
    for kind, names in MARKS.items():
        marked, found = np.isin(rhythm, names), np.zeros(len(times), dtype=bool)
        for event in events:
            if event.kind == kind:
                found |= (times >= event.start_s) & (times <= event.end_s)
        parts = (found & marked, found & ~marked, marked & ~found)
        seconds[kind] = STEP_S * np.array([part.sum() for part in parts])
    return seconds


def score_rhythm(
    classifier: Classifier, records: Iterable[Record], table: pd.DataFrame
) -> dict[str, dict]:
    """Sensitivity and +P by duration of each kind of event, over records together.

    Parameters
    ----------
    classifier : Classifier
    records : iterable of Record
        With reference annotation. Those without rhythm marks (svdb) do not count.
    table : pandas.DataFrame
        Predictions of their beats, see `arrhythmia.predictions.scored_table`.

    Returns
    -------
    dict
        Kind to ``sensitivity``, ``ppv`` (None where there is nothing to divide by) and
        ``marked_s``, seconds that the reference marks.
    """
    total = {kind: np.zeros(3) for kind in MARKS}
    for record in records:
        if not (record.annotation.symbol == "+").any():
            continue
        rows = table[table["record"] == record.name]
        called = rows["predicted"].map(BEAT_CLASSES.index).to_numpy()
        assessable = rows["assessable"].to_numpy(bool) if "assessable" in rows else None
        beats = classifier.find_beats(record, source="atr")
        events = find_events(beats, called, assessable)
        for kind, seconds in durations(record, events).items():
            total[kind] += seconds
    return {kind: _figures(*map(float, seconds)) for kind, seconds in total.items()}


def _figures(both: float, found: float, marked: float) -> dict:
    return {
        "sensitivity": round(both / (both + marked), 4) if both + marked else None,
        "ppv": round(both / (both + found), 4) if both + found else None,
        "marked_s": round(both + marked, 1),
    }


def format_rhythm(figures: dict[str, dict]) -> str:
    """Table of `score_rhythm` for the terminal."""
    width = max(map(len, figures))
    lines = [f"{'rhythm, by duration':{width}} {'Se':>7} {'+P':>7} {'marked':>9}"]
    for kind, row in figures.items():
        values = [row["sensitivity"], row["ppv"]]
        shown = " ".join(f"{'–' if v is None else format(v, '.3f'):>7}" for v in values)
        lines.append(f"{kind:{width}} {shown} {row['marked_s']:7.0f} s")
    return "\n".join(lines)
