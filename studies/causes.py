"""What stands behind errors: noise, fibrillation, bundle branch block, aberrant conduction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.errors import InputError
from arrhythmia.labels import CLASS_SYMBOLS, GROUPINGS
from arrhythmia.predictions import read_predictions, truth_and_predicted
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import Record, read_record

CAUSES: Final = (
    "aberrant beats",
    "noise",
    "atrial fibrillation or flutter",
    "bundle branch block",
    "other rhythms of the atria or the node",
    "early beats in the majority",
    "none of these",
)
"""In the order in which they are looked for: each beat counts once."""

FIBRILLATION: Final = ("(AFIB", "(AFL")
OTHER_RHYTHMS: Final = ("(SVTA", "(NOD", "(AB", "(PREX", "(BII")
CLEAN: Final = 0
"""Subtype of a signal quality mark (``~``) when both leads are clean."""


def beat_causes(record: Record) -> np.ndarray:
    """What makes each reference beat of a record hard, as its annotation says.

    Parameters
    ----------
    record : Record
        With reference annotation.

    Returns
    -------
    ndarray of int, shape (beats,)
        Place in `CAUSES`. Rhythm and noise are those marked last before the beat; bundle
        branch block is a record most of whose N beats are marked ``L`` or ``R``; early beats
        are in the majority in a record with more S than N beats.
    """
    sample, symbol = reference_beats(record)
    marks = record.annotation
    rhythm = _since(marks.sample, marks.note, np.char.startswith(marks.note, "("), sample, "(N")
    noise = _since(marks.sample, marks.subtype, marks.symbol == "~", sample, CLEAN)
    blocked = np.isin(symbol, ("L", "R")).sum() > np.isin(symbol, ("N", "e", "j")).sum()
    early = np.isin(symbol, CLASS_SYMBOLS["S"]).sum() > np.isin(symbol, ("N", "L", "R")).sum()
    applies = [
        symbol == "a",
        noise != CLEAN,
        np.isin(rhythm, FIBRILLATION),
        np.full(len(sample), blocked and not early),
        np.isin(rhythm, OTHER_RHYTHMS),
        np.full(len(sample), early),
        np.ones(len(sample), dtype=bool),
    ]
    return np.argmax(applies, axis=0)


def _since(
    places: np.ndarray, values: np.ndarray, chosen: np.ndarray, sample: np.ndarray, before: object
) -> np.ndarray:
    """Value of the last chosen mark at or before each sample."""
    in_order = np.concatenate([[before], values[chosen]])
    return in_order[np.searchsorted(places[chosen], sample, side="right")]


def errors_by_cause(table: pd.DataFrame, data_dir: str | Path | None = None) -> pd.DataFrame:
    """Errors of the AAMI classes by what stands behind them.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions, see `arrhythmia.predictions.scored_table`.
    data_dir : str or Path, optional
        Folder of the database.

    Returns
    -------
    pandas.DataFrame
        A row for each of `CAUSES` that has beats: ``cause``, ``beats``, ``errors``,
        ``most_frequent`` (the two most frequent confusions) and ``records`` (the three with
        most errors).
    """
    classes, parts = list(GROUPINGS["aami"]), []
    for name, rows in table.groupby("record", sort=False):
        rows = rows.assign(cause=beat_causes(read_record(str(name), data_dir)))
        rows = rows[rows["reference"] != ""]
        truth, predicted = truth_and_predicted(rows, "aami")
        confusions = [
            f"{classes[t]} called {classes[p]}" for t, p in zip(truth, predicted, strict=True)
        ]
        is_wrong = truth != predicted
        parts.append(rows[["record", "cause"]].assign(wrong=is_wrong, confusion=confusions))
    beats, by_cause = pd.concat(parts), []
    for number, group in beats.groupby("cause"):
        wrong = group[group["wrong"]]
        by_cause.append(
            {
                "cause": CAUSES[number],
                "beats": len(group),
                "errors": len(wrong),
                "most_frequent": _counts(wrong["confusion"], 2),
                "records": _counts(wrong["record"], 3),
            }
        )
    return pd.DataFrame(by_cause)


def _counts(values: pd.Series, most: int) -> str:
    return ", ".join(f"{name} ({n})" for name, n in values.value_counts().head(most).items())


def stored_predictions(model: str | Path) -> pd.DataFrame:
    """Predictions of DS2 that ``evaluate`` left beside a model.

    Raises
    ------
    InputError
        If there are none.
    """
    file = Path(model) / "predictions.csv"
    if not file.is_file():
        command = f"python -m arrhythmia evaluate --model {model}"
        raise InputError(f"model '{model}' has no predictions of DS2 yet: run '{command}'")
    return read_predictions(file)


def format_causes(table: pd.DataFrame) -> str:
    """`errors_by_cause` for the terminal."""
    lines = [f"{'cause':40}{'beats':>7}{'errors':>8}   {'most frequent':40} records"]
    for row in table.itertuples():
        lines.append(
            f"{row.cause:40}{row.beats:7}{row.errors:8}   {row.most_frequent:40} {row.records}"
        )
    return "\n".join(lines)
