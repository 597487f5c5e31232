"""Reasons for a class: what would change it.

Only what was computed is kept; nothing here is a diagnosis. The words are in
`arrhythmia.explain.wording`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.explain.explanation import called_class
from arrhythmia.explain.measured import Measured, measure
from arrhythmia.explain.reference import compare_with_reference, log_odds
from arrhythmia.explain.timing import Timing
from arrhythmia.explain.waves import WAVES, Waves
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.sequences import covering_runs, network_inputs, rr_inputs

FARTHEST_S = 0.6
"""A beat is moved by no more than this to see what would change its class …"""
STEP_S = 0.01
"""… in steps of this …"""
SHORTEST_RR_S = 0.25
"""… and not nearer than this to another beat."""
AROUND = 40
"""Beats to each side whose timing bears on what the network is told of a run."""


@dataclass(frozen=True)
class Move:
    """What moving a beat in time does to its class.

    Parameters
    ----------
    seconds : float, optional
        Smallest move, later if positive, that gives the beat another class; None if none does.
    to_class : str, optional
        That other class.
    earliest_s, latest_s : float
        How far it was moved either way, at most `FARTHEST_S`; 0 for the first and the last beat.
    """

    seconds: float | None
    to_class: str | None
    earliest_s: float
    latest_s: float


@dataclass(frozen=True)
class Reasons:
    """What was measured of a beat, and what would change its class.

    Parameters
    ----------
    target_class : str
        The class in question.
    called : str
        The class that the beat is given.
    by_itself : str
        The class that the network gives it in the explained lead, without its template: what the
        rest goes by, since a beat of another shape or timing would be in another template.
    measured : Measured
    move : Move
        What moving it in time does to its class.
    without_qrs, without_timing : float, optional
        Probability of the target class, in the run that has the beat in the middle, with the QRS of
        the template beat in place of its own, and with all beats on time; None for N, which is the
        template beat on time.
    """

    target_class: str
    called: str
    by_itself: str
    measured: Measured
    move: Move
    without_qrs: float | None
    without_timing: float | None


def find_reasons(
    classifier: Classifier,
    beats: Beats,
    beat: int,
    classes: Sequence[str],
    called: str,
    waves: Waves,
    timing: Timing,
    leads: Sequence[Beats] = (),
) -> dict[str, Reasons]:
    """Measure a beat, move it in time, and put the QRS of the template beat in its place.

    Parameters
    ----------
    classifier : Classifier
    beats : Beats
        All beats of the record.
    beat : int
        Which of them, from 0.
    classes : sequence of str
        Classes in question, of `arrhythmia.labels.BEAT_CLASSES`.
    called : str
        The class that the beat is given.
    waves : Waves
        Of the beat.
    timing : Timing
        Of the beat.
    leads : sequence of Beats
        The same beats in every lead that counts; by default in this one.

    Returns
    -------
    dict
        Class to `Reasons`.
    """
    same = {
        "called": called,
        "by_itself": called_class(classifier, beats, beat),
        "measured": measure(leads or (beats,), beat, waves, timing),
        "move": smallest_move(classifier, beats, beat),
    }
    return {c: Reasons(c, **same, **_without(classifier, beats, beat, c, waves)) for c in classes}


def _without(
    classifier: Classifier, beats: Beats, beat: int, target_class: str, waves: Waves
) -> dict:
    """Probability of a class without the own QRS, and without the timing."""
    if target_class == "N":
        return {"without_qrs": None, "without_timing": None}
    comparison = compare_with_reference(classifier, beats, beat, target_class, waves)
    samples, inputs, run, _ = comparison.sizes
    kept = np.ones((2, samples + inputs + 2 * run))
    kept[0, :samples][comparison.waves.of_samples(samples) == WAVES.index("QRS")] = 0
    kept[1, samples : samples + inputs] = kept[1, samples + inputs + run :] = 0
    qrs, timing = map(float, expit(log_odds(classifier, comparison, kept)))
    return {"without_qrs": qrs, "without_timing": timing}


def smallest_move(classifier: Classifier, beats: Beats, beat: int) -> Move:
    """Move a beat between its neighbours until its class changes, judged by itself.

    Its class is found as `Classifier.network_probabilities` finds it, from all runs that hold it.

    Parameters
    ----------
    classifier : Classifier
    beats : Beats
        All beats of the record.
    beat : int
        Which of them, from 0.
    """
    steps = round(FARTHEST_S / STEP_S)
    moves = np.arange(-steps, steps + 1) * STEP_S
    inner = 0 < beat < len(beats) - 1
    earliest = SHORTEST_RR_S - beats.rr_pre[beat]
    latest = beats.rr_post[beat] - SHORTEST_RR_S
    moves = moves[(moves >= earliest) & (moves <= latest) & inner | (np.abs(moves) < STEP_S / 2)]
    classes = _classes_when_moved(classifier, beats, beat, moves)
    still = int(np.argmin(np.abs(moves)))
    changed = classes != classes[still]
    reach = -float(moves[0]), float(moves[-1])
    if not changed.any():
        return Move(None, None, *reach)
    nearest = int(np.argmin(np.where(changed, np.abs(moves), np.inf)))
    return Move(float(moves[nearest]), BEAT_CLASSES[classes[nearest]], *reach)


def _classes_when_moved(
    classifier: Classifier, beats: Beats, beat: int, moves: np.ndarray
) -> np.ndarray:
    """Class of a beat after each move in seconds, as its place in `BEAT_CLASSES`."""
    places, weights = covering_runs(len(beats), classifier.settings.run)
    holding = ((places == beat) & (weights > 0)).any(axis=1)
    places, weights = places[holding], np.where(places[holding] == beat, weights[holding], 0.0)
    first, last = max(beat - AROUND, 0), min(beat + AROUND + 1, len(beats))
    rr_of_moves = np.array([_rr_when_moved(beats, beat, m, first, last) for m in moves])
    shapes = classifier.runner.features(network_inputs(beats).segments[first:last])
    runs = places - first
    described = np.tile(shapes[runs], (len(moves), 1, 1))
    rr = rr_of_moves[:, runs].reshape(-1, *rr_of_moves[:, runs].shape[2:])
    probabilities = softmax(classifier.runner.scores(described, rr), axis=-1)
    probabilities = probabilities.reshape(len(moves), *places.shape, -1)
    return np.einsum("mrbc,rb->mc", probabilities, weights).argmax(axis=1)


def _rr_when_moved(beats: Beats, beat: int, move: float, first: int, last: int) -> np.ndarray:
    """RR inputs of the beats from ``first`` to ``last`` with one of them moved in time."""
    before, after = beats.rr_pre[first:last].copy(), beats.rr_post[first:last].copy()
    if move:
        moved = beat - first
        before[moved] += move
        after[moved] -= move
        after[moved - 1] += move
        before[moved + 1] -= move
    return rr_inputs(before, after, beats.mean_rr, beats.p_wave_similarity[first:last])
