"""How far P, QRS and T are from an expert's marks, wave by wave and record by record.

39 records of the QT Database (Laguna et al., Computers in Cardiology 24, 1997): about 30 beats
each, marked by one cardiologist who saw both leads (``.q1c``). R peaks are detected; one mark of
each kind is given for both leads together, not the better of two.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np
import wfdb

from arrhythmia.beats import find_beats
from arrhythmia.delineate import Delineation, delineate
from arrhythmia.errors import InputError
from arrhythmia.records import read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import TemplateSettings, find_templates
from studies.results import read_json, write_json

FILE: Final = "delineation.json"
MARKS: Final = ("P onset", "P peak", "P end", "QRS onset", "QRS end", "T peak", "T end")
"""What is compared. The expert's N is no peak of a wave, and most T have no onset."""
COLUMNS: Final = (0, 1, 2, 3, 5, 7, 8)
"""Their places among onset, peak and end of P, QRS and T."""
QRS_SYMBOLS: Final = ("N", "B", "Q")
NEAR_S: Final = 0.12
"""An expert's beat without a detected one so near is left out …"""
P_BEFORE_S, T_AFTER_S = 0.5, 1.0
"""… and a P or T farther than this from its QRS belongs to another."""
WIDTH_OFF_MS: Final = 40.0


def expert_marks(record: str | Path) -> np.ndarray:
    """Onset, peak and end of P, QRS and T in seconds, shape (beats, 9); NaN where not marked.

    Parameters
    ----------
    record : str or Path
        With its ``.q1c`` file.
    """
    marks = wfdb.rdann(str(record), "q1c")
    fs = wfdb.rdheader(str(record)).fs
    symbols, seconds = list(marks.symbol), marks.sample / fs
    beats = [i for i, symbol in enumerate(symbols) if symbol in QRS_SYMBOLS]
    table = np.full((len(beats), 9), np.nan)
    for row, i, before, after in zip(
        table, beats, [-1, *beats], [*beats[1:], len(symbols)], strict=False
    ):
        places = {3: i}
        for j in range(before + 1, after):
            if symbols[j] == "p" and 0 < seconds[i] - seconds[j] < P_BEFORE_S:
                places[0] = j
            elif symbols[j] == "t" and 0 < seconds[j] - seconds[i] < T_AFTER_S:
                places[6] = j
        for column, j in places.items():
            row[column + 1] = seconds[j]
            if j and symbols[j - 1] == "(":
                row[column] = seconds[j - 1]
            if j + 1 < len(symbols) and symbols[j + 1] == ")":
                row[column + 2] = seconds[j + 1]
    return table


def as_table(waves: Delineation) -> np.ndarray:
    """Onset, peak and end of P, QRS and T in seconds, shape (beats, 9)."""
    columns = [
        getattr(w, k) for w in (waves.p, waves.qrs, waves.t) for k in ("onset", "peak", "end")
    ]
    return np.stack(columns, axis=1)


def compare_marks(expert: np.ndarray, measured: np.ndarray) -> dict:
    """Bias and spread of each mark, and what was missed.

    Parameters
    ----------
    expert, measured : ndarray of float, shape (beats, 9)
        In seconds, of the same beats.

    Returns
    -------
    dict
        ``bias`` and ``spread`` of `MARKS` in ms (None where there is none to compare), and pairs of
        counts, of how many: ``P seen``, ``P where none``, ``T seen``, ``width off``.
    """
    away = 1000 * (measured - expert)
    with_p, with_t = np.isfinite(expert[:, 1]), np.isfinite(expert[:, 7])
    p, t = np.isfinite(measured[:, 1]), np.isfinite(measured[:, 7])
    width = np.abs(away[:, 5] - away[:, 3])
    columns = [values[np.isfinite(values)] for values in away[:, COLUMNS].T]
    return {
        "bias": [round(float(v.mean()), 1) if len(v) else None for v in columns],
        "spread": [round(float(v.std()), 1) if len(v) else None for v in columns],
        "P seen": [int(p[with_p].sum()), int(with_p.sum())],
        "P where none": [int(p[~with_p].sum()), int((~with_p).sum())],
        "T seen": [int(t[with_t].sum()), int(with_t.sum())],
        "width off": [int((width > WIDTH_OFF_MS).sum()), int(np.isfinite(width).sum())],
    }


