"""Tests of `arrhythmia.beats`: what a beat is must not depend on how it was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line

from arrhythmia.beats import (
    Beats,
    cut_beats,
    cut_segments,
    find_beats,
    prepare_lead,
)
from arrhythmia.labels import class_numbers
from arrhythmia.origin import typical_beat
from arrhythmia.p_wave import p_wave_similarity
from arrhythmia.r_peaks import ANNOTATED, DETECTED, GIVEN, RPeaks, locate_beats, reference_beats
from arrhythmia.records import Record, read_excerpt, read_record
from arrhythmia.rr import mean_rr, median_around, rr_intervals
from arrhythmia.sequences import network_inputs
from arrhythmia.signals import BeatSettings

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


def beats_at(record: Record, marks: np.ndarray) -> Beats:
    """Beats at marks of one's own, in samples of the record."""
    return cut_beats(prepare_lead(record.lead(), SETTINGS, RPeaks.given(marks)), SETTINGS)


def typical_of(segments: np.ndarray) -> np.ndarray:
    return typical_beat(segments[:, None])[0]


def correlations(segments: np.ndarray, other: np.ndarray) -> np.ndarray:
    a = segments - segments.mean(axis=-1, keepdims=True)
    b = other - other.mean(axis=-1, keepdims=True)
    return np.sum(a * b, axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def assert_same_beats(found: Beats, expected: Beats, segments: float, seconds: float) -> None:
    np.testing.assert_allclose(found.centers, expected.centers, atol=seconds)
    np.testing.assert_allclose(found.rr_pre, expected.rr_pre, atol=seconds)
    np.testing.assert_allclose(found.rr_post, expected.rr_post, atol=seconds)
    np.testing.assert_allclose(found.segments, expected.segments, atol=segments)
    np.testing.assert_allclose(found.template_beat, expected.template_beat, atol=segments)


# --- every mark gives a beat ----------------------------------------------------------------


def test_every_reference_beat_gives_a_beat_in_order(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    sample, symbol = reference_beats(record)
    np.testing.assert_array_equal(beats.sample, sample)
    np.testing.assert_array_equal(beats.symbol, symbol)
    assert "".join(beats.symbol) == MIXED
    np.testing.assert_array_equal(beats.beat_class, class_numbers(symbol))
    assert (beats.record, beats.lead, beats.fs) == ("syn", "MLII", SETTINGS.fs)
    assert (beats.source, beats.annotated, beats.notes) == (ANNOTATED, True, ())
    assert np.all(np.diff(beats.centers) > 0)


def test_every_field_has_one_shape(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    count = len(MIXED)
    assert len(beats) == count
    for name in ("sample", "symbol", "centers", "rr_pre", "rr_post", "p_wave_similarity"):
        assert getattr(beats, name).shape == (count,), name
    assert beats.segments.shape == (count, SETTINGS.length)
    assert beats.template_beat.shape == (SETTINGS.length,)
    assert beats.segments.dtype == beats.template_beat.dtype == np.float32
    assert isinstance(beats.mean_rr, float)
    assert np.isfinite(beats.segments).all()


def test_detected_beats_have_no_symbols_and_no_class(record: Record) -> None:
    beats = find_beats(record, SETTINGS, source="detect")
    assert (beats.source, beats.annotated) == (DETECTED, False)
    assert set(beats.symbol) == {""}
    assert set(beats.beat_class) == {-1}


def test_detected_beats_are_those_of_the_annotation(read: Read) -> None:
    record = read(symbols="NNNANNVNNN" * 6)
    expected, found = find_beats(record, SETTINGS), find_beats(record, SETTINGS, source="detect")
    distance = np.abs(found.centers[:, None] - expected.centers).min(axis=0)
    assert np.mean(distance[2:-2] < 0.02) > 0.95


def test_given_marks_are_kept_in_samples_of_the_record(record: Record) -> None:
    marks = reference_beats(record)[0][3:9]
    beats = beats_at(record, marks)
    assert (beats.source, beats.annotated) == (GIVEN, False)
    np.testing.assert_array_equal(beats.sample, marks)
    prepared = prepare_lead(record.lead(), SETTINGS, RPeaks.given(marks))
    np.testing.assert_allclose(prepared.marks / prepared.fs, marks / record.fs)
    assert len(prepared.signal) == pytest.approx(record.seconds * SETTINGS.fs, abs=1)
    assert set(prepared.beat_class) == {-1}


def test_notes_say_what_was_taken_without_being_asked_for(read: Read) -> None:
    record = read(symbols="NNNNNNNN", leads=("V5", "V1"), annotate=False)
    lead_note, peaks_note = find_beats(record, SETTINGS).notes
    assert "using V5" in lead_note
    assert "R peaks are detected" in peaks_note
    assert find_beats(record, SETTINGS, lead="V1", source="detect").notes == ()


def test_a_lead_is_taken_by_its_name(record: Record) -> None:
    beats, other = find_beats(record, SETTINGS), find_beats(record, SETTINGS, lead="V1")
    assert (beats.lead, other.lead) == ("MLII", "V1")
    np.testing.assert_array_equal(other.sample, beats.sample)
    assert correlations(other.template_beat, beats.template_beat) < 0.9
    assert "it has MLII, V1" in error_line(lambda: find_beats(record, SETTINGS, lead="V9"))


def test_beats_at_the_edges_look_like_the_others(read: Read) -> None:
    beats = find_beats(read(symbols="N" * 30, noise=0.0), SETTINGS)
    reach = round(0.07 * SETTINGS.fs)
    qrs = slice(SETTINGS.left - reach, SETTINGS.left + reach + 1)
    assert beats.centers[0] < SETTINGS.before
    alike = correlations(beats.segments[:, qrs], beats.template_beat[qrs])
    assert min(alike[0], alike[-1]) > min(0.95, alike[1:-1].min() - 0.01)


@pytest.mark.parametrize("at", [0, 1, -2, -1])
def test_a_mark_on_the_very_edge_gives_a_beat(record: Record, at: int) -> None:
    marks = np.unique(np.append(reference_beats(record)[0], at % len(record)))
    beats = beats_at(record, marks)
    assert len(beats) == len(marks)
    assert np.isfinite(beats.segments).all()
    assert beats.centers.min() >= 0
    assert beats.centers.max() <= record.seconds


@pytest.mark.parametrize("symbols", ["N", "V", "NN", "NV"])
def test_a_record_of_one_or_two_beats_gives_them(read: Read, symbols: str) -> None:
    record = read(symbols=symbols)
    signals = np.concatenate([record.signals, np.tile(record.signals[-1], (500, 1))])
    beats = find_beats(replace(record, signals=signals), SETTINGS)
    assert len(beats) == len(symbols)
    for values in (beats.segments, beats.template_beat, beats.rr_pre, beats.rr_post):
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
        "dense": np.arange(0, len(record), 20),
    }[marks]
    beats = beats_at(record, places)
    assert len(beats) == len(places)
    assert np.all(np.diff(beats.centers) >= 0)
    inputs = network_inputs(beats)
    assert np.isfinite(inputs.segments).all()
    assert np.isfinite(inputs.rr).all()


# --- records that cannot be used ------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "factor", "word"),
    [(0, 1.0, "0.00 s"), (288, 1.0, "0.80 s"), (None, 0.0, "flat"), (None, np.nan, "NaN")],
)
def test_a_record_that_cannot_be_used_is_the_users_error(
    record: Record, samples: int | None, factor: float, word: str
) -> None:
    lead = record.lead()
    spoiled = replace(lead, signal=factor * lead.signal[:samples])
    text = error_line(lambda: prepare_lead(spoiled, SETTINGS, RPeaks.given([50, 100])))
    assert "'syn'" in text
    assert word in text


def test_a_sampling_rate_below_the_band_is_the_users_error(record: Record) -> None:
    assert "75 Hz" in error_line(lambda: find_beats(replace(record, fs=75.0), SETTINGS))


def test_a_gap_changes_nothing_far_from_it(record: Record) -> None:
    signals = record.signals.copy()
    signals[round(20 * record.fs) : round(22 * record.fs), 0] = np.nan
    expected = find_beats(record, SETTINGS)
    found = find_beats(replace(record, signals=signals), SETTINGS)
    far = np.abs(expected.centers - 21) > 4
    assert far.sum() > 30
    np.testing.assert_allclose(found.centers[far], expected.centers[far], atol=0.002)
    np.testing.assert_allclose(found.segments[far], expected.segments[far], atol=0.1)


# --- centres and intervals ------------------------------------------------------------------


def test_the_centre_is_in_the_qrs(read: Read) -> None:
    record = read(symbols="NRNAN" * 8, noise=0.0)
    beats = find_beats(record, SETTINGS)
    np.testing.assert_allclose(beats.centers, beats.sample / record.fs, atol=0.015)
    reach = round(0.2 * SETTINGS.fs)
    around = beats.segments[:, SETTINGS.left - reach : SETTINGS.left + reach + 1]
    assert np.abs(np.argmax(around, axis=1) - reach).max() <= 2


@pytest.mark.parametrize("fs", [250, 360])
def test_rr_intervals_are_seconds(read: Read, fs: int) -> None:
    beats = find_beats(read(symbols="N" * 40, fs=fs), SETTINGS)
    rr = np.diff(beats.sample) / fs
    np.testing.assert_allclose(beats.rr_pre[1:], rr, atol=0.006)
    np.testing.assert_allclose(beats.rr_post[:-1], rr, atol=0.006)
    assert beats.rr_pre[0] == beats.rr_post[0]
    assert beats.rr_post[-1] == beats.rr_pre[-1]
    assert beats.mean_rr == pytest.approx(rr.mean(), abs=0.02)


def test_the_rr_interval_of_a_single_beat_is_the_record() -> None:
    rr_pre, rr_post = rr_intervals(np.array([40.0]), 100.0, 500)
    assert rr_pre.tolist() == rr_post.tolist() == [5.0]


def test_a_pause_and_a_double_mark_hardly_move_the_mean_rr() -> None:
    assert mean_rr(np.full(9, 0.8)) == pytest.approx(0.8)
    assert mean_rr(np.array([0.8, 60.0])) == pytest.approx((0.8 + 3) / 2)
    assert mean_rr(np.array([0.8, 0.0])) == pytest.approx((0.8 + 0.2) / 2)


@pytest.mark.parametrize("shift_ms", [-50, -25, 25, 50])
def test_centres_do_not_depend_on_where_the_annotator_put_the_mark(
    record: Record, shift_ms: int
) -> None:
    expected = find_beats(record, SETTINGS)
    shifted = np.clip(expected.sample + round(shift_ms / 1000 * record.fs), 0, len(record) - 1)
    assert_same_beats(beats_at(record, shifted), expected, 0.3, 0.01)


@pytest.mark.database
@pytest.mark.parametrize(
    ("name", "within_30_ms", "within_50_ms"), [("101", 0.999, 0.999), ("208", 0.98, 0.95)]
)
def test_centres_of_real_beats_do_not_depend_on_the_mark(
    data_dir: Path, name: str, within_30_ms: float, within_50_ms: float
) -> None:
    record = read_record(name, data_dir)
    expected = find_beats(record, SETTINGS)
    rng = np.random.default_rng(0)
    for reach, share in ((0.03, within_30_ms), (0.05, within_50_ms)):
        shifts = np.rint(rng.uniform(-reach, reach, len(expected)) * record.fs).astype(int)
        marks = np.clip(expected.sample + shifts, 0, len(record) - 1)
        found = beats_at(record, marks)
        assert np.mean(np.abs(found.centers - expected.centers) < 0.01) >= share


def test_a_lead_turned_over_has_the_same_centres_and_the_opposite_shapes(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    turned = find_beats(replace(record, signals=-record.signals), SETTINGS)
    np.testing.assert_allclose(turned.centers, beats.centers, atol=1e-6)
    np.testing.assert_allclose(turned.segments, -beats.segments, atol=1e-5)


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (0.01, 0.0), (1.0, -40.0), (3.0, 7.0)])
def test_neither_units_nor_offset_change_the_beats(
    record: Record, gain: float, offset: float
) -> None:
    beats = find_beats(record, SETTINGS)
    other = find_beats(replace(record, signals=gain * record.signals + offset), SETTINGS)
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
    np.testing.assert_allclose(found.template_beat, expected.template_beat, atol=0.1)


