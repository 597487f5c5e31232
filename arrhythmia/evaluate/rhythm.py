"""Stretches of rhythms against the rhythm marks of the reference annotation, by duration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Decision
from arrhythmia.records import Record
from arrhythmia.rhythm import (
    BIGEMINY,
    FIBRILLATION,
    IDIOVENTRICULAR,
    SVT,
    TRIGEMINY,
    VT,
    Event,
)
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.events import events_of_record

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
    decided: Iterable[tuple[Record, Beats, Decision]], settings: BeatSettings
) -> dict[str, dict]:
    """Sensitivity and +P by duration of each kind of event, over records together.

    Parameters
    ----------
    decided : iterable of (Record, Beats, Decision)
        With reference annotation. Records without rhythm marks (svdb) do not count.
    settings : BeatSettings
        How the beats were cut.

    Returns
    -------
    dict
        Kind to ``sensitivity``, ``ppv`` (None where there is nothing to divide by) and
        ``marked_s``, seconds that the reference marks.
    """
    total = {kind: np.zeros(3) for kind in MARKS}
    for record, beats, decision in decided:
        if not (record.annotation.symbol == "+").any():
            continue
        called = decision.probabilities.argmax(axis=1)
        events = events_of_record(record, beats, called, settings)
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
