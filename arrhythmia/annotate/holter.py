"""What a Holter report says of a recording: beats, rates, burdens, runs, pauses, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np
import pandas as pd
from scipy.ndimage import find_objects, label

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.drawing import clock
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.naming import Decisions
from arrhythmia.predictions import Assessment, least_sure, record_table
from arrhythmia.records import Record
from arrhythmia.rhythm import PAUSE, Event
from arrhythmia.signals import BeatSettings
from arrhythmia.trust.confidence import Confidence
from arrhythmia.trust.events import events_of_record, invalid_before
from arrhythmia.trust.quality import PACED, PROBLEMS, find_problems_of_record

UNKNOWN: Final = "?"
"""Class of a beat that cannot be assessed."""
NOTICE: Final = "Research software, not a medical device."
RATE_BEATS: Final = 9
"""Lowest and highest rate are medians over so many RR intervals."""
IN_NEED: Final = 10
"""Beats named that most need a look."""
RUN: Final = 3
"""So many ectopic beats in a row are a run; two are a couplet."""


@dataclass(frozen=True)
class Analysis:
    """A record classified, judged and searched for rhythms.

    Parameters
    ----------
    record : Record
    beats : Beats
    settings : BeatSettings
    probabilities : ndarray of float, shape (beats, 5)
    classes : ndarray of str, shape (beats,)
        Given by the model or by a reader.
    by_reader : ndarray of bool, shape (beats,)
        Which beats a reader named.
    assessment : Assessment or None
        None where the model is not calibrated.
    problems : ndarray of int, shape (beats,)
        Place in `arrhythmia.trust.quality.PROBLEMS`.
    events : list of Event
    warnings : list of str
        What of the whole record the user should know.
    """

    record: Record
    beats: Beats
    settings: BeatSettings
    probabilities: np.ndarray
    classes: np.ndarray
    by_reader: np.ndarray
    assessment: Assessment | None
    problems: np.ndarray
    events: list[Event]
    warnings: list[str] = field(default_factory=list)

    @property
    def assessable(self) -> np.ndarray:
        """Which beats can be assessed, ndarray of bool, shape (beats,)."""
        return self.problems == 0

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

    Raises
    ------
    InputError
        If the record cannot be used.
    """
    beats = classifier.find_beats(record, lead, source)
    settings = classifier.settings.beats
    probabilities = classifier.probabilities(beats)
    called = np.array(BEAT_CLASSES)[probabilities.argmax(axis=1)]
    classes, by_reader = (reader or Decisions()).classes(beats, called)
    problems, assessment = find_problems_of_record(record, beats, settings), None
    if confidence is not None:
        assessment = confidence.assess(
            classifier, record, beats, probabilities=probabilities, problems=problems
        )
    numbers = np.array([BEAT_CLASSES.index(c) for c in classes])
    events = events_of_record(record, beats, numbers, settings, problems)
    warnings = []
    if (problems == PACED).any():
        warnings.append(f"record {record.name}: a paced heart, which is not assessed")
    elif (problems != 0).mean() > 0.5:
        share = 100 * (problems != 0).mean()
        warnings.append(
            f"record {record.name}: {share:.0f} % of what was taken for beats cannot be assessed"
        )
    return Analysis(
        record, beats, settings, probabilities, classes, by_reader, assessment, problems, events,
        warnings,
    )  # fmt: skip


def beat_table(analysis: Analysis) -> pd.DataFrame:
    """A row a beat: what ``RECORD.beats.csv`` holds.

    Returns
    -------
    pandas.DataFrame
        The columns of `arrhythmia.predictions.record_table`, and ``clock`` (time of day where the
        record says when it begins), ``by`` (model or reader), ``quality`` (why a beat cannot be
        assessed; its ``class`` is ``?``). An interval over missing signal is empty.
    """
    record, beats = analysis.record, analysis.beats
    table = record_table(beats, analysis.probabilities, record.fs, analysis.assessment)
    table["class"] = np.where(analysis.assessable, analysis.classes, UNKNOWN)
    seconds = table["time"].to_numpy()
    start = record.start
    times = [start + timedelta(seconds=s) for s in seconds] if start else None
    shown = [t.isoformat(sep=" ", timespec="milliseconds") for t in times] if times else [
        clock(s, 3) for s in seconds
    ]  # fmt: skip
    table.insert(2, "clock", shown)
    table["by"] = np.where(analysis.by_reader, "reader", "model")
    table["quality"] = [PROBLEMS[problem] for problem in analysis.problems]
    missing = _missing(analysis)
    table.loc[missing, "rr_pre"] = np.nan
    table.loc[np.append(missing[1:], False), "rr_post"] = np.nan
    if len(table):
        table.loc[0, "rr_pre"] = np.nan
        table.loc[len(table) - 1, "rr_post"] = np.nan
    return table


def _missing(analysis: Analysis) -> np.ndarray:
    """Before which beats signal is missing in all leads."""
    record, beats = analysis.record, analysis.beats
    leads = [record.lead(lead.lead) for lead in beats.in_leads]
    return np.all([invalid_before(lead, beats.sample) for lead in leads], axis=0)


