"""A zip of one recording: a WFDB record, or a file of any other format."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from arrhythmia.errors import InputError
from arrhythmia.files import temporary_folder
from arrhythmia.formats.table import check_unpacked
from arrhythmia.records import Hints, Record, read_record

LARGEST: Final = 2_000_000_000
"""Bytes that a zip may unpack to."""
MOST_FILES: Final = 200
LEAST_BYTES: Final = 2
"""Of a number in text."""


def read(path: Path, hints: Hints) -> Record:
    """Read the recording in a zip.

    Parameters
    ----------
    path : Path
    hints : Hints
        Rate and units, where the file inside does not say them.

    Raises
    ------
    InputError
        If it is damaged, unpacks to too much, or holds no recording or several.
    """
    try:
        with zipfile.ZipFile(path) as archive, temporary_folder() as folder:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) > MOST_FILES or sum(m.file_size for m in members) > LARGEST:
                raise InputError(
                    f"'{path.name}' unpacks to more than {MOST_FILES} files or "
                    f"{LARGEST / 1e9:g} GB: unpack it yourself"
                )
            check_unpacked(path, sum(m.file_size for m in members) / LEAST_BYTES)
            for member in members:  # names are flattened: none can leave the folder
                target = Path(folder, Path(member.filename.replace("\\", "/")).name)
                if target.name and not target.name.startswith("."):
                    if target.exists():
                        raise InputError(
                            f"'{path.name}' holds two files of the name '{target.name}': unpack it"
                        )
                    with archive.open(member) as packed, target.open("wb") as whole:
                        shutil.copyfileobj(packed, whole)
            record = read_record(_recording(path, Path(folder)), hints=hints)
            return replace(record, name=path.stem)  # outputs are named after it
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ) as e:
        if isinstance(e, InputError):
            raise
        reason = str(e).splitlines()[0][:100] if str(e) else type(e).__name__
        raise InputError(f"'{path.name}' is a damaged zip ({reason}): fetch it again") from e


def _recording(path: Path, folder: Path) -> Path:
    headers = sorted(folder.glob("*.hea"))
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() not in (".zip", ".md", ".pdf"))
    chosen = headers or files
    if len(chosen) != 1:
        names = ", ".join(p.name for p in chosen[:5]) or "nothing"
        raise InputError(f"'{path.name}' must hold one recording, it has {names}: unpack it")
    return chosen[0]
