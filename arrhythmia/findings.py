"""What `predict.py` has to say of a beat: as a dictionary for JSON, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.confidence import CLASSES, Assessment
from arrhythmia.explanation import METHOD_NAMES, Explanation
from arrhythmia.labels import (
    BEAT_CLASSES,
    CLASS_NAMES,
    GROUPING_NAMES,
    GROUPINGS,
    SYMBOL_CLASS,
    SYMBOL_NAMES,
    grouped,
)
from arrhythmia.plotting import chance, clock
from arrhythmia.reasons import Reasons, evidence_words, sentence, what_if
from arrhythmia.records import Record
from arrhythmia.sequences import RR_INPUTS

DISCLAIMER = "Research software, not a medical device."


@dataclass(frozen=True)
class Chosen:
    """The beat to explain, checked, before anything slow begins.

    Parameters
    ----------
    record : Record
    r_peaks : ndarray of int, shape (beats,)
        In samples of the record.
    symbols : ndarray of str, shape (beats,), or None
        Reference annotation where there is one.
    beats : Beats
        All of the record.
    beat : int
        The one to explain, from 0.
    notes : tuple of str
        What the user should know.
    """

    record: Record
    r_peaks: np.ndarray
    symbols: np.ndarray | None
    beats: Beats
    beat: int
    notes: tuple[str, ...]


def describe(
    chosen: Chosen,
    probabilities: np.ndarray,
    explanation: Explanation,
    reasons: Reasons,
    assessment: Assessment | None,
    output: Path,
) -> dict:
    """All findings about the beat, as ``--json`` prints them.

    Parameters
    ----------
    chosen : Chosen
    probabilities : ndarray, shape (beats, 5)
        Of the whole record.
    explanation : Explanation
        Of the beat.
    reasons : Reasons
        Of the beat, for the same class.
    assessment : Assessment, optional
        Of the record; None where the model is not calibrated.
    output : Path
        Where the figure is.
    """
    record, beats, beat = chosen.record, chosen.beats, chosen.beat
    row = probabilities[beat]
    name = BEAT_CLASSES[int(row.argmax())]
    sample = int(chosen.r_peaks[beat])
    rr = np.round(np.diff(chosen.r_peaks) / record.fs, 4)
    pre = float(rr[beat - 1]) if beat > 0 else None
    post = float(rr[beat]) if beat < len(rr) else None
    usual = float(np.median(rr)) if len(rr) else None
    reference = None
    if chosen.symbols is not None:
        symbol = str(chosen.symbols[beat])
        reference = {
            "symbol": symbol,
            "name": SYMBOL_NAMES[symbol],
            "class": SYMBOL_CLASS.get(symbol),
        }
    return {
        "record": record.name,
        "lead": record.lead,
        "beat": beat,
        "beats": len(beats),
        "sample": sample,
        "seconds": round(sample / record.fs, 4),
        "time": clock(sample / record.fs, 3),
        "class": name,
        "class_name": CLASS_NAMES[name],
        "probability": round(float(row.max()), 5),
        "probabilities": _rounded(BEAT_CLASSES, row),
        "groupings": {
            g: _rounded(tuple(made_of), grouped(row[None], g)[0])
            for g, made_of in GROUPINGS.items()
        },
        **_confidence(assessment, beat),
        "reference": reference,
        "r_peaks": "detected" if reference is None else "reference annotation",
        "rr_before_s": pre,
        "rr_after_s": post,
        "median_rr_s": usual,
        "heart_rate_per_min": round(60 / pre, 1) if pre else None,
        "median_heart_rate_per_min": round(60 / usual, 1) if usual else None,
        "explained_class": explanation.target_class,
        "method": explanation.method,
        "sentence": sentence(reasons),
        "evidence": evidence_words(explanation),
        "what_if": what_if(reasons),
        "evidence_percent": {k: round(v, 1) for k, v in explanation.percent.items()},
        "evidence_rr_inputs": _rounded(RR_INPUTS, explanation.rr),
        "measured": {
            k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(reasons).items()
        },
        "explanation_note": explanation.message,
        "figure": str(output),
        "notes": list(chosen.notes),
        "disclaimer": DISCLAIMER,
    }


def _confidence(assessment: Assessment | None, beat: int) -> dict:
    """How far the classification of a beat can be trusted; nothing where that is not known."""
    if assessment is None:
        return {"calibrated": None, "assessable": True, "refer": None, "refer_reason": None}
    sets = {
        f"set_{level}": [c for c, held in zip(CLASSES, held_by[beat], strict=True) if held]
        for level, held_by in ((90, assessment.sets90), (95, assessment.sets95))
    }
    return {
        "calibrated": _rounded(BEAT_CLASSES, assessment.probabilities[beat]),
        **sets,
        "assessable": bool(assessment.assessable[beat]),
        "refer": bool(assessment.refer[beat]),
        "refer_reason": assessment.reasons[beat],
    }


def headline(findings: dict) -> str:
    """The class with its probability, or that the beat cannot be assessed."""
    f = findings
    said = f"{f['class']} – {f['class_name']}, p {chance(f['probability'])}"
    return said if f["assessable"] else f"{f['refer_reason']} (the network would say {f['class']})"


def trust(findings: dict) -> list[str]:
    """How far the class can be trusted, a line each: calibrated probability, set, referral."""
    f = findings
    if f["calibrated"] is None:
        return ["The probability is not calibrated: run 'python -m arrhythmia calibrate'."]
    if not f["assessable"]:
        return [f"Refer to a cardiologist: {f['refer_reason']}."]
    name = "V" if f["class"] == "E" else f["class"]
    odd = (
        ""
        if name in f["set_90"]
        else f"; {name} is less sure here than in nine of ten {name} beats"
    )
    lines = [
        f"Calibrated p({f['class']}) {chance(f['calibrated'][f['class']])}. "
        f"90 % set: {' or '.join(f['set_90'])} (of N, S, V, F{odd})."
    ]
    return lines + ([f"Refer to a cardiologist: {f['refer_reason']}."] if f["refer"] else [])


def _rounded(classes: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {c: round(float(v), 5) for c, v in zip(classes, values, strict=True)}


def as_text(findings: dict) -> str:
    """Findings of `describe` for the terminal, what matters most first."""
    f = findings
    lines = [headline(f)]
    if f["reference"]:
        unknown = "" if f["reference"]["class"] else " (of no class that the model knows)"
        lines.append(f"reference: {f['reference']['symbol']}, {f['reference']['name']}{unknown}")
    lines += [*trust(f), "", *sentences(f)]
    lines += [
        "",
        f"record       {f['record']}, lead {f['lead']}, beat {f['beat']} of {f['beats']} "
        "(counted from 0)",
        f"R peak       {f['time']} (sample {f['sample']}, {f['r_peaks']})",
        f"RR before    {_interval(f['rr_before_s'], f['median_rr_s'])}",
        f"RR after     {_interval(f['rr_after_s'], f['median_rr_s'])}",
        f"heart rate   {_rate(f['heart_rate_per_min'])} at this beat, "
        f"{_rate(f['median_heart_rate_per_min'])} in the record (median)",
    ]
    for grouping, values in f["groupings"].items():
        top = max(values, key=values.get)
        lines += ["", f"{GROUPING_NAMES[grouping]}:"]
        lines += [
            f"{'>' if c == top else ' '} {c}  {p:.3f}  {CLASS_NAMES[c]}" for c, p in values.items()
        ]
    lines += ["", *([f["explanation_note"]] if f["explanation_note"] else [])]
    lines += [f"figure: {f['figure']}"] + ([f"page: {f['page']}"] if "page" in f else [])
    return "\n".join([*lines, DISCLAIMER])


def sentences(findings: dict) -> list[str]:
    """Reasons of `describe` in words, a line each, the most important first."""
    method = METHOD_NAMES[findings["method"]]
    return [
        findings["sentence"],
        f"Evidence for {findings['explained_class']} ({method}): {findings['evidence']}.",
        f"What if: {'; '.join(findings['what_if'])}.",
    ]


def _interval(seconds: float | None, usual: float | None) -> str:
    if seconds is None or not usual:
        return "– (no beat there)"
    return f"{round(seconds, 4):.2f} s ({seconds / usual:.2f} of the record's median)"


def _rate(per_minute: float | None) -> str:
    return "–" if per_minute is None else f"{per_minute:.0f}/min"
