"""What the beats of a record have in common before their QRS: the P wave."""

from __future__ import annotations

import numpy as np

from arrhythmia.rr import median_around
from arrhythmia.signals import P_WAVE_S, BeatSettings

LEAST_WAVE = 0.03
"""Root mean square below which nothing is a P wave, in standard deviations of a segment."""


def p_wave_similarity(segments: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """How much of what precedes the QRS the beats around have in common: their P wave.

    In atrial fibrillation no P wave goes before a QRS; what is there instead differs from
    beat to beat, and its median over 21 beats is next to nothing. Of sinus rhythm the median is
    the P wave itself. It depends on neither lead nor amplitude.

    Parameters
    ----------
    segments : ndarray, shape (beats, samples)
        Standardised, so that `LEAST_WAVE` has a meaning.
    settings : BeatSettings
        How they were cut.

    Returns
    -------
    ndarray of float, shape (beats,)
        Energy of the median of the 21 beats around between 0.26 and 0.07 s before the QRS,
        relative to the median of their energies and that of `LEAST_WAVE`: in DS1 about .1 in
        fibrillation, .9 in sinus rhythm. What lies on the line between the ends of this
        stretch does not count.
    """
    wave = p_wave_segments(segments, settings)
    energy = median_around(np.mean(wave**2, axis=1)) + LEAST_WAVE**2
    return np.clip(np.mean(median_around(wave) ** 2, axis=1) / energy, 0, 1)


def p_wave_segments(segments: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """The stretch before the QRS, less the line between its ends, shape (..., samples)."""
    start, stop = (max(settings.left - round(s * settings.fs), 0) for s in P_WAVE_S)
    wave = segments[..., start : max(stop, 1)].astype(float)
    return wave - np.linspace(wave[..., 0], wave[..., -1], wave.shape[-1], axis=-1)


def p_wave_clarity(segments: np.ndarray, settings: BeatSettings) -> float:
    """Amplitude of the P wave that a record's beats have in common, relative to what varies.

    Parameters
    ----------
    segments : ndarray, shape (beats, samples)
        In one lead, in any units.
    settings : BeatSettings
        How they were cut.
    """
    waves = p_wave_segments(segments, settings)
    common = np.median(waves, axis=0)
    rest = np.median(np.sqrt(np.mean((waves - common) ** 2, axis=1)))
    return float(np.sqrt(np.mean(common**2)) / max(rest, 1e-9))
