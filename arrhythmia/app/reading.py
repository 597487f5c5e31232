"""A recording as its reader sees it: the model's analysis, and all that was decided since."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.annotate.analysis import Analysis, analyse, decided
from arrhythmia.annotate.holter import UNKNOWN, summary
from arrhythmia.drawing import clock
from arrhythmia.errors import InputError
from arrhythmia.explain.case import Case
from arrhythmia.explain.explanation import check_beat, check_choice
from arrhythmia.explain.gather import explain_beat, record_timing
from arrhythmia.explain.timing import Timing
from arrhythmia.files import DEFAULT_MODEL, OWN_MODEL
from arrhythmia.interface import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import Limits
from arrhythmia.naming import Decisions, Named, decide_anew, decisions_file, name_templates
from arrhythmia.records import Hints, Record, read_record
from arrhythmia.sheet import lead_segments, means_of
from arrhythmia.trust.events import known_rr
from arrhythmia.which_model import choose_model

ON_PAGE: Final = (
    (re.compile(r": add --fs.*"), ": say below how many samples a second it has"),
    (re.compile(r"\(--units names another( unit)?\)"), "(Settings have others)"),
    (re.compile(r"add --invert [^)]*"), "turn it over in Settings"),
    (re.compile(r"leave out --invert [^)]*"), "turn it back in Settings"),
    (re.compile(r"copy the file .*--follow-links.*"), "send the file itself"),
)
"""Remedies in messages, and what they are on the page."""
Told = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What a reader turns before an analysis.

    Parameters
    ----------
    lead : str, optional
        The only lead to read; by default all ECG leads are.
    units : str, optional
        Other units than the file says.
    inverted : tuple of str
        Leads whose electrodes were exchanged.
    limits : Limits
        What is called a pause, a tachycardia, and early.
    """

    lead: str | None = None
    units: str | None = None
    inverted: tuple[str, ...] = ()
    limits: Limits = Limits()

    def of(self, record: Record) -> Record:
        """A record with other units and with leads turned over."""
        if self.units is not None:
            record = replace(record, units=(self.units,) * len(record.units))
        return record.inverted(self.inverted)


@dataclass(frozen=True)
class Recording:
    """A file that was read.

    Parameters
    ----------
    record : Record
    model : str
        Name of the model that is used for it.
    classifier : Classifier
        The same.
    decisions : Decisions
        Those that were beside the file.
    notes : tuple of str
        On the choice of the model.
    """

    record: Record
    model: str
    classifier: Classifier
    decisions: Decisions
    notes: tuple[str, ...]


def for_page(text: str) -> str:
    """A message as the page can tell it: with what its visitor can do, not options of a command."""
    for option, instead in ON_PAGE:
        text = option.sub(instead, text)
    return text


def read(
    path: str | Path,
    hints: Hints = Hints(),  # noqa: B008, frozen
    data_dir: str | Path | None = None,
) -> Recording:
    """Read a file of any supported format.

    Parameters
    ----------
    path, data_dir
        As `arrhythmia.records.read_record` takes them.
    hints : Hints
        What the file does not say.

    Raises
    ------
    InputError
        If it cannot be used.
    """
    model, notes = choose_model(path, data_dir)
    record = read_record(path, data_dir, hints=hints)
    decisions = Decisions.load(decisions_file(path, data_dir))
    return Recording(record, model.name, loaded(model), decisions, notes)


@lru_cache(maxsize=2)
def loaded(model: Path) -> Classifier:
    """A model, loaded once."""
    return Classifier.load(model)


def warm_up() -> None:
    """Load what explanations by gradients need, which takes seconds, before they are asked for."""
    for model in (DEFAULT_MODEL, OWN_MODEL):
        with suppress(InputError):  # told when a recording asks for it
            loaded(model).trace()


def begin(recording: Recording, settings: Settings, told: Told = lambda step: None) -> Reading:
    """Analyse a recording.

    Raises
    ------
    InputError
        If it cannot be used.
    """
    record, classifier = settings.of(recording.record), recording.classifier
    analysis = analyse(
        classifier, classifier.confidence, record, settings.lead, reader=recording.decisions,
        told=told, limits=settings.limits,
    )  # fmt: skip
    told("drawing the templates")
    segments = lead_segments(record, analysis.beats, analysis.settings)
    rr = known_rr(analysis.beats, record.fs, analysis.between)
    timings = record_timing(
        analysis.beats, analysis.probabilities, rr, analysis.between, settings.limits
    )
    named = name_templates(analysis.beats, analysis.decision, recording.decisions)
    return Reading(recording, settings, recording.decisions, analysis, named, segments, timings)


