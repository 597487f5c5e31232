"""What is measured of a beat; everything said of it goes by this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.explain.timing import Timing
from arrhythmia.explain.waves import Waves, qrs_extent
from arrhythmia.signals import BeatSettings


@dataclass(frozen=True)
class Measured:
    """Measurements of a beat.

    Parameters
    ----------
    timing : Timing
    qrs_s, usual_qrs_s : float, optional
        Width of the QRS, and of that of the beats like the template beat, in all leads, in
        seconds; None where it cannot be measured.
    qrs_similarity : float
        Correlation of the QRS with that of the template beat, in the lead where it is least.
    p_seen : bool
        Whether a P wave was seen before the QRS.
    pr_s : float, optional
        From its onset to that of the QRS in seconds; None where either was not measured.
    p_wave_similarity : float
        See `arrhythmia.p_wave.p_wave_similarity`.
    """

    timing: Timing
    qrs_s: float | None
    usual_qrs_s: float | None
    qrs_similarity: float
    p_seen: bool
    pr_s: float | None
    p_wave_similarity: float


def measure(leads: Sequence[Beats], beat: int, waves: Waves, timing: Timing) -> Measured:
    """Put together what is measured of a beat.

    Parameters
    ----------
    leads : sequence of Beats
        All beats of the record, in the leads that count.
    beat : int
        Which of them, from 0.
    waves : Waves
        Of the beat.
    timing : Timing
        Of the beat.
    """
    return Measured(
        timing=timing,
        qrs_s=waves.qrs_s,
        usual_qrs_s=waves.usual_qrs_s,
        qrs_similarity=min(_similarity(beats, beat, waves) for beats in leads),
        p_seen=waves.p_seen,
        pr_s=waves.pr_s,
        p_wave_similarity=float(leads[0].p_wave_similarity[beat]),
    )


def _similarity(beats: Beats, beat: int, waves: Waves) -> float:
    """Correlation of the QRS of a beat with that of the template beat, in one lead."""
    of_beat = waves.edges[3:5]
    of_template = qrs_extent(beats.template_beat, beats.fs, round(BeatSettings.before * beats.fs))
    part = slice(round(min(of_beat[0], of_template[0])), round(max(of_beat[1], of_template[1])) + 1)
    return correlation(beats.segments[beat][part], beats.template_beat[part])


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two stretches of the same length; 0 where one of them is flat."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0  # a flat line is like nothing: the quotient would be NaN
    return float(np.corrcoef(first, second)[0, 1])
