"""Tests of `studies.detectors`: counts are as on paper, and what is stored is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studies.detectors import NETWORK, count, format_detectors, run_detectors
from studies.results import RESULTS


def test_each_beat_is_matched_with_one_mark() -> None:
    true = np.array([1.0, 2.0, 3.0, 4.0])
    found = np.array([1.01, 1.1, 3.2, 4.14, 9.0])
    ventricular = np.array([False, True, False, True])
    # found: 1 and 4; missed: 2, which is V, and 3; marks too many: 1.1, 3.2, 9.0
    assert count(true, ventricular, found, []) == [4, 2, 2, 1, 3, 0]
    assert count(true, ventricular, found, [(8.0, 10.0)]) == [4, 2, 2, 1, 3, 1]


def test_what_is_stored_is_shown_and_reaches_its_floor(tmp_path: Path) -> None:
    results = run_detectors(tmp_path / "no database", RESULTS)
    assert len(results[NETWORK]["DS1"]) == 22
    assert len(results[NETWORK]["svdb"]) == 39
    beats, found, *_, false, in_flutter = np.sum(list(results[NETWORK]["DS1"].values()), axis=0)
    assert found / beats > 0.999
    assert found / (found + false - in_flutter) > 0.998
    assert "svdb 800 to 855" in format_detectors(results)
