"""Fetching the databases, every file checked against its SHA-256."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pooch
import requests
import urllib3
from tqdm import tqdm

from arrhythmia.checksums import LARGEST, read_checksums
from arrhythmia.errors import InputError
from arrhythmia.files import whole_file

URLS: Final = {
    "mitdb": "https://physionet.org/files/mitdb/1.0.0/",
    "svdb": "https://physionet.org/files/svdb/1.0.0/",
}
"""Database to where PhysioNet has it."""

TIMEOUT_S = 30
"""Seconds without an answer after which a server counts as not reachable."""

AGAIN: Final = (
    "run the same command again: it goes on where it stopped; "
    "or take a copy on this computer with --from DIR"
)

SLOWEST: Final = 1000
"""Bytes a second, on average, below which a server is given up after `TIMEOUT_S`."""

Download = Callable[[str, Path], None]
"""Called with where a file is and a temporary file to write."""


class FaultError(InputError):
    """A fault of a server that may have passed when the file is asked for again."""


@dataclass(frozen=True)
class DownloadReport:
    """What a download did.

    Parameters
    ----------
    folder : Path
        Where the files are.
    fetched : int
        Files that were missing.
    replaced : int
        Files that were there with a wrong checksum, and were fetched anew.
    present : int
        Files that were there with the right checksum, and were left alone.
    """

    folder: Path
    fetched: int
    replaced: int
    present: int


def download_database(
    folder: str | Path,
    url: str | None = None,
    from_dir: str | Path | None = None,
    progress: bool = True,
    database: str = "mitdb",
) -> DownloadReport:
    """Fetch the records that are missing or damaged; afterwards all of them are right.

    A file takes its final name only when its checksum is right. What a server sends broken or
    wrong is asked for once more.

    Parameters
    ----------
    folder : str or Path
        Where to put the files. Made where it is missing.
    url : str, optional
        Folder on a server, http or https; by default PhysioNet's. Not used when ``from_dir`` is
        given.
    from_dir : str or Path, optional
        A copy on this computer, to be taken instead of a server.
    progress : bool
        Show a progress bar over the files on stderr.
    database : str
        A key of `URLS`.

    Returns
    -------
    DownloadReport

    Raises
    ------
    InputError
        If the URL is not http or https, the server or a file cannot be reached, a checksum is
        wrong twice, the local copy is missing or incomplete, or the folder cannot be written.
    """
    if from_dir is None:
        base, download = _server(URLS[database] if url is None else url), _from_server
    else:
        base, download = _local(from_dir), _from_folder
    folder, checksums = Path(folder), read_checksums(database)
    actions: Counter[str] = Counter()
    with tqdm(checksums.items(), desc=database, unit="file", disable=not progress) as files:
        for name, known_hash in files:
            try:
                action = _fetch(folder, base, name, known_hash, download)
            except FaultError:
                if from_dir is not None:
                    raise
                action = _fetch(folder, base, name, known_hash, download)
            actions[action] += 1
    return DownloadReport(folder, actions["fetched"], actions["replaced"], actions["present"])


def _fetch(folder: Path, base: str, name: str, known_hash: str, download: Download) -> str:
    """Put one file in place; tell what it took: fetched, replaced or present."""
    file, source = folder / name, base + name
    remedy = "choose another folder with --data-dir"
    if file.exists() and not file.is_file():
        raise InputError(f"'{file}' is no regular file: {remedy}")
    with suppress(OSError):  # told when it is written
        if file.stat().st_size <= LARGEST and pooch.hashes.hash_matches(file, known_hash):
            return "present"
    there = file.is_file()
    with whole_file(file, remedy) as part:
        download(source, part)
        if not pooch.hashes.hash_matches(part, known_hash):
            raise FaultError(
                f"'{source}' has a wrong checksum: "
                "take it from another place with --url URL or --from DIR"
            )
    return "replaced" if there else "fetched"


def _server(url: str) -> str:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:  # e.g. half an IPv6 address
        right = False
    if not right:
        raise InputError(
            f"'{url}' is not an http or https address: give one like {URLS['mitdb']}, "
            "or a copy on this computer with --from DIR"
        )
    return url.rstrip("/") + "/"


def _local(from_dir: str | Path) -> str:
    if not Path(from_dir).is_dir():
        raise InputError(f"no folder '{from_dir}': give the folder of the copy with --from DIR")
    return f"{from_dir}/"


def _from_server(url: str, part: Path) -> None:
    """Fetch a file, of at most `LARGEST` bytes and at least `SLOWEST` bytes a second."""
    headers = {"Accept-Encoding": "identity"}  # what is unpacked could be of any size
    try:
        with (
            requests.get(url, stream=True, timeout=TIMEOUT_S, headers=headers) as answer,
            part.open("wb") as file,
        ):
            answer.raise_for_status()
            size, began = 0, time.monotonic()
            while block := answer.raw.read1(1 << 16):
                size += len(block)
                seconds = time.monotonic() - began
                if size > LARGEST:
                    raise InputError(
                        f"'{url}' sends more than the {LARGEST} bytes that a file of the database "
                        "can have: choose another with --url URL"
                    )
                if seconds > TIMEOUT_S and size < SLOWEST * seconds:
                    raise InputError(f"'{url}' sends less than {SLOWEST} bytes a second: {AGAIN}")
                file.write(block)
    except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
        raise FaultError(f"cannot fetch '{url}' ({_reason(error)}): {AGAIN}") from error


def _from_folder(file: str, part: Path) -> None:
    remedy = "give a folder with all the records, or leave out --from"
    if Path(file).exists() and not Path(file).is_file():
        raise InputError(f"'{file}' is no regular file: {remedy}")
    try:
        with Path(file).open("rb") as source:
            content = source.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"cannot read '{file}' ({error.strerror}): {remedy}") from error
    if len(content) > LARGEST:
        raise InputError(f"'{file}' is larger than the {LARGEST} bytes of a record: {remedy}")
    part.write_bytes(content)


def _reason(error: Exception) -> str:
    """In a few words, where requests would print its whole stack of causes."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT_S} s"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"no answer within {TIMEOUT_S} s"
    if isinstance(error, (urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError)):
        return "the connection broke off"
    if type(error) is requests.ConnectionError:  # its subclasses (proxy, certificate) say more
        return "no connection"
    return type(error).__name__