@dataclass(frozen=True)
class Reading:
    """An analysis with a reader's decisions; each decision gives another one.

    Parameters
    ----------
    recording : Recording
    settings : Settings
    decisions : Decisions
    analysis : Analysis
        After these decisions.
    named : Named
        The templates after these decisions.
    segments : dict
        See `arrhythmia.sheet.lead_segments`.
    timings : list of Timing
        See `arrhythmia.explain.gather.record_timing`.
    """

    recording: Recording
    settings: Settings
    decisions: Decisions
    analysis: Analysis
    named: Named
    segments: dict[str, np.ndarray] = field(repr=False)
    timings: list[Timing] = field(repr=False)

    # What is shown

    @cached_property
    def means(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Mean beats of the templates, see `arrhythmia.sheet.mean_beats`."""
        return means_of(self.segments, self.named)

    @cached_property
    def facts(self) -> dict:
        """What ``RECORD.json`` holds."""
        notes = (
            *self.recording.notes, *self.analysis.record.notes, *self.analysis.beats.notes,
            *self.decisions.notes(self.analysis.beats),
        )  # fmt: skip
        return summary(self.analysis, notes) | {"model": self.recording.model}

    @cached_property
    def letters(self) -> np.ndarray:
        """Class of each beat, `UNKNOWN` where it cannot be assessed, shape (beats,)."""
        return np.where(self.analysis.assessable, self.analysis.classes, UNKNOWN)

    @cached_property
    def refer(self) -> np.ndarray:
        """Which beats a person should look at and has not, ndarray of bool, shape (beats,)."""
        return self.analysis.refer & self.analysis.assessable

    @property
    def counts(self) -> dict[str, int]:
        """Beats of each class, and those that cannot be assessed."""
        return {c: int(np.sum(self.letters == c)) for c in (*BEAT_CLASSES, UNKNOWN)}

    def classes_in(self, number: int) -> str:
        """Beats of each class in a template: ``21 N, 6 V``; empty where all have one class."""
        classes = self.named.classes[self.named.templates[number].beats]
        counts = {c: int(np.sum(classes == c)) for c in BEAT_CLASSES}
        told = [f"{n} {c}" for c, n in counts.items() if n]
        return ", ".join(told) if len(told) > 1 else ""

    def explain(self, beat: int, method: str, target_class: str | None) -> Case:
        """Why the model gives a beat its class.

        Raises
        ------
        InputError
            If there is no such beat, method or class.
        """
        analysis = self.analysis
        return explain_beat(
            self.recording.classifier, analysis.record, beat, beats=analysis.beats,
            decision=analysis.decision, assessment=analysis.assessment,
            between=analysis.between, timings=self.timings, method=method,
            target_class=target_class,
        )  # fmt: skip

    # What a reader decides

    def after(self, decisions: Decisions) -> Reading:
        """With other decisions instead."""
        analysis = decided(self.analysis, decisions)
        named = name_templates(analysis.beats, analysis.decision, decisions)
        return replace(self, decisions=decisions, analysis=analysis, named=named)

    def name(self, numbers: Sequence[int], beat_class: str) -> tuple[Reading, str]:
        """Give templates a class.

        Returns
        -------
        Reading
        str
            What was done.

        Raises
        ------
        InputError
            If there is no such template or class.
        """
        pairs = [(number, beat_class) for number in numbers]
        decisions = decide_anew(self.named, self.decisions, pairs, [])
        return self.after(decisions), f"{_templates(numbers)} named {beat_class}"

    def split(self, numbers: Sequence[int]) -> tuple[Reading, str]:
        """Split templates in two each.

        Raises
        ------
        InputError
            If there is no such template, or it has one beat.
        """
        decisions = decide_anew(self.named, self.decisions, [], numbers)
        return self.after(decisions), f"{_templates(numbers)} split"

    def merge(self, numbers: Sequence[int]) -> tuple[Reading, str]:
        """Make templates one, see `arrhythmia.naming.decide_anew`.

        Raises
        ------
        InputError
            If there is no such template, only one is chosen, or they were named differently.
        """
        decisions = decide_anew(self.named, self.decisions, [], [], [numbers])
        after, number = self.after(decisions), min(numbers)
        inside = after.classes_in(number)
        words = f"{_templates(numbers)} merged as template {number}"
        return after, f"{words} ({inside})" if inside else words

    def relabel(self, beat: int, beat_class: str) -> tuple[Reading, str]:
        """Give one beat a class.

        Raises
        ------
        InputError
            If there is no such beat or class.
        """
        check_beat(self.analysis.beats, beat)
        check_choice(beat_class, BEAT_CLASSES, "class")
        center = float(self.analysis.beats.centers[beat])
        decisions = self.decisions.with_name([center], beat_class)
        return self.after(decisions), f"beat at {clock(center)} named {beat_class}"


def _templates(numbers: Sequence[int]) -> str:
    names = ", ".join(map(str, numbers))
    return f"template{'s' if len(numbers) > 1 else ''} {names}"
