"""What the leads of a record say of its beats, put together.

The network reads one lead at a time; three questions are asked, each of the leads that can answer:

- Is a beat ventricular? The shape of a QRS shows that in every lead. Their log-odds are averaged;
  a lead counts as far as its QRS complexes repeat themselves there, an electrode that is off or in
  noise next to nothing. In a short record, where the template beat is less sure, the first lead is
  asked alone.
- Is a supraventricular beat early by an atrial focus? That is asked of the first lead, or of one
  in which P waves are clearer by `CLEARER`.
- Is it a fusion beat, or an escape beat? That is asked of the first lead: V1 and V5 hardly show it.

What is asked of whom, and `CLEARER`, were chosen on DS1 by record-wise cross-validation and on svdb
(``python -m studies leads``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from arrhythmia.beats import SHORT, Beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.p_wave import p_wave_clarity
from arrhythmia.rr import median_around
from arrhythmia.signals import BeatSettings

CLEARER = 1.65
"""P waves of another lead must be so many times as clear as those of the first."""
MUCH_BETTER = 2.0
"""Where another lead repeats itself so many times as well as the one that is asked, it is asked."""
QRS_S = 0.1
"""Seconds to each side of the centre of a QRS that are compared with the beats around."""
NOISE = 0.1
"""QRS complexes of less than this, in standard deviations of the template beat, repeat nothing."""
LEAST = 1e-4
"""Probabilities below this count as this when their log-odds are averaged."""

N, S, V, E, F = (BEAT_CLASSES.index(c) for c in "NSVEF")


@dataclass(frozen=True)
class LeadShares:
    """How much each lead of a record is worth for each of its beats.

    Parameters
    ----------
    names : tuple of str
        Of the leads.
    qrs : ndarray of float, shape (leads, beats)
        How much its QRS counts; for each beat they sum to 1.
    p_wave, fusion : ndarray of int, shape (beats,)
        Which lead is asked for P waves, and which for fusion and escape.
    """

    names: tuple[str, ...]
    qrs: np.ndarray
    p_wave: np.ndarray
    fusion: np.ndarray


def lead_shares(beats: Beats, settings: BeatSettings) -> LeadShares:
    """Measure how much each lead is worth, without labels.

    Parameters
    ----------
    beats : Beats
        Of a record, with its other leads.
    settings : BeatSettings
        How they were cut.
    """
    leads = beats.in_leads
    repeats = np.stack([repeatability(lead, settings) for lead in leads])
    clear = np.array([p_wave_clarity(lead.segments, settings) for lead in leads])
    clearest = int(clear.argmax()) if clear.max() > CLEARER * clear[0] else 0

    def asked(lead: int) -> np.ndarray:
        return np.where(MUCH_BETTER * repeats[lead] >= repeats.max(axis=0), lead, repeats.argmax(0))

    counted = repeats + 1e-6  # where no lead repeats itself, all count alike
    if len(beats) < SHORT:
        counted = (np.arange(len(leads))[:, None] == asked(0)).astype(float)
    return LeadShares(
        tuple(lead.lead for lead in leads),
        counted / counted.sum(axis=0),
        asked(clearest),
        asked(0),
    )


def repeatability(beats: Beats, settings: BeatSettings) -> np.ndarray:
    """How much of its QRS a beat has in common with those around, shape (beats,).

    Energy of the median of the 21 beats around, relative to the median of their energies: nearly 1
    in a clean lead, next to nothing in noise and on a flat line.

    Parameters
    ----------
    beats : Beats
        In one lead.
    settings : BeatSettings
        How they were cut.
    """
    around = round(QRS_S * settings.fs)
    middle = beats.segments[:, settings.left - around : settings.left + around + 1].astype(float)
    middle -= middle.mean(axis=1, keepdims=True)
    energy = median_around(np.mean(middle**2, axis=1)) + NOISE**2
    return np.clip(np.mean(median_around(middle) ** 2, axis=1) / energy, 0, 1)


def join_leads(by_lead: np.ndarray, shares: LeadShares) -> np.ndarray:
    """What all leads say of each beat.

    Parameters
    ----------
    by_lead : ndarray of float, shape (leads, beats, 5)
        Probabilities that the network gives in each lead.
    shares : LeadShares
        Of the same beats.

    Returns
    -------
    ndarray of float, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; rows sum to 1.
    """
    if len(by_lead) == 1:
        return by_lead[0]
    beats = np.arange(by_lead.shape[1])
    by_p_wave, by_fusion = by_lead[shares.p_wave, beats], by_lead[shares.fusion, beats]
    wide = log_odds(by_lead, (V, E), (N, S))
    ventricular = expit(np.sum(shares.qrs * wide, axis=0))
    early = expit(log_odds(by_p_wave, (S,), (N,)))
    escape = expit(log_odds(by_fusion, (E,), (V,)))
    fusion = expit(log_odds(by_fusion, (F,), (N, S, V, E)))
    joined = np.zeros_like(by_lead[0])
    joined[:, N] = (1 - ventricular) * (1 - early)
    joined[:, S] = (1 - ventricular) * early
    joined[:, V] = ventricular * (1 - escape)
    joined[:, E] = ventricular * escape
    joined *= (1 - fusion)[:, None]
    joined[:, F] = fusion
    return joined


def log_odds(
    probabilities: np.ndarray, classes: tuple[int, ...], against: tuple[int, ...]
) -> np.ndarray:
    """Log-odds of some classes against others, of an array whose last axis is the classes."""
    parts = (probabilities[..., list(which)].sum(axis=-1) for which in (classes, against))
    first, second = (np.log(np.maximum(part, LEAST)) for part in parts)
    return first - second
