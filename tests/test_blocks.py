"""Tests of `arrhythmia.blocks`: what is worked out block by block is what the whole gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import wfdb
from conftest import beat_times, ecg

from arrhythmia import blocks
from arrhythmia.beats import find_beats
from arrhythmia.blocks import blocks_of, bridged, members, side_by_side
from arrhythmia.errors import InputError
from arrhythmia.formats import wfdb as wfdb_format
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings, filtered_and_resampled, filtered_lead
from arrhythmia.trust.pacing import begins_paced
from arrhythmia.trust.quality import PROBLEMS, find_problems

SETTINGS = BeatSettings()
FS, SECONDS = 250.0, 400.0


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything longer than 100 s is long."""
    modules = ("arrhythmia.blocks", "arrhythmia.trust.events", "arrhythmia.formats.wfdb")
    for module in modules:
        monkeypatch.setattr(f"{module}.LONG_S", 100.0)
    monkeypatch.setattr(blocks, "BLOCK_S", 60.0)
    yield
    monkeypatch.undo()


def spoiled_record() -> Record:
    """Two leads with gaps (one of them as long as a block), a flat line, saturation and noise."""
    rng = np.random.default_rng(1)
    symbols = ["N"] * 9 + ["V"]
    symbols = symbols * 49
    times, seconds = beat_times(symbols, rng, 0.8), np.arange(int(SECONDS * FS)) / FS
    leads = ("MLII", "V1")
    signals = np.stack([ecg(seconds, times, symbols, lead, 3) for lead in leads], axis=1)
    signals += 0.01 * rng.standard_normal(signals.shape)
    at = {name: slice(int(a * FS), int(b * FS)) for name, a, b in (
        ("gap", 55, 65), ("long gap", 110, 185), ("flat", 200, 206), ("noise", 238, 244),
    )}  # fmt: skip
    signals[at["gap"]] = signals[at["long gap"]] = np.nan
    signals[at["flat"]] = 0.3
    signals[at["noise"]] += 0.5 * rng.standard_normal((int(6 * FS), 2))
    signals = np.where(np.isnan(signals), signals, np.clip(signals, -0.4, 0.9))
    return Record("spoiled", signals, FS, ("II", "V1"), ("mV", "mV"))


def test_blocks_cover_a_lead_once_and_see_their_neighbours(in_blocks: None) -> None:
    found = list(blocks_of(100_001, 250.0, multiple=7))
    assert [b.first for b in found] == [0, *(b.last for b in found[:-1])]
    assert found[-1].last == found[-1].stop == 100_001
    assert all(b.first % 7 == b.start % 7 == 0 for b in found)
    assert all(b.first - b.start > 29.9 * 250 for b in found[1:])
    assert len(list(blocks_of(25_000, 250.0))) == 1


def test_every_beat_belongs_to_one_block(in_blocks: None) -> None:
    places = np.sort(np.random.default_rng(0).uniform(-5, 100_005, 500))
    parts = [members(places, b.first, b.last, 100_001) for b in blocks_of(100_001, FS)]
    assert np.concatenate([np.arange(500)[part] for part in parts]).tolist() == list(range(500))


def test_a_gap_over_the_edge_of_a_part_is_bridged_as_in_the_whole() -> None:
    lead = spoiled_record().lead("II")
    whole = bridged(lead, 0, len(lead.signal))
    for start, stop in ((0, 15_000), (14_000, 30_000), (30_000, 40_000), (99_000, 100_000)):
        np.testing.assert_allclose(bridged(lead, start, stop), whole[start:stop], rtol=1e-12)


@pytest.mark.parametrize("fs", [250.0, 360.0, 499.31])
def test_a_lead_filtered_in_blocks_is_the_lead_filtered_whole(
    fs: float, request: pytest.FixtureRequest
) -> None:
    lead = replace(spoiled_record().lead("II"), fs=fs)
    whole = [filtered_and_resampled(lead, SETTINGS), filtered_lead(lead, SETTINGS)]
    request.getfixturevalue("in_blocks")
    parts = [filtered_and_resampled(lead, SETTINGS), filtered_lead(lead, SETTINGS)]
    for one, other in zip(whole, parts, strict=True):
        assert other.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_beats_and_their_problems_are_those_of_the_whole(
    request: pytest.FixtureRequest,
) -> None:
    record = spoiled_record()

    def work() -> tuple:
        beats = find_beats(record, SETTINGS)
        lead = record.lead("II")
        problems = find_problems(lead, beats.centers, SETTINGS)
        return beats, problems, begins_paced(lead, beats.sample)

    (whole, problems, paced) = work()
    request.getfixturevalue("in_blocks")
    (parts, problems_in_blocks, paced_in_blocks) = work()
    np.testing.assert_array_equal(whole.sample, parts.sample)
    np.testing.assert_allclose(whole.centers, parts.centers, atol=1e-4)
    for one, other in zip(whole.in_leads, parts.in_leads, strict=True):
        np.testing.assert_allclose(one.segments, other.segments, atol=2e-3)
    np.testing.assert_array_equal(problems, problems_in_blocks)
    np.testing.assert_array_equal(paced, paced_in_blocks)
    seen = {PROBLEMS[problem] for problem in problems}
    assert {"", "a flat line", "noise as loud as the beat"} <= seen


@pytest.mark.parametrize("change", [0, 1])
def test_a_long_record_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, change: int
) -> None:
    digital = np.random.default_rng(0).integers(-1000, 1000, (30_001, 2))
    digital[500:600] = -2048  # invalid in format 212
    wfdb.wrsamp("long", FS, ["mV"] * 2, ["II", "V1"], d_signal=digital, fmt=["212"] * 2,
                adc_gain=[200.0, 150.0], baseline=[10, 0], write_dir=str(tmp_path))  # fmt: skip
    if change:
        with (tmp_path / "long.dat").open("r+b") as file:
            file.seek(40_000)
            file.write(b"\x01\x02\x03")
    whole = read_record(tmp_path / "long")
    request.getfixturevalue("in_blocks")
    monkeypatch.setattr(wfdb_format, "SAMPLES_AT_ONCE", 7000)
    parts = read_record(tmp_path / "long")
    assert (whole.signals.dtype, parts.signals.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(whole.signals, parts.signals, rtol=1e-6)
    assert parts.lead("V1").signal.base is not None  # a lead is no copy
    assert whole.notes == parts.notes
    assert bool(parts.notes) == bool(change)


def test_leads_are_worked_on_at_the_same_time_and_stay_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks.os, "cpu_count", lambda: 2)
    both = Barrier(2, timeout=20)  # either waits until the other has come

    def work(lead: int) -> int:
        both.wait()
        return 10 * lead

    assert side_by_side(work, [2, 1]) == [20, 10]
    assert side_by_side(lambda lead: lead, np.arange(3)) == [0, 1, 2]
    assert side_by_side(str, [5]) == ["5"]


def test_what_goes_wrong_in_a_lead_is_told() -> None:
    def work(lead: int) -> None:
        if lead == 2:
            raise InputError("lead 2 is flat")

    with pytest.raises(InputError, match="lead 2 is flat"):
        side_by_side(work, [1, 2])
