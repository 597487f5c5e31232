"""Whether confidence is deserved: calibration, coverage of the sets, errors of what is kept.

Works on any table of predictions with the columns that `confidence_columns` adds. Classes are
those of the sets (AAMI: E counts as V), and beats without a reference class are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from arrhythmia.confidence import CLASSES, GROUPING, LEVELS, NOT_ASSESSABLE, Assessment
from arrhythmia.evaluation import PROBABILITY_COLUMNS, truth_and_found
from arrhythmia.labels import BEAT_CLASSES, grouped

BINS = 15
KEPT = 0.95
CALIBRATED_COLUMNS = tuple(f"c_{c}" for c in BEAT_CLASSES)
SET_SEPARATOR = "|"
CURVE = tuple(round(1 - 0.01 * step, 2) for step in range(51))
"""Shares of beats kept, of the risk-coverage curve."""


def confidence_columns(found: Assessment) -> pd.DataFrame:
    """Columns beside a table of predictions: calibrated probabilities, sets, referral.

    Returns
    -------
    pandas.DataFrame
        ``c_N`` … ``c_F``; ``set90`` and ``set95``, such as ``"N|S"``; ``refer``, 0 or 1, and
        ``reason``. A row for each beat of the assessment.
    """
    table = pd.DataFrame(np.round(found.probabilities, 4), columns=list(CALIBRATED_COLUMNS))
    for level in LEVELS:
        sets = getattr(found, f"sets{level}")
        table[f"set{level}"] = [
            SET_SEPARATOR.join(c for c, held in zip(CLASSES, row, strict=True) if held)
            for row in sets
        ]
    table["refer"] = found.refer.astype(int)
    table["reason"] = found.reasons
    return table


def reliability(
    confidence: np.ndarray, right: np.ndarray, bins: int = BINS
) -> tuple[float, dict[str, list]]:
    """Expected calibration error, and what a reliability diagram shows.

    Parameters
    ----------
    confidence : ndarray of float, shape (beats,)
        Probability given.
    right : ndarray of bool, shape (beats,)
        Whether it came true.
    bins : int
        Of equal width (Naeini et al., AAAI 2015; Guo et al., ICML 2017).

    Returns
    -------
    error : float
        Mean over bins, weighted by beats, of how far the share that came true is from the
        mean probability.
    diagram : dict
        ``confidence``, ``share`` and ``beats`` of each bin that holds any.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    beats = np.bincount(place, minlength=bins)
    mean = np.bincount(place, confidence, bins) / np.maximum(beats, 1)
    share = np.bincount(place, right.astype(float), bins) / np.maximum(beats, 1)
    held = beats > 0
    error = float(np.sum(beats * np.abs(share - mean)) / max(beats.sum(), 1))
    return error, {
        "confidence": [round(float(v), 4) for v in mean[held]],
        "share": [round(float(v), 4) for v in share[held]],
        "beats": beats[held].tolist(),
    }


def calibration_figures(probabilities: np.ndarray, truth: np.ndarray) -> dict:
    """Calibration error of the most likely class, and of each class against the others.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
    truth : ndarray of int, shape (beats,)
        Place in `CLASSES`.
    """
    top = probabilities.argmax(axis=1)
    error, diagram = reliability(probabilities.max(axis=1), top == truth)
    each = {}
    for place, name in enumerate(CLASSES):
        one, drawn = reliability(probabilities[:, place], truth == place)
        each[name] = {"ece": round(one, 4)} | drawn
    return {"ece": round(error, 4), "diagram": diagram, "classes": each}


