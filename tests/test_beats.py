"""Tests of `arrhythmia.beats`: what a beat is must not depend on how it was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import (
    Beats,
    BeatSettings,
    bandpass,
    detect_r_peaks,
    fill_gaps,
    find_beats,
    p_likeness,
    reference_beats,
    usual_beat,
)
from arrhythmia.errors import InputError
from arrhythmia.labels import class_numbers
from arrhythmia.records import Record, read_excerpt, read_record
from arrhythmia.sequences import network_inputs

SETTINGS = BeatSettings()
MIXED = "NNNANNVNNNFNNNENNNNQ" * 3

Read = Callable[..., Record]


@pytest.fixture
def read(tmp_path: Path, make_record: MakeRecord) -> Read:
    """Make a synthetic record and read it."""

    def make_and_read(**options: object) -> Record:
        return read_record(make_record(tmp_path, **options))

    return make_and_read


@pytest.fixture
def record(read: Read) -> Record:
    return read(symbols=MIXED)


def correlations(segments: np.ndarray, other: np.ndarray) -> np.ndarray:
    a = segments - segments.mean(axis=-1, keepdims=True)
    b = other - other.mean(axis=-1, keepdims=True)
    return np.sum(a * b, axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def assert_same_beats(found: Beats, expected: Beats, segments: float, seconds: float) -> None:
    np.testing.assert_allclose(found.centers, expected.centers, atol=seconds)
    np.testing.assert_allclose(found.rr_pre, expected.rr_pre, atol=seconds)
    np.testing.assert_allclose(found.rr_post, expected.rr_post, atol=seconds)
    np.testing.assert_allclose(found.segments, expected.segments, atol=segments)
    np.testing.assert_allclose(found.usual_beat, expected.usual_beat, atol=segments)


# --- the filter -----------------------------------------------------------------------------


@pytest.mark.parametrize("fs", [128.0, 360.0])
def test_bandpass_keeps_the_ecg_where_it_is(fs: float) -> None:
    seconds = np.arange(round(60 * fs)) / fs
    wanted = np.sin(2 * np.pi * 10 * seconds)
    inside = slice(round(10 * fs), -round(10 * fs))
    np.testing.assert_allclose(bandpass(wanted, fs)[inside], wanted[inside], atol=0.01)


@pytest.mark.parametrize("fs", [128.0, 360.0])
@pytest.mark.parametrize(("hertz", "left"), [(0.05, 0.01), (60.0, 0.1)])
def test_bandpass_removes_drift_and_mains(fs: float, hertz: float, left: float) -> None:
    seconds = np.arange(round(60 * fs)) / fs
    unwanted = np.sin(2 * np.pi * hertz * seconds + 1)
    inside = slice(round(10 * fs), -round(10 * fs))
    assert np.abs(bandpass(unwanted + 5.0, fs)[inside]).max() < left


def test_bandpass_takes_a_signal_of_a_few_samples() -> None:
    assert np.isfinite(bandpass(np.array([1.0, 2.0, 1.0]), 128.0)).all()


# --- input that cannot be used --------------------------------------------------------------


def broken(record: Record, fault: str) -> Record:
    signal = record.signal.copy()
    if fault == "empty":
        signal = signal[:0]
    elif fault == "short":
        signal = signal[: round(0.8 * record.fs)]
    elif fault == "flat":
        signal[:] = -5.12
    elif fault == "flat with gaps":
        signal[:] = 0
        signal[10:100] = np.nan
    elif fault == "NaN":
        signal[:] = np.nan
    elif fault == "half NaN":
        signal[len(signal) // 2 :] = np.nan
    elif fault == "infinite":
        signal[:] = np.inf
    return replace(record, signal=signal)


FAULTS = {
    "empty": "0.00 s",
    "short": "0.80 s",
    "flat": "flat",
    "flat with gaps": "flat",
    "NaN": "NaN",
    "half NaN": "NaN",
    "infinite": "NaN",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_signal_that_cannot_be_used_is_the_users_error(record: Record, fault: str) -> None:
    with pytest.raises(InputError, match=FAULTS[fault]) as caught:
        find_beats(broken(record, fault), SETTINGS, np.array([50, 100]))
    assert "'syn'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"short"}))
def test_no_beat_is_detected_in_a_signal_that_cannot_be_used(record: Record, fault: str) -> None:
    with pytest.raises(InputError, match="'syn'"):
        detect_r_peaks(broken(record, fault), SETTINGS)


@pytest.mark.parametrize("seconds", [0.1, 0.8, 1.5])
def test_no_beat_is_detected_in_a_recording_too_short_for_the_detector(
    record: Record, seconds: float
) -> None:
    """Below two seconds ``sleepecg`` fails, or finds other beats each time it is asked."""
    short = replace(record, signal=record.signal[: round(seconds * record.fs)])
    with pytest.raises(InputError, match=f"'syn'.*{seconds}"):
        detect_r_peaks(short, SETTINGS)


def test_a_sampling_rate_below_the_band_is_the_users_error(record: Record) -> None:
    with pytest.raises(InputError, match="75 Hz"):
        find_beats(replace(record, fs=75.0), SETTINGS)


def test_a_gap_is_bridged_and_changes_nothing_far_from_it(record: Record) -> None:
    gap = slice(round(20 * record.fs), round(22 * record.fs))
    signal = record.signal.copy()
    signal[gap] = np.nan
    bridged = fill_gaps(replace(record, signal=signal))
    assert np.isfinite(bridged).all()
    np.testing.assert_array_equal(np.delete(bridged, gap), np.delete(record.signal, gap))
    expected = find_beats(record, SETTINGS)
    found = find_beats(replace(record, signal=signal), SETTINGS)
    far = np.abs(expected.centers - 21) > 4
    assert far.sum() > 30
    np.testing.assert_allclose(found.centers[far], expected.centers[far], atol=0.002)
    np.testing.assert_allclose(found.segments[far], expected.segments[far], atol=0.1)


# --- every mark gives a beat ----------------------------------------------------------------


def test_every_reference_beat_gives_a_beat_in_order(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    _, symbols = reference_beats(record)
    assert "".join(symbols) == MIXED
    np.testing.assert_array_equal(beats.beat_class, class_numbers(symbols))
    assert len(beats) == len(beats.rr_pre) == len(beats.rr_post) == len(MIXED)
    assert beats.segments.shape == (len(MIXED), SETTINGS.length)
    assert beats.usual_beat.shape == (SETTINGS.length,)
    assert np.isfinite(beats.segments).all()
    assert np.all(np.diff(beats.centers) > 0)


def test_beats_at_the_edges_look_like_the_others(read: Read) -> None:
    beats = find_beats(read(symbols="N" * 30, noise=0.0), SETTINGS)
    reach = round(0.07 * SETTINGS.fs)
    qrs = slice(SETTINGS.left - reach, SETTINGS.left + reach + 1)
    assert beats.centers[0] < SETTINGS.before
    likeness = correlations(beats.segments[:, qrs], beats.usual_beat[qrs])
    assert min(likeness[0], likeness[-1]) > min(0.95, likeness[1:-1].min() - 0.01)


@pytest.mark.parametrize("at", [0, 1, -2, -1])
def test_a_mark_on_the_very_edge_gives_a_beat(record: Record, at: int) -> None:
    mark = at % len(record.signal)
    marks = np.unique(np.append(reference_beats(record)[0], mark))
    beats = find_beats(record, SETTINGS, marks)
    assert len(beats) == len(marks)
    assert np.isfinite(beats.segments).all()
    assert beats.centers.min() >= 0
    assert beats.centers.max() <= record.seconds


@pytest.mark.parametrize("symbols", ["N", "V", "NN", "NV"])
def test_a_record_of_one_or_two_beats_gives_them(read: Read, symbols: str) -> None:
    record = read(symbols=symbols)
    signal = np.concatenate([record.signal, np.full(500, record.signal[-1])])
    beats = find_beats(replace(record, signal=signal), SETTINGS)
    assert len(beats) == len(symbols)
    for values in (beats.segments, beats.usual_beat, beats.rr_pre, beats.rr_post):
        assert np.isfinite(values).all()
    assert (beats.rr_pre > 0).all()
    if len(symbols) == 2:
        np.testing.assert_allclose(beats.rr_pre, beats.rr_post)


@pytest.mark.parametrize("marks", ["doubled", "tripled", "dense"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_more_marks_than_a_heart_can_beat_still_give_finite_inputs(
    record: Record, marks: str
) -> None:
    sample, _ = reference_beats(record)
    places = {
        "doubled": np.repeat(sample, 2),
        "tripled": np.repeat(sample, 3),
        "dense": np.arange(0, len(record.signal), 20),
    }[marks]
    beats = find_beats(record, SETTINGS, places)
    assert len(beats) == len(places)
    assert np.all(np.diff(beats.centers) >= 0)
    inputs = network_inputs(beats)
    assert np.isfinite(inputs.segments).all()
    assert np.isfinite(inputs.rr).all()


# --- centres and intervals ------------------------------------------------------------------


def test_the_centre_is_in_the_qrs(read: Read) -> None:
    record = read(symbols="NRNAN" * 8, noise=0.0)
    beats = find_beats(record, SETTINGS)
    np.testing.assert_allclose(beats.centers, reference_beats(record)[0] / record.fs, atol=0.015)
    reach = round(0.2 * SETTINGS.fs)
    around = beats.segments[:, SETTINGS.left - reach : SETTINGS.left + reach + 1]
    assert np.abs(np.argmax(around, axis=1) - reach).max() <= 2


@pytest.mark.parametrize("fs", [250, 360])
def test_rr_intervals_are_seconds(read: Read, fs: int) -> None:
    record = read(symbols="N" * 40, fs=fs)
    beats = find_beats(record, SETTINGS)
    rr = np.diff(reference_beats(record)[0]) / fs
    np.testing.assert_allclose(beats.rr_pre[1:], rr, atol=0.006)
    np.testing.assert_allclose(beats.rr_post[:-1], rr, atol=0.006)
    assert beats.rr_pre[0] == beats.rr_post[0]
    assert beats.rr_post[-1] == beats.rr_pre[-1]


@pytest.mark.parametrize("shift_ms", [-50, -25, 25, 50])
def test_centres_do_not_depend_on_where_the_annotator_put_the_mark(
    record: Record, shift_ms: int
) -> None:
    sample, _ = reference_beats(record)
    shifted = np.clip(sample + round(shift_ms / 1000 * record.fs), 0, len(record.signal) - 1)
    assert_same_beats(
        find_beats(record, SETTINGS, shifted), find_beats(record, SETTINGS), 0.3, 0.01
    )


@pytest.mark.database
@pytest.mark.parametrize(
    ("name", "within_30_ms", "within_50_ms"), [("100", 1, 1), ("208", 0.98, 0.95)]
)
def test_centres_of_real_beats_do_not_depend_on_the_mark(
    data_dir: Path, name: str, within_30_ms: float, within_50_ms: float
) -> None:
    record = read_record(name, data_dir)
    sample, _ = reference_beats(record)
    expected = find_beats(record, SETTINGS).centers
    rng = np.random.default_rng(0)
    for reach, share in ((0.03, within_30_ms), (0.05, within_50_ms)):
        shifts = np.rint(rng.uniform(-reach, reach, len(sample)) * record.fs).astype(int)
        marks = np.clip(sample + shifts, 0, len(record.signal) - 1)
        found = find_beats(record, SETTINGS, marks).centers
        assert np.mean(np.abs(found - expected) < 0.01) >= share


def test_a_lead_turned_over_has_the_same_centres_and_the_opposite_shapes(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    turned = find_beats(replace(record, signal=-record.signal), SETTINGS)
    np.testing.assert_allclose(turned.centers, beats.centers, atol=1e-6)
    np.testing.assert_allclose(turned.segments, -beats.segments, atol=1e-5)


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (0.01, 0.0), (1.0, -40.0), (3.0, 7.0)])
def test_neither_units_nor_offset_change_the_beats(
    record: Record, gain: float, offset: float
) -> None:
    beats = find_beats(record, SETTINGS)
    other = find_beats(replace(record, signal=gain * record.signal + offset), SETTINGS)
    assert_same_beats(other, beats, 1e-4, 1e-6)


@pytest.mark.parametrize("fs", [128, 250, 257, 500, 1000])
def test_the_sampling_rate_does_not_change_the_beats(read: Read, fs: int) -> None:
    options = {"symbols": MIXED, "noise": 0.0, "seed": 3}
    expected = find_beats(read(**options), SETTINGS)
    found = find_beats(read(fs=fs, **options), SETTINGS)
    np.testing.assert_allclose(found.centers, expected.centers, atol=0.002)
    np.testing.assert_allclose(found.rr_pre, expected.rr_pre, atol=0.002)
    assert correlations(found.segments, expected.segments).min() > 0.995
    assert np.abs(found.segments - expected.segments).mean() < 0.02
    np.testing.assert_allclose(found.usual_beat, expected.usual_beat, atol=0.1)


def test_segments_are_cut_as_the_settings_say(record: Record) -> None:
    settings = BeatSettings(fs=200.0, before=0.3, after=0.4)
    beats = find_beats(record, settings)
    assert beats.fs == 200
    assert beats.segments.shape == (len(MIXED), 140)
    usual = find_beats(record, SETTINGS)
    np.testing.assert_allclose(beats.centers, usual.centers, atol=0.004)
    normal = beats.beat_class == 0
    assert np.abs(np.argmax(beats.segments[normal, 40:80], axis=1) - 20).max() <= 3


# --- the usual beat -------------------------------------------------------------------------


def test_the_usual_beat_ignores_frequent_ectopic_beats(read: Read) -> None:
    beats = find_beats(read(symbols="NNNVV" * 20), SETTINGS)
    normal = beats.beat_class == 0
    quiet = np.median(beats.segments[normal], axis=0)
    np.testing.assert_allclose(beats.usual_beat, quiet, atol=0.1)
    blurred = np.median(beats.segments, axis=0)
    assert np.abs(beats.usual_beat - quiet).max() < 0.5 * np.abs(blurred - quiet).max()


def test_the_usual_beat_has_the_unit_that_segments_are_measured_in(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    assert np.std(beats.usual_beat) == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(usual_beat(beats.segments), beats.usual_beat, atol=1e-5)


# --- R peaks ----------------------------------------------------------------------


def test_detected_beats_are_the_reference_beats(read: Read) -> None:
    record = read(symbols="NNNANNVNNN" * 6)
    expected = find_beats(record, SETTINGS)
    found = find_beats(record, SETTINGS, detect_r_peaks(record, SETTINGS))
    distance = np.abs(found.centers[:, None] - expected.centers).min(axis=0)
    assert np.mean(distance[2:-2] < 0.02) > 0.95
    assert len(found) == pytest.approx(len(expected), abs=4)
    assert (found.beat_class == -1).all()


def test_beats_are_detected_in_the_excerpt() -> None:
    excerpt = read_excerpt()
    beats = find_beats(excerpt, SETTINGS, detect_r_peaks(excerpt, SETTINGS))
    assert 60 * len(beats) / excerpt.seconds == pytest.approx(100, abs=15)


@pytest.mark.database
def test_detected_beats_of_a_real_record_are_the_reference_beats(data_dir: Path) -> None:
    record = read_record("100", data_dir)
    expected = find_beats(record, SETTINGS)
    found = find_beats(record, SETTINGS, detect_r_peaks(record, SETTINGS))
    distance = np.abs(found.centers[:, None] - expected.centers).min(axis=0)
    assert np.mean(distance < 0.02) > 0.99


# --- P waves --------------------------------------------------------------------------------


def waves_before(kind: str, beats: int = 60) -> np.ndarray:
    """Segments that are flat but for what precedes the QRS."""
    settings, rng = BeatSettings(), np.random.default_rng(0)
    seconds = np.arange(settings.length) / settings.fs - settings.before
    if kind == "P wave":
        wave = np.tile(np.exp(-(((seconds + 0.16) / 0.025) ** 2)), (beats, 1))
    elif kind == "fibrillation":
        wave = np.sin(2 * np.pi * (6 * seconds + rng.uniform(size=(beats, 1))))
    else:
        wave = np.zeros((beats, settings.length))
    return wave


def test_a_p_wave_is_what_beats_have_in_common() -> None:
    settings, noise = BeatSettings(), np.random.default_rng(1).normal(0, 0.05, (60, 90))
    with_p, without = (waves_before(kind) + noise for kind in ("P wave", "fibrillation"))
    assert p_likeness(with_p, settings).min() > 0.9
    assert np.median(p_likeness(without, settings)) < 0.3
    assert p_likeness(without, settings).max() < 0.6
    assert p_likeness(waves_before("nothing"), settings).max() == 0
    both = p_likeness(np.concatenate([with_p, without]), settings)
    assert both[:50].min() > 0.9  # where the rhythm changes, some beats around have a P wave
    assert np.median(both[70:]) < 0.3


@pytest.mark.parametrize("beats", [1, 2, 5, 11])
def test_few_beats_have_a_likeness_too(beats: int) -> None:
    found = p_likeness(waves_before("P wave", beats), BeatSettings())
    assert found.min() > 0.95


def test_neither_polarity_nor_a_slope_changes_the_likeness() -> None:
    settings, noise = BeatSettings(), np.random.default_rng(1).normal(0, 0.3, (60, 90))
    segments = waves_before("P wave") + noise
    expected = p_likeness(segments, settings)
    slope = np.random.default_rng(2).normal(0, 1, (60, 1)) * np.linspace(-1, 1, 90)
    np.testing.assert_allclose(p_likeness(slope - segments, settings), expected)


@pytest.mark.database
def test_real_fibrillation_has_no_p_wave_in_common(data_dir: Path) -> None:
    found = {
        name: find_beats(read_record(name, data_dir), BeatSettings()).p_likeness
        for name in ("101", "203")  # sinus rhythm, fibrillation and flutter
    }
    assert np.quantile(found["101"], 0.1) > 0.8
    assert np.quantile(found["203"], 0.9) < 0.4
