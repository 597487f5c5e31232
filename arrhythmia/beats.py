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

from arrhythmia.errors import InputError
from arrhythmia.labels import class_numbers
from arrhythmia.origin import ORIGIN, find_origin, typical_beat
from arrhythmia.r_peaks import ANNOTATED, RPeaks, locate_beats
from arrhythmia.records import Lead, Record
from arrhythmia.rr import mean_rr, median_around, rr_intervals
from arrhythmia.signals import (
    P_WAVE_S,
    BeatSettings,
    bandpass,
    center_qrs,
    check_lead,
    fill_gaps,
    resample,
    resampling_ratio,
)

SHORT = 600
"""In a record with fewer beats the template beat is judged by `arrhythmia.origin`. In longer ones
it is the typical beat: of sinus origin in every record of DS1."""

LEAST_WAVE = 0.03
"""Root mean square below which nothing is a P wave, in standard deviations of a segment."""


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
        See `p_wave_similarity`.
    notes : tuple of str
        What the user should know of how lead and R peaks were chosen.
    others : tuple of ndarray of float32, each of shape (beats, samples)
        The same beats in the record's other ECG leads; 1 is the standard deviation of the typical
        beat there.
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
    others: tuple[np.ndarray, ...] = ()
    sinus: float = float("nan")

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def beat_class(self) -> np.ndarray:
        """Place of each beat in `arrhythmia.labels.BEAT_CLASSES`; -1 where it is not known."""
        return class_numbers(self.symbol)

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
    """All beats of a record, seen in one of its leads.

    Parameters
    ----------
    record : Record
        At any sampling rate.
    settings : BeatSettings
        How beats are made.
    lead : str, optional
        Name of the lead; see `arrhythmia.records.Record.lead` for the default.
    source : str, optional
        ``"atr"`` for the R peaks of the annotation, ``"detect"`` to detect them; by default the
        annotation where there is one.

    Raises
    ------
    InputError
        If the record cannot be used.
    """
    chosen = record.lead(lead)
    r_peaks = locate_beats(record, chosen, settings, source)
    beats = cut_beats(prepare_lead(chosen, settings, r_peaks), settings)
    notes = (record.lead_notes(chosen) if lead is None else ()) + r_peaks.notes
    others = tuple(cut_other_leads(record, beats, settings))
    beats = replace(beats, notes=notes, others=others)
    return with_sinus_template(beats, settings) if len(beats) < SHORT else beats


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
    segments = np.stack([beats.segments, *beats.others], axis=1)
    found = find_origin(segments, beats.rr_pre, beats.rr_post, settings, origin)
    if found.is_typical:
        return replace(beats, sinus=found.probability)
    template = found.template_beat[0]
    scale = max(float(np.std(template)), 1e-9)
    standardised = beats.segments / scale
    return replace(
        beats,
        segments=standardised.astype(np.float32),
        template_beat=(template / scale).astype(np.float32),
        p_wave_similarity=p_wave_similarity(standardised, settings),
        sinus=found.probability,
    )


def cut_other_leads(record: Record, beats: Beats, settings: BeatSettings) -> Iterator[np.ndarray]:
    """The same beats in the record's other ECG leads, shape (beats, samples) each.

    A lead that is flat or mostly invalid is left out.
    """
    for name in record.ecg_leads:
        if name == beats.lead:
            continue
        try:
            signal = filtered_and_resampled(record.lead(name), settings)
        except InputError:
            continue
        segments = cut_segments(signal, beats.centers * settings.fs, settings)
        scale = max(float(np.median(np.std(segments, axis=1))), 1e-9)
        yield (segments / scale).astype(np.float32)


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


def filtered_and_resampled(lead: Lead, settings: BeatSettings) -> np.ndarray:
    """Signal of a lead at ``settings.fs``, band-passed, shape (samples,)."""
    check_lead(lead, settings)
    signal = resample(fill_gaps(lead), resampling_ratio(lead.fs, settings))
    return bandpass(signal, settings.fs, settings.band, settings.order)


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
    template = typical_beat(segments[:, None])[0]
    scale = max(float(np.std(template)), 1e-9)
    segments = segments / scale
    return Beats(
        record=prepared.record,
        lead=prepared.lead,
        fs=settings.fs,
        sample=prepared.r_peaks.sample,
        symbol=prepared.r_peaks.symbol,
        source=prepared.r_peaks.source,
        centers=centers / settings.fs,
        segments=segments.astype(np.float32),
        template_beat=(template / scale).astype(np.float32),
        mean_rr=mean_rr(rr_pre),
        rr_pre=rr_pre,
        rr_post=rr_post,
        p_wave_similarity=p_wave_similarity(segments, settings),
    )


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
    places = centers[:, None] - settings.left + np.arange(settings.length)
    return map_coordinates(signal, places[None], order=3, mode="nearest")


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
    start, stop = (max(settings.left - round(s * settings.fs), 0) for s in P_WAVE_S)
    wave = segments[:, start : max(stop, 1)].astype(float)
    wave -= np.linspace(wave[:, 0], wave[:, -1], wave.shape[1], axis=1)
    energy = median_around(np.mean(wave**2, axis=1)) + LEAST_WAVE**2
    return np.clip(np.mean(median_around(wave) ** 2, axis=1) / energy, 0, 1)
