"""What each lead, the templates and the rhythm bring, without training anything.

The networks are those that are saved: of each fold of DS1, and the one trained on DS1 for patients
of another database, svdb 800 to 855. What is left out is left out of the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import softmax

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier, Decision
from arrhythmia.evaluate.reader import format_reader, reader_curve
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.mitdb import FOLDS
from arrhythmia.records import Record, read_record
from arrhythmia.rhythm import in_fibrillation
from arrhythmia.svdb import SVDB
from arrhythmia.templates import LEAST, find_templates, with_templates
from studies.results import RESULTS, confusion, of_model, scores

FILE: Final = "whole-records.json"
SHIPPED: Final = "all leads, templates (shipped)"
S_IN_FIBRILLATION: Final = 0.28
"""How much rarer S is in fibrillation than elsewhere, in DS1: 20 of 3,889 beats, 944 of 51,021."""
LEADS: Final = (
    "first lead", "second lead", "plain mean of the leads", "all leads", "first lead, templates",
    SHIPPED,
)  # fmt: skip
TEMPLATES: Final = ("all leads", "templates alone", SHIPPED, "the same, rhythm")
"""Arms that each of the two studies shows."""


def arms_of(
    classifier: Classifier, record: Record
) -> tuple[dict[str, np.ndarray], Beats, Decision]:
    """Probabilities of a record's beats by each arm, and what decides them as it is shipped."""
    beats = classifier.find_beats(record, source="atr")
    decision = classifier.decide(beats)
    settings, every = classifier.settings.templates, decision.by_lead
    logarithms = np.log(np.maximum(every, LEAST)).mean(axis=0)
    fibrillating = in_fibrillation(beats, decision.probabilities.argmax(axis=1))
    first = find_templates(beats, settings).split(every[0])
    arms = {
        "first lead": every[0],
        "second lead": every[min(1, len(every) - 1)],
        "plain mean of the leads": softmax(logarithms, axis=1),
        "all leads": decision.by_itself,
        "first lead, templates": with_templates(every[0], first, settings),
        "templates alone": with_templates(
            decision.by_itself, decision.templates, replace(settings, share=1.0)
        ),
        SHIPPED: decision.probabilities,
        "the same, rhythm": with_rhythm(decision.probabilities, fibrillating),
    }
    return arms, beats, decision


def with_rhythm(probabilities: np.ndarray, fibrillating: np.ndarray) -> np.ndarray:
    """Probabilities of beats with what their rhythm makes of them.

    By Bayes' rule the odds of S are multiplied by how much rarer it is in fibrillation, see
    `S_IN_FIBRILLATION`.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
    fibrillating : ndarray of bool, shape (beats,)
        See `in_fibrillation`.

    Returns
    -------
    ndarray of float, shape (beats, 5)
        Rows sum to 1.
    """
    factors = np.ones_like(probabilities)
    factors[fibrillating, BEAT_CLASSES.index("S")] = S_IN_FIBRILLATION
    weighed = probabilities * factors
    return weighed / weighed.sum(axis=1, keepdims=True)


def fold_classifiers(model: Path) -> Iterator[tuple[Classifier, tuple[str, ...]]]:
    """Classifier of each fold of DS1, with the records that it has not seen."""
    for number, fold in enumerate(FOLDS, 1):
        yield Classifier.load(model.with_name(f"{model.name}-fold{number}")), fold


def run_whole_records(
    model: Path,
    data_dir: str | Path | None,
    folder: Path = RESULTS,
    tell: Callable[[str], None] = lambda _: None,
) -> dict:
    """Measure the arms, or read what was measured for this very model.

    Parameters
    ----------
    model : Path
        Folder of a model trained on DS1, with its folds beside it.
    data_dir : str or Path, optional
        Folder of mitdb; that of svdb is found by `arrhythmia.svdb.find_svdb_dir`.
    folder : Path
        Folder of results.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        ``model`` (digest), ``DS1`` and ``svdb`` (arm to record to confusion matrix), and
        ``reader`` (`arrhythmia.evaluate.reader.reader_curve` of DS1).
    """
    return of_model(folder / FILE, model, lambda: _measure(model, data_dir, tell), indent=None)


def _measure(model: Path, data_dir: str | Path | None, tell: Callable[[str], None]) -> dict:
    parts: dict[str, dict[str, dict]] = {"DS1": {}, "svdb": {}}
    seen = []
    for classifier, names in [*fold_classifiers(model), (Classifier.load(model), SVDB)]:
        for name in names:
            part = "svdb" if name in SVDB else "DS1"
            arms, beats, decision = arms_of(classifier, read_record(name, data_dir))
            for arm, probabilities in arms.items():
                matrix = confusion(beats.beat_class, probabilities)
                parts[part].setdefault(arm, {})[name] = matrix.tolist()
            if part == "DS1":
                seen.append((beats, decision))
            tell(f"{part}: record {name}")
    return parts | {"reader": reader_curve(seen)}


def format_arms(results: dict, arms: tuple[str, ...]) -> str:
    """Table of some arms: F1 on DS1 by folds, and on svdb."""
    width = max(map(len, arms))
    heads = "".join(f"{c:>6}" for c in "SVF")
    lines = [f"{'':{width}}   DS1 by folds{'':17}svdb 800 to 855"]
    lines.append(f"{'F1':{width}}{heads}  mean  accuracy{'S':>6}{'V':>6}  accuracy")
    for arm in arms:
        of = {
            part: scores({r: np.array(m) for r, m in results[part][arm].items()})
            for part in ("DS1", "svdb")
        }
        ds1, svdb = of["DS1"], of["svdb"]
        values = "".join(f"{v:6.3f}" for v in (*ds1.f1[1:], ds1.mean_f1))
        lines.append(
            f"{arm:{width}}{values}  {ds1.accuracy:8.3f}{svdb.f1[1]:6.3f}{svdb.f1[2]:6.3f}"
            f"  {svdb.accuracy:8.3f}"
        )
    return "\n".join(lines)


def format_leads(results: dict) -> str:
    """Table of the study of leads."""
    return format_arms(results, LEADS)


def format_templates(results: dict) -> str:
    """Tables of the study of templates: what they bring, and what a reader's decisions bring."""
    curve = format_reader(results["reader"])
    return f"{format_arms(results, TEMPLATES)}\n\nDS1 by folds, the reference as reader:\n\n{curve}"
