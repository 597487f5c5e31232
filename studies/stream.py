"""Streaming beside reading a recording as a whole: DS1, each record by the network of its fold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from arrhythmia.evaluate.stream import format_stream, score_records
from arrhythmia.mitdb import FOLDS
from studies.results import RESULTS, of_model

FILE: Final = "stream.json"


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
        Folder of the database.
    folder : Path
        Folder of results.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        ``model`` (digest) and ``DS1``, see `arrhythmia.evaluate.stream.score_records`.
    """
    return of_model(folder / FILE, model, lambda: _measure(model, data_dir, tell), indent=None)


def _measure(model: Path, data_dir: str | Path | None, tell: Callable[[str], None]) -> dict:
    results: dict[str, dict] = {}
    for number, fold in enumerate(FOLDS, 1):
        of_fold = model.with_name(f"{model.name}-fold{number}")
        results |= score_records(of_fold, fold, data_dir, tell)
    return {"DS1": results}


def format_parts(results: dict) -> str:
    """Tables of `run_stream` for the terminal."""
    return f"DS1 by folds:\n\n{format_stream(results['DS1'])}"
