"""Events of a record: its rhythms, where its signal can be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.blocks import LONG_S, missing_before
from arrhythmia.errors import InputError
from arrhythmia.records import Lead, Record
from arrhythmia.rhythm import PACED, Event, active_before, find_events
from arrhythmia.signals import BeatSettings, filtered_and_resampled, filtered_lead
from arrhythmia.trust.quality import PACED as PACEMAKER
from arrhythmia.trust.quality import find_problems_of_record

HIDDEN_S = 0.2
"""An RR interval with more invalid samples than this may hide a beat."""


def events_of_record(
    record: Record,
    beats: Beats,
    called: np.ndarray,
    settings: BeatSettings,
    problems: np.ndarray | None = None,
) -> list[Event]:
    """Stretches of rhythms of a record, of noise and of pauses, in order of time.

    Parameters
    ----------
    record : Record
        As read.
    beats : Beats
        Of this record.
    called : ndarray of int, shape (beats,)
        Class of each beat, as its place in `arrhythmia.labels.BEAT_CLASSES`.
    settings : BeatSettings
        How they were cut.
    problems : ndarray of int, shape (beats,), optional
        As `arrhythmia.trust.quality.find_problems_of_record` gives them, where they are known.

    Returns
    -------
    list of Event
        Of a paced record one event, from its first beat to its last.
    """
    if problems is None:
        problems = find_problems_of_record(record, beats, settings)
    if (problems == PACEMAKER).any():
        first, last = (float(beats.centers[place]) for place in (0, -1))
        rate = 60 * (len(beats) - 1) / max(last - first, 1e-9)
        return [Event(PACED, 0, len(beats) - 1, first, last, rate)]
    leads = [record.lead(lead.lead) for lead in beats.in_leads]
    active = _active_in_all(leads, beats, settings)
    missing = np.all([invalid_before(lead, beats.sample) for lead in leads], axis=0)
    return find_events(beats, called, problems == 0, active, missing)


def _active_in_all(leads: Sequence[Lead], beats: Beats, settings: BeatSettings) -> np.ndarray:
    """`active_before` in every lead that can be filtered."""
    active = []
    for lead in leads:
        is_long = lead.seconds > LONG_S  # then at a lower rate, to save memory
        try:
            signal = (filtered_and_resampled if is_long else filtered_lead)(lead, settings)
        except InputError:
            continue
        fs = settings.fs if is_long else lead.fs
        active.append(active_before(signal, fs, beats.centers))
    return np.all(active, axis=0)


def invalid_before(lead: Lead, sample: np.ndarray) -> np.ndarray:
    """Before which beats more than `HIDDEN_S` of the signal is invalid, shape (beats,).

    Parameters
    ----------
    lead : Lead
    sample : ndarray of int, shape (beats,)
        R peaks.
    """
    if np.isfinite(lead.signal).all():
        return np.zeros(len(sample), dtype=bool)
    invalid = missing_before(lead.signal)
    between = np.diff(invalid[sample], prepend=invalid[sample[:1]])
    return between > HIDDEN_S * lead.fs
