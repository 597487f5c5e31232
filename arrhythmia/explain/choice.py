"""Which beat of which record is meant, checked before anything slow begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arrhythmia.beats import Beats, find_beats
from arrhythmia.drawing import clock
from arrhythmia.errors import InputError
from arrhythmia.explain.explanation import check_beat
from arrhythmia.mitdb import GET_IT, find_data_dir, has_database, require_database
from arrhythmia.model_settings import ModelSettings
from arrhythmia.records import EXCERPT_NAME, Hints, Record, read_record

SAMPLE_RECORD, SAMPLE = "233", 105_630
"""A ventricular beat at 00:04:53.4, normal beats around it, of a patient kept out of training."""
EXCERPT_SAMPLE = 54_812
"""An early ventricular beat of the excerpt at 00:02:32.3, the second of a couplet."""
FAR_S = 1.0
"""Seconds from the place asked for at which the nearest beat deserves a note."""


@dataclass(frozen=True)
class Place:
    """Where in a record a beat, or several, are: at most one of these is given.

    Parameters
    ----------
    beat : int, optional
        Number of the beat, from 0.
    seconds : float, optional
        The beat nearest to it.
    sample : int, optional
        The beat nearest to it.
    beats : tuple of int, optional
        Numbers of several beats.
    worst : int, optional
        So many of the beats of which the model is least sure.
    """

    beat: int | None = None
    seconds: float | None = None
    sample: int | None = None
    beats: tuple[int, ...] | None = None
    worst: int | None = None

    @property
    def is_several(self) -> bool:
        """Whether several beats are asked for, even if it is a list of one."""
        return self.beats is not None or self.worst is not None


@dataclass(frozen=True)
class Choice:
    """A beat that exists.

    Parameters
    ----------
    record : Record
    beats : Beats
        All of the record, in the lead asked for.
    beat : int
        The one chosen, from 0; of several the first.
    notes : tuple of str
        What the user should know besides the notes of record and beats.
    several : tuple of int
        All that are chosen by their numbers.
    worst : int
        How many are to be chosen once the model has judged all; 0 for none.
    """

    record: Record
    beats: Beats
    beat: int
    notes: tuple[str, ...]
    several: tuple[int, ...] = ()
    worst: int = 0


def choose_beat(
    name: str | Path | None,
    place: Place,
    settings: ModelSettings,
    data_dir: str | Path | None = None,
    lead: str | None = None,
    hints: Hints = Hints(),  # noqa: B008, frozen
    source: str | None = None,
) -> Choice:
    """Read a record, find its beats, and choose one of them.

    Parameters
    ----------
    name : str or Path, optional
        Of the record; by default a sample beat of the database, or of the bundled excerpt where
        the database is not there.
    place : Place
        By default the beat in the middle of the record, or the sample beat.
    settings : ModelSettings
        Of the model that is to classify it.
    data_dir : str or Path, optional
        Folder of the database.
    lead : str, optional
        Name of the only lead to read.
    hints : Hints
        Rate and units, where the file does not say them.
    source : str, optional
        ``"atr"`` or ``"detect"``, see `arrhythmia.beats.find_beats`.

    Raises
    ------
    InputError
        If the record or the place in it cannot be used.
    """
    record, notes, sample = _read(name, data_dir, settings, hints)
    beats = find_beats(record, settings.beats, lead, source)
    if place.worst is not None:
        if place.worst < 1:
            raise InputError(f"--worst must be at least 1, got {place.worst}")
        return Choice(record, beats, 0, notes, worst=min(place.worst, len(beats)))
    if place.beat is not None or place.beats is not None:
        several = tuple(dict.fromkeys(place.beats or (place.beat,)))
        for beat in several:
            check_beat(beats, beat)
        return Choice(record, beats, several[0], notes, several)
    if place.sample is not None:
        sample = place.sample
        if not 0 <= sample < len(record):
            raise InputError(
                f"sample {sample} is outside record '{record.name}': "
                f"its samples are 0 to {len(record) - 1}"
            )
    elif place.seconds is not None:
        sample = place.seconds * record.fs
        if place.seconds > record.seconds:
            raise InputError(
                f"time {place.seconds:g} s is outside record '{record.name}': "
                f"it goes from 0 to {record.seconds:.3f} s ({clock(record.seconds, 3)})"
            )
    distances = np.abs(beats.sample - sample) / record.fs
    beat = int(distances.argmin())
    if distances[beat] > FAR_S:
        notes += (f"the nearest beat is {distances[beat]:.1f} s from the place asked for",)
    return Choice(record, beats, beat, notes, (beat,))


def _read(
    name: str | Path | None,
    data_dir: str | Path | None,
    settings: ModelSettings,
    hints: Hints,
) -> tuple[Record, tuple[str, ...], float]:
    """Record, what to know of the choice, and the sample where a beat is shown by default."""
    if name is None and data_dir is not None:
        require_database(data_dir)
    if str(name) == EXCERPT_NAME or (name is None and not has_database(data_dir)):
        record = read_record(EXCERPT_NAME)
        missing = f"the database is not in '{find_data_dir(data_dir)}': {GET_IT}"
        return record, (missing,) if name is None else (), EXCERPT_SAMPLE
    record = read_record(SAMPLE_RECORD if name is None else name, data_dir, hints=hints)
    notes: tuple[str, ...] = ()
    if name is None and settings.training.get("records"):
        notes = (f"a sample beat of record {record.name}, a patient the model never saw",)
    return record, notes, SAMPLE if name is None else len(record) / 2
