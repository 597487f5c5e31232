"""A reader's decisions on the templates of a record: named, split, merged, kept in a file, obeyed.

Decisions are kept as the times of the beats they are about, so that they hold whatever numbers
another model gives the templates, and wherever in its QRS an annotator or a detector marks a beat.
In another lead the centre of a wide QRS may lie elsewhere: beats that are not found are told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from scipy.spatial import KDTree

from arrhythmia.beats import Beats
from arrhythmia.classifier import Decision
from arrhythmia.errors import InputError
from arrhythmia.files import check_no_input, read_json, whole_file
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.mitdb import find_record
from arrhythmia.recognise import format_of
from arrhythmia.records import EXCERPT_NAME
from arrhythmia.templates import Templates, TemplateSettings, find_templates, halved

SUFFIX: Final = ".templates.json"
SAME_S: Final = 0.05
"""A beat that a reader named is the one found nearest to it, no farther away than this."""
MODEL, READER = "model", "reader"
"""Who gave a beat its class."""


@dataclass(frozen=True)
class Decisions:
    """What a reader decided of a record.

    Parameters
    ----------
    named : tuple of (str, tuple of float)
        Class and the times of the beats that have it, a later entry over an earlier one: centres of
        their QRS in seconds from the start of the record, to the millisecond.
    groups : tuple of tuple of float
        The same of beats that were made one template, by a split or by a merge, in the order of
        these. Templates of which no beat is left go; see `grouped`.
    """

    named: tuple[tuple[str, tuple[float, ...]], ...] = ()
    groups: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def load(cls, file: str | Path) -> Decisions:
        """Read what `save` wrote; no decisions where there is no file.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        file = Path(file)
        if not file.is_file():
            return cls()
        try:
            facts = read_json(file)
            named = tuple((str(one["class"]), _times(one["times"])) for one in facts["named"])
            groups = facts["groups"] if "groups" in facts else facts["splits"]  # before merges
            groups = tuple(_times(times) for times in groups)
            if not {name for name, _ in named} <= set(BEAT_CLASSES):
                raise ValueError("a class that is none")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"'{file}' is damaged ({error!r}): delete it and name the templates again"
            ) from error
        return cls(named, groups)

    def save(self, file: str | Path) -> None:
        """Write the decisions, whole or not at all."""
        facts = {
            "named": [{"class": name, "times": times} for name, times in self.named],
            "groups": self.groups,
        }
        with whole_file(file) as part:
            part.write_text(json.dumps(facts) + "\n", encoding="utf-8")

    def with_name(self, times: Sequence[float], name: str) -> Decisions:
        """With a class for some beats."""
        return Decisions((*self.named, (name, _times(times))), self.groups)

    def with_group(self, times: Sequence[float]) -> Decisions:
        """With some beats as one template: a part of one that is split, or all of some merged."""
        return Decisions(self.named, (*self.groups, _times(times)))

    def grouped(self, templates: Templates) -> Templates:
        """Templates as the reader split and merged them.

        What is split off gets the next number. What is merged keeps the lowest of its numbers, and
        the numbers above those that are gone close up.
        """
        number = templates.number.copy()
        for times in self.groups:
            members = _at(templates.beats, times)
            if not members.any():
                continue
            whole = np.setdiff1d(number[members], number[~members])
            number[members] = whole[0] if len(whole) else number.max() + 1
        return Templates(templates.beats, np.unique(number, return_inverse=True)[1] + 1)

    def classes(self, beats: Beats, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Class of every beat, and whether the reader gave it.

        Parameters
        ----------
        beats : Beats
        classes : ndarray of str, shape (beats,)
            As the model gives them.

        Returns
        -------
        classes : ndarray of str, shape (beats,)
        by_reader : ndarray of bool, shape (beats,)
        """
        classes, by_reader = classes.copy(), np.zeros(len(beats), dtype=bool)
        for name, times in self.named:
            members = _at(beats, times)
            classes[members] = name
            by_reader |= members
        return classes, by_reader

    def notes(self, beats: Beats) -> tuple[str, ...]:
        """What a reader should know: that beats which were named are not found."""
        named = np.unique([time for _, times in self.named for time in times]).astype(float)
        lost = int(np.sum(_nearest(named, beats.centers)[0] > SAME_S))
        words = f"{lost} of {len(named)} beats that a reader named are not among those found now"
        return (f"record {beats.record}: {words}",) if lost else ()


def _times(times: Sequence[float]) -> tuple[float, ...]:
    """Times to the millisecond, as they are kept."""
    values = np.asarray(times, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("times that are none")
    return tuple(values.round(3).tolist())


def _at(beats: Beats, times: Sequence[float]) -> np.ndarray:
    """Which beats are at some times, shape (beats,): for each time the nearest, if it is near."""
    gaps, nearest = _nearest(np.array(times, dtype=float), beats.centers)
    members = np.zeros(len(beats), dtype=bool)
    members[nearest[gaps <= SAME_S]] = True
    return members


def _nearest(times: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds from each time to the nearest of others, and which that is."""
    return KDTree(others[:, None]).query(times[:, None])


def decisions_file(
    record: str | Path, data_dir: str | Path | None = None, folder: str | Path | None = None
) -> Path:
    """Where the decisions on a record are kept.

    Parameters
    ----------
    record : str or Path
        As `arrhythmia.records.read_record` takes it.
    data_dir : str or Path, optional
        Folder of the database.
    folder : str or Path, optional
        By default that of the record; that of the bundled excerpt is where the user works.
    """
    if str(record) == EXCERPT_NAME:
        return Path(folder or ".") / f"{EXCERPT_NAME}{SUFFIX}"
    place = place_of(record, data_dir)
    name = place.stem if place.is_file() else place.name
    return (place.parent if folder is None else Path(folder)) / f"{name}{SUFFIX}"


def place_of(record: str | Path, data_dir: str | Path | None = None) -> Path:
    """Path of a recording, without suffix where it is a WFDB record."""
    if Path(record).is_file() and format_of(Path(record)) != "wfdb":
        return Path(record)
    return find_record(record, data_dir)


def check_outputs(
    record: str | Path | None, data_dir: str | Path | None, *outputs: str | Path | None
) -> None:
    """Refuse outputs that would overwrite the recording.

    Raises
    ------
    InputError
        If one of them is a file of the recording.
    """
    if record is None or str(record) == EXCERPT_NAME:
        return
    for output in filter(None, outputs):
        check_no_input(output, place_of(record, data_dir))


@dataclass(frozen=True)
class Named:
    """The templates of a record with their classes.

    Parameters
    ----------
    templates : Templates
        As the reader split and merged them.
    decision : Decision
        What the model says.
    classes : ndarray of str, shape (beats,)
        Of the beats, the reader's before the model's.
    by_reader : ndarray of bool, shape (beats,)
        Which the reader gave.
    """

    templates: Templates
    decision: Decision
    classes: np.ndarray
    by_reader: np.ndarray

    @cached_property
    def doubt(self) -> np.ndarray:
        """Probability that each class is wrong, shape (beats,); 0 where the reader gave it."""
        return np.where(self.by_reader, 0.0, 1 - self.decision.probabilities.max(axis=1))

    def class_of(self, number: int) -> str:
        """The class that most beats of a template have."""
        names, counts = np.unique(self.classes[self.templates[number].beats], return_counts=True)
        return str(names[counts.argmax()])

    def certainty(self, number: int) -> float:
        """Mean probability of the classes given to its beats; 1 where the reader gave them."""
        return float(1 - self.doubt[self.templates[number].beats].mean())

    def by(self, number: int) -> str:
        """Who named a template: `READER`, or `MODEL` if any beat of it is the model's."""
        return READER if self.by_reader[self.templates[number].beats].all() else MODEL

    def expected_wrong(self, number: int) -> float:
        """How many of its beats are wrong if the probabilities hold."""
        return float(self.doubt[self.templates[number].beats].sum())

    def in_order(self) -> list[int]:
        """Numbers of the templates, those first where a decision matters most."""
        return sorted(range(1, len(self.templates) + 1), key=lambda n: (-self.expected_wrong(n), n))


def name_templates(beats: Beats, decision: Decision, decisions: Decisions) -> Named:
    """The templates of a record as a reader split and merged them, with the reader's classes.

    Parameters
    ----------
    beats : Beats
        All beats of the record.
    decision : Decision
        What the model says of them. Beats that it judged one by one are grouped all the same.
    decisions : Decisions
        What the reader decided.
    """
    templates = decision.templates
    if templates is None:
        templates = find_templates(beats, TemplateSettings()).split(decision.by_itself)
    called = np.array(BEAT_CLASSES)[decision.probabilities.argmax(axis=1)]
    return Named(decisions.grouped(templates), decision, *decisions.classes(beats, called))


def decide_anew(
    named: Named,
    decisions: Decisions,
    names: Sequence[tuple[int, str]],
    splits: Sequence[int],
    merges: Sequence[Sequence[int]] = (),
) -> Decisions:
    """Decisions with those that a reader makes now, by the numbers that were shown.

    Names belong to beats, and stay with them. A merge gives the class that a reader gave to one of
    the templates, now or before, to the beats of the others that no reader named: they are of one
    kind. Where no template was named, beats keep the classes that the model gives them.

    Parameters
    ----------
    named : Named
        What was shown.
    decisions : Decisions
        Those made before.
    names : sequence of (int, str)
        Template and class.
    splits : sequence of int
        Templates to be split in two.
    merges : sequence of sequence of int
        Templates to be made one, two or more each time.

    Raises
    ------
    InputError
        If there is no such template or class, a template has too few beats to be split, templates
        to be merged were named differently, or one is to be split or merged besides.
    """
    templates = named.templates
    merges = [sorted(set(numbers)) for numbers in merges]
    regrouped = [*dict.fromkeys(splits), *(number for numbers in merges for number in numbers)]
    for number in (*(n for n, _ in names), *regrouped):
        if not 1 <= number <= len(templates):
            raise InputError(f"there is no template {number}: they are 1 to {len(templates)}")
    for number, name in names:
        if name not in BEAT_CLASSES:
            known = ", ".join(BEAT_CLASSES)
            raise InputError(f"no class '{name}' for template {number}: choose one of {known}")
        decisions = decisions.with_name(templates.beats.centers[templates[number].beats], name)
    for number in dict.fromkeys(splits):
        if len(templates[number]) < 2:
            raise InputError(f"template {number} is a single beat and cannot be split")
        part = halved(templates, number, TemplateSettings())
        decisions = decisions.with_group(templates.beats.centers[part])
    for number in regrouped:
        if regrouped.count(number) > 1:
            raise InputError(f"template {number} can be split or merged only once at a time")
    for numbers in merges:
        decisions = _merge(named, decisions, numbers)
    return decisions


def _merge(named: Named, decisions: Decisions, numbers: Sequence[int]) -> Decisions:
    """Decisions with some templates as one."""
    if len(numbers) < 2:
        raise InputError(
            f"template {', '.join(map(str, numbers))} needs another to be merged with: choose two"
        )
    templates = named.templates
    classes, by_reader = decisions.classes(templates.beats, named.classes)
    now = replace(named, classes=classes, by_reader=by_reader)
    given = {number: now.class_of(number) for number in numbers if now.by(number) == READER}
    if len(set(given.values())) > 1:
        told = ", ".join(f"{number} {name}" for number, name in given.items())
        raise InputError(f"templates were named differently ({told}): name them alike, then merge")
    together = np.isin(templates.number, numbers)
    for name in set(given.values()):
        unnamed = together & ~now.by_reader
        if unnamed.any():
            decisions = decisions.with_name(templates.beats.centers[unnamed], name)
    return decisions.with_group(templates.beats.centers[together])
