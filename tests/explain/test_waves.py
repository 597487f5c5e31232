"""Tests of `arrhythmia.explain.waves`: boundaries lie where the waves are."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from arrhythmia.beats import Beats, find_beats
from arrhythmia.explain.waves import WAVES, Waves, beat_waves, find_waves, qrs_extent
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import Templates, TemplateSettings, find_templates

FS, CENTER, LENGTH = 100.0, 40, 90
TIMES = (np.arange(LENGTH) - CENTER) / FS


def beat(*waves: tuple[float, float, float]) -> np.ndarray:
    """Sum of Gaussians: height, place and width in seconds."""
    return sum(h * np.exp(-0.5 * ((TIMES - at) / width) ** 2) for h, at, width in waves)


TEMPLATE = beat((0.2, -0.17, 0.022), (1.2, 0.0, 0.015), (0.3, 0.25, 0.04))


def test_waves_lie_around_their_tops() -> None:
    waves = find_waves(TEMPLATE, TEMPLATE, FS, CENTER)
    assert waves.p_seen
    assert waves.t_seen
    for name, place in (("P", -0.17), ("QRS", 0.0), ("T", 0.25)):
        start, end = (waves.edges[WAVES.index(name) + k] for k in (0, 1))
        assert start < CENTER + place * FS < end
    of = waves.of_samples(LENGTH)
    assert (np.diff(of) >= 0).all()
    assert set(of) == set(range(len(WAVES)))


@pytest.mark.parametrize("width", [0.012, 0.02, 0.03, 0.04])
def test_the_width_of_the_qrs_grows_with_it(width: float) -> None:
    onset, end = qrs_extent(beat((1.0, 0.0, width)), FS, CENTER)
    assert (end - onset) / FS == pytest.approx(4.9 * width + 0.013, abs=0.02)
    assert onset + end == pytest.approx(2 * CENTER, abs=0.2)


@pytest.mark.parametrize("change", [lambda b: 7 * b, lambda b: -b, lambda b: b + 3])
def test_gain_polarity_and_offset_change_nothing(change: object) -> None:
    expected = find_waves(TEMPLATE, TEMPLATE, FS, CENTER)
    found = find_waves(change(TEMPLATE), change(TEMPLATE), FS, CENTER)
    np.testing.assert_allclose(found.edges, expected.edges, atol=1e-6)
    assert (found.p_seen, found.t_seen) == (True, True)


def test_waves_that_are_not_there_are_put_where_they_mostly_are() -> None:
    bare = beat((1.2, 0.0, 0.015))
    waves = find_waves(bare, bare, FS, CENTER)
    assert (waves.p_seen, waves.t_seen) == (False, False)
    onset, end = qrs_extent(bare, FS, CENTER)
    np.testing.assert_allclose(waves.edges[1:3], [onset - 20, onset - 8])
    np.testing.assert_allclose(waves.edges[5:7], [end + 8, end + 30])


def test_a_wide_beat_has_its_own_qrs_and_the_p_of_the_template() -> None:
    wide = beat((1.9, 0.0, 0.045), (-0.5, 0.3, 0.05))
    typical, own = (find_waves(b, TEMPLATE, FS, CENTER) for b in (TEMPLATE, wide))
    assert own.edges[1] == typical.edges[1]
    assert own.edges[4] - own.edges[3] > typical.edges[4] - typical.edges[3] + 5
    assert (np.diff(own.edges) >= 0).all()


def test_a_flat_beat_is_divided_without_a_warning() -> None:
    with np.errstate(all="raise"):
        waves = find_waves(np.zeros(LENGTH), np.zeros(LENGTH), FS, CENTER)
    assert np.isfinite(waves.edges).all()
    assert not waves.p_seen


@pytest.mark.database
def test_real_ventricular_beats_are_wider_than_normal_ones(data_dir: object) -> None:
    for name in ("119", "208", "233"):
        beats = find_beats(read_record(name, data_dir), BeatSettings())
        widths = [
            np.median([np.diff(qrs_extent(s, FS, CENTER)) / FS
                       for s in beats.segments[beats.beat_class == number][:100]])
            for number in (0, 2)
        ]  # fmt: skip
        assert 0.06 < widths[0] < 0.1
        assert 0.12 < widths[1] < 0.22


# --- beats that were said wrongly (issue 17), as they look in both leads --------------------------


@cache
def prepared(name: str, data_dir: object) -> tuple[Record, Beats, Templates]:
    record = read_record(name, data_dir)
    beats = find_beats(record, BeatSettings())
    return record, beats, find_templates(beats, TemplateSettings())


def waves_at(name: str, sample: int, data_dir: object) -> Waves:
    record, beats, templates = prepared(name, data_dir)
    beat = int(np.abs(beats.sample - sample).argmin())
    assert abs(beats.sample[beat] - sample) < 0.1 * record.fs
    return beat_waves(record, beats, beat, templates)


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize(
    ("name", "sample", "seen_s"),
    [
        ("208", 358065, 0.17), ("208", 410134, 0.17), ("208", 398058, 0.17), ("208", 403041, 0.17),
        ("116", 273240, 0.16), ("232", 100074, 0.14), ("214", 102021, 0.14), ("111", 430363, 0.13),
    ],
)  # fmt: skip
def test_the_width_is_the_one_that_is_seen(
    name: str, sample: int, seen_s: float, data_dir: object
) -> None:
    assert waves_at(name, sample, data_dir).qrs_s == pytest.approx(seen_s, abs=0.025)


@pytest.mark.database
@pytest.mark.parametrize(("name", "sample"), [("105", 433506), ("108", 627019), ("203", 2251)])
def test_noise_is_given_no_width_and_no_waves(name: str, sample: int, data_dir: object) -> None:
    waves = waves_at(name, sample, data_dir)
    assert waves.qrs_s is None
    assert (waves.qrs_seen, waves.p_seen, waves.t_seen) == (False, False, False)


@pytest.mark.database
@pytest.mark.parametrize(
    ("name", "sample", "peak_s"),
    [
        ("228", 400133, -0.19),  # the P, not the dip after it
        ("207", 610307, None),  # an escape
        ("233", 105630, None),  # what lies there is the T of the beat before
        ("116", 273240, None),
    ],
)
def test_p_is_that_of_this_beat(
    name: str, sample: int, peak_s: float | None, data_dir: object
) -> None:
    waves = waves_at(name, sample, data_dir)
    assert waves.p_seen == (peak_s is not None)
    onset, end = (waves.edges[1:3] - CENTER) / FS
    if peak_s is None:
        assert onset == end  # not drawn
    else:
        assert onset < peak_s < end


@pytest.mark.database
def test_the_mark_of_222_is_not_beside_the_premature_p(data_dir: object) -> None:
    waves = waves_at("222", 405312, data_dir)
    onset, end = (waves.edges[1:3] - CENTER) / FS
    assert not waves.p_seen or onset < -0.2 < end


@pytest.mark.database
def test_widths_of_a_record_are_possible_or_not_stated(data_dir: object) -> None:
    from arrhythmia.explain.waves import record_waves

    record, beats, templates = prepared("208", data_dir)
    width = record_waves(record, beats, templates).found.qrs.width
    assert np.nanmax(width) <= 0.25
    assert np.nanmin(width[beats.symbol == "V"]) >= 0.09
    assert np.isfinite(width).mean() > 0.95
