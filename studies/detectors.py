"""How well beats are detected: the network of all leads, and ``sleepecg`` in the first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.detector import RATE, Weights, beats_in, qrs_probability, shipped_weights
from arrhythmia.evaluate.stream import flutter_of
from arrhythmia.files import CLONE
from arrhythmia.mitdb import DS1, FOLDS
from arrhythmia.records import Record, read_record
from arrhythmia.signals import fill_gaps
from arrhythmia.svdb import SVDB
from arrhythmia.train.detector import Marked, marked_record, train_detector
from studies.results import RESULTS, read_json, write_json

FILE: Final = "detectors.json"
TOLERANCE_S: Final = 0.15
FOLD_STEPS: Final = 1000
"""Batches that the network of a fold is trained with; the one that ships has more than twice as
many."""
WEIGHTS: Final = CLONE / "arrhythmia" / "detector.npz"
NETWORK, OTHER = "this network, all leads", "sleepecg, first lead"


def run_detectors(
    data_dir: str | Path | None,
    folder: Path = RESULTS,
    tell: Callable[[str], None] = lambda _: None,
    folds: list[Weights] | None = None,
) -> dict:
    """Train the network for each fold of DS1 and measure it, or read what was measured.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of mitdb; that of svdb is found by `arrhythmia.svdb.find_svdb_dir`.
    folder : Path
        Folder of results.
    tell : callable
        Told how far it is.
    folds : list of Weights, optional
        Of each fold, where they are trained already.

    Returns
    -------
    dict
        Detector to part (``DS1`` by folds, ``svdb``) to record to counts: beats, found, ventricular
        beats, found, marks that are none, and those of them in ventricular flutter.
    """
    file, digest = folder / FILE, hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    if file.is_file() and read_json(file)["weights"] == digest:
        return read_json(file)["counts"]
    results: dict[str, dict] = {name: {"DS1": {}, "svdb": {}} for name in (NETWORK, OTHER)}
    marked = {name: marked_record(read_record(name, data_dir)) for name in DS1}
    for number, fold in enumerate(FOLDS):
        rest = [marked[name] for name in DS1 if name not in fold]
        weights = folds[number] if folds else train_detector(rest, steps=FOLD_STEPS)
        for name in fold:
            _measure(results, "DS1", name, read_record(name, data_dir), marked[name], weights)
            tell(f"DS1: record {name}")
    for name in SVDB:
        record = read_record(name, data_dir)
        _measure(results, "svdb", name, record, marked_record(record), shipped_weights())
        tell(f"svdb: record {name}")
    write_json(file, {"weights": digest, "counts": results}, indent=None)
    return results


def _measure(
    results: dict, part: str, name: str, record: Record, marked: Marked, weights: Weights
) -> None:
    import sleepecg

    lead = record.lead()
    found = {
        NETWORK: beats_in(qrs_probability(marked.signals, weights)) / RATE,
        OTHER: sleepecg.detect_heartbeats(fill_gaps(lead), lead.fs) / lead.fs,
    }
    flutter = flutter_of(record)
    for detector, times in found.items():
        counts = count(marked.marks / RATE, marked.ventricular, times, flutter)
        results[detector][part][name] = counts


def count(
    true: np.ndarray, ventricular: np.ndarray, found: np.ndarray, flutter: list[tuple[float, float]]
) -> list[int]:
    """Counts of one record, each beat matched with one mark within `TOLERANCE_S`.

    Parameters
    ----------
    true, found : ndarray of float, shape (beats,) and (marks,)
        Seconds.
    ventricular : ndarray of bool, shape (beats,)
    flutter : list of (float, float)
        Seconds.

    Returns
    -------
    list of int
        See `run_detectors`.
    """
    free, hit = np.ones(len(found), bool), np.zeros(len(true), bool)
    for i, time in enumerate(true):
        near = np.flatnonzero(free & (np.abs(found - time) <= TOLERANCE_S))
        if len(near):
            free[near[np.abs(found[near] - time).argmin()]] = False
            hit[i] = True
    inside = np.zeros(len(found), bool)
    for start, end in flutter:
        inside |= (found >= start) & (found <= end)
    return [
        len(true), int(hit.sum()), int(ventricular.sum()), int((hit & ventricular).sum()),
        int(free.sum()), int((free & inside).sum()),
    ]  # fmt: skip


def rows_of(results: dict) -> list[list[str]]:
    """Rows of the table: a heading, then each detector on each part."""
    rows = [["detector", "records", "Se", "+P", "+P outside flutter", "V missed"]]
    for part, words in (("DS1", "DS1 by folds"), ("svdb", "svdb 800 to 855")):
        for detector, parts in results.items():
            total = np.sum(list(parts[part].values()), axis=0)
            beats, found, ventricular, found_v, false, in_flutter = map(int, total)
            rows.append([
                detector, words, f"{found / beats:.4f}", f"{found / (found + false):.4f}",
                f"{found / (found + false - in_flutter):.4f}",
                f"{ventricular - found_v} of {ventricular}",
            ])  # fmt: skip
    return rows


def format_detectors(results: dict) -> str:
    """Table for the terminal."""
    rows = rows_of(results)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{v:{w}}" for v, w in zip(row, widths, strict=True)) for row in rows
    )
