"""Ctrl-C and SIGTERM, quiet from the first import on.

The commands import this first. Until a command begins its work, and after it, there is nothing to
tidy up: a signal ends the program at once. In between it is a KeyboardInterrupt.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, TypeVar

STOPPED: Final = 130
"""Exit code."""

Result = TypeVar("Result")
Handler = Callable[[int, FrameType | None], None]


def _leave(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"\nstopped\n")
    os._exit(STOPPED)


def _handle(handler: Handler) -> None:
    """Set the handler of both signals, where nobody (such as ``nohup``) has set another."""
    usual = (signal.SIG_DFL, signal.default_int_handler)
    for number in (signal.SIGINT, signal.SIGTERM):
        present = signal.getsignal(number)
        if present in usual or getattr(present, "__module__", None) == __name__:
            with contextlib.suppress(ValueError):  # only the main thread may
                signal.signal(number, handler)


class Interruption:
    """Whether the user stopped the command: libraries turn the exception into others."""

    def __init__(self) -> None:
        self.happened = False

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt the first time; tidying up is not disturbed."""
        if not self.happened:
            self.happened = True
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """While a command works: both signals raise KeyboardInterrupt, once."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    interruption = Interruption()

    def stop(number: int, frame: FrameType | None) -> None:
        interruption.stop(number, frame)

    _handle(stop)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            with contextlib.suppress(ValueError, TypeError):
                signal.signal(number, handler)


def end_with_parent(parent: int) -> None:
    """End this process when its parent ends, however that ends. Call it in the process itself.

    Ctrl-C, which reaches both, is left to the parent.

    Parameters
    ----------
    parent : int
        Process number of the parent.
    """
    import threading
    import time

    if sys.platform == "win32":
        return  # loky ends its processes there
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def in_processes(
    count: int, function: Callable[..., Result], arguments: Iterable[tuple]
) -> Iterator[Result]:
    """Results of a function in the order of its arguments, from processes that end with this one.

    Parameters
    ----------
    count : int
        Processes at a time.
    function : callable
    arguments : iterable of tuple
        Of each call.

    Raises
    ------
    concurrent.futures.process.BrokenProcessPool
        If the system ended one of the processes.
    """
    from loky import get_reusable_executor

    executor = get_reusable_executor(count, initializer=end_with_parent, initargs=(os.getpid(),))
    futures = [executor.submit(function, *one) for one in arguments]
    try:
        for future in futures:
            yield future.result()
    except BaseException:  # Ctrl-C too: they would work on
        executor.shutdown(kill_workers=True)
        raise


def is_command() -> bool:
    """Whether a command of this project was started, not a test or a notebook that imports it."""
    main = sys.argv[0].replace("\\", "/") if sys.argv else ""
    return main in ("-m", "-c") or main.endswith(
        ("predict.py", "arrhythmia/__main__.py", "studies/__main__.py")
    )


if is_command():
    _handle(_leave)
