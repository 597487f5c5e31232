"""Results written beside the model: predictions, figures, confusion matrices, confidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.evaluate.charts import plot_confusion, plot_reliability, plot_risk_coverage
from arrhythmia.evaluate.ledger import add_to_ledger, check_ledger, ledger_of
from arrhythmia.evaluate.reader import reader_curve
from arrhythmia.evaluate.rhythm import score_rhythm
from arrhythmia.evaluate.scores import decide_reference_beats, decisions_table, summary
from arrhythmia.files import whole_folder
from arrhythmia.labels import GROUPING_NAMES, GROUPINGS
from arrhythmia.mitdb import DS2
from arrhythmia.model_settings import read_settings
from arrhythmia.records import read_record
from arrhythmia.trust.confidence import Confidence, is_calibrated
from arrhythmia.trust.measure import confidence_report

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def evaluate_model(
    folder: str | Path, data_dir: str | Path | None = None, names: Sequence[str] = DS2
) -> tuple[dict, Path | None]:
    """Score a saved model on records, by default DS2, and write the results into its folder.

    The first time that a model sees a record of DS2, a row is added to its ledger, see
    `arrhythmia.evaluate.ledger.ledger_of`.

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
        See `arrhythmia.evaluate.scores.summary`.
    ledger : Path or None
        The ledger to which a row was added; None if none was.

    Raises
    ------
    InputError
        If the model or a record cannot be read, or the results cannot be written.
    """
    folder = Path(folder)
    refuse_known(folder, names)
    ledger, on_ds2 = ledger_of(folder), not set(names).isdisjoint(DS2)
    if on_ds2:
        check_ledger(ledger)
    classifier = Classifier.load(folder)
    records = [read_record(name, data_dir) for name in names]
    assess = None
    if is_calibrated(folder):
        assess = partial(Confidence.load(folder).assess, classifier)
    decided = [decide_reference_beats(classifier, record) for record in records]
    table = decisions_table(decided, assess)
    more = {
        "rhythm": score_rhythm(decided, classifier.settings.beats),
        "reader": reader_curve((beats, decision) for _, beats, decision in decided),
    }
    added = on_ds2 and add_to_ledger(ledger, folder, summary(table))  # before anything is shown
    figures = write_results(folder, table, more=more)
    return figures, ledger if added else None


def refuse_known(folder: str | Path, names: Sequence[str]) -> None:
    """Raise an error if a model was trained on those of some records that are of DS2.

    Raises
    ------
    InputError
    """
    trained_on = read_settings(folder).training.get("records", ())
    if set(names) & set(trained_on) & set(DS2):
        raise InputError(
            f"model '{folder}' was trained on DS2, which is no test for it: "
            "'evaluate --folds' leaves out each record in turn"
        )


def write_results(
    folder: str | Path, table: pd.DataFrame, prefix: str = "", more: dict | None = None
) -> dict:
    """Write ``predictions.csv``, ``metrics.json`` and ``confusion.png``.

    Where the table tells how far predictions can be trusted, also ``confidence_metrics.json``,
    ``reliability.png`` and ``risk_coverage.png``.

    Parameters
    ----------
    folder : str or Path
        Where to.
    table : pandas.DataFrame
        Predictions, see `arrhythmia.predictions.scored_table`.
    prefix : str
        Put before the names of the files.
    more : dict, optional
        Other figures that ``metrics.json`` is to hold.

    Returns
    -------
    dict
        What ``metrics.json`` holds.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    figures = summary(table) | (more or {})
    figure = _figure(11, 5)
    for ax, grouping in zip(figure.subplots(1, 2), GROUPINGS, strict=True):
        part = figures[grouping]
        plot_confusion(np.array(part["confusion"]), part["classes"], ax, GROUPING_NAMES[grouping])
    with whole_folder(folder) as place:
        table.to_csv(place / f"{prefix}predictions.csv", index=False, lineterminator="\n")
        _write_json(place / f"{prefix}metrics.json", figures)
        _write_figure(place / f"{prefix}confusion.png", figure)
        if "refer" in table:
            _write_confidence(place, table, prefix)
    return figures


def _write_confidence(place: Path, table: pd.DataFrame, prefix: str) -> None:
    report = confidence_report(table)
    _write_json(place / f"{prefix}confidence_metrics.json", report)
    diagrams = {
        f"{name}, ECE {part['ece']:.3f}": part["diagram"]
        for name, part in (
            ("as the network gives them", report["calibration"]["before"]),
            ("calibrated", report["calibration"]["after"]),
        )
    }
    figure = _figure(5.2, 4.8)
    plot_reliability(diagrams, figure.subplots())
    _write_figure(place / f"{prefix}reliability.png", figure)
    figure = _figure(6.4, 3.6)
    curve, rule = report["risk"]["curve"], report["referred"]
    mark = None if rule["error_kept"] is None else (1 - rule["share"], rule["error_kept"])
    plot_risk_coverage(np.array(curve["kept"]), np.array(curve["error"]), mark, figure.subplots())
    _write_figure(place / f"{prefix}risk_coverage.png", figure)


def _figure(width: float, height: float) -> Figure:
    """A figure of so many inches, outside of pyplot, which would keep it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _write_figure(file: Path, figure: Figure) -> None:
    figure.savefig(file, dpi=110, metadata={"Software": None})


def _write_json(file: Path, figures: dict) -> None:
    file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


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
    files = [model / "metrics.json" for model in seed_folders(folder)]
    if len(files) == 1 or not all(file.is_file() for file in files):
        return None
    by_seed = [_main_figures(json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return {name: [figures[name] for figures in by_seed] for name in by_seed[0]}


def _main_figures(figures: dict) -> dict[str, float]:
    aami = figures["aami"]
    values = {"accuracy": aami["accuracy"], "mean F1": aami["mean_f1"]}
    values |= {f"{c} F1": v for c, v in zip(aami["classes"], aami["f1"], strict=True)}
    values["S F1 without 232"] = figures["S_without_232"]["f1"]
    values["F F1 without 213"] = figures["F_without_213"]["f1"]
    return values


def format_seeds(figures: dict[str, list[float]]) -> str:
    """Table of `over_seeds`: mean, standard deviation, and the value of each seed."""
    lines = [f"{'':18} {'mean':>6} {'sd':>6}   each"]
    for name, values in figures.items():
        shown = " ".join(f"{v:.3f}" for v in values)
        lines.append(f"{name:18} {np.mean(values):6.3f} {np.std(values, ddof=1):6.3f}   {shown}")
    return "\n".join(lines)
