"""What is said of a beat, worded once: text, JSON, figure, page and notebook take it from here.

The functions take what was measured and give words.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from arrhythmia.explain.explanation import RHYTHM_PARTS, Explanation
from arrhythmia.explain.method_names import METHOD_NAMES
from arrhythmia.explain.reasons import Move, Reasons
from arrhythmia.explain.waves import WAVES, Waves
from arrhythmia.labels import CLASS_NAMES, SYMBOL_CLASS, SYMBOL_NAMES

DISCLAIMER: Final = "Research software, not a medical device."
NOT_CALIBRATED: Final = (
    "The probability is not calibrated: run 'python -m arrhythmia calibrate' for this model."
)
NO_CLASS: Final = "The signal cannot be read at this beat, so no class is given and none explained."
PACED_NO_CLASS: Final = (
    "The heart is paced. Paced beats were in no training: no class is given and none explained."
)

WHAT_IF: Final = "What if (the beat judged by itself)"
ALONE: Final = "Judged by itself: so few beats are not judged together."

ALIKE: Final = 0.9
"""From this correlation with its mean beat on, a beat has the shape of its template."""
MOST_PARTS: Final = 3
"""So many parts of the evidence are named."""

RR_NAMES: Final = (
    "RR before, against the record's mean",
    "RR after, against the record's mean",
    "RR before, against the 21 beats around",
    "RR after, against the 21 beats around",
    "RR before, against the RR interval before that",
    "RR before, between the centres of the QRS",
    "irregularity of the 21 beats around",
    "lateness in units of the irregularity",
    "P-wave similarity of the 21 beats around",
)
"""`arrhythmia.sequences.RR_INPUTS` for a reader."""


def chance(probability: float) -> str:
    """``= 0.98``; ``> 0.99`` rather than a certainty that rounding would make of it."""
    return "> 0.99" if probability >= 0.995 else f"= {probability:.2f}"


def headline(called: str, probability: float, assessable: bool, refer_reason: str) -> str:
    """The class with its probability, or that the beat cannot be assessed and why."""
    if not assessable:
        return refer_reason[0].upper() + refer_reason[1:]
    return f"{called} – {CLASS_NAMES[called]}, p {chance(probability)}"


def no_class(refer_reason: str) -> str:
    """Why no class is given."""
    return PACED_NO_CLASS if refer_reason.startswith("paced") else NO_CLASS


def reference_words(symbol: str) -> str:
    """The reference annotation of a beat: ``V, premature ventricular contraction``."""
    unknown = "" if symbol in SYMBOL_CLASS else " (of no class that the model knows)"
    return f"{symbol}, {SYMBOL_NAMES.get(symbol, 'unknown symbol')}{unknown}"


def set_words(called: str, calibrated: float, set90: list[str]) -> str:
    """Calibrated probability of the class called, and the 90 % set."""
    return (
        f"Calibrated p({called}) {chance(calibrated)}. "
        f"90 % set: {' or '.join(set90)} (of N, S, V, F)."
    )


def referral_words(refer_reason: str) -> str:
    """That a person should look, and why."""
    return f"Refer to a cardiologist: {refer_reason}."


def recording_words(note: str) -> str:
    """What the recording is; empty where nothing is to be said."""
    return f"This recording is {note}." if note else ""


def template_words(
    beats: int, like_it: int, called: str, by_itself: str, own: float, alike: float
) -> str:
    """How many beats are of this shape and timing, and what they are called.

    Such as ``One of 132 beats of this shape and timing in this recording, 128 of them called V.``

    Parameters
    ----------
    beats, like_it : int
        Beats of the template, and those of them with the class called.
    called, by_itself : str
        Class given, and the one that all leads give the beat alone.
    own : float
        Probability of the latter.
    alike : float
        Correlation of the beat with the mean beat of its template.
    """
    many = "all" if like_it == beats else str(like_it)
    if beats == 1:
        words = "No other beat of this recording has this shape and timing"
    elif alike >= ALIKE:
        words = (
            f"One of {beats} beats of this shape and timing in this recording, {many} of them "
            f"called {called}"
        )
    else:
        words = (
            f"Judged in a group of {beats} beats that it resembles only roughly (correlation "
            f"{alike:.2f} with their mean), {many} of them called {called}"
        )
    if by_itself != called:
        words += f"; by itself it would be called {by_itself} (p {chance(own)})"
    return f"{words}."


BLENDED: Final = "Its template is a blend of this patient's normal and ventricular beats"
EARLY: Final = "It comes early for this patient's dominant rhythm"


def second_stage_words(called: str, before: str) -> str:
    """Why the second stage changed the class of a beat; empty where it did not.

    Parameters
    ----------
    called, before : str
        Class given, and the one that leads and templates give.
    """
    if called == before:
        return ""
    why = BLENDED if called == "F" else EARLY
    return f"{why}: without that it would be called {before}."


def lead_words(called: str, said: dict[str, float]) -> str:
    """What the leads say of the class called; empty where one was read.

    Such as ``Lead V1 says most: p(V) 0.98; 0.61 in MLII.``

    Parameters
    ----------
    called : str
        Class given.
    said : dict
        Lead to the probability that it gives this class, the one that says most first.
    """
    (first, most), *others = said.items()
    if not others:
        return ""
    if len(others) == 1:
        rest = f"{_plain(others[0][1])} in {others[0][0]}"
    else:
        low, high = (_plain(pick(value for _, value in others)) for pick in (min, max))
        rest = f"{low if low == high else f'{low} to {high}'} in the {len(others)} other leads"
    return f"Lead {first} says most: p({called}) {_plain(most)}; {rest}."


def _plain(probability: float) -> str:
    """A probability inside a sentence, no certainty."""
    if probability >= 0.995:
        return "over 0.99"
    return "under 0.01" if probability < 0.005 else f"{probability:.2f}"


def evidence_words(explanation: Explanation) -> str:
    """Where the evidence lies, one sum: ``QRS 65 %, rhythm 20 % (…), T 9 %, the rest 6 %``."""
    positive = {part: max(value, 0.0) for part, value in explanation.percent.items()}
    rhythm = {part: positive.pop(part) for part in RHYTHM_PARTS}
    most = max(rhythm, key=rhythm.get)
    positive["rhythm"] = sum(rhythm.values())
    strongest = sorted(positive, key=positive.get, reverse=True)[:MOST_PARTS]
    named = {part: round(positive[part]) for part in strongest if positive[part] >= 0.5}
    if not named:
        return f"nothing speaks for {explanation.target_class}"
    within = {"rhythm": f" (of it {most} {rhythm[most]:.0f} %)"} if rhythm[most] >= 0.5 else {}
    words = [
        f"{part_name(part, explanation.waves)} {value} %{within.get(part, '')}"
        for part, value in named.items()
    ]
    rest = 100 - sum(named.values())
    return ", ".join([*words, *([f"the rest {rest} %"] if rest > 0 else [])])


def evidence_line(explanation: Explanation, lead: str = "") -> str:
    """`evidence_words` with the class, the method, and the lead where there are several."""
    where = f" in lead {lead}" if lead else ""
    method = METHOD_NAMES[explanation.method]
    words = evidence_words(explanation)
    return f"Evidence for {explanation.target_class}{where} ({method}): {words}."


def shares_words(explanation: Explanation) -> str:
    """Where all the evidence lies, in three parts that make 100 %."""
    shares = {name: round(value) for name, value in explanation.shares.items()}
    if any(shares.values()):
        largest = max(shares, key=shares.get)
        shares[largest] += 100 - sum(shares.values())
    return ", ".join(f"{name} {value} %" for name, value in shares.items())


def empty_words(explanation: Explanation) -> str:
    """What to know when nothing along the beat speaks for the class; else empty."""
    if explanation.heat.any():
        return ""
    method = METHOD_NAMES[explanation.method]
    where = "in the shape of this beat"
    return f"{method} finds nothing {where} that speaks for {explanation.target_class}"


def what_if(reasons: Reasons) -> list[str]:
    """What would change the class, a sentence each."""
    r = reasons
    sentences = [_move_words(r.move, r.by_itself)]
    if r.without_qrs is not None:
        sentences.append(
            f"with this patient's usual QRS in its place {_would_be(r.without_qrs, r)}"
        )
        sentences.append(f"with all beats on time {_would_be(r.without_timing, r)}")
    return sentences


def what_if_line(reasons: Reasons, lead: str = "") -> str:
    """`what_if` in one line, with the lead where there are several."""
    return f"{what_if_title(lead)}: {'; '.join(what_if(reasons))}."


def what_if_title(lead: str) -> str:
    """Heading of `what_if`; the lead is named where there are several."""
    return f"{WHAT_IF}, in lead {lead} alone" if lead else WHAT_IF


def _move_words(move: Move, called: str) -> str:
    if move.seconds is not None:
        way = "later" if move.seconds > 0 else "earlier"
        return f"would be {move.to_class} had it come {abs(move.seconds):.2f} s {way}"
    if move.earliest_s or move.latest_s:
        reach = f"from {move.earliest_s:.2f} s earlier to {move.latest_s:.2f} s later"
        return f"no move in time {reach} makes it other than {called}"
    return "at the edge of the record, it was not moved in time"


def _would_be(probability: float, r: Reasons) -> str:
    if not 0.005 <= probability < 0.995:  # no certainties
        return f"p({r.target_class}) would be {'below 0.01' if probability < 0.5 else 'above 0.99'}"
    return f"p({r.target_class}) would be {probability:.2f}"


def part_name(part: str, waves: Waves) -> str:
    """Name of a part of the evidence: where no P was seen, nothing is before it."""
    return "before the QRS" if part == WAVES[0] and not waves.p_seen else part


def wave_names(waves: Waves) -> list[str]:
    """Names of the waves, in brackets where one is expected but was not seen."""
    seen = {"P": waves.p_seen, "QRS": waves.qrs_seen, "T": waves.t_seen}
    return [name if seen.get(name, True) else f"({name})" for name in WAVES]


def rr_values(ratios: np.ndarray, irregularity: float, p_wave_similarity: float) -> list[str]:
    """What the network is told of the timing of a beat, before limits and logarithms.

    Parameters
    ----------
    ratios : ndarray of float, shape (9,)
        As `arrhythmia.sequences.rr_ratios` gives them.
    irregularity, p_wave_similarity : float
        As measured.

    Returns
    -------
    list of str
        In the order of `RR_NAMES`.
    """
    lateness = f"{np.log(ratios[7]) + 0.0:+.2f}".replace("-", "−").replace("−0.00", "+0.00")
    return [
        *(f"{100 * ratio:.0f} %" for ratio in ratios[:5]),
        f"{ratios[5]:.2f} s",
        f"{100 * irregularity:.1f} %",
        lateness,
        f"{100 * p_wave_similarity:.0f} %",
    ]
