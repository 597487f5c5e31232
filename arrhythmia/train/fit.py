"""Training of one network, or of several that become one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.backend import keras, tf
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.mitdb import ALL, DS1, DS2, PACED
from arrhythmia.model import build_network
from arrhythmia.model_settings import ModelSettings
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.signals import BeatSettings
from arrhythmia.stopping import in_processes
from arrhythmia.templates import TemplateSettings
from arrhythmia.train.batches import Leads, RunBatches, prepare_records, training_beats
from arrhythmia.train.ensemble import combine, member_seeds
from arrhythmia.train.settings import TrainingSettings
from arrhythmia.train.trainer import Trainer, kept_trainer

if TYPE_CHECKING:
    import pandas as pd


def train(
    data_dir: str | Path | None = None,
    settings: TrainingSettings | None = None,
    seed: int = 0,
    names: Sequence[str] = DS1,
    verbose: bool = True,
) -> tuple[Classifier, pd.DataFrame]:
    """Train on DS1, or on all records.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    settings : TrainingSettings, optional
        By default those of the shipped model, which were chosen on DS1 by record-wise
        cross-validation.
    seed : int
        Random seed.
    names : sequence of str
        Records of DS1 to train on, all of them by default; or `arrhythmia.mitdb.ALL`.
    verbose : bool
        Print what has been done.

    Returns
    -------
    classifier : Classifier
    history : pandas.DataFrame
        See `fit_ensemble`.

    Raises
    ------
    InputError
        If a record of DS2 or a paced one is among the names, and they are not all records.
    """
    not_allowed = [name for name in names if Path(name).stem in DS2 + PACED]
    if not_allowed and tuple(names) != ALL:
        raise InputError(
            f"records to train on must be of DS1, got {', '.join(not_allowed)} (DS2 or paced)"
        )
    beat_settings = BeatSettings()
    records = prepare_records(names, data_dir, beat_settings)
    return fit_ensemble(records, beat_settings, settings or TrainingSettings(), seed, verbose)


def fit_ensemble(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    verbose: bool = False,
) -> tuple[Classifier, pd.DataFrame]:
    """Train ``settings.members`` networks and combine them into one.

    Each member has a seed of its own, and so other weights, simulated records and batches. It is
    trained in a process and on a core of its own, as many at a time as there are cores: faster
    than one after the other on all cores, and the result does not depend on how many there are.
    A single member is trained by `fit` with the seed given.

    Parameters
    ----------
    records : dict
        Training records, as `arrhythmia.train.batches.prepare_records` gives them.
    beat_settings : BeatSettings
        How beats are made.
    settings : TrainingSettings
        How the networks are trained.
    seed : int
        Decides the seeds of the members, see `arrhythmia.train.ensemble.member_seeds`.
    verbose : bool
        Print a line for each member.

    Returns
    -------
    classifier : Classifier
        With its ``members``.
    history : pandas.DataFrame
        A row an epoch: ``epoch``, and ``loss`` and ``accuracy``, the mean over the members.

    Raises
    ------
    InputError
        If the system ended one of the processes.
    """
    if settings.members == 1:
        return fit(records, beat_settings, settings, seed, verbose)
    import pandas as pd
    from loky import cpu_count

    single = replace(settings, members=1)
    seeds = member_seeds(seed, settings.members)
    at_a_time = min(settings.members, cpu_count())
    if verbose:
        print(f"{settings.members} networks of {settings.epochs} epochs, {at_a_time} at a time",
              flush=True)  # fmt: skip
    calls = [(records, beat_settings, single, member_seed) for member_seed in seeds]
    results = in_processes(at_a_time, _fit_on_one_core, calls)
    members, histories = [], []
    try:
        for member_seed, (weights, history) in zip(seeds, results, strict=True):
            network = build_network(beat_settings.length, len(RR_INPUTS), settings.network)
            network.set_weights(weights)
            facts = _model_settings(beat_settings, single, member_seed, records)
            members.append(Classifier(network, facts))
            histories.append(history)
            if verbose:
                line = "network {} of {}: loss {:.4f}, accuracy {:.4f} in its last epoch"
                last = history.iloc[-1]
                print(line.format(len(members), settings.members, last["loss"], last["accuracy"]),
                      flush=True)  # fmt: skip
    except BrokenProcessPool:
        raise InputError(
            "a training process was ended from outside, for want of memory as a rule: each takes "
            f"1.5 GB, and {at_a_time} ran at a time; LOKY_MAX_CPU_COUNT=1 in the environment "
            "trains one after the other"
        ) from None
    network = combine([member.network for member in members], settings.network)
    facts = _model_settings(beat_settings, settings, seed, records, {"member_seeds": seeds})
    history = pd.concat(histories).groupby("epoch", as_index=False).mean()
    return Classifier(network, facts, members), history


def _fit_on_one_core(
    records: dict[str, Leads], beat_settings: BeatSettings, settings: TrainingSettings, seed: int
) -> tuple[list[np.ndarray], pd.DataFrame]:
    """Weights and history of `fit`. Call it in a process that did not use TensorFlow otherwise."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    classifier, history = fit(records, beat_settings, settings, seed)
    return classifier.network.get_weights(), history


