"""What the second stage brings: earliness by the dominant rhythm, and fusion as a blend.

The networks are those that are saved: of each fold of DS1, and the one trained on DS1 for patients
of another database, svdb 800 to 855. The weight of earliness is learnt without the fold that it is
measured on; once more on svdb alone, to see whether the two databases teach the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.mitdb import FOLDS
from arrhythmia.records import read_record
from arrhythmia.second_stage import SecondStage, with_second_stage
from arrhythmia.svdb import SVDB
from arrhythmia.templates import Templates
from arrhythmia.train.second_stage import decide_without, early_beats, fit_early
from studies.results import RESULTS, confusion, of_model, scores
from studies.whole_records import fold_classifiers, format_arms

FILE: Final = "second-stage.json"
WITHOUT: Final = "without it"
BOTH: Final = "earliness and fusion"
ARMS: Final = (WITHOUT, "earliness", "earliness, learnt on svdb", "fusion", BOTH)
MOST_FUSION: Final = "208"
"""Nine tenths of the fusion beats of DS1 are in this record."""

Seen = tuple[str, Templates, np.ndarray]


def run_second_stage(
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
        ``model`` (digest), ``weights`` (of earliness: of each fold, of DS1, of svdb), ``DS1`` and
        ``svdb`` (arm to record to confusion matrix).
    """
    return of_model(folder / FILE, model, lambda: _measure(model, data_dir, tell), indent=None)


def _measure(model: Path, data_dir: str | Path | None, tell: Callable[[str], None]) -> dict:
    networks = [*fold_classifiers(model), (Classifier.load(model), SVDB)]
    seen = [_see(classifier, names, data_dir, tell) for classifier, names in networks]
    early = [[early_beats(t.beats, given) for _, t, given in part] for part in seen]
    by_folds, by_svdb = early[: len(FOLDS)], fit_early(early[-1])
    weights = [
        fit_early([r for i, part in enumerate(by_folds) if i != number for r in part])
        for number in range(len(FOLDS) + 1)  # the last leaves none of DS1 out
    ]
    parts: dict[str, dict[str, dict]] = {"DS1": {}, "svdb": {}}
    settings = networks[-1][0].settings.beats
    for records, weight in zip(seen, weights, strict=True):
        stages = {
            "earliness": SecondStage(weight, fusion=0.0),
            "earliness, learnt on svdb": SecondStage(by_svdb, fusion=0.0),
            "fusion": SecondStage(0.0),
            BOTH: SecondStage(weight),
        }
        for name, templates, given in records:
            part = parts["svdb" if name in SVDB else "DS1"]
            for arm, stage in ({WITHOUT: None} | stages).items():
                said = given
                if stage is not None:
                    said = with_second_stage(given, templates, stage, settings)
                matrix = confusion(templates.beats.beat_class, said)
                part.setdefault(arm, {})[name] = matrix.tolist()
    return parts | {"weights": {"folds": weights[:-1], "DS1": weights[-1], "svdb": by_svdb}}


def _see(
    classifier: Classifier,
    names: Sequence[str],
    data_dir: str | Path | None,
    tell: Callable[[str], None],
) -> list[Seen]:
    """Name, templates and probabilities without the second stage of some records."""
    seen = []
    for name in names:
        beats = classifier.find_beats(read_record(name, data_dir), source="atr")
        given, templates = decide_without(classifier, beats)
        seen.append((name, templates, given))
        tell(f"record {name}")
    return seen


def format_second_stage(results: dict) -> str:
    """Table of the arms, and what was learnt."""
    weights = results["weights"]
    folds = ", ".join(f"{weight:.2f}" for weight in weights["folds"])
    lines = [format_arms(results, ARMS), ""]
    lines.append("log-odds of S for each tenth that a beat is early:")
    lines.append(
        f"DS1 {weights['DS1']:.2f} (without each fold {folds}), svdb {weights['svdb']:.2f}"
    )
    for arm in (WITHOUT, BOTH):
        of = {r: np.array(m) for r, m in results["DS1"][arm].items() if r != MOST_FUSION}
        rest = scores(of)
        lines.append(
            f"DS1 without record {MOST_FUSION}, {arm}: F {rest.f1[3]:.3f}, V {rest.f1[2]:.3f}, "
            f"mean F1 {rest.mean_f1:.3f}"
        )
    return "\n".join(lines)
