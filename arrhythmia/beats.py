"""From a recording to its beats: filter, resample, centre on the QRS, cut, measure RR.

The one copy of preprocessing. Training, evaluation, `predict.py` and the notebook all call
`prepare_signal` and `cut_beats`, with the `BeatSettings` that are saved beside the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates
from scipy.signal import butter, resample_poly, sosfiltfilt

from arrhythmia.errors import InputError
from arrhythmia.labels import class_numbers, is_beat
from arrhythmia.records import Record

RENEWED = 20
"""Beats after which a usual beat of the past is renewed, and the fewest it is made from."""

AROUND = 10
"""Beats to each side of a beat that are its surroundings."""

P_WAVE_S = (0.26, 0.07)
"""Seconds before the centre of the QRS at which the P wave may begin, and where it has ended."""

LEAST_WAVE = 0.03
"""Root mean square below which nothing is a P wave, in standard deviations of a segment."""

DETECTABLE_S = 2.0
"""In less, ``sleepecg`` fails, or finds other beats each time."""


@dataclass(frozen=True)
class BeatSettings:
    """How beats are made from a signal.

    Parameters
    ----------
    fs : float
        Sampling rate of the segments in Hz; every recording is resampled to it. 100 Hz keeps
        all that a 40 Hz filter lets through.
    band : tuple of float
        Pass band in Hz: baseline wander below, mains and muscle noise above.
    order : int
        Order of the Butterworth filter, which is run forwards and backwards.
    before, after : float
        Segment before and after the centre of the QRS, in seconds: from before the P wave to
        the end of the T wave.
    search : float
        The QRS is looked for this many seconds to each side of a mark.
    past_minutes : float, optional
        Take the usual beat, the amplitude and the mean RR interval from this many minutes
        before each beat, as a monitor could; by default from the whole record.
    """

    fs: float = 100.0
    band: tuple[float, float] = (0.5, 40.0)
    order: int = 3
    before: float = 0.40
    after: float = 0.50
    search: float = 0.10
    past_minutes: float | None = None

    @property
    def length(self) -> int:
        """Samples of a segment."""
        return self.left + round(self.after * self.fs)

    @property
    def left(self) -> int:
        """Samples of a segment before the centre of the QRS."""
        return round(self.before * self.fs)


@dataclass(frozen=True)
class Prepared:
    """A signal filtered and resampled, with the marks of its beats.

    Parameters
    ----------
    record : str
        Name of the record.
    signal : ndarray, shape (samples,)
        In the record's units, at ``fs``.
    fs : float
        Hz.
    marks : ndarray of float, shape (beats,)
        Where somebody marked beats, in samples of ``signal``.
    beat_class : ndarray of int, shape (beats,)
        Place in `arrhythmia.labels.BEAT_CLASSES`; -1 where it is not known.
    """

    record: str
    signal: np.ndarray
    fs: float
    marks: np.ndarray
    beat_class: np.ndarray


@dataclass(frozen=True)
class Beats:
    """The beats of one record, in order of time.

    Parameters
    ----------
    record : str
        Name of the record.
    fs : float
        Sampling rate of the segments in Hz.
    centers : ndarray of float, shape (beats,)
        Centre of each QRS in seconds from the start of the record.
    segments : ndarray of float32, shape (beats, samples)
        Signal around each centre; 1 is the record's usual standard deviation of a segment.
    usual_beat : ndarray of float32, shape (samples,) or (beats, samples)
        The record's own usual beat, on the same scale; a row for each beat where
        ``BeatSettings.past_minutes`` is given.
    mean_rr : float or ndarray of float, shape (beats,)
        Mean RR interval of the record, or of the minutes before each beat, in seconds.
    rr_pre, rr_post : ndarray of float, shape (beats,)
        RR interval before and after each beat in seconds.
    p_likeness : ndarray of float, shape (beats,)
        See `p_likeness`.
    beat_class : ndarray of int, shape (beats,)
        Place in `arrhythmia.labels.BEAT_CLASSES`; -1 where it is not known.
    """

    record: str
    fs: float
    centers: np.ndarray
    segments: np.ndarray
    usual_beat: np.ndarray
    mean_rr: float | np.ndarray
    rr_pre: np.ndarray
    rr_post: np.ndarray
    p_likeness: np.ndarray
    beat_class: np.ndarray

    def __len__(self) -> int:
        return len(self.centers)


def reference_beats(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Samples and symbols of the annotated heartbeats; rhythm and noise marks are left out.

    Parameters
    ----------
    record : Record
        With its annotation.

    Returns
    -------
    sample : ndarray of int, shape (beats,)
    symbol : ndarray of str, shape (beats,)

    Raises
    ------
    InputError
        If the record has no reference annotation, or one without heartbeats.
    """
    if record.annotation is None:
        raise InputError(
            f"record '{record.name}' has no reference annotation ('{record.name}.atr'): "
            "add the file, or detect the R peaks ('annotate --r-peaks detect')"
        )
    beat = np.array([is_beat(s) for s in record.annotation.symbol], dtype=bool)
    sample, symbol = record.annotation.sample[beat], record.annotation.symbol[beat]
    inside = (sample >= 0) & (sample < len(record.signal))
    if not inside.any():
        raise InputError(f"the annotation of record '{record.name}' marks no heartbeat in it")
    return sample[inside], symbol[inside]


