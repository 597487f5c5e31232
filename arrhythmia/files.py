"""Files that come with the project, and files written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

from arrhythmia.errors import InputError

CLONE: Final = Path(__file__).resolve().parent.parent
"""The folder that holds the package: the project's own where it is cloned."""

IS_CLONE: Final = (CLONE / "saved_models").is_dir()


def shipped(path: str) -> Path:
    """Where a folder that comes with the project is: in the clone, or in the installed package.

    Parameters
    ----------
    path : str
        In the clone, such as ``"saved_models/ds1"``.
    """
    return CLONE / path if IS_CLONE else Path(str(files("arrhythmia") / "shipped" / path))


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to ``path`` when all went well.

    Parameters
    ----------
    path : str or Path
        The file wanted. Its folder is made where it is missing.

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
    with _writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise InputError(f"'{path}' is a folder: give the name of a file")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.suffix)
        os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        with _writable(path):
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
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".part-"))
    try:
        yield part
        with _writable(folder):
            folder.mkdir(exist_ok=True)
            for file in sorted(part.iterdir()):
                file.chmod(0o644)
                file.replace(folder / file.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


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


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write '{path}' ({reason}): choose another place") from error


def compress_archive(file: Path) -> None:
    """Compress what a zip archive, such as a ``.keras`` file, holds."""
    with ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
