"""Files that come with the project, and files written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from secrets import token_hex
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

from arrhythmia.errors import InputError

CLONE: Final = Path(__file__).resolve().parent.parent
"""The folder that holds the package: the project's own where it is cloned."""

PART: Final = ".part-"
"""What the names of temporary files begin with."""

DAY_S: Final = 86_400

LARGEST_JSON: Final = 4_000_000
"""Bytes."""

_PART_NAME: Final = re.compile(rf"{re.escape(PART)}([0-9a-f]{{8}})-([0-9]+)-[0-9a-f]{{8}}(\.|$)")
_HOST: Final = f"{zlib.crc32(platform.node().encode('utf-8', 'replace')):08x}"

IS_CLONE: Final = (CLONE / "saved_models").is_dir()


def shipped(path: str) -> Path:
    """Where a folder that comes with the project is: in the clone, or in the installed package.

    Parameters
    ----------
    path : str
        In the clone, such as ``"saved_models/ds1"``.
    """
    return CLONE / path if IS_CLONE else Path(str(files("arrhythmia") / "shipped" / path))


MODELS_FOLDER: Final = CLONE / "saved_models" if IS_CLONE else Path("saved_models")
"""Where trained models are kept: in the clone, or where the user works."""

DEFAULT_MODEL: Final = shipped("saved_models/ds1")
"""The model to compare with the literature: trained on DS1 alone."""

OWN_MODEL: Final = shipped("saved_models/all")
"""The model for recordings of one's own, see `arrhythmia.which_model`."""


@contextmanager
def whole_file(path: str | Path, remedy: str = "choose another place") -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to ``path`` when all went well.

    Parameters
    ----------
    path : str or Path
        The file wanted. Its folder is made where it is missing.
    remedy : str
        What to do where it cannot be written.

    Yields
    ------
    Path
        A file name in the same folder, with the same suffix.

    Raises
    ------
    InputError
        If the folder cannot be made or written.
    """
    path = Path(path)
    with _writable(path, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            kind = "folder" if path.is_dir() else "device"
            raise InputError(f"'{path}' is a {kind}: give the name of a file")
        remove_leftovers(path.parent)
        part = _part(path)
        try:
            part.touch(exist_ok=False)  # with the rights that the umask gives
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder to fill; its files replace those of ``folder`` when all went well.

    Files of ``folder`` that were not written again (a card, earlier results) stay.

    Parameters
    ----------
    folder : str or Path
        The folder wanted.

    Yields
    ------
    Path
        An empty folder beside it.

    Raises
    ------
    InputError
        If the folder cannot be made or written.
    """
    folder = Path(folder)
    with _writable(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        part = _part(folder.with_suffix(""))
        try:
            part.mkdir()
            yield part
            folder.mkdir(exist_ok=True)
            for file in sorted(part.iterdir()):
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def temporary_folder() -> tempfile.TemporaryDirectory:
    """An empty folder among the system's temporary files, for this user alone.

    Returns
    -------
    TemporaryDirectory
        Deleted with all in it when it is forgotten. What a kill leaves of it, which may be a
        patient's recording, the next call removes.

    Raises
    ------
    InputError
        If there is no place for it.
    """
    with _writable("temporary files", "set TMPDIR to a folder with room"):
        remove_leftovers(Path(tempfile.gettempdir()))
        return tempfile.TemporaryDirectory(prefix=f"{_part_name()}.", ignore_cleanup_errors=True)


def _part(path: Path) -> Path:
    """Name of a temporary file or folder beside a path."""
    return path.with_name(f"{_part_name()}{path.suffix}")


def _part_name() -> str:
    """A new name that `remove_leftovers` knows."""
    return f"{PART}{_HOST}-{os.getpid()}-{token_hex(4)}"


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files of this module whose program was killed.

    Those of a program that still runs are left, as are those of other machines for a day.
    """
    for part in folder.glob(f"{PART}*"):
        name = _PART_NAME.match(part.name)
        if name is None:  # somebody else's
            continue
        here = name[1] == _HOST and os.name != "nt"
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > DAY_S or (here and not _runs(int(name[2]))):
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True


def check_writable(path: str | Path, suffix: str, option: str) -> None:
    """Say now, not after all the work, that a file cannot be written.

    Parameters
    ----------
    path : str or Path
        The file wanted.
    suffix : str
        The one it must have, such as ``".png"``.
    option : str
        With which the user chooses it, such as ``"--output"``.

    Raises
    ------
    InputError
        If it has another suffix, is a folder, or its folder cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != suffix:
        kind = suffix[1:].upper()
        raise InputError(f"{option} gives a {kind} file, not '{path}': give {option} FILE{suffix}")
    if path.is_dir():
        raise InputError(f"'{path}' is a folder: give {option} FILE{suffix}")
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"cannot write '{path}' ({error.strerror}): choose another place with {option}"
        ) from error


def read_json(file: Path) -> dict:
    """Read a small JSON file that may come from a stranger.

    Raises
    ------
    ValueError
        If it is no regular file, larger than `LARGEST_JSON` bytes, no JSON object, or holds a
        number that is not finite.
    """
    if not file.is_file() or file.stat().st_size > LARGEST_JSON:
        raise ValueError(f"no regular file of at most {LARGEST_JSON} bytes")
    try:
        facts = json.loads(
            file.read_text(encoding="utf-8"), parse_constant=_finite, parse_float=_finite
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(facts, dict):
        raise ValueError("no JSON object")
    return facts


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def check_no_input(output: str | Path, record: str | Path) -> None:
    """Refuse to write over a file of the record that is read.

    Parameters
    ----------
    output : str or Path
        The file wanted, or a link to one.
    record : str or Path
        Path of the recording, without suffix where it is a WFDB record: its header is read for its
        signal files.

    Raises
    ------
    InputError
        If the output is the header, an annotation that was there as ``.atr``, or a signal file.
    """
    output, record = Path(output), Path(record)
    header = record.with_name(f"{record.name}.hea")
    inputs = [record, header, record.with_name(f"{record.name}.atr")]
    with suppress(OSError, ValueError):
        small = header.is_file() and header.stat().st_size <= LARGEST_JSON
        text = header.read_text("utf-8", "replace") if small else ""
        names = {line.split()[0] for line in text.splitlines() if line.strip()}
        inputs += [record.with_name(name) for name in names if Path(name).name == name]
    if any(_same(output, file) for file in inputs):
        raise InputError(f"'{output}' is a file of the recording itself: write to another place")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except (OSError, RuntimeError, ValueError):  # not there; links in a circle; no name of a file
        return False


@contextmanager
def _writable(path: Path, remedy: str = "choose another place") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write '{path}' ({reason}): {remedy}") from error


def compress_archive(file: Path) -> None:
    """Compress what a zip archive, such as a ``.keras`` file, holds."""
    with ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
