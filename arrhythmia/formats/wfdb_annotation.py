"""WFDB annotation files, which may be a stranger's too."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import wfdb

from arrhythmia.errors import InputError
from arrhythmia.labels import is_beat
from arrhythmia.records import Annotation

MOST_PER_S: Final = 20
"""Bytes of an annotation file for each second of signal, and as many more as …"""
SPARE: Final = 20_000
"""… these."""
SAME_S: Final = 0.02
"""Two beats nearer than this are one, marked twice."""


def read_annotation(
    file: Path, fs: float, samples: int
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
    size = file.stat().st_size
    if size > SPARE + MOST_PER_S * samples / fs:
        raise InputError(f"'{file}' holds more marks than its record can have ({size} bytes)")
    content = file.read_bytes()
    if content.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(f"'{file}' is not a WFDB annotation file but a web page: fetch it again")
    if not content:
        return None, (f"'{file.name}' is empty: R peaks are not taken from it",)
    if len(content) % 2 or _never_ends(content):
        raise InputError(f"'{file}' is not a WFDB annotation file (it is cut short or damaged)")
    try:
        marks = wfdb.rdann(str(file.with_suffix("")), file.suffix[1:])
    except Exception as error:  # wfdb raises many kinds for a damaged annotation file
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise InputError(f"'{file}' is not a WFDB annotation file ({reason})") from error
    sample = np.asarray(marks.sample, dtype=float)
    notes = []
    if marks.fs and abs(marks.fs / fs - 1) > 1e-6:
        sample = sample * fs / marks.fs
        notes.append(f"'{file.name}' is at {marks.fs:g} Hz: converted to {fs:g} Hz")
    annotation = Annotation(
        np.rint(sample).astype(int),
        np.asarray(marks.symbol, dtype=str),
        np.asarray([note.rstrip("\0") for note in marks.aux_note], dtype=str),
        np.asarray(marks.subtype, dtype=int),
    )
    annotation, more = _cleaned(annotation, file.name, fs, samples)
    return annotation, (*notes, *more)


def _never_ends(content: bytes) -> bool:
    """Whether ``wfdb`` 4.3.1 would search on for ever: a note ``## `` that gives no resolution."""
    return b"## " in content[:64] and b"## time resolution" not in content[:64]


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
