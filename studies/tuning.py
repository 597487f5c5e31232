"""Tuning on DS1 by record-wise cross-validation with Optuna.

The search is a journal file that survives interruption: what was running is run again, and
further trials are added to what is there.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from arrhythmia.evaluate.scores import Scores
from arrhythmia.files import whole_file
from arrhythmia.mitdb import DS1
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import prepare_records
from arrhythmia.train.settings import TrainingSettings
from studies.arms import BUDGET
from studies.experiments import Experiment, run_experiment
from studies.results import RESULTS, as_row, write_json, write_table

if TYPE_CHECKING:
    import optuna

STUDY: Final = "tuning"
NAME: Final = "tune"
"""Of the search in its journal."""

BEATS_A_STEP: Final = 512


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


def open_search(folder: Path) -> optuna.Study:
    """The search in a folder; a new one begins with the shipped settings."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # says of a failure where, at length
    folder.mkdir(parents=True, exist_ok=True)
    search = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / "journal.log"))),
        study_name=NAME,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )
    search.sampler = optuna.samplers.TPESampler(seed=len(search.trials))
    if not search.trials:
        search.enqueue_trial(as_parameters(TrainingSettings()))
    return search


def resume(search: optuna.Study) -> int:
    """Queue again what was interrupted, and return how many trials that were."""
    from optuna.trial import TrialState

    for trial in search.get_trials(states=(TrialState.RUNNING,)):
        search.tell(trial.number, state=TrialState.FAIL)
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING)
    settled = [_wanted(trial) for trial in search.get_trials(states=ended)]
    again = 0
    for trial in search.get_trials(states=(TrialState.FAIL,)):
        wanted = _wanted(trial)
        if wanted and wanted not in settled:
            search.enqueue_trial(wanted)
            settled.append(wanted)
            again += 1
    return again


def _wanted(trial: optuna.trial.FrozenTrial) -> dict | None:
    return trial.params or trial.system_attrs.get("fixed_params")


def tune(data_dir: str | Path | None, trials: int, folder: Path = RESULTS) -> dict:
    """Run some more trials and write a summary of all.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    trials : int
        How many to run now.
    folder : Path
        Folder of results: ``tuning`` in it holds the journal, a file for each trial, as for any
        experiment, and the summary.

    Returns
    -------
    dict
        What ``summary.json`` holds.
    """
    import optuna

    search = open_search(folder / STUDY)
    again = resume(search)
    print(f"{len(search.trials)} trials in '{folder / STUDY}', {again} to be run again", flush=True)
    records = prepare_records(DS1, data_dir, BeatSettings())

    def objective(trial: optuna.Trial) -> float:
        experiment = Experiment(STUDY, f"trial {trial.number:03d}", suggest(trial))

        def after_fold(number: int, so_far: Scores) -> bool:
            trial.report(so_far.mean_f1, number)
            print(f"trial {trial.number}, fold {number + 1}: mean F1 so far {so_far.mean_f1:.3f}",
                  flush=True)  # fmt: skip
            return trial.should_prune()

        run = run_experiment(experiment, records, folder, after_fold)
        write_table(folder)
        if run.get("stopped"):
            raise optuna.TrialPruned
        return float(as_row(run)["mean_f1"])

    search.optimize(objective, n_trials=trials)
    return summarise(search, folder / STUDY)


def summarise(search: optuna.Study, folder: Path) -> dict:
    """Write ``trials.csv``, ``summary.json``, and pictures of history and importance."""
    import optuna

    with whole_file(folder / "trials.csv") as part:
        search.trials_dataframe(("number", "value", "state", "params")).to_csv(
            part, index=False, float_format="%.5g", lineterminator="\n"
        )
    done = search.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    facts: dict = {"trials": len(search.trials), "complete": len(done)}
    if done:
        best = search.best_trial
        facts |= {"best": best.number, "mean_f1": round(best.value, 4), "settings": best.params}
        _draw(search, "plot_optimization_history", folder / "history.png")
    if len({t.value for t in done}) > 1:
        fanova = optuna.importance.FanovaImportanceEvaluator(seed=0)
        importance = optuna.importance.get_param_importances(search, evaluator=fanova)
        facts["importance"] = {k: round(v, 4) for k, v in importance.items()}
        _draw(search, "plot_param_importances", folder / "importance.png", evaluator=fanova)
    write_json(folder / "summary.json", facts)
    return facts


def _draw(search: optuna.Study, plot: str, file: Path, **options: object) -> None:
    import warnings

    from matplotlib import pyplot as plt
    from optuna.exceptions import ExperimentalWarning
    from optuna.visualization import matplotlib as drawings

    with warnings.catch_warnings(), plt.style.context("default"):
        warnings.simplefilter("ignore", ExperimentalWarning)
        figure = getattr(drawings, plot)(search, **options).figure
        figure.set_size_inches(9, 5)
        figure.tight_layout()
        with whole_file(file) as part:
            figure.savefig(part, dpi=90, metadata={"Software": None})
    plt.close(figure)


def format_summary(facts: dict) -> str:
    """What ``summary.json`` holds, for the terminal."""
    lines = [f"{facts['trials']} trials, {facts['complete']} complete"]
    if "best" in facts:
        settings = ", ".join(
            f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}"
            for k, v in facts["settings"].items()
        )
        lines.append(f"best: trial {facts['best']}, mean F1 {facts['mean_f1']:.3f} ({settings})")
    if "importance" in facts:
        shares = ", ".join(f"{k} {100 * v:.0f} %" for k, v in facts["importance"].items())
        lines.append(f"importance: {shares}")
    return "\n".join(lines)
