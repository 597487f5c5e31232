"""The command ``stream``: beats of a monitor, or of a file that is played, as lines of JSON."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np

from arrhythmia.cli import Parser, add_command, add_model, add_recording, hints_of
from arrhythmia.errors import InputError

if TYPE_CHECKING:
    from arrhythmia.stream import StreamBeat, StreamClassifier, StreamEvent

CHUNK_S: Final = 0.1
"""Seconds of a file that are played at a time."""
READ: Final = 65_536
"""Bytes that are read at a time."""
SILENT_S: Final = 2.0
"""A sender that sends nothing for so long is reported."""


def add_stream(commands: argparse._SubParsersAction) -> None:
    """Add ``stream``."""
    parser: Parser = add_command(
        commands, "stream", "classify beats as they come: standard input, a file played, a socket"
    )
    parser.add_argument(
        "record",
        nargs="?",
        metavar="FILE",
        help="a recording to play (default: rows of numbers from standard input)",
    )
    parser.add_argument(
        "--leads", metavar="NAMES",
        help="names of the columns, such as II,V1; a column 'time' holds seconds",
    )  # fmt: skip
    parser.add_argument(
        "--speed", type=float, default=1.0, help="of a file: 1 as recorded (default), 0 at once"
    )
    parser.add_argument("--listen", metavar="PORT", type=int, help="take rows from a TCP socket")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: this computer alone)"
    )
    add_recording(parser)
    add_model(parser, by_record=True)
    parser.set_defaults(command=stream)


def stream(options: argparse.Namespace) -> None:
    """Write a line of JSON for each beat and event."""
    if options.record is not None:
        if options.listen is not None:
            raise InputError("give a file or --listen, not both")
        _play(options)
        return
    columns = _columns(options)
    if options.listen is not None:
        _listen(options, columns)
    else:
        _read(options, columns)


def _columns(options: argparse.Namespace) -> tuple[str, ...]:
    """Names of the columns of rows."""
    hints_of(options)
    if options.fs is None or not options.leads:
        raise InputError("rows of numbers need --fs HZ and --leads NAMES, such as --leads II,V1")
    columns = tuple(name.strip() for name in options.leads.split(","))
    if len(set(columns)) < len(columns) or "" in columns:
        raise InputError(f"--leads must be different names with commas, got '{options.leads}'")
    return columns


def _play(options: argparse.Namespace) -> None:
    """Play a file at the speed wanted."""
    from arrhythmia.records import read_record
    from arrhythmia.which_model import choose_model

    if not 0 <= options.speed < float("inf"):
        raise InputError(f"--speed must be at least 0, got {options.speed:g}")
    if options.leads:
        raise InputError("--leads names the columns of rows; of a file give --lead, or nothing")
    model, notes = choose_model(options.record, options.data_dir, options.model)
    record = read_record(options.record, options.data_dir, hints=hints_of(options))
    names = (record.lead(options.lead).name,) if options.lead else record.ecg_leads
    signals = np.stack([record.lead(name).signal for name in names], axis=1)
    classifier = _classifier(record.fs, names, model)
    for note in (*notes, *record.notes):
        print(f"note: {note}", file=sys.stderr)
    size = max(round(CHUNK_S * record.fs), 1)
    began = time.monotonic()
    for first in range(0, len(signals), size):
        if options.speed:
            due = began + min(first + size, len(signals)) / record.fs / options.speed
            time.sleep(max(due - time.monotonic(), 0))
        _write(classifier.push(signals[first : first + size]))
    _write(classifier.end())


def _classifier(fs: float, leads: tuple[str, ...], model: object) -> StreamClassifier:
    from arrhythmia.stream import StreamClassifier

    return StreamClassifier(fs, leads, model)


def _write(told: Iterable[StreamBeat | StreamEvent]) -> None:
    from arrhythmia.stream.rows import as_line

    for one in told:
        print(as_line(one), flush=True)


class _Rows:
    """A stream of rows: what comes is classified, and told.

    Parameters
    ----------
    options : argparse.Namespace
    columns : tuple of str
        Names of the leads; one may be ``time``.
    lenient : bool
        See `arrhythmia.stream.rows.RowReader`.
    """

    def __init__(
        self, options: argparse.Namespace, columns: tuple[str, ...], lenient: bool = False
    ) -> None:
        from arrhythmia.stream.rows import TIME, RowReader
        from arrhythmia.which_model import choose_model

        leads = tuple(name for name in columns if name != TIME)
        model, _ = choose_model("-", options.data_dir, options.model)
        self._classifier = _classifier(options.fs, leads, model)
        self._rows = RowReader(columns, lenient)
        self._time = columns.index(TIME) if TIME in columns else None
        self._bad = 0

    @property
    def seconds(self) -> float:
        """How much came so far."""
        return self._classifier.seconds

    def take(self, content: bytes, at_end: bool = False) -> None:
        """Take bytes of rows."""
        from arrhythmia.stream import StreamEvent
        from arrhythmia.stream.alarms import BAD_ROWS

        table = self._rows.feed(content, at_end)
        if self._time is None:
            _write(self._classifier.push(table))
        else:
            seconds = table[:, self._time]
            _write(self._classifier.push(np.delete(table, self._time, axis=1), seconds))
        if self._rows.bad > self._bad:
            now, what = self.seconds, f"{self._rows.bad - self._bad} rows, taken as missing"
            _write([StreamEvent(BAD_ROWS, "ends", now, now, now, what=what)])
            self._bad = self._rows.bad
        if at_end:
            _write(self._classifier.end())


def _read(options: argparse.Namespace, columns: tuple[str, ...]) -> None:
    """Take rows from standard input until its end."""
    rows = _Rows(options, columns)
    if sys.stdin is None:
        raise InputError("standard input is closed: give rows of numbers, or a file")
    while content := os.read(sys.stdin.fileno(), READ):
        rows.take(content)
    rows.take(b"", at_end=True)


def _listen(options: argparse.Namespace, columns: tuple[str, ...]) -> None:
    """Take rows from one sender after the other, until stopped."""
    if not 0 <= options.listen <= 65_535:
        raise InputError(f"--listen must be a port from 0 to 65535, got {options.listen}")
    _Rows(options, columns)  # says now what is wrong with the model
    try:
        listening = socket.create_server((options.host, options.listen))
    except OSError as error:
        where = f"{options.host}, port {options.listen}"
        raise InputError(
            f"cannot listen at {where} ({error.strerror or error}): choose another --listen or "
            "--host"
        ) from error
    with listening as server:
        host, port = server.getsockname()[:2]
        print(f"listening at {host}, port {port}", file=sys.stderr, flush=True)
        while True:
            connection, (sender, *_) = server.accept()
            print(f"{sender} sends", file=sys.stderr, flush=True)
            with connection:
                try:
                    _serve(connection, _Rows(options, columns, lenient=True), options.fs)
                except InputError as error:  # one sender's rows: the next may be better
                    print(f"{sender}: {error}", file=sys.stderr, flush=True)
            print(f"{sender} has ended", file=sys.stderr, flush=True)


def _serve(connection: socket.socket, rows: _Rows, fs: float) -> None:
    """Take rows until the sender ends; tell when nothing comes, or at another rate."""
    from arrhythmia.stream import StreamEvent
    from arrhythmia.stream.alarms import NO_SIGNAL
    from arrhythmia.stream.clock import Drift

    connection.settimeout(SILENT_S)
    drift, silent_since, nan = Drift(fs), None, float("nan")
    what = "the sender sends nothing"
    while True:
        try:
            content = connection.recv(READ)
        except TimeoutError:
            if silent_since is None:
                silent_since = rows.seconds
                begins = StreamEvent(
                    NO_SIGNAL, "begins", silent_since, nan, silent_since, what=what
                )
                _write([begins])
            continue
        except OSError:  # the sender is gone: what came is told
            content = b""
        if silent_since is not None:
            now = rows.seconds
            _write([StreamEvent(NO_SIGNAL, "ends", silent_since, now, now, what=what)])
            silent_since = None
        rows.take(content, at_end=not content)
        if not content:
            return
        _write(drift.mark(round(rows.seconds * fs), time.monotonic()))
