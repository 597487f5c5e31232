"""A record classified, judged and searched for rhythms: what `annotate` and the page show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.ndimage import find_objects, label

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.decision import Decision
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import Limits
from arrhythmia.naming import Decisions
from arrhythmia.predictions import Assessment
from arrhythmia.records import Record
from arrhythmia.rhythm import Event
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.confidence import Confidence
from arrhythmia.trust.events import Between, events_of_record, look_between
from arrhythmia.trust.quality import PACED, PROBLEMS, find_problems_of_record


@dataclass(frozen=True)
class Analysis:
    """A record classified, judged and searched for rhythms.

    Parameters
    ----------
    record : Record
    beats : Beats
    settings : BeatSettings
    decision : Decision
        What the model says of the beats.
    classes : ndarray of str, shape (beats,)
        Given by the model or by a reader.
    by_reader : ndarray of bool, shape (beats,)
        Which beats a reader named.
    assessment : Assessment or None
        None where the model is not calibrated.
    problems : ndarray of int, shape (beats,)
        Place in `arrhythmia.trust.quality.PROBLEMS`.
    between : Between
        What the signal is like before each beat.
    events : list of Event
    warnings : list of str
        What of the whole record the user should know.
    limits : Limits
        What a reader calls a pause, and a tachycardia.
    """

    record: Record
    beats: Beats
    settings: BeatSettings
    decision: Decision
    classes: np.ndarray
    by_reader: np.ndarray
    assessment: Assessment | None
    problems: np.ndarray
    between: Between
    events: list[Event]
    warnings: list[str] = field(default_factory=list)
    limits: Limits = Limits()

    @property
    def probabilities(self) -> np.ndarray:
        """What the model says of each beat, shape (beats, 5)."""
        return self.decision.probabilities

    @property
    def certainty(self) -> np.ndarray:
        """Probability of the class that the model gives each beat, calibrated where that is known.

        Returns
        -------
        ndarray of float, shape (beats,)
        """
        said = self.probabilities if self.assessment is None else self.assessment.probabilities
        called = self.probabilities.argmax(axis=1)
        return said[np.arange(len(called)), called]

    @property
    def assessable(self) -> np.ndarray:
        """Which beats can be assessed, ndarray of bool, shape (beats,)."""
        return self.problems == 0

    @property
    def refer(self) -> np.ndarray:
        """Which beats a person should look at and did not name, ndarray of bool, shape (beats,)."""
        if self.assessment is None:
            return np.zeros(len(self.classes), dtype=bool)
        return self.assessment.refer & ~self.by_reader

    @property
    def paced(self) -> bool:
        """Whether the heart is paced."""
        return bool((self.problems == PACED).any())

    @property
    def stretches(self) -> list[tuple[int, int, str]]:
        """First and last beat, and reason, of every stretch that cannot be assessed."""
        found = []
        for (part,) in find_objects(label(~self.assessable)[0]):
            reasons = np.bincount(self.problems[part], minlength=len(PROBLEMS))
            found.append((part.start, part.stop - 1, PROBLEMS[int(reasons.argmax())]))
        return found


def analyse(
    classifier: Classifier,
    confidence: Confidence | None,
    record: Record,
    lead: str | None = None,
    source: str | None = None,
    reader: Decisions | None = None,
    told: Callable[[str], None] = lambda step: None,
    limits: Limits = Limits(),  # noqa: B008, frozen
) -> Analysis:
    """Find, classify and judge the beats of a record.

    Parameters
    ----------
    classifier : Classifier
    confidence : Confidence or None
        Of the same model.
    record : Record
    lead : str, optional
        Name of the only lead to read.
    source : str, optional
        ``"atr"`` or ``"detect"``.
    reader : Decisions, optional
        What a reader decided of the record's templates.
    told : callable, optional
        Told what is done next; what it raises ends the analysis.
    limits : Limits
        What a reader calls a pause, and a tachycardia.

    Raises
    ------
    InputError
        If the record cannot be used.
    """
    told("finding beats")
    beats = classifier.find_beats(record, lead, source)
    settings = classifier.settings.beats
    told(f"classifying {len(beats)} beats")
    decision = classifier.decide(beats)
    told("judging what can be read")
    problems, assessment = find_problems_of_record(record, beats, settings), None
    if confidence is not None:
        assessment = confidence.assess(
            classifier, record, beats, probabilities=decision.probabilities, problems=problems
        )
    told("looking for rhythms")
    between = look_between(record, beats, settings, limits)
    warnings = []
    if (problems == PACED).any():
        warnings.append(f"record {record.name}: a paced heart, which is not assessed")
    elif (problems != 0).mean() > 0.5:
        share = 100 * (problems != 0).mean()
        warnings.append(
            f"record {record.name}: {share:.0f} % of what was taken for beats cannot be assessed"
        )
    if assessment is not None and assessment.note and not (problems == PACED).any():
        warnings.append(f"record {record.name} is {assessment.note}")
    none = np.empty(0)
    analysis = Analysis(
        record, beats, settings, decision, none, none, assessment, problems, between, [], warnings,
        limits,
    )  # fmt: skip
    return decided(analysis, reader or Decisions())


def decided(analysis: Analysis, reader: Decisions) -> Analysis:
    """The same analysis, after all that a reader has decided.

    Parameters
    ----------
    analysis : Analysis
        Whatever was decided in it before does not count.
    reader : Decisions
    """
    beats, settings = analysis.beats, analysis.settings
    called = np.array(BEAT_CLASSES)[analysis.probabilities.argmax(axis=1)]
    classes, by_reader = reader.classes(beats, called)
    numbers = np.array([BEAT_CLASSES.index(c) for c in classes])
    events = events_of_record(
        analysis.record, beats, numbers, settings, analysis.problems, analysis.between,
        analysis.limits,
    )  # fmt: skip
    return replace(analysis, classes=classes, by_reader=by_reader, events=events)