def summary(analysis: Analysis, notes: Sequence[str] = ()) -> dict:
    """What ``RECORD.json`` holds: the figures of a Holter report.

    Parameters
    ----------
    analysis : Analysis
    notes : sequence of str
        What the user should know.
    """
    record, beats, readable = analysis.record, analysis.beats, analysis.assessable
    classes = analysis.classes
    hours = record.seconds / 3600
    counts = {c: int(np.sum((classes == c) & readable)) for c in BEAT_CLASSES}
    total = sum(counts.values())
    pauses = [e for e in analysis.events if e.kind == PAUSE]
    facts = {
        "record": record.name,
        "start": record.start.isoformat() if record.start else None,
        "seconds": round(record.seconds, 3),
        "fs": record.fs,
        "leads": [lead.lead for lead in beats.in_leads],
        "r_peaks": beats.source,
        "beats": total,
        "classes": {c: n for c, n in counts.items() if n},
        "paced": analysis.paced,
        "not_assessable_percent": round(100 * float(np.mean(~readable)), 2) if len(beats) else None,
        "not_assessable": [
            {
                "start_s": round(float(beats.centers[first]), 2),
                "end_s": round(float(beats.centers[last]), 2),
                "reason": reason,
            }
            for first, last, reason in analysis.stretches
        ],
        "rate": _rates(analysis),
        "ventricular": _burden(analysis, ("V", "E"), total, hours),
        "supraventricular": _burden(analysis, ("S",), total, hours),
        "fusion": counts["F"],
        "pauses": [_event(e) for e in pauses],
        "events": [_event(e) for e in analysis.events if e.kind != PAUSE],
        "to_look_at": _in_need(analysis),
        "referred": None if analysis.assessment is None else int(analysis.assessment.refer.sum()),
        "notes": [*notes, *analysis.warnings],
        "version": _version(),
        "notice": NOTICE,
    }  # fmt: skip
    return facts


def _version() -> str:
    try:
        return version("arrhythmia")
    except PackageNotFoundError:
        return "clone"


def _event(event: Event) -> dict:
    facts = {
        "event": event.name,
        "start_s": round(event.start_s, 2),
        "end_s": round(event.end_s, 2),
        "beats": event.last - event.first + 1,
    }
    return facts | ({"rate": round(event.rate, 1)} if np.isfinite(event.rate) else {})


def known_rr(analysis: Analysis) -> np.ndarray:
    """RR interval before each beat in seconds; NaN over gaps and what cannot be assessed."""
    readable = analysis.assessable
    rr = np.where(readable & np.append(False, readable[:-1]), analysis.beats.rr_pre, np.nan)
    rr[_missing(analysis)] = np.nan
    return rr


def _rates(analysis: Analysis) -> dict | None:
    """Mean, lowest and highest rate per minute, with the times of the latter."""
    rr, centers = known_rr(analysis), analysis.beats.centers
    known = np.flatnonzero(np.isfinite(rr))
    if not len(known):
        return None
    around = pd.Series(rr[known]).rolling(RATE_BEATS, center=True, min_periods=1).median()
    rates = 60 / around.to_numpy()
    low, high = int(rates.argmin()), int(rates.argmax())
    return {
        "mean": round(60 / float(rr[known].mean()), 1),
        "lowest": round(float(rates[low]), 1),
        "lowest_at_s": round(float(centers[known[low]]), 2),
        "highest": round(float(rates[high]), 1),
        "highest_at_s": round(float(centers[known[high]]), 2),
    }


def _burden(analysis: Analysis, names: tuple[str, ...], total: int, hours: float) -> dict:
    """Ectopic beats of a kind: number, burden, couplets, runs."""
    ectopic = np.isin(analysis.classes, names) & analysis.assessable
    missing, count = _missing(analysis), int(ectopic.sum())
    sizes, runs = [], []
    for (part,) in find_objects(label(ectopic)[0]):
        cuts = [part.start, *(np.flatnonzero(missing[part.start + 1 : part.stop]) + part.start + 1),
                part.stop]  # fmt: skip
        for first, stop in zip(cuts[:-1], cuts[1:], strict=True):
            sizes.append(int(stop - first))
            if stop - first >= RUN:
                length = float(analysis.beats.centers[stop - 1] - analysis.beats.centers[first])
                rate = 60 * (stop - first - 1) / length if length else float("nan")
                runs.append((int(stop - first), round(rate, 1), round(
                    float(analysis.beats.centers[first]), 2)))  # fmt: skip
    facts = {
        "beats": count,
        "percent": round(100 * count / total, 3) if total else None,
        "per_hour": round(count / hours, 1) if hours else None,
        "single": sizes.count(1),
        "couplets": sizes.count(2),
        "runs": len(runs),
    }
    if runs:
        longest, fastest = max(runs), max(runs, key=lambda run: run[1])
        facts["longest_run"] = dict(zip(("beats", "rate", "at_s"), longest, strict=True))
        facts["fastest_run"] = dict(zip(("beats", "rate", "at_s"), fastest, strict=True))
    return facts


def _in_need(analysis: Analysis) -> list[dict]:
    """Beats that most need a look: the least sure of those that can be assessed."""
    sure = analysis.probabilities.max(axis=1)
    order = least_sure(analysis.probabilities, analysis.assessable, IN_NEED)
    reasons = analysis.assessment.reasons if analysis.assessment is not None else None
    return [
        {
            "beat": i,
            "time_s": round(float(analysis.beats.sample[i] / analysis.record.fs), 3),
            "class": str(analysis.classes[i]),
            "probability": round(float(sure[i]), 3),
            "reason": reasons[i] if reasons else "",
        }
        for i in order
    ]
