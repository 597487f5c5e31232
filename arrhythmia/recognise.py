"""Which module of `arrhythmia.formats` reads a file: by its content, then by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from arrhythmia.errors import InputError

WFDB_SUFFIXES: Final = (".hea", ".dat", ".atr")
MAGIC: Final = (
    (0, b"\x93NUMPY", "arrays"),
    (0, b"MATLAB 5.0", "matlab"),
    (0, b"\x89HDF\r\n\x1a\n", "matlab"),
    (0, b"PK\x03\x04", "archive"),
    (0, b"PAR1", "arrays"),
    (128, b"DICM", "dicom"),
    (0, b"\xffBIOSEMI", "edf"),
)
"""Where in a file which bytes stand, and the module that reads it."""
CLINICAL: Final = {".scp": "SCP-ECG", ".ecg": "ISHNE Holter"}
KNOWN: Final = "WFDB, EDF, CSV and other text, NumPy, Parquet, MATLAB, DICOM, aECG, or a zip of one"
HEAD: Final = 4096
"""Bytes that are looked at."""


def format_of(file: Path) -> str:
    """Name of the module that reads a file, by its content and then by its suffix.

    Parameters
    ----------
    file : Path
        Of a regular file.

    Raises
    ------
    InputError
        If it is of no format that is read.
    """
    try:
        with file.open("rb") as content:
            head = content.read(HEAD)
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror}") from error
    suffix = file.suffix.lower()
    if suffix in WFDB_SUFFIXES or (suffix == ".mat" and file.with_suffix(".hea").is_file()):
        return "wfdb"
    if not head:
        raise InputError(f"'{file}' is empty: fetch it again")
    for start, magic, kind in MAGIC:
        if head[start:].startswith(magic):
            return "arrays" if kind == "archive" and suffix == ".npz" else kind
    if head.startswith(b"0       ") and len(head) >= 256:
        return "edf"
    if head.startswith(b"ISHNE1.0") or suffix in CLINICAL:
        return "clinical"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        if start[:200].lower().startswith((b"<!doctype html", b"<html")):
            raise InputError(f"'{file}' is a web page, not a recording: fetch it again")
        return "clinical"
    if suffix == ".mat":
        return "matlab"
    if b"\0" not in head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff") or (
        head[:2] in (b"\xff\xfe", b"\xfe\xff")
    ):
        return "text"
    raise InputError(f"'{file}' is of no format that is read: give {KNOWN}")
