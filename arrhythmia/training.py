"""Training on DS1: records to runs, class weights, augmentation on the fly, folds of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.backend import keras, tf
from arrhythmia.batches import (
    Leads,
    RunBatches,
    TrainingSettings,
    prepare_records,
    training_beats,
)
from arrhythmia.beats import Beats, BeatSettings, cut_beats, reference_beats
from arrhythmia.classifier import Classifier, ModelSettings
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES, DS1, DS2, PACED
from arrhythmia.model import build_network, join, side_by_side
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS

if TYPE_CHECKING:
    import pandas as pd

FOLDS = (
    ("208", "101", "112", "114", "201", "230"),
    ("209", "203", "106", "115", "122", "108"),
    ("207", "223", "118", "109", "116"),
    ("220", "205", "119", "124", "215"),
)
"""DS1 in folds of whole records (201's patient is also 202, which is in DS2), arranged so
that each holds some of every class where DS1 allows it: E is in 207 alone."""


MEMBER_SEEDS = 100
"""The networks that are joined to that of seed 0 have seeds 100, 101 …, of seed 1 200, 201 …"""


def correct_priors(network: keras.Model, seen: np.ndarray, real: np.ndarray, share: float) -> None:
    """Move a network's scores from the class frequencies it was trained with to real ones.

    A network trained where rare classes are drawn more often and weigh more expects them
    everywhere. By Bayes' rule its scores are right again after adding the logarithm of the
    ratio of the frequencies (Saerens et al., Neural Comput. 14 (2002) 21-41); it is added to
    the bias of the last layer.

    Parameters
    ----------
    network : keras.Model
        Changed in place.
    seen : ndarray of float, shape (5,)
        How frequent each class was in training, counting its weight.
    real : ndarray of float, shape (5,)
        How frequent it is in the records.
    share : float
        How much of the way to go; see `TrainingSettings`.
    """
    both = (seen > 0) & (real > 0)
    ratio = np.where(both, real / np.where(both, seen, 1.0), 1.0)
    scores = network.get_layer("scores")
    kernel, bias = scores.get_weights()
    scores.set_weights([kernel, bias + share * np.log(ratio)])


class Trainer:
    """A network that can be trained time and again: tracing one takes as long as many epochs.

    Parameters
    ----------
    samples : int
        Samples of a segment.
    settings : TrainingSettings
        Shape of the network, its loss, and how its learning rate goes.
    """

    def __init__(self, samples: int, settings: TrainingSettings) -> None:
        self.samples, self.settings = samples, settings
        self.network = self._fresh()
        self.compiled = side_by_side(self.network)
        self.compiled.compile(
            optimizer=keras.optimizers.AdamW(
                _learning_rate(settings), weight_decay=settings.weight_decay, clipnorm=1.0
            ),
            loss=_loss(settings.focal_gamma),
            weighted_metrics=[keras.metrics.CategoricalAccuracy("accuracy")],
        )

    def train(self, batches: RunBatches, verbose: bool = False) -> pd.DataFrame:
        """Train from fresh weights; give loss and accuracy of each epoch, averaged over it."""
        import pandas as pd

        for variable, start in zip(self.network.variables, self._fresh().variables, strict=True):
            variable.assign(start)
        for variable in self.compiled.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        rows = []
        for epoch in range(1, self.settings.epochs + 1):
            steps = [
                self.compiled.train_on_batch(*batches[step], return_dict=True)
                for step in range(len(batches))
            ]
            batches.on_epoch_end()
            means = {k: float(np.mean([s[k] for s in steps])) for k in ("loss", "accuracy")}
            rows.append({"epoch": epoch} | means)
            if verbose:
                print("epoch {epoch}: loss {loss:.4f}, accuracy {accuracy:.4f}".format(**rows[-1]),
                      flush=True)  # fmt: skip
        return pd.DataFrame(rows)

    def _fresh(self) -> keras.Model:
        return build_network(self.samples, len(RR_INPUTS), self.settings.network)


def fit(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    verbose: bool = False,
    trainer: Trainer | None = None,
    teachers: Sequence[Classifier] = (),
) -> tuple[Classifier, pd.DataFrame]:
    """Train a network on some records.

    Parameters
    ----------
    records : dict
        As `prepare_records` gives them.
    beat_settings : BeatSettings
        How beats are made.
    settings : TrainingSettings
        How the network is trained.
    seed : int
        Of the weights, the virtual copies and the batches.
    verbose : bool
        Print a line for each epoch.
    trainer : Trainer, optional
        One of an earlier call with settings of the same shape. Its network is taken over.
    teachers : sequence of Classifier
        Learn the mean of their probabilities instead of the classes (Hinton et al.,
        arXiv:1503.02531, at temperature 1): one network then stands for several.

    Returns
    -------
    classifier : Classifier
    history : pandas.DataFrame
        A row an epoch: ``epoch``, and the means of ``loss`` and ``accuracy`` over its batches.
    """
    tf.config.experimental.enable_op_determinism()
    teacher = None
    if teachers:

        def teacher(beats: Beats) -> np.ndarray:
            return np.mean([t.probabilities(beats) for t in teachers], axis=0, dtype=np.float32)

    rng = np.random.default_rng(seed)
    beats = training_beats(records, beat_settings, settings, rng, teacher)
    if settings.sampling in ("SMOTE", "ADASYN"):
        from arrhythmia.oversampling import oversample

        beats = oversample(beats, settings.network.run, settings.sampling, seed)
    batches = RunBatches(beats, settings, seed)
    trainer = trainer or Trainer(beat_settings.length, settings)
    keras.utils.set_random_seed(seed)
    history = trainer.train(batches, verbose)
    network = trainer.network
    if not teachers:  # whose probabilities are corrected already
        classes = np.concatenate([first.beat_class for first, _ in records.values()])
        real = np.bincount(classes[classes >= 0], minlength=len(BEAT_CLASSES)) / len(classes)
        seen = batches.shares * batches.weights[:-1]
        correct_priors(network, seen, real, settings.prior_correction)
    facts = settings.as_dict() | {"records": list(records)}
    if teachers:
        facts["teacher_seeds"] = [t.settings.seed for t in teachers]
    model = ModelSettings(beat_settings, settings.network.run, seed, facts)
    return Classifier(network, model), history


def _learning_rate(settings: TrainingSettings) -> keras.optimizers.schedules.CosineDecay:
    warm_up = min(100, settings.epochs * settings.steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20,
        settings.epochs * settings.steps - warm_up,
        alpha=0.02,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )


def _loss(gamma: float | None) -> keras.Loss:
    if gamma is None:
        return keras.losses.CategoricalCrossentropy()
    return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma)


def fit_joined(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    verbose: bool = False,
    trainer: Trainer | None = None,
) -> tuple[Classifier, pd.DataFrame]:
    """Train ``settings.members`` networks and join them into one (`arrhythmia.model.join`).

    With one member this is `fit`, with the same parameters and results. Else each has a seed of
    its own, and so other weights, virtual copies and batches, and is trained in a process and on
    a core of its own, as many at a time as there are cores: faster than one after the other on
    all cores, and the result does not depend on how many there are. The history is their mean.

    Raises
    ------
    InputError
        If the system ended one of the processes.
    """
    if settings.members == 1:
        return fit(records, beat_settings, settings, seed, verbose, trainer)
    import pandas as pd
    from loky import cpu_count, get_reusable_executor

    alone = replace(settings, members=1)
    seeds = [MEMBER_SEEDS * (seed + 1) + number for number in range(settings.members)]
    at_a_time = min(settings.members, cpu_count())
    if verbose:
        print(f"{settings.members} networks of {settings.epochs} epochs, {at_a_time} at a time",
              flush=True)  # fmt: skip
    processes = get_reusable_executor(at_a_time)
    trained = processes.map(partial(_fit_on_one_core, records, beat_settings, alone), seeds)
    members, histories = [], []
    try:
        for own, (weights, history) in zip(seeds, trained, strict=True):
            network = build_network(beat_settings.length, len(RR_INPUTS), settings.network)
            network.set_weights(weights)
            facts = alone.as_dict() | {"records": list(records)}
            model = ModelSettings(beat_settings, settings.network.run, own, facts)
            members.append(Classifier(network, model))
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
    except BaseException:  # Ctrl-C too: they would train on
        processes.shutdown(kill_workers=True)
        raise
    network = join([member.network for member in members], settings.network)
    facts = settings.as_dict() | {"records": list(records), "member_seeds": seeds}
    model = ModelSettings(beat_settings, settings.network.run, seed, facts)
    history = pd.concat(histories).groupby("epoch", as_index=False).mean()
    return Classifier(network, model, members), history


def _fit_on_one_core(
    records: dict[str, Leads], beat_settings: BeatSettings, settings: TrainingSettings, seed: int
) -> tuple[list[np.ndarray], pd.DataFrame]:
    """Weights and history of `fit`. Call it in a process that did not use TensorFlow otherwise."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    trainer = _kept_trainer(beat_settings.length, settings)
    classifier, history = fit(records, beat_settings, settings, seed, trainer=trainer)
    return classifier.network.get_weights(), history


@lru_cache(maxsize=1)
def _kept_trainer(samples: int, settings: TrainingSettings) -> Trainer:
    return Trainer(samples, settings)


def train(
    data_dir: str | Path | None = None,
    settings: TrainingSettings | None = None,
    seed: int = 0,
    names: Sequence[str] = DS1,
    verbose: bool = True,
) -> tuple[Classifier, pd.DataFrame]:
    """Train the network on DS1.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    settings : TrainingSettings, optional
        By default those chosen on the folds of DS1.
    seed : int
        Random seed.
    names : sequence of str
        Records of DS1 to train on, all of them by default.
    verbose
        As for `fit`.

    Raises
    ------
    InputError
        If a record of DS2 or a paced one is among the names.
    """
    shut = [n for n in names if Path(n).stem in DS2 + PACED]
    if shut:
        raise InputError(f"record {', '.join(shut)} is not for training: name records of DS1")
    beat_settings = BeatSettings()
    records = prepare_records(names, data_dir, beat_settings)
    settings = settings or TrainingSettings()
    return fit_joined(records, beat_settings, settings, seed, verbose)


def out_of_fold(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    folds: Sequence[Sequence[str]] = FOLDS,
    verbose: bool = False,
    trainer: Trainer | None = None,
) -> Iterator[Classifier]:
    """Train a network for each fold on the records of the others.

    Parameters
    ----------
    records : dict
        All of them, as `prepare_records` gives them.
    beat_settings, settings, seed, verbose, trainer
        As for `fit`.
    folds : sequence of sequence of str
        Names of records; each fold in turn is left out of training.

    Yields
    ------
    Classifier
        In the order of ``folds``. Each takes over the network of the one before: use it, or
        copy its weights, before asking for the next.
    """
    trainer = trainer or Trainer(beat_settings.length, settings)
    for fold in folds:
        others = {name: leads for name, leads in records.items() if name not in fold}
        yield fit_joined(others, beat_settings, settings, seed, verbose, trainer)[0]


def predict_folds(
    data_dir: str | Path | None,
    model: ModelSettings,
    folder: str | Path | None = None,
    taught: bool = False,
) -> tuple[pd.DataFrame, dict[str, dict[str, np.ndarray]]]:
    """Out-of-fold predictions for all of DS1 with the settings of a saved model.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    model : ModelSettings
        Settings and seed.
    folder : str or Path, optional
        Beside it the network of each fold is saved, as ``FOLDER-fold1`` …: they explain beats
        of DS1 that they have not seen.
    taught : bool
        For comparison, also teach one network what the members of each fold say on average.

    Returns
    -------
    predictions : pandas.DataFrame
        As `arrhythmia.evaluation.predict_records` gives it.
    voices : dict
        What each member (``"network 1"`` …), and the network they taught (``"taught"``), give
        each record: probabilities (beats, 5).
    """
    import pandas as pd

    from arrhythmia.evaluation import prediction_table

    records = prepare_records(DS1, data_dir, model.beats)
    settings = TrainingSettings.from_dict(model.training)
    trained = out_of_fold(records, model.beats, settings, model.seed, FOLDS, verbose=True)
    found: dict[str, dict[str, np.ndarray]] = {}
    for number, (fold, classifier) in enumerate(zip(FOLDS, trained, strict=True), 1):
        if folder is not None:
            classifier.save(f"{folder}-fold{number}")
        voices = {"itself": classifier}
        voices |= {f"network {i}": one for i, one in enumerate(classifier.members, 1)}
        if taught:
            others = {name: leads for name, leads in records.items() if name not in fold}
            alone = replace(settings, members=1)
            voices["taught"], _ = fit(
                others, model.beats, alone, model.seed, True, teachers=classifier.members
            )
        for name in fold:
            beats = cut_beats(records[name][0], model.beats)
            for voice, each in voices.items():
                found.setdefault(voice, {})[name] = each.probabilities(beats)
    own, tables = found.pop("itself"), []
    for name in DS1:
        sample, symbol = reference_beats(read_record(name, data_dir))
        tables.append(prediction_table(name, sample, symbol, own[name]))
    return pd.concat(tables, ignore_index=True), found
