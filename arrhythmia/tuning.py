"""Tuning on folds of whole DS1 records with Optuna. DS2 stays shut.

The study is a journal file that survives interruption: what was running is run again, and
further trials are added to what is there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from arrhythmia.batches import TrainingSettings, prepare_records
from arrhythmia.beats import BeatSettings
from arrhythmia.classifier import MODELS_FOLDER
from arrhythmia.evaluation import Scores
from arrhythmia.experiments import BUDGET, EXPERIMENTS, TABLE, Experiment, run_experiment
from arrhythmia.experiments import write_table as write_experiments
from arrhythmia.files import whole_file
from arrhythmia.labels import DS1

if TYPE_CHECKING:
    import optuna

TUNING = MODELS_FOLDER / "tuning"
STUDY = "tune"
BEATS_A_STEP = 512


def suggest(trial: optuna.trial.BaseTrial) -> TrainingSettings:
    """Settings of one trial."""
    run = trial.suggest_categorical("run", [8, 16, 32])
    width = trial.suggest_categorical("width", [4, 8, 16])
    depth = trial.suggest_int("depth", 2, 4)
    shipped = TrainingSettings()
    network = replace(
        shipped.network,
        run=run,
        filters=tuple(width * 2**block for block in range(depth)),
        kernels=(7, 5, 5, 3)[:depth],
        units=trial.suggest_categorical("units", [16, 32, 64]),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
    )
    mixture = replace(
        shipped.mixture,
        fibrillation=trial.suggest_float("fibrillation", 0.05, 0.4),
        fusion=trial.suggest_float("fusion", 0.0, 0.2),
        rotation=trial.suggest_float("rotation", 0.0, 0.6),
    )
    return replace(
        shipped,
        network=network,
        mixture=mixture,
        batch=BEATS_A_STEP // run,
        learning_rate=trial.suggest_float("learning_rate", 5e-4, 1e-2, log=True),
        class_weight_exponent=trial.suggest_float("class_weight_exponent", 0.0, 0.7),
        noise=trial.suggest_float("noise", 0.0, 0.4),
        rr_noise=trial.suggest_float("rr_noise", 0.0, 0.1),
        **BUDGET,
    )


def as_parameters(settings: TrainingSettings) -> dict:
    """The point of the search space where some settings lie."""
    network, mixture = settings.network, settings.mixture
    return {
        "run": network.run, "width": network.filters[0], "depth": len(network.filters),
        "units": network.units, "dropout": network.dropout,
        "fibrillation": mixture.fibrillation, "fusion": mixture.fusion,
        "rotation": mixture.rotation, "learning_rate": settings.learning_rate,
        "class_weight_exponent": settings.class_weight_exponent, "noise": settings.noise,
        "rr_noise": settings.rr_noise,
    }  # fmt: skip


def open_study(folder: Path = TUNING) -> optuna.Study:
    """The study in a folder; a new one begins with the shipped settings."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # says of a failure where, at length
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / "journal.log"))),
        study_name=STUDY,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
    if not study.trials:
        study.enqueue_trial(as_parameters(TrainingSettings()))
    return study


def resume(study: optuna.Study) -> int:
    """Queue again what was interrupted, and return how many trials that were."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING)
    settled = [t.params or t.system_attrs.get("fixed_params") for t in study.get_trials()
               if t.state in ended]  # fmt: skip
    again = 0
    for trial in study.get_trials(states=(TrialState.FAIL,)):
        wanted = trial.params or trial.system_attrs.get("fixed_params")
        if wanted and wanted not in settled:
            study.enqueue_trial(wanted)
            settled.append(wanted)
            again += 1
    return again


def tune(
    data_dir: str | Path | None,
    trials: int,
    folder: Path = TUNING,
    experiments: Path = EXPERIMENTS,
    table: Path = TABLE,
) -> dict:
    """Run some more trials and write a summary of all.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    trials : int
        How many to run now.
    folder : Path
        Journal and summary.
    experiments, table : Path
        Where each trial is stored besides, as any experiment is.

    Returns
    -------
    dict
        What ``summary.json`` holds.
    """
    import optuna

    study = open_study(folder)
    again = resume(study)
    print(f"{len(study.trials)} trials in '{folder}', {again} to be run again", flush=True)
    records = prepare_records(DS1, data_dir, BeatSettings())
    trainers: dict = {}

    def objective(trial: optuna.Trial) -> float:
        experiment = Experiment(STUDY, f"trial {trial.number:03d}", suggest(trial))

        def after_fold(number: int, found: Scores) -> bool:
            trial.report(found.mean_f1, number)
            print(f"trial {trial.number}, fold {number + 1}: mean F1 so far {found.mean_f1:.3f}",
                  flush=True)  # fmt: skip
            return trial.should_prune()

        result = run_experiment(experiment, records, experiments, after_fold, trainers)
        row = write_experiments(experiments, table).query("study == @STUDY and arm == @arm",
            local_dict={"STUDY": STUDY, "arm": experiment.arm}).iloc[0]  # fmt: skip
        if result.get("stopped"):
            raise optuna.TrialPruned
        return float(row["mean_f1"])

    study.optimize(objective, n_trials=trials)
    return summarise(study, folder)


def summarise(study: optuna.Study, folder: Path = TUNING) -> dict:
    """Write ``trials.csv``, ``summary.json``, and pictures of history and importance."""
    import optuna

    with whole_file(folder / "trials.csv") as part:
        study.trials_dataframe(("number", "value", "state", "params")).to_csv(
            part, index=False, float_format="%.5g", lineterminator="\n"
        )
    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    facts: dict = {"trials": len(study.trials), "complete": len(done)}
    if done:
        best = study.best_trial
        facts |= {"best": best.number, "mean_f1": round(best.value, 4), "settings": best.params}
        _draw(study, "plot_optimization_history", folder / "history.png")
    if len({t.value for t in done}) > 1:
        fanova = optuna.importance.FanovaImportanceEvaluator(seed=0)
        importance = optuna.importance.get_param_importances(study, evaluator=fanova)
        facts["importance"] = {k: round(v, 4) for k, v in importance.items()}
        _draw(study, "plot_param_importances", folder / "importance.png", evaluator=fanova)
    with whole_file(folder / "summary.json") as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _draw(study: optuna.Study, plot: str, file: Path, **options: object) -> None:
    import warnings

    from matplotlib import pyplot as plt
    from optuna.exceptions import ExperimentalWarning
    from optuna.visualization import matplotlib as drawings

    with warnings.catch_warnings(), plt.style.context("default"):
        warnings.simplefilter("ignore", ExperimentalWarning)
        figure = getattr(drawings, plot)(study, **options).figure
        figure.set_size_inches(9, 5)
        figure.tight_layout()
        with whole_file(file) as part:
            figure.savefig(part, dpi=90, metadata={"Software": None})
    plt.close(figure)
