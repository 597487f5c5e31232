"""From beats to what the network takes: shapes, RR inputs, runs of consecutive beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.rr import irregularity, median_around

RR_INPUTS: Final = (
    "rr_pre / mean RR of the record",
    "rr_post / mean RR of the record",
    "rr_pre / median of the 21 beats around",
    "rr_post / median of the 21 beats around",
    "rr_pre / rr_pre of the beat before",
    "rr_pre in seconds",
    "irregularity of the 21 beats around",
    "earliness in units of the irregularity",
    "likeness of the P waves of the 21 beats around",
)
"""Names of the RR inputs. A saved model is checked against these strings: do not reword them."""

CHANNELS: Final = 2
"""The beat, and its difference from the template beat."""

LARGEST: Final = 1.5
"""RR inputs are limited to plus and minus this."""


@dataclass(frozen=True)
class Inputs:
    """What the network sees of a record's beats.

    Parameters
    ----------
    segments : ndarray of float32, shape (beats, samples, 2)
        See `with_difference`.
    rr : ndarray of float32, shape (beats, 9)
        See `rr_inputs`.
    """

    segments: np.ndarray
    rr: np.ndarray


def network_inputs(beats: Beats) -> Inputs:
    """Inputs of the network for all beats of a record."""
    return Inputs(
        with_difference(beats.segments, beats.template_beat),
        rr_inputs(beats.rr_pre, beats.rr_post, beats.mean_rr, beats.p_wave_similarity),
    )


def with_difference(segments: np.ndarray, template_beat: np.ndarray) -> np.ndarray:
    """Put beside each beat how it differs from the record's template beat.

    Parameters
    ----------
    segments : ndarray, shape (..., samples)
        Standardised beats.
    template_beat : ndarray, shape (samples,) or as ``segments``
        On the same scale.

    Returns
    -------
    ndarray of float32, shape (..., samples, 2)
        The difference is doubled, so that both channels vary alike.
    """
    return np.stack([segments, 2 * (segments - template_beat)], axis=-1).astype(np.float32)


def rr_inputs(
    rr_pre: np.ndarray, rr_post: np.ndarray, mean_rr: float, p_wave_similarity: np.ndarray
) -> np.ndarray:
    """RR intervals relative to the record, to the beats around, and in seconds; and P waves.

    Parameters
    ----------
    rr_pre, rr_post : ndarray of float, shape (beats,)
        Seconds.
    mean_rr : float
        Of the record, in seconds.
    p_wave_similarity : ndarray of float, shape (beats,)
        See `arrhythmia.p_wave.p_wave_similarity`.

    Returns
    -------
    ndarray of float32, shape (beats, 9)
        In the order of `RR_INPUTS`: natural logarithms of `rr_ratios`, within `LARGEST`.
    """
    return limited_logarithms(_ratios_around(rr_pre, rr_post, mean_rr, p_wave_similarity))


def beat_ratios(beats: Beats) -> np.ndarray:
    """`rr_ratios` of all beats of a record, shape (beats, 9)."""
    return _ratios_around(beats.rr_pre, beats.rr_post, beats.mean_rr, beats.p_wave_similarity)


def _ratios_around(
    rr_pre: np.ndarray, rr_post: np.ndarray, mean_rr: float, p_wave_similarity: np.ndarray
) -> np.ndarray:
    rr_pre, rr_post = np.maximum(rr_pre, 0.01), np.maximum(rr_post, 0.01)  # marks given twice
    before = np.concatenate([rr_pre[:1], rr_pre[:-1]])
    around, irregular = median_around(rr_pre), irregularity(rr_pre)
    return rr_ratios(rr_pre, rr_post, mean_rr, around, before, irregular, p_wave_similarity)


def rr_ratios(
    rr_pre: np.ndarray,
    rr_post: np.ndarray,
    mean_rr: float,
    around: np.ndarray,
    before: np.ndarray,
    irregular: np.ndarray,
    p_wave_similarity: np.ndarray,
) -> np.ndarray:
    """What the RR inputs are the logarithms of, beat by beat.

    Five ratios of RR intervals and the interval in seconds; then the irregularity of the rhythm,
    and how early a beat is for so irregular a rhythm: a mildly early beat counts where all others
    are on time, and says little in atrial fibrillation. Last, whether the beats around have a P
    wave in common: in fibrillation they have none.

    Parameters
    ----------
    rr_pre, rr_post : ndarray of float, shape (beats,)
        RR intervals before and after the beat in seconds, above 0.
    mean_rr : float
        Of the record, in seconds.
    around : ndarray of float, shape (beats,)
        Median RR interval of the beats around, in seconds.
    before : ndarray of float, shape (beats,)
        RR interval before the beat before, in seconds.
    irregular : ndarray of float, shape (beats,)
        See `irregularity`.
    p_wave_similarity : ndarray of float, shape (beats,)
        See `arrhythmia.p_wave.p_wave_similarity`.

    Returns
    -------
    ndarray of float, shape (beats, 9)
        In the order of `RR_INPUTS`.
    """
    lateness = np.log(rr_pre / around) / (6 * irregular + 0.06)
    ratios = (
        rr_pre / mean_rr, rr_post / mean_rr, rr_pre / around, rr_post / around, rr_pre / before,
        rr_pre, 20 * irregular + 0.2, np.exp(np.clip(lateness, -9, 9)),
        p_wave_ratio(p_wave_similarity),
    )  # fmt: skip
    return np.stack(ratios, axis=1)


def p_wave_ratio(p_wave_similarity: np.ndarray) -> np.ndarray:
    """What stands for the P-wave similarity among `rr_ratios`."""
    return 3 * p_wave_similarity + 0.22


def limited_logarithms(ratios: np.ndarray) -> np.ndarray:
    """RR inputs from `rr_ratios`, of any shape, as float32."""
    logarithms = np.log(np.maximum(ratios, 1e-3))
    return np.clip(logarithms, -LARGEST, LARGEST).astype(np.float32)


def covering_runs(beats: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping runs that see every beat, each beat from the middle of a run where possible.

    Parameters
    ----------
    beats : int
        Beats of the record, at least 1.
    length : int
        Beats of a run.

    Returns
    -------
    places : ndarray of int, shape (runs, length)
        Beat at each place of each run. A record with fewer beats than a run repeats its
        last one.
    weights : ndarray of float, shape (runs, length)
        How much a beat's probabilities from this place count; for each beat they sum to 1.
    """
    last = max(beats - length, 0)
    starts = np.unique(np.append(np.arange(0, last, max(length // 2, 1)), last))
    raw = starts[:, None] + np.arange(length)
    places = np.minimum(raw, beats - 1)
    inner = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
    weights = np.where(raw < beats, inner**2, 0.0)
    total = np.bincount(places.ravel(), weights.ravel(), minlength=beats)
    return places, weights / total[places]
