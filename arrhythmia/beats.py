"""From a lead to its beats: centre on the QRS, cut, compare with the template beat, measure RR.

The one copy of preprocessing. Training, evaluation, `predict.py` and the notebook all call
`find_beats`, or `prepare_lead` and `cut_beats`, with the `BeatSettings` that are saved beside the
model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates

from arrhythmia.blocks import blocks_of, members
from arrhythmia.errors import InputError
from arrhythmia.labels import class_numbers
from arrhythmia.origin import ORIGIN, find_origin, typical_beat
from arrhythmia.p_wave import p_wave_similarity
from arrhythmia.polarity import looks_inverted, polarity_notes
from arrhythmia.r_peaks import ANNOTATED, RPeaks, locate_beats
from arrhythmia.records import Lead, Record, is_no_ecg
from arrhythmia.rr import mean_rr, rr_intervals
from arrhythmia.signals import (
    BeatSettings,
    center_qrs,
    filtered_and_resampled,
    resampling_ratio,
)

SHORT = 600
"""In a record with fewer beats the template beat is judged by `arrhythmia.origin`. In longer ones
it is the typical beat: of sinus origin in every record of DS1."""


@dataclass(frozen=True)
class Prepared:
    """A lead filtered and resampled, with the R peaks of its beats.

    Parameters
    ----------
    record : str
        Name of the record.
    lead : str
        Name of the lead.
    signal : ndarray, shape (samples,)
        In the lead's units, at ``fs``.
    fs : float
        Hz.
    marks : ndarray of float, shape (beats,)
        R peaks in samples of ``signal``, increasing.
    r_peaks : RPeaks
        The same in samples of the record, with their symbols.
    """

    record: str
    lead: str
    signal: np.ndarray
    fs: float
    marks: np.ndarray
    r_peaks: RPeaks

    @property
    def beat_class(self) -> np.ndarray:
        """Place of each beat in `arrhythmia.labels.BEAT_CLASSES`; -1 where it is not known."""
        return class_numbers(self.r_peaks.symbol)


@dataclass(frozen=True)
class Beats:
    """The beats of one lead of a record, in order of time.

    Parameters
    ----------
    record, lead : str
        Names.
    fs : float
        Sampling rate of the segments in Hz.
    sample : ndarray of int, shape (beats,)
        R peaks, in samples of the record.
    symbol : ndarray of str, shape (beats,)
        Annotation symbols; empty strings where nobody named the beats.
    source : str
        Where the R peaks come from, see `arrhythmia.r_peaks`.
    centers : ndarray of float, shape (beats,)
        Centre of each QRS in seconds from the start of the record.
    segments : ndarray of float32, shape (beats, samples)
        Signal around each centre; 1 is the standard deviation of the template beat.
    template_beat : ndarray of float32, shape (samples,)
        The record's own typical beat, on the same scale.
    mean_rr : float
        Mean RR interval of the record in seconds.
    rr_pre, rr_post : ndarray of float, shape (beats,)
        RR interval before and after each beat in seconds.
    p_wave_similarity : ndarray of float, shape (beats,)
        See `arrhythmia.p_wave.p_wave_similarity`.
    notes : tuple of str
        What the user should know of how lead and R peaks were chosen.
    others : tuple of Beats
        The same beats, with the same centres, in the record's other ECG leads.
    sinus : float
        Probability that the template beat is of sinus origin; NaN where it is not judged, in
        records of `SHORT` beats or more.
    """

    record: str
    lead: str
    fs: float
    sample: np.ndarray
    symbol: np.ndarray
    source: str
    centers: np.ndarray
    segments: np.ndarray
    template_beat: np.ndarray
    mean_rr: float
    rr_pre: np.ndarray
    rr_post: np.ndarray
    p_wave_similarity: np.ndarray
    notes: tuple[str, ...] = ()
    others: tuple[Beats, ...] = ()
    sinus: float = float("nan")

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def beat_class(self) -> np.ndarray:
        """Place of each beat in `arrhythmia.labels.BEAT_CLASSES`; -1 where it is not known."""
        return class_numbers(self.symbol)

    @property
    def in_leads(self) -> tuple[Beats, ...]:
        """The beats in every lead that is read, this one first."""
        return (self, *self.others)

    @property
    def annotated(self) -> bool:
        """Whether the symbols are those of a reference annotation."""
        return self.source == ANNOTATED


def find_beats(
    record: Record,
    settings: BeatSettings,
    lead: str | None = None,
    source: str | None = None,
) -> Beats:
    """All beats of a record, in all its ECG leads.

    Parameters
    ----------
    record : Record
        At any sampling rate.
    settings : BeatSettings
        How beats are made.
    lead : str, optional
        Name of a lead, which is then the only one that is read; by default all are, first the one
        that `arrhythmia.records.Record.lead` gives.
    source : str, optional
        ``"atr"`` for the R peaks of the annotation, ``"detect"`` to detect them; by default the
        annotation where there is one.

    Raises
    ------
    InputError
        If the record cannot be used.
    """
    beats = cut_record(record, settings, lead, source)
    beats = with_sinus_template(beats, settings) if len(beats) < SHORT else beats
    down = [
        one.lead
        for one in beats.in_leads
        if looks_inverted(one.lead, one.template_beat, one.p_wave_similarity, settings)
    ]
    return replace(beats, notes=beats.notes + polarity_notes(down, record.turned))


def cut_record(
    record: Record,
    settings: BeatSettings,
    lead: str | None = None,
    source: str | None = None,
) -> Beats:
    """`find_beats`, with the typical beat as the template beat however short the record is."""
    chosen = record.lead(lead)
    if is_no_ecg(chosen.name):
        ecg = ", ".join(record.ecg_leads[:16]) or "none"
        raise InputError(f"'{chosen.name}' is no ECG lead of '{record.name}': those are {ecg}")
    read = [chosen] if lead else [record.lead(name) for name in record.ecg_leads]
    r_peaks = locate_beats(record, read, settings, source)
    beats = cut_beats(prepare_lead(chosen, settings, r_peaks), settings)
    notes = (record.lead_notes(chosen) if lead is None else ()) + r_peaks.notes
    others = tuple(cut_other_leads(record, beats, settings)) if lead is None else ()
    return replace(beats, notes=notes, others=others)


def with_sinus_template(
    beats: Beats, settings: BeatSettings, origin: tuple[float, ...] = ORIGIN
) -> Beats:
    """Beats of a short record compared with the one that is most likely of sinus origin.

    In a short record ectopic beats may be the most frequent, and so the typical beat.

    Parameters
    ----------
    beats : Beats
    settings : BeatSettings
        How they were cut.
    origin : tuple of float
        See `arrhythmia.origin.find_origin`.
    """
    segments = np.stack([lead.segments for lead in beats.in_leads], axis=1)
    found = find_origin(segments, beats.rr_pre, beats.rr_post, settings, origin)
    if not found.is_typical:
        pairs = zip(beats.in_leads, found.template_beat, strict=True)
        first, *others = (compared_with(lead, template, settings) for lead, template in pairs)
        beats = replace(first, others=tuple(others))
    return replace(beats, sinus=found.probability)


def cut_other_leads(record: Record, beats: Beats, settings: BeatSettings) -> Iterator[Beats]:
    """The same beats in the record's other ECG leads; flat and invalid ones are left out."""
    for name in record.ecg_leads:
        if name == beats.lead:
            continue
        try:
            signal = filtered_and_resampled(record.lead(name), settings)
        except InputError:
            continue
        segments = cut_segments(signal, beats.centers * settings.fs, settings)
        seen = replace(beats, lead=name, segments=segments)
        yield compared_with(seen, typical_beat(segments[:, None])[0], settings)