def measure_record(path: Path) -> dict:
    """`compare_marks` for one record of the QT Database.

    Parameters
    ----------
    path : Path
        Without suffix.
    """
    record = read_record(path)
    beats = find_beats(record, BeatSettings(), source="detect")
    number = find_templates(beats, TemplateSettings()).number
    waves = as_table(delineate(np.nan_to_num(record.signals), record.fs, beats.centers, number))
    expert = expert_marks(path)
    nearest = np.abs(beats.centers - expert[:, 4:5]).argmin(axis=1)
    found = np.abs(beats.centers[nearest] - expert[:, 4]) < NEAR_S
    return compare_marks(expert[found], waves[nearest[found]])


def qtdb_records() -> list[Path]:
    """The records of the QT Database in ``QTDB_DIR``, without suffix.

    Raises
    ------
    InputError
        If they are not there.
    """
    records = Path(os.environ.get("QTDB_DIR") or "qtdb")
    if not (records / "RECORDS").is_file():
        raise InputError(
            f"no QT Database in '{records}': get it from physionet.org/content/qtdb and name its "
            "folder with QTDB_DIR"
        )
    return [records / name for name in (records / "RECORDS").read_text().split()]


def run_delineation(folder: Path) -> dict:
    """Figures of all records; what is stored is read.

    Parameters
    ----------
    folder : Path
        Of the stored result; the records are in ``QTDB_DIR``.

    Raises
    ------
    InputError
        If nothing is stored and there are no records.
    """
    if (folder / FILE).is_file():
        return read_json(folder / FILE)
    results = {path.name: measure_record(path) for path in qtdb_records()}
    write_json(folder / FILE, results, indent=None)
    return results


def summary(results: dict) -> dict:
    """Mean over records of bias and of spread, and shares of all beats.

    Parameters
    ----------
    results : dict
        Record to `compare_marks`.

    Returns
    -------
    dict
        ``bias`` and ``spread`` (of `MARKS`, ms), and the four shares.
    """
    rows = list(results.values())
    figures = {
        key: np.nanmean(np.array([row[key] for row in rows], dtype=float), axis=0).tolist()
        for key in ("bias", "spread")
    }
    for key in ("P seen", "P where none", "T seen", "width off"):
        count, of = np.sum([row[key] for row in rows], axis=0)
        figures[key] = float(count / max(of, 1))
    return figures


def rows_of(results: dict) -> list[list[str]]:
    """Cells of the table, its head first: marks, then shares, then each record."""
    total = summary(results)
    shares = ("P seen", "P where none", "T seen", "width off")
    rows = [["record", *MARKS, *shares]]

    def cell(bias: float | None, spread: float | None) -> str:
        return "–" if bias is None else f"{bias + 0.0:.1f} ± {spread:.1f}".replace("-", "−")

    cells = [cell(*pair) for pair in zip(total["bias"], total["spread"], strict=True)]
    rows.append(["all", *cells, *(f"{total[key]:.3f}" for key in shares)])
    for name, row in results.items():
        cells = [cell(*pair) for pair in zip(row["bias"], row["spread"], strict=True)]
        rows.append([name, *cells, *("{} of {}".format(*row[key]) for key in shares)])
    return rows


def format_delineation(results: dict) -> str:
    """The table for the terminal, in ms: mean ± standard deviation."""
    return "\n".join(f"{r[0]:9}" + "".join(f"{c:>14}" for c in r[1:]) for r in rows_of(results))
