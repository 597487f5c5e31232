"""WFDB annotation files, which may be a stranger's too.

``wfdb`` takes the bytes apart. Its ``rdann`` is not called: it never returns from some notes, and
takes a path for an address (``~``, ``::``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
from wfdb.io.annotation import ann_label_table, proc_ann_bytes

from arrhythmia.errors import InputError
from arrhythmia.labels import is_beat
from arrhythmia.records import Annotation

MOST_PER_S: Final = 20
"""Bytes of an annotation file for each second of signal, and as many more as …"""
SPARE: Final = 20_000
"""… these."""
SAME_S: Final = 0.02
"""Two beats nearer than this are one, marked twice."""
NOTE: Final = 22
"""Code of a note: at sample 0 it tells of the file, such as …"""
RESOLUTION: Final = re.compile(r"## time resolution: (\d{1,9}(?:\.\d{0,9})?)")
"""… the rate in Hz of its samples."""
BEHIND: Final = 4e9
"""A sample that no record has: marks farther on are put here, outside as well."""
SYMBOLS: Final = dict(zip(ann_label_table.label_store, ann_label_table.symbol, strict=True))
"""Code of a mark to its symbol."""


def read_annotation(
    file: Path, fs: float, samples: int, frame_rate: float
) -> tuple[Annotation | None, tuple[str, ...]]:
    """Read the marks of a record, in order, inside it, each beat once.

    Parameters
    ----------
    file : Path
        E.g. ``233.atr``; without it there is no annotation.
    fs : float
        Of the record in Hz: an annotation at another rate is converted.
    samples : int
        Of the record.
    frame_rate : float
        In Hz what an annotation counts where it does not say it: the frames of its header.

    Returns
    -------
    annotation : Annotation or None
    notes : tuple of str
        What the user should know.

    Raises
    ------
    InputError
        If the file is damaged, or no annotation.
    """
    if not file.is_file():
        return None, ()
    if file.stat().st_size == 0:
        return None, (f"'{file.name}' is empty: R peaks are not taken from it",)
    marks, rate = read_file(file, fs, samples, frame_rate)
    notes = []
    if abs(rate / fs - 1) > 1e-6:
        notes.append(f"'{file.name}' is at {rate:g} Hz: converted to {fs:g} Hz")
    marks, more = _cleaned(marks, file.name, fs, samples)
    return marks, (*notes, *more)


def read_file(file: Path, fs: float, samples: int, frame_rate: float) -> tuple[Annotation, float]:
    """All marks of an annotation file as they stand there, and its rate in Hz.

    Parameters
    ----------
    file : Path
    fs, samples, frame_rate
        As `read_annotation` takes them.

    Raises
    ------
    InputError
        If the file is larger than its record allows, damaged, or no annotation.
    """
    size = file.stat().st_size
    if size > SPARE + MOST_PER_S * samples / fs:
        raise InputError(f"'{file}' holds more marks than its record can have ({size} bytes)")
    content = file.read_bytes()
    if content.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(f"'{file}' is not a WFDB annotation file but a web page: fetch it again")
    try:
        pairs = np.frombuffer(content, dtype=np.uint8).reshape(-1, 2)
        sample, code, subtype, _, _, text = proc_ann_bytes(pairs, None)
        if len({len(column) for column in (sample, code, subtype, text)}) > 1:
            raise ValueError("a mark has a field twice")
    except (ValueError, IndexError) as error:  # an odd number of bytes; a field cut short
        raise InputError(
            f"'{file}' is not a WFDB annotation file (it is cut short or damaged)"
        ) from error
    of_file = [place == 0 and kind == NOTE for place, kind in zip(sample, code, strict=True)]
    told = (RESOLUTION.match(note) for note, about in zip(text, of_file, strict=True) if about)
    rate = next((float(found[1]) for found in told if found), 0.0) or frame_rate
    kept = np.array([kind != 0 for kind in code], dtype=bool) & ~np.array(of_file, dtype=bool)
    place = np.asarray(sample, dtype=float) * (fs / rate)
    marks = Annotation(
        np.rint(np.clip(place, -1, BEHIND)).astype(int),
        np.array([SYMBOLS.get(kind, "") for kind in code], dtype=str),
        np.array([note.rstrip("\0") for note in text], dtype=str),
        np.asarray(subtype, dtype=int),
    )
    return Annotation(*(column[kept] for column in marks)), rate


def _cleaned(
    marks: Annotation, name: str, fs: float, samples: int
) -> tuple[Annotation, tuple[str, ...]]:
    notes = []
    order = np.argsort(marks.sample, kind="stable")
    if (np.diff(marks.sample) < 0).any():
        notes.append(f"'{name}' has marks out of order: they are sorted")
    marks = Annotation(*(column[order] for column in marks))
    inside = (marks.sample >= 0) & (marks.sample < samples)
    beats = np.array([is_beat(symbol) for symbol in marks.symbol], dtype=bool)
    outside = int(np.sum(~inside & beats))
    if outside:
        notes.append(f"'{name}' has {outside} beats outside the record: they are left out")
    places = np.flatnonzero(inside & beats)
    twice = places[1:][np.diff(marks.sample[places]) < SAME_S * fs]
    if len(twice):
        notes.append(f"'{name}' marks {len(twice)} beats twice: each is taken once")
    kept = inside.copy()
    kept[twice] = False
    return Annotation(*(column[kept] for column in marks)), tuple(notes)
