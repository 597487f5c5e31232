"""What a visitor does on the page, by button, key or pointer: each has a name and a value."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Final

import numpy as np

from arrhythmia.app.events import COLUMNS, beside, event_rows
from arrhythmia.app.session import Session
from arrhythmia.cli import clock_seconds
from arrhythmia.drawing import clock
from arrhythmia.errors import InputError, one_line

SCALES: Final = {
    3.0: "3 s", 5.0: "5 s", 10.0: "10 s", 30.0: "30 s", 60.0: "1 min", 300.0: "5 min",
    1800.0: "30 min",
}  # fmt: skip
"""What the strip can show."""


def act(session: Session, do: str, value: object = None) -> str:
    """Do what a visitor asks for, and tell what was done (empty where it is seen).

    Parameters
    ----------
    session : Session
    do : str
        A key of `ACTIONS`.
    value : object
        From the browser: nothing is taken for granted.

    Raises
    ------
    InputError
        If that cannot be done.
    """
    if do not in ACTIONS:
        raise InputError(f"the page knows no action '{do}'")
    with session.lock:
        if session.reading is None:
            raise InputError("there is no recording yet")
        if not len(session.reading.letters) and do not in ("move", "page", "scale", "time"):
            raise InputError("no beats were found in this recording")
        return ACTIONS[do](session, value) or ""


def turn_live(session: Session, facts: dict) -> None:
    """Start, stop or acknowledge the live view, as the browser asks.

    Raises
    ------
    InputError
        If it asks for something else, or the recording cannot be streamed.
    """
    do = str(facts.get("do"))
    if do == "start":
        speed = facts.get("speed")
        session.play(speed if isinstance(speed, int) else 0)
    elif do == "stop":
        session.stop_live()
    elif do == "acknowledge":
        if session.live is not None:
            told = facts.get("told")
            session.live.acknowledge(told if isinstance(told, int) else 0)
    else:
        raise InputError(f"the live view knows no action '{one_line(do)}'")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InputError("a number is missing")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"'{value}' is no number")
    return number


def _numbers(value: object) -> list[int]:
    if not isinstance(value, list) or not value:
        raise InputError("choose a template first")
    return [int(_number(one)) for one in value]


def _seconds(value: object) -> float:
    try:
        return clock_seconds(str(value).strip())
    except ArgumentTypeError as error:
        raise InputError(str(error)) from error


def _go(session: Session, value: object) -> None:
    """Show a moment, and choose the beat nearest to it."""
    centers = session.reading.analysis.beats.centers
    seconds = _number(value)
    session.look_at(seconds)
    session.beat = int(np.abs(centers - seconds).argmin())


def _near(session: Session, value: object) -> None:
    """Choose the beat nearest to a moment that is seen."""
    session.beat = int(np.abs(session.reading.analysis.beats.centers - _number(value)).argmin())


def _move(session: Session, value: object) -> None:
    session.look_at(session.start + session.seconds / 2 + _number(value))


def _time(session: Session, value: object) -> str:
    seconds = _seconds(value)
    length = session.reading.analysis.record.seconds
    if seconds > length:
        raise InputError(f"{clock(seconds, 0)} is after the end of the recording, {clock(length)}")
    session.look_at(seconds)
    if len(session.reading.letters):
        _go(session, seconds)
    return f"at {clock(seconds)}"


def _page(session: Session, value: object) -> None:
    session.look_at(session.start + (0.5 + 0.9 * _number(value)) * session.seconds)


def _scale(session: Session, value: object) -> None:
    seconds = _number(value)
    if seconds not in SCALES:
        raise InputError(f"the strip cannot show {seconds:g} s")
    centers, middle = session.reading.analysis.beats.centers, session.start + session.seconds / 2
    if len(centers) and session.start <= centers[session.beat] <= session.start + session.seconds:
        middle = float(centers[session.beat])
    session.seconds = seconds
    session.look_at(middle)


def _beat(session: Session, value: object) -> None:
    session.go_to_beat(int(_number(value)))


def _step(session: Session, value: object) -> None:
    session.go_to_beat(session.beat + int(_number(value)))


def _end(session: Session, value: object) -> None:
    session.go_to_beat(0 if _number(value) < 0 else len(session.reading.letters) - 1)


def _event(session: Session, value: object) -> str:
    reading, step = session.reading, _number(value)
    row = beside(event_rows(reading), float(reading.analysis.beats.centers[session.beat]), step)
    if row is None:
        return "no later event" if step > 0 else "no earlier event"
    session.go_to_beat(row.first)
    return f"{row.what} at {clock(row.start_s)}"


def _refer(session: Session, value: object) -> str:
    """To the next beat, or the one before, that a person should look at."""
    places = np.flatnonzero(session.reading.refer)
    step = _number(value)
    ahead = places[places > session.beat] if step > 0 else places[places < session.beat][::-1]
    if not len(ahead):
        return "no further beat to look at"
    session.go_to_beat(int(ahead[0]))
    reason = session.reading.analysis.assessment.reasons[session.beat]
    return f"beat {session.beat}: {reason}"


def _template(session: Session, value: object) -> str:
    """To the next beat of a template, from its first one again after the last."""
    number = int(_number(value))
    templates = session.reading.named.templates
    if not 1 <= number <= len(templates):
        raise InputError(f"there is no template {number}: they are 1 to {len(templates)}")
    beats = templates[number].beats
    later = beats[beats > session.beat]
    session.go_to_beat(int(later[0] if len(later) else beats[0]))
    place = int(np.searchsorted(beats, session.beat)) + 1
    return f"template {number}: beat {place} of {len(beats)}"


def _name(session: Session, value: object) -> str:
    given = value if isinstance(value, dict) else {}
    numbers = _numbers(given.get("numbers"))
    return session.decide(*session.reading.name(numbers, str(given.get("class"))))


def _split(session: Session, value: object) -> str:
    return session.decide(*session.reading.split(_numbers(value)))


def _merge(session: Session, value: object) -> str:
    return session.decide(*session.reading.merge(_numbers(value)))


def _relabel(session: Session, value: object) -> str:
    return session.decide(*session.reading.relabel(session.beat, str(value)))


def _undo(session: Session, value: object) -> str:
    return session.undo()


def _sort(session: Session, value: object) -> str:
    if value not in COLUMNS:
        raise InputError(f"events cannot be sorted by '{value}'")
    session.descending = not session.descending if value == session.by else value != "start_s"
    session.by, session.version = str(value), session.version + 1
    return f"sorted by {COLUMNS[session.by]}, {'descending' if session.descending else 'ascending'}"


ACTIONS: Final[dict[str, Callable[[Session, object], str | None]]] = {
    "go": _go, "near": _near, "move": _move, "time": _time, "page": _page, "scale": _scale,
    "beat": _beat, "step": _step,
    "end": _end, "event": _event, "refer": _refer, "template": _template, "name": _name,
    "split": _split, "merge": _merge, "relabel": _relabel, "undo": _undo, "sort": _sort,
}  # fmt: skip
"""Name to what it does with a session and the value given."""
