"""What a stream costs: computing for each beat, streams on a core, memory after a day."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.records import Record, read_record
from arrhythmia.stream import StreamBeat, StreamClassifier

FILE: Final = "stream-benchmark.json"
RECORDS: Final = ("101", "106", "119", "209", "223")
"""Of DS1: slow and quick hearts, few and many ectopic beats."""
CHUNK_S: Final = 0.25
"""Seconds that are pushed at a time."""
SHORT_S: Final = 600
LONG_S: Final = 86_400
RECORD: Final = "101"
"""Whose first lead is played again and again for a day."""


def run_stream_benchmark(
    data_dir: str | Path | None, model: str | Path, tell: Callable[[str], None]
) -> dict:
    """Measure everything on one core.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    model : str or Path
        Folder of a saved model.
    tell : callable
        Told each figure as it is known.

    Returns
    -------
    dict
        ``median_ms``, ``p99_ms`` and ``most_ms`` of computing for a beat, from the beat told
        before; ``streams`` that one core carries; ``beats`` and ``hours`` measured; ``memory_mb``
        of the process after `SHORT_S` and after `LONG_S`, ``growth`` from one to the other.
    """
    classifier = Classifier.load(model)
    times, seconds = [], 0.0
    for name in RECORDS:
        record = read_record(name, data_dir)
        times += beat_times(classifier, record)
        seconds += record.seconds
    ms = 1000 * np.array(times)
    report = {
        "beats": len(ms), "hours": round(seconds / 3600, 2),
        "median_ms": round(float(np.median(ms)), 2),
        "p99_ms": round(float(np.percentile(ms, 99)), 2),
        "most_ms": round(float(ms.max()), 1), "streams": int(1000 * seconds / ms.sum()),
    }  # fmt: skip
    tell(format_times(report))
    code = f"from studies.stream_benchmark import main; main({str(data_dir)!r}, {str(model)!r})"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).resolve().parent.parent,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, after = map(float, ran.stdout.split())
    report |= {"memory_mb": [before, after], "growth": round(after / before - 1, 4)}
    tell(format_memory(report))
    return report


def beat_times(classifier: Classifier, record: Record) -> list[float]:
    """Seconds of computing for each beat of a record, from when the one before was told.

    Time of the processor, so other programs count only as far as they slow it down.
    """
    signals = np.stack([record.lead(name).signal for name in record.ecg_leads], axis=1)
    stream = StreamClassifier(record.fs, record.ecg_leads, classifier)
    size = max(round(CHUNK_S * record.fs), 1)
    times, spent = [], 0.0
    for first in range(0, len(signals), size):
        start = time.process_time()
        told = stream.push(signals[first : first + size])
        spent += time.process_time() - start
        beats = sum(isinstance(one, StreamBeat) for one in told)
        if beats:
            times += [spent / beats] * beats
            spent = 0.0
    return times


def memory_of(classifier: Classifier, record: Record, seconds: tuple[float, ...]) -> list[float]:
    """Resident megabytes of this process after a record was played for so many seconds."""
    lead = record.lead()
    signals = lead.signal[:, None]
    stream = StreamClassifier(record.fs, (lead.name,), classifier)
    size, pushed, memory = round(record.fs), 0, []
    for until in seconds:
        while pushed < until * record.fs:
            first = pushed % (len(signals) // size * size)
            stream.push(signals[first : first + size])
            pushed += size
        memory.append(resident_mb())
    return memory


def resident_mb() -> float:
    """Resident memory of this process, in megabytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def main(data_dir: str, model: str) -> None:
    """Print the memory after `SHORT_S` and after `LONG_S`: run in a process of its own."""
    folder = None if data_dir == "None" else data_dir
    record = read_record(RECORD, folder)
    print(*memory_of(Classifier.load(model), record, (SHORT_S, LONG_S)))


def format_times(report: dict) -> str:
    """Line on computing."""
    return (
        f"computing for a beat: median {report['median_ms']:.2f} ms, 99 % {report['p99_ms']:.2f} "
        f"ms, most {report['most_ms']:.0f} ms; one core carries {report['streams']} streams "
        f"({report['beats']} beats, {report['hours']:.1f} hours)"
    )


def format_memory(report: dict) -> str:
    """Line on memory."""
    before, after = report["memory_mb"]
    return (
        f"memory: {before:.1f} MB after {SHORT_S // 60} minutes, {after:.1f} MB after "
        f"{LONG_S // 3600} hours ({100 * report['growth']:+.1f} %)"
    )
