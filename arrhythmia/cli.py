"""What all commands share: one-line errors, exit codes, common options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from arrhythmia.errors import InputError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, and that takes no abbreviated options."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see '{self.prog} --help')\n")


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
        Exit code: 0, 2 for bad input, 130 when interrupted.
    """
    try:
        command()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as with "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except InputError as error:
        print(f"{prog}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{prog}: stopped", file=sys.stderr)
        return 130
    return 0


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-dir``."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of the MIT-BIH database (default: $MITDB_DIR, or mitdb/)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    from arrhythmia.classifier import DEFAULT_MODEL

    parser.add_argument(
        "--model",
        metavar="DIR",
        default=DEFAULT_MODEL,
        help="folder of a saved model (default: saved_models/ds1, which comes with the project)",
    )
