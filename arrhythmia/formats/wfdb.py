"""WFDB records: header, signal files, annotation (https://physionet.org/physiotools/wag/)."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import wfdb
from scipy.signal import resample_poly

from arrhythmia.blocks import LONG_S
from arrhythmia.errors import InputError
from arrhythmia.formats.wfdb_annotation import read_annotation
from arrhythmia.formats.wfdb_header import (
    Header,
    check_not_elsewhere,
    path_for_wfdb,
    read_header,
)
from arrhythmia.records import Hints, Record, is_no_ecg

LEAST_SAMPLES: Final = 2
SAMPLES_AT_ONCE: Final = 500_000


def read(path: Path, annotator: str = "atr", hints: Hints = Hints()) -> Record:  # noqa: B008
    """Read a WFDB record with all its signals, also one of several segments or rates.

    Parameters
    ----------
    path : Path
        Of the record, without suffix.
    annotator : str
        Suffix of the annotation file. Without such a file ``annotation`` is None.
    hints : Hints
        Whether links to files elsewhere are followed.

    Returns
    -------
    Record
        At the rate of its fastest ECG lead. Between segments, and where a segment lacks a lead,
        samples are NaN.

    Raises
    ------
    InputError
        If a file is missing, truncated or damaged, promises absurd sizes, or the header points
        outside its folder.
    """
    header = read_header(path, hints.follow_links)
    try:
        signals, fs, names, units, notes = _signals(path, header)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"'{path}.hea' promises more samples than fit into memory") from error
    except Exception as error:  # wfdb raises many kinds for a damaged signal file
        raise InputError(_damaged(path, header)) from error
    if len(signals) < LEAST_SAMPLES:
        raise InputError(_damaged(path, header))
    if not np.isfinite(signals).any():
        raise InputError(f"record '{path.name}' holds no number that is one: check its header")
    file = path.with_name(f"{path.name}.{annotator}")
    if file.is_file() and not hints.follow_links:
        check_not_elsewhere(file)
    annotation, more = read_annotation(file, fs, len(signals), float(header.content.fs))
    return Record(
        name=path.name,
        signals=signals,
        fs=fs,
        leads=tuple(str(name or "") or f"signal {i}" for i, name in enumerate(names, 1)),
        units=tuple(str(unit or "") or "mV" for unit in units),
        annotation=annotation,
        start=_start(header),
        notes=(*header.notes, *notes, *more),
    )


def _signals(
    path: Path, header: Header
) -> tuple[np.ndarray, float, list[str], list[str], tuple[str, ...]]:
    """Signals (samples, leads), rate, names, units, notes."""
    content = header.content
    if isinstance(content, wfdb.MultiRecord):
        return (*_segments(path, content), ())
    frames = [int(n or 1) for n in content.samps_per_frame]
    if max(frames) == 1 and (content.sig_len or 0) > LONG_S * content.fs and not any(content.skew):
        signals, sums = _in_blocks(path, content)
        notes = _checksum_notes(path, content, sums)
        return signals, float(content.fs), content.sig_name, content.units, notes
    if max(frames) == 1:
        digital = wfdb.rdrecord(path_for_wfdb(path), physical=False)
        notes = _checksum_notes(path, content, digital.calc_checksum())
        return digital.dac(), float(digital.fs), digital.sig_name, digital.units, notes
    digital = wfdb.rdrecord(path_for_wfdb(path), physical=False, smooth_frames=False)
    notes = _checksum_notes(path, content, digital.calc_checksum(expanded=True))
    columns = digital.dac(expanded=True)
    ecg = [not is_no_ecg(str(name or "")) for name in digital.sig_name]
    most = max((n for n, is_ecg in zip(frames, ecg, strict=True) if is_ecg), default=max(frames))
    length = most * (min(len(c) // n for c, n in zip(columns, frames, strict=True)))
    at_rate = [_at_rate(c, n, most)[:length] for c, n in zip(columns, frames, strict=True)]
    rate = float(digital.fs) * most
    return np.stack(at_rate, axis=1), rate, digital.sig_name, digital.units, notes


def _in_blocks(path: Path, content: wfdb.Record) -> tuple[np.ndarray, list[int]]:
    """Signals of a long record as float32, the samples of a lead together, and their sums."""
    signals = np.empty((content.n_sig, content.sig_len), np.float32).T
    sums = np.zeros(content.n_sig, int)
    for first in range(0, content.sig_len, SAMPLES_AT_ONCE):
        last = min(first + SAMPLES_AT_ONCE, content.sig_len)
        part = wfdb.rdrecord(str(path), sampfrom=first, sampto=last, physical=False)
        sums += part.calc_checksum()
        signals[first:last] = part.dac()
    return signals, sums.tolist()


def _segments(
    path: Path, content: wfdb.MultiRecord
) -> tuple[np.ndarray, float, list[str], list[str]]:
    """Signals of all segments, one after the other; gaps are NaN."""
    if content.layout == "variable":  # segments may have other leads
        whole = wfdb.rdrecord(path_for_wfdb(path))
        return whole.p_signal, float(whole.fs), whole.sig_name, whole.units
    is_long = sum(content.seg_len) > LONG_S * content.fs
    signals = np.full((content.n_sig, sum(content.seg_len)), np.nan,
                      np.float32 if is_long else float).T  # fmt: skip
    place, names, units = 0, None, None
    for name, length in zip(content.seg_name, content.seg_len, strict=True):
        if name != "~":
            part = wfdb.rdrecord(path_for_wfdb(path.with_name(name)))
            names, units = names or part.sig_name, units or part.units
            signals[place : place + length] = part.p_signal
        place += length
    if names is None:
        raise InputError(f"'{path}.hea' has gaps only")
    return signals, float(content.fs), names, units


def _at_rate(signal: np.ndarray, frames: int, wanted: int) -> np.ndarray:
    """A signal of other samples a frame at the rate wanted; where samples are missing, repeated."""
    ratio = Fraction(wanted, frames)
    if ratio == 1:
        return signal
    if np.isfinite(signal).all():
        return resample_poly(signal, ratio.numerator, ratio.denominator)
    places = np.arange(len(signal) * ratio.numerator // ratio.denominator)
    return signal[np.minimum(places * ratio.denominator // ratio.numerator, len(signal) - 1)]


def _checksum_notes(path: Path, content: wfdb.Record, sums: list[int]) -> tuple[str, ...]:
    wanted = content.checksum or []
    if any(content.skew or []):  # the sums are those of the signals before they are shifted
        return ()
    bad = [
        str(name)
        for name, given, found in zip(content.sig_name, wanted, sums, strict=False)
        if given is not None and (given - found) % 65536 and not is_no_ecg(str(name or ""))
    ]
    if not bad:
        return ()
    names = ", ".join(bad[:5])
    return (f"the checksum of {names} in '{path.name}.hea' does not fit: the signal was changed or "
            "is damaged",)  # fmt: skip


def _start(header: Header) -> datetime | None:
    date, time = header.content.base_date, header.content.base_time
    return datetime.combine(date, time) if date is not None and time is not None else None


def _damaged(path: Path, header: Header) -> str:
    names = getattr(header.content, "file_name", None) or [f"{path.name}.dat"]
    files = " or ".join(f"'{path.with_name(name)}'" for name in list(dict.fromkeys(names))[:3])
    promise = f"its header promises {header.content.sig_len} samples"
    return f"{files} is truncated or damaged ({promise}): fetch it again"
