"""Whether a lead was recorded upside down.

In the usual leads the P wave, the QRS and the T wave of a sinus beat seldom all point down. The
rule was measured on DS1, svdb 800 to 855 and qtdb by turning every lead (``python -m studies
polarity``; docs/detection.md gives the figures). It is made to be seldom wrong: what it says is a
note, and nothing is turned without being asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from arrhythmia.p_wave import p_wave_segments
from arrhythmia.signals import BeatSettings

MAY_POINT_DOWN: Final = re.compile(r".*\b(mod\.? ?)?(V1|V[34]R|aVR|avr)", re.IGNORECASE)
"""Leads in which all waves may point down in health: they are not judged."""
LEAST_SIMILARITY: Final = 0.5
"""Of the P waves of a record, its median: without P waves nothing is said."""
QRS_S: Final = 0.06
"""Seconds to each side of the centre of the QRS …"""
T_WAVE_S: Final = 0.15
"""… and from where on after it the T wave is looked for."""
LEVEL_S: Final = (0.09, 0.06)
"""Seconds before the centre at which the line is level; the start of the segment is too."""


def looks_inverted(
    lead: str, template_beat: np.ndarray, p_wave_similarity: np.ndarray, settings: BeatSettings
) -> bool:
    """Whether P wave, QRS and T wave of a record's typical beat all point down.

    Parameters
    ----------
    lead : str
        Its name.
    template_beat : ndarray of float, shape (samples,)
        In any units.
    p_wave_similarity : ndarray of float, shape (beats,)
        See `arrhythmia.p_wave.p_wave_similarity`.
    settings : BeatSettings
        How the beats were cut.
    """
    if MAY_POINT_DOWN.fullmatch(lead) or np.median(p_wave_similarity) < LEAST_SIMILARITY:
        return False
    return bool(np.all(wave_directions(template_beat, settings) < 0))


def wave_directions(template_beat: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """Which way P wave, QRS and T wave point, and how far, relative to the height of the QRS.

    Parameters
    ----------
    template_beat : ndarray of float, shape (samples,)
    settings : BeatSettings

    Returns
    -------
    ndarray of float, shape (3,)
        Above 0: up. Of a QRS with peaks on both sides, the sum of both.
    """
    beat, fs = np.asarray(template_beat, dtype=float), settings.fs
    before, after = (settings.left - round(s * fs) for s in LEVEL_S)
    start = beat[round(0.05 * fs) : round(0.10 * fs)]
    beat = beat - np.median(np.concatenate([beat[before:after], start]))
    qrs = beat[settings.left - round(QRS_S * fs) : settings.left + round(QRS_S * fs) + 1]
    parts = p_wave_segments(beat, settings), beat[settings.left + round(T_WAVE_S * fs) :]
    p_wave, t_wave = (part[np.abs(part).argmax()] for part in parts)
    return np.array([p_wave, qrs.max() + qrs.min(), t_wave]) / max(float(np.ptp(qrs)), 1e-9)


def polarity_notes(down: Sequence[str], turned: Sequence[str]) -> tuple[str, ...]:
    """What to tell of leads that look upside down.

    Parameters
    ----------
    down : sequence of str
        Their names.
    turned : sequence of str
        Leads that were turned because the user asked for it.
    """
    notes = []
    for names, way in (
        ([n for n in down if n not in turned], "if its electrodes were swapped, add"),
        ([n for n in down if n in turned], "it was turned: leave out"),
    ):
        if names:
            notes.append(
                f"lead {' and '.join(names)} may be upside down: P wave, QRS and T wave all point "
                f"down ({way} --invert {' --invert '.join(names)})"
            )
    return tuple(notes)
