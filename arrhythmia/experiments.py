"""Experiments on folds of whole DS1 records: run, stored, read back. DS2 stays shut.

Every run leaves one file, ``saved_models/experiments/STUDY/ARM-SEED.json``, with all its
settings and the confusion matrix of every record; ``saved_models/experiments.csv`` is the table
of them all and is made anew from those files. A run that is already stored is not made again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from arrhythmia.batches import Leads, TrainingSettings, prepare_records
from arrhythmia.beats import BeatSettings, cut_beats
from arrhythmia.classifier import MODELS_FOLDER
from arrhythmia.evaluation import Scores, score
from arrhythmia.files import whole_file
from arrhythmia.labels import DS1, GROUPINGS, grouped, grouping_numbers
from arrhythmia.ledger import _commit
from arrhythmia.model import INPUTS
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.training import FOLDS, Trainer, out_of_fold

EXPERIMENTS = MODELS_FOLDER / "experiments"
TABLE = MODELS_FOLDER / "experiments.csv"
CLASSES = tuple(GROUPINGS["aami"])
TESTED_CHANGED = ("robustness", "ensemble")
"""Studies whose arms have the same settings and differ in what is tested, or who answers."""


@dataclass(frozen=True)
class Experiment:
    """One network design, trained on each three of four folds and scored on the fourth.

    Parameters
    ----------
    study, arm : str
        What is compared, and which of the things compared this is.
    settings : TrainingSettings
        Network and training.
    beats : BeatSettings
        Preprocessing.
    seed : int
        Random seed.
    folds : sequence of sequence of str
        Whole records.
    """

    study: str
    arm: str
    settings: TrainingSettings
    beats: BeatSettings = field(default_factory=BeatSettings)
    seed: int = 0
    folds: Sequence[Sequence[str]] = FOLDS

    @property
    def facts(self) -> dict:
        """What the stored file says of the settings, as JSON reads it back."""
        beats = {k: v for k, v in asdict(self.beats).items() if v is not None}
        facts = {"seed": self.seed, "folds": self.folds, "beats": beats,
                 "rr_inputs": RR_INPUTS, "training": self.settings.as_dict()}  # fmt: skip
        return json.loads(json.dumps(facts))

    def file(self, folder: Path = EXPERIMENTS) -> Path:
        """Where its result is stored."""
        return folder / self.study / f"{re.sub('[^A-Za-z0-9]+', '-', self.arm)}-{self.seed}.json"

    def stored(self, folder: Path = EXPERIMENTS, own: bool = False) -> dict | None:
        """Its result, if one was stored with these very settings, in this study or another.

        Studies that change what is tested, not what is trained, look at their own file alone
        (``own``), and no other study at theirs.
        """
        mine = self.file(folder)
        others = [f for f in sorted(folder.glob("*/*.json")) if f.parent.name not in TESTED_CHANGED]
        for file in [mine] if own else [mine, *others]:
            if file.is_file():
                found = json.loads(file.read_text(encoding="utf-8"))
                same = {k: found.get(k) for k in self.facts} == self.facts
                if same and not found.get("stopped") and "note" not in found:
                    found |= {"study": self.study, "arm": self.arm}
                    if file != mine:
                        _write(mine, found)
                    return found
        return None


def _write(file: Path, result: dict) -> None:
    with whole_file(file) as part:
        part.write_text(json.dumps(result) + "\n", encoding="utf-8")


def run_experiment(
    experiment: Experiment,
    records: dict[str, Leads],
    folder: Path = EXPERIMENTS,
    after_fold: Callable[[int, Scores], bool] | None = None,
    trainers: dict | None = None,
) -> dict:
    """Run an experiment, unless it is stored, and store it.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    records : dict
        All records of its folds, as `arrhythmia.batches.prepare_records` gives them.
    folder : Path
        Where results are stored.
    after_fold : callable, optional
        Told the number of the fold and the scores over the folds so far; what it returns says
        whether to stop here.
    trainers : dict, optional
        Keeps the last trainer for an experiment of the same shape.

    Returns
    -------
    dict
        What the file holds.
    """
    found = experiment.stored(folder)
    if found is not None:
        return found
    began, matrices = time.perf_counter(), {}
    trainers = {} if trainers is None else trainers
    s = experiment.settings
    shape = (s.network, s.epochs, s.steps, s.learning_rate, s.weight_decay, s.focal_gamma)
    if shape not in trainers:
        trainers.clear()
        trainers[shape] = Trainer(experiment.beats.length, s)
    trained = out_of_fold(
        records, experiment.beats, s, experiment.seed, experiment.folds, trainer=trainers[shape]
    )
    for number, (fold, classifier) in enumerate(zip(experiment.folds, trained, strict=False)):
        for name in fold:
            beats = cut_beats(records[name][0], experiment.beats)
            matrices[name] = confusion(beats.beat_class, classifier.probabilities(beats))
        if after_fold is not None and after_fold(number, scores(matrices)):
            break
    seconds = round(time.perf_counter() - began, 1)
    return store(experiment, matrices, seconds, folder, stopped=len(matrices) < len(records))


def store(
    experiment: Experiment,
    matrices: dict[str, np.ndarray],
    seconds: float,
    folder: Path = EXPERIMENTS,
    stopped: bool = False,
) -> dict:
    """Write the file of an experiment: its settings, and every record's confusion matrix."""
    result = experiment.facts | {
        "study": experiment.study, "arm": experiment.arm, "date": date.today().isoformat(),
        "commit": _commit(), "seconds": seconds, "classes": CLASSES,
        "confusion": {name: matrix.tolist() for name, matrix in matrices.items()},
    }  # fmt: skip
    if stopped:
        result["stopped"] = True
    _write(experiment.file(folder), result)
    return result


