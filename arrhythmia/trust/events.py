"""Events of a record: its rhythms, where its signal can be read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.blocks import LONG_S, missing_before
from arrhythmia.errors import InputError
from arrhythmia.limits import PAUSE_S, Limits
from arrhythmia.records import Lead, Record
from arrhythmia.rhythm import PACED, Event, active_before, find_events
from arrhythmia.signals import BeatSettings, filtered_and_resampled, filtered_lead
from arrhythmia.trust.quality import PACED as PACEMAKER
from arrhythmia.trust.quality import find_problems_of_record

HIDDEN_S = 0.2
"""An RR interval with more invalid samples than this may hide a beat."""


class Between(NamedTuple):
    """What the signal is like before each beat, whatever the classes of the beats are.

    Parameters
    ----------
    active : ndarray of bool, shape (beats,)
        `arrhythmia.rhythm.active_before` in every lead that can be filtered.
    missing : ndarray of bool, shape (beats,)
        `invalid_before` in every lead.
    """

    active: np.ndarray
    missing: np.ndarray


def events_of_record(
    record: Record,
    beats: Beats,
    called: np.ndarray,
    settings: BeatSettings,
    problems: np.ndarray | None = None,
    between: Between | None = None,
    limits: Limits = Limits(),  # noqa: B008, frozen
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
    between : Between, optional
        As `look_between` gives it for these limits, where it is known.
    limits : Limits
        What a reader calls a pause, and a tachycardia.

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
    between = look_between(record, beats, settings, limits) if between is None else between
    return find_events(beats, called, problems == 0, between.active, between.missing, limits)


def look_between(
    record: Record,
    beats: Beats,
    settings: BeatSettings,
    limits: Limits = Limits(),  # noqa: B008, frozen
) -> Between:
    """See what the signal is like between the beats of a record.

    Parameters
    ----------
    record : Record
        As read.
    beats : Beats
        Of this record.
    settings : BeatSettings
        How they were cut.
    limits : Limits
        What a reader calls a pause: shorter intervals are looked at where he calls them so.
    """
    active, missing, from_s = [], [], min(PAUSE_S, limits.pause_s)
    for lead in (record.lead(one.lead) for one in beats.in_leads):
        missing.append(invalid_before(lead, beats.sample))
        is_long = lead.seconds > LONG_S  # then at a lower rate, to save memory
        try:
            signal = (filtered_and_resampled if is_long else filtered_lead)(lead, settings)
        except InputError:
            continue
        fs = settings.fs if is_long else lead.fs
        active.append(active_before(signal, fs, beats.centers, from_s))
    return Between(np.all(active, axis=0), np.all(missing, axis=0))


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


def known_rr(beats: Beats, fs: float, between: Between) -> np.ndarray:
    """RR interval before each beat in seconds, from R peak to R peak, shape (beats,).

    NaN for the first beat, where signal is missing, and where the line moves on without beats that
    could be counted.

    Parameters
    ----------
    beats : Beats
    fs : float
        Of the record, in Hz.
    between : Between
        As `look_between` gives it.
    """
    rr = np.diff(beats.sample, prepend=beats.sample[:1]) / fs
    unknown = between.missing | between.active
    unknown[:1] = True
    return np.where(unknown, np.nan, rr)
