"""Tests of `studies.polarity`: what is stored is shown, and reaches its floor."""

from __future__ import annotations

from pathlib import Path

from studies.polarity import DS1_II, format_polarity, run_polarity
from studies.results import RESULTS


def test_what_is_stored_is_shown_and_reaches_its_floor(tmp_path: Path) -> None:
    counts = run_polarity(tmp_path / "no database", RESULTS)
    leads, false, turned = counts[DS1_II]
    assert (leads, false) == (22, 0)
    assert turned >= 12
    leads, false, turned = map(sum, zip(*counts.values(), strict=True))
    assert false <= 0.02 * leads
    assert turned >= 0.3 * leads
    assert "DS1, lead II" in format_polarity(counts)
