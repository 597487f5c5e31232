"""``python -m arrhythmia app``: serve the page."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Final

from arrhythmia.app.reading import Settings, begin, read, warm_up
from arrhythmia.app.server import LARGEST, is_loopback, make_app
from arrhythmia.cli import hints_of
from arrhythmia.errors import InputError
from arrhythmia.files import temporary_folder
from arrhythmia.records import EXCERPT_NAME

if TYPE_CHECKING:
    from arrhythmia.app.reading import Reading

THREADS: Final = 8
OPEN_TO_ALL: Final = (
    "whoever can reach this computer can use the page, and what they send is not encrypted"
)


def serve(options: argparse.Namespace) -> None:
    """Serve the page until it is stopped.

    Raises
    ------
    InputError
        If the recording cannot be used, or the address is taken.
    """
    from threadpoolctl import threadpool_limits
    from waitress import create_server

    with suppress(InputError):  # nothing can have been left where nothing can be written
        temporary_folder().cleanup()  # what a killed server left of somebody's recording goes
    threadpool_limits(1)  # the matrices are small: threads that wait for each other slow it tenfold
    recording = read(options.file or EXCERPT_NAME, hints_of(options), options.data_dir)
    app = make_app(start(lambda: begin(recording, Settings(options.lead))), options.host)
    try:
        server = create_server(
            app.server, host=options.host, port=options.port, threads=THREADS, ident=None,
            max_request_body_size=LARGEST,
        )  # fmt: skip
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "the port is taken" if taken else error.strerror or str(error)
        raise InputError(
            f"cannot serve at {options.host}, port {options.port} ({reason}): choose another --port"
        ) from error
    if not is_loopback(options.host):
        print(f"note: {OPEN_TO_ALL}", file=sys.stderr)
    Thread(target=warm_up, daemon=True).start()
    shown = f"[{options.host}]" if ":" in options.host else options.host
    print(f"http://{shown}:{options.port} (stop with Ctrl-C)", flush=True)
    server.run()


def start(work: Callable[[], Reading]) -> Future[Reading]:
    """Do work beside."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(work)
    executor.shutdown(wait=False)
    return future
