"""How well a stream is classified: beside the same recording read as a whole, and by its alarms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.evaluate.ec57 import COLUMNS, ROWS, Marks, compare
from arrhythmia.evaluate.report import refuse_known
from arrhythmia.evaluate.scores import MOST_OF_A_CLASS, Scores
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES, GROUPINGS, SYMBOL_CLASS, grouping_numbers
from arrhythmia.mitdb import DS2
from arrhythmia.model_settings import model_digest, read_settings
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import Record, read_record
from arrhythmia.rhythm import IDIOVENTRICULAR, RUN, VT
from arrhythmia.stream import StreamBeat, StreamClassifier, StreamEvent

FILE: Final = "stream_metrics.json"
CLASSES: Final = tuple(GROUPINGS["aami"])
LETTERS: Final = "".join(np.array(CLASSES)[grouping_numbers("aami")])
"""AAMI class of each of `BEAT_CLASSES`."""
STREAMED: Final = "streamed"
DETECTED: Final = "as a whole, R peaks detected"
REFERENCE: Final = "as a whole, reference R peaks"
ARMS: Final = (STREAMED, DETECTED, REFERENCE)
NEAR_S: Final = 0.15
"""A run that is told and one of the reference are the same where they are no farther apart."""


def evaluate_stream(
    folder: str | Path,
    data_dir: str | Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict:
    """Stream DS2 through a saved model, and write `FILE` into its folder.

    No row is added to the ledger: the network is the one that ``evaluate`` scored.

    Parameters
    ----------
    folder : str or Path
        Folder of a saved model.
    data_dir : str or Path, optional
        Folder of the database.
    tell : callable
        Told how far it is.

    Raises
    ------
    InputError
        If the model was trained on DS2, or it or a record cannot be read.
    """
    refuse_known(folder, DS2)
    read_settings(folder)
    results = {"model": model_digest(folder), "DS2": score_records(folder, DS2, data_dir, tell)}
    with whole_file(Path(folder) / FILE) as part:
        part.write_text(json.dumps(results) + "\n", encoding="utf-8")
    return results


def score_records(
    folder: str | Path,
    names: Sequence[str],
    data_dir: str | Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict:
    """Stream records, and read them as a whole; on all cores.

    Parameters
    ----------
    folder : str or Path
        Folder of a saved model.
    names : sequence of str
        Records with reference annotation.
    data_dir : str or Path, optional
        Folder of the database.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        Name of each record to what `score_record` gives.
    """
    from loky import cpu_count, get_reusable_executor

    results = {}
    executor = get_reusable_executor(max_workers=min(cpu_count(), len(names)))
    every = [str(folder)] * len(names), names, [data_dir] * len(names)
    for name, result in zip(names, executor.map(score_record, *every), strict=True):
        results[name] = result
        tell(f"record {name}")
    return results


def score_record(folder: str, name: str, data_dir: str | Path | None = None) -> dict:
    """Stream one record, and read it as a whole.

    Returns
    -------
    dict
        Each of `ARMS` (see `matched`), ``runs`` (see `count_runs`), ``seconds``, and ``delays``:
        how many beats were told within 0.0, 0.1, 0.2 … seconds, and not within 0.1 s less.
    """
    classifier, record = _loaded(folder), read_record(name, data_dir)
    told = stream_record(classifier, record)
    beats = [one for one in told if isinstance(one, StreamBeat)]
    delays = np.ceil(np.array([beat.delay for beat in beats]) * 10 - 1e-6).astype(int)
    called = [BEAT_CLASSES.index(beat.beat_class) for beat in beats]
    whole = classifier.find_beats(record, source="detect")
    called_whole = classifier.probabilities(whole).argmax(axis=1)
    return {
        STREAMED: matched(record, np.array([beat.sample for beat in beats], dtype=int), called),
        DETECTED: matched(record, whole.sample, called_whole),
        REFERENCE: at_reference(classifier, record),
        "runs": count_runs(record, told),
        "seconds": record.seconds,
        "delays": np.bincount(delays).tolist(),
    }


@lru_cache(maxsize=1)
def _loaded(folder: str) -> Classifier:
    return Classifier.load(folder)


def stream_record(classifier: Classifier, record: Record) -> tuple[StreamBeat | StreamEvent, ...]:
    """What is told of a record that is streamed with all its ECG leads."""
    names = record.ecg_leads
    signals = np.stack([record.lead(name).signal for name in names], axis=1)
    return StreamClassifier(record.fs, names, classifier).push(signals)


def reference_marks(record: Record) -> Marks:
    """Reference beats by AAMI class; those without one are Q."""
    sample, symbols = reference_beats(record)
    numbers = [SYMBOL_CLASS.get(symbol) for symbol in symbols]
    label = "".join("Q" if c is None else LETTERS[BEAT_CLASSES.index(c)] for c in numbers)
    return Marks(sample, label, fibrillation=tuple(
        (start * record.fs, end * record.fs) for start, end in flutter_of(record)
    ))  # fmt: skip


def flutter_of(record: Record) -> list[tuple[float, float]]:
    """Seconds from and to which the reference marks ventricular flutter, a little widened."""
    marks = record.annotation
    starts = marks.sample[marks.symbol == "["] / record.fs
    ends = marks.sample[marks.symbol == "]"] / record.fs
    return [(float(a) - 1, float(b) + 1) for a, b in zip(starts, ends, strict=False)]


def matched(record: Record, sample: np.ndarray, called: Iterable[int]) -> list[list[int]]:
    """Beats by class in the reference (row) and by class told (column); the last is no beat.

    Parameters
    ----------
    record : Record
    sample : ndarray of int, shape (beats,)
        R peaks.
    called : iterable of int
        Place of each in `arrhythmia.labels.BEAT_CLASSES`.

    Returns
    -------
    list of list of int, shape (5, 5)
        Over N, S, V, F and no beat.
    """
    told = Marks(sample, "".join(LETTERS[c] for c in called))
    counts = compare(reference_marks(record), told, record.fs, len(record), start_s=0.0)
    places = [ROWS.index(c) for c in CLASSES]
    table = np.zeros((5, 5), dtype=int)
    table[:4, :4] = counts[np.ix_(places, places)]
    nothing = [COLUMNS.index("o"), COLUMNS.index("x")]
    table[:4, 4] = counts[np.ix_(places, nothing)].sum(axis=1)
    table[4, :4] = counts[np.ix_(nothing, places)].sum(axis=0)
    return table.tolist()


def at_reference(classifier: Classifier, record: Record) -> list[list[int]]:
    """As `matched`, of the record as a whole with the reference's R peaks."""
    beats = classifier.find_beats(record, source="atr")
    numbers = grouping_numbers("aami")
    known = beats.beat_class >= 0
    called = classifier.probabilities(beats).argmax(axis=1)
    table = np.zeros((5, 5), dtype=int)
    np.add.at(table, (numbers[beats.beat_class[known]], numbers[called[known]]), 1)
    return table.tolist()


