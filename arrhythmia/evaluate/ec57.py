"""Beat-by-beat comparison as ANSI/AAMI EC57 asks for it, as WFDB's ``bxb`` and ``sumstats`` do it.

The matching is that of ``bxb`` (with its change of November 2002): within 150 ms, from five minutes
after the start. Periods that the reference marks as ventricular flutter or fibrillation do not
count; what either side has in a period that the other marks as unreadable is counted as ``x``.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.errors import InputError
from arrhythmia.mitdb import find_record
from arrhythmia.records import Annotation, read_annotation, read_record

MATCH_S: Final = 0.15
"""A detected beat is a reference beat where it is no farther from it than this."""
START_S: Final = 300.0
"""Before this, detectors may learn."""
ROWS: Final = "NSVFQOX"
"""Classes of the reference; O: no beat, X: no beat, and unreadable."""
COLUMNS: Final = "nsvfqox"
"""The same of the test."""
CLASSES: Final = {
    **dict.fromkeys("NLRB", "N"), **dict.fromkeys("AaJSejn", "S"), **dict.fromkeys("VrE", "V"),
    "F": "F", **dict.fromkeys("Q/f?", "Q"),
}  # fmt: skip
"""Symbol of a beat to its class, as ``bxb -L`` takes it."""
UNREADABLE: Final = 0x30
"""Both of these bits in the subtype of ``~``: nothing can be read from here on."""
STATISTICS: Final = ("Q Se", "Q +P", "V Se", "V +P", "V FPR", "S Se", "S +P", "S FPR")
COUNTS: Final = (
    "Nn", "Sn", "Vn", "Fn", "On", "Ns", "Ss", "Vs", "Fs", "Os", "Nv", "Sv", "Vv", "Fv", "Ov",
    "No", "So", "Vo", "Fo",
)  # fmt: skip
"""Columns of the line format, in the order of ``bxb -L``: reference class, then test class."""
SAME_PATIENT: Final = {"202": "201"}
"""Of mitdb, two records are of one patient."""
LEVEL: Final = 95
RESAMPLED: Final = 2000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Marks:
    """Beats and periods of one annotation.

    Parameters
    ----------
    sample : ndarray of int, shape (beats,)
        Increasing.
    label : str
        Class of each beat: N, S, V, F or Q.
    unreadable, fibrillation : tuple of (float, float)
        First and last sample of each period.
    """

    sample: np.ndarray
    label: str
    unreadable: tuple[Interval, ...] = ()
    fibrillation: tuple[Interval, ...] = ()


def read_pair(
    record: str | Path,
    reference: str,
    test: str,
    test_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
) -> tuple[Marks, Marks, float, int]:
    """Two annotations of a record, its sampling rate in Hz and its length in samples.

    Parameters
    ----------
    record : str or Path
        As `arrhythmia.records.read_record` takes it.
    reference, test : str
        Suffixes of the annotation files.
    test_dir : str or Path, optional
        Where that to be tested is; by default beside the record.
    data_dir : str or Path, optional
        Folder of the database.

    Raises
    ------
    InputError
        If the record or one of the annotations cannot be read.
    """
    place = find_record(record, data_dir)
    content = read_record(record, data_dir, reference)
    if content.annotation is None:
        raise InputError(
            f"record '{place.name}' has no '{place}.{reference}': give another with --reference"
        )
    folder = place.parent if test_dir is None else Path(test_dir)
    file = folder / f"{content.name}.{test}"
    if not file.is_file():
        raise InputError(f"no '{file}': run 'annotate' first, or say where it is with --test-dir")
    tested = read_annotation(file, content)
    pair = (read_marks(one, content.fs) for one in (content.annotation, tested))
    return (*pair, content.fs, len(content))


def read_marks(annotation: Annotation, fs: float) -> Marks:
    """Beats and periods of an annotation; beats in fibrillation are left out, as ``bxb`` does.

    Parameters
    ----------
    annotation : Annotation
        Marks in order of time.
    fs : float
        Hz, of its samples.
    """
    sample, label, unreadable, fibrillation = [], [], [], []
    reach = int(MATCH_S * fs)
    begun = fibrillating = None
    for i, (place, symbol) in enumerate(zip(annotation.sample, annotation.symbol, strict=True)):
        if begun is not None:
            ends = symbol == "~" and not _nothing(annotation.subtype[i])
            # Without an end of its own the period lies between the marks around it.
            previous = max([0, *sample[-1:], *(end for _, end in fibrillation[-1:])])
            start, end = (begun, place) if ends else (previous + reach, place - reach)
            unreadable.append((float(min(start, end)), float(end)))
            begun = None
        if fibrillating is not None:
            if symbol == "]":
                fibrillation.append((float(fibrillating), float(place)))
                fibrillating = None
        elif symbol == "[":
            fibrillating = place
        elif symbol in CLASSES:
            sample.append(int(place))
            label.append(CLASSES[symbol])
        elif symbol == "~" and _nothing(annotation.subtype[i]):
            begun = place
    if begun is not None:
        unreadable.append((float(begun), np.inf))
    if fibrillating is not None:
        fibrillation.append((float(fibrillating), np.inf))
    return Marks(np.array(sample, dtype=int), "".join(label), tuple(unreadable),
                 tuple(fibrillation))  # fmt: skip


def _nothing(subtype: int) -> bool:
    return int(subtype) & UNREADABLE == UNREADABLE


def compare(
    reference: Marks, test: Marks, fs: float, samples: int | None = None, start_s: float = START_S
) -> np.ndarray:
    """Match the beats of two annotations of one record, and count the pairs.

    Parameters
    ----------
    reference, test : Marks
        In samples of the record.
    fs : float
        Hz.
    samples : int, optional
        Length of the record; by default up to the last beat of either.
    start_s : float
        Seconds at which the comparison begins.

    Returns
    -------
    ndarray of int, shape (7, 7)
        `ROWS` by `COLUMNS`.
    """
    reach = int(MATCH_S * fs)
    first = round(start_s * fs)
    last = np.inf if samples is None else samples
    counts = np.zeros((len(ROWS), len(COLUMNS)), dtype=int)

    def count(row: str, column: str) -> None:
        counts[ROWS.index(row), ROWS.index(column)] += 1

    far = float(np.iinfo(np.int64).max)
    one, two = (np.append(marks.sample.astype(float), [far, far]) for marks in (reference, test))
    i = bisect.bisect_left(reference.sample, first)
    j = bisect.bisect_left(test.sample, first)
    # The last test beat before the start may belong to the first reference beat after it.
    gap = one[i] - two[j - 1] if j else far
    if gap <= reach and gap < abs(one[i] - two[j]):
        count(reference.label[i], test.label[j - 1])
        i += 1
    elif two[j] - first <= reach and abs(one[i] - two[j + 1]) < abs(one[i] - two[j]):
        j += 1  # it belongs to a reference beat before the start
    while min(one[i], two[j]) <= last and min(one[i], two[j]) < far:
        gap = abs(one[i] - two[j])
        if two[j] < one[i]:
            rival, after = abs(one[i] - two[j + 1]), abs(one[i + 1] - two[j + 1])
        else:
            rival, after = abs(two[j] - one[i + 1]), abs(two[j + 1] - one[i + 1])
        if gap <= reach and (gap < rival or after < rival):
            count(reference.label[i], test.label[j])
            i, j = i + 1, j + 1
        elif two[j] < one[i]:
            if not _in(reference.fibrillation, two[j]):
                count("X" if _in(reference.unreadable, two[j]) else "O", test.label[j])
            j += 1
        else:
            count(reference.label[i], "X" if _in(test.unreadable, one[i]) else "O")
            i += 1
    return counts


def _in(periods: Sequence[Interval], place: float) -> bool:
    return any(start <= place <= end for start, end in periods)


def line_counts(counts: np.ndarray) -> dict[str, int]:
    """The counts of the line format of ``bxb -L``; F' holds Q too, O' and o' hold X.

    Parameters
    ----------
    counts : ndarray of int, shape (7, 7)
        See `compare`.
    """
    rows = {"N": "N", "S": "S", "V": "V", "F": "FQ", "O": "OX"}
    columns = {"n": "NFQ", "s": "S", "v": "V", "o": "OX"}

    def total(name: str) -> int:
        places = np.ix_(*([ROWS.index(c) for c in k] for k in (rows[name[0]], columns[name[1]])))
        return int(counts[places].sum())

    return {name: total(name) for name in COUNTS}


def fractions(counts: dict[str, int] | pd.Series) -> dict[str, tuple[int, int]]:
    """Numerator and denominator of each of `STATISTICS`, from counts of the line format."""

    def add(rows: str, columns: str) -> int:
        return sum(int(counts.get(r + c, 0)) for r in rows for c in columns)

    found, missed, extra = add("NSVF", "nsv"), add("NSVF", "o"), add("O", "nsv")
    facts = {"Q Se": (found, found + missed), "Q +P": (found, found + extra)}
    for name, others in (("V", "NSO"), ("S", "NVO")):
        # Fusion beats called V or S are no false positives, in EC57 and in sumstats.
        own = name.lower()
        right, false = add(name, own), add(others, own)
        facts[f"{name} Se"] = (right, add(name, "nsvo"))
        facts[f"{name} +P"] = (right, right + false)
        rest = add(f"{others}F", "nsv".replace(own, ""))
        facts[f"{name} FPR"] = (false, false + rest)
    return facts


def percent(counts: dict[str, int] | pd.Series) -> dict[str, float]:
    """`STATISTICS` in per cent; NaN where there is nothing to divide by."""
    return {
        name: 100 * part / whole if whole else float("nan")
        for name, (part, whole) in fractions(counts).items()
    }


def line_table(counts: dict[str, np.ndarray]) -> pd.DataFrame:
    """The line format: a row a record, with its counts and statistics.

    Parameters
    ----------
    counts : dict
        Name of the record to what `compare` gave.
    """
    lines = {name: line_counts(one) for name, one in counts.items()}
    rows = [{"Record": name} | line | percent(line) for name, line in lines.items()]
    return pd.DataFrame(rows, columns=["Record", *COUNTS, *STATISTICS])


def with_sums(table: pd.DataFrame) -> pd.DataFrame:
    """The line format with gross and average statistics below, as ``sumstats`` gives them.

    Gross counts all beats alike; average counts all records alike that have a statistic.
    """
    sums = table[list(COUNTS)].sum()
    gross = {"Record": "Gross"} | sums.to_dict() | percent(sums)
    average = {"Record": "Average"} | table[list(STATISTICS)].mean().to_dict()
    extended = pd.concat([table, pd.DataFrame([gross, average])], ignore_index=True)
    return extended.astype(dict.fromkeys(COUNTS, "Int64"))


def bootstrap(table: pd.DataFrame, patients: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """Limits of the gross statistics if other patients like these had been recorded.

    Parameters
    ----------
    table : pandas.DataFrame
        As `line_table` gives it.
    patients : sequence of str
        Of each record; all records of a patient are drawn together.
    seed : int

    Returns
    -------
    pandas.DataFrame
        A row for each of `STATISTICS`: ``gross``, ``low`` and ``high``, the limits of `LEVEL` per
        cent of `RESAMPLED` draws (percentile method).
    """
    by_patient = table[list(COUNTS)].groupby(np.asarray(patients)).sum()
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(
        len(by_patient), np.full(len(by_patient), 1 / len(by_patient)), RESAMPLED
    )
    drawn = pd.DataFrame(draws @ by_patient.to_numpy(), columns=list(COUNTS))
    values = pd.DataFrame([percent(row) for row in drawn.to_dict("records")])
    tail = (100 - LEVEL) / 200
    return pd.DataFrame(
        {
            "gross": pd.Series(percent(table[list(COUNTS)].sum())),
            "low": values.quantile(tail),
            "high": values.quantile(1 - tail),
        }
    )
