"""What all commands share: one-line errors, exit codes, common options."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from arrhythmia.errors import InputError, SomeFailedError, one_line
from arrhythmia.files import DEFAULT_MODEL
from arrhythmia.labels import SOURCES
from arrhythmia.limits import RANGES, Limits, read_limit
from arrhythmia.stopping import STOPPED, interruptible

if TYPE_CHECKING:
    from arrhythmia.records import Hints

PROG: Final = "python -m arrhythmia"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, and that takes no abbreviated options."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        self.exit(2, f"{self.prog}: error: {one_line(message)} (see '{self.prog} --help')\n")


def run(command: Callable[[], None], prog: str) -> int:
    """Run a command; an error that the user caused becomes one line and exit code 2.

    Parameters
    ----------
    command : callable
        Does the work.
    prog : str
        Name to begin the line with.

    Returns
    -------
    int
        Exit code: 0, 2 for bad input, 3 where some recordings failed, 130 when interrupted.
    """
    if sys.stderr is None:  # closed; what is told goes nowhere, not into a file opened later
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        return _fail(prog, "standard output is closed: leave out '>&-'")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without UTF-8 shows the rest escaped
            stream.reconfigure(errors="backslashreplace")
    with interruptible() as interruption:
        try:
            command()
            sys.stdout.flush()
        except BaseException as error:
            if interruption.happened or isinstance(error, KeyboardInterrupt):
                print(f"\n{prog}: stopped", file=sys.stderr)
                return STOPPED
            return _code_of(error, prog)
    return 0


def _code_of(error: BaseException, prog: str) -> int:
    """Exit code for what ended a command; an error of the program itself is raised again."""
    if isinstance(error, BrokenPipeError):  # the reader has seen enough, as with "| head"
        _drop_output()
        return 0
    if isinstance(error, InputError):
        return _fail(prog, str(error))
    if isinstance(error, SomeFailedError):
        print(f"{prog}: {one_line(str(error))}", file=sys.stderr)
        return 3
    if isinstance(error, MemoryError):
        return _fail(prog, "there is not enough memory: give a shorter recording")
    if isinstance(error, OSError) and error.errno is not None:
        where = f" '{os.fsdecode(error.filename)}'" if error.filename else ""
        reason = error.strerror or os.strerror(error.errno)
        return _fail(prog, f"the system refused to read or write{where} ({reason})")
    raise error


def _fail(prog: str, text: str) -> int:
    try:
        print(f"{prog}: error: {one_line(text)}", file=sys.stderr, flush=True)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # e.g. a full disk: Python would try again at its end, and tell of it
        _drop_output()
    return 2


def _drop_output() -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere, stream.fileno())


def tell_notes(notes: Iterable[str]) -> None:
    """Print what the user should know to stderr, a line each."""
    for note in notes:
        print(one_line(f"note: {note}"), file=sys.stderr)


def check_display() -> None:
    """Say now, not after all the work, that no window can be opened.

    Raises
    ------
    InputError
        If there is no display.
    """
    from matplotlib import pyplot as plt

    try:
        plt.switch_backend(plt.get_backend())
    except ImportError as error:
        raise InputError(f"no window can be opened ({error}): leave out --show") from error
    if plt.get_backend().lower() == "agg":
        raise InputError("there is no display to open a window on: leave out --show")


def clock_seconds(text: str) -> float:
    """Seconds from ``HH:MM:SS``, ``MM:SS`` or seconds, for ``argparse``."""
    parts = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)", text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not HH:MM:SS, MM:SS or seconds")
    hours, minutes, seconds = (float(p or 0) for p in parts.groups())
    if (parts[2] and seconds >= 60) or (parts[1] and minutes >= 60):
        raise argparse.ArgumentTypeError(f"'{text}' has 60 or more minutes or seconds")
    return 3600 * hours + 60 * minutes + seconds


def add_command(commands: argparse._SubParsersAction, name: str, text: str) -> Parser:
    """Add a command of ``python -m arrhythmia``, with a line of help."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(prog=f"{PROG} {name}")
    return parser


def add_recording(parser: argparse.ArgumentParser) -> None:
    """Add what tells how a recording is read: ``--lead``, ``--fs``, ``--data-dir`` and others."""
    parser.add_argument(
        "--lead", help="name or number of the only lead to read (default: all ECG leads)"
    )
    parser.add_argument("--fs", metavar="HZ", type=float, help="rate, where the file says none")
    parser.add_argument("--units", metavar="UNIT", help="mV, uV or V, where the file says none")
    parser.add_argument(
        "--invert",
        metavar="LEAD",
        action="append",
        default=[],
        help="a lead that was recorded upside down (may be given again)",
    )
    parser.add_argument(
        "--follow-links",
        action="store_true",
        help="also read WFDB files that are links to files outside the record's folder",
    )
    add_data_dir(parser)


def add_r_peaks(parser: argparse.ArgumentParser) -> None:
    """Add ``--r-peaks``."""
    parser.add_argument(
        "--r-peaks",
        choices=SOURCES,
        help="from RECORD.atr, or detected (default: from RECORD.atr where it exists)",
    )


def hints_of(options: argparse.Namespace) -> Hints:
    """What the user says of the file by ``--fs``, ``--units``, ``--invert``, ``--follow-links``.

    Raises
    ------
    InputError
        If a rate is not above 0, or a unit is not known.
    """
    from arrhythmia.records import IN_MILLIVOLTS, Hints

    if options.fs is not None and not 0 < options.fs < float("inf"):
        raise InputError(f"--fs must be above 0, got {options.fs:g}")
    if options.units is not None and options.units not in IN_MILLIVOLTS:
        raise InputError(f"--units must be one of mV, uV, V, nV, got '{options.units}'")
    return Hints(options.fs, options.units, tuple(options.invert), options.follow_links)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add ``--pause`` and ``--tachycardia``."""
    for name, metavar, text in (
        ("pause_s", "SECONDS", "an RR interval of this length or more is a pause"),
        ("tachycardia_per_min", "PER_MIN", "a run at this rate or above is a tachycardia"),
    ):
        usual = f"{getattr(Limits, name):g}{RANGES[name].unit}"
        parser.add_argument(
            f"--{RANGES[name].name}", metavar=metavar, dest=name, help=f"{text} (default: {usual})"
        )


def limits_of(options: argparse.Namespace) -> Limits:
    """What the user says by ``--pause`` and ``--tachycardia``.

    Raises
    ------
    InputError
        If one is no number, or outside its range.
    """
    names = ("pause_s", "tachycardia_per_min")
    return Limits(**{name: read_limit(name, getattr(options, name)) for name in names})


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-dir``."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of the MIT-BIH database (default: $MITDB_DIR, or mitdb/)",
    )


def add_model(parser: argparse.ArgumentParser, by_record: bool = False) -> None:
    """Add ``--model``; ``by_record`` leaves the default to `arrhythmia.which_model`."""
    parser.add_argument(
        "--model",
        metavar="DIR",
        default=None if by_record else DEFAULT_MODEL,
        help="folder of a saved model (default: "
        + ("all; ds1 for records of mitdb and svdb)" if by_record else "ds1)"),
    )
