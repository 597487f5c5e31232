"""Results written beside the model: predictions, figures of merit, confusion matrices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.confidence import FILE as CONFIDENCE
from arrhythmia.confidence import Confidence
from arrhythmia.evaluation import predict_records, summary
from arrhythmia.files import whole_folder
from arrhythmia.labels import DS2, GROUPING_NAMES, GROUPINGS
from arrhythmia.ledger import LEDGER_NAME, add_to_ledger
from arrhythmia.records import read_record

if TYPE_CHECKING:
    import pandas as pd


def evaluate_model(
    folder: str | Path, data_dir: str | Path | None = None, names: Sequence[str] = DS2
) -> tuple[dict, bool]:
    """Score a saved model on records, by default DS2, and write the results into its folder.

    The first time that a model sees a record of DS2, a row is appended to the ledger
    (``ds2_ledger.csv`` beside the model's folder).

    Parameters
    ----------
    folder : str or Path
        Folder of a saved model.
    data_dir : str or Path, optional
        Folder of the database.
    names : sequence of str
        Records with reference annotation.

    Returns
    -------
    figures : dict
        See `arrhythmia.evaluation.summary`.
    is_first : bool
        Whether a row was added to the ledger.
    """
    folder = Path(folder)
    classifier = Classifier.load(folder)
    records = [read_record(name, data_dir) for name in names]
    confidence = Confidence.load(folder) if (folder / CONFIDENCE).is_file() else None
    figures = write_results(folder, predict_records(classifier, records, confidence))
    is_first = not set(names).isdisjoint(DS2) and add_to_ledger(
        folder.parent / LEDGER_NAME, folder, figures
    )
    return figures, is_first


def seed_folders(folder: str | Path) -> list[Path]:
    """A model and the same with other seeds, ``FOLDER-seed1`` … beside it."""
    folder = Path(folder)
    return [folder, *sorted(folder.parent.glob(f"{folder.name}-seed[0-9]"))]


def over_seeds(folder: str | Path) -> dict[str, list[float]] | None:
    """Figures on DS2 of a model and of the same trained with other seeds.

    Parameters
    ----------
    folder : str or Path
        Of the model.

    Returns
    -------
    dict or None
        Name of each figure to its value for each seed; None if there are no other seeds, or one
        was not evaluated.
    """
    found: dict[str, list[float]] = {}
    folders = seed_folders(folder)
    if len(folders) == 1 or not all((each / "metrics.json").is_file() for each in folders):
        return None
    for each in folders:
        figures = json.loads((each / "metrics.json").read_text(encoding="utf-8"))
        aami = figures["aami"]
        values = {"accuracy": aami["accuracy"], "mean F1": aami["mean_f1"]}
        values |= {f"{c} F1": v for c, v in zip(aami["classes"], aami["f1"], strict=True)}
        values["S F1 without 232"] = figures["S_without_232"]["f1"]
        values["F F1 without 213"] = figures["F_without_213"]["f1"]
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return found


def format_seeds(found: dict[str, list[float]]) -> str:
    """Table of `over_seeds`: mean, standard deviation, and each seed."""
    lines = [f"{'':18} {'mean':>6} {'sd':>6}   each"]
    for name, values in found.items():
        each = " ".join(f"{v:.3f}" for v in values)
        lines.append(f"{name:18} {np.mean(values):6.3f} {np.std(values, ddof=1):6.3f}   {each}")
    return "\n".join(lines)


def write_results(folder: str | Path, table: pd.DataFrame, prefix: str = "") -> dict:
    """Write ``predictions.csv``, ``metrics.json`` and ``confusion.png``.

    Where the table tells how far predictions can be trusted, also ``confidence_metrics.json``,
    ``reliability.png`` and ``risk_coverage.png``.

    Parameters
    ----------
    folder : str or Path
        Where to.
    table : pandas.DataFrame
        Predictions, as `arrhythmia.evaluation.predict_records` gives them.
    prefix : str
        Put before the names of the files.

    Returns
    -------
    dict
        What ``metrics.json`` holds.
    """
    from matplotlib.figure import Figure

    from arrhythmia.charts import plot_confusion

    figures = summary(table)
    figure = Figure(figsize=(11, 5), layout="constrained")
    for ax, grouping in zip(figure.subplots(1, 2), GROUPINGS, strict=True):
        part = figures[grouping]
        plot_confusion(np.array(part["confusion"]), part["classes"], ax, GROUPING_NAMES[grouping])
    with whole_folder(folder) as place:
        table.to_csv(place / f"{prefix}predictions.csv", index=False, lineterminator="\n")
        text = json.dumps(figures, indent=1) + "\n"
        (place / f"{prefix}metrics.json").write_text(text, encoding="utf-8")
        figure.savefig(place / f"{prefix}confusion.png", dpi=110, metadata={"Software": None})
        if "refer" in table:
            _write_confidence(place, table, prefix)
    return figures


def _write_confidence(place: Path, table: pd.DataFrame, prefix: str) -> None:
    from matplotlib.figure import Figure

    from arrhythmia.charts import plot_reliability, plot_risk_coverage
    from arrhythmia.reliability import confidence_report

    report = confidence_report(table)
    text = json.dumps(report, indent=1) + "\n"
    (place / f"{prefix}confidence_metrics.json").write_text(text, encoding="utf-8")
    figure = Figure(figsize=(5.2, 4.8), layout="constrained")
    parts = report["calibration"]
    plot_reliability(
        {f"{name}, ECE {parts[key]['ece']:.3f}": parts[key]["diagram"]
         for name, key in (("as the network gives them", "before"), ("calibrated", "after"))},
        figure.subplots(),
    )  # fmt: skip
    figure.savefig(place / f"{prefix}reliability.png", dpi=110, metadata={"Software": None})
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    curve, rule = report["risk"]["curve"], report["referred"]
    mark = None if rule["error_kept"] is None else (1 - rule["share"], rule["error_kept"])
    plot_risk_coverage(np.array(curve["kept"]), np.array(curve["error"]), mark, figure.subplots())
    figure.savefig(place / f"{prefix}risk_coverage.png", dpi=110, metadata={"Software": None})


COLUMNS = {
    "deletion": "deletion, relative",
    "insertion": "insertion, relative",
    "redrawn": "randomised",
    "|redrawn|": "randomised, absolute",
    "noise": "noise",
    "shift": "one sample later",
    "QRS of V": "QRS of V",
    "P, rhythm of S": "P and rhythm of S",
}
"""Heads of the table of explanations, and the figures below them."""
SHARES = ("QRS of V", "P, rhythm of S")
"""Those in percent."""


def format_faithfulness(found: dict) -> str:
    """Tables of `arrhythmia.faithfulness.run_faithfulness` for the terminal."""
    lines = []
    for half in ("DS1", "DS2"):
        part = found[half]
        called = {c: n for c, n in part["beats"].items() if n}
        beats = ", ".join(f"{n} {c}" for c, n in called.items())
        lines += [f"{half}: {sum(called.values())} beats, called {beats}", _row("", COLUMNS, 15)]
        for method, figures in part["methods"].items():
            cells = [_cell(head, figures.get(key)) for head, key in COLUMNS.items()]
            lines.append(_row(method, cells, 15))
        lines += ["", _row("deletion, if called", called, 10)]
        for method, figures in part["methods"].items():
            values = figures["deletion, relative, by class"]
            lines.append(_row(method, [f"{values[c]:.2f}" for c in called], 10))
        lines += ["", "agreement: rank correlation with the methods above, in the same order"]
        for place, (method, values) in enumerate(
            zip(part["methods"], part["agreement"], strict=True)
        ):
            lines.append(_row(method, [f"{v:.2f}" for v in values[:place]], 10))
        lines.append("")
    lines += [
        "deletion, insertion: area under the probability of the class, relative to random order",
        "(deletion: smaller is better; insertion: larger). redrawn: rank correlation with the",
        "explanation of a network with re-drawn weights (0 is best); noise, shift: with that of",
        "the same beat, a little disturbed (1 is best).",
    ]
    return "\n".join(lines)


def _row(head: str, cells: Iterable[str], width: int) -> str:
    return f"{head:22}" + "".join(f"{cell:>{width}}" for cell in cells)


def _cell(head: str, figure: float | None) -> str:
    if figure is None:
        return "–"
    return f"{figure:.0f} %" if head in SHARES else f"{figure:.2f}"
