"""Tests of `arrhythmia.stopping`: signals are quiet, and children end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arrhythmia.stopping import in_processes, interruptible

PROJECT = Path(__file__).parent.parent
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def start(code: str) -> subprocess.Popen[str]:
    """A command (as far as `arrhythmia.stopping` sees) that has said that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=PROJECT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


@BOTH
def test_a_signal_during_the_imports_ends_the_program_quietly(number: int) -> None:
    ready = "import arrhythmia.stopping, time; print('ready', flush=True); time.sleep(30)"
    with start(ready) as process:
        process.send_signal(number)
        assert process.wait(5) == 130
        assert process.stderr.read() == "\nstopped\n"


@BOTH
def test_a_signal_during_the_work_tidies_up(number: int, tmp_path: Path) -> None:
    code = f"""
import sys, time
from arrhythmia.cli import run
from arrhythmia.files import whole_file
def work():
    with whole_file({str(tmp_path / "table.csv")!r}) as part:
        part.write_text("half")
        print("ready", flush=True)
        try:
            time.sleep(30)
        except KeyboardInterrupt as error:  # as some libraries do
            raise ImportError("cannot load") from error
sys.exit(run(work, "prog"))
"""
    with start(code) as process:
        assert len(list(tmp_path.iterdir())) == 1
        process.send_signal(number)
        assert process.wait(5) == 130
        assert process.stderr.read() == "\nprog: stopped\n"
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_does_not_disturb_the_tidying_up() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruptible() as interruption:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.happened
    assert signal.getsignal(signal.SIGTERM) == before


def test_results_of_processes_come_in_the_order_of_the_arguments() -> None:
    assert list(in_processes(2, divmod, [(7, 2), (9, 3), (1, 5)])) == [(3, 1), (3, 0), (0, 1)]


@BOTH
def test_processes_are_ended_quietly(number: int) -> None:
    code = """
import sys, time
from arrhythmia.cli import run
from arrhythmia.stopping import in_processes
def work():
    for _ in in_processes(2, time.sleep, [(0.01,), (60,), (60,), (60,)]):
        print("ready", flush=True)
sys.exit(run(work, "prog"))
"""
    with start(code) as process:
        process.send_signal(number)
        assert process.wait(20) == 130
        assert process.stderr.read() == "\nprog: stopped\n"


@pytest.mark.skipif(sys.platform == "win32", reason="loky ends its processes there")
def test_a_process_ends_when_its_parent_is_killed() -> None:
    child = (
        "import os, time; from arrhythmia.stopping import end_with_parent; "
        "end_with_parent(os.getppid()); print(os.getpid(), flush=True); time.sleep(30)"
    )
    parent = (
        f"import subprocess, sys, time; print('ready', flush=True); "
        f"subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(30)"
    )
    with start(parent) as process:
        number = int(process.stdout.readline())
        process.kill()
    for _ in range(30):
        time.sleep(0.1)
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{number}/stat")
        if state.is_file() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return  # ended; nobody has asked for its exit code
    pytest.fail("it lives on")
