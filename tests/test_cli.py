"""Tests of `arrhythmia.cli`: what all commands share."""

from __future__ import annotations

import argparse
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import error_line
from matplotlib import pyplot as plt

from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.cli import (
    Parser,
    add_model,
    add_recording,
    check_display,
    clock_seconds,
    run,
)
from arrhythmia.errors import InputError

PROJECT = Path(__file__).parent.parent


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


# --- exit codes -----------------------------------------------------------------------------


def test_a_command_that_went_well_gives_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda: print("done"), "prog") == 0
    assert capsys.readouterr() == ("done\n", "")


def test_bad_input_is_one_line_and_gives_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(InputError("no record\n  'x':\tchoose another")), "prog") == 2
    assert capsys.readouterr() == ("", "prog: error: no record 'x': choose another\n")


def test_an_interrupted_command_gives_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(KeyboardInterrupt()), "prog") == 130
    assert capsys.readouterr() == ("", "\nprog: stopped\n")


def test_an_error_of_the_program_itself_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()), "prog")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = (
        "import sys; from arrhythmia.cli import run; "
        "sys.exit(run(lambda: [print('x' * 1000) for _ in range(1000)] and None, 'prog'))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=PROJECT
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (0, b"")


# --- options --------------------------------------------------------------------------------


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="prog")
    parser.add_argument("--record")
    parser.add_argument("--beat", type=int)
    add_recording(parser)
    add_model(parser)
    return parser


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--recrod", "x"], "--recrod"),
        (["--rec", "x"], "--rec"),
        (["--record"], "--record"),
        (["--beat", "six"], "'six'"),
        (["more"], "more"),
    ],
)
def test_bad_options_are_one_line_and_give_2(
    parser: Parser, argv: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        parser.parse_args(argv)
    assert leaving.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("prog: error: ")
    assert err.endswith("(see 'prog --help')\n")
    assert err.count("\n") == 1
    assert word in err


def test_options_that_commands_share(parser: Parser) -> None:
    options = parser.parse_args([])
    assert (options.lead, options.data_dir, options.model) == (None, None, DEFAULT_MODEL)
    options = parser.parse_args(["--lead", "V5", "--data-dir", "here", "--model", "mine"])
    assert (options.lead, options.data_dir, options.model) == ("V5", "here", "mine")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:05:12.3", 312.3), ("5:12", 312.0), ("312", 312.0), ("312.25", 312.25),
        ("01:00:00", 3600.0), ("0", 0.0), ("100:00:00", 360_000.0), ("7.", 7.0),
    ],
)  # fmt: skip
def test_forms_of_time(text: str, seconds: float) -> None:
    assert clock_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("noon", "HH:MM:SS"), ("nan", "HH:MM:SS"), ("-3", "HH:MM:SS"), ("", "HH:MM:SS"),
        ("1:2:3:4", "HH:MM:SS"), ("1e3", "HH:MM:SS"), ("00:75:00", "60 or more"),
        ("0:60", "60 or more"), ("1:00:60", "60 or more"),
    ],
)  # fmt: skip
def test_what_is_no_time(text: str, word: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=word) as caught:
        clock_seconds(text)
    assert f"'{text}'" in str(caught.value)


def test_a_missing_display_is_told() -> None:
    before = plt.get_backend()
    try:
        plt.switch_backend("agg")
        text = error_line(check_display)
    finally:
        plt.switch_backend(before)
    assert "display" in text
    assert "--show" in text


# --- output that cannot be written ----------------------------------------------------------


def command_line(code: str, redirect: str, **variables: str) -> tuple[int, str]:
    """Exit code and stderr of a command whose standard output goes elsewhere."""
    program = f"import sys; from arrhythmia.cli import run; sys.exit(run(lambda: {code}, 'prog'))"
    ran = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirect}', sys.executable, program],
        capture_output=True, text=True, check=False, cwd=PROJECT, env=os.environ | variables,
    )  # fmt: skip
    return ran.returncode, ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
@pytest.mark.parametrize("length", [1, 100_000])
def test_a_full_output_is_one_line_and_gives_2(length: int) -> None:
    code, told = command_line(f"print('x' * {length})", ">/dev/full")
    assert code == 2
    assert told.startswith("prog: error: the system refused to read or write (No space left")
    assert told.count("\n") == 1


def test_a_closed_output_is_one_line_before_any_work() -> None:
    code, told = command_line("1 / 0", ">&-")
    assert (code, told) == (2, "prog: error: standard output is closed: leave out '>&-'\n")


def test_a_closed_stderr_does_no_harm() -> None:
    assert command_line("print('x')", "2>&-") == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_a_terminal_without_utf8_shows_what_it_can(encoding: str) -> None:
    assert command_line(r"print('\u03bcV \udcff')", "", PYTHONIOENCODING=encoding) == (0, "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a\x1bb"), r"'a\x1bb' (Disk quota exceeded)"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "'x' (Permission denied)"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    error: BaseException, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error), "prog") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


@pytest.mark.parametrize("program", ["predict.py", "-marrhythmia", "-mstudies"])
def test_commands_need_no_docstrings_nor_assertions(program: str) -> None:
    call = [sys.executable, "-OO", program, "--help"]
    done = subprocess.run(call, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: " in done.stdout
