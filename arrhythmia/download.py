"""Fetching the databases, every file checked against its SHA-256."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from arrhythmia.errors import InputError
from arrhythmia.files import shipped

URLS: Final = {
    "mitdb": "https://physionet.org/files/mitdb/1.0.0/",
    "svdb": "https://physionet.org/files/svdb/1.0.0/",
}
"""Database to where PhysioNet has it."""

CHECKSUMS: Final = {name: shipped(name) / "SHA256SUMS.txt" for name in URLS}
"""Database to the list of its files."""

TIMEOUT_S = 30
"""Seconds without an answer after which a server counts as not reachable."""

AGAIN: Final = (
    "run the same command again: it goes on where it stopped; "
    "or take a copy on this computer with --from DIR"
)

Downloader = Callable[[str, str, object], None]
"""What pooch calls with where a file is, a temporary file to write, and itself."""


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
        base, downloader, retries = _server(URLS[database] if url is None else url), _from_server, 1
    else:
        base, downloader, retries = _local(from_dir), _from_folder, 0
    pooch.get_logger().setLevel("WARNING")  # it would write a line per file over the bar
    checksums = read_checksums(database)
    source = pooch.Pooch(Path(folder).absolute(), base, checksums, retry_if_failed=retries)
    actions: Counter[str] = Counter()
    with tqdm(checksums, desc=database, unit="file", disable=not progress) as names:
        for name in names:
            actions[_fetch(source, name, downloader)] += 1
    return DownloadReport(Path(folder), actions["download"], actions["update"], actions["fetch"])


def read_checksums(database: str = "mitdb") -> dict[str, str]:
    """Read the list of a database's files.

    Parameters
    ----------
    database : str
        A key of `URLS`.

    Returns
    -------
    dict of str to str
        File name to its checksum as pooch takes it, ``"sha256:..."``.

    Raises
    ------
    InputError
        If the list is missing or damaged.
    """
    file = CHECKSUMS[database]
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return {name: f"sha256:{digest}" for digest, name in map(str.split, lines)}
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the checksums '{file}': get this file again from the repository"
        ) from error


def _fetch(source: pooch.Pooch, name: str, downloader: Downloader) -> str:
    """Put one file in place; return pooch's word for what it took: download, update or fetch."""
    try:
        return source.fetch(name, processor=lambda _, action, __: action, downloader=downloader)
    except InputError:
        raise
    except ValueError as error:  # pooch's word for a wrong checksum
        raise InputError(
            f"'{source.get_url(name)}' has a wrong checksum: "
            "take it from another place with --url URL or --from DIR"
        ) from error
    except OSError as error:
        reason = error.strerror or error.__cause__ or error  # pooch raises some of its own
        raise InputError(
            f"cannot write '{source.path / name}' ({reason}): choose another folder with --data-dir"
        ) from error


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


def _from_server(url: str, output_file: str, source: object) -> None:
    try:
        pooch.HTTPDownloader(chunk_size=1 << 16, timeout=TIMEOUT_S)(url, output_file, source)
    except (requests.RequestException, ValueError) as error:  # ValueError: an impossible host name
        raise InputError(f"cannot fetch '{url}' ({_reason(error)}): {AGAIN}") from error
    _readable_by_all(output_file)


def _from_folder(file: str, output_file: str, _: object) -> None:
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read '{file}' ({error.strerror}): "
            "give a folder with all the records, or leave out --from"
        ) from error
    Path(output_file).write_bytes(content)
    _readable_by_all(output_file)


def _readable_by_all(file: str) -> None:
    with suppress(OSError):  # pooch's temporary files are private; some disks have no modes
        Path(file).chmod(0o644)


def _reason(error: Exception) -> str:
    """In a few words, where requests would print its whole stack of causes."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT_S} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if type(error) is requests.ConnectionError:  # its subclasses (proxy, certificate) say more
        return "no connection"
    return type(error).__name__
