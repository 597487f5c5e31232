"""Tests of `arrhythmia.files`: whole results or none, and files that come with the project."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

import pytest
from conftest import error_line

from arrhythmia import files
from arrhythmia.errors import InputError
from arrhythmia.files import (
    check_no_input,
    check_writable,
    compress_archive,
    read_json,
    remove_leftovers,
    shipped,
    temporary_folder,
    whole_file,
    whole_folder,
)

# --- one file -------------------------------------------------------------------------------


def test_a_file_is_there_when_all_went_well(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "table.csv"
    with whole_file(target) as part:
        assert part.parent == target.parent
        assert part.suffix == ".csv"
        part.write_text("one", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "one"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_is_readable_by_others(tmp_path: Path) -> None:
    with whole_file(tmp_path / "table.csv") as part:
        part.write_text("one", encoding="utf-8")
    assert (tmp_path / "table.csv").stat().st_mode & 0o777 == 0o644


def test_a_file_replaces_the_whole_of_an_older_one(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("a much longer older text", encoding="utf-8")
    with whole_file(target) as part:
        part.write_text("new", encoding="utf-8")
        assert target.read_text(encoding="utf-8") == "a much longer older text"
    assert target.read_text(encoding="utf-8") == "new"


def test_a_failure_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), whole_file(target) as part:
        part.write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text(encoding="utf-8") == "old"


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "table.csv") as part:
        part.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(InputError, match="cannot write '.*table.csv'"),
        whole_file(tmp_path / "file" / "table.csv"),
    ):
        pytest.fail("there is no place to write to")
    assert (tmp_path / "file").read_text(encoding="utf-8") == ""


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with (
        pytest.raises(InputError, match="results' is a folder"),
        whole_file(tmp_path / "results"),
    ):
        pytest.fail("there is no place to write to")
    assert list(tmp_path.iterdir()) == [tmp_path / "results"]


# --- is there a place to write to ----------------------------------------------------------


@pytest.mark.parametrize("name", ["beat.png", "beat.PNG", "new/folder/beat.png"])
def test_a_place_that_can_be_written_passes_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    check_writable(tmp_path / name, ".png", "--output")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_passes_and_stays(tmp_path: Path) -> None:
    (tmp_path / "beat.png").write_text("old", encoding="utf-8")
    check_writable(tmp_path / "beat.png", ".png", "--output")
    assert (tmp_path / "beat.png").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("beat.jpg", "--output gives a PNG file, not '"),
        ("beat", "--output gives a PNG file, not '"),
        ("folder.png", "folder.png' is a folder: give --output FILE.png"),
        ("file/beat.png", "choose another place with --output"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    text = error_line(lambda: check_writable(tmp_path / name, ".png", "--output"))
    assert words in text
    assert str(tmp_path / name) in text


# --- a folder -------------------------------------------------------------------------------


def test_a_folder_is_there_when_all_went_well(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model"
    with whole_folder(target) as part:
        (part / "settings.json").write_text("{}", encoding="utf-8")
        assert not target.exists()
    assert list(target.iterdir()) == [target / "settings.json"]
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_keeps_the_files_that_were_not_written_again(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "card.md").write_text("card", encoding="utf-8")
    (target / "settings.json").write_text("old", encoding="utf-8")
    with whole_folder(target) as part:
        (part / "settings.json").write_text("new", encoding="utf-8")
    assert (target / "card.md").read_text(encoding="utf-8") == "card"
    assert (target / "settings.json").read_text(encoding="utf-8") == "new"


def test_a_failure_leaves_a_folder_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "settings.json").write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), whole_folder(target) as part:
        (part / "settings.json").write_text("half", encoding="utf-8")
        (part / "model.keras").write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [target]
    assert list(target.iterdir()) == [target / "settings.json"]
    assert (target / "settings.json").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("place", ["file", "file/model"])
def test_a_folder_that_cannot_be_written_is_the_users_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(InputError, match=r"cannot write '.*' \(.*\): choose another place"),
        whole_folder(tmp_path / place) as part,
    ):
        (part / "settings.json").write_text("{}", encoding="utf-8")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


# --- archives -------------------------------------------------------------------------------


def test_an_archive_is_compressed_and_holds_the_same(tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    content = {"config.json": b"{}", "weights": bytes(100_000)}
    with ZipFile(file, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    compress_archive(file)
    assert file.stat().st_size < 1000
    with ZipFile(file) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == content


# --- files that come with the project -------------------------------------------------------


def test_shipped_files_are_in_the_clone_or_in_the_installed_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``pip install .`` copies them into the package; in the clone they stay where they are."""
    monkeypatch.setattr(files, "IS_CLONE", True)
    assert shipped("saved_models/ds1") == files.CLONE / "saved_models" / "ds1"
    monkeypatch.setattr(files, "IS_CLONE", False)
    inside = Path(files.__file__).parent / "shipped" / "saved_models" / "ds1"
    assert shipped("saved_models/ds1") == inside


