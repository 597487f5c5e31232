"""The door before WFDB: a header is checked before ``wfdb`` is given it.

``wfdb`` trusts headers: its regular expressions are quadratic in the length of a line, its file
names lead anywhere, and it takes the memory that a header promises.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import wfdb

from arrhythmia.errors import InputError
from arrhythmia.formats.table import check_unpacked

LARGEST_HEADER: Final = 1_000_000
"""Bytes."""
LONGEST_LINE: Final = 1000
MOST_SIGNALS: Final = 256
MOST_SEGMENTS: Final = 10_000
MOST_HZ: Final = 100_000.0
MOST_VALUES: Final = 2_000_000_000
"""Samples of all signals together."""
PACKED: Final = ("508", "516", "524")
"""Formats of signals that are packed (FLAC)."""
MOST_SKEW: Final = 1_000_000
GAINS: Final = (1e-9, 1e12)
"""Smallest and largest gain, in counts a unit."""
DEFAULT_HZ: Final = 250.0
"""What header(5) says where a header gives no rate."""


@dataclass(frozen=True)
class Header:
    """A header that was checked.

    Parameters
    ----------
    content : wfdb.Record or wfdb.MultiRecord
    notes : tuple of str
        What the user should know.
    """

    content: wfdb.Record | wfdb.MultiRecord
    notes: tuple[str, ...] = ()


def path_for_wfdb(path: Path) -> str:
    """A path as ``wfdb`` takes it, which reads addresses too: ``~``, and one in another by ``::``.

    Raises
    ------
    InputError
        If it has ``::`` in it.
    """
    text = str(path.absolute())
    if "::" in text:
        raise InputError(f"'{path}' has '::' in its path, where wfdb sees an address: rename it")
    return text


def read_header(path: Path, follow_links: bool = False) -> Header:
    """Read and check the header of a record, and of its segments.

    Parameters
    ----------
    path : Path
        Of the record, without suffix.
    follow_links : bool
        Signal files may be links to files elsewhere.

    Raises
    ------
    InputError
        If it is missing, malformed, promises too much, or points outside its folder.
    """
    content, notes = _parsed(path)
    file = path.with_name(f"{path.name}.hea")
    if isinstance(content, wfdb.MultiRecord):
        _check_segments(path, content, follow_links)
        return Header(content, notes)
    if not content.n_sig or not content.file_name:
        raise InputError(f"'{file}' has no signals of its own: name another record")
    if not content.fs or content.fs > MOST_HZ:
        raise InputError(f"'{file}' gives a sampling rate of {content.fs or 0:g} Hz: correct it")
    _check_promises(path, content)
    _check_files(path, content, follow_links)
    return Header(content, notes)


def _parsed(path: Path) -> tuple[wfdb.Record | wfdb.MultiRecord, tuple[str, ...]]:
    """A header as ``wfdb`` understands it, and notes; its text is looked at first."""
    file = path.with_name(f"{path.name}.hea")
    lines, text = _lines(file), path_for_wfdb(path)
    notes = _check_rate(file, lines[0])
    try:
        return wfdb.rdheader(text), notes
    except Exception as error:  # wfdb raises many kinds for a malformed header
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise InputError(f"'{file}' is not a WFDB header ({reason})") from error


def _lines(file: Path) -> list[str]:
    """Lines of a header that are no comments."""
    try:
        if not stat.S_ISREG(file.stat().st_mode) or file.stat().st_size > LARGEST_HEADER:
            raise InputError(f"'{file}' is not a WFDB header (no file, or too large)")
        text = file.read_bytes().decode("latin-1")
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror}") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if text.lstrip().startswith("<"):
        raise InputError(f"'{file}' is not a WFDB header but a web page: fetch it again")
    if not lines:
        raise InputError(f"'{file}' is not a WFDB header (it is empty)")
    if max(map(len, text.splitlines())) > LONGEST_LINE or len(lines) > MOST_SEGMENTS:
        raise InputError(f"'{file}' is not a WFDB header (its lines are too long or too many)")
    return lines


def _check_rate(file: Path, line: str) -> tuple[str, ...]:
    """Notes on the rate in the first line; ``wfdb`` overlooks signs and exponents."""
    fields = line.split()
    if len(fields) < 3:
        return (f"'{file.name}' gives no sampling rate: {DEFAULT_HZ:g} Hz is taken",)
    number = re.split(r"[/(]", fields[2])[0]
    try:
        rate = float(number)
    except ValueError as error:
        raise InputError(
            f"'{file}' gives a sampling rate of '{number[:20]}': correct it"
        ) from error
    if not 0 < rate <= MOST_HZ:
        raise InputError(f"'{file}' gives a sampling rate of {rate:g} Hz: correct its first line")
    return ()


def _check_promises(path: Path, content: wfdb.Record) -> None:
    file = f"'{path}.hea'"
    files = content.file_name or []
    if content.n_sig > MOST_SIGNALS or len(files) != content.n_sig:
        raise InputError(f"{file} promises {content.n_sig} signals and describes {len(files)}")
    frames = [int(n or 1) for n in content.samps_per_frame or [1]]
    if max(frames) > 1000 or (content.sig_len or 0) * sum(frames) > MOST_VALUES:
        raise InputError(f"{file} promises more than {MOST_VALUES:g} samples")
    if content.sig_len is not None and content.sig_len < 0:
        raise InputError(f"{file} promises {content.sig_len} samples")
    for gain in content.adc_gain or []:
        if gain and not GAINS[0] <= abs(gain) <= GAINS[1]:
            raise InputError(f"{file} gives a gain of {gain:g}: correct it")
    for skew in content.skew or []:
        if skew and abs(skew) > MOST_SKEW:
            raise InputError(f"{file} gives a skew of {skew} samples: correct it")


def _check_files(path: Path, content: wfdb.Record, follow_links: bool) -> None:
    """Signal files are beside their header, and packed ones do not unpack to too much."""
    for name in dict.fromkeys(content.file_name):
        check_signal_file(path, name, follow_links)
        promised = [
            int(frames or 1)
            for file, kind, frames in zip(
                content.file_name, content.fmt, content.samps_per_frame, strict=True
            )
            if file == name and kind in PACKED
        ]
        check_unpacked(path.with_name(name), (content.sig_len or 0) * sum(promised))


def check_signal_file(path: Path, name: str, follow_links: bool) -> None:
    """A header from a stranger can point anywhere: only regular files beside it are read.

    Raises
    ------
    InputError
        If the file is elsewhere, is missing, or is no regular file.
    """
    if (
        Path(name).name != name or "\\" in name or "::" in name or "\0" in name
        or name in ("", "~", "-") or len(name) > 200
    ):  # fmt: skip
        raise InputError(f"'{path}.hea' names the signal file '{name[:60]}' outside its own folder")
    file = path.with_name(name)
    if not file.is_file():
        raise InputError(f"record '{path.name}' lacks its signal file '{file}'")
    if not follow_links:
        check_not_elsewhere(file)


def check_not_elsewhere(file: Path) -> None:
    """Raise an InputError if a file is a link to one outside its own folder."""
    if file.resolve().parent != file.parent.resolve():
        raise InputError(
            f"'{file}' is a link to a file outside its own folder: copy the file there, or add "
            "--follow-links if you trust it"
        )


def _check_segments(path: Path, content: wfdb.MultiRecord, follow_links: bool) -> None:
    """Every segment is a record beside it; the whole is not too long."""
    if not content.fs or (content.sig_len or 0) * max(content.n_sig or 1, 1) > MOST_VALUES:
        raise InputError(f"'{path}.hea' promises more than {MOST_VALUES:g} samples, or no rate")
    for name in dict.fromkeys(content.seg_name):
        if name == "~":  # a gap
            continue
        check_signal_file(path, f"{name}.hea", follow_links)
        segment, _ = _parsed(path.with_name(name))
        if isinstance(segment, wfdb.MultiRecord):
            raise InputError(f"'{path}.hea' has a segment '{name}' that is of segments itself")
        _check_promises(path.with_name(name), segment)
        if set(segment.file_name or ["~"]) != {"~"}:  # the layout of segments has no signals
            _check_files(path.with_name(name), segment, follow_links)
