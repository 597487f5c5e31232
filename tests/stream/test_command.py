"""Tests of ``python -m arrhythmia stream``: a file, standard input, a socket."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from conftest import MakeRecord
from stream.conftest import signals_of

from arrhythmia.__main__ import main
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.records import Record, read_record
from arrhythmia.stream_command import _serve

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "arrhythmia", "stream", "--model", str(DEFAULT_MODEL)]


@pytest.fixture
def place(tmp_path: Path, make_record: MakeRecord) -> Path:
    return make_record(tmp_path, symbols="NNNNVVVNNN" * 3, seconds=40, fs=250, seed=2)


@pytest.fixture
def played(place: Path, capsys: pytest.CaptureFixture) -> list[dict]:
    """What is told of a record that is played at once."""
    assert main(["stream", str(place), "--speed", "0", "--model", str(DEFAULT_MODEL)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def rows_of(record: Record) -> bytes:
    return "".join(f"{a:.4f},{b:.4f}\n" for a, b in signals_of(record)).encode()


def told_classes(told: list[dict]) -> list[str]:
    return [one["beat"] for one in told if "beat" in one]


def test_a_file_gives_a_line_for_each_beat(played: list[dict]) -> None:
    assert len(told_classes(played)) >= 26
    assert {"N", "V"} <= set(told_classes(played))
    for one in played:
        assert one.keys() >= ({"beat", "p", "delay"} if "beat" in one else {"event", "state"})


@pytest.mark.slow
def test_standard_input_gives_what_the_file_gives(place: Path, played: list[dict]) -> None:
    command = [*COMMAND, "--fs", "250", "--leads", "MLII,V1"]
    text = rows_of(read_record(place))
    ran = subprocess.run(command, input=text, capture_output=True, cwd=ROOT, check=True)
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.stderr == b""
    assert told_classes(told) == told_classes(played)
    assert [one["event"] for one in told if "event" in one] == [
        one["event"] for one in played if "event" in one
    ]


@pytest.mark.slow
def test_beats_are_told_before_the_end_of_the_input(place: Path) -> None:
    command = [*COMMAND, "--fs", "250", "--leads", "MLII,V1"]
    rows = rows_of(read_record(place)).splitlines(keepends=True)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        process.stdin.write(b"".join(rows[: 10 * 250]))
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        assert first["beat"] == "N"
        process.stdout.close()  # as "| head -1" does
        process.stdin.write(b"".join(rows[10 * 250 :]))
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.slow
def test_a_socket_is_served_until_it_is_stopped(place: Path, played: list[dict]) -> None:
    command = [*COMMAND, "--fs", "250", "--leads", "MLII,V1", "--listen", "0"]
    text = rows_of(read_record(place))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's jobs ignore it
    ) as process:  # fmt: skip
        port = int(process.stderr.readline().split()[-1])
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(b"nonsense, and more\nand again\n" + text)
        while b"ended" not in process.stderr.readline():
            pass
        with socket.create_connection(("127.0.0.1", port)) as sender:  # and the next
            sender.sendall(text[: len(text) // 2])
        while b"ended" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    told = [json.loads(line) for line in output.splitlines()]
    assert [one["what"] for one in told if one.get("event") == "bad rows"]
    classes = told_classes(told)
    assert classes[: len(told_classes(played))] == told_classes(played)
    assert len(classes) > 1.3 * len(told_classes(played))


def test_a_file_is_played_at_the_speed_that_is_wanted(
    place: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = []
    monkeypatch.setattr(time, "sleep", lambda seconds: slept.append(seconds))
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    arguments = ["stream", str(place), "--speed", "2", "--model", str(DEFAULT_MODEL)]
    assert main(arguments) == 0
    assert sum(slept) == pytest.approx(read_record(place).seconds / 2, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "--fs"),
        (["--fs", "250"], "--leads"),
        (["--fs", "0", "--leads", "II"], "--fs must be above 0"),
        (["--fs", "50", "--leads", "II"], "80 Hz"),
        (["--fs", "250", "--leads", "II,II"], "II,II"),
        (["--fs", "250", "--leads", "time"], "lead"),
        (["--fs", "250", "--leads", "II", "--listen", "70000"], "70000"),
        (["nowhere", "--speed", "-1"], "-1"),
        (["nowhere"], "nowhere"),
        (["nowhere", "--listen", "5000"], "not both"),
        (["nowhere", "--leads", "II"], "--lead"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["stream", *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert text in line


@pytest.mark.slow
def test_a_bad_row_of_standard_input_ends_it(place: Path) -> None:
    command = [*COMMAND, "--fs", "250", "--leads", "MLII,V1"]
    text = rows_of(read_record(place))[:20_000].rpartition(b"\n")[0] + b"\n1,oops\n2,2\n"
    ran = subprocess.run(command, input=text, capture_output=True, cwd=ROOT, check=False)
    assert ran.returncode == 2
    assert ran.stderr.count(b"\n") == 1
    assert b"1,oops" in ran.stderr


@pytest.mark.slow
def test_a_column_of_time_tells_lost_samples(place: Path) -> None:
    record = read_record(place)
    seconds = np.arange(len(record)) / 250
    there = (seconds < 10) | (seconds > 14)
    rows = zip(seconds[there], signals_of(record)[there], strict=True)
    text = "".join(f"{t:.3f},{a:.4f},{b:.4f}\n" for t, (a, b) in rows)
    command = [*COMMAND, "--fs", "250", "--leads", "time,MLII,V1"]
    ran = subprocess.run(command, input=text.encode(), capture_output=True, cwd=ROOT, check=True)
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [one["state"] for one in told if one.get("event") == "no signal"] == ["begins", "ends"]
    assert all(one["clock"] is not None for one in told if "beat" in one and one["time"] > 2)


def test_a_port_that_is_taken_is_told_with_what_to_do(capsys: pytest.CaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["stream", "--fs", "250", "--leads", "II", "--listen", port]) == 2
    line = capsys.readouterr().err
    assert f"cannot listen at 127.0.0.1, port {port}" in line
    assert "choose another --listen" in line


def test_what_a_sender_sent_before_it_was_cut_off_is_told() -> None:
    class Cut:
        left: ClassVar = [b"1\n"]

        def settimeout(self, seconds: float) -> None: ...

        def recv(self, size: int) -> bytes:
            if not self.left:
                raise ConnectionResetError
            return self.left.pop()

    class Rows:
        seconds, taken = 0.0, ()

        def take(self, content: bytes, at_end: bool = False) -> None:
            self.taken += ((content, at_end),)

    rows = Rows()
    _serve(Cut(), rows, 250.0)
    assert rows.taken == ((b"1\n", False), (b"", True))
