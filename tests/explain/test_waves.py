"""Tests of `arrhythmia.explain.waves`: boundaries lie where the waves are."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.beats import find_beats
from arrhythmia.explain.waves import WAVES, find_waves, qrs_extent
from arrhythmia.records import read_record
from arrhythmia.signals import BeatSettings

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