def fit(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    verbose: bool = False,
) -> tuple[Classifier, pd.DataFrame]:
    """Train one network.

    Parameters
    ----------
    records : dict
        Training records, as `arrhythmia.train.batches.prepare_records` gives them.
    beat_settings : BeatSettings
        How beats are made.
    settings : TrainingSettings
        How the network is trained.
    seed : int
        Of the weights, the simulated records and the batches.
    verbose : bool
        Print a line for each epoch.

    Returns
    -------
    classifier : Classifier
    history : pandas.DataFrame
        A row an epoch: ``epoch``, and the means of ``loss`` and ``accuracy`` over its batches.
    """
    beats = training_beats(records, settings, beat_settings, seed)
    trainer = kept_trainer(beat_settings.length, settings)
    return fit_batches(RunBatches(beats, settings, seed), trainer, records, beat_settings, verbose)


def fit_batches(
    batches: RunBatches,
    trainer: Trainer,
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    verbose: bool = False,
) -> tuple[Classifier, pd.DataFrame]:
    """Train one network on batches, and correct its priors.

    Parameters
    ----------
    batches : RunBatches
        Of some records; their settings and seed are those of the training.
    trainer : Trainer
        Holds the network, which is trained from fresh weights.
    records : dict
        The records that the batches were made from: the frequencies of their classes are those
        that the scores are corrected to.
    beat_settings : BeatSettings
        How their beats were made.
    verbose : bool
        Print a line for each epoch.

    Returns
    -------
    classifier : Classifier
        With a network of its own.
    history : pandas.DataFrame
        See `Trainer.train`.
    """
    tf.config.experimental.enable_op_determinism()
    settings, seed = batches.settings, batches.seed
    keras.utils.set_random_seed(seed)
    history = trainer.train(batches, verbose)
    network = trainer.trained_network()
    drawn = batches.shares * batches.weights[:-1]
    correct_priors(network, drawn, class_frequencies(records), settings.prior_correction)
    return Classifier(network, _model_settings(beat_settings, settings, seed, records)), history


def _model_settings(
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    records: dict[str, Leads],
    more: dict | None = None,
) -> ModelSettings:
    facts = settings.as_dict() | {"records": list(records)} | (more or {})
    return ModelSettings(beat_settings, settings.network.run, seed, facts, TemplateSettings())


def class_frequencies(records: dict[str, Leads]) -> np.ndarray:
    """How frequent each class is in records, of all their beats.

    Returns
    -------
    ndarray of float, shape (5,)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.
    """
    classes = np.concatenate([first.beat_class for first, _ in records.values()])
    return np.bincount(classes[classes >= 0], minlength=len(BEAT_CLASSES)) / len(classes)


def correct_priors(
    network: keras.Model, trained: np.ndarray, real: np.ndarray, share: float
) -> None:
    """Move a network's scores from the class frequencies it was trained with to real ones.

    A network trained where rare classes are drawn more often and weigh more expects them
    everywhere. By Bayes' rule its scores are right again after adding the logarithm of the
    ratio of the frequencies (Saerens et al., Neural Comput. 14 (2002) 21-41); it is added to
    the bias of the last layer.

    Parameters
    ----------
    network : keras.Model
        Changed in place.
    trained : ndarray of float, shape (5,)
        How frequent each class was in training, counting its weight.
    real : ndarray of float, shape (5,)
        How frequent it is in the records.
    share : float
        How much of the way to go; see `TrainingSettings`.
    """
    both = (trained > 0) & (real > 0)
    ratio = np.where(both, real / np.where(both, trained, 1.0), 1.0)
    scores = network.get_layer("scores")
    kernel, bias = scores.get_weights()
    scores.set_weights([kernel, bias + share * np.log(ratio)])
