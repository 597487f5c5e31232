"""All that is known of one beat, in one bundle, built in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier, Decision, only
from arrhythmia.drawing import clock
from arrhythmia.explain import wording
from arrhythmia.explain.explanation import (
    DEFAULT_METHOD,
    METHOD_NAMES,
    Explanation,
    check_beat,
    check_choice,
    find_evidence,
)
from arrhythmia.explain.reasons import Reasons, find_reasons
from arrhythmia.explain.waves import beat_waves
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.predictions import SET_CLASSES, Assessment
from arrhythmia.records import Lead, Record
from arrhythmia.signals import BeatSettings, filtered_lead
from arrhythmia.templates import FEWEST_BEATS, Template

NEAR_S = 31.0
"""Seconds to each side of a beat within which the other beats are classified too: all that figure
and page show, and a second more, since they go by R peaks and this by the centres of the QRS."""
HIDDEN_S = 0.2
"""An RR interval with more invalid samples than this may hide a beat: it is not shown."""


@dataclass(frozen=True)
class Case:
    """One beat of a record: class, evidence, reasons, how far it can be trusted.

    Parameters
    ----------
    record : Record
    lead : Lead
        The one that the network read.
    beats : Beats
        All beats of the record.
    beat : int
        The one in question, from 0.
    settings : BeatSettings
        With which the beats were made.
    probabilities : ndarray of float, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; NaN for beats farther than `NEAR_S`.
    decision : Decision
        What the classes of all beats rest on; of a record whose beats are judged one by one, the
        rows of the same beats are known.
    assessment : Assessment or None
        Of the same beats; None where the model is not calibrated.
    method, target_class : str
        How the beat is explained, and for which class.
    explanations : mapping
        (method, class) to `Explanation`; at least the one of ``method`` and ``target_class``.
    reasons_for : mapping
        Class to `Reasons`; at least those for ``target_class``.
    notes : tuple of str
        What the user should know.
    """

    record: Record
    lead: Lead
    beats: Beats
    beat: int
    settings: BeatSettings
    probabilities: np.ndarray
    decision: Decision
    assessment: Assessment | None
    method: str
    target_class: str
    explanations: Mapping[tuple[str, str], Explanation]
    reasons_for: Mapping[str, Reasons]
    notes: tuple[str, ...] = ()

    # What the beat is

    @property
    def called(self) -> str:
        """The class given: the one with the greatest probability."""
        return BEAT_CLASSES[int(self.probabilities[self.beat].argmax())]

    @property
    def probability(self) -> float:
        """Of the class given, not calibrated."""
        return float(self.probabilities[self.beat].max())

    @property
    def by_itself(self) -> str:
        """The class that the network gives the beat without its template."""
        return BEAT_CLASSES[int(self.decision.by_itself[self.beat].argmax())]

    @property
    def template(self) -> Template | None:
        """The group of beats that was judged with this one; None where it was judged alone."""
        templates = self.decision.templates
        return None if templates is None else templates[templates.number[self.beat]]

    @property
    def called_like_it(self) -> int:
        """How many beats of the template are called as this one is."""
        if self.template is None:
            return 0
        classes = self.decision.probabilities[self.template.beats].argmax(axis=1)
        return int(np.sum(classes == BEAT_CLASSES.index(self.called)))

    @property
    def explanation(self) -> Explanation:
        """Evidence for the class in question."""
        return self.explanations[self.method, self.target_class]

    @property
    def reasons(self) -> Reasons:
        """Measurements, and what would change the class."""
        return self.reasons_for[self.target_class]

    @property
    def assessable(self) -> bool:
        """Whether the signal can be read at the beat."""
        return self.assessment is None or bool(self.assessment.assessable[self.beat])

    @property
    def refer_reason(self) -> str:
        """Why a person should look at the beat; empty where none need, or it is not known."""
        return "" if self.assessment is None else self.assessment.reasons[self.beat]

    @property
    def set90(self) -> list[str]:
        """Classes of the 90 % prediction set; empty where the model is not calibrated."""
        if self.assessment is None:
            return []
        held = self.assessment.sets90[self.beat]
        return [c for c, is_in in zip(SET_CLASSES, held, strict=True) if is_in]

    @property
    def symbol(self) -> str:
        """Reference annotation of the beat; empty where there is none."""
        return str(self.beats.symbol[self.beat])

    def letter(self, beat: int) -> str:
        """Class of any beat: ``?`` where the signal cannot be read, empty where not classified."""
        row = self.probabilities[beat]
        if not np.isfinite(row).all():
            return ""
        if self.assessment is not None and not self.assessment.assessable[beat]:
            return "?"
        return BEAT_CLASSES[int(row.argmax())]

    # Where and when

    @property
    def r_peaks(self) -> np.ndarray:
        """R peaks of all beats in seconds, shape (beats,)."""
        return self.beats.sample / self.record.fs

    @property
    def seconds(self) -> float:
        """R peak of the beat in seconds."""
        return float(self.r_peaks[self.beat])

    @cached_property
    def rr(self) -> np.ndarray:
        """RR interval before each beat in seconds, shape (beats,).

        NaN for the first beat, and where invalid samples may hide a beat.
        """
        invalid = np.concatenate([[0], np.cumsum(~np.isfinite(self.lead.signal))])
        between = np.diff(invalid[self.beats.sample])
        rr = np.diff(self.beats.sample) / self.record.fs
        return np.concatenate([[np.nan], np.where(between > HIDDEN_S * self.record.fs, np.nan, rr)])

    @property
    def rr_before(self) -> float | None:
        """RR interval before the beat in seconds; None where there is none."""
        return _known(self.rr[self.beat])

    @property
    def rr_after(self) -> float | None:
        """RR interval after the beat in seconds; None where there is none."""
        return _known(self.rr[self.beat + 1]) if self.beat + 1 < len(self.rr) else None

    @property
    def median_rr(self) -> float | None:
        """Median RR interval of the record in seconds; None where there is no interval."""
        return _known(np.nanmedian(self.rr)) if np.isfinite(self.rr).any() else None

    # What is drawn

    @property
    def units(self) -> str:
        """Units of the drawn signal: mV where the record's units are a voltage."""
        return self.lead.units if self.lead.millivolts is None else "mV"

    @cached_property
    def filtered(self) -> np.ndarray:
        """The lead as it is drawn: filtered, at its own rate, in `units`, shape (samples,)."""
        return filtered_lead(self.lead, self.settings) * (self.lead.millivolts or 1.0)

    @cached_property
    def recorded(self) -> np.ndarray:
        """The lead as recorded, in `units`, shape (samples,)."""
        return self.lead.signal * (self.lead.millivolts or 1.0)

    @property
    def segment_start(self) -> float:
        """Second of the first sample of the beat's segment."""
        return float(self.beats.centers[self.beat]) - self.settings.left / self.beats.fs

    # What is said

    @property
    def headline(self) -> str:
        """The class with its probability, or that the beat cannot be assessed."""
        said = (self.called, self.probability, self.assessable, self.refer_reason)
        return wording.headline(*said)

    @property
    def where(self) -> str:
        """Record, time and lead, and the reference annotation where there is one."""
        words = f"record {self.record.name}, {clock(self.seconds)} · lead {self.lead.name}"
        return f"{words} · reference: {self.reference}" if self.reference else words

    @property
    def reference(self) -> str:
        """The reference annotation in words; empty where there is none."""
        return wording.reference_words(self.symbol) if self.symbol else ""

    @property
    def trust(self) -> list[str]:
        """How far the class can be trusted, a line each."""
        if self.assessment is None:
            return [wording.NOT_CALIBRATED]
        lines = [wording.referral_words(self.refer_reason)] if self.refer_reason else []
        if not self.assessable:
            return lines
        calibrated = self.assessment.probabilities[self.beat, BEAT_CLASSES.index(self.called)]
        return [wording.set_words(self.called, float(calibrated), self.set90), *lines]

    @property
    def sentence(self) -> str:
        """What was measured of the beat, in a sentence."""
        if not self.assessable:
            return wording.no_class(self.refer_reason)
        return wording.sentence(self.reasons)

    @property
    def sentences(self) -> list[str]:
        """Reasons in words, a line each, the most important first."""
        if not self.assessable:
            return [self.sentence]
        evidence = wording.evidence_line(self.explanation)
        lines = [self.sentence, self.alike, evidence, wording.what_if_line(self.reasons)]
        return [line for line in lines if line]

    @property
    def alike(self) -> str:
        """How many beats are like this one, and what they are called; empty without templates."""
        if self.template is None:
            return wording.ALONE if len(self.beats) < FEWEST_BEATS else ""
        own = float(self.decision.by_itself[self.beat].max())
        return wording.template_words(
            len(self.template), self.called_like_it, self.called, self.by_itself, own
        )


