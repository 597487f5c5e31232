"""What stands behind errors: noise, fibrillation, bundle branch block, aberrant conduction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from arrhythmia.beats import reference_beats
from arrhythmia.evaluation import truth_and_found
from arrhythmia.labels import GROUPINGS
from arrhythmia.records import Record, read_record

CAUSES = (
    "aberrant beats",
    "noise",
    "atrial fibrillation or flutter",
    "bundle branch block",
    "other rhythms of the atria or the node",
    "early beats in the majority",
    "none of these",
)
"""In the order in which they are asked for: each beat counts once."""

FIBRILLATION = ("(AFIB", "(AFL")
OTHER_RHYTHMS = ("(SVTA", "(NOD", "(AB", "(PREX", "(BII")
CLEAN = 0
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
    early = np.isin(symbol, ("A", "a", "J", "S")).sum() > np.isin(symbol, ("N", "L", "R")).sum()
    here = [
        symbol == "a",
        noise != CLEAN,
        np.isin(rhythm, FIBRILLATION),
        np.full(len(sample), blocked and not early),
        np.isin(rhythm, OTHER_RHYTHMS),
        np.full(len(sample), early),
        np.ones(len(sample), dtype=bool),
    ]
    return np.argmax(here, axis=0)


def _since(
    places: np.ndarray, values: np.ndarray, chosen: np.ndarray, sample: np.ndarray, before: object
) -> np.ndarray:
    """Value of the last chosen mark at or before each sample."""
    found = np.concatenate([[before], values[chosen]])
    return found[np.searchsorted(places[chosen], sample, side="right")]


def errors_by_cause(table: pd.DataFrame, data_dir: str | Path | None = None) -> pd.DataFrame:
    """Errors of the AAMI classes by what stands behind them.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions, as `arrhythmia.evaluation.predict_records` gives them.
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
        truth, said = truth_and_found(rows, "aami")
        confusions = [f"{classes[t]} called {classes[s]}" for t, s in zip(truth, said, strict=True)]
        parts.append(rows[["record", "cause"]].assign(wrong=truth != said, confusion=confusions))
    beats, found = pd.concat(parts), []
    for number, here in beats.groupby("cause"):
        wrong = here[here["wrong"]]
        found.append(
            {
                "cause": CAUSES[number],
                "beats": len(here),
                "errors": len(wrong),
                "most_frequent": _counts(wrong["confusion"], 2),
                "records": _counts(wrong["record"], 3),
            }
        )
    return pd.DataFrame(found)


def _counts(values: pd.Series, most: int) -> str:
    return ", ".join(f"{name} ({n})" for name, n in values.value_counts().head(most).items())
