"""Reasons in a clinician's words: measurements of a beat, what would change its class, a sentence.

Only what was computed is said; nothing here is a diagnosis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arrhythmia.beats import Beats, median_around
from arrhythmia.classifier import Classifier
from arrhythmia.explanation import RHYTHM_PARTS, Explanation
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.reading import Reading, log_odds, read_beat
from arrhythmia.sequences import irregularity, rr_inputs
from arrhythmia.waves import WAVES, qrs_extent

FARTHEST_S = 0.6
"""A beat is moved by no more than this to see what would change its class …"""
STEP_S = 0.01
"""… in steps of this …"""
SHORTEST_RR_S = 0.25
"""… and not nearer than this to another beat."""
AROUND = 40
"""Beats to each side whose timing bears on what the network reads."""
OFF_TIME = 0.1
"""A beat arrives early or late from this part of the local RR interval on."""
IRREGULAR = 0.1
"""From this irregularity on, the rhythm is called irregular."""
NO_P = 0.25
"""Below this likeness of P waves an irregular rhythm is said to have none: nine tenths of DS1's
beats in fibrillation."""
WIDER_S = 0.02
"""A QRS is called wider or narrower than the usual one from this difference on."""
LIKE = 0.9
"""A QRS is called of the usual shape from this correlation on."""
NOUNS = {"N": "Normal", "S": "Supraventricular", "V": "Ventricular", "E": "Ventricular escape",
         "F": "Fusion"}  # fmt: skip
SHAPE_FIRST = ("V", "E", "F")
"""Classes told by the shape of the beat before its timing."""


@dataclass(frozen=True)
class Reasons:
    """What was measured of a beat, and what would change its class.

    Parameters
    ----------
    target_class : str
        The class in question.
    called : str
        The class that the network gives the beat, read in the run that has it in the middle.
    qrs_s, usual_qrs_s : float
        Width of the QRS, and of the record's usual beat, in seconds.
    qrs_likeness : float
        Correlation of the QRS with the usual one.
    early : float
        Part of the local RR interval by which the beat comes early; negative when late.
    cycle : float
        RR before and after together, relative to two local RR intervals: 1 after a full pause.
    irregularity : float
        See `arrhythmia.sequences.irregularity`.
    p_likeness : float
        See `arrhythmia.beats.p_likeness`.
    shift_s : float, optional
        Smallest move of the beat in time, in seconds, later if positive, that gives it another
        class than it has; None if none does.
    shift_class : str, optional
        That other class.
    reach_s : float
        How far it was moved, at most `FARTHEST_S`; 0 for the first and the last beat.
    without_qrs, without_timing : float, optional
        Part of the probability lost with the patient's usual QRS in place of its own, and with
        all beats on time; None for N, which is the usual beat on time.
    """

    target_class: str
    called: str
    qrs_s: float
    usual_qrs_s: float
    qrs_likeness: float
    early: float
    cycle: float
    irregularity: float
    p_likeness: float
    shift_s: float | None
    shift_class: str | None
    reach_s: float
    without_qrs: float | None
    without_timing: float | None


def find_reasons(
    classifier: Classifier, beats: Beats, beat: int, target_class: str | None = None
) -> Reasons:
    """Measure a beat, move it in time, and put the usual QRS in its place.

    Parameters
    ----------
    classifier : Classifier
    beats : Beats
        All beats of the record.
    beat : int
        Which of them, from 0.
    target_class : str, optional
        As for `arrhythmia.explanation.explain`.
    """
    reading = read_beat(classifier, beats, beat, target_class)
    center = classifier.settings.beats.left
    usual = np.broadcast_to(beats.usual_beat, beats.segments.shape)[beat]
    own = qrs_extent(beats.segments[beat], beats.fs, center)
    of_usual = qrs_extent(usual, beats.fs, center)
    part = slice(round(min(own[0], of_usual[0])), round(max(own[1], of_usual[1])) + 1)
    local = float(median_around(beats.rr_pre)[beat])
    without_qrs = without_timing = None
    if reading.target_class != "N":
        without_qrs, without_timing = _lost(classifier, reading)
    called, *moved = _smallest_move(classifier, beats, beat, reading)
    return Reasons(
        reading.target_class,
        called,
        (own[1] - own[0]) / beats.fs,
        (of_usual[1] - of_usual[0]) / beats.fs,
        float(np.corrcoef(beats.segments[beat][part], usual[part])[0, 1]),
        1 - float(beats.rr_pre[beat]) / local,
        float(beats.rr_pre[beat] + beats.rr_post[beat]) / (2 * local),
        float(irregularity(beats.rr_pre)[beat]),
        float(beats.p_likeness[beat]),
        *moved,
        without_qrs,
        without_timing,
    )  # fmt: skip


def _lost(classifier: Classifier, reading: Reading) -> tuple[float, float]:
    """Part of the probability lost without the own QRS, and without the timing."""
    samples, inputs, run, _ = reading.sizes
    kept = np.ones((3, samples + inputs + 2 * run))
    kept[1, :samples][reading.waves.of_samples(samples) == WAVES.index("QRS")] = 0
    kept[2, samples : samples + inputs] = kept[2, samples + inputs + run :] = 0
    whole, *without = 1 / (1 + np.exp(-log_odds(classifier, reading, kept)))
    qrs, timing = (float(np.clip(1 - p / whole, 0, 1)) for p in without)
    return qrs, timing


def _smallest_move(
    classifier: Classifier, beats: Beats, beat: int, reading: Reading
) -> tuple[str, float | None, str | None, float]:
    """Move a beat between its neighbours until its class changes.

    Returns
    -------
    called, shift_s, shift_class, reach_s
        See `Reasons`.
    """
    moves = np.arange(-round(FARTHEST_S / STEP_S), round(FARTHEST_S / STEP_S) + 1) * STEP_S
    inner = 0 < beat < len(beats) - 1
    earliest = SHORTEST_RR_S - beats.rr_pre[beat]
    latest = beats.rr_post[beat] - SHORTEST_RR_S
    moves = moves[(moves >= earliest) & (moves <= latest) & inner | (np.abs(moves) < STEP_S / 2)]
    first, last = max(beat - AROUND, 0), min(beat + AROUND + 1, len(beats))
    mean_rr = np.broadcast_to(beats.mean_rr, len(beats))[first:last]
    likeness = beats.p_likeness[first:last]
    places, here = reading.places - first, beat - first
    rr = []
    for move in moves:
        before, after = beats.rr_pre[first:last].copy(), beats.rr_post[first:last].copy()
        if inner:
            before[here] += move
            after[here] -= move
            after[here - 1] += move
            before[here + 1] -= move
        rr.append(rr_inputs(before, after, mean_rr, likeness)[places])
    # where the record is cut off, `rr_inputs` reads other beats around: only the change counts
    still = int(np.argmin(np.abs(moves)))
    timing = np.array(rr) - rr[still] + reading.rr
    described = np.repeat(classifier.describe(reading.segments)[None], len(moves), axis=0)
    found = np.asarray(classifier.read(described, timing.astype(np.float32)))[:, reading.here]
    found = found.argmax(axis=1)
    called, other = BEAT_CLASSES[found[still]], found != found[still]
    reach = float(np.abs(moves).max())
    if not other.any():
        return called, None, None, reach
    nearest = int(np.argmin(np.where(other, np.abs(moves), np.inf)))
    return called, float(moves[nearest]), BEAT_CLASSES[found[nearest]], reach


def sentence(reasons: Reasons) -> str:
    """Measurements in words.

    Such as ``Ventricular: QRS 0.16 s against this patient's usual 0.09 s, arrives 38 % early,
    full pause after.``
    """
    r = reasons
    parts = [_shape_words(r), _timing_words(r)]
    if r.target_class not in SHAPE_FIRST:
        parts.reverse()
    claim = NOUNS[r.target_class] if r.target_class == r.called else f"For {r.target_class}"
    return f"{claim}: {', '.join(parts)}."


def _shape_words(r: Reasons) -> str:
    if abs(r.qrs_s - r.usual_qrs_s) >= WIDER_S:
        return f"QRS {r.qrs_s:.2f} s against this patient's usual {r.usual_qrs_s:.2f} s"
    if r.qrs_likeness < LIKE:
        return f"QRS of another shape than this patient's usual, {r.qrs_s:.2f} s wide"
    return f"QRS as usual for this patient ({r.qrs_s:.2f} s)"


def _timing_words(r: Reasons) -> str:
    if r.early >= OFF_TIME:
        words = f"arrives {100 * r.early:.0f} % early"
        after = 2 * r.cycle - (1 - r.early)  # RR after, relative to the local RR interval
        if after <= 1 + OFF_TIME:
            words += ", no pause after"
        elif r.cycle < 1 - OFF_TIME / 2:
            words += ", a pause after that is not full"
        elif r.cycle <= 1 + OFF_TIME:
            words += ", full pause after"
        else:
            words += ", more than a full pause after"
    elif r.early <= -OFF_TIME:
        words = f"arrives {-100 * r.early:.0f} % late"
    else:
        words = "arrives on time"
    if r.irregularity < IRREGULAR:
        return words
    without_p = " without P waves in common" if r.p_likeness < NO_P else ""
    return f"{words}, in an irregular rhythm{without_p}"


def evidence_words(explanation: Explanation, most: int = 3) -> str:
    """What speaks for the class, most first: ``QRS 65 %, comes early or late 12 %``."""
    percent = {k: v for k, v in explanation.percent.items() if v >= 1}
    strongest = sorted(percent, key=percent.get, reverse=True)[:most]
    rhythm = sum(v for k, v in percent.items() if k in RHYTHM_PARTS)
    if not strongest:
        return f"nothing speaks for {explanation.target_class}"
    shown = ", ".join(f"{name} {percent[name]:.0f} %" for name in strongest)
    return f"{shown} (rhythm in all {rhythm:.0f} %)"


def what_if(reasons: Reasons) -> list[str]:
    """What would change the class, a sentence each."""
    r, said = reasons, []
    is_or_would = "would be" if r.target_class == r.called else f"is {r.called}, would be"
    if r.shift_s is not None:
        way = "later" if r.shift_s > 0 else "earlier"
        said.append(f"{is_or_would} {r.shift_class} had it come {abs(r.shift_s):.2f} s {way}")
    elif r.reach_s:
        said.append(f"no move in time of up to {r.reach_s:.2f} s makes it other than {r.called}")
    else:
        said.append("at the edge of the record, it was not moved in time")
    if r.without_qrs is not None:
        said.append(f"with this patient's usual QRS in its place {_loses(r.without_qrs, r)}")
        said.append(f"with all beats on time {_loses(r.without_timing, r)}")
    return said


def _loses(part: float, r: Reasons) -> str:
    return f"p({r.target_class}) loses {100 * part:.0f} %"