@pytest.mark.parametrize(
    "name",
    ["saved_models/ds1/settings.json", "saved_models/ds1/model.keras", "mitdb/SHA256SUMS.txt"],
)
def test_what_the_project_needs_comes_with_it(name: str) -> None:
    folder, file = name.rsplit("/", 1)
    assert (shipped(folder) / file).is_file()


# --- a full disk, rights, leftovers ---------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_disk_that_is_full_while_writing_is_the_users_error(tmp_path: Path, number: int) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old", encoding="utf-8")

    def write() -> None:
        with whole_file(target) as part:
            part.write_text("half", encoding="utf-8")
            raise OSError(number, os.strerror(number))

    assert f"cannot write '{target}' ({os.strerror(number)})" in error_line(write)
    assert {file: file.read_text() for file in tmp_path.iterdir()} == {target: "old"}


def test_a_folder_on_a_full_disk_is_the_users_error(tmp_path: Path) -> None:
    def write() -> None:
        with whole_folder(tmp_path / "model"):
            raise OSError(errno.ENOSPC, "No space left on device")

    assert "No space left on device" in error_line(write)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o027, 0o640)])
def test_files_obey_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "table.csv") as part:
            part.write_text("one", encoding="utf-8")
        with whole_folder(tmp_path / "model") as part:
            (part / "settings.json").write_text("{}", encoding="utf-8")
    finally:
        os.umask(before)
    for file in ("table.csv", "model/settings.json"):
        assert (tmp_path / file).stat().st_mode & 0o777 == mode
    assert (tmp_path / "model").stat().st_mode & 0o077 == 0o077 & ~umask


def test_leftovers_of_a_kill_are_removed_by_the_next_run_and_others_stay(tmp_path: Path) -> None:
    code = (
        "import os, signal; from arrhythmia.files import whole_file, whole_folder\n"
        f"with whole_file({str(tmp_path / 'a.csv')!r}), whole_folder({str(tmp_path / 'm')!r}):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=files.CLONE, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".part-*"))) == 2
    (tmp_path / ".part-of-somebody").touch()
    (tmp_path / ".party").touch()
    with whole_file(tmp_path / "b.csv"), whole_file(tmp_path / "c.csv"):
        assert len(list(tmp_path.glob(".part-*"))) == 3  # two at work
    assert {file.name for file in tmp_path.iterdir()} == {
        ".part-of-somebody", ".party", "b.csv", "c.csv",
    }  # fmt: skip


def test_a_temporary_folder_is_private_and_what_a_kill_leaves_of_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import os, signal; from pathlib import Path\n"
        "from arrhythmia.files import temporary_folder\n"
        "folder = temporary_folder()\nPath(folder.name, 'patient.dat').touch()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    own = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=files.CLONE, check=False, env=own)
    (left,) = tmp_path.iterdir()
    assert (left / "patient.dat").is_file()
    with temporary_folder() as one, temporary_folder() as other:
        assert {Path(one), Path(other)} == set(tmp_path.iterdir())
        assert Path(one).stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert "TMPDIR" in error_line(temporary_folder)


def test_leftovers_of_other_machines_are_removed_after_a_day(tmp_path: Path) -> None:
    part = tmp_path / ".part-01234567-77-89abcdef.csv"
    for file in (part, tmp_path / ".part-of-somebody"):
        file.touch()
    remove_leftovers(tmp_path)
    assert part.exists()
    for file in (part, tmp_path / ".part-of-somebody"):
        os.utime(file, (1e9, 1e9))
    remove_leftovers(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [".part-of-somebody"]


# --- input is not overwritten ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["same", "link", "hard link"])
@pytest.mark.parametrize("name", ["a.hea", "a.atr", "a.ai"])
def test_a_file_of_the_recording_is_no_output(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "a.hea").write_text("a 1 360 10\na.ai 212\n", encoding="utf-8")
    for suffix in ("ai", "atr"):
        (tmp_path / f"a.{suffix}").touch()
    output = tmp_path / name
    if kind != "same":
        output = tmp_path / "beat.png"
        (output.symlink_to if kind == "link" else output.hardlink_to)(tmp_path / name)
    assert "is a file of the recording itself" in error_line(
        lambda: check_no_input(output, tmp_path / "a")
    )
    check_no_input(tmp_path / "b.ai", tmp_path / "a")


# --- JSON of strangers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}', "[" * 100_000, "[1]", "", "\xff"]
)
def test_json_that_is_no_object_of_finite_numbers_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")


def test_only_small_regular_files_are_read_as_json(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**12)
    for name in ("fifo", "large", "none"):
        with pytest.raises(ValueError, match="regular file"):
            read_json(tmp_path / name)


def test_a_header_whose_names_are_none_stops_no_output(tmp_path: Path) -> None:
    (tmp_path / "a.hea").write_bytes(b"a 1 360 10\na\0.dat 212\n\xff\n")
    check_no_input(tmp_path / "a.ai", tmp_path / "a")