def check_record(record: Record, settings: BeatSettings) -> None:
    """Raise an error if a record is too short or sampled too slowly.

    Raises
    ------
    InputError
        If it lasts less than one segment, or its rate does not hold the pass band.
    """
    if record.seconds < settings.before + settings.after:
        raise InputError(
            f"record '{record.name}' lasts {record.seconds:.2f} s, less than one segment "
            f"({settings.before + settings.after:.2f} s): give a longer recording"
        )
    if record.fs <= 2 * settings.band[1]:
        raise InputError(
            f"record '{record.name}' has {record.fs:g} Hz; the model needs more than "
            f"{2 * settings.band[1]:g} Hz"
        )


def detect_r_peaks(record: Record, settings: BeatSettings) -> np.ndarray:
    """Find R peaks with ``sleepecg`` (Pan and Tompkins 1985, modified).

    Parameters
    ----------
    record : Record
        At any sampling rate above twice the pass band.
    settings : BeatSettings
        What the record must at least hold.

    Returns
    -------
    ndarray of int, shape (beats,)
        In samples of the record.

    Raises
    ------
    InputError
        If no beat is found, or the record cannot be used.
    """
    import sleepecg

    check_record(record, settings)
    if record.seconds < DETECTABLE_S:
        raise InputError(
            f"record '{record.name}' lasts {record.seconds:.2f} s: R peaks are detected in "
            f"{DETECTABLE_S:g} s or more, give a longer recording or an annotation"
        )
    r_peaks = sleepecg.detect_heartbeats(fill_gaps(record), record.fs)
    if not len(r_peaks):
        raise InputError(f"no heartbeat found in record '{record.name}': choose another lead")
    return np.asarray(r_peaks, dtype=int)


def fill_gaps(record: Record) -> np.ndarray:
    """Signal of a record with invalid samples bridged by straight lines.

    Returns
    -------
    ndarray of float64, shape (samples,)

    Raises
    ------
    InputError
        If the signal is constant, or half of it or more is invalid.
    """
    signal = np.asarray(record.signal, dtype=float)
    valid = np.isfinite(signal)
    where = f"lead {record.lead} of record '{record.name}'"
    if 2 * np.count_nonzero(valid) <= len(signal):
        raise InputError(
            f"{where} is invalid (NaN) in {np.count_nonzero(~valid)} of its {len(signal)} "
            "samples: choose another lead"
        )
    if np.ptp(signal[valid]) == 0:
        raise InputError(
            f"{where} is flat (always {signal[valid][0]:g} {record.units}): choose another lead"
        )
    if not valid.all():
        places = np.arange(len(signal))
        signal = np.interp(places, places[valid], signal[valid])
    return signal


def prepare_signal(
    record: Record,
    settings: BeatSettings,
    r_peaks: np.ndarray,
    beat_class: np.ndarray | None = None,
) -> Prepared:
    """Resample and band-pass filter a record.

    Parameters
    ----------
    record : Record
        At any sampling rate.
    settings : BeatSettings
        Rate and band.
    r_peaks : ndarray of int, shape (beats,)
        In samples of the record, increasing.
    beat_class : ndarray of int, shape (beats,), optional
        Where it is known.

    Raises
    ------
    InputError
        If the signal is flat, invalid, or shorter than one segment.
    """
    check_record(record, settings)
    signal = fill_gaps(record)
    signal = signal - np.median(signal)
    ratio = resampling_ratio(record.fs, settings)
    if ratio != 1:
        signal = resample_poly(signal, ratio.numerator, ratio.denominator)
    return Prepared(
        record=record.name,
        signal=bandpass(signal, settings.fs, settings.band, settings.order),
        fs=settings.fs,
        marks=np.asarray(r_peaks, dtype=float) * float(ratio),
        beat_class=np.full(len(r_peaks), -1) if beat_class is None else beat_class,
    )


