"""Processor time and peak memory of ``annotate`` by stage, in a process of its own.

    python -m studies.stages annotate RECORD …     stages, as JSON
    python -m studies.stages wfdb RECORD …         reading the same files with wfdb alone

``annotate`` keeps one thread busy: on an idle machine it takes about its processor time, which
depends less on what else runs than the time of the clock. Memory is what the system says the
process held at most (``VmHWM``, set back before each stage; on Linux alone).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

STAGES: Final = ("start", "read", "detect", "beats", "network", "decision", "write")
"""Imports and model; files; R peaks; filter and segments; network; all else that is decided."""


class Stopwatch:
    """Adds up processor seconds of stages, one inside another, and keeps their peak of memory."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.megabytes = dict.fromkeys(STAGES, 0.0)
        self._stages = ["start"]
        self._since = time.process_time()

    def _add(self) -> None:
        stage, now = self._stages[-1], time.process_time()
        self.seconds[stage] += now - self._since
        self.megabytes[stage] = max(self.megabytes[stage], peak_megabytes())
        self._since = time.process_time()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is done inside counts for this stage, and for none around it."""
        self._add()
        self._stages.append(name)
        try:
            yield
        finally:
            self._add()
            self._stages.pop()

    def watch(self, owner: object, name: str, stage: str) -> None:
        """From now on a function counts for a stage."""
        work: Callable = getattr(owner, name)

        def watched(*arguments: object, **named: object) -> object:
            with self.stage(stage):
                return work(*arguments, **named)

        setattr(owner, name, watched)

    def report(self) -> dict[str, list[float]]:
        """Stage to seconds and megabytes."""
        self._add()
        return {s: [round(self.seconds[s], 2), round(self.megabytes[s])] for s in STAGES}


def peak_megabytes() -> float:
    """Most memory held since the last call; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    peak = next((line for line in lines if line.startswith("VmHWM")), "VmHWM 0")
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return int(peak.split()[1]) / 1000


def annotate_watched(names: list[str]) -> dict[str, list[float]]:
    """Annotate recordings into a folder that is deleted, R peaks detected, and tell the stages."""
    watch = Stopwatch()
    import sklearn.cluster  # noqa: F401 (counts as start)

    from arrhythmia import annotate, beats
    from arrhythmia.annotate import analysis
    from arrhythmia.trust import confidence

    for owner, name, stage in (
        (annotate, "_loaded", "start"),
        (annotate, "read_record", "read"),
        (beats, "locate_beats", "detect"),
        (annotate.Classifier, "find_beats", "beats"),
        (annotate.Classifier, "network_probabilities", "network"),
        (confidence, "shape_features", "network"),
        (analysis, "find_problems_of_record", "decision"),
        (annotate, "_write", "write"),
    ):
        watch.watch(owner, name, stage)
    with tempfile.TemporaryDirectory() as folder, watch.stage("decision"):
        options = annotate.Options(output_dir=folder, source="detect")
        for one in annotate.annotate(names, options):
            if one.error:
                raise SystemExit(one.error)
    return watch.report()


def read_watched(names: list[str]) -> dict[str, list[float]]:
    """Read recordings with ``wfdb`` alone."""
    import wfdb

    peak_megabytes()
    start = time.process_time()
    for name in names:
        wfdb.rdrecord(name)
    return {"wfdb": [round(time.process_time() - start, 2), round(peak_megabytes())]}


if __name__ == "__main__":
    work = {"annotate": annotate_watched, "wfdb": read_watched}[sys.argv[1]]
    print(json.dumps(work(sys.argv[2:])))
