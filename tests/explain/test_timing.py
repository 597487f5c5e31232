"""Tests of `arrhythmia.explain.timing`: neighbours, rows and rhythm of a beat."""

from __future__ import annotations

import numpy as np
import pytest

from arrhythmia.explain.timing import find_timing
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import Limits
from arrhythmia.records import read_record
from arrhythmia.rhythm import BIGEMINY, FIBRILLATION, SVT, Event
from arrhythmia.trust.events import known_rr, look_between


def classes(letters: str) -> np.ndarray:
    """Places of classes; -1 for ``-``."""
    return np.array([BEAT_CLASSES.index(c) if c != "-" else -1 for c in letters])


def test_neighbours_and_rows() -> None:
    letters = "NNNNNVVVNNNS"
    rr = np.where(classes(letters) == 2, 0.5, 0.8)
    rr[0] = np.nan
    found = find_timing(rr, classes(letters))
    assert [(t.place, t.run) for t in found[5:8]] == [(1, 3), (2, 3), (3, 3)]
    assert (found[5].before, found[5].after) == ("N", "V")
    assert found[5].early == pytest.approx(1 - 0.5 / 0.8)
    assert (found[0].rr_pre, found[0].early, found[0].before) == (None, None, "")
    assert (found[-1].rr_post, found[-1].after) == (None, "")


def test_a_row_does_not_go_over_a_gap() -> None:
    rr = np.full(9, 0.8)
    rr[5] = np.nan
    found = find_timing(rr, classes("NNNNVVVNN"))
    assert [(t.place, t.run) for t in found[4:7]] == [(1, 1), (1, 2), (2, 2)]
    assert found[4].rr_post is None


def test_beats_that_were_not_classified_are_no_neighbours() -> None:
    found = find_timing(np.full(4, 0.8), classes("-N-N"))
    assert (found[1].before, found[1].after) == ("", "")
    assert found[1].cycle is None


def test_the_rhythm_is_named_where_it_says_something_of_a_single_beat() -> None:
    events = [
        Event(BIGEMINY, 2, 5, 2.0, 5.0, 60.0, "V"),
        Event(FIBRILLATION, 7, 8, 7.0, 8.0, 60.0),
        Event(SVT, 0, 1, 0.0, 1.0, 120.0, "S"),
    ]
    found = find_timing(np.full(9, 1.0), classes("N" * 9), events)
    assert [t.rhythm for t in found] == [
        *[""] * 2, *["ventricular bigeminy"] * 4, "", *["atrial fibrillation or flutter"] * 2,
    ]  # fmt: skip
    assert found[7].fibrillating
    assert not found[3].fibrillating


def test_every_beat_knows_from_where_on_it_is_early() -> None:
    rr, letters = np.full(9, 0.8), classes("N" * 9)
    assert {t.premature for t in find_timing(rr, letters)} == {Limits().premature}
    found = find_timing(rr, letters, limits=Limits(premature=0.2))
    assert {t.premature for t in found} == {0.2}


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize(
    ("name", "sample", "early"), [("232", 620382, 0.56), ("234", 306926, 0.11), ("200", 2506, 0.26)]
)
def test_premature_beats_among_premature_beats_are_early(
    name: str, sample: int, early: float, data_dir: object
) -> None:
    """They were said to arrive on time: most intervals around them are those of early beats."""
    from arrhythmia.classifier import Classifier
    from arrhythmia.explain.gather import record_timing

    classifier, record = Classifier.load(), read_record(name, data_dir)
    beats = classifier.find_beats(record, source="atr")
    beat = int(np.abs(beats.sample - sample).argmin())
    between = look_between(record, beats, classifier.settings.beats)
    rr = known_rr(beats, record.fs, between)
    timing = record_timing(beats, classifier.probabilities(beats), rr, between)[beat]
    assert timing.early == pytest.approx(early, abs=0.02)
