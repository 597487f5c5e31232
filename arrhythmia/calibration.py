"""Fitting confidence on DS1, on beats of patients that the network had not seen.

``evaluate --folds`` leaves the predictions of four networks, each for the records that it was not
trained on. From these, and never from DS2, come the calibration, the prediction sets and the rule
of referral; what they are worth is measured by leaving out each fold in turn once more.

Compared on those folds and not kept: the same weight for each beat instead of each record (see
`arrhythmia.fitting.fit_thresholds`); Monte-Carlo dropout, ten passes, whose disagreement alone
left more errors among the surest 95 % and whose mean probability hardly fewer; and sums of the
probability with the novelty of a beat. The probability of the most likely class orders beats as
well as any.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from arrhythmia.classifier import Classifier, read_settings
from arrhythmia.confidence import (
    CLASSES,
    GROUPING,
    LEAST_PROBABILITY,
    Confidence,
    Novelty,
    shape_features,
    tempered,
)
from arrhythmia.errors import InputError
from arrhythmia.evaluation import PROBABILITY_COLUMNS, read_predictions
from arrhythmia.fitting import (
    fit_lapse,
    fit_novelty,
    fit_temperature,
    fit_thresholds,
    record_weights,
    softened,
)
from arrhythmia.labels import BEAT_CLASSES, grouped, grouping_numbers
from arrhythmia.ledger import model_digest
from arrhythmia.quality import find_problems
from arrhythmia.records import read_record
from arrhythmia.reliability import confidence_columns, confidence_report, reliability, risk_figures

REFER_SHARE = 0.05
"""Of the beats of DS1, out of fold: what a person is asked to look at."""
NOVEL_SHARE = 0.005
"""Of the same beats, and part of the above: what counts as unlike anything in training."""
ROUNDED = 2e-3
"""Further apart, two probabilities are not the same but for rounding and the machine."""
FOLDS_FIRST = "run 'python -m arrhythmia evaluate --folds --model {}' first"


@dataclass(frozen=True)
class Evidence:
    """Beats of records that the network which judged them had not seen.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions, as `arrhythmia.evaluation.predict_records` gives them.
    fold : ndarray of int, shape (beats,)
        Which network judged it, from 0.
    novelty : ndarray of float, shape (beats,)
        Distance from the training beats of that network.
    problems : ndarray of int, shape (beats,)
        See `arrhythmia.quality.find_problems`.
    """

    table: pd.DataFrame
    fold: np.ndarray
    novelty: np.ndarray
    problems: np.ndarray

    @property
    def raw(self) -> np.ndarray:
        """Probabilities, shape (beats, 5)."""
        return self.table[list(PROBABILITY_COLUMNS)].to_numpy(dtype=float)

    @property
    def truth(self) -> np.ndarray:
        """Place in `BEAT_CLASSES`; -1 for a beat without a class."""
        places = {c: i for i, c in enumerate(BEAT_CLASSES)}
        return np.array([places.get(c, -1) for c in self.table["reference"]], dtype=int)

    def part(self, where: np.ndarray) -> Evidence:
        """Some of the beats."""
        table = self.table[where].reset_index(drop=True)
        return Evidence(table, self.fold[where], self.novelty[where], self.problems[where])


def fit_confidence(evidence: Evidence, novelty: Novelty) -> Confidence:
    """Temperature, sets and rule of referral from beats out of fold.

    Parameters
    ----------
    evidence : Evidence
    novelty : Novelty
        Of the network that is to be shipped; its limit is replaced.
    """
    known = evidence.part((evidence.truth >= 0) & (evidence.problems == 0))
    raw, truth, record = known.raw, known.truth, known.table["record"].to_numpy(dtype=str)
    weights = record_weights(record)
    temperature = fit_temperature(raw, truth, weights)
    calibrated = tempered(raw, temperature)
    least = fit_thresholds(grouped(calibrated, GROUPING), grouping_numbers(GROUPING)[truth], record)
    order = np.argsort(known.novelty)
    place = np.searchsorted(np.cumsum(weights[order]), 1 - NOVEL_SHARE)
    limit = float(known.novelty[order][min(place, len(order) - 1)])
    novel = known.novelty > limit
    # what is referred for other reasons is part of the share
    budget = REFER_SHARE * len(evidence.table) - np.sum(evidence.problems > 0) - novel.sum()
    score = np.sort(1.0 - calibrated[~novel].max(axis=1))[::-1]
    refer_above = float(score[int(np.clip(budget, 0, len(score) - 1))])
    novelty = Novelty(novelty.means, novelty.precision, limit)
    return Confidence(temperature, least, refer_above, novelty)


def cross_fit(evidence: Evidence) -> pd.DataFrame:
    """Judge each fold by what the others teach: predictions with the columns of confidence."""
    nothing = Novelty(np.zeros((1, 1)), np.eye(1), np.inf)
    parts = []
    for fold in np.unique(evidence.fold):
        confidence = fit_confidence(evidence.part(evidence.fold != fold), nothing)
        here = evidence.part(evidence.fold == fold)
        found = confidence.judge(here.raw, here.novelty, here.problems)
        parts.append(pd.concat([here.table, confidence_columns(found)], axis=1))
    return pd.concat(parts, ignore_index=True)


def compare_calibrations(evidence: Evidence) -> dict[str, dict[str, float]]:
    """Ways to calibrate, each fitted on all folds but one and measured on that one.

    Temperature scaling supposes that a network is too sure of itself by the same factor
    everywhere, a lapse rate that it is right but for a few beats of which it is certain. The
    mean of several networks' scores is better served by the first, a single network was by the
    second.

    Returns
    -------
    dict
        Name to ``ece`` (of the most likely class), ``worst_fold`` (the greatest of the folds)
        and ``surprise`` (mean negative logarithm of the true class's probability).
    """
    known = evidence.part((evidence.truth >= 0) & (evidence.problems == 0))
    raw, truth = tempered(known.raw, 1.0), known.truth
    record = known.table["record"].to_numpy(dtype=str)
    ways = {
        "as the network gives them": (lambda *_: 1.0, tempered),
        "temperature": (fit_temperature, tempered),
        "lapse rate": (fit_lapse, softened),
    }
    compared = {}
    for name, (fit, apply) in ways.items():
        given, folds = np.zeros_like(raw), []
        for fold in np.unique(known.fold):
            here = known.fold == fold
            weights = record_weights(record[~here])
            given[here] = apply(raw[here], fit(raw[~here], truth[~here], weights))
            top = given[here].argmax(axis=1) == truth[here]
            folds.append(reliability(given[here].max(axis=1), top)[0])
        error = reliability(given.max(axis=1), given.argmax(axis=1) == truth)[0]
        likely = np.maximum(given[np.arange(len(truth)), truth], LEAST_PROBABILITY)
        values = {"ece": error, "worst_fold": max(folds), "surprise": -np.log(likely).mean()}
        compared[name] = {key: round(float(v), 4) for key, v in values.items()}
    return compared


def compare_scores(evidence: Evidence) -> dict[str, float | None]:
    """Error of the surest 95 % relative to that of all, for each score that could order beats."""
    known = evidence.part(evidence.truth >= 0)
    raw = tempered(known.raw, fit_temperature(known.raw, known.truth))
    places = grouping_numbers(GROUPING)
    wrong = grouped(raw, GROUPING).argmax(axis=1) != places[known.truth]
    scores = {
        "1 - greatest probability": 1.0 - raw.max(axis=1),
        "entropy": -np.sum(raw * np.log(raw), axis=1),
        "novelty of the shape": known.novelty,
    }
    return {name: risk_figures(score, wrong)["ratio"] for name, score in scores.items()}


def fold_folders(folder: str | Path) -> list[Path]:
    """Where ``evaluate --folds`` keeps the networks of the folds: beside the model."""
    folder = Path(folder)
    return sorted(folder.parent.glob(f"{folder.name}-fold[0-9]"))


def gather(folder: str | Path, data_dir: str | Path | None = None) -> tuple[Evidence, Novelty]:
    """What calibration starts from: predictions out of fold, novelty and quality of DS1.

    Parameters
    ----------
    folder : str or Path
        Of a saved model that ``evaluate --folds`` went through.
    data_dir : str or Path, optional
        Folder of the database.

    Returns
    -------
    evidence : Evidence
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
    model, folds = Classifier.load(folder), [Classifier.load(f) for f in fold_folders(folder)]
    left_out = [[n for n in names if n not in f.settings.training["records"]] for f in folds]
    if not names or sorted(sum(left_out, [])) != sorted(names):
        raise InputError(
            f"the networks beside '{folder}' ({len(folds)} folds) do not leave out each of its "
            f"{len(names)} training records once: {remedy}"
        )
    records = {name: read_record(name, data_dir) for name in names}
    beats = {name: model.find_beats(record) for name, record in records.items()}
    for name in names:
        if (table["record"] == name).sum() != len(beats[name]):
            raise InputError(f"'{file}' and the annotation of record {name} differ: {remedy}")
    columns = list(PROBABILITY_COLUMNS)
    fold, distance, problems = (np.full(len(table), np.nan) for _ in range(3))
    for number, (network, held) in enumerate(zip(folds, left_out, strict=True)):
        novelty = _learn_novelty(network, [beats[n] for n in names if n not in held])
        for name in held:
            here = (table["record"] == name).to_numpy()
            # not rounded: a rare class is in a set from some ten-thousandths on
            exact = network.probabilities(beats[name])
            if np.abs(exact - table.loc[here, columns].to_numpy()).max() > ROUNDED:
                raise InputError(f"'{file}' is not what the networks of the folds say: {remedy}")
            table.loc[here, columns] = exact
            fold[here] = number
            distance[here] = novelty.distance(shape_features(network, beats[name]))
            quality = find_problems(records[name], beats[name].centers, model.settings.beats)
            problems[here] = quality
    if np.isnan(fold).any():
        raise InputError(f"'{file}' holds records that the model was not trained on: {remedy}")
    evidence = Evidence(table, fold.astype(int), distance, problems.astype(int))
    return evidence, _learn_novelty(model, list(beats.values()))


def _learn_novelty(network: Classifier, items: list) -> Novelty:
    features = np.concatenate([shape_features(network, beats) for beats in items])
    return fit_novelty(features, np.concatenate([beats.beat_class for beats in items]))


def calibrate(
    folder: str | Path, data_dir: str | Path | None = None
) -> tuple[Confidence, pd.DataFrame]:
    """Fit confidence for a saved model on DS1, and measure it by leaving out folds.

    Parameters
    ----------
    folder, data_dir
        As for `gather`.

    Returns
    -------
    confidence : Confidence
        To be saved; ``measured`` holds `arrhythmia.reliability.confidence_report` of the
        cross-fitted table, the scores compared, and the records that hold each class.
    table : pandas.DataFrame
        See `cross_fit`.
    """
    from dataclasses import replace

    evidence, novelty = gather(folder, data_dir)
    table = cross_fit(evidence)
    places = grouping_numbers(GROUPING)
    truth = np.where(evidence.truth < 0, -1, places[evidence.truth])
    record = evidence.table["record"].to_numpy(dtype=str)
    measured = {
        "records": {c: len(np.unique(record[truth == i])) for i, c in enumerate(CLASSES)},
        "calibrations": compare_calibrations(evidence),
        "scores": compare_scores(evidence),
        "folds_cross_fitted": confidence_report(table),
    }
    found = replace(
        fit_confidence(evidence, novelty), measured=measured, model=model_digest(folder)
    )
    return found, table


def format_calibration(confidence: Confidence) -> str:
    """What was fitted, for the terminal."""
    lines = [f"temperature {confidence.temperature:.3f}; refer above {confidence.refer_above:.3f}"]
    lines.append("calibrated on three folds, measured on the fourth:")
    for name, each in confidence.measured.get("calibrations", {}).items():
        values = "ECE {ece:.4f}, of the worst fold {worst_fold:.4f}, surprise {surprise:.4f}"
        lines.append(f"  {name}: {values.format(**each)}")
    lines.append("a class is in a set from this probability on (records of DS1 that hold it):")
    for level, least in confidence.least.items():
        each = ", ".join(f"{c} {v:.4f}" for c, v in zip(CLASSES, least, strict=True))
        lines.append(f"  {level} %: {each}")
    counts = confidence.measured.get("records", {})
    lines.append("  records: " + ", ".join(f"{c} {n}" for c, n in counts.items()))
    lines.append("error of the surest 95 % relative to all, by the score that orders them:")
    for name, ratio in confidence.measured.get("scores", {}).items():
        lines.append(f"  {name}: {'–' if ratio is None else format(ratio, '.3f')}")
    return "\n".join(lines)
