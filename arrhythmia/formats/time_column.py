"""A column of time in a table: the rate, the date of the first row, and gaps where it jumps."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.errors import InputError
from arrhythmia.records import IS_ECG

TIME: Final = re.compile(
    r"(?:elapsed[ _]*|phone[ _]*|sensor[ _]*)?(?:time|timestamp|t|zeit|uhrzeit|zeitstempel|date|"
    r"datum|datetime|secs?|seconds|ms|millis\w*)?"
    r"\s*(?:[\[(](s|sec|seconds|ms|us|µs|ns)[\])])?",
    re.IGNORECASE,
)
SECONDS_OF: Final = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6,
                     "ns": 1e-9}  # fmt: skip
CLOCK: Final = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
DAY_FIRST: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})\b")
"""With points the day comes first; with strokes nobody can tell, and the date is not read."""
DAY_S: Final = 86_400.0
JUMP: Final = 1.5
"""A step of time so many times as long as the others is a gap."""
MOST_MISSING: Final = 10
"""A gap may make a recording so many times as long."""


def is_time(text: str) -> bool:
    """Whether a cell holds a time of the clock, or a date."""
    return bool(CLOCK.search(text)) or bool(re.match(r"\d{4}-\d\d-\d\d", text))


def take_time(
    table: pd.DataFrame,
) -> tuple[np.ndarray | None, pd.DataFrame, datetime | None]:
    """Seconds of every row and the other columns; the first date where there is one."""
    times, start, drop = None, None, []
    for place, name in enumerate(map(str, table.columns)):
        column = table.iloc[:, place]
        match = TIME.fullmatch(name.strip()) if name else None
        named = match is not None and not IS_ECG.fullmatch(name)
        is_text = not pd.api.types.is_numeric_dtype(column)
        if is_text and is_time(str(column.iloc[0]).strip("'\"[] ")):
            seconds, first = _seconds_of_text(column)
            times, start = (seconds, first or start) if times is None else (times, start or first)
            drop.append(place)
        elif not is_text and (named or (place == 0 and table.shape[1] > 1 and _counts_up(column))):
            unit = SECONDS_OF.get((match[1] or "").lower()) if named else None
            found = _seconds_of_numbers(column.to_numpy(float), unit, name)
            times = found if times is None or unit is not None else times
            drop.append(place)
    if len(drop) == table.shape[1]:
        return None, table, None
    kept = [place for place in range(table.shape[1]) if place not in drop]
    return times, table.iloc[:, kept], start


def _counts_up(column: pd.Series) -> bool:
    steps = np.diff(column.to_numpy(float)[:2000])
    return bool(len(steps) and (steps > 0).all() and np.ptp(steps) <= 1.01 * np.median(steps))


def _seconds_of_numbers(values: np.ndarray, unit: float | None, name: str) -> np.ndarray | None:
    """Seconds; None where the numbers only count the rows."""
    step = float(np.median(np.diff(values))) if len(values) > 1 else 0.0
    if step <= 0 or (unit is None and step == 1 and not name.lower().startswith("t")):
        return None
    if unit is None:
        unit = 1.0 if step < 0.1 else 1e-3 if step < 1e3 else 1e-6 if step < 1e5 else 1e-9
    return (values - values[0]) * unit


def _seconds_of_text(column: pd.Series) -> tuple[np.ndarray | None, datetime | None]:
    text = column.astype(str).str.strip("'\"[] ")
    stamps = pd.to_datetime(text, errors="coerce", format="ISO8601")
    if stamps.notna().mean() > 0.9 and not stamps.isna().iloc[0]:
        first = stamps.iloc[0]
        return (stamps - first).dt.total_seconds().to_numpy(float), first.to_pydatetime()
    parts = text.str.extract(CLOCK)
    parts[2] = parts[2].str.replace(",", ".")
    seconds = parts.astype(float).fillna(0.0).to_numpy() @ np.array([3600.0, 60.0, 1.0])
    midnights = np.cumsum(np.diff(seconds, prepend=seconds[:1]) < -DAY_S / 2)
    return seconds + DAY_S * midnights, _date_of(text.iloc[0], seconds[0])


def _date_of(text: str, seconds: float) -> datetime | None:
    """Date and time of a cell such as ``01.03.2024 22:59:30``; None where it holds no date."""
    match = DAY_FIRST.match(text)
    if match is None:
        return None
    day, month, year = map(int, match.groups())
    stamp = pd.to_datetime(f"{year}-{month}-{day}", errors="coerce") + pd.Timedelta(seconds, "s")
    return None if pd.isna(stamp) else stamp.to_pydatetime()


def by_time(name: str, times: np.ndarray, signals: np.ndarray) -> tuple[float | None, np.ndarray]:
    """Rate from a column of time, and the signals with what it leaves out as NaN."""
    known = np.isfinite(times)
    times, signals = times[known], signals[known]
    steps = np.diff(times)
    if not len(steps) or (times[-1] - times[0]) <= 0:
        return None, signals
    if np.median(steps) == 0:
        times = _between_ticks(times)
        steps = np.diff(times)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    inside = steps[(steps >= 0) & (steps < JUMP * max(usual, 1e-12))] if usual else steps
    step = float(np.mean(inside)) if len(inside) and np.mean(inside) > 0 else usual
    if step <= 0:
        return None, signals
    fs = 1 / step
    fs = round(fs) if abs(fs - round(fs)) < 0.002 * fs else fs
    if (steps < 0).any():
        raise InputError(f"'{name}': its column of time goes back; sort the rows")
    if not (steps > JUMP * step + 0.05).any():
        return fs, signals
    places = np.rint((times - times[0]) * fs).astype(int)
    if places[-1] > MOST_MISSING * len(times):
        raise InputError(f"'{name}': its column of time leaves out most of the recording")
    whole = np.full((places[-1] + 1, signals.shape[1]), np.nan)
    whole[places] = signals
    return fs, whole


def _between_ticks(times: np.ndarray) -> np.ndarray:
    """Times of a clock that shows less than the samples, as one of whole seconds: made even.

    The samples of a tick follow each other at the usual rate. The first tick may have begun before
    the recording, so its samples end where the next tick begins.
    """
    changes = np.flatnonzero(np.diff(times)) + 1
    firsts = np.concatenate([[0], changes])
    counts = np.diff(np.concatenate([firsts, [len(times)]]))
    tick = float(np.median(np.diff(times[firsts])))
    inner = counts[1:-1] if len(counts) > 2 else counts
    step = tick / float(np.median(inner))
    within = np.arange(len(times)) - np.repeat(firsts, counts)
    even = times + within * step
    even[: counts[0]] += max(tick - counts[0] * step, 0.0)
    return np.maximum.accumulate(even)
