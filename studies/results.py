"""Results of the studies on disk: a JSON file for each run, and a table of them all.

``results/STUDY/ARM-SEED.json`` holds a run's settings and the confusion matrix of every record;
``results/archive/earlier-designs.zip`` holds the runs of earlier designs of the network, a file for
each study with a run in each line. ``results/runs.csv`` is the table of all, made by `write_table`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import numpy as np
import pandas as pd

from arrhythmia.evaluate.scores import Scores, score
from arrhythmia.files import whole_file
from arrhythmia.labels import GROUPINGS, grouped, grouping_numbers
from arrhythmia.model_settings import model_digest

RESULTS: Final = Path(__file__).resolve().parent / "results"
ARCHIVE: Final = Path("archive") / "earlier-designs.zip"
"""Within the folder of results."""

TABLE: Final = "runs.csv"
CLASSES: Final = tuple(GROUPINGS["aami"])


def read_json(file: Path) -> dict:
    """What a JSON file holds."""
    return json.loads(file.read_text(encoding="utf-8"))


def write_json(file: Path, facts: dict, indent: int | None = 1) -> None:
    """Write a JSON file, whole or not at all."""
    with whole_file(file) as part:
        part.write_text(json.dumps(facts, indent=indent) + "\n", encoding="utf-8")


def of_model(file: Path, model: Path, measure: Callable[[], dict], indent: int | None = 1) -> dict:
    """What was measured for this very model, or what is measured now and stored.

    Parameters
    ----------
    file : Path
        Where it is stored.
    model : Path
        Folder of the model, known by its digest.
    measure : callable
        Gives the figures where they are not stored.
    indent : int, optional
        Of the JSON file.
    """
    digest = model_digest(model)
    if file.is_file() and read_json(file)["model"] == digest:
        return read_json(file)
    results = {"model": digest} | measure()
    write_json(file, results, indent)
    return results


def current_runs(folder: Path = RESULTS) -> Iterator[dict]:
    """Runs of the present design, in the order of their files.

    Parameters
    ----------
    folder : Path
        Folder of results; other JSON files in it are left out.
    """
    for file in sorted(folder.glob("*/*.json")):
        facts = read_json(file)
        if "arm" in facts:
            yield facts


def archived_runs(folder: Path = RESULTS) -> Iterator[dict]:
    """Runs of earlier designs, study by study."""
    if (folder / ARCHIVE).is_file():
        with ZipFile(folder / ARCHIVE) as archive:
            for name in sorted(archive.namelist()):
                yield from map(json.loads, archive.read(name).decode("utf-8").splitlines())


def write_table(folder: Path = RESULTS) -> pd.DataFrame:
    """Make the table of all stored runs anew."""
    runs = [*current_runs(folder), *archived_runs(folder)]
    rows = pd.DataFrame([as_row(run) for run in runs])
    with whole_file(folder / TABLE) as part:
        rows.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    return rows


def as_row(run: dict) -> dict:
    """Row of the table from what the file of a run holds."""
    matrices = {name: np.array(matrix) for name, matrix in run["confusion"].items()}
    whole = scores(matrices)
    row = {key: run[key] for key in ("study", "arm", "seed", "date", "commit", "seconds")}
    row |= {"mean_f1": whole.mean_f1, "accuracy": whole.accuracy}
    for i, c in enumerate(CLASSES):
        row |= {f"se_{c}": whole.sensitivity[i], f"ppv_{c}": whole.ppv[i], f"f1_{c}": whole.f1[i]}
    for number, fold in enumerate(run["folds"], 1):
        done = set(fold) <= matrices.keys()
        row[f"fold{number}_mean_f1"] = scores(matrices, fold).mean_f1 if done else float("nan")
    settings = {key: run[key] for key in ("beats", "rr_inputs", "training", "varied") if key in run}
    if isinstance(settings.get("rr_inputs"), list):  # as earlier designs name them
        settings["rr_inputs"] = digest(settings["rr_inputs"])
    row["settings"] = json.dumps(settings)
    return row


def digest(names: Sequence[str]) -> str:
    """Twelve hexadecimal digits that stand for some names in their order.

    Runs with other RR inputs are told apart by it.
    """
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def confusion(beat_class: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Beats by AAMI class (row) and predicted AAMI class (column).

    Parameters
    ----------
    beat_class : ndarray of int, shape (beats,)
        Places in `arrhythmia.labels.BEAT_CLASSES`; -1, a beat without a class, does not count.
    probabilities : ndarray of float, shape (beats, 5)

    Returns
    -------
    ndarray of int, shape (4, 4)
    """
    from sklearn.metrics import confusion_matrix

    known = beat_class >= 0
    places = range(len(CLASSES))
    if not known.any():  # which scikit-learn refuses
        return np.zeros((len(places), len(places)), dtype=int)
    truth = grouping_numbers("aami")[beat_class[known]]
    predicted = grouped(probabilities[known], "aami").argmax(axis=1)
    return confusion_matrix(truth, predicted, labels=places)


def scores(matrices: dict[str, np.ndarray], names: Sequence[str] | None = None) -> Scores:
    """Scores of some records together, by default of all."""
    chosen = matrices.keys() if names is None else names
    return score(np.sum([matrices[name] for name in chosen], axis=0), CLASSES)


def format_rows(rows: pd.DataFrame) -> str:
    """Table of a study for the terminal: Se / +P / F1 by class, and the spread over folds."""
    width = max([len("arm"), *(len(arm) for arm in rows["arm"])])
    heads = "".join(f"{c + ': Se / +P / F1':>22}" for c in CLASSES)
    lines = [f"{'arm':{width}}  seed  mean F1  sd of folds  accuracy{heads}"]
    for _, row in rows.iterrows():
        folds = [row[name] for name in rows.columns if name.startswith("fold")]
        classes = "".join(
            " / ".join(f"{row[f'{key}_{c}']:.3f}" for key in ("se", "ppv", "f1")).rjust(22)
            for c in CLASSES
        )
        lines.append(
            f"{row['arm']:{width}}  {row['seed']:4d}  {row['mean_f1']:7.3f}"
            f"  {np.nanstd(folds):11.3f}  {row['accuracy']:8.3f}{classes}"
        )
    return "\n".join(lines)
