"""Tests of `arrhythmia.polarity`: a lead upside down is recognised, and turned when asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arrhythmia.beats import find_beats
from arrhythmia.errors import InputError
from arrhythmia.polarity import looks_inverted, wave_directions
from arrhythmia.records import Hints, Record, read_record
from arrhythmia.signals import BeatSettings

SETTINGS = BeatSettings()
SEEN = np.ones(30)


def beat(p: float, qrs: float, t: float) -> np.ndarray:
    """A segment of three waves of these heights."""
    times = np.arange(SETTINGS.length) / SETTINGS.fs - SETTINGS.before
    waves = ((p, -0.17, 0.025), (qrs, 0.0, 0.015), (t, 0.28, 0.04))
    return sum(height * np.exp(-0.5 * ((times - at) / wide) ** 2) for height, at, wide in waves)


def test_directions_are_those_of_the_waves() -> None:
    found = wave_directions(beat(0.1, 1.0, -0.3), SETTINGS)
    np.testing.assert_allclose(found, [0.1, 1.0, -0.3], atol=0.03)
    np.testing.assert_allclose(wave_directions(7 * beat(0.1, 1.0, -0.3), SETTINGS), found)


@pytest.mark.parametrize(
    ("heights", "said"),
    [((-0.1, -1, -0.3), True), ((0.1, 1, 0.3), False), ((-0.1, 1, -0.3), False),
     ((0.1, -1, -0.3), False), ((-0.1, -1, 0.3), False)],
)  # fmt: skip
def test_all_three_must_point_down(heights: tuple[float, float, float], said: bool) -> None:
    assert looks_inverted("II", beat(*heights), SEEN, SETTINGS) is said


def test_without_p_waves_and_in_leads_that_may_point_down_nothing_is_said() -> None:
    upside_down = beat(-0.1, -1, -0.3)
    assert not looks_inverted("II", upside_down, 0.3 * SEEN, SETTINGS)
    for lead in ("aVR", "V1", "mod.V1", "ECG aVR", "lead V1"):
        assert not looks_inverted(lead, upside_down, SEEN, SETTINGS)
    for lead in ("ECG", "MLII", "V5", "V10"):
        assert looks_inverted(lead, upside_down, SEEN, SETTINGS)


def record_of(heights: tuple[float, float, float]) -> Record:
    signal = np.tile(np.pad(beat(*heights), (0, 4)), 40)
    signal += 1e-3 * np.random.default_rng(0).standard_normal(len(signal))
    both = np.stack([signal, 0.5 * signal], axis=1)
    return Record("mine", both, SETTINGS.fs, ("II", "V5"), ("mV", "mV"))


def test_it_is_said_of_a_record_and_gone_when_turned() -> None:
    record = record_of((-0.1, -1, -0.3))
    (note,) = [n for n in find_beats(record, SETTINGS).notes if "upside down" in n]
    assert note.startswith("lead II and V5 may be")
    assert note.endswith("add --invert II --invert V5)")
    turned = record.inverted(["ii", "2"])
    np.testing.assert_array_equal(turned.signals, -record.signals)
    assert turned.notes == ("lead II, V5 was turned upside down, as asked for",)
    assert not any("may be" in n for n in find_beats(turned, SETTINGS).notes)


def test_a_lead_turned_wrongly_is_not_advised_to_be_turned_again() -> None:
    turned = record_of((0.1, 1, 0.3)).inverted(["II"])
    (note,) = [n for n in find_beats(turned, SETTINGS).notes if "may be upside down" in n]
    assert note.startswith("lead II may be")
    assert note.endswith("(it was turned: leave out --invert II)")


def test_only_the_lead_named_is_turned_whatever_the_format(tmp_path: Path) -> None:
    record = record_of((0.1, 1, 0.3))
    np.savez(tmp_path / "a.npz", ecg=record.signals, fs=100)
    read = read_record(tmp_path / "a.npz", hints=Hints(invert=("ECG2",)))
    np.testing.assert_array_equal(read.signals, record.signals * [1, -1])
    with pytest.raises(InputError, match="no lead 'V9': it has ECG1, ECG2"):
        read_record(tmp_path / "a.npz", hints=Hints(invert=("V9",)))
    excerpt = read_record("208-excerpt", hints=Hints(invert=("1",)))
    np.testing.assert_array_equal(excerpt.signals, -read_record("208-excerpt").signals)


def test_a_turned_lead_gives_the_files_of_the_right_one(tmp_path: Path) -> None:
    from arrhythmia.__main__ import main

    record = record_of((0.1, 1, 0.3))
    for name, sign in (("up", 1), ("down", -1)):
        np.savez(tmp_path / f"{name}.npz", ecg=sign * record.signals[:, 0], fs=100)
    assert main(["annotate", str(tmp_path / "up.npz"), "--units", "mV"]) == 0
    wanted = ["annotate", str(tmp_path / "down.npz"), "--units", "mV", "--invert", "ECG"]
    assert main(wanted) == 0
    tables = [(tmp_path / f"{name}.beats.csv").read_text() for name in ("up", "down")]
    assert tables[0] == tables[1]
    assert "turned" in " ".join(json.loads((tmp_path / "down.json").read_text())["notes"])
