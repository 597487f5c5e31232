"""Tables of a record's beats, a row each: what annotate, evaluate and a user's own code read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.beats import Beats
from arrhythmia.labels import BEAT_CLASSES, GROUPINGS, SYMBOL_CLASS, grouped, grouping_numbers

PROBABILITY_COLUMNS: Final = tuple(f"p_{c}" for c in BEAT_CLASSES)
CALIBRATED_COLUMNS: Final = tuple(f"c_{c}" for c in BEAT_CLASSES)

SET_CLASSES: Final = tuple(GROUPINGS["aami"])
"""Classes of the prediction sets. E cannot be a class of its own: one record of DS1 holds all of
it, and a promise about new patients cannot be learnt from one patient. Here it counts as V."""

SET_SEPARATOR: Final = "|"


@dataclass(frozen=True)
class Assessment:
    """What is known of how far each beat's classification can be trusted.

    Rows of beats that were not wanted are NaN, False or empty.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
        Calibrated, in the order of `arrhythmia.labels.BEAT_CLASSES`.
    sets90, sets95 : ndarray of bool, shape (beats, 4)
        Prediction sets over `SET_CLASSES`; all classes where the beat is not assessable.
    score : ndarray of float, shape (beats,)
        1 minus the greatest probability: the greater, the sooner to refer.
    novelty : ndarray of float, shape (beats,)
        See `arrhythmia.trust.confidence.Novelty`.
    assessable : ndarray of bool, shape (beats,)
        Whether the signal can be read there.
    refer : ndarray of bool, shape (beats,)
        Whether a person should look; also where the beat is not assessable.
    reasons : list of str
        Why, in words; empty where not referred.
    note : str
        What the whole recording is, see `arrhythmia.trust.unlike`; empty where it is like others.
    """

    probabilities: np.ndarray
    sets90: np.ndarray
    sets95: np.ndarray
    score: np.ndarray
    novelty: np.ndarray
    assessable: np.ndarray
    refer: np.ndarray
    reasons: list[str]
    note: str = ""


def record_table(
    beats: Beats, probabilities: np.ndarray, fs: float, assessment: Assessment | None = None
) -> pd.DataFrame:
    """All that is known of a record's beats.

    Parameters
    ----------
    beats : Beats
    probabilities : ndarray, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.
    fs : float
        Sampling rate of the record in Hz.
    assessment : Assessment, optional
        None where the model is not calibrated.

    Returns
    -------
    pandas.DataFrame
        ``sample``, ``time`` (seconds), ``symbol`` where there is a reference annotation, ``class``,
        ``p_N`` … ``p_F``; with an assessment the columns of `confidence_columns`; ``rr_pre`` and
        ``rr_post`` (seconds from R peak to R peak; NaN where there is none).
    """
    table = pd.DataFrame({"sample": beats.sample, "time": beats.sample / fs})
    if beats.annotated:
        table["symbol"] = beats.symbol
    table["class"] = np.array(BEAT_CLASSES)[probabilities.argmax(axis=1)]
    table[list(PROBABILITY_COLUMNS)] = probabilities
    if assessment is not None:
        table = pd.concat([table, confidence_columns(assessment)], axis=1)
    rr = np.diff(table["time"], prepend=np.nan)
    return table.assign(rr_pre=rr, rr_post=np.append(rr[1:], [np.nan] * min(len(rr), 1)))


def scored_table(
    beats: Beats, probabilities: np.ndarray, assessment: Assessment | None = None
) -> pd.DataFrame:
    """The part of `record_table` that is compared with a reference: what ``predictions.csv`` holds.

    Parameters
    ----------
    beats : Beats
        With reference symbols.
    probabilities : ndarray, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.
    assessment : Assessment, optional

    Returns
    -------
    pandas.DataFrame
        ``record``, ``sample``, ``symbol``, ``reference`` (beat class, empty for a beat without
        one), ``predicted``, ``p_N`` … ``p_F``; with an assessment the columns of
        `confidence_columns`. Probabilities are rounded to four places.
    """
    table = pd.DataFrame(
        {
            "record": beats.record,
            "sample": beats.sample,
            "symbol": beats.symbol,
            "reference": [SYMBOL_CLASS.get(s, "") for s in beats.symbol],
            "predicted": np.array(BEAT_CLASSES)[probabilities.argmax(axis=1)],
        }
    )
    table[list(PROBABILITY_COLUMNS)] = np.round(probabilities, 4)
    if assessment is None:
        return table
    columns = confidence_columns(assessment)
    calibrated = list(CALIBRATED_COLUMNS)
    columns[calibrated] = columns[calibrated].round(4)
    return pd.concat([table, columns], axis=1)


def confidence_columns(assessment: Assessment) -> pd.DataFrame:
    """Calibrated probabilities, prediction sets and referral.

    Returns
    -------
    pandas.DataFrame
        ``c_N`` … ``c_F``; ``set90`` and ``set95``, such as ``"N|S"``; ``refer``, 0 or 1, and
        ``reason``. A row for each beat of the assessment.
    """
    table = pd.DataFrame(assessment.probabilities, columns=list(CALIBRATED_COLUMNS))
    for name, sets in (("set90", assessment.sets90), ("set95", assessment.sets95)):
        table[name] = [SET_SEPARATOR.join(np.array(SET_CLASSES)[row]) for row in sets]
    return table.assign(refer=assessment.refer.astype(int), reason=assessment.reasons)


def least_sure(probabilities: np.ndarray, assessable: np.ndarray, count: int) -> list[int]:
    """The beats that most need a look: those of which the model is least sure, most doubtful first.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, 5)
    assessable : ndarray of bool, shape (beats,)
        The others are left out.
    count : int
        At most so many.
    """
    order = np.argsort(probabilities.max(axis=1), kind="stable")
    return [int(beat) for beat in order[assessable[order]][:count]]


def read_sets(texts: pd.Series) -> np.ndarray:
    """Prediction sets from a column ``set90`` or ``set95``.

    Returns
    -------
    ndarray of bool, shape (beats, 4)
        Over `SET_CLASSES`.
    """
    split = texts.astype(str).str.split(SET_SEPARATOR, regex=False)
    return np.array([[c in held for c in SET_CLASSES] for held in split], dtype=bool)


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read a table that `scored_table` made and ``evaluate`` wrote."""
    return pd.read_csv(path, dtype={"record": str}, keep_default_na=False)


def truth_and_predicted(table: pd.DataFrame, grouping: str) -> tuple[np.ndarray, np.ndarray]:
    """Reference and predicted class of beats, as places in a grouping.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `scored_table` that have a reference class.
    grouping : str
        A key of `arrhythmia.labels.GROUPINGS`.

    Returns
    -------
    truth, predicted : ndarray of int, shape (beats,)
    """
    truth = grouping_numbers(grouping)[[BEAT_CLASSES.index(c) for c in table["reference"]]]
    return truth, grouped(table[list(PROBABILITY_COLUMNS)].to_numpy(), grouping).argmax(axis=1)
