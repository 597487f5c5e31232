"""What the tests of the page share: recordings that are read and analysed once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.app.reading import Reading, Settings, begin, read
from arrhythmia.app.session import Session
from arrhythmia.records import EXCERPT_NAME

SYMBOLS = "NNNNNVNNNNANNVVNNNNNVVVNNNNNNNFNNNVNVNVNVNNN" * 2


@pytest.fixture(scope="session")
def excerpt() -> Reading:
    """The bundled excerpt, as the page opens with it."""
    return begin(read(EXCERPT_NAME), Settings())


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Path:
    """Path of a WFDB record of two leads, without annotation."""
    return make_record(tmp_path_factory.mktemp("pair"), "two", symbols=SYMBOLS, annotate=False)


@pytest.fixture(scope="session")
def two_leads(pair: Path) -> Reading:
    """The same, read and analysed."""
    return begin(read(pair), Settings())


@pytest.fixture
def session(excerpt: Reading) -> Session:
    """A visitor who sees the excerpt."""
    made = Session()
    made.show(excerpt)
    return made


@pytest.fixture
def first(excerpt: Reading) -> Future:
    """What a new visitor sees."""
    future: Future = Future()
    future.set_result(excerpt)
    return future


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def csv(seconds: int = 40, fs: int = 250, header: str = "") -> bytes:
    """A table of one lead: spikes every 0.8 s."""
    t = np.arange(seconds * fs) / fs
    signal = np.exp(-0.5 * (((t + 0.4) % 0.8 - 0.4) / 0.02) ** 2) + 0.01 * np.sin(t)
    return (header + "\n".join(f"{v:.4f}" for v in signal) + "\n").encode()
