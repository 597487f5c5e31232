"""Tests of `studies.guard`: faults are counted and shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import error_line

from studies import guard
from studies.guard import fault_counts, format_guard, fuzz, kills


@pytest.mark.parametrize(("fault", "code"), [("", ""), ("broken", "open(f, 'w').write('half')"),
    ("leftovers", "open(sys.argv[1] + '/.part-x', 'w')"),
    ("tracebacks", "print('Traceback', file=sys.stderr, flush=True)")])  # fmt: skip
def test_what_a_kill_leaves_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str, code: str
) -> None:
    monkeypatch.setattr(guard, "LONGEST_S", {"predict": 0.0})
    monkeypatch.setattr(guard, "SIGNALS", ("SIGKILL",))
    flag = tmp_path / "second"
    text = f"""
import os, sys, time
f = sys.argv[1] + "/a"
if os.path.exists({str(flag)!r}):
    {code or "pass"}
if {fault == "broken"}:
    sys.exit()
open(f, "w").write("x")
"""
    right = text.replace(f"if {fault == 'broken'}:\n    sys.exit()\n", "")
    calls = []

    def commands(folder: Path, _: Path) -> dict[str, list[str]]:
        calls.append(folder)
        if len(calls) > 1:
            flag.touch()
        return {"predict": ["-c", right if len(calls) == 1 else text, str(folder)]}

    def run(arguments: list[str], which: str | None = None, after_s: float = 0.0) -> str:
        return unkilled(arguments)  # a kill at second 0 would come before the fault

    unkilled = guard._run
    monkeypatch.setattr(guard, "commands", commands)
    monkeypatch.setattr(guard, "_run", run)
    counts = kills(1, 1, tmp_path, lambda _: None)["predict"]
    assert counts["kills"] == 1
    assert {name for name in counts if counts[name]} == {"kills", *([fault] if fault else [])}


def test_faults_of_inputs_are_counted_by_kind_once_for_each_input() -> None:
    cases = [
        {"faults": [["traceback", "x", "", ""], ["traceback", "y", "", ""], ["hang", "", "", ""]]},
        {"faults": []},
    ]
    assert fault_counts(cases) == {"inputs": 2, "hang": 1, "traceback": 1}


def test_the_fuzz_tool_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard, "FUZZ", tmp_path / "fuzz.py")
    assert f"'{tmp_path / 'fuzz.py'}'" in error_line(lambda: fuzz(1, 1, tmp_path))


def test_the_table_shows_each_count_and_the_seed() -> None:
    wrong = {"kills": 3, "tracebacks": 1, "leftovers": 0, "broken": 2, "orphans": 0}
    text = format_guard({"seed": 7, "kills": {"predict": wrong}, "fuzz": {"inputs": 9, "hang": 4}})
    assert text.splitlines()[0] == "seed 7"
    assert text.splitlines()[2].split() == ["predict", "3", "1", "0", "2", "0"]
    assert text.endswith("9 inputs, 4 hang")
