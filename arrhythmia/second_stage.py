"""The second stage: what the dominant rhythm and the record's own shapes say of its beats.

The network sees fifteen neighbours, and RR intervals relative to the 21 beats around; where early
beats are many, these are no measure of what is normal. Two things are added once the leads and the
templates have spoken:

- The odds that a beat is S and not N grow with how early it comes relative to the dominant rhythm,
  in which early beats do not count however many they are (`arrhythmia.rr.dominant_rr`). By how much
  is one weight, learnt on DS1 (`arrhythmia.train.second_stage`). In fibrillation no beat is early.
- A template that is a blend of the record's normal and ventricular beats is fusion, see
  `arrhythmia.fusion`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.fusion import fusion_beats
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.rhythm import in_fibrillation
from arrhythmia.rr import AROUND, dominant_rr
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import Templates

LARGEST: Final = 0.3
"""A beat that is earlier than this, by the logarithm of its interval, is not more likely S."""
STEP: Final = 0.1
"""Earliness is told in this unit."""

N, S, F = (BEAT_CLASSES.index(c) for c in "NSF")


@dataclass(frozen=True)
class SecondStage:
    """How much the second stage counts.

    Parameters
    ----------
    early : float
        Log-odds of S against N for each tenth by which a beat is early.
    fusion : float
        Least probability of F in a template that is a blend.
    """

    early: float
    fusion: float = 0.7


def due(beats: Beats, called: np.ndarray) -> np.ndarray:
    """RR interval before each beat relative to that of the dominant rhythm.

    Parameters
    ----------
    beats : Beats
        All beats of a record.
    called : ndarray of int, shape (beats,)
        Class of each, as its place in `arrhythmia.labels.BEAT_CLASSES`.

    Returns
    -------
    ndarray of float, shape (beats,)
        As a logarithm: 0 on time, negative if early. NaN in fibrillation. Where there are too few
        normal beats, the median of all intervals is taken.
    """
    relative = against_dominant(beats.rr_pre, called == N)
    return np.where(in_fibrillation(beats, called), np.nan, relative)


def against_dominant(rr_pre: np.ndarray, normal: np.ndarray, around: int = AROUND) -> np.ndarray:
    """RR interval before each beat relative to that of the dominant rhythm, as a logarithm.

    Parameters
    ----------
    rr_pre : ndarray of float, shape (beats,)
        Seconds.
    normal : ndarray of bool, shape (beats,)
        Which beats are called N.
    around : int
        See `arrhythmia.rr.dominant_rr`.
    """
    rr = np.clip(rr_pre, 0.2, 3.0)
    dominant, _ = dominant_rr(rr, normal, around)
    return np.log(rr / np.where(np.isfinite(dominant), dominant, np.median(rr)))


def earliness(relative: np.ndarray) -> np.ndarray:
    """How early beats are, in tenths, from 0 to 3; 0 in fibrillation.

    Parameters
    ----------
    relative : ndarray of float, shape (beats,)
        As `due` gives it.
    """
    return np.clip(-np.nan_to_num(relative), 0, LARGEST) / STEP


def with_second_stage(
    probabilities: np.ndarray, templates: Templates, stage: SecondStage, settings: BeatSettings
) -> np.ndarray:
    """What leads and templates say of the beats of a record, and the second stage.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
        As `arrhythmia.templates.with_templates` gives them.
    templates : Templates
        Of the same beats.
    stage : SecondStage
    settings : BeatSettings
        How the beats were cut.

    Returns
    -------
    ndarray of float, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; rows sum to 1.
    """
    called = probabilities.argmax(axis=1)
    relative = due(templates.beats, called)
    blended = fusion_beats(templates, called, relative, settings)
    return with_fusion(with_earliness(probabilities, relative, stage), blended, stage)


def with_earliness(
    probabilities: np.ndarray, relative: np.ndarray, stage: SecondStage
) -> np.ndarray:
    """Probabilities in which beats that are early are more likely S.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
    relative : ndarray of float, shape (beats,)
        As `due` gives it.
    stage : SecondStage
    """
    given = probabilities.copy()
    narrow = given[:, N] + given[:, S]
    early = given[:, S] * np.exp(stage.early * earliness(relative))
    given[:, S] = narrow * early / np.maximum(given[:, N] + early, 1e-12)
    given[:, N] = narrow - given[:, S]
    return given


def with_fusion(probabilities: np.ndarray, blended: np.ndarray, stage: SecondStage) -> np.ndarray:
    """Probabilities in which beats of a template that is a blend are likely F.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
    blended : ndarray of bool, shape (beats,)
        As `arrhythmia.fusion.fusion_beats` gives it.
    stage : SecondStage
    """
    given = probabilities.copy()
    raised = blended & (given[:, F] < stage.fusion)
    others = np.delete(np.arange(len(BEAT_CLASSES)), F)
    rest = 1 - given[raised, F]
    given[np.ix_(raised, others)] *= ((1 - stage.fusion) / np.maximum(rest, 1e-12))[:, None]
    given[raised, F] = stage.fusion
    return given
