"""Training on DS1: records to runs, class weights, augmentation on the fly, folds of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from arrhythmia.model import build_network
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


def fit(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    verbose: int = 0,
    network: keras.Model | None = None,
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
    verbose : int
        As for Keras: 0 is silent, 1 a progress bar, 2 a line for each epoch.
    network : keras.Model, optional
        The network of an earlier call with the same settings, to be started anew: tracing
        one takes as long as many epochs.
    teachers : sequence of Classifier
        Learn the mean of their probabilities instead of the classes (Hinton et al.,
        arXiv:1503.02531, at temperature 1): one network then stands for several.

    Returns
    -------
    classifier : Classifier
    history : pandas.DataFrame
        A row an epoch: ``epoch``, ``loss``, ``accuracy``.
    """
    import pandas as pd

    keras.utils.set_random_seed(seed)
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
    fresh = build_network(beat_settings.length, len(RR_INPUTS), settings.network)
    if network is None:
        network = fresh
        _compile(network, settings, taught=bool(teachers))
    else:
        for variable, start in zip(network.variables, fresh.variables, strict=True):
            variable.assign(start)
        for variable in network.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
    batches = RunBatches(beats, settings, seed)
    history = network.fit(batches, epochs=settings.epochs, verbose=verbose, shuffle=False)
    if not teachers:  # whose probabilities are corrected already
        classes = np.concatenate([first.beat_class for first, _ in records.values()])
        real = np.bincount(classes[classes >= 0], minlength=len(BEAT_CLASSES)) / len(classes)
        seen = batches.shares * batches.weights[:-1]
        correct_priors(network, seen, real, settings.prior_correction)
    table = pd.DataFrame(history.history)[["loss", "accuracy"]]
    table.insert(0, "epoch", np.arange(1, len(table) + 1))
    facts = settings.as_dict() | {"records": list(records)}
    if teachers:
        facts["teacher_seeds"] = [t.settings.seed for t in teachers]
    model = ModelSettings(beat_settings, settings.network.run, seed, facts)
    return Classifier(network, model), table


def _compile(network: keras.Model, settings: TrainingSettings, taught: bool = False) -> None:
    warm_up = min(100, settings.epochs * settings.steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20,
        settings.epochs * settings.steps - warm_up,
        alpha=0.02,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )
    network.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, clipnorm=1.0),
        loss="categorical_crossentropy" if taught else _loss(settings.focal_gamma),
        weighted_metrics=[
            keras.metrics.CategoricalAccuracy("accuracy")
            if taught
            else keras.metrics.SparseCategoricalAccuracy("accuracy")
        ],
    )


def _loss(gamma: float | None) -> keras.Loss | str:
    if gamma is None:
        return "sparse_categorical_crossentropy"
    focal = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, reduction=None)

    def focal_loss(beat_class: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        one_hot = tf.one_hot(tf.cast(beat_class, tf.int32), len(BEAT_CLASSES))
        return focal(one_hot, probabilities)

    return focal_loss


def train(
    data_dir: str | Path | None = None,
    settings: TrainingSettings | None = None,
    seed: int = 0,
    names: Sequence[str] = DS1,
    verbose: int = 1,
    teachers: Sequence[Classifier] = (),
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
    verbose, teachers
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
    return fit(records, beat_settings, settings, seed, verbose, teachers=teachers)


def out_of_fold(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    folds: Sequence[Sequence[str]] = FOLDS,
    verbose: int = 0,
    network: keras.Model | None = None,
) -> Iterator[Classifier]:
    """Train a network for each fold on the records of the others.

    Parameters
    ----------
    records : dict
        All of them, as `prepare_records` gives them.
    beat_settings, settings, seed, verbose, network
        As for `fit`.
    folds : sequence of sequence of str
        Names of records; each fold in turn is left out of training.

    Yields
    ------
    Classifier
        In the order of ``folds``. Each takes over the network of the one before: use it, or
        copy its weights, before asking for the next.
    """
    for fold in folds:
        others = {name: leads for name, leads in records.items() if name not in fold}
        classifier, _ = fit(others, beat_settings, settings, seed, verbose, network)
        network = classifier.network
        yield classifier


def predict_folds(data_dir: str | Path | None, model: ModelSettings) -> pd.DataFrame:
    """Out-of-fold predictions for all of DS1 with the settings of a saved model.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    model : ModelSettings
        Settings and seed.

    Returns
    -------
    pandas.DataFrame
        As `arrhythmia.evaluation.predict_records` gives it.
    """
    import pandas as pd

    from arrhythmia.evaluation import prediction_table

    records = prepare_records(DS1, data_dir, model.beats)
    settings = TrainingSettings.from_dict(model.training)
    trained = out_of_fold(records, model.beats, settings, model.seed, FOLDS, 2)
    found, tables = {}, []
    for fold, classifier in zip(FOLDS, trained, strict=True):
        for name in fold:
            found[name] = classifier.probabilities(cut_beats(records[name][0], model.beats))
    for name in DS1:
        sample, symbol = reference_beats(read_record(name, data_dir))
        tables.append(prediction_table(name, sample, symbol, found[name]))
    return pd.concat(tables, ignore_index=True)
