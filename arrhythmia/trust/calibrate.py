"""Fitting confidence on DS1, on beats of patients that the network had not seen.

``evaluate --folds`` leaves the predictions of four networks, each for the records that it was not
trained on. From these come the calibration, the prediction sets and the rule of referral; DS2 is
not used. What they are worth is measured by leaving out each fold in turn once more.

Compared on those folds and not kept: the same weight for each beat instead of each record (see
`arrhythmia.trust.fit.fit_thresholds`); Monte-Carlo dropout with ten passes, whose disagreement
alone left more errors among the surest 95 %, and whose mean probability hardly fewer; and sums of
the probability with the novelty of a beat. The probability of the most likely class orders beats
as well as any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.labels import grouping_numbers
from arrhythmia.model_settings import model_digest, read_settings
from arrhythmia.predictions import (
    PROBABILITY_COLUMNS,
    SET_CLASSES,
    confidence_columns,
    read_predictions,
)
from arrhythmia.records import read_record
from arrhythmia.trust.compare import (
    beats_compared,
    compare_calibrations,
    compare_scores,
    widening_figures,
)
from arrhythmia.trust.confidence import (
    Confidence,
    Novelty,
    shape_features,
    temperature_scaled,
)
from arrhythmia.trust.fit import (
    fit_novelty,
    fit_temperature,
    fit_thresholds,
    fit_wide_thresholds,
    record_weights,
)
from arrhythmia.trust.measure import confidence_report
from arrhythmia.trust.out_of_fold import OutOfFoldBeats
from arrhythmia.trust.quality import find_problems_of_record
from arrhythmia.trust.sets import SET_GROUPING, set_scores
from arrhythmia.trust.unlike import UnlikeRecord, share_unsure

REFER_SHARE: Final = 0.05
"""Share of the beats of DS1, out of fold, that a person is asked to look at."""

NOVEL_SHARE: Final = 0.005
"""Share of the same beats, included above, that count as unlike those of the training."""

UNLIKE_QUANTILE: Final = 0.75
"""A recording is unlike the training records where the network is unsure of more of its beats than
in this share of the records of DS1, out of fold."""

ROUNDED: Final = 2e-3
"""Probabilities that differ by less are the same: rounding, and another machine."""

FOLDS_FIRST: Final = "run 'python -m arrhythmia evaluate --folds --model {}' first"


def fit_confidence(beats: OutOfFoldBeats, novelty: Novelty) -> Confidence:
    """Temperature, prediction sets and rule of referral.

    Parameters
    ----------
    beats : OutOfFoldBeats
    novelty : Novelty
        Of the network that the confidence is for; its limit is replaced.

    Returns
    -------
    Confidence
        Without ``measured`` and ``model``.
    """
    known = beats.select((beats.truth >= 0) & (beats.problems == 0))
    weights = record_weights(known.record)
    temperature = fit_temperature(known.probabilities, known.truth, weights)
    calibrated = temperature_scaled(known.probabilities, temperature)
    truth = grouping_numbers(SET_GROUPING)[known.truth]
    thresholds = fit_thresholds(set_scores(calibrated), truth, known.record)
    order = np.argsort(known.novelty)
    place = np.searchsorted(np.cumsum(weights[order]), 1 - NOVEL_SHARE)
    limit = float(known.novelty[order][min(place, len(order) - 1)])
    novel = known.novelty > limit
    # what is referred for other reasons is part of the share
    budget = REFER_SHARE * len(beats.table) - np.sum(beats.problems > 0) - novel.sum()
    score = np.sort(1.0 - calibrated[~novel].max(axis=1))[::-1]
    refer_above = float(score[int(np.clip(budget, 0, len(score) - 1))])
    shares = _shares_unsure(beats, temperature, refer_above)
    usual, far = (float(v) for v in np.quantile(shares, (0.5, UNLIKE_QUANTILE)))
    wide = fit_wide_thresholds(set_scores(calibrated), truth, known.record, thresholds)
    return Confidence(
        temperature, thresholds, refer_above, replace(novelty, limit=limit),
        unlike=UnlikeRecord(usual, far, wide),
    )  # fmt: skip


def _shares_unsure(beats: OutOfFoldBeats, temperature: float, refer_above: float) -> list[float]:
    """`share_unsure` of each record that has enough beats."""
    calibrated = temperature_scaled(beats.probabilities, temperature)
    names = dict.fromkeys(beats.record)
    shares = [share_unsure(calibrated[beats.record == name], refer_above) for name in names]
    return [share for share in shares if np.isfinite(share)] or [1.0]


def cross_fit(beats: OutOfFoldBeats, widened: bool = True) -> pd.DataFrame:
    """Assess the beats of each fold with a confidence fitted on the other folds.

    Parameters
    ----------
    beats : OutOfFoldBeats
        Those of a record one after another.
    widened : bool
        Whether the sets of records unlike the others are widened.

    Returns
    -------
    pandas.DataFrame
        Predictions with `arrhythmia.predictions.confidence_columns`, fold by fold;
        ``attrs["unlike"]`` names the records whose sets are widened.
    """
    nothing = Novelty(np.zeros((1, 1)), np.eye(1), np.inf)
    parts, unlike = [], []
    for fold in np.unique(beats.fold):
        confidence = fit_confidence(beats.select(beats.fold != fold), nothing)
        if not widened:
            confidence = replace(confidence, unlike=None)
        for name in dict.fromkeys(beats.record[beats.fold == fold]):
            part = beats.select((beats.fold == fold) & (beats.record == name))
            calibrated = temperature_scaled(part.probabilities, confidence.temperature)
            unsure = share_unsure(calibrated, confidence.refer_above)
            assessment = confidence.judge(
                part.probabilities, part.novelty, part.problems, unsure=unsure
            )
            columns = confidence_columns(assessment).round(4)
            parts.append(pd.concat([part.table, columns], axis=1))
            unlike += [str(name)] if assessment.note else []
    table = pd.concat(parts, ignore_index=True)
    table.attrs["unlike"] = unlike
    return table


def fold_folders(folder: str | Path) -> list[Path]:
    """Where ``evaluate --folds`` keeps the networks of the folds: beside the model."""
    folder = Path(folder)
    return sorted(folder.parent.glob(f"{folder.name}-fold[0-9]"))


def gather(
    folder: str | Path, data_dir: str | Path | None = None
) -> tuple[OutOfFoldBeats, Novelty]:
    """Predictions out of fold, novelty and signal quality of the beats of DS1.

    Parameters
    ----------
    folder : str or Path
        Of a saved model for which ``evaluate --folds`` was run.
    data_dir : str or Path, optional
        Folder of the database.

    Returns
    -------
    out_of_fold : OutOfFoldBeats
    novelty : Novelty
        Of the model itself, without a limit.

    Raises
    ------
    InputError
        If predictions or networks of the folds are missing or do not belong together.
    """
    folder, remedy = Path(folder), FOLDS_FIRST.format(folder)
    names = read_settings(folder).training.get("records", [])
    file = folder / "folds_predictions.csv"
    if not file.is_file():
        raise InputError(f"model '{folder}' lacks '{file.name}': {remedy}")
    table = read_predictions(file)
    model, networks = Classifier.load(folder), [Classifier.load(f) for f in fold_folders(folder)]
    trained_on = [network.settings.training["records"] for network in networks]
    left_out = [[name for name in names if name not in others] for others in trained_on]
    if not names or sorted(sum(left_out, [])) != sorted(names):
        raise InputError(
            f"the networks beside '{folder}' ({len(networks)} folds) do not leave out each of its "
            f"{len(names)} training records once: {remedy}"
        )
    records = {name: read_record(name, data_dir) for name in names}
    beats = {name: model.find_beats(record, source="atr") for name, record in records.items()}
    for name in names:
        if (table["record"] == name).sum() != len(beats[name]):
            raise InputError(f"'{file}' and the annotation of record {name} differ: {remedy}")
    columns = list(PROBABILITY_COLUMNS)
    fold, distance, problems = (np.full(len(table), np.nan) for _ in range(3))
    for number, (network, held_out) in enumerate(zip(networks, left_out, strict=True)):
        novelty = _novelty_of(network, [beats[name] for name in names if name not in held_out])
        for name in held_out:
            rows = (table["record"] == name).to_numpy()
            # not rounded: a rare class is in a set from some ten-thousandths on
            exact = network.probabilities(beats[name])
            if np.abs(exact - table.loc[rows, columns].to_numpy()).max() > ROUNDED:
                raise InputError(f"'{file}' is not what the networks of the folds say: {remedy}")
            table.loc[rows, columns] = exact
            fold[rows] = number
            distance[rows] = novelty.distance(shape_features(network, beats[name]))
            settings = model.settings.beats
            problems[rows] = find_problems_of_record(records[name], beats[name], settings)
    if np.isnan(fold).any():
        raise InputError(f"'{file}' holds records that the model was not trained on: {remedy}")
    out_of_fold = OutOfFoldBeats(table, fold.astype(int), distance, problems.astype(int))
    return out_of_fold, _novelty_of(model, list(beats.values()))


def _novelty_of(network: Classifier, records: Sequence[Beats]) -> Novelty:
    """Novelty with respect to the beats of some records, in the terms of a network."""
    features = np.concatenate([shape_features(network, beats) for beats in records])
    return fit_novelty(features, np.concatenate([beats.beat_class for beats in records]))


def calibrate(
    folder: str | Path, data_dir: str | Path | None = None
) -> tuple[Confidence, pd.DataFrame]:
    """Fit confidence for a saved model on DS1, and measure it by leaving out folds.

    Parameters
    ----------
    folder : str or Path
        Of a saved model for which ``evaluate --folds`` was run.
    data_dir : str or Path, optional
        Folder of the database.

    Returns
    -------
    confidence : Confidence
        To be saved. ``measured`` holds the number of ``records`` with each class,
        ``calibrations`` (`compare_calibrations`), ``scores`` (`compare_scores`),
        ``folds_cross_fitted`` (`arrhythmia.trust.measure.confidence_report` of the table),
        ``unlike`` (`beats_compared`) and ``widening`` (`widening_figures`).
    table : pandas.DataFrame
        See `cross_fit`.
    """
    out_of_fold, novelty = gather(folder, data_dir)
    table, narrow = cross_fit(out_of_fold), cross_fit(out_of_fold, widened=False)
    distance = out_of_fold.novelty[np.argsort(out_of_fold.fold, kind="stable")]  # as the table
    confidence = fit_confidence(out_of_fold, novelty)
    known = out_of_fold.select(out_of_fold.truth >= 0)
    truth = grouping_numbers(SET_GROUPING)[known.truth]
    measured = {
        "records": {c: len(np.unique(known.record[truth == i])) for i, c in enumerate(SET_CLASSES)},
        "calibrations": compare_calibrations(out_of_fold),
        "scores": compare_scores(out_of_fold),
        "folds_cross_fitted": confidence_report(table),
        "unlike": beats_compared(narrow, distance, confidence.refer_above),
        "widening": widening_figures(narrow, table, table.attrs["unlike"]),
    }
    return replace(confidence, measured=measured, model=model_digest(folder)), table


def format_calibration(confidence: Confidence) -> str:
    """What was fitted, for the terminal."""
    lines = [f"temperature {confidence.temperature:.3f}; refer above {confidence.refer_above:.3f}"]
    lines.append("calibrated on three folds, measured on the fourth:")
    for name, values in confidence.measured.get("calibrations", {}).items():
        errors = f"ECE {values['ece']:.4f}, of the worst fold {values['worst_fold']:.4f}"
        likelihood = f"negative log-likelihood {values['negative_log_likelihood']:.4f}"
        lines.append(f"  {name}: {errors}, {likelihood}")
    lines.append("a class is in a set from this part of the probability of the class called on:")
    lines += _threshold_lines(confidence.thresholds)
    counts = confidence.measured.get("records", {})
    lines.append("  records: " + ", ".join(f"{c} {n}" for c, n in counts.items()))
    unlike = confidence.unlike
    if unlike is not None:
        lines.append(
            f"in recordings of whose beats it is unsure of more than {unlike.limit:.3f} "
            f"(median {unlike.usual:.3f}), from:"
        )
        lines += _threshold_lines(unlike.thresholds)
    lines.append("error of the surest 95 % relative to all, by the score that orders them:")
    for name, ratio in confidence.measured.get("scores", {}).items():
        lines.append(f"  {name}: {'–' if ratio is None else format(ratio, '.3f')}")
    return "\n".join(lines)


def _threshold_lines(thresholds: dict[int, np.ndarray]) -> list[str]:
    return [
        f"  {level} %: " + ", ".join(f"{c} {v:.4f}" for c, v in zip(SET_CLASSES, row, strict=True))
        for level, row in thresholds.items()
    ]
