"""Streaming beside reading a recording as a whole: DS1 by folds, and svdb.

The networks are those that are saved: of each fold of DS1, and the one trained on DS1 for patients
of another database, svdb 800 to 855. What was chosen for streaming was chosen on these.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from arrhythmia.classifier import Classifier
from arrhythmia.evaluate.stream import format_stream, score_records
from arrhythmia.records import read_record
from arrhythmia.svdb import SVDB
from studies.results import RESULTS, of_model
from studies.whole_records import fold_classifiers

FILE: Final = "stream.json"
PARTS: Final = {"DS1": "DS1 by folds", "svdb": "svdb 800 to 855"}


def run_stream(
    model: Path,
    data_dir: str | Path | None,
    folder: Path = RESULTS,
    tell: Callable[[str], None] = lambda _: None,
) -> dict:
    """Stream all records, or read what was measured for this very model.

    Parameters
    ----------
    model : Path
        Folder of a model trained on DS1, with its folds beside it.
    data_dir : str or Path, optional
        Folder of mitdb; that of svdb is found by `arrhythmia.svdb.find_svdb_dir`.
    folder : Path
        Folder of results.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        ``model`` (digest), and for each of `PARTS` what
        `arrhythmia.evaluate.stream.score_records` gives.
    """
    return of_model(folder / FILE, model, lambda: _measure(model, data_dir, tell), indent=None)


def _measure(model: Path, data_dir: str | Path | None, tell: Callable[[str], None]) -> dict:
    parts: dict[str, dict] = {part: {} for part in PARTS}
    for part, pairs in (
        ("DS1", fold_classifiers(model)), ("svdb", [(Classifier.load(model), SVDB)]),
    ):  # fmt: skip
        for classifier, names in pairs:
            records = (read_record(name, data_dir) for name in names)
            parts[part] |= score_records(classifier, records, tell)
    return parts


def format_parts(results: dict) -> str:
    """Tables for the terminal."""
    return "\n\n".join(
        f"{words}:\n\n{format_stream(results[part])}" for part, words in PARTS.items()
    )
