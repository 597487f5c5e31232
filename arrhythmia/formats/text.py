"""Text: CSV, TSV, spaces; exports of watches, chest straps and recorders.

What stands before the numbers is searched for a rate, a unit, a lead and names of columns. A column
of time gives the rate, and gaps where it jumps.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.errors import InputError
from arrhythmia.formats.table import make_record, unit_of
from arrhythmia.formats.time_column import by_time, is_time, take_time
from arrhythmia.records import Hints, Record

LARGEST: Final = 2_000_000_000
"""Bytes."""
HEAD: Final = 400
"""Lines that are searched for the beginning of the numbers, of so many characters on average:"""
LONGEST_LINE: Final = 400
IN_A_ROW: Final = 3
"""So many lines of as many numbers are the beginning."""
COMMENTS: Final = ("#", "%", "//", "'")
RATE: Final = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(?:hz|herz|hertz|hercios|гц|герц|赫兹|赫茲|ヘルツ|헤르츠)\b",
    re.IGNORECASE,
)
NAMED_RATE: Final = re.compile(
    r"(?:sampl\w*[ _-]*(?:rate|freq\w*)|abtast\w*|frequen\w*|fs|sfreq|échantillon\w*|muestreo)"
    r"[^0-9]{0,20}(\d+(?:[.,]\d+)?)",
    re.IGNORECASE,
)
UNIT: Final = re.compile(r"(?<![\w])([µμu]v|mv|nv|(?:micro|milli)volt)(?![\w])", re.IGNORECASE)
LEAD: Final = re.compile(r"(?<![\w])(MLII|MLI|I{1,3}|aV[RLF]|V[1-6])(?![\w])")


@dataclass
class Head:
    """What stands before the numbers."""

    lines: list[str]
    first: int
    delimiter: str
    decimal: str
    columns: int
    names: list[str] = field(default_factory=list)


def read(path: Path, hints: Hints) -> Record:
    """Read a text file of numbers.

    Parameters
    ----------
    path : Path
    hints : Hints
        Rate and units, where the file does not say them.

    Raises
    ------
    InputError
        If it holds no columns of numbers, or no rate is known.
    """
    if path.stat().st_size > LARGEST:
        raise InputError(f"'{path}' is larger than {LARGEST / 1e9:g} GB: cut it into parts")
    for encoding in _encodings(path):
        try:
            head = _find_numbers(path, encoding)
            table = _table(path, encoding, head)
            lost = _lost_rows(path, encoding, head, len(table))
        except UnicodeError:
            continue
        above = "\n".join(head.lines[: head.first])
        return record_of_table(path.name, table, above, hints, lost)
    raise InputError(f"'{path}' is no text in a known encoding")


def record_of_table(
    name: str, table: pd.DataFrame, above: str, hints: Hints, lost: np.ndarray | None = None
) -> Record:
    """A record of a table: a column a lead; a column of time gives the rate.

    Parameters
    ----------
    name : str
        Of the file.
    table : pandas.DataFrame
    above : str
        What stands before the numbers: may tell rate, unit, lead and date.
    hints : Hints
        What the user says.
    lost : ndarray of int, optional
        Which rows of the file are not in the table.

    Raises
    ------
    InputError
        If it holds no column of numbers, or no rate is known.
    """
    times, table, start = take_time(table)
    numbers = table.apply(pd.to_numeric, errors="coerce")
    numbers = numbers.loc[:, (numbers.notna().mean() > 0.5).to_numpy()]
    if numbers.shape[1] == 0:
        raise InputError(f"'{name}' holds no column of numbers")
    fs, signals, notes = _rate(above), numbers.to_numpy(dtype=float), []
    if times is not None:
        if hints.fs is not None:
            notes.append(f"'{name}': its column of time is not used, {hints.fs:g} Hz is")
        else:
            fs, signals = by_time(name, times, signals)
    if lost is not None and len(lost):
        notes.append(f"'{name}': {len(lost)} rows have too many fields and are taken as missing")
        if times is None or hints.fs is not None:  # else their time tells that they are missing
            signals = np.insert(signals, lost - np.arange(len(lost)), np.nan, axis=0)
    unit = UNIT.search(above)
    lead = LEAD.search(above) if numbers.shape[1] == 1 else None
    leads, units = _names(list(map(str, numbers.columns)), unit, lead)
    return make_record(name, signals, fs, leads, units, hints, start or _date(above), notes)


def _encodings(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        is_wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    return ("utf-16",) if is_wide else ("utf-8-sig", "latin-1")


def _fields(line: str, delimiter: str) -> list[str]:
    parts = line.split() if delimiter == " " else line.split(delimiter)
    return [part.strip().strip("\"'") for part in parts]


def _is_number(text: str, decimal: str) -> bool:
    text = text.replace(",", ".") if decimal == "," else text
    if text.lower() in ("", "nan", "na", "null"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_row(fields: list[str], decimal: str) -> bool:
    held = [f for f in fields if f]
    numbers = [f for f in held if _is_number(f, decimal)]
    return bool(numbers) and all(_is_number(f, decimal) or is_time(f) for f in held)


def _find_numbers(path: Path, encoding: str) -> Head:
    """Where the numbers begin, and how they are set apart."""
    with path.open(encoding=encoding) as file:
        lines = file.read(LONGEST_LINE * HEAD).split("\n")[:HEAD]
    lines = lines if lines[-1] or len(lines) == 1 else lines[:-1]
    best: Head | None = None
    for delimiter, decimal in ((";", "."), (";", ","), ("\t", "."), ("\t", ","), (",", "."),
                               (" ", "."), (" ", ",")):  # fmt: skip
        for first in range(len(lines)):
            rows = [_fields(line, delimiter) for line in lines[first : first + IN_A_ROW]]
            if len(rows) < min(IN_A_ROW, len(lines)) or not all(_is_row(r, decimal) for r in rows):
                continue
            if len({len(row) for row in rows}) != 1:
                continue
            found = Head(lines, first, delimiter, decimal, len(rows[0]))
            better = best is None or (first, -found.columns) < (best.first, -best.columns)
            best = found if better else best
            break
    if best is None:
        raise InputError(f"'{path.name}' holds no columns of numbers: give a table with one a lead")
    best.names = _header(best)
    return best


def _header(head: Head) -> list[str]:
    """Names of the columns: in the line above the numbers, or in the header of OpenSignals."""
    units: list[str] = []
    for line in reversed(head.lines[: head.first]):
        content = line.strip()
        if content.startswith("#") and "{" in content:
            return _open_signals(content, head.columns)
        content = content.lstrip("#%/ ")
        fields = [f for f in _fields(content, head.delimiter)]
        if len(fields) != head.columns or not any(fields):
            continue
        if all(
            unit_of(f) or f.lower() in ("hh:mm:ss.mmm", "s", "seconds", "sec", "") for f in fields
        ):
            units = fields
            continue
        if head.columns == 1 and (":" in fields[0] or " " in fields[0] or RATE.search(fields[0])):
            continue  # a remark, not a name
        if units:
            fields = [f"{f} [{u}]" if unit_of(u) else f for f, u in zip(fields, units, strict=True)]
        return fields
    return []


def _open_signals(line: str, columns: int) -> list[str]:
    try:
        device = next(iter(json.loads(line.lstrip("# ")).values()))
        names = list(map(str, device["column"]))
        sensors = dict(zip(device["label"], device.get("sensor", device["label"]), strict=False))
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return []
    names = [str(sensors.get(name, name)) for name in names]
    return names if len(names) == columns else []


def _table(path: Path, encoding: str, head: Head) -> pd.DataFrame:
    separator = r"\s+" if head.delimiter == " " else head.delimiter
    try:
        with path.open(encoding=encoding) as body:
            for _ in range(head.first):
                body.readline()
            table = pd.read_csv(
                body, sep=separator, header=None, decimal=head.decimal, comment=None,
                quotechar='"', skipinitialspace=True, on_bad_lines="skip", low_memory=False,
                names=range(head.columns),
            )  # fmt: skip
    except UnicodeError:
        raise
    except (ValueError, pd.errors.ParserError, RecursionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"'{path.name}' cannot be read as a table ({reason})") from error
    if head.names:
        table.columns = head.names
    else:
        known = ["ECG"] if head.columns == 1 else [f"column {i + 1}" for i in range(head.columns)]
        table.columns = known
    return table


def _lost_rows(path: Path, encoding: str, head: Head, read: int) -> np.ndarray:
    """Which rows have more fields than the others and were not read, where any were not.

    Raises
    ------
    InputError
        If other rows were not read.
    """
    with path.open("rb") as file:
        lines = sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))
    if lines <= head.first + read:
        return np.zeros(0, dtype=int)
    lost, rows = [], 0
    with path.open(encoding=encoding) as body:
        for line in filter(str.strip, islice(body, head.first, None)):
            if len(_fields(line, head.delimiter)) > head.columns:
                lost.append(rows)
            rows += 1
    if len(lost) != rows - read:
        raise InputError(f"'{path.name}': {rows - read} of {rows} rows cannot be read: remove them")
    return np.array(lost, dtype=int)


def _rate(above: str) -> float | None:
    for line in above.splitlines():
        match = RATE.search(line) or NAMED_RATE.search(line)
        if match:
            return float(match[1].replace(",", "."))
    quoted = re.search(r'"sampling rate"\s*:\s*(\d+)', above)
    return float(quoted[1]) if quoted else None


def _date(above: str) -> datetime | None:
    match = re.search(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?: ?[+-]\d{4})?", above)
    if match is None:
        return None
    stamp = pd.to_datetime(match[0], errors="coerce")
    return None if pd.isna(stamp) else stamp.to_pydatetime()


def _names(
    columns: list[str], unit: re.Match | None, lead: re.Match | None
) -> tuple[list[str], list[str]]:
    """Names of leads, and units: in brackets behind a name, or above the numbers."""
    names, units = [], []
    for name in columns:
        inside = re.fullmatch(r"(.*?)\s*[\[(]([^\])]*)[\])]", name)
        own = unit_of(inside[2]) if inside else ""
        names.append((inside[1] if inside and own else name) or "ECG")
        units.append(own or (unit_of(unit[1]) if unit else ""))
    if lead is not None:
        names = [lead[1]]
    return names, units
