"""Experiments on DS1 by record-wise cross-validation: run once, stored, read back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from arrhythmia.evaluate.ledger import commit
from arrhythmia.evaluate.scores import Scores
from arrhythmia.mitdb import DS1, FOLDS
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads, prepare_records
from arrhythmia.train.folds import without
from arrhythmia.train.settings import TrainingSettings
from studies.arms import BUDGET, STUDIES
from studies.recipes import make_recipe
from studies.results import (
    CLASSES,
    RESULTS,
    as_row,
    confusion,
    current_runs,
    digest,
    read_json,
    scores,
    write_json,
    write_table,
)


@dataclass(frozen=True)
class Experiment:
    """One way of training, in which each fold in turn is left out and then predicted.

    Parameters
    ----------
    study, arm : str
        What is compared, and which of the things compared this is.
    settings : TrainingSettings
        Network and training.
    varied : dict
        What is varied besides, see `studies.arms.Arm`.
    beats : BeatSettings
        Preprocessing.
    seed : int
        Random seed.
    folds : sequence of sequence of str
        Names of records.
    """

    study: str
    arm: str
    settings: TrainingSettings
    varied: dict = field(default_factory=dict)
    beats: BeatSettings = field(default_factory=BeatSettings)
    seed: int = 0
    folds: Sequence[Sequence[str]] = FOLDS

    @property
    def facts(self) -> dict:
        """All that decides the result, as it reads back from the stored file."""
        facts = {
            "seed": self.seed, "folds": self.folds, "beats": asdict(self.beats),
            "rr_inputs": digest(RR_INPUTS), "training": self.settings.as_dict(),
            "varied": self.varied,
        }  # fmt: skip
        return json.loads(json.dumps(facts))

    def file(self, folder: Path = RESULTS) -> Path:
        """Where its result is stored."""
        name = re.sub("[^A-Za-z0-9]+", "-", self.arm)
        return folder / self.study / f"{name}-{self.seed}.json"

    def stored(self, folder: Path = RESULTS) -> dict | None:
        """Its result, if a run with these very facts is stored, under this name or another.

        Returns
        -------
        dict or None
            What `store` wrote, with the study and arm of this experiment. Runs that were stopped
            do not count.
        """
        file, facts = self.file(folder), self.facts
        named_so = [read_json(file)] if file.is_file() else []
        for run in chain(named_so, current_runs(folder)):
            if {key: run.get(key) for key in facts} == facts and not run.get("stopped"):
                return run | {"study": self.study, "arm": self.arm}
        return None

    def store(
        self,
        matrices: dict[str, np.ndarray],
        seconds: float,
        folder: Path = RESULTS,
        stopped: bool = False,
    ) -> dict:
        """Write its result.

        Parameters
        ----------
        matrices : dict
            Record name to confusion matrix, see `studies.results.confusion`.
        seconds : float
            What it took.
        folder : Path
            Folder of results.
        stopped : bool
            Whether some folds were left out.

        Returns
        -------
        dict
            What the file holds.
        """
        run = {"study": self.study, "arm": self.arm} | self.facts
        run |= {
            "date": date.today().isoformat(), "commit": commit(), "seconds": round(seconds, 1),
            "classes": CLASSES,
            "confusion": {name: matrix.tolist() for name, matrix in matrices.items()},
        }  # fmt: skip
        if stopped:
            run["stopped"] = True
        write_json(self.file(folder), run, indent=None)
        return run


def run_experiment(
    experiment: Experiment,
    records: dict[str, Leads],
    folder: Path = RESULTS,
    after_fold: Callable[[int, Scores], bool] | None = None,
) -> dict:
    """Run an experiment and store it.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    records : dict
        All records of its folds, as `arrhythmia.train.batches.prepare_records` gives them.
    folder : Path
        Folder of results.
    after_fold : callable, optional
        Told the number of the fold and the scores over the folds so far; what it returns says
        whether to stop here.

    Returns
    -------
    dict
        What the file holds.
    """
    began, matrices = time.perf_counter(), {}
    settings, beat_settings = experiment.settings, experiment.beats
    recipe = make_recipe(experiment.varied)
    trainer = recipe.trainer(beat_settings.length, settings)
    for number, fold in enumerate(experiment.folds):
        others = without(records, fold)
        classifier = recipe.fit(others, beat_settings, settings, experiment.seed, trainer)
        for name in fold:
            beats = recipe.cut(records[name][0], beat_settings)
            matrices[name] = confusion(beats.beat_class, classifier.network_probabilities(beats))
        if after_fold is not None and after_fold(number, scores(matrices)):
            break
    seconds = time.perf_counter() - began
    return experiment.store(matrices, seconds, folder, stopped=len(matrices) < len(records))


def changed(settings: TrainingSettings, changes: dict) -> TrainingSettings:
    """Settings with some values replaced; those of ``network`` and ``mixture`` by name."""
    rest = dict(changes)
    network = replace(settings.network, **rest.pop("network", {}))
    mixture = replace(settings.mixture, **rest.pop("mixture", {}))
    return replace(settings, network=network, mixture=mixture, **rest)


def experiments(study: str, seeds: Sequence[int] = (0,)) -> list[Experiment]:
    """The experiments of a study, in the order in which they are run."""
    return [
        Experiment(study, name, changed(TrainingSettings(), BUDGET | arm.changes), arm.varied,
                   seed=seed)
        for seed in seeds
        for name, arm in STUDIES[study].arms.items()
    ]  # fmt: skip


def run_study(
    study: str,
    data_dir: str | Path | None,
    seeds: Sequence[int] = (0,),
    folder: Path = RESULTS,
) -> None:
    """Run and store what is not stored of a study.

    Parameters
    ----------
    study : str
        A key of `studies.arms.STUDIES` whose arms are trained differently.
    data_dir : str or Path, optional
        Folder of the database; not used where all is stored.
    seeds : sequence of int
        Each arm is run with each.
    folder : Path
        Folder of results.
    """
    records: dict[str, Leads] = {}
    for experiment in experiments(study, seeds):
        run = experiment.stored(folder)
        if run is None:
            print(f"{study}: {experiment.arm}, seed {experiment.seed}", flush=True)
            records = records or prepare_records(DS1, data_dir, experiment.beats)
            run_experiment(experiment, records, folder)
        elif not experiment.file(folder).is_file():  # the same run, under another name
            write_json(experiment.file(folder), run, indent=None)
        else:
            continue
        write_table(folder)


def stored_rows(study: str, folder: Path = RESULTS) -> pd.DataFrame:
    """Rows of the table for what is stored of a study, in the order of its arms.

    See `studies.results.as_row`.
    """
    arms = list(STUDIES[study].arms)
    runs = [run for run in current_runs(folder) if run["study"] == study and run["arm"] in arms]
    runs.sort(key=lambda run: (arms.index(run["arm"]), run["seed"]))
    return pd.DataFrame([as_row(run) for run in runs])
