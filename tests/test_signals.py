"""Tests of `arrhythmia.signals`: gaps, sampling rates, the filter, the centre of a QRS complex."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line

from arrhythmia.records import Lead, read_record
from arrhythmia.signals import (
    BeatSettings,
    bandpass,
    center_qrs,
    check_lead,
    fill_gaps,
    filtered_lead,
    filtered_part,
    resample,
    resampling_ratio,
)

SETTINGS = BeatSettings()


def wave(fs: float, hertz: float, seconds: float = 60.0, phase: float = 0.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * fs)) / fs + phase)


def inside(fs: float) -> slice:
    """What is at least ten seconds from either end."""
    return slice(round(10 * fs), -round(10 * fs))


def made_lead(signal: np.ndarray, fs: float = 250.0) -> Lead:
    return Lead("made", "V5", signal, fs, "mV")


@pytest.fixture
def lead(tmp_path: Path, make_record: MakeRecord) -> Lead:
    return read_record(make_record(tmp_path, symbols="NNNANNVNNN" * 4)).lead()


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "left", "length"),
    [(SETTINGS, 40, 90), (BeatSettings(fs=200.0, before=0.3, after=0.4), 60, 140)],
)
def test_a_segment_has_the_samples_that_its_seconds_hold(
    settings: BeatSettings, left: int, length: int
) -> None:
    assert (settings.left, settings.length) == (left, length)


# --- leads that cannot be used --------------------------------------------------------------


@pytest.mark.parametrize(("samples", "seconds"), [(0, "0.00 s"), (200, "0.80 s")])
def test_a_lead_shorter_than_a_segment_is_the_users_error(samples: int, seconds: str) -> None:
    text = error_line(lambda: check_lead(made_lead(np.arange(samples)), SETTINGS))
    assert "'made'" in text
    assert f"lasts {seconds}, less than one segment (0.90 s)" in text


@pytest.mark.parametrize("fs", [1.0, 75.0, 80.0])
def test_a_rate_that_does_not_hold_the_band_is_the_users_error(fs: float) -> None:
    text = error_line(lambda: check_lead(made_lead(np.arange(10_000), fs), SETTINGS))
    assert f"'made' has {fs:g} Hz" in text
    assert "more than 80 Hz" in text
    check_lead(made_lead(np.arange(10_000), 80.1), SETTINGS)


def flat(signal: np.ndarray) -> None:
    signal[:] = -5.12


def flat_with_gaps(signal: np.ndarray) -> None:
    signal[:] = 0
    signal[10:100] = np.nan


def all_invalid(signal: np.ndarray) -> None:
    signal[:] = np.nan


def half_invalid(signal: np.ndarray) -> None:
    signal[len(signal) // 2 :] = np.nan


def infinite(signal: np.ndarray) -> None:
    signal[:] = np.inf


@pytest.mark.parametrize(
    ("spoil", "word"),
    [(flat, "flat (always -5.12 mV)"), (flat_with_gaps, "flat (always 0 mV)"),
     (all_invalid, "NaN"), (half_invalid, "NaN"), (infinite, "NaN")],
)  # fmt: skip
def test_a_signal_without_an_ecg_is_the_users_error(
    lead: Lead, spoil: Callable[[np.ndarray], None], word: str
) -> None:
    signal = lead.signal.copy()
    spoil(signal)
    text = error_line(lambda: fill_gaps(replace(lead, signal=signal)))
    assert "lead MLII of record 'syn'" in text
    assert word in text
    assert "choose another lead" in text


# --- gaps -----------------------------------------------------------------------------------


def test_a_gap_is_bridged_by_a_straight_line_and_the_rest_stays() -> None:
    signal = wave(250, 1.3)
    spoiled = signal.copy()
    spoiled[1000:1101] = np.nan
    spoiled[:5], spoiled[-5:] = np.nan, np.inf
    kept = spoiled.copy()
    bridged = fill_gaps(made_lead(spoiled))
    np.testing.assert_array_equal(spoiled, kept)
    valid = np.isfinite(spoiled)
    np.testing.assert_array_equal(bridged[valid], signal[valid])
    np.testing.assert_allclose(
        bridged[1000:1101], np.linspace(signal[999], signal[1101], 103)[1:-1]
    )
    assert (bridged[:5] == signal[5]).all()
    assert (bridged[-5:] == signal[-6]).all()


# --- sampling rates -------------------------------------------------------------------------


@pytest.mark.parametrize("fs", [100.0, 128.0, 250.0, 257.0, 360.0, 500.0, 1000.0, 1024.0])
def test_the_ratio_of_rates_is_exact_for_usual_rates(fs: float) -> None:
    assert resampling_ratio(fs, SETTINGS) == Fraction(100) / Fraction(fs)


@pytest.mark.parametrize("fs", [100.0, 128.0, 250.0, 360.0, 1000.0])
def test_a_resampled_wave_is_the_wave_at_the_new_rate(fs: float) -> None:
    new = resample(wave(fs, 7.0) + 3.0, resampling_ratio(fs, SETTINGS))
    assert len(new) == 6000
    np.testing.assert_allclose(new[inside(100)], wave(100, 7.0)[inside(100)], atol=0.01)


def test_what_the_new_rate_cannot_hold_does_not_come_back_as_something_else() -> None:
    new = resample(wave(360, 93.0), resampling_ratio(360, SETTINGS))  # 7 Hz if it were folded
    assert np.abs(new[inside(100)]).max() < 0.01


# --- the filter -----------------------------------------------------------------------------


@pytest.mark.parametrize("fs", [128.0, 360.0])
def test_the_band_passes_where_it_is(fs: float) -> None:
    wanted = wave(fs, 10)
    np.testing.assert_allclose(bandpass(wanted, fs)[inside(fs)], wanted[inside(fs)], atol=0.01)


@pytest.mark.parametrize("fs", [128.0, 360.0])
@pytest.mark.parametrize(("hertz", "left"), [(0.05, 0.01), (60.0, 0.1)])
def test_drift_and_mains_are_removed(fs: float, hertz: float, left: float) -> None:
    unwanted = wave(fs, hertz, phase=1.0) + 5.0
    assert np.abs(bandpass(unwanted, fs)[inside(fs)]).max() < left


def test_another_band_passes_what_it_says() -> None:
    slow, fast = wave(360, 2), wave(360, 60)
    filtered = bandpass(slow + fast, 360, (20.0, 100.0))
    np.testing.assert_allclose(filtered[inside(360)], fast[inside(360)], atol=0.01)


def test_a_signal_of_a_few_samples_is_filtered() -> None:
    assert np.isfinite(bandpass(np.array([1.0, 2.0, 1.0]), 128.0)).all()


def test_a_filtered_lead_keeps_its_rate_and_units(lead: Lead) -> None:
    filtered = filtered_lead(lead, SETTINGS)
    assert filtered.shape == lead.signal.shape
    expected = bandpass(lead.signal - np.median(lead.signal), lead.fs)
    np.testing.assert_allclose(filtered, expected)
    assert np.ptp(filtered) == pytest.approx(np.ptp(lead.signal), rel=0.2)
    in_microvolts = filtered_lead(replace(lead, signal=1000 * lead.signal, units="uV"), SETTINGS)
    np.testing.assert_allclose(in_microvolts, 1000 * filtered, rtol=1e-6, atol=1e-6)


def test_a_gap_leaves_no_hole_in_a_filtered_lead(lead: Lead) -> None:
    signal = lead.signal.copy()
    signal[2000:2400] = np.nan
    assert np.isfinite(filtered_lead(replace(lead, signal=signal), SETTINGS)).all()


# --- the centre of a QRS complex ------------------------------------------------------------

FS = 100.0


def complexes(places: np.ndarray, samples: int = 1000) -> np.ndarray:
    """Filtered signal with a QRS complex centred at each place, in samples."""
    seconds = (np.arange(samples) - places[:, None]) / FS
    return np.sum(np.exp(-0.5 * (seconds / 0.02) ** 2), axis=0)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [-6.0, -2.5, 0.0, 2.5, 6.0])
def test_a_centre_lies_between_samples_wherever_the_mark_is(sign: int, shift: float) -> None:
    places = np.array([150.3, 240.0, 330.7, 500.5])
    centers = center_qrs(sign * complexes(places), FS, places + shift, SETTINGS.search)
    np.testing.assert_allclose(centers, places, atol=0.1)


def test_a_centre_is_not_looked_for_beyond_the_search() -> None:
    places = np.array([200.0, 400.0])
    marks = np.array([230.0, 400.0])
    centers = center_qrs(complexes(places), FS, marks, SETTINGS.search)
    assert abs(centers[0] - 230) <= SETTINGS.search * FS + 0.5
    assert centers[1] == pytest.approx(400, abs=0.1)


def test_a_mark_does_not_take_the_taller_complex_of_its_neighbour() -> None:
    places = np.array([200.0, 209.0])
    assert places[1] - places[0] < SETTINGS.search * FS
    both = complexes(places[:1]) + 3 * complexes(places[1:])
    centers = center_qrs(both, FS, places, SETTINGS.search)
    np.testing.assert_allclose(centers, places, atol=3.5)  # a third of the way, and half a sample


@pytest.mark.parametrize("at", [0, 1, 998, 999])
def test_a_centre_at_the_edge_is_in_the_record(at: int) -> None:
    centers = center_qrs(complexes(np.array([float(at)])), FS, np.array([at]), SETTINGS.search)
    assert 0 <= centers[0] <= 999
    assert centers[0] == pytest.approx(at, abs=2)


def test_centres_are_in_order_whatever_the_marks() -> None:
    rng = np.random.default_rng(0)
    marks = np.sort(rng.uniform(0, 999, 300))
    centers = center_qrs(rng.normal(size=1000), FS, marks, SETTINGS.search)
    assert (np.diff(centers) >= 0).all()
    assert np.abs(centers - marks).max() <= SETTINGS.search * FS + 1


def test_a_part_is_filtered_as_in_the_whole(tmp_path: Path, make_record: MakeRecord) -> None:
    record = read_record(make_record(tmp_path, seconds=90))
    settings = BeatSettings()
    whole = filtered_lead(record.lead("V1"), settings)
    for start, end in ((0.0, 5.0), (40.0, 47.0), (85.0, 1000.0)):
        times, values = filtered_part(record, "V1", settings, start, end)
        part = slice(round(start * record.fs), round(end * record.fs))
        np.testing.assert_allclose(values, whole[part], atol=0.01)
        np.testing.assert_allclose(times[[0]], start)


def test_a_part_that_is_flat_is_nan(tmp_path: Path, make_record: MakeRecord) -> None:
    record = read_record(make_record(tmp_path, seconds=60))
    record.signals[: 30 * 360] = 0.0
    assert np.isnan(filtered_part(record, "V1", BeatSettings(), 0.0, 5.0)[1]).all()


def test_a_gap_in_a_part_stays_open_unless_it_is_short(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    record = read_record(make_record(tmp_path, seconds=60))
    record.signals[20 * 360 : 22 * 360] = np.nan
    record.signals[25 * 360 : 25 * 360 + 36] = np.nan
    times, values = filtered_part(record, "V1", BeatSettings(), 18.0, 28.0)
    np.testing.assert_array_equal(np.isnan(values), (times >= 20) & (times < 22))


def test_beside_a_long_gap_the_signal_is_still_there(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    """More than half of what the filter sees was missing, and all of it was left blank."""
    record = read_record(make_record(tmp_path, seconds=90))
    record.signals[30 * 360 : 50 * 360] = np.nan
    times, values = filtered_part(record, "V1", BeatSettings(), 26.0, 36.0)
    np.testing.assert_array_equal(np.isnan(values), times >= 30)
