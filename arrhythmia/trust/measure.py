"""Whether confidence is justified: calibration, coverage of the sets, errors of what is kept.

Works on any table of predictions with the columns of `arrhythmia.predictions.confidence_columns`.
Classes are those of the sets (AAMI: E counts as V), and beats without a reference class are left
out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.labels import grouped
from arrhythmia.predictions import (
    CALIBRATED_COLUMNS,
    PROBABILITY_COLUMNS,
    SET_CLASSES,
    read_sets,
    truth_and_predicted,
)
from arrhythmia.trust.confidence import NOT_ASSESSABLE
from arrhythmia.trust.sets import LEVELS, SET_GROUPING

BINS: Final = 15
"""Of equal width, for the calibration error."""

WELL_COVERED: Final = 0.85
"""Share of a record's beats whose 90 % set holds the true class, from which it is well covered."""

KEPT: Final = 0.95
"""Share of the beats, the surest, whose error is compared with that of all."""

CURVE: Final = tuple(round(1 - 0.01 * step, 2) for step in range(51))
"""Shares of beats kept, of the risk-coverage curve."""


def reliability(
    confidence: np.ndarray, right: np.ndarray, bins: int = BINS
) -> tuple[float, dict[str, list]]:
    """Expected calibration error, and what a reliability diagram shows.

    Parameters
    ----------
    confidence : ndarray of float, shape (beats,)
        Probability that was given.
    right : ndarray of bool, shape (beats,)
        Whether the prediction was right.
    bins : int
        Of equal width (Naeini et al., AAAI 2015; Guo et al., ICML 2017).

    Returns
    -------
    error : float
        Mean over bins, weighted by beats, of how far the share of right predictions is from the
        mean probability.
    diagram : dict
        ``confidence``, ``share`` and ``beats`` of each bin that holds any.
    """
    # scikit-learn's calibration_curve gives no counts, without which there is no weighted mean
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    beats = np.bincount(place, minlength=bins)
    mean = np.bincount(place, confidence, bins) / np.maximum(beats, 1)
    share = np.bincount(place, right.astype(float), bins) / np.maximum(beats, 1)
    filled = beats > 0
    error = float(np.sum(beats * np.abs(share - mean)) / max(beats.sum(), 1))
    return error, {
        "confidence": [round(float(v), 4) for v in mean[filled]],
        "share": [round(float(v), 4) for v in share[filled]],
        "beats": beats[filled].tolist(),
    }


def calibration_figures(probabilities: np.ndarray, truth: np.ndarray) -> dict:
    """Calibration error of the most likely class, and of each class against the others.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
    truth : ndarray of int, shape (beats,)
        Place in `arrhythmia.predictions.SET_CLASSES`.

    Returns
    -------
    dict
        ``ece`` and ``diagram`` of the most likely class, see `reliability`, and ``classes``:
        ``ece`` and diagram of each class.
    """
    top = probabilities.argmax(axis=1)
    error, diagram = reliability(probabilities.max(axis=1), top == truth)
    by_class = {}
    for place, name in enumerate(SET_CLASSES):
        class_error, class_diagram = reliability(probabilities[:, place], truth == place)
        by_class[name] = {"ece": round(class_error, 4)} | class_diagram
    return {"ece": round(error, 4), "diagram": diagram, "classes": by_class}


def coverage_figures(sets: np.ndarray, truth: np.ndarray, record: np.ndarray) -> dict:
    """How often sets hold the true class, and how large they are.

    Parameters
    ----------
    sets : ndarray of bool, shape (beats, classes)
    truth : ndarray of int, shape (beats,)
        True class.
    record : ndarray of str, shape (beats,)

    Returns
    -------
    dict
        ``coverage``, ``size``, and ``coverage``, ``size`` and ``beats`` by class and by record.
    """
    covered, size = sets[np.arange(len(truth)), truth], sets.sum(axis=1)

    def part(where: np.ndarray) -> dict:
        beats = int(where.sum())
        coverage, mean_size = (
            (covered[where].mean(), size[where].mean()) if beats else (np.nan,) * 2
        )
        return {"coverage": _number(coverage), "size": _number(mean_size), "beats": beats}

    return part(np.ones(len(truth), dtype=bool)) | {
        "classes": {name: part(truth == i) for i, name in enumerate(SET_CLASSES)},
        "records": {str(name): part(record == name) for name in dict.fromkeys(record)},
    }


def risk_figures(score: np.ndarray, wrong: np.ndarray) -> dict:
    """Error of what is kept when the beats with the greatest score are referred.

    Parameters
    ----------
    score : ndarray of float, shape (beats,)
    wrong : ndarray of bool, shape (beats,)

    Returns
    -------
    dict
        ``error`` of all beats, ``error_kept`` of the share `KEPT`, their ``ratio`` (None where
        nothing is wrong), and the ``curve``: ``kept`` and ``error`` at each of `CURVE`.
    """
    ordered = wrong[np.argsort(score, kind="stable")]
    kept = [max(1, int(share * len(ordered))) for share in CURVE]
    errors = np.cumsum(ordered)[np.array(kept) - 1] / np.array(kept)
    error_kept = errors[CURVE.index(KEPT)]
    return {
        "error": _number(wrong.mean()),
        "error_kept": _number(error_kept),
        "ratio": _number(error_kept / wrong.mean()) if wrong.any() else None,
        "curve": {"kept": list(CURVE), "error": [_number(e) for e in errors]},
    }


