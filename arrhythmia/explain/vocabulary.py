"""The words for what was measured of a beat: each with its rule and the source of that.

Clinical use is that of Surawicz & Knilans, Chou's Electrocardiography in Clinical Practice, 6th ed.
(2008), and of the AHA/ACCF/HRS recommendations of 2009 (Circulation 119: e235). Where a limit is
ours it says so. The table of `RULES` is printed in ``docs/explanations.md``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from arrhythmia.explain.measured import Measured
from arrhythmia.explain.timing import Timing
from arrhythmia.limits import PREMATURE

NOUNS: Final = {"S": "Supraventricular", "V": "Ventricular",
                "E": "Ventricular escape", "F": "Fusion"}  # fmt: skip
ORDINARY_NOUN: Final = "Normal"
OTHER_NOUN: Final = "Not ectopic"
SHAPE_FIRST: Final = ("V", "E", "F")
"""Classes told by the shape of the beat before its timing."""

ON_TIME: Final = 0.03
SLIGHTLY: Final = PREMATURE
FULL_PAUSE: Final = 0.10
NO_PAUSE: Final = 1.10
INTERPOLATED: Final = 1.15
IRREGULAR: Final = 0.10
NO_P: Final = 0.25
WIDER_S: Final = 0.02
SAME_SHAPE: Final = 0.90
WIDE_QRS_S: Final = 0.12
ROW: Final = 3


class Rule(NamedTuple):
    """When a word is said.

    Parameters
    ----------
    words, when, source : str
        What is said, the measurement it needs with its limit, and where the limit comes from.
    """

    words: str
    when: str
    source: str


RULES: Final = (
    Rule("on time", f"RR before within {ON_TIME:.0%} of the dominant RR: the median of the 20 "
         "nearest intervals between two beats called N", "ours: half the usual variation of sinus "
         "rhythm"),
    Rule("slightly early, slightly late", f"{ON_TIME:.0%} to {SLIGHTLY:.0%} from it", "ours"),
    Rule("early, late", f"{SLIGHTLY:.0%} or more from it (*early*: or what a reader sets)",
         "ours"),
    Rule("after a V (S, F, E)", "the beat before is called so, and this one does not come early: "
         "no dominant RR is compared", "–"),
    Rule("no pause after", f"RR after at most {NO_PAUSE:.0%} of the dominant RR; said of early "
         "beats between two that are called N", "Surawicz & Knilans"),
    Rule("full compensatory pause", "RR before and after together are two dominant RR, within "
         f"{FULL_PAUSE / 2:.0%}, and RR after is nearer to making up for the beat than to the "
         "dominant RR", "Surawicz & Knilans; the tolerance is ours"),
    Rule("pause less than compensatory, more than compensatory", "they are less, or more",
         "the same"),
    Rule("interpolated", f"they are at most {INTERPOLATED:.0%} of one dominant RR",
         "the same"),
    Rule("in an irregular rhythm", "the dominant RR changes from one interval to the next by "
         f"{IRREGULAR:.0%} in the median, or the beat stands in fibrillation or flutter as "
         "`events` finds it", "DS1: .03 in sinus rhythm, .18 in fibrillation"),
    Rule("without P waves in common", f"the same, and P-wave similarity below {NO_P}",
         "DS1: nine tenths of the beats in fibrillation"),
    Rule("one of two V in a row, beat 2 of 5 V in a row", "neighbours called the same",
         "AHA/ACCF/HRS: three or more are a run"),
    Rule("in ventricular bigeminy, trigeminy", "the beat stands in one as `events` finds it: "
         "every second, or third, beat is ectopic, three times or more", "Surawicz & Knilans"),
    Rule("QRS as usual for this patient", f"width within {WIDER_S} s of the median of the beats "
         f"like the template beat, and correlation {SAME_SHAPE} or more", "ours"),
    Rule("QRS of another shape", f"correlation below {SAME_SHAPE} in one of the leads that count",
         "ours"),
    Rule("QRS … against this patient's usual …", f"widths that differ by {WIDER_S} s or more; "
         "always of V, E and F", "ours"),
    Rule("wide", f"width {WIDE_QRS_S} s or more", "AHA/ACCF/HRS: bundle branch block"),
    Rule("P wave … before the QRS, no P wave seen", "P delineated, or not, in this beat in all "
         "leads together; said of N and S", "[delineation](delineation.md)"),
    Rule(ORDINARY_NOUN, "called N, and everything checked is ordinary: on time or slightly off, P "
         "wave seen, QRS as usual and not wide", "–"),
    Rule(OTHER_NOUN, "called N, and one of these is not", "–"),
)  # fmt: skip


def noun(called: str, measured: Measured) -> str:
    """What a beat is called in a sentence."""
    if called != "N":
        return NOUNS[called]
    return OTHER_NOUN if checked(measured)[1] else ORDINARY_NOUN


def sentence(target_class: str, called: str, measured: Measured) -> str:
    """Measurements in words.

    Such as ``Ventricular: QRS 0.16 s against this patient's usual 0.09 s, 38 % early, full
    compensatory pause.``
    """
    parts = [[shape_words(measured, target_class)], timing_words(measured, called)]
    if target_class not in SHAPE_FIRST:
        parts = [parts[1], p_words(measured), parts[0]]
    words = ", ".join(word for part in parts for word in part)
    claim = noun(called, measured) if target_class == called else f"For {target_class}"
    return f"{claim}: {words}."


def shape_words(m: Measured, target_class: str) -> str:
    """Width and shape of the QRS; of classes told by it always with the usual width."""
    if m.qrs_s is None:
        return "QRS width not measurable at this beat"
    wide = "wide " if _wide(m.qrs_s) else ""
    if m.usual_qrs_s is None:
        return f"{wide}QRS {m.qrs_s:.2f} s"
    if abs(m.qrs_s - m.usual_qrs_s) >= WIDER_S or target_class in SHAPE_FIRST:
        another = "" if m.qrs_similarity >= SAME_SHAPE else "of another shape, "
        return f"QRS {another}{m.qrs_s:.2f} s against this patient's usual {m.usual_qrs_s:.2f} s"
    if m.qrs_similarity < SAME_SHAPE:
        return f"{wide}QRS of another shape than this patient's usual, {m.qrs_s:.2f} s"
    return f"{wide}QRS as usual for this patient ({m.qrs_s:.2f} s)"


def _wide(qrs_s: float) -> bool:
    return round(qrs_s, 2) >= WIDE_QRS_S  # as it is printed


def p_words(m: Measured) -> list[str]:
    """The P wave; nothing where the QRS could not be measured."""
    if m.qrs_s is None:
        return []
    return [f"P wave {m.pr_s:.2f} s before the QRS" if m.p_seen else "no P wave seen"]


def timing_words(m: Measured, called: str) -> list[str]:
    """When the beat comes, the pause after it, and the row that it stands in."""
    t = m.timing
    words = [_arrival(m)]
    if not irregular(t) and t.early is not None and t.early >= ON_TIME:
        words += _pause(t)
    if called != "N" and t.run >= ROW:
        words.append(f"beat {t.place} of {t.run} {called} in a row")
    elif called != "N" and t.run == 2:
        words.append(f"one of two {called} in a row")
    elif t.rhythm and not t.fibrillating:
        words.append(f"in {t.rhythm}")
    return words


def irregular(t: Timing) -> bool:
    """Whether the dominant rhythm is irregular around a beat."""
    return t.fibrillating or (t.irregularity is not None and t.irregularity >= IRREGULAR)


def _arrival(m: Measured) -> str:
    t = m.timing
    if t.rr_pre is None:
        return "RR before it not known"
    if irregular(t):
        without_p = " without P waves in common" if m.p_wave_similarity < NO_P else ""
        median = f" against a median of {t.cycle:.2f} s" if t.cycle is not None else ""
        return f"RR {t.rr_pre:.2f} s before it{median}, in an irregular rhythm{without_p}"
    if t.early is None:
        return f"RR {t.rr_pre:.2f} s before it, no normal rhythm to compare it with"
    if t.before not in ("", "N") and t.early < ON_TIME:
        return f"{t.rr_pre:.2f} s after {'an' if t.before in 'SFE' else 'a'} {t.before}"
    if abs(t.early) < ON_TIME:
        return "on time"
    way = "early" if t.early > 0 else "late"
    percent = f"{100 * abs(t.early):.0f} %"
    return f"slightly {way} ({percent})" if _slightly(t) else f"{percent} {way}"


def _slightly(t: Timing) -> bool:
    """Whether a beat is on time or little off."""
    return -SLIGHTLY < t.early < t.premature


def _pause(t: Timing) -> list[str]:
    """The pause after an early beat between two that are called N."""
    if t.rr_post is None or (t.before, t.after) != ("N", "N"):
        return []
    both, after = (t.rr_pre + t.rr_post) / t.cycle, t.rr_post / t.cycle
    if both <= INTERPOLATED:
        return ["interpolated"]
    if abs(both - 2) <= FULL_PAUSE and after > 1 + t.early / 2:
        return ["full compensatory pause"]
    if both > 2:
        return ["more than a compensatory pause"]
    return ["no pause after"] if after <= NO_PAUSE else ["pause less than compensatory"]


def checked(m: Measured) -> tuple[list[str], list[str]]:
    """What was found ordinary of a beat, and what was not, in words."""
    t, ordinary, other = m.timing, [], []
    if irregular(t):
        other.append("rhythm (irregular)")
    elif t.early is not None and t.before == "N":
        (ordinary if _slightly(t) else other).append("time of arrival")
    if m.qrs_s is None:
        other.append("QRS (not measurable)")
        return ordinary, other
    (ordinary if m.p_seen else other).append("P wave" if m.p_seen else "P wave (none seen)")
    usual = m.usual_qrs_s is None or abs(m.qrs_s - m.usual_qrs_s) < WIDER_S
    if not usual or m.qrs_similarity < SAME_SHAPE:
        other.append("QRS (another than usual)")
    elif _wide(m.qrs_s):
        other.append("QRS (wide)")
    else:
        ordinary.append("QRS")
    return ordinary, other


def checked_words(m: Measured) -> str:
    """Say what `checked` found, such as ``Checked and ordinary: time of arrival, P wave, QRS.``."""
    ordinary, other = checked(m)
    parts = [f"Checked and ordinary: {', '.join(ordinary) or 'nothing'}"]
    if other:
        parts.append(f"not ordinary: {', '.join(other)}")
    return f"{'; '.join(parts)}."


def rules_table() -> str:
    """`RULES` as a Markdown table."""
    head = "| said | when | limit from |\n|---|---|---|\n"
    return head + "\n".join(f"| {r.words} | {r.when} | {r.source} |" for r in RULES)