def confusion(beat_class: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Beats by AAMI class (row) and predicted AAMI class (column)."""
    known = beat_class >= 0
    truth = grouping_numbers("aami")[beat_class[known]]
    found = grouped(probabilities[known], "aami").argmax(axis=1)
    cells = np.bincount(truth * len(CLASSES) + found, minlength=len(CLASSES) ** 2)
    return cells.reshape(len(CLASSES), len(CLASSES))


def scores(matrices: dict[str, np.ndarray], names: Sequence[str] | None = None) -> Scores:
    """Scores of some records together (by default all)."""
    chosen = matrices.keys() if names is None else names
    return score(np.sum([matrices[n] for n in chosen], axis=0), CLASSES)


def as_row(result: dict) -> dict:
    """Row of the table from what a file holds."""
    matrices = {k: np.array(m) for k, m in result["confusion"].items()}
    whole = scores(matrices)
    row = {k: result[k] for k in ("study", "arm", "seed", "date", "commit", "seconds")}
    row |= {"mean_f1": whole.mean_f1, "accuracy": whole.accuracy}
    for i, c in enumerate(CLASSES):
        row |= {f"se_{c}": whole.sensitivity[i], f"ppv_{c}": whole.ppv[i], f"f1_{c}": whole.f1[i]}
    for number, fold in enumerate(result["folds"], 1):
        done = set(fold) <= matrices.keys()
        row[f"fold{number}_mean_f1"] = scores(matrices, fold).mean_f1 if done else float("nan")
    settings = ("beats", "rr_inputs", "training")  # the first runs do not name their RR inputs
    row["settings"] = json.dumps({k: result[k] for k in settings if k in result})
    return row


def write_table(folder: Path = EXPERIMENTS, table: Path = TABLE) -> pd.DataFrame:
    """Make the table of all stored experiments anew."""
    files = sorted(folder.glob("*/*.json"))
    rows = pd.DataFrame([as_row(json.loads(f.read_text(encoding="utf-8"))) for f in files])
    with whole_file(table) as part:
        rows.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")
    return rows


@dataclass(frozen=True)
class Study:
    """A comparison: arms that differ in one thing, with the same budget.

    Parameters
    ----------
    question : str
        What it answers, in a line.
    arms : dict
        Name of each arm to a function of the base settings: what it changes in
        `TrainingSettings`, and in `BeatSettings`.
    """

    question: str
    arms: dict[str, dict]


BUDGET = {"epochs": 8, "steps": 40, "members": 1, "prior_correction": 0.75}
"""Training in comparisons, the same for all arms. The shipped network trains longer, and the study
of the priors, made last, had it corrected wholly."""

_PLAIN = {"copies": 0, "rare_runs": 0.0, "class_weight_exponent": 0.0, "prior_correction": 0.0}
_NO_MIXTURE = {"premature": 0.0, "runs": 0.0, "bigeminy": 0.0, "fibrillation": 0.0,
               "ventricular": 0.0, "fusion": 0.0, "groups": 0.0, "always": 0.0}  # fmt: skip
_NO_PREMATURE = {"premature": 0.0, "runs": 0.0, "bigeminy": 0.0, "groups": 0.0}


def _run_arms() -> dict[str, dict]:
    arms = {
        "reference: 1 beat, no RR": {
            **_PLAIN, "class_weight_exponent": 0.5, "batch": 512,
            "network": {"run": 1, "bidirectional": False, "unseen": INPUTS[1:]},
        }
    }  # fmt: skip
    for run in (1, 4, 8, 16, 32, 64):
        for name, both in (("LSTM", False), ("bidirectional", True)):
            network = {"run": run, "bidirectional": both}
            arms[f"{run} {name}"] = {"network": network, "batch": 512 // run}
    return arms


STUDIES = {
    "rare-classes": Study(
        "what does each treatment of rare classes do to S, V, F, and to N?",
        {
            "no weighting": _PLAIN,
            "class weights, root of inverse": _PLAIN | {"class_weight_exponent": 0.5},
            "class weights, inverse": _PLAIN | {"class_weight_exponent": 1.0},
            "focal loss": _PLAIN | {"focal_gamma": 2.0},
            "balanced sampling": _PLAIN | {"sampling": "balanced"},
            "SMOTE": _PLAIN | {"sampling": "SMOTE"},
            "ADASYN": _PLAIN | {"sampling": "ADASYN"},
            "mechanism": _PLAIN | {"copies": TrainingSettings().copies},
            "mechanism, weights, prior corrected": {},
        },
    ),
    "mechanisms": Study(
        "what does each way of making rare beats bring?",
        {
            "all": {},
            "no premature beats": {"mixture": _NO_PREMATURE},
            "no fibrillation": {"mixture": {"fibrillation": 0.0, "always": 0.0}},
            "no whole copies of it": {"mixture": {"always": 0.0}},
            "no ventricular beats": {"mixture": {"ventricular": 0.0}},
            "no fusion": {"mixture": {"fusion": 0.0}},
            "no rotation": {"mixture": {"rotation": 0.0, "any_lead": 0.0}},
            "rotation only": {"mixture": _NO_MIXTURE},
            "no groups of early beats": {"mixture": {"groups": 0.0}},
            "premature beats by 15 % or more": {"mixture": {"latest": 0.85}},
        },
    ),
    "run-length": Study(
        "how many beats should the network read together, and in which direction?", _run_arms()
    ),
    "usual-beat": Study(
        "what does each input bring, and may the usual beat look ahead?",
        {
            "whole record (looks ahead)": {},
            "past 5 minutes": {"beats": {"past_minutes": 5.0}},
            "no usual beat": {"network": {"unseen": ("difference",)}},
            "difference alone": {"network": {"unseen": ("beat",)}},
            "no RR inputs": {"network": {"unseen": ("rr",)}},
            "no likeness of P waves": {"network": {"unseen": ("p waves",)}},
        },
    ),
    "priors": Study(
        "how far should scores move from the class frequencies of training to real ones?",
        {
            f"{share:.2f} of the way": {"prior_correction": share}
            for share in (0.0, 0.5, 0.75, 1.0, 1.25)
        },
    ),
    "ensemble": Study(
        "are five networks joined better than one, and can one be taught the same? (full training)",
        dict.fromkeys((*(f"network {i}" for i in range(1, 6)), "joined", "taught"), {}),
    ),
    "robustness": Study(
        "what do other leads, rates, annotators, amplitudes and noise cost? (full training)",
        dict.fromkeys(
            (
                "as recorded",
                "second lead",
                "at 128 Hz",
                "at 128 Hz and back",
                "at 250 Hz",
                "marks moved by up to 60 ms",
                "amplitude x 0.2",
                "offset 1024, 200 to the mV",
                "mains hum, half the signal's sd",
                "muscle noise, a quarter of the signal's sd",
                "virtual copy: groups of early beats",
                "virtual copy: fibrillation from end to end",
            ),
            {},
        ),
    ),
}


def experiments(study: str, seeds: Sequence[int] = (0,)) -> list[Experiment]:
    """The experiments of a study, in the order in which they are run."""
    return [
        Experiment(study, arm, *changed(TrainingSettings(), BUDGET | changes), seed)
        for seed in seeds
        for arm, changes in STUDIES[study].arms.items()
    ]


def changed(settings: TrainingSettings, changes: dict) -> tuple[TrainingSettings, BeatSettings]:
    """Settings with some values replaced; those of the network, mixture and beats by name."""
    rest = dict(changes)
    network = replace(settings.network, **rest.pop("network", {}))
    mixture = replace(settings.mixture, **rest.pop("mixture", {}))
    beats = BeatSettings(**rest.pop("beats", {}))
    return replace(settings, network=network, mixture=mixture, **rest), beats


def run_study(
    study: str,
    data_dir: str | Path | None,
    seeds: Sequence[int] = (0,),
    folder: Path = EXPERIMENTS,
    table: Path = TABLE,
) -> pd.DataFrame:
    """Run what is not stored of a study, and give its rows of the table.

    Parameters
    ----------
    study : str
        A key of `STUDIES`.
    data_dir : str or Path, optional
        Folder of the database.
    seeds : sequence of int
        Each arm is run with each.
    folder, table : Path
        Where results are stored.
    """
    records: dict[BeatSettings, dict[str, Leads]] = {}
    trainers: dict = {}
    if study == "ensemble":
        from arrhythmia.ensemble import run_ensemble

        run_ensemble(data_dir, folder=folder)
    elif study == "robustness":
        from arrhythmia.robustness import run_robustness

        for seed in seeds:
            run_robustness(data_dir, replace(TrainingSettings(), members=1), seed, folder)
    for experiment in [] if study in TESTED_CHANGED else experiments(study, seeds):
        if experiment.stored(folder) is None:
            if experiment.beats not in records:
                records[experiment.beats] = prepare_records(DS1, data_dir, experiment.beats)
            print(f"{study}: {experiment.arm}, seed {experiment.seed}", flush=True)
            run_experiment(experiment, records[experiment.beats], folder, trainers=trainers)
            write_table(folder, table)
        else:
            print(f"{study}: {experiment.arm}, seed {experiment.seed}: stored", flush=True)
    rows = write_table(folder, table)
    return rows[(rows["study"] == study) & rows["arm"].isin(STUDIES[study].arms)]


def format_rows(rows: pd.DataFrame) -> str:
    """Table of a study for the terminal: Se / +P / F1 by class, and the spread over folds."""
    width = max([len("arm"), *(len(a) for a in rows["arm"])])
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
