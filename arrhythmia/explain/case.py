"""All that is known of one beat, in one bundle; `arrhythmia.explain.gather` builds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.decision import Decision
from arrhythmia.drawing import clock
from arrhythmia.explain import vocabulary, wording
from arrhythmia.explain.explanation import Explanation
from arrhythmia.explain.measured import correlation
from arrhythmia.explain.reasons import Reasons
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.predictions import SET_CLASSES, Assessment
from arrhythmia.records import Lead, Record
from arrhythmia.signals import BeatSettings, filtered_lead, filtered_samples
from arrhythmia.templates import FEWEST_BEATS, Template

DRAWN_S = 31.0
"""Seconds to each side of a beat that may be drawn."""


@dataclass(frozen=True)
class Case:
    """One beat of a record: class, evidence, reasons, how far it can be trusted.

    Parameters
    ----------
    record : Record
    lead : Lead
        The one that says most for the class given, in which the beat is explained.
    beats : Beats
        All beats of the record, in this lead.
    beat : int
        The one in question, from 0.
    settings : BeatSettings
        With which the beats were made.
    rr : ndarray of float, shape (beats,)
        RR interval before each beat in seconds; NaN where it is not known.
    probabilities : ndarray of float, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; NaN for beats farther than
        `arrhythmia.explain.gather.NEAR_S`.
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
    rr: np.ndarray
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
        """The class that all leads give the beat without its template."""
        return BEAT_CLASSES[int(self.decision.by_itself[self.beat].argmax())]

    @property
    def said_by_leads(self) -> dict[str, float]:
        """Lead to the probability that it gives the class given, the one that says most first."""
        said = self.decision.by_lead[:, self.beat, BEAT_CLASSES.index(self.called)]
        by_name = dict(zip(self.decision.shares.names, said.tolist(), strict=True))
        return {name: by_name[name] for name in sorted(by_name, key=lambda n: n != self.lead.name)}

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
        """The lead as it is drawn: filtered, at its own rate, in `units`, shape (samples,).

        NaN farther than `DRAWN_S` from the beat where that can be: a day takes seconds to filter.
        """
        lead, fs, length = self.lead, self.lead.fs, len(self.lead.signal)
        ends = (self.seconds - DRAWN_S, self.seconds + DRAWN_S)
        first, last = (int(np.clip(round(end * fs), 0, length)) for end in ends)
        part = filtered_samples(lead, self.settings, first, last)
        if not np.isfinite(part).all():  # flat there, or mostly invalid
            return filtered_lead(lead, self.settings) * (lead.millivolts or 1.0)
        values = np.full(length, np.nan)
        values[first:last] = part * (lead.millivolts or 1.0)
        return values

    @cached_property
    def other_lead(self) -> tuple[str, str, np.ndarray] | None:
        """Name, units and filtered signal of the next lead that was read; None if there is none."""
        for name in list(self.said_by_leads)[1:]:
            lead = self.record.lead(name)
            signal = filtered_lead(lead, self.settings) * (lead.millivolts or 1.0)
            return name, lead.units if lead.millivolts is None else "mV", signal
        return None

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
        lines = [wording.set_words(self.called, float(calibrated), self.set90), *lines]
        recording = wording.recording_words(self.assessment.note)
        return [*lines, recording] if recording else lines

    @property
    def sentence(self) -> str:
        """What was measured of the beat, in a sentence."""
        if not self.assessable:
            return wording.no_class(self.refer_reason)
        reasons = self.reasons
        return vocabulary.sentence(reasons.target_class, self.called, reasons.measured)

    @property
    def sentences(self) -> list[str]:
        """Reasons in words, a line each, the most important first."""
        if not self.assessable:
            return [self.sentence]
        if self.called == self.target_class == "N":  # its evidence is that nothing is there
            evidence = vocabulary.checked_words(self.reasons.measured)
        else:
            evidence = wording.evidence_line(self.explanation, self.lead_named)
        what_if = wording.what_if_line(self.reasons, self.lead_named)
        lines = [self.sentence, self.alike, self.in_leads, evidence, what_if]
        return [line for line in lines if line]

    @property
    def lead_named(self) -> str:
        """Name of the explained lead where several were read, else empty."""
        return self.lead.name if len(self.said_by_leads) > 1 else ""

    @property
    def in_leads(self) -> str:
        """Which lead says most, and what the others say; empty where one was read."""
        return wording.lead_words(self.called, self.said_by_leads)

    @property
    def alike(self) -> str:
        """How many beats are like this one, and what they are called; empty without templates."""
        if self.template is None:
            return wording.ALONE if len(self.beats) < FEWEST_BEATS else ""
        own = float(self.decision.by_itself[self.beat].max())
        mean = self.beats.segments[self.template.beats].mean(axis=0)
        alike = correlation(self.beats.segments[self.beat], mean)
        words = wording.template_words(
            len(self.template), self.called_like_it, self.called, self.by_itself, own, alike
        )
        before = self.decision.before
        if before is not None:
            without = BEAT_CLASSES[int(before[self.beat].argmax())]
            words = f"{words} {wording.second_stage_words(self.called, without)}".rstrip()
        return words


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