def resampling_ratio(fs: float, settings: BeatSettings) -> Fraction:
    """From a recording's sampling rate in Hz to that of the segments."""
    return Fraction(settings.fs / fs).limit_denominator(1000)


def bandpass(
    signal: np.ndarray, fs: float, band: tuple[float, float] = (0.5, 40.0), order: int = 3
) -> np.ndarray:
    """Butterworth band-pass without phase shift.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Any units.
    fs : float
        Hz.
    band : tuple of float
        Hz.
    order : int
        Of the filter, which is run forwards and backwards.

    Returns
    -------
    ndarray, shape (samples,)
        Same units.
    """
    pad = min(len(signal) - 1, round(2 * fs))
    return sosfiltfilt(_filter(order, tuple(band), float(fs)), signal, padlen=pad)


@lru_cache(maxsize=8)
def _filter(order: int, band: tuple[float, float], fs: float) -> np.ndarray:
    return butter(order, band, btype="bandpass", fs=fs, output="sos")


def center_qrs(signal: np.ndarray, fs: float, marks: np.ndarray, search: float) -> np.ndarray:
    """Centre of the QRS complex near each mark.

    The centre is where the slope's energy, smoothed over the width of a QRS, is greatest
    (after Pan and Tompkins 1985), so it depends neither on where an annotator put the mark
    nor on the polarity of the lead.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Filtered signal.
    fs : float
        Hz.
    marks : ndarray of float, shape (beats,)
        In samples of ``signal``, increasing.
    search : float
        Seconds to each side of a mark, at most a third of the way to the next mark.

    Returns
    -------
    ndarray of float, shape (beats,)
        In samples of ``signal``, increasing, between samples.
    """
    energy = gaussian_filter1d(np.gradient(signal) ** 2, 0.03 * fs)
    reach = np.full(len(marks), search * fs)
    if len(marks) > 1:
        gaps = np.diff(marks) / 3
        reach[1:] = np.minimum(reach[1:], gaps)
        reach[:-1] = np.minimum(reach[:-1], gaps)
    steps = np.arange(-int(search * fs), int(search * fs) + 1)
    places = np.rint(marks).astype(int)[:, None] + steps
    values = energy[np.clip(places, 0, len(signal) - 1)]
    outside = (places < 0) | (places >= len(signal)) | (np.abs(steps) > reach[:, None])
    best = np.rint(marks).astype(int) + steps[np.argmax(np.where(outside, -1.0, values), axis=1)]
    best = np.clip(best, 0, len(signal) - 1)
    inner = np.clip(best, 1, len(signal) - 2)
    left, middle, right = energy[inner - 1], energy[inner], energy[inner + 1]
    bend = left - 2 * middle + right
    vertex = (bend < 0) & (inner == best)
    offset = np.where(vertex, 0.5 * (left - right) / np.where(vertex, bend, 1.0), 0.0)
    return np.maximum.accumulate(best + np.clip(offset, -0.5, 0.5))


def usual_beat(segments: np.ndarray, rounds: int = 3) -> np.ndarray:
    """The record's own usual beat: median of the beats that look like the median.

    Starting from the median of all beats, the half of them nearest to it (by correlation) is
    kept and the median taken anew, so that frequent ectopic beats do not blur it. It needs no
    labels, but a median over the whole record looks ahead.

    Parameters
    ----------
    segments : ndarray, shape (beats, samples)
        Any scale.
    rounds : int
        How often this is repeated.

    Returns
    -------
    ndarray, shape (samples,)
    """
    usual = np.median(segments, axis=0)
    for _ in range(rounds):
        likeness = _likeness(segments, usual)
        usual = np.median(segments[likeness >= np.median(likeness)], axis=0)
    return usual


