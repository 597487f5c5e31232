"""What a Holter report says of a recording: beats, rates, burdens, runs, pauses, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np
import pandas as pd
from scipy.ndimage import find_objects, label

from arrhythmia.annotate.analysis import Analysis
from arrhythmia.drawing import clock
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.predictions import least_sure, record_table
from arrhythmia.rhythm import PAUSE, Event
from arrhythmia.trust import events
from arrhythmia.trust.quality import PROBLEMS

UNKNOWN: Final = "?"
"""Class of a beat that cannot be assessed."""
NOTICE: Final = "Research software, not a medical device."
RATE_BEATS: Final = 9
"""Lowest and highest rate are those of the mean of so many RR intervals."""
IN_NEED: Final = 10
"""Beats named that most need a look."""
RUN: Final = 3
"""So many ectopic beats in a row are a run; two are a couplet."""


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
    table["rr_pre"] = known_rr(analysis)
    table["rr_post"] = table["rr_pre"].shift(-1)
    if analysis.assessment is not None:  # what the model says is not the reader's
        table.loc[analysis.by_reader, ["set90", "set95", "reason"]] = ""
        table.loc[analysis.by_reader, "refer"] = 0
    return table


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
        "named_by_reader": int(analysis.by_reader.sum()),
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
        "limits": asdict(analysis.limits),
        "pauses": [_event(e) for e in pauses],
        "events": [_event(e) for e in analysis.events if e.kind != PAUSE],
        "to_look_at": _in_need(analysis),
        "referred": None if analysis.assessment is None else int(analysis.refer.sum()),
        "referred_not_assessable": int((analysis.refer & ~readable).sum()),
        "notes": [*analysis.warnings, *notes],  # the report and the page have room for few
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
    rr = events.known_rr(analysis.beats, analysis.record.fs, analysis.between)
    return np.where(readable & np.append(False, readable[:-1]), rr, np.nan)


def _rates(analysis: Analysis) -> dict | None:
    """Mean, lowest and highest rate per minute, with the times of the latter."""
    rr, centers = known_rr(analysis), analysis.beats.centers
    known = np.flatnonzero(np.isfinite(rr))
    if not len(known):
        return None
    around = pd.Series(rr[known]).rolling(RATE_BEATS, center=True, min_periods=1).mean()
    rates = 60 / around.to_numpy()
    low, high = int(rates.argmin()), int(rates.argmax())
    return {
        "mean": round(60 / float(rr[known].mean()), 1),
        "lowest": round(float(rates[low]), 1),
        "lowest_at_s": round(float(centers[known[low]]), 2),
        "highest": round(float(rates[high]), 1),
        "highest_at_s": round(float(centers[known[high]]), 2),
    }


@dataclass(frozen=True)
class EctopicRun:
    """Ectopic beats in a row, with no signal missing between them.

    Parameters
    ----------
    first, beats : int
        The first of them, and how many they are.
    start_s, end_s : float
        Seconds from the start of the record.
    rate : float
        Beats per minute; NaN of a single beat.
    """

    first: int
    beats: int
    start_s: float
    end_s: float
    rate: float


def ectopic_runs(analysis: Analysis, names: Sequence[str]) -> list[EctopicRun]:
    """Single ectopic beats, couplets and runs, in order of time.

    Parameters
    ----------
    analysis : Analysis
    names : sequence of str
        Their classes.
    """
    ectopic = np.isin(analysis.classes, names) & analysis.assessable
    missing, centers, runs = analysis.between.missing, analysis.beats.centers, []
    for (part,) in find_objects(label(ectopic)[0]):
        cuts = [part.start, *(np.flatnonzero(missing[part.start + 1 : part.stop]) + part.start + 1),
                part.stop]  # fmt: skip
        for first, stop in zip(cuts[:-1], cuts[1:], strict=True):
            start, end = float(centers[first]), float(centers[stop - 1])
            rate = round(60 * (stop - first - 1) / (end - start), 1) if end > start else np.nan
            runs.append(EctopicRun(int(first), int(stop - first), round(start, 2), end, rate))
    return runs


def _burden(analysis: Analysis, names: tuple[str, ...], total: int, hours: float) -> dict:
    """Ectopic beats of a kind: number, burden, couplets, runs."""
    ectopic = np.isin(analysis.classes, names) & analysis.assessable
    found, count = ectopic_runs(analysis, names), int(ectopic.sum())
    sizes = [run.beats for run in found]
    runs = [(run.beats, run.rate, run.start_s) for run in found if run.beats >= RUN]
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
    """Beats that most need a look: the least sure of those referred and not named by a reader."""
    sure, assessment = analysis.certainty, analysis.assessment
    wanted = analysis.assessable & ~analysis.by_reader
    if assessment is not None:
        wanted &= assessment.refer
    order = least_sure(analysis.probabilities, wanted, IN_NEED)
    return [
        {
            "beat": i,
            "time_s": round(float(analysis.beats.sample[i] / analysis.record.fs), 3),
            "class": str(analysis.classes[i]),
            "probability": round(float(sure[i]), 3),
            "reason": assessment.reasons[i] if assessment is not None else "",
        }
        for i in order
    ]
