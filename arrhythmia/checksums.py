"""What the files of the databases are: by these lists a record is known, and a download checked."""

from __future__ import annotations

from typing import Final

from arrhythmia.errors import InputError
from arrhythmia.files import shipped

CHECKSUMS: Final = {name: shipped(name) / "SHA256SUMS.txt" for name in ("mitdb", "svdb")}
"""Database to the list of its files."""
LARGEST: Final = 4_000_000
"""Bytes of a file: the largest of both databases have 2 million."""


def read_checksums(database: str = "mitdb") -> dict[str, str]:
    """Read the list of a database's files.

    Parameters
    ----------
    database : str
        A key of `CHECKSUMS`.

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
