"""Tests of `studies.benchmark`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from arrhythmia.classifier import DEFAULT_MODEL
from studies import benchmark as module
from studies.benchmark import NOTEBOOK, PARTS, make_day, run_benchmark
from studies.results import RESULTS, read_json
from studies.stages import STAGES, Stopwatch


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Parts that were timed; they take two seconds each, as they say."""
    parts: list[str] = []

    def timer(part: str) -> object:
        def time(*_: object) -> dict[str, float]:
            parts.append(part)
            return {f"{part} itself": 2.0}

        return time

    for part in PARTS:
        monkeypatch.setattr(module, f"_time_{part}", timer(part))
    return parts


def test_parts_are_timed_in_their_order(timed: list[str], capsys: pytest.CaptureFixture) -> None:
    report = run_benchmark(None, "model")
    assert timed == list(PARTS)
    assert report["train itself"] == 2.0
    assert report["cores"] >= 1
    assert "2.00 s  train itself" in capsys.readouterr().out


def test_only_some_parts_are_timed_if_wanted(timed: list[str]) -> None:
    report = run_benchmark(None, "model", ["train", "record"])
    assert timed == ["record", "train"]
    assert set(report) - {"load"} == {"cores", "record itself", "train itself"}


def test_what_is_timed_exists() -> None:
    assert NOTEBOOK.is_file()
    assert read_json(RESULTS / "benchmark.json")["cores"] == 2


@pytest.mark.slow
@pytest.mark.database
def test_stages_add_up_and_tell_memory(data_dir: Path, tmp_path: Path) -> None:
    found = module._stages([make_day(tmp_path, data_dir, seconds=60)])
    assert set(found) == {*STAGES, "wfdb"}
    assert all(seconds >= 0 for seconds, _ in found.values())  # of a minute, some take no 5 ms
    assert min(found[stage][0] for stage in ("start", "detect")) > 0
    if Path("/proc/self/status").exists():
        assert 50 < found["read"][1] < 2000


def busy(seconds: float) -> None:
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


def test_time_inside_a_stage_counts_once() -> None:
    watch = Stopwatch()
    with watch.stage("beats"):
        busy(0.02)
        with watch.stage("detect"):
            busy(0.05)
    seconds = {stage: seconds for stage, (seconds, _) in watch.report().items()}
    assert seconds["detect"] >= 0.05
    assert 0.02 <= seconds["beats"] < seconds["detect"]
    assert seconds["write"] == 0


@pytest.mark.slow
@pytest.mark.database
def test_a_record_is_classified_and_a_beat_explained(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = []
    monkeypatch.setattr(module, "_seconds", lambda work, repeats=1: once.append(work()) or 1.0)
    report = run_benchmark(data_dir, DEFAULT_MODEL, ["record", "explain"])
    assert len(report.keys() - {"load"}) == 1 + len(once) == 5
    stored = read_json(RESULTS / "benchmark.json")
    assert set(report) <= set(stored)