def _likeness(segments: np.ndarray, beat: np.ndarray) -> np.ndarray:
    """Correlation of every segment with a beat, times the norm of the beat."""
    centered = segments - segments.mean(axis=1, keepdims=True)
    return centered @ (beat - beat.mean()) / (np.linalg.norm(centered, axis=1) + 1e-9)


def p_likeness(segments: np.ndarray, settings: BeatSettings) -> np.ndarray:
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


def median_around(values: np.ndarray) -> np.ndarray:
    """Median of the 21 beats around each beat, in the unit of the values.

    Parameters
    ----------
    values : ndarray, shape (beats, ...)
    """
    mode = "reflect" if len(values) > AROUND else "edge"
    padded = np.pad(values, [(AROUND, AROUND)] + [(0, 0)] * (values.ndim - 1), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1, axis=0)
    return np.median(windows, axis=-1)


def cut_beats(prepared: Prepared, settings: BeatSettings) -> Beats:
    """Cut a standardised segment around every beat, and measure RR intervals.

    Every mark gives one beat, the first and the last too: segments that reach over the edge
    of the recording repeat its last sample, and the first beat takes its following RR interval
    also as the preceding one (the last beat the other way round). Segments begin between
    samples where their centre does: moved to whole samples, steep QRS complexes would differ
    from the usual beat by more than ectopic beats do.

    Parameters
    ----------
    prepared : Prepared
        At ``settings.fs``.
    settings : BeatSettings
        Segment and search.

    Returns
    -------
    Beats
    """
    centers = center_qrs(prepared.signal, settings.fs, prepared.marks, settings.search)
    places = centers[:, None] - settings.left + np.arange(settings.length)
    segments = map_coordinates(prepared.signal, places[None], order=3, mode="nearest")
    rr = np.diff(centers) / settings.fs
    if not len(rr):
        rr = np.array([len(prepared.signal) / settings.fs])
    rr_pre = np.concatenate([rr[:1], rr[: len(centers) - 1]])
    if settings.past_minutes is None:
        usual, mean_rr = usual_beat(segments), _mean_rr(rr_pre)
    else:
        seconds = centers / settings.fs
        usual, mean_rr = _of_the_past(segments, rr_pre, seconds, 60 * settings.past_minutes)
    scale = np.maximum(np.std(usual, axis=-1, keepdims=True), 1e-9)
    segments = segments / scale
    return Beats(
        record=prepared.record,
        fs=settings.fs,
        centers=centers / settings.fs,
        segments=segments.astype(np.float32),
        usual_beat=(usual / scale).astype(np.float32),
        mean_rr=mean_rr,
        rr_pre=rr_pre,
        rr_post=np.concatenate([rr[: len(centers) - 1], rr[-1:]]),
        p_likeness=p_likeness(segments, settings),
        beat_class=prepared.beat_class,
    )


def _mean_rr(rr_pre: np.ndarray) -> float:
    return float(np.mean(np.clip(rr_pre, 0.2, 3.0)))


def _of_the_past(
    segments: np.ndarray, rr_pre: np.ndarray, seconds: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Usual beat and mean RR interval of the time before each beat, renewed now and then.

    Before `RENEWED` beats have been seen, the first so many stand for the past.
    """
    usual, mean_rr = np.empty_like(segments), np.empty(len(segments))
    for first in range(0, len(segments), RENEWED):
        known = max(first, RENEWED)
        since = min(np.searchsorted(seconds, seconds[first] - reach), known - RENEWED)
        past, here = slice(since, known), slice(first, first + RENEWED)
        usual[here], mean_rr[here] = usual_beat(segments[past]), _mean_rr(rr_pre[past])
    return usual, mean_rr


def find_beats(record: Record, settings: BeatSettings, r_peaks: np.ndarray | None = None) -> Beats:
    """All beats of a record: `prepare_signal`, then `cut_beats`.

    Parameters
    ----------
    record : Record
        At any sampling rate.
    settings : BeatSettings
        How beats are made.
    r_peaks : ndarray of int, shape (beats,), optional
        In samples of the record. By default those of the reference annotation, with its
        classes.

    Returns
    -------
    Beats
    """
    beat_class = None
    if r_peaks is None:
        r_peaks, symbols = reference_beats(record)
        beat_class = class_numbers(symbols)
    return cut_beats(prepare_signal(record, settings, r_peaks, beat_class), settings)
