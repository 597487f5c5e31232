"""What `predict.py` prints of a beat: text for people, a dictionary for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from arrhythmia.drawing import clock
from arrhythmia.explain.case import Case
from arrhythmia.explain.wording import (
    DISCLAIMER,
    RR_NAMES,
    empty_words,
    evidence_words,
    recording_words,
    what_if,
)
from arrhythmia.labels import (
    BEAT_CLASSES,
    CLASS_NAMES,
    GROUPING_NAMES,
    GROUPINGS,
    SYMBOL_CLASS,
    SYMBOL_NAMES,
    grouped,
)
from arrhythmia.predictions import SET_CLASSES

LABEL_WIDTH = 13
"""Characters of the labels before measurements."""
WITHHELD = (
    "class", "class_name", "probability", "groupings", "explained_class", "evidence", "what_if",
    "explanation_note", "template",
)  # fmt: skip
"""What the dictionary does not say of a beat where the signal cannot be read."""


def as_dict(case: Case, files: Mapping[str, str]) -> dict:
    """All that is known of a beat, as ``predict.py --json`` prints it.

    Parameters
    ----------
    case : Case
    files : mapping
        ``"figure"`` and, where there is one, ``"page"`` to where they are.

    Returns
    -------
    dict
        Where the signal cannot be read, class and reasons are None; ``probabilities`` and
        ``measured`` are what the network and the measurements give all the same.
    """
    reference = None
    if case.symbol:
        name = SYMBOL_NAMES.get(case.symbol, "unknown symbol")
        known_class = SYMBOL_CLASS.get(case.symbol)
        reference = {"symbol": case.symbol, "name": name, "class": known_class}
    explanation = case.explanation
    withheld = dict.fromkeys(() if case.assessable else WITHHELD)
    return {
        "record": case.record.name,
        "lead": case.lead.name,
        "leads": _leads(case),
        "beat": case.beat,
        "beats": len(case.beats),
        "sample": int(case.beats.sample[case.beat]),
        "seconds": round(case.seconds, 4),
        "time": clock(case.seconds, 3),
        "headline": case.headline,
        "class": case.called,
        "class_name": CLASS_NAMES[case.called],
        "probability": round(case.probability, 5),
        "probabilities": _rounded(BEAT_CLASSES, case.probabilities[case.beat]),
        "groupings": _groupings(case),
        **_confidence(case),
        "reference": reference,
        "r_peaks": case.beats.source,
        "rr_before_s": _digits(case.rr_before),
        "rr_after_s": _digits(case.rr_after),
        "median_rr_s": _digits(case.median_rr),
        "heart_rate_per_min": _rate(case.rr_before),
        "median_heart_rate_per_min": _rate(case.median_rr),
        "explained_class": explanation.target_class,
        "method": explanation.method,
        "sentence": case.sentence,
        "template": _template(case),
        "evidence": evidence_words(explanation),
        "what_if": what_if(case.reasons),
        "evidence_percent": {k: round(v, 1) for k, v in explanation.percent.items()},
        "evidence_rr_inputs": _rounded(RR_NAMES, explanation.rr),
        "measured": _measured(case),
        "explanation_note": empty_words(explanation),
        **files,
        "notes": list(case.notes),
        "disclaimer": DISCLAIMER,
    } | withheld


def as_text(case: Case, files: Mapping[str, str]) -> str:
    """All that is known of a beat for the terminal, what matters most first.

    Parameters
    ----------
    case : Case
    files : mapping
        As `as_dict` takes it.
    """
    lines = [case.headline]
    if case.reference:
        lines.append(f"reference: {case.reference}")
    lines += [*case.trust, "", *case.sentences, "", *_measurements(case)]
    if case.assessable:
        for grouping, values in _groupings(case).items():
            top = max(values, key=values.get)
            lines += ["", f"{GROUPING_NAMES[grouping]}:"]
            lines += [
                f"{'>' if c == top else ' '} {c}  {p:.3f}  {CLASS_NAMES[c]}"
                for c, p in values.items()
            ]
    note = empty_words(case.explanation) if case.assessable else ""
    lines += ["", *([note] if note else [])]
    return "\n".join([*lines, *(f"{kind}: {file}" for kind, file in files.items()), DISCLAIMER])


def _measurements(case: Case) -> list[str]:
    sample = int(case.beats.sample[case.beat])
    beat_of = f"beat {case.beat} of {len(case.beats)} (counted from 0)"
    facts = {
        "record": f"{case.record.name}, lead {case.lead.name}, {beat_of}",
        "R peak": f"{clock(case.seconds, 3)} (sample {sample}, {case.beats.source})",
        "RR before": _interval(case.rr_before, case.median_rr),
        "RR after": _interval(case.rr_after, case.median_rr),
        "heart rate": f"{_per_minute(case.median_rr)} in the record (median)",
    }
    return [f"{label:{LABEL_WIDTH}}{fact}" for label, fact in facts.items()]


def _groupings(case: Case) -> dict[str, dict[str, float]]:
    row = case.probabilities[case.beat][None]
    return {g: _rounded(tuple(classes), grouped(row, g)[0]) for g, classes in GROUPINGS.items()}


def _confidence(case: Case) -> dict:
    """How far the class can be trusted; nothing where that is not known."""
    assessment = case.assessment
    if assessment is None:
        return {"calibrated": None, "assessable": True, "refer": None, "refer_reason": None,
                "recording_note": None}  # fmt: skip
    held = np.array(SET_CLASSES)[assessment.sets95[case.beat]]
    return {
        "calibrated": _rounded(BEAT_CLASSES, assessment.probabilities[case.beat]),
        "set_90": case.set90,
        "set_95": [str(c) for c in held],
        "assessable": case.assessable,
        "refer": bool(case.refer_reason),
        "refer_reason": case.refer_reason,
        "recording_note": recording_words(assessment.note),
    }


def _leads(case: Case) -> dict[str, dict[str, float]]:
    """What each lead says of the class given, and how much its QRS counts, as a share of 1."""
    shares = case.decision.shares
    counts = dict(zip(shares.names, shares.qrs[:, case.beat], strict=True))
    return {
        name: {"probability": round(said, 5), "share": round(float(counts[name]), 4)}
        for name, said in case.said_by_leads.items()
    }


def _template(case: Case) -> dict | None:
    """The beats that were judged together with this one."""
    template = case.template
    if template is None:
        return None
    return {
        "number": template.number,
        "beats": len(template),
        "called_like_it": case.called_like_it,
        "first_s": round(template.first_s, 2),
        "last_s": round(template.last_s, 2),
        "coupling": round(template.coupling, 3),
        "pause": round(template.pause, 3),
        "class_by_itself": case.by_itself,
        "words": case.alike,
    }


def _measured(case: Case) -> dict:
    """Measurements, and what would change the class, in one level."""
    facts = asdict(case.reasons)
    measured = facts.pop("measured")
    facts["class_in_this_lead"] = facts.pop("by_itself")
    timing = measured.pop("timing") | {"early": case.reasons.measured.timing.early}
    return _digits(facts | measured | timing)


def _rounded(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(v), 5) for name, v in zip(names, values, strict=True)}


def _digits(value: object) -> object:
    """Numbers with four places, also inside dictionaries."""
    if isinstance(value, dict):
        return {k: _digits(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _rate(seconds: float | None) -> float | None:
    return round(60 / seconds, 1) if seconds else None


def _per_minute(seconds: float | None) -> str:
    return f"{60 / seconds:.0f}/min" if seconds else "–"


def _interval(seconds: float | None, median: float | None) -> str:
    if seconds is None or not median:
        return "– (no beat there, or a gap between)"
    return f"{round(seconds, 4):.2f} s ({seconds / median:.2f} of the record's median)"