def compared_with(beats: Beats, template_beat: np.ndarray, settings: BeatSettings) -> Beats:
    """Beats in one lead, compared with another template beat, whose standard deviation is 1.

    Parameters
    ----------
    beats : Beats
    template_beat : ndarray of float, shape (samples,)
        In the units of their segments.
    settings : BeatSettings
        How they were cut.
    """
    scale = max(float(np.std(template_beat)), 1e-9)
    segments = beats.segments / scale
    return replace(
        beats,
        segments=segments.astype(np.float32, copy=False),
        template_beat=(template_beat / scale).astype(np.float32),
        p_wave_similarity=p_wave_similarity(segments, settings),
    )


def prepare_lead(lead: Lead, settings: BeatSettings, r_peaks: RPeaks) -> Prepared:
    """Resample and band-pass filter a lead.

    Parameters
    ----------
    lead : Lead
        At any sampling rate.
    settings : BeatSettings
        Rate and band.
    r_peaks : RPeaks
        Of the record.

    Raises
    ------
    InputError
        If the signal is flat, invalid, or shorter than one segment.
    """
    return Prepared(
        lead.record,
        lead.name,
        filtered_and_resampled(lead, settings),
        settings.fs,
        np.asarray(r_peaks.sample, dtype=float) * float(resampling_ratio(lead.fs, settings)),
        r_peaks,
    )


def cut_beats(prepared: Prepared, settings: BeatSettings) -> Beats:
    """Cut a standardised segment around every beat, and measure RR intervals.

    Every mark gives one beat, the first and the last too: segments that reach over the edge
    of the recording repeat its last sample, and the first beat takes its following RR interval
    also as the preceding one (the last beat the other way round).

    Parameters
    ----------
    prepared : Prepared
        At ``settings.fs``.
    settings : BeatSettings
        Segment and search.
    """
    centers = center_qrs(prepared.signal, settings.fs, prepared.marks, settings.search)
    segments = cut_segments(prepared.signal, centers, settings)
    rr_pre, rr_post = rr_intervals(centers, settings.fs, len(prepared.signal))
    beats = Beats(
        record=prepared.record,
        lead=prepared.lead,
        fs=settings.fs,
        sample=prepared.r_peaks.sample,
        symbol=prepared.r_peaks.symbol,
        source=prepared.r_peaks.source,
        centers=centers / settings.fs,
        segments=segments,
        template_beat=segments[0],
        mean_rr=mean_rr(rr_pre),
        rr_pre=rr_pre,
        rr_post=rr_post,
        p_wave_similarity=np.ones(len(centers)),
    )
    return compared_with(beats, typical_beat(segments[:, None])[0], settings)


def cut_segments(signal: np.ndarray, centers: np.ndarray, settings: BeatSettings) -> np.ndarray:
    """Cut a segment around each centre, between samples where the centre is.

    Moved to whole samples, steep QRS complexes would differ from the template beat by more than
    ectopic beats do.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        At ``settings.fs``.
    centers : ndarray of float, shape (beats,)
        In samples of ``signal``.
    settings : BeatSettings

    Returns
    -------
    ndarray, shape (beats, settings.length)
    """
    segments = []
    for block in blocks_of(len(signal), settings.fs):
        inside = members(centers, block.first, block.last, len(signal))
        places = centers[inside, None] - (settings.left + block.start) + np.arange(settings.length)
        part = np.asarray(signal[block.start : block.stop], dtype=float)
        segments.append(map_coordinates(part, places[None], order=3, mode="nearest"))
        segments[-1] = segments[-1].astype(signal.dtype)
    return segments[0] if len(segments) == 1 else np.concatenate(segments)