def explain_beat(
    classifier: Classifier,
    record: Record,
    beat: int,
    *,
    beats: Beats | None = None,
    method: str = DEFAULT_METHOD,
    target_class: str | None = None,
    every_view: bool = False,
    notes: tuple[str, ...] = (),
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
    method : str
        A key of `arrhythmia.explain.methods.METHODS`.
    target_class : str, optional
        One of `arrhythmia.labels.BEAT_CLASSES`; by default the class that the beat is given.
    every_view : bool
        Also explain it by every method for every class, as the page shows it.
    notes : tuple of str
        What the user should know besides what record and beats tell.

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
    decision = classifier.decide(beats, near)
    probabilities = only(decision.probabilities, near)
    assessment = None
    if confidence is not None:
        assessment = confidence.assess(classifier, record, beats, near, probabilities)
    called = BEAT_CLASSES[int(probabilities[beat].argmax())]
    target_class = target_class or called
    views = [(method, target_class)]
    if every_view:
        classifier.trace()
        views = [(m, c) for m in METHOD_NAMES for c in BEAT_CLASSES]
    waves = beat_waves(record, beats, beat, decision.templates)
    explanations = {(m, c): find_evidence(classifier, beats, beat, m, c, waves) for m, c in views}
    classes = dict.fromkeys(c for _, c in views)
    return Case(
        record=record,
        lead=record.lead(beats.lead),
        beats=beats,
        beat=beat,
        settings=classifier.settings.beats,
        probabilities=probabilities,
        decision=decision,
        assessment=assessment,
        method=method,
        target_class=target_class,
        explanations=explanations,
        reasons_for=find_reasons(classifier, beats, beat, list(classes), called, waves),
        notes=(*notes, *record.notes, *beats.notes),
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