def confidence_report(table: pd.DataFrame) -> dict:
    """All figures of confidence for a table of predictions.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `arrhythmia.predictions.scored_table` with an assessment.

    Returns
    -------
    dict
        ``beats`` and ``classes``; ``calibration`` (`calibration_figures`, ``before`` and
        ``after``); ``sets`` (level to `coverage_figures`); ``patients`` (how many ``records``,
        in how many a 90 % set holds `WELL_COVERED` of the beats, and the median of their
        calibration errors); ``risk`` (`risk_figures`, beats that
        are not assessable referred first); ``risk_assessable`` (the same of the other beats
        alone, without the curve); ``referred`` (``share``, ``error`` of what is referred and
        ``error_kept`` of the rest, and the ``ratio`` of the latter to the error of all); and
        ``not_assessable``, a share of all beats.
    """
    unreadable = table["reason"].str.startswith(NOT_ASSESSABLE)
    known = table[table["reference"] != ""]
    readable = ~unreadable[known.index].to_numpy()
    truth, predicted = truth_and_predicted(known, SET_GROUPING)
    after = known[list(CALIBRATED_COLUMNS)].to_numpy()
    wrong, refer = predicted != truth, known["refer"].to_numpy() > 0
    score = 1.0 - after.max(axis=1) + ~readable
    before = grouped(known[list(PROBABILITY_COLUMNS)].to_numpy(), SET_GROUPING)
    calibrated = grouped(after, SET_GROUPING)
    record = known["record"].to_numpy(dtype=str)
    sets = {
        str(level): coverage_figures(read_sets(known[f"set{level}"]), truth, record)
        for level in LEVELS
    }
    error_kept = wrong[~refer].mean() if not refer.all() else np.nan
    assessable = risk_figures(score[readable], wrong[readable]) if readable.any() else None
    return {
        "beats": len(known),
        "classes": list(SET_CLASSES),
        "calibration": {
            "before": calibration_figures(before / before.sum(axis=1, keepdims=True), truth),
            "after": calibration_figures(calibrated, truth),
        },
        "sets": sets,
        "patients": _by_patient(calibrated, truth, record, sets["90"]["records"]),
        "risk": risk_figures(score, wrong),
        "risk_assessable": assessable and {k: v for k, v in assessable.items() if k != "curve"},
        "referred": {
            "share": _number(refer.mean()),
            "error": _number(wrong[refer].mean()) if refer.any() else None,
            "error_kept": _number(error_kept),
            "ratio": _number(error_kept / wrong.mean()) if wrong.any() else None,
        },
        "not_assessable": _number(unreadable.mean()),
    }


def _by_patient(
    calibrated: np.ndarray, truth: np.ndarray, record: np.ndarray, covered: dict[str, dict]
) -> dict:
    right = calibrated.argmax(axis=1) == truth
    errors = [
        reliability(calibrated[record == name].max(axis=1), right[record == name])[0]
        for name in covered
    ]
    return {
        "records": len(covered),
        "covered": sum(part["coverage"] >= WELL_COVERED for part in covered.values()),
        "median_ece": _number(np.median(errors)) if errors else None,
    }


def format_confidence(report: dict) -> str:
    """Tables of `confidence_report` for the terminal."""
    names = report["classes"]
    head = f"{'':>12} {{:>7}} " + " ".join(f"{c:>7}" for c in names)
    lines = [
        f"calibration error (ECE, {BINS} bins) of {report['beats']} beats",
        head.format("top"),
    ]
    for title, key in (("before", "before"), ("calibrated", "after")):
        part = report["calibration"][key]
        values = " ".join(f"{part['classes'][c]['ece']:7.4f}" for c in names)
        lines.append(f"{title:>12} {part['ece']:7.4f} {values}")
    lines += ["", "prediction sets: share that holds the true class"]
    lines.append(f"{head.format('all')}   classes a set")
    for level, part in report["sets"].items():
        values = " ".join(_shown(part["classes"][c]["coverage"]) for c in names)
        title = f"{level} % sets"
        lines.append(f"{title:>12} {_shown(part['coverage'])} {values}   {part['size']:.3f}")
    patients = report["patients"]
    lines.append(
        f"they hold {100 * WELL_COVERED:.0f} % of the beats or more (90 % sets) in "
        f"{patients['covered']} of {patients['records']} records; calibration error of a record: "
        f"median {patients['median_ece']:.4f}"
    )
    risk, rule, assessable = (report[k] for k in ("risk", "referred", "risk_assessable"))
    lines += ["", f"error of all beats {_errors(risk, 'surest')}"]
    if assessable is not None:
        lines.append(f"error of the assessable beats {_errors(assessable, 'surest of them')}")
    lines += [
        f"referred by rule {_per_cent(rule['share'])}, of these wrong {_per_cent(rule['error'])}; "
        f"error of the rest {_per_cent(rule['error_kept'])} (ratio {_ratio(rule['ratio'])})",
        f"not assessable {_per_cent(report['not_assessable'])}",
    ]
    return "\n".join(lines)


def _errors(risk: dict, which: str) -> str:
    error, kept = _per_cent(risk["error"]), _per_cent(risk["error_kept"])
    return f"{error}, of the {100 * KEPT:.0f} % {which} {kept} (ratio {_ratio(risk['ratio'])})"


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _shown(value: float | None) -> str:
    return f"{'–' if value is None else format(value, '.3f'):>7}"


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