# --- segments -------------------------------------------------------------------------------


def test_segments_are_cut_as_the_settings_say(record: Record) -> None:
    settings = BeatSettings(fs=200.0, before=0.3, after=0.4)
    beats = find_beats(record, settings)
    assert beats.fs == 200
    assert beats.segments.shape == (len(MIXED), 140)
    np.testing.assert_allclose(beats.centers, find_beats(record, SETTINGS).centers, atol=0.004)
    normal = beats.beat_class == 0
    assert np.abs(np.argmax(beats.segments[normal, 40:80], axis=1) - 20).max() <= 3


def test_segments_are_cut_between_samples() -> None:
    curve = np.sin(np.arange(1000) / 8)
    centers = np.array([200.0, 300.25, 400.5])
    segments = cut_segments(curve, centers, SETTINGS)
    places = centers[:, None] - SETTINGS.left + np.arange(SETTINGS.length)
    np.testing.assert_allclose(segments, np.sin(places / 8), atol=1e-3)
    np.testing.assert_allclose(segments[0], curve[200 - SETTINGS.left :][: SETTINGS.length])


def test_beyond_the_edge_the_last_sample_is_repeated() -> None:
    line = np.arange(100.0)
    first, last = cut_segments(line, np.array([10.0, 90.0]), SETTINGS)
    # the spline meets its samples to about 1e-7 of the whole range
    np.testing.assert_allclose(first[: SETTINGS.left - 10], 0, atol=1e-4)
    np.testing.assert_allclose(last[SETTINGS.left + 10 :], 99, atol=1e-4)


