"""How long the page in the browser takes, driven in Chromium as a reader would."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from arrhythmia.drawing import clock
from arrhythmia.errors import InputError
from arrhythmia.mitdb import find_record
from arrhythmia.records import read_record

if TYPE_CHECKING:
    from playwright.sync_api import Page

RECORD: Final = "106"
"""Uploaded as a half-hour; repeated, a day."""
DAY_S: Final = 86_400
PORT: Final = 8971
PATIENCE_MS: Final = 600_000
BEAT, WORDS, TITLE = "#beat-words h3", "#strip-words", "h1"
TIMES: Final = 5
"""Beats that are explained and moments that are gone to; the median counts."""


def time_page(data_dir: str | Path | None) -> dict[str, float]:
    """Seconds until the sample is seen, a beat is explained, a file is marked, a moment is shown.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.

    Raises
    ------
    InputError
        If there is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise InputError("no chromium or google-chrome on PATH: install one to time the page")
    place = find_record(RECORD, data_dir)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        with _served() as address:
            _warm(page, address)
            report = {
                "page: first view of the sample": _first_view(page, address),
                "page: explanation of a clicked beat": _explanations(page),
                "page: half-hour upload until every beat is marked": _upload(page, place),
            }
        day = _write_day(Path(folder), place)
        with _served(str(day)) as address:
            page.goto(address)
            _until(page, TITLE, "ECG day")
            report["page: 24-hour recording, jump to any moment"] = _jumps(page)
        browser.close()
    return report


@contextmanager
def _served(*arguments: str) -> Iterator[str]:
    """The page in a process of its own."""
    command = [sys.executable, "-m", "arrhythmia", "app", "--port", str(PORT), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[0]
        finally:
            server.terminate()


def _warm(page: Page, address: str) -> None:
    """Wait until the sample is analysed and TensorFlow loaded, as they are soon after the start."""
    page.goto(address)
    _until(page, BEAT, "beat 0")
    page.locator("#method").select_option("grad-cam")
    page.locator("#target").select_option("V")
    _until(page, "#beat-words", "would speak for V")


def _until(page: Page, place: str, words: str) -> None:
    page.locator(place).filter(has_text=words).wait_for(state="attached")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _first_view(page: Page, address: str) -> float:
    """In a browser that has the page's scripts, as from the second time on."""

    def view() -> None:
        page.goto(address)
        page.locator("#strip .scatterlayer .trace").nth(1).wait_for(state="attached")

    return _seconds(view)


def _explanations(page: Page) -> float:
    """Median over some beats, chosen by a key."""
    _until(page, BEAT, "beat 0")
    page.locator("#strip").focus()
    times = []
    for beat in range(1, TIMES + 1):

        def explain(beat: int = beat) -> None:
            page.keyboard.press("ArrowRight")
            _until(page, BEAT, f"beat {beat} ")

        times.append(_seconds(explain))
    return float(np.median(times))


def _upload(page: Page, place: Path) -> float:
    files = [str(place.with_name(f"{place.name}{suffix}")) for suffix in (".hea", ".dat")]

    def upload() -> None:
        page.locator("#file").set_input_files(files)
        _until(page, TITLE, f"ECG {place.name}")
        _until(page, WORDS, "leads MLII, V1")

    return _seconds(upload)


def _jumps(page: Page) -> float:
    """Median over some moments, by the field for the time."""
    times = []
    for hour in np.linspace(1, 23, TIMES).round(2):
        start = float(hour) * 3600

        def jump(start: float = start) -> None:
            page.locator("#time").fill(f"{start:.0f}")
            page.locator("#time").press("Enter")
            _until(page, WORDS, f"ECG from {clock(start - 5)}")

        times.append(_seconds(jump))
    return float(np.median(times))


def _write_day(folder: Path, place: Path) -> Path:
    """A record repeated until it lasts a day, as WFDB."""
    import wfdb

    record = read_record(place)
    times = -(-DAY_S // int(record.seconds))
    record = replace(record, signals=np.tile(record.signals, (times, 1))[: int(DAY_S * record.fs)])
    wfdb.wrsamp(
        "day", fs=record.fs, units=list(record.units), sig_name=list(record.leads),
        p_signal=record.signals, fmt=["16"] * len(record.leads), write_dir=str(folder),
    )  # fmt: skip
    return folder / "day"