def count_runs(record: Record, told: Iterable[StreamBeat | StreamEvent]) -> list[int]:
    """Runs of V of the reference, those of them told, and runs told that are none.

    What is told in ventricular flutter does not count.
    """
    marks = reference_marks(record)
    runs = runs_of(np.array([c == "V" for c in marks.label]), marks.sample / record.fs)
    alarms = [
        (event.start_s, event.told_s)
        for event in told
        if isinstance(event, StreamEvent) and event.kind in (VT, IDIOVENTRICULAR) and event.alarm
    ]
    found = sum(any(_meet(run, alarm) for alarm in alarms) for run in runs)
    others = [*runs, *flutter_of(record)]
    false = sum(not any(_meet(other, alarm) for other in others) for alarm in alarms)
    return [len(runs), found, false]


def runs_of(ventricular: np.ndarray, seconds: np.ndarray) -> list[tuple[float, float]]:
    """Seconds of the first and last beat of each run of `RUN` or more."""
    edges = np.flatnonzero(np.diff(ventricular, prepend=False, append=False))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [
        (float(seconds[first]), float(seconds[stop - 1]))
        for first, stop in pairs
        if stop - first >= RUN
    ]


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] - NEAR_S <= other[1] and other[0] - NEAR_S <= one[1]


def scores_of(results: dict, arm: str) -> Scores:
    """Scores of all records together; a beat missed or added counts as an error."""
    table = np.sum([one[arm] for one in results.values()], axis=0)
    hits = table.diagonal()[:4].astype(float)
    support, told = table[:4].sum(axis=1), table[:, :4].sum(axis=0)
    f1 = 2 * hits / np.maximum(support + told, 1)
    return Scores(
        CLASSES, table[:4, :4], hits / np.maximum(support, 1), hits / np.maximum(told, 1), f1,
        support, accuracy=float(hits.sum() / table.sum()), mean_f1=float(f1.mean()),
    )  # fmt: skip


def rows_of(results: dict) -> list[list[str]]:
    """Rows of the table of arms: a heading, then each arm."""
    rows = [["", "mean F1", *CLASSES, "missed", "added"]]
    for arm in ARMS:
        scores = scores_of(results, arm)
        table = np.sum([one[arm] for one in results.values()], axis=0)
        f1 = [f"{v:.3f}" for v in (scores.mean_f1, *scores.f1)]
        rows.append([arm, *f1, str(table[:4, 4].sum()), str(table[4].sum())])
    return rows


def alarm_facts(results: dict) -> dict[str, float]:
    """Runs, the part of them found, false ones an hour; median, 99 % and greatest delay."""
    runs, found, false = np.sum([one["runs"] for one in results.values()], axis=0)
    hours = sum(one["seconds"] for one in results.values()) / 3600
    longest = max(len(one["delays"]) for one in results.values())
    padded = [np.pad(one["delays"], (0, longest - len(one["delays"]))) for one in results.values()]
    share = np.cumsum(np.sum(padded, axis=0)) / np.sum(padded)
    return {
        "runs": int(runs), "found": found / max(runs, 1), "false_per_hour": false / hours,
        "delay_median": 0.1 * int(np.searchsorted(share, 0.5)),
        "delay_99": 0.1 * int(np.searchsorted(share, 0.99)), "delay_most": 0.1 * (longest - 1),
    }  # fmt: skip


def format_stream(results: dict) -> str:
    """Table for the terminal."""
    rows = rows_of(results)
    width = max(len(row[0]) for row in rows)
    lines = [f"{row[0]:{width}}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows]
    for name, record in MOST_OF_A_CLASS:
        rest = {one: result for one, result in results.items() if one != record}
        if 0 < len(rest) < len(results):
            of_arms = (scores_of(rest, arm) for arm in ARMS)
            f1 = ", ".join(f"{s.f1[CLASSES.index(name)]:.3f} ({s.mean_f1:.3f})" for s in of_arms)
            lines.append(f"{name} (mean F1) without record {record}, in this order: {f1}")
    facts = alarm_facts(results)
    lines.append(
        f"\nruns of V: {facts['found']:.3f} of {facts['runs']} told, "
        f"{facts['false_per_hour']:.2f} false an hour"
    )
    lines.append(
        f"told within {facts['delay_median']:.1f} s of the R peak (median), "
        f"{facts['delay_99']:.1f} s (99 %), {facts['delay_most']:.1f} s (all)"
    )
    return "\n".join(lines)