# --- the template beat ----------------------------------------------------------------------


def test_the_template_beat_ignores_frequent_ectopic_beats(read: Read) -> None:
    beats = find_beats(read(symbols="NNNVV" * 20), SETTINGS)
    quiet = np.median(beats.segments[beats.beat_class == 0], axis=0)
    np.testing.assert_allclose(beats.template_beat, quiet, atol=0.1)
    blurred = np.median(beats.segments, axis=0)
    assert np.abs(beats.template_beat - quiet).max() < 0.5 * np.abs(blurred - quiet).max()


def test_the_template_beat_has_the_unit_that_segments_are_measured_in(record: Record) -> None:
    beats = find_beats(record, SETTINGS)
    assert np.std(beats.template_beat) == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(typical_of(beats.segments), beats.template_beat, atol=1e-5)


# --- surroundings ---------------------------------------------------------------------------


def test_the_surroundings_of_a_beat_are_ten_to_each_side() -> None:
    values = np.random.default_rng(0).normal(size=(60, 3))
    medians = median_around(values)
    assert medians.shape == values.shape
    for beat in (10, 30, 49):
        np.testing.assert_allclose(medians[beat], np.median(values[beat - 10 : beat + 11], axis=0))


@pytest.mark.parametrize("beats", [1, 2, 10, 11, 12])
def test_few_beats_have_surroundings_too(beats: int) -> None:
    np.testing.assert_array_equal(median_around(np.full(beats, 0.8)), np.full(beats, 0.8))