def coverage_figures(
    sets: np.ndarray, truth: np.ndarray, top: np.ndarray, record: np.ndarray
) -> dict:
    """How often sets hold the true class, and how large they are.

    Parameters
    ----------
    sets : ndarray of bool, shape (beats, classes)
    truth, top : ndarray of int, shape (beats,)
        True and most likely class.
    record : ndarray of str, shape (beats,)

    Returns
    -------
    dict
        ``coverage``, ``size``, ``empty``, ``without_top`` (share of sets that leave out the most
        likely class), ``with_top`` (coverage and size were it put in), and ``coverage``,
        ``size`` and ``beats`` by class and by record.
    """
    rows = np.arange(len(truth))
    held, size = sets[rows, truth], sets.sum(axis=1)
    fuller = sets.copy()
    fuller[rows, top] = True

    def part(where: np.ndarray) -> dict:
        beats = int(where.sum())
        values = (held[where].mean(), size[where].mean()) if beats else (np.nan, np.nan)
        names = ("coverage", "size")
        return {k: _number(v) for k, v in zip(names, values, strict=True)} | {"beats": beats}

    return part(np.ones(len(truth), dtype=bool)) | {
        "empty": _number(np.mean(size == 0)),
        "without_top": _number(np.mean(~sets[rows, top])),
        "with_top": {
            "coverage": _number(fuller[rows, truth].mean()),
            "size": _number(fuller.sum(axis=1).mean()),
        },
        "classes": {name: part(truth == i) for i, name in enumerate(CLASSES)},
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
        ``error`` of all beats, ``error_kept`` of the share `KEPT`, their ``ratio``, and the
        ``curve``: ``kept`` and ``error`` at each of `CURVE`.
    """
    ordered = wrong[np.argsort(score, kind="stable")]
    kept = [max(1, int(share * len(ordered))) for share in CURVE]
    errors = np.cumsum(ordered)[np.array(kept) - 1] / np.array(kept)
    at = errors[CURVE.index(KEPT)]
    return {
        "error": _number(wrong.mean()),
        "error_kept": _number(at),
        "ratio": _number(at / wrong.mean()) if wrong.any() else None,
        "curve": {"kept": list(CURVE), "error": [_number(e) for e in errors]},
    }


def confidence_report(table: pd.DataFrame) -> dict:
    """All figures of confidence for a table of predictions.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions of `arrhythmia.evaluation.predict_records` with `confidence_columns`.

    Returns
    -------
    dict
        ``calibration`` (``before`` and ``after``), ``sets`` (level to `coverage_figures`),
        ``risk`` (`risk_figures`, beats that are not assessable referred first),
        ``risk_assessable`` (the same of the other beats alone, without the curve),
        ``referred`` (``share``, ``error`` of what is referred and ``error_kept``, their
        ``ratio``) and ``not_assessable``, a share of all beats.
    """
    unread = table["reason"].str.startswith(NOT_ASSESSABLE)
    known = table[table["reference"] != ""]
    readable = ~unread[known.index].to_numpy()
    truth, found = truth_and_found(known, GROUPING)
    after = known[list(CALIBRATED_COLUMNS)].to_numpy()
    wrong, refer = found != truth, known["refer"].to_numpy() > 0
    score = 1.0 - after.max(axis=1) + ~readable
    before = grouped(known[list(PROBABILITY_COLUMNS)].to_numpy(), GROUPING)
    calibrated = grouped(after, GROUPING)
    record = known["record"].to_numpy(dtype=str)
    sets = {
        str(level): coverage_figures(
            _read_sets(known[f"set{level}"]), truth, calibrated.argmax(axis=1), record
        )
        for level in LEVELS
    }
    kept = wrong[~refer].mean() if not refer.all() else np.nan
    alone = risk_figures(score[readable], wrong[readable]) if readable.any() else None
    return {
        "beats": len(known),
        "classes": list(CLASSES),
        "calibration": {
            "before": calibration_figures(before / before.sum(axis=1, keepdims=True), truth),
            "after": calibration_figures(calibrated, truth),
        },
        "sets": sets,
        "risk": risk_figures(score, wrong),
        "risk_assessable": alone and {k: v for k, v in alone.items() if k != "curve"},
        "referred": {
            "share": _number(refer.mean()),
            "error": _number(wrong[refer].mean()) if refer.any() else None,
            "error_kept": _number(kept),
            "ratio": _number(kept / wrong.mean()) if wrong.any() else None,
        },
        "not_assessable": _number(unread.mean()),
    }


def format_confidence(report: dict) -> str:
    """Table of `confidence_report` for the terminal."""
    before, after = (report["calibration"][k] for k in ("before", "after"))
    names = report["classes"]
    lines = [
        f"calibration error (ECE, {BINS} bins) of {report['beats']} beats",
        f"{'':>12} {'top':>7} " + " ".join(f"{c:>7}" for c in names),
    ]
    for title, each in (("before", before), ("calibrated", after)):
        values = " ".join(f"{each['classes'][c]['ece']:7.4f}" for c in names)
        lines.append(f"{title:>12} {each['ece']:7.4f} {values}")
    lines += ["", "prediction sets: share that holds the true class",
              f"{'':>12} {'all':>7} " + " ".join(f"{c:>7}" for c in names) + "   classes a set"
              ]  # fmt: skip
    for level, each in report["sets"].items():
        values = " ".join(_shown(each["classes"][c]["coverage"]) for c in names)
        name = f"{level} % sets"
        lines.append(f"{name:>12} {_shown(each['coverage'])} {values}   {each['size']:.3f}")
        fuller = each["with_top"]
        lines.append(
            f"{'':>12} {100 * each['without_top']:.1f} % leave out the most likely class; with it "
            f"they would cover {fuller['coverage']:.3f} with {fuller['size']:.3f} classes"
        )
    risk, rule, alone = (report[k] for k in ("risk", "referred", "risk_assessable"))
    lines += [
        "",
        f"error of all beats {_per_cent(risk['error'])}, of the {100 * KEPT:.0f} % surest "
        f"{_per_cent(risk['error_kept'])} (ratio {_ratio(risk['ratio'])})",
        *(
            []
            if alone is None
            else [
                f"error of the assessable beats {_per_cent(alone['error'])}, of the "
                f"{100 * KEPT:.0f} % surest of them {_per_cent(alone['error_kept'])} "
                f"(ratio {_ratio(alone['ratio'])})"
            ]
        ),
        f"referred by rule {_per_cent(rule['share'])}, of these wrong {_per_cent(rule['error'])}; "
        f"error of the rest {_per_cent(rule['error_kept'])} (ratio {_ratio(rule['ratio'])})",
        f"not assessable {_per_cent(report['not_assessable'])}",
    ]
    return "\n".join(lines)


def _read_sets(texts: pd.Series) -> np.ndarray:
    split = texts.astype(str).str.split(SET_SEPARATOR, regex=False)
    return np.array([[c in held for c in CLASSES] for held in split], dtype=bool)


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _shown(value: float | None) -> str:
    return f"{'–' if value is None else format(value, '.3f'):>7}"


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
