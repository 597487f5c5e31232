"""Commands killed at random moments: what they leave, and what lives on."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import Signals, default_int_handler, signal
from threading import Event, Thread
from typing import Final

import numpy as np
import requests
import wfdb

from arrhythmia.files import CLONE, PART, remove_leftovers
from arrhythmia.mitdb import DS1, DS2

SIGNALS: Final = ("SIGKILL", "SIGTERM", "SIGINT")
QUICK: Final = ("predict", "annotate", "download")
"""These are run again after each kill; of the others the leftovers are removed as a run would."""
SLOW: Final = ("train", "calibrate", "evaluate", "evaluate --folds")
PAGE: Final = "app"
"""Is sent recordings until it is killed; what it leaves is among the temporary files."""
PAGE_S: Final = 10.0
"""It serves, and has analysed what it was sent, within this time."""
COMMANDS: Final = (*QUICK, *SLOW, PAGE)
FIRST_S, LAST_S = 0.3, 45.0
"""Python has begun before the first kill; slow commands are killed within the last."""
PATIENCE_S: Final = 5.0
"""For processes to end after their parent."""
COLUMNS: Final = ("kills", "tracebacks", "leftovers", "broken", "orphans")


def arguments(name: str, folder: Path, data_dir: Path, url: str) -> list[str]:
    """What a command is called with; it writes to a folder, or to the models of its project."""
    package, record = ["-m", "arrhythmia"], str(data_dir / "101")
    database = ["--data-dir", str(data_dir)]
    return {
        "predict": ["predict.py", "--record", record, "--beat", "7",
                    "--output", str(folder / "beat.png")],
        "annotate": [*package, "annotate", record, str(data_dir / "106"), "--jobs", "2",
                     "--output-dir", str(folder)],
        "download": [*package, "download", "--url", url, "--data-dir", str(folder)],
        "train": [*package, "train", *database],
        "calibrate": [*package, "calibrate", *database],
        "evaluate": [*package, "evaluate", "--data-dir", str(folder.parent / "ds1_as_ds2")],
        "evaluate --folds": [*package, "evaluate", "--folds", *database],
        PAGE: [*package, "app", record, "--port", str(free_port())],
    }[name]  # fmt: skip


def kills(seed: int, times: int, data_dir: Path, tell: Callable[[str], None]) -> dict[str, dict]:
    """Kill each command at random moments, and count what is wrong afterwards.

    Parameters
    ----------
    seed : int
        Of the moments.
    times : int
        Kills of each command with each of `SIGNALS`.
    data_dir : Path
        The database. DS2 is not looked at: ``evaluate`` gets records of DS1 under its names.
    tell : callable
        Told each command that is done.

    Returns
    -------
    dict
        Command to its number of ``kills``, of ``tracebacks``, of ``leftovers``, of ``broken``
        files, and of ``orphans``.
    """
    signal(Signals.SIGINT, default_int_handler)  # a shell lets its background jobs ignore it
    handler = partial(_Quiet, directory=data_dir)
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        tempfile.TemporaryDirectory() as place,
        ThreadPoolExecutor(len(COMMANDS)) as threads,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        write_ds1_as_ds2(data_dir, Path(place) / "ds1_as_ds2")

        def one(name: str) -> dict[str, int]:
            rng, call = random.Random(f"{seed} {name}"), partial(
                arguments, name, data_dir=data_dir, url=url)  # fmt: skip
            if name == PAGE:
                wrong = kills_of_page(rng, times, Path(place), call, data_dir / "106")
            else:
                wrong = kills_of(name, rng, times, Path(place), call)
            tell(f"{name}: {wrong}")
            return wrong

        counts = dict(zip(COMMANDS, threads.map(one, COMMANDS), strict=True))
        server.shutdown()
    return counts


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


def kills_of(
    name: str, rng: random.Random, times: int, place: Path, call: Callable[[Path], list[str]]
) -> dict[str, int]:
    """Counts of one command, which is run in a copy of the project.

    Parameters
    ----------
    name : str
        Of the command.
    rng : random.Random
        For the moments.
    times : int
        Kills with each of `SIGNALS`.
    place : Path
        Where the copy and the outputs may be.
    call : callable
        Given the folder of the outputs, the arguments of the command.
    """
    project = copy_project(place / f"project of {name}")
    wrong, right, last = dict.fromkeys(COLUMNS, 0), {}, LAST_S
    if name in QUICK:
        folder = place / f"{name} whole"
        folder.mkdir()
        began = time.monotonic()
        run(project, call(folder))
        last, right = time.monotonic() - began, contents(folder)
    for number, which in enumerate(SIGNALS * times):
        folder = place / f"{name} {number}"
        folder.mkdir()
        told, orphans = run(project, call(folder), which, rng.uniform(FIRST_S, last))
        wrong["kills"] += 1
        wrong["tracebacks"] += "Traceback" in told
        wrong["orphans"] += orphans
        written = folder if name in QUICK else project / "saved_models"
        wrong["broken"] += sum(not is_whole(file, right) for file in files_in(written))
        if name in QUICK:
            run(project, call(folder))
            wrong["broken"] += contents(folder) != right
        else:
            for one in (written, *(p for p in written.iterdir() if p.is_dir())):
                remove_leftovers(one)
        wrong["leftovers"] += len(list(written.rglob(f"{PART}*")))
        shutil.rmtree(folder)
    return wrong


def kills_of_page(
    rng: random.Random, times: int, place: Path, call: Callable[[Path], list[str]], record: Path
) -> dict[str, int]:
    """As `kills_of`, of the page while it is sent a recording again and again."""
    project, wrong = copy_project(place / "project of app"), dict.fromkeys(COLUMNS, 0)
    for number, which in enumerate(SIGNALS * times):
        folder = place / f"app {number}"
        folder.mkdir()
        own = {"TMPDIR": str(folder)}
        asked = call(folder)
        with sending(record, int(asked[-1])):
            told, orphans = run(project, asked, which, rng.uniform(FIRST_S, PAGE_S), own)
        wrong["kills"] += 1
        wrong["tracebacks"] += "Traceback" in told
        wrong["orphans"] += orphans
        wrong["broken"] += len(files_in(folder))
        run(project, call(folder), "SIGTERM", PAGE_S, own)  # it removes what was left
        wrong["leftovers"] += len(list(folder.iterdir()))
        shutil.rmtree(folder)
    return wrong


@contextmanager
def sending(record: Path, port: int) -> Iterator[None]:
    """Send a record to a page of this computer meanwhile, whenever it answers."""
    stop, home = Event(), f"http://127.0.0.1:{port}"
    parts = [record.with_suffix(suffix) for suffix in (".hea", ".dat", ".atr")]
    files = [("file", (part.name, part.read_bytes())) for part in parts]

    def send() -> None:
        while not stop.wait(0.2):
            with suppress(requests.RequestException), requests.Session() as visitor:
                visitor.get(home, timeout=5)
                visitor.post(f"{home}/open", files=files, headers={"Origin": home}, timeout=20)

    thread = Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def free_port() -> int:
    """A port of this computer that nothing listens on."""
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        return at.getsockname()[1]


def copy_project(folder: Path) -> Path:
    """What the commands need of the project, to be written to without harm."""
    models = [CLONE / "saved_models" / "all", *(CLONE / "saved_models").glob("ds1*/")]
    leave = shutil.ignore_patterns("*.pyc", "*.dat", "*.atr", "*.hea", "*.xws")
    for source in (*(CLONE / name for name in ("arrhythmia", "mitdb", "svdb")), *models):
        shutil.copytree(source, folder / source.relative_to(CLONE), ignore=leave)
    shutil.copy(CLONE / "predict.py", folder)
    return folder


def write_ds1_as_ds2(data_dir: Path, folder: Path, seconds: int = 120) -> None:
    """The beginning of records of DS1 under the names of DS2, so that no look at DS2 is taken."""
    folder.mkdir()
    for name, source in zip(DS2, DS1, strict=True):
        path, last = str(data_dir / source), seconds * 360
        content = wfdb.rdrecord(path, sampto=last, physical=False)
        wfdb.wrsamp(
            name, content.fs, content.units, content.sig_name, d_signal=content.d_signal,
            fmt=content.fmt, adc_gain=content.adc_gain, baseline=content.baseline,
            write_dir=str(folder),
        )  # fmt: skip
        marks = wfdb.rdann(path, "atr", sampto=last)
        wfdb.wrann(
            name, "atr", np.asarray(marks.sample), marks.symbol, marks.subtype,
            aux_note=marks.aux_note, write_dir=str(folder),
        )  # fmt: skip


def run(
    project: Path,
    call: list[str],
    which: str | None = None,
    after_s: float = 0.0,
    environment: dict[str, str] | None = None,
) -> tuple[str, int]:
    """What a command wrote to stderr, and how many of its processes live on after its end.

    It is sent a signal after some seconds, and gets some more variables of the environment.
    """
    token = f"{os.getpid()}-{random.random()}"
    with tempfile.TemporaryFile("w+") as told:
        with subprocess.Popen(
            [sys.executable, *call], cwd=project, stdout=subprocess.DEVNULL, stderr=told,
            env=os.environ | (environment or {}) | {"GUARDED": token},
        ) as process:  # fmt: skip
            if which is not None:
                try:
                    process.wait(after_s)
                except subprocess.TimeoutExpired:
                    process.send_signal(Signals[which])
            process.wait(600)
        until = time.monotonic() + PATIENCE_S
        while (orphans := _live(token)) and time.monotonic() < until:
            time.sleep(0.1)
        told.seek(0)
        return told.read(), orphans


def _live(token: str) -> int:
    """Processes that were begun with a token in their environment (where the system lists it)."""
    live = 0
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            live += token.encode() in file.read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
    return live


def files_in(folder: Path) -> list[Path]:
    """Files in a folder and below, but for temporary ones."""
    return [f for f in folder.rglob("*") if f.is_file() and PART not in str(f.relative_to(folder))]


def contents(folder: Path) -> dict[str, bytes]:
    """Name to content of `files_in`."""
    return {file.name: file.read_bytes() for file in files_in(folder)}


def is_whole(file: Path, right: dict[str, bytes]) -> bool:
    """Whether a file is as an undisturbed run writes it; where none is known, to its end."""
    content = file.read_bytes()
    if right:
        return right.get(file.name) == content
    if file.suffix == ".keras":
        try:
            return zipfile.ZipFile(file).testzip() is None
        except zipfile.BadZipFile:
            return False
    ends = {".json": b"}\n", ".csv": b"\n", ".md": b"\n", ".png": b"IEND\xaeB`\x82"}
    return content.endswith(ends[file.suffix])