# --- P waves --------------------------------------------------------------------------------


def waves_before(kind: str, beats: int = 60) -> np.ndarray:
    """Segments that are flat but for what precedes the QRS."""
    rng = np.random.default_rng(0)
    seconds = np.arange(SETTINGS.length) / SETTINGS.fs - SETTINGS.before
    if kind == "P wave":
        return np.tile(np.exp(-(((seconds + 0.16) / 0.025) ** 2)), (beats, 1))
    if kind == "fibrillation":
        return np.sin(2 * np.pi * (6 * seconds + rng.uniform(size=(beats, 1))))
    return np.zeros((beats, SETTINGS.length))


def test_a_p_wave_is_what_beats_have_in_common() -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, (60, SETTINGS.length))
    with_p, without = (waves_before(kind) + noise for kind in ("P wave", "fibrillation"))
    assert p_wave_similarity(with_p, SETTINGS).min() > 0.9
    assert np.median(p_wave_similarity(without, SETTINGS)) < 0.3
    assert p_wave_similarity(without, SETTINGS).max() < 0.6
    assert p_wave_similarity(waves_before("nothing"), SETTINGS).max() == 0
    both = p_wave_similarity(np.concatenate([with_p, without]), SETTINGS)
    assert both[:50].min() > 0.9  # where the rhythm changes, some beats around have a P wave
    assert np.median(both[70:]) < 0.3


def test_what_is_too_flat_to_be_seen_is_no_p_wave() -> None:
    assert p_wave_similarity(0.01 * waves_before("P wave"), SETTINGS).max() < 0.1
    assert p_wave_similarity(0.3 * waves_before("P wave"), SETTINGS).min() > 0.8


@pytest.mark.parametrize("beats", [1, 2, 5, 11])
def test_few_beats_have_p_waves_too(beats: int) -> None:
    assert p_wave_similarity(waves_before("P wave", beats), SETTINGS).min() > 0.95


def test_neither_polarity_nor_a_slope_changes_the_p_wave_similarity() -> None:
    noise = np.random.default_rng(1).normal(0, 0.3, (60, SETTINGS.length))
    segments = waves_before("P wave") + noise
    slopes = np.random.default_rng(2).normal(0, 1, (60, 1)) * np.linspace(-1, 1, SETTINGS.length)
    np.testing.assert_allclose(
        p_wave_similarity(slopes - segments, SETTINGS), p_wave_similarity(segments, SETTINGS)
    )


@pytest.mark.database
def test_real_fibrillation_has_no_p_wave_in_common(data_dir: Path) -> None:
    sinus, fibrillation = (
        find_beats(read_record(name, data_dir), SETTINGS).p_wave_similarity
        for name in ("101", "203")  # sinus rhythm; fibrillation and flutter
    )
    assert np.quantile(sinus, 0.1) > 0.8
    assert np.quantile(fibrillation, 0.9) < 0.4


# --- the bundled excerpt --------------------------------------------------------------------


def test_the_excerpt_has_the_beats_that_are_detected_in_it() -> None:
    excerpt = read_excerpt()
    beats = find_beats(excerpt, SETTINGS)
    peaks = locate_beats(excerpt, [excerpt.lead()], SETTINGS)
    np.testing.assert_array_equal(beats.sample, peaks.sample)
    assert beats.notes == peaks.notes
    assert np.median(np.abs(beats.centers - beats.sample / excerpt.fs)) < 0.02
