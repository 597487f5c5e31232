"""Classify and explain one beat: `arrhythmia.explain.case.Case` is built here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.decision import Decision, only
from arrhythmia.errors import InputError
from arrhythmia.explain.case import Case
from arrhythmia.explain.choice import Choice
from arrhythmia.explain.explanation import check_beat, check_choice, find_evidence
from arrhythmia.explain.method_names import DEFAULT_METHOD, METHOD_NAMES
from arrhythmia.explain.reasons import find_reasons
from arrhythmia.explain.timing import Timing, find_timing
from arrhythmia.explain.waves import beat_waves
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import Limits
from arrhythmia.predictions import Assessment, least_sure
from arrhythmia.records import Record
from arrhythmia.rhythm import find_events
from arrhythmia.trust.events import Between, known_rr, look_between
from arrhythmia.trust.quality import find_problems_of_record

NEAR_S = 31.0
"""Seconds to each side of a beat within which the other beats are classified too: all that figure
and page show, and a second more, since they go by R peaks and this by the centres of the QRS."""


def explain_beat(
    classifier: Classifier,
    record: Record,
    beat: int,
    *,
    beats: Beats | None = None,
    decision: Decision | None = None,
    assessment: Assessment | None = None,
    between: Between | None = None,
    timings: Sequence[Timing] | None = None,
    method: str = DEFAULT_METHOD,
    target_class: str | None = None,
    every_view: bool = False,
    notes: tuple[str, ...] = (),
    problems: np.ndarray | None = None,
) -> Case:
    """Classify one beat of a record, and gather all that is known of it.

    Parameters
    ----------
    classifier : Classifier
        Of `arrhythmia.interface`; one without ``confidence`` gives a case without assessment.
    record : Record
    beat : int
        Which of its beats, from 0.
    beats : Beats, optional
        All of them, as ``classifier.find_beats(record)`` gives them, where they are known already.
    decision, assessment : Decision, Assessment, optional
        What the classifier and its ``confidence`` say of all of them, where that is known already.
    between : Between, optional
        As `arrhythmia.trust.events.look_between` gives it, where it is known already.
    timings : sequence of Timing, optional
        As `record_timing` gives them, where they are known already.
    method : str
        A key of `arrhythmia.explain.methods.METHODS`.
    target_class : str, optional
        One of `arrhythmia.labels.BEAT_CLASSES`; by default the class that the beat is given.
    every_view : bool
        Also explain it by every method for every class, as the page shows it.
    notes : tuple of str
        What the user should know besides what record and beats tell.
    problems : ndarray of int, shape (beats,), optional
        As `arrhythmia.trust.quality.find_problems_of_record` gives them, where they are known.

    Raises
    ------
    InputError
        If there is no such method, class or beat.
    """
    check_choice(method, METHOD_NAMES, "method")
    if target_class is not None:
        check_choice(target_class, BEAT_CLASSES, "class")
    beats = classifier.find_beats(record) if beats is None else beats
    check_beat(beats, beat)
    confidence = getattr(classifier, "confidence", None)
    near = np.flatnonzero(np.abs(beats.centers - beats.centers[beat]) < NEAR_S)
    decision = classifier.decide(beats, near) if decision is None else decision
    probabilities = only(decision.probabilities, near)
    if confidence is not None and assessment is None:
        every = decision.probabilities  # by which the recording is judged
        assessment = confidence.assess(classifier, record, beats, near, every, problems)
    called = BEAT_CLASSES[int(probabilities[beat].argmax())]
    shown = beats.in_leads[decision.lead_that_says_most(beat, called)]
    target_class = target_class or called
    views = [(method, target_class)]
    if every_view:
        classifier.trace()
        views = [(m, c) for m in METHOD_NAMES for c in BEAT_CLASSES]
    settings = classifier.settings.beats
    between = look_between(record, beats, settings) if between is None else between
    rr = known_rr(beats, record.fs, between)
    if timings is None:
        timings = record_timing(beats, decision.probabilities, rr, between)
    timing = timings[beat]
    waves = beat_waves(record, shown, beat, decision.templates, timing.fibrillating)
    explanations = {(m, c): find_evidence(classifier, shown, beat, m, c, waves) for m, c in views}
    classes = dict.fromkeys(c for _, c in views)
    return Case(
        record=record,
        lead=record.lead(shown.lead),
        beats=shown,
        beat=beat,
        settings=settings,
        rr=rr,
        probabilities=probabilities,
        decision=decision,
        assessment=assessment,
        method=method,
        target_class=target_class,
        explanations=explanations,
        reasons_for=find_reasons(
            classifier,
            shown,
            beat,
            list(classes),
            called,
            waves,
            timing,
            [beats.in_leads[i] for i in decision.leads_that_count(beat)],
        ),
        notes=(*notes, *record.notes, *beats.notes),
    )


def record_timing(
    beats: Beats,
    probabilities: np.ndarray,
    rr: np.ndarray,
    between: Between,
    limits: Limits = Limits(),  # noqa: B008, frozen
) -> list[Timing]:
    """When the beats of a record come.

    Parameters
    ----------
    beats : Beats
        All beats of the record.
    probabilities : ndarray of float, shape (beats, 5)
        NaN rows of beats that are not classified.
    rr : ndarray of float, shape (beats,)
        See `arrhythmia.trust.events.known_rr`.
    between : Between
        See `arrhythmia.trust.events.look_between`.
    limits : Limits
        What a reader calls a pause, and early.
    """
    known = np.isfinite(probabilities).all(axis=1)
    called = np.where(known, np.nan_to_num(probabilities).argmax(axis=1), -1)
    events = find_events(beats, called, known, missing=between.missing, limits=limits)
    return find_timing(rr, called, events, limits)


def explain_chosen(
    classifier: Classifier,
    choice: Choice,
    *,
    method: str = DEFAULT_METHOD,
    target_class: str | None = None,
    every_view: bool = False,
    notes: tuple[str, ...] = (),
) -> Iterator[Case]:
    """`explain_beat` for the beats chosen, all of which are judged once.

    Parameters
    ----------
    classifier : Classifier
    choice : Choice
        With numbers of beats, or how many of the least sure ones.
    method, target_class, every_view, notes
        See `explain_beat`.

    Yields
    ------
    Case
        Of one beat after the other; the least sure first.
    """
    record, beats = choice.record, choice.beats
    numbers, decision, problems = choice.several, None, None
    if choice.worst or len(numbers) > 1:
        decision = classifier.decide(beats)
        problems = find_problems_of_record(record, beats, classifier.settings.beats)
    if choice.worst:
        numbers = tuple(least_sure(decision.probabilities, problems == 0, choice.worst))
        if not numbers:
            raise InputError(f"no beat of record '{record.name}' can be assessed: name some beats")
    for number in numbers:
        yield explain_beat(
            classifier, record, number, beats=beats, method=method, target_class=target_class,
            every_view=every_view, notes=(*notes, *choice.notes), decision=decision,
            problems=problems,
        )  # fmt: skip
