"""Tests of `studies.inside`: no beat of a held-out block is trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import read_record
from arrhythmia.train.batches import Leads
from arrhythmia.train.settings import TrainingSettings
from studies import inside as module
from studies.inside import held_out, measure, pieces, run_inside


def test_no_beat_of_a_held_out_block_is_trained_on(records: dict[str, Leads]) -> None:
    for number, leads in enumerate(records.values()):
        first = leads[0]
        parts = pieces(leads, number, 5.0, least=2)
        test = held_out(first.marks / first.fs, number, 5.0)
        kept = sum(len(part[0].marks) for part in parts.values())
        assert 0 < np.count_nonzero(test) < len(test) / 2
        assert kept <= np.count_nonzero(~test)
        for name, (part, second) in parts.items():
            start = 5 * int(name.split("-")[1])
            assert not held_out(start + part.marks / part.fs, number, 5.0).any()
            low = round(start * first.fs)
            np.testing.assert_array_equal(part.signal, first.signal[low : low + len(part.signal)])
            assert len(part.marks) == len(part.beat_class) == len(second.marks)
            place = np.searchsorted(first.marks, part.marks + low)
            np.testing.assert_array_equal(part.beat_class, first.beat_class[place])


def test_another_block_is_held_out_from_record_to_record() -> None:
    seconds = np.arange(0, 360, 5.0)
    first, second = (held_out(seconds, number, 5.0) for number in (0, 1))
    assert first.mean() == second.mean() == pytest.approx(1 / 6)
    assert not (first & second).any()


@pytest.mark.usefixtures("without_graphs")
def test_only_held_out_blocks_are_scored(synthetic_dir: Path, tiny: TrainingSettings) -> None:
    names = ("205", "207", "208")
    figures = measure(names, synthetic_dir, tiny, 5.0, least=4)
    expected = 0
    for number, name in enumerate(names):
        record = read_record(name, synthetic_dir)
        seconds = reference_beats(record)[0] / record.fs
        expected += np.count_nonzero(held_out(seconds, number, 5.0))
    assert figures["beats"] == expected
    assert figures["made_with"]["block_s"] == 5.0
    assert sum(figures["aami"]["support"]) <= expected


def test_figures_are_stored_and_not_made_twice(
    tmp_path: Path, tiny: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def count(*_: object) -> dict:
        calls.append(1)
        return {"accuracy": 0.5}

    monkeypatch.setattr(module, "measure", count)
    for _ in range(2):
        assert run_inside(None, tmp_path, (5.0,), tiny) == {5.0: {"accuracy": 0.5}}
    assert len(calls) == 1
    file = tmp_path / "inside-patients" / "metrics-5.json"
    assert json.loads(file.read_text()) == {"accuracy": 0.5}
