"""Tests of `arrhythmia.app.overview`, ``strip``, ``screen``: only what is seen, and all of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arrhythmia.annotate.holter import UNKNOWN
from arrhythmia.app.overview import ectopic_bins, overview, window
from arrhythmia.app.reading import Reading
from arrhythmia.app.screen import Screen, thinned, time_ticks
from arrhythmia.app.strip import MARKS, strip
from arrhythmia.drawing import MV_PER_SECOND
from arrhythmia.labels import BEAT_CLASSES

WIDE = Screen(1000)


def renamed(reading: Reading, leads: tuple[str, ...]) -> Reading:
    """The same recording, its leads named otherwise."""
    record = replace(reading.analysis.record, leads=leads)
    first, *others = (
        replace(beats, lead=name)
        for beats, name in zip(reading.analysis.beats.in_leads, leads, strict=True)
    )
    beats = replace(first, others=tuple(others))
    analysis = replace(reading.analysis, record=record, beats=beats)
    return replace(reading, analysis=analysis)


def test_the_strip_shows_all_leads_and_every_beat(two_leads: Reading) -> None:
    figure, words = strip(two_leads, 5.0, 10.0, 8, WIDE)
    *leads, marks = figure.data
    assert [trace.name for trace in leads] == ["MLII", "V1"]
    centers = two_leads.analysis.beats.centers
    shown = np.flatnonzero((centers >= 5) & (centers <= 15))
    np.testing.assert_allclose(marks.x, centers[shown], atol=1e-4)
    letters = two_leads.letters[shown]
    assert [text.removeprefix("⚑") for text in marks.text] == letters.tolist()
    assert list(marks.marker.symbol) == [MARKS[c] for c in letters]
    assert f"{len(shown)} beats: {' '.join(letters)}." in words
    assert max(leads[1].y) < min(leads[0].y)


def test_only_what_is_seen_is_sent(excerpt: Reading) -> None:
    figure, _ = strip(excerpt, 100.0, 5.0, 0, WIDE)
    trace = figure.data[0]
    assert 100.0 <= min(trace.x) <= max(trace.x) <= 105.0
    longer, _ = strip(excerpt, 0.0, 300.0, 0, WIDE)
    assert len(longer.data[0].x) <= 3 * WIDE.width
    assert len(overview(excerpt, WIDE).data[0].x) <= len(excerpt.letters)


def test_the_paper_has_its_proportions(excerpt: Reading) -> None:
    figure, _ = strip(excerpt, 10.0, 5.0, 0, WIDE)
    layout = figure.layout
    wide = WIDE.width - layout.margin.l - layout.margin.r
    tall = layout.height - layout.margin.t - layout.margin.b
    low, high = layout.yaxis.range
    assert layout.meta
    assert tall / (high - low) == pytest.approx(wide / 5.0 / MV_PER_SECOND, rel=0.01)
    assert not strip(excerpt, 0.0, 300.0, 0, WIDE)[0].layout.meta


def test_beats_to_look_at_are_flagged(excerpt: Reading) -> None:
    beat = int(np.flatnonzero(excerpt.refer)[0])
    at = float(excerpt.analysis.beats.centers[beat])
    marks = strip(excerpt, at - 2, 4.0, 0, WIDE)[0].data[-1]
    place = list(marks.customdata).index(beat) if marks.customdata is not None else (
        int(np.abs(np.array(marks.x) - at).argmin())
    )  # fmt: skip
    assert marks.text[place].startswith("⚑")
    assert "look at it" in marks.hovertext[place]
    assert marks.marker.line.width[place] > 0


def test_names_of_leads_are_text(two_leads: Reading) -> None:
    hostile = renamed(two_leads, ("<img src=x onerror=alert(1)>", "V1"))
    figure, _ = strip(hostile, 0.0, 5.0, 0, WIDE)
    assert "<img" not in str(figure.layout.annotations[0].text)
    assert "&lt;img" in figure.layout.annotations[0].text


def test_the_overview_counts_every_ectopic_beat(excerpt: Reading) -> None:
    edges, counts = ectopic_bins(excerpt)
    assert edges[-1] == pytest.approx(300, abs=1)
    for letter in BEAT_CLASSES[1:]:
        assert counts[letter].sum() == excerpt.counts[letter]
    assert sum(excerpt.counts.values()) == len(excerpt.letters)
    assert excerpt.counts[UNKNOWN] == int((~excerpt.analysis.assessable).sum())


def test_the_window_is_where_the_strip_is(excerpt: Reading) -> None:
    length = excerpt.analysis.record.seconds
    style = window(excerpt, 100.0, 50.0)
    assert float(style["left"].rstrip("%")) == pytest.approx(100 * 100 / length, abs=1e-3)
    assert float(style["width"].rstrip("%")) == pytest.approx(100 * 50 / length, abs=1e-3)
    beyond = window(excerpt, length - 2, 50.0)
    assert sum(float(part.rstrip("%")) for part in beyond.values()) == pytest.approx(100, abs=2e-3)


def test_peaks_survive_when_points_are_left_out() -> None:
    values = np.zeros(100_000)
    values[[777, 50_001]] = 5.0, -5.0
    x, y = thinned(np.arange(100_000.0), values, 2000)
    assert len(x) <= 2000
    assert (y.max(), y.min()) == (5.0, -5.0)


@pytest.mark.parametrize(("end", "most"), [(0.7, 8), (10, 8), (1800, 10), (86_400, 12)])
def test_ticks_are_round_and_few(end: float, most: int) -> None:
    values, names = time_ticks(0.0, end, most)
    assert 2 <= len(values) <= most + 1
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("data", [None, {}, {"width": "wide"}, {"width": -3}, {"width": 1e9}, []])
def test_a_screen_may_say_anything(data: object) -> None:
    assert Screen.of(data) == Screen()


def test_a_dark_screen_gets_light_lines(excerpt: Reading) -> None:
    light, dark = (strip(excerpt, 0.0, 5.0, 0, Screen(800, d))[0] for d in (False, True))
    assert light.data[0].line.color != dark.data[0].line.color
    assert light.layout.paper_bgcolor != dark.layout.paper_bgcolor
