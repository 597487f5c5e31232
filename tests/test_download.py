"""Tests of `arrhythmia.download` against a server on this computer that can misbehave."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest
from conftest import error_line

from arrhythmia import download
from arrhythmia.checksums import CHECKSUMS, read_checksums
from arrhythmia.download import DownloadReport, download_database
from arrhythmia.mitdb import DS1, DS2, PACED, RECORD_SUFFIXES
from arrhythmia.svdb import SVDB

FILES = {
    f"{record}{suffix}": f"{record}{suffix} ".encode() * 50
    for record in ("100", "101")
    for suffix in RECORD_SUFFIXES
}
ALWAYS = 9
REAL_CHECKSUMS = dict(CHECKSUMS)


class Server(ThreadingHTTPServer):
    """Serves `FILES` under /mitdb/, with the faults it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/mitdb/"
        self.requests: list[str] = []
        self.faults: dict[str, list[str]] = {}
        self.closing = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:  # noqa: N802
        folder, _, name = self.path.rpartition("/")
        self.server.requests.append(name)
        faults = self.server.faults.get(name)
        fault = faults.pop(0) if faults else None
        if fault == "silent":
            self.server.closing.wait(5)
        if fault == "missing" or folder != "/mitdb" or name not in FILES:
            self.send_error(404)
            return
        content = FILES[name]
        self.send_response(200)
        if fault not in ("endless", "trickling"):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "wrong":
            content = b"?" + content[1:]
        elif fault == "broken":
            content = content[: len(content) // 2]
        try:
            self.wfile.write(content)
            while fault in ("endless", "trickling") and not self.server.closing.is_set():
                self.wfile.write(bytes(100_000 if fault == "endless" else 1))
                self.server.closing.wait(0 if fault == "endless" else 0.01)
        except OSError:
            pass  # the client has had enough

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(autouse=True)
def small_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of six small files, and no waiting between attempts."""
    lines = [f"{hashlib.sha256(content).hexdigest()} {name}" for name, content in FILES.items()]
    checksums = tmp_path / "SHA256SUMS.txt"
    checksums.write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setitem(CHECKSUMS, "mitdb", checksums)
    monkeypatch.setattr(download, "TIMEOUT_S", 5)
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "mitdb"


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def error_of(folder: Path, **arguments: object) -> str:
    return error_line(lambda: download_database(folder, progress=False, **arguments))


@pytest.mark.parametrize("slash", ["", "/"])
def test_fetches_every_file(server: Server, folder: Path, slash: str) -> None:
    report = download_database(folder, url=server.url.rstrip("/") + slash, progress=False)
    assert report == DownloadReport(folder, fetched=6, replaced=0, present=0)
    assert contents(folder) == FILES
    assert sorted(server.requests) == sorted(FILES)


def test_second_run_asks_for_nothing(server: Server, folder: Path) -> None:
    download_database(folder, url=server.url, progress=False)
    server.requests.clear()
    report = download_database(folder, url=server.url, progress=False)
    assert report == DownloadReport(folder, fetched=0, replaced=0, present=6)
    assert server.requests == []


def test_damaged_file_in_place_is_replaced(server: Server, folder: Path) -> None:
    download_database(folder, url=server.url, progress=False)
    server.requests.clear()
    (folder / "100.hea").write_bytes(FILES["100.hea"][:-1])
    report = download_database(folder, url=server.url, progress=False)
    assert report == DownloadReport(folder, fetched=0, replaced=1, present=5)
    assert server.requests == ["100.hea"]
    assert contents(folder) == FILES


@pytest.mark.parametrize("fault", ["wrong", "broken", "missing"])
def test_fault_that_passes_is_asked_for_once_more(server: Server, folder: Path, fault: str) -> None:
    server.faults["100.hea"] = [fault]
    report = download_database(folder, url=server.url, progress=False)
    assert report.fetched == 6
    assert contents(folder) == FILES
    assert server.requests.count("100.hea") == 2
    assert len(server.requests) == 7


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong", ("wrong checksum", "--url", "--from DIR")),
        ("broken", ("broke off", "run the same command again", "--from DIR")),
        ("missing", ("HTTP 404", "run the same command again", "--from DIR")),
    ],
)
def test_fault_that_stays_is_reported_and_the_next_run_goes_on(
    server: Server, folder: Path, fault: str, words: tuple[str, ...]
) -> None:
    names = list(FILES)
    server.faults[names[2]] = [fault] * ALWAYS
    message = error_of(folder, url=server.url)
    assert f"{server.url}{names[2]}" in message
    assert all(word in message for word in words)
    assert server.requests == [names[0], names[1], names[2], names[2]]
    assert contents(folder) == {name: FILES[name] for name in names[:2]}

    server.requests.clear()
    server.faults.clear()
    report = download_database(folder, url=server.url, progress=False)
    assert report == DownloadReport(folder, fetched=4, replaced=0, present=2)
    assert server.requests == names[2:]
    assert contents(folder) == FILES


def test_wrong_file_from_the_server_does_not_touch_the_one_in_place(
    server: Server, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "100.dat").write_bytes(b"old")
    server.faults["100.dat"] = ["wrong"] * ALWAYS
    error_of(folder, url=server.url)
    assert (folder / "100.dat").read_bytes() == b"old"


def test_silent_server(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    server.faults[next(iter(FILES))] = ["silent"] * ALWAYS
    message = error_of(folder, url=server.url)
    assert "no answer within 0.1 s" in message
    assert server.url in message


@pytest.mark.parametrize(
    ("fault", "words"),
    [("endless", "sends more than the 4000000 bytes"), ("trickling", "less than 1000 bytes a")],
)
def test_a_body_without_end_ends_and_leaves_nothing(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.5)
    server.faults[next(iter(FILES))] = [fault] * ALWAYS
    assert words in error_of(folder, url=server.url)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", ["from", "data-dir"])
def test_only_regular_files_are_read(folder: Path, copy: Path, place: str) -> None:
    name = next(iter(FILES))
    folder.mkdir(parents=True)
    if place == "from":
        (copy / name).unlink()
    os.mkfifo((copy if place == "from" else folder) / name)
    assert "is no regular file" in error_of(folder, from_dir=copy)


def test_a_large_file_of_a_local_copy_is_not_read_to_its_end(folder: Path, copy: Path) -> None:
    with (copy / next(iter(FILES))).open("wb") as file:
        file.truncate(10**12)
    assert "is larger than the 4000000 bytes" in error_of(folder, from_dir=copy)


def test_server_that_is_not_there(folder: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: a connection is refused
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/mitdb/"
        message = error_of(folder, url=url)
    assert f"cannot fetch '{url}100.dat' (no connection)" in message
    assert "run the same command again" in message
    assert "--from DIR" in message


def test_impossible_host(folder: Path) -> None:
    assert "cannot fetch 'http://" in error_of(folder, url=f"http://{'a' * 70}.invalid/")


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/mitdb/", "file:///mitdb/", "physionet.org/files", "", "http://", "http://["],
)
def test_address_that_is_not_http(folder: Path, url: str) -> None:
    message = error_of(folder, url=url)
    assert f"'{url}' is not an http or https address" in message
    assert not folder.exists()


def test_local_copy(folder: Path, copy: Path) -> None:
    report = download_database(folder, from_dir=copy, progress=False)
    assert report == DownloadReport(folder, fetched=6, replaced=0, present=0)
    assert contents(folder) == FILES
    assert contents(copy) == FILES
    again = download_database(folder, from_dir=str(copy), progress=False)
    assert again == DownloadReport(folder, fetched=0, replaced=0, present=6)


def test_local_copy_asks_no_server(server: Server, folder: Path, copy: Path) -> None:
    download_database(folder, url=server.url, from_dir=copy, progress=False)
    assert server.requests == []


def test_damaged_local_copy(folder: Path, copy: Path) -> None:
    (copy / "101.dat").write_bytes(b"?" + FILES["101.dat"][1:])
    message = error_of(folder, from_dir=copy)
    assert str(copy) in message
    assert "101.dat' has a wrong checksum" in message
    assert "--url" in message
    names = list(FILES)
    right = names[: names.index("101.dat")]
    assert contents(folder) == {name: FILES[name] for name in right}


def test_incomplete_local_copy(folder: Path, copy: Path) -> None:
    (copy / "101.dat").unlink()
    message = error_of(folder, from_dir=copy)
    assert str(copy) in message
    assert "101.dat" in message
    assert "leave out --from" in message
    assert "101.dat" not in contents(folder)


def test_no_local_copy(folder: Path, tmp_path: Path) -> None:
    message = error_of(folder, from_dir=tmp_path / "nowhere")
    assert f"no folder '{tmp_path / 'nowhere'}'" in message
    assert not folder.exists()


@pytest.mark.parametrize("below", [".", "mitdb"])
def test_folder_that_cannot_be_written(server: Server, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / below
    message = error_of(folder, url=server.url)
    assert f"cannot write '{folder / '100.dat'}'" in message
    assert "--data-dir" in message
    assert server.requests == []


def test_no_permission_to_write(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    message = error_of(folder, url=server.url)
    assert "Permission denied" in message
    assert "--data-dir" in message
    assert server.requests == []


def test_files_are_readable_by_all(server: Server, folder: Path) -> None:
    download_database(folder, url=server.url, progress=False)
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in folder.iterdir())


def test_progress_is_one_bar_over_the_files(
    server: Server, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download_database(folder, url=server.url)
    shown = capsys.readouterr()
    assert "6/6" in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    download_database(folder, url=server.url, progress=False)
    assert capsys.readouterr().err == ""


def test_pooch_logs_nothing(server: Server, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = pooch.get_logger()
    logger.setLevel(logging.NOTSET)
    logger.addHandler(caplog.handler)
    try:
        download_database(folder, url=server.url, progress=False)
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []


@pytest.mark.parametrize("text", [None, "no checksum here\n", "0\n"])
def test_list_of_checksums_missing_or_damaged(folder: Path, text: str | None) -> None:
    if text is None:
        CHECKSUMS["mitdb"].unlink()
    else:
        CHECKSUMS["mitdb"].write_text(text, encoding="utf-8")
    assert f"cannot read the checksums '{CHECKSUMS['mitdb']}'" in error_of(folder)


def test_list_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKSUMS, "mitdb", REAL_CHECKSUMS["mitdb"])
    checksums = read_checksums()
    records = DS1 + DS2 + PACED
    assert len(records) == 48
    assert set(checksums) == {record + suffix for record in records for suffix in RECORD_SUFFIXES}
    assert len(REAL_CHECKSUMS["mitdb"].read_text(encoding="utf-8").splitlines()) == 144
    digests = [digest.removeprefix("sha256:") for digest in checksums.values()]
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)


@pytest.mark.database
def test_list_matches_the_records(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKSUMS, "mitdb", REAL_CHECKSUMS["mitdb"])
    checksums = read_checksums()
    for suffix in RECORD_SUFFIXES:
        content = (data_dir / f"100{suffix}").read_bytes()
        assert checksums[f"100{suffix}"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.database
def test_no_file_of_the_database_is_near_the_limit(data_dir: Path) -> None:
    assert max(file.stat().st_size for file in data_dir.iterdir()) < download.LARGEST / 1.9


def test_list_of_svdb() -> None:
    assert set(read_checksums("svdb")) == {r + suffix for r in SVDB for suffix in RECORD_SUFFIXES}
    assert len(SVDB) == 39 and max(SVDB) == "855"  # the others are kept for a test


def test_svdb_is_fetched_by_its_own_list(
    copy: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = copy / "100.dat"
    line = f"{hashlib.sha256(only.read_bytes()).hexdigest()} {only.name}"
    (copy / "sums").write_text(line, encoding="utf-8")
    monkeypatch.setitem(CHECKSUMS, "svdb", copy / "sums")
    report = download_database(folder, from_dir=copy, progress=False, database="svdb")
    assert report == DownloadReport(folder, fetched=1, replaced=0, present=0)
    assert contents(folder) == {only.name: only.read_bytes()}
