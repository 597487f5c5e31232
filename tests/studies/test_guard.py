"""Tests of `studies.guard` and `studies.kills`: faults are counted and shown."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

import pytest
from conftest import error_line

from studies import guard, kills
from studies.guard import fault_counts, format_guard, fuzz
from studies.kills import is_whole, kills_of, run

NOTHING = dict.fromkeys(kills.COLUMNS, 0)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("", ""),
        ("broken", "(folder / 'a').write_text('hal')"),
        ("leftovers", "(folder / '.part-x').touch()"),
        ("tracebacks", "print('Traceback', file=sys.stderr, flush=True)"),
        ("orphans", "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(4)'])"),
    ],
)
def test_what_a_kill_leaves_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str, code: str
) -> None:
    monkeypatch.setattr(kills, "copy_project", lambda folder: tmp_path)
    monkeypatch.setattr(kills, "SIGNALS", ("SIGKILL",))
    monkeypatch.setattr(kills, "PATIENCE_S", 0.1)
    monkeypatch.setattr(kills, "FIRST_S", 60.0)  # the command has ended before
    text = """
import subprocess, sys
from pathlib import Path
folder = Path(sys.argv[1])
(folder / "a").write_text("whole")
"""
    calls = []

    def call(folder: Path) -> list[str]:
        calls.append(folder)
        return ["-c", text + (code if len(calls) == 2 else ""), str(folder)]

    counts = kills_of("predict", random.Random(1), 1, tmp_path, call)
    assert counts == NOTHING | {"kills": 1} | ({fault: 1} if fault else {})


PAGE = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
place = Path(os.environ["TMPDIR"])
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        assert b'filename="r.dat"' in sent and self.headers["Origin"].endswith(sys.argv[-1])
        (place / ".part-x").mkdir(exist_ok=True)
        (place / ".part-x" / "r.dat").touch()
        (place / "r.dat").touch()
        print("Traceback", file=sys.stderr, flush=True)
        self.do_GET()
HTTPServer(("127.0.0.1", int(sys.argv[-1])), Page).serve_forever()
"""


@pytest.mark.slow
def test_what_a_page_leaves_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kills, "copy_project", lambda folder: tmp_path)
    monkeypatch.setattr(kills, "SIGNALS", ("SIGTERM",))
    monkeypatch.setattr(kills, "FIRST_S", 5.0)
    monkeypatch.setattr(kills, "PAGE_S", 5.0)
    for suffix in (".hea", ".dat", ".atr"):
        (tmp_path / f"r{suffix}").write_bytes(b"1")

    def call(_: Path) -> list[str]:
        return ["-c", PAGE, str(kills.free_port())]

    counts = kills.kills_of_page(random.Random(1), 1, tmp_path, call, tmp_path / "r")
    # the second run, to which nothing is sent, removes nothing of the first
    assert counts == NOTHING | {"kills": 1, "tracebacks": 1, "broken": 1, "leftovers": 2}


def test_a_command_is_killed_and_its_words_are_kept(tmp_path: Path) -> None:
    code = "import sys, time; print('begun', file=sys.stderr, flush=True); time.sleep(50)"
    assert run(tmp_path, ["-c", code], "SIGKILL", 1.0) == ("begun\n", 0)


def test_files_are_whole_to_their_end(tmp_path: Path) -> None:
    ends = {"a.json": '{"a": 1}\n', "b.csv": "1,2\n", "c.md": "text\n"}
    for name, text in ends.items():
        (tmp_path / name).write_text(text)
        assert is_whole(tmp_path / name, {})
        assert is_whole(tmp_path / name, {name: text.encode()})
        assert not is_whole(tmp_path / name, {name: b"other"})
        (tmp_path / name).write_text(text[:-1])
        assert not is_whole(tmp_path / name, {})
    with zipfile.ZipFile(tmp_path / "d.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert is_whole(tmp_path / "d.keras", {})
    (tmp_path / "d.keras").write_bytes((tmp_path / "d.keras").read_bytes()[:-9])
    assert not is_whole(tmp_path / "d.keras", {})


def test_faults_of_inputs_are_counted_by_kind_once_for_each_input() -> None:
    more_marks = ["wrong output", guard.MORE_MARKS, "3 2", ""]
    cases = [
        {
            "wall": 1.234,
            "mem": 0.5,
            "faults": [["traceback", "x"], ["traceback", "y"], ["hang", ""]],
        },
        {"wall": 0.5, "mem": 0.25, "faults": [more_marks]},
        {"wall": 0.5, "mem": 0.25, "faults": [more_marks, ["wrong output", "no figure", "", ""]]},
    ]
    assert fault_counts(cases) == {
        "inputs": 3, "traceback": 1, "hang": 1, "memory": 0, "outside": 0, "other": 1,
        "slowest_s": 1.23, "most_gb": 0.5,
    }  # fmt: skip


def test_the_fuzz_tool_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard, "FUZZ", tmp_path / "fuzz.py")
    assert f"'{tmp_path / 'fuzz.py'}'" in error_line(lambda: fuzz(1, 1, tmp_path))


def test_what_the_fuzz_tool_says_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "fuzz.py"
    monkeypatch.setattr(guard, "FUZZ", tool)
    tool.write_text("import json, sys; open(sys.argv[4], 'w').write(json.dumps(sys.argv[1:3]))")
    assert fuzz(3, 7, tmp_path) == ["3", "7"]
    tool.write_text("")
    assert "broke off" in error_line(lambda: fuzz(3, 7, tmp_path))


def test_the_table_shows_each_count_and_the_seed() -> None:
    counts = {"inputs": 9, "traceback": 4, "hang": 3, "memory": 2, "outside": 1, "other": 0,
              "slowest_s": 1.5, "most_gb": 0.25}  # fmt: skip
    results = {
        "seed": 7,
        "kills": {"predict": NOTHING | {"kills": 3, "broken": 2}},
        "writers": {"2": {"lost": 1, "broken": 0, "leftovers": 5}},
        "fuzz": counts,
    }
    lines = format_guard(json.loads(json.dumps(results))).splitlines()
    assert lines[0] == "seed 7"
    assert lines[2].split() == ["predict", "3", "0", "0", "2", "0"]
    assert lines[-2] == "2 writers at once: 1 rows of a ledger lost, 0 files wrong, 5 left over."
    assert "9 mutated inputs" in lines[-1]
    assert "4 tracebacks, 3 hangs over 20 s, 2 over 2 GB, 1 reads outside, 0 other" in lines[-1]
    assert format_guard({"seed": 7, "fuzz": counts}).splitlines()[-1] == lines[-1]


@pytest.mark.slow
def test_writers_lose_nothing_and_what_they_lose_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fake(_: Path, call: list[str]) -> None:
        if call[0] == "-c":  # writes its rows over those of the others
            run(guard.CLONE, [*call[:3], call[3], call[4]])
        else:
            folder = Path(call[-1])
            folder.mkdir(exist_ok=True)
            (folder / "101.ai").write_text("x")

    monkeypatch.setattr(guard, "run", fake)
    monkeypatch.setattr(guard, "WRITERS", (2,))
    assert guard.writers(tmp_path) == {"2": {"lost": 0, "broken": 0, "leftovers": 0}}
    monkeypatch.setattr(guard, "ADD_ROWS", guard.ADD_ROWS.replace("{number:032x}", "0" * 32))
    assert guard.writers(tmp_path)["2"]["lost"] == guard.ROWS
