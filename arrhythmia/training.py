"""Training on DS1: records to runs, class weights, augmentation on the fly, folds of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.augmentation import Mixture, find_donors, virtual_copy
from arrhythmia.backend import keras, tf
from arrhythmia.beats import (
    Beats,
    BeatSettings,
    Prepared,
    cut_beats,
    prepare_signal,
    reference_beats,
)
from arrhythmia.classifier import Classifier, ModelSettings
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES, DS1, DS2, PACED, class_numbers
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.records import lead_names, read_record
from arrhythmia.sequences import RR_INPUTS, rr_inputs, with_difference

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


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Parameters
    ----------
    network : NetworkSettings
        Its shape.
    mixture : Mixture
        Virtual copies of records.
    copies : int
        Virtual copies of each record; real and virtual beats are drawn equally often.
    epochs, steps, batch : int
        An epoch is ``steps`` batches of ``batch`` runs.
    learning_rate : float
        Greatest rate; it falls to nothing along a cosine.
    weight_decay : float
        Of AdamW.
    class_weight_exponent : float
        A class's weight in the loss is its share of the beats drawn to the minus this power:
        0 for none, 0.5 for the square root of inverse frequency, 1 for inverse frequency.
    rare_runs : float
        How much more often a run that holds a beat other than N is drawn.
    prior_correction : float
        How far the outputs are moved, after training, from how frequent classes were in
        training (drawn and weighted) to how frequent they are in the training records: 0 not
        at all, 1 wholly.
    noise : float
        Spread of the noise level added to a run, in standard deviations of a usual beat.
    gain : float
        Spread of the logarithm of the amplitude.
    rr_noise : float
        Spread added to the RR inputs (logarithms).
    """

    network: NetworkSettings = field(default_factory=NetworkSettings)
    mixture: Mixture = field(default_factory=Mixture)
    copies: int = 8
    epochs: int = 20
    steps: int = 64
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    class_weight_exponent: float = 0.35
    rare_runs: float = 4.0
    prior_correction: float = 0.6
    noise: float = 0.2
    gain: float = 0.15
    rr_noise: float = 0.02

    @classmethod
    def from_dict(cls, facts: dict) -> TrainingSettings:
        """Read back what `fit` noted in a model's settings."""
        network = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["network"].items()}
        rest = {f.name: facts[f.name] for f in fields(cls) if f.name not in ("network", "mixture")}
        return cls(NetworkSettings(**network), Mixture(**facts["mixture"]), **rest)


@dataclass(frozen=True)
class TrainingBeats:
    """Beats of several records end to end, with where runs may begin.

    Parameters
    ----------
    segments : ndarray of float32, shape (beats, samples)
    usual_beats : ndarray of float32, shape (records, samples)
    record : ndarray of int, shape (beats,)
        Row of ``usual_beats``.
    rr : ndarray of float32, shape (beats, rr inputs)
    beat_class : ndarray of int, shape (beats,)
    starts : ndarray of int, shape (runs,)
        First beat of every run within one record.
    chances : ndarray of float, shape (runs,)
        How likely a run is drawn; they sum to 1.
    """

    segments: np.ndarray
    usual_beats: np.ndarray
    record: np.ndarray
    rr: np.ndarray
    beat_class: np.ndarray
    starts: np.ndarray
    chances: np.ndarray


Leads = tuple[Prepared, Prepared]


def prepare_records(
    names: Sequence[str], data_dir: str | Path | None, settings: BeatSettings
) -> dict[str, Leads]:
    """Read, resample and filter both leads of records, the preferred lead first.

    Parameters
    ----------
    names : sequence of str
        Records with reference annotation.
    data_dir : str or Path, optional
        Folder of the database.
    settings : BeatSettings
        How beats are made.

    Returns
    -------
    dict
        Record name to its two leads; the only lead twice where there is one.
    """
    found = {}
    for name in names:
        leads = []
        for lead in (lead_names(name, data_dir) * 2)[:2]:
            record = read_record(name, data_dir, lead)
            sample, symbol = reference_beats(record)
            leads.append(prepare_signal(record, settings, sample, class_numbers(symbol)))
        found[name] = (leads[0], leads[1])
    return found


def training_beats(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    rng: np.random.Generator,
) -> TrainingBeats:
    """Beats of records and of their virtual copies.

    Parameters
    ----------
    records : dict
        Training records only, as `prepare_records` gives them.
    beat_settings : BeatSettings
        How beats are made.
    settings : TrainingSettings
        Copies and chances.
    rng : numpy Generator
    """
    items = [cut_beats(leads[0], beat_settings) for leads in records.values()]
    real = len(items)
    donors = find_donors([leads[0] for leads in records.values()], beat_settings)
    for _ in range(settings.copies):
        for leads in records.values():
            copy = virtual_copy(leads, donors, settings.mixture, beat_settings, rng)
            items.append(cut_beats(copy, beat_settings))
    share = np.repeat([1.0, 1.0 / max(settings.copies, 1)], [real, len(items) - real])
    starts, chances, first = [], [], 0
    for beats, weight in zip(items, share, strict=True):
        runs = len(beats) - settings.network.run + 1
        if runs > 0:
            starts.append(first + np.arange(runs))
            chances.append(weight * _run_chances(beats, settings))
        first += len(beats)
    if not starts:
        raise InputError(f"no training record has {settings.network.run} beats")
    all_chances = np.concatenate(chances)
    return TrainingBeats(
        segments=np.concatenate([b.segments for b in items]),
        usual_beats=np.stack([b.usual_beat for b in items]),
        record=np.repeat(np.arange(len(items)), [len(b) for b in items]),
        rr=np.concatenate([rr_inputs(b.rr_pre, b.rr_post) for b in items]),
        beat_class=np.concatenate([b.beat_class for b in items]),
        starts=np.concatenate(starts),
        chances=all_chances / all_chances.sum(),
    )


def _run_chances(beats: Beats, settings: TrainingSettings) -> np.ndarray:
    run = settings.network.run
    holds_rare = np.convolve(beats.beat_class > 0, np.ones(run), "valid") > 0
    chances = np.where(holds_rare, 1.0 + settings.rare_runs, 1.0)
    return chances / chances.sum() * np.sqrt(len(beats))


def drawn_shares(beats: TrainingBeats, run: int) -> np.ndarray:
    """Share of each class among the beats that will be drawn.

    Returns
    -------
    ndarray of float, shape (5,)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.
    """
    seen = np.zeros(len(beats.beat_class))
    for place in range(run):
        seen[beats.starts + place] += beats.chances
    known = beats.beat_class >= 0
    shares = np.bincount(beats.beat_class[known], seen[known], minlength=len(BEAT_CLASSES))
    return shares / shares.sum()


def class_weights(shares: np.ndarray, exponent: float) -> np.ndarray:
    """Weight of each class in the loss, from its share of the beats that will be drawn.

    Returns
    -------
    ndarray of float, shape (6,)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; the last is for beats without a
        class (-1), and is 0. The mean over the beats drawn is 1.
    """
    weights = np.where(shares > 0, np.maximum(shares, 1e-3) ** -exponent, 0.0)
    return np.append(weights / np.sum(weights * shares), 0.0)


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


class RunBatches(keras.utils.PyDataset):
    """Batches of runs drawn anew each time, with augmentation on the fly.

    Parameters
    ----------
    beats : TrainingBeats
        What to draw from.
    settings : TrainingSettings
        Batches and augmentation.
    seed : int
        Each batch of each epoch has its own generator made from this.
    """

    def __init__(self, beats: TrainingBeats, settings: TrainingSettings, seed: int) -> None:
        super().__init__()
        self.beats, self.settings, self.seed = beats, settings, seed
        self.epoch = 0
        self.cumulated = np.cumsum(beats.chances)
        self.shares = drawn_shares(beats, settings.network.run)
        self.weights = class_weights(self.shares, settings.class_weight_exponent)

    def __len__(self) -> int:
        return self.settings.steps

    def on_epoch_end(self) -> None:
        """Draw other runs in the next epoch."""
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Inputs, classes, and weights of one batch."""
        s, beats = self.settings, self.beats
        rng = np.random.default_rng((self.seed, self.epoch, index))
        drawn = np.searchsorted(self.cumulated, rng.random(s.batch))
        starts = beats.starts[np.minimum(drawn, len(beats.starts) - 1)]
        places = starts[:, None] + np.arange(s.network.run)
        segments = beats.segments[places]
        usual = beats.usual_beats[beats.record[starts]][:, None, :]
        gain = np.exp(rng.normal(0, s.gain, (s.batch, 1, 1)))
        level = np.abs(rng.normal(0, s.noise, (s.batch, 1, 1)))
        noisy = segments + level * _noise(segments.shape, rng)
        rr = beats.rr[places]
        rr = rr + s.rr_noise * rng.standard_normal(rr.shape, dtype=np.float32)
        beat_class = beats.beat_class[places]
        shapes = with_difference(noisy * gain, usual * gain)
        return (
            {"segments": shapes, "rr": rr},
            np.maximum(beat_class, 0),
            self.weights[beat_class].astype(np.float32),
        )


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance: for each run either of muscles (white) or of electrodes (slow)."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    smooth = np.cumsum(noise, axis=-1)
    smooth -= smooth.mean(axis=-1, keepdims=True)
    smooth /= smooth.std(axis=-1, keepdims=True)
    slow = rng.random((shape[0], 1, 1)) < 0.5
    return np.where(slow, smooth, noise)


def fit(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    verbose: int = 0,
    network: keras.Model | None = None,
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

    Returns
    -------
    classifier : Classifier
    history : pandas.DataFrame
        A row an epoch: ``epoch``, ``loss``, ``accuracy``.
    """
    import pandas as pd

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    beats = training_beats(records, beat_settings, settings, np.random.default_rng(seed))
    fresh = build_network(beat_settings.length, len(RR_INPUTS), settings.network)
    if network is None:
        network = fresh
        _compile(network, settings)
    else:
        network.set_weights(fresh.get_weights())
        for variable in network.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
    batches = RunBatches(beats, settings, seed)
    history = network.fit(batches, epochs=settings.epochs, verbose=verbose, shuffle=False)
    classes = np.concatenate([first.beat_class for first, _ in records.values()])
    real = np.bincount(classes[classes >= 0], minlength=len(BEAT_CLASSES)) / len(classes)
    correct_priors(network, batches.shares * batches.weights[:-1], real, settings.prior_correction)
    table = pd.DataFrame(history.history)[["loss", "accuracy"]]
    table.insert(0, "epoch", np.arange(1, len(table) + 1))
    facts = asdict(settings) | {"records": list(records)}
    model = ModelSettings(beat_settings, settings.network.run, seed, facts)
    return Classifier(network, model), table


def _compile(network: keras.Model, settings: TrainingSettings) -> None:
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
        loss="sparse_categorical_crossentropy",
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )


def train(
    data_dir: str | Path | None = None,
    settings: TrainingSettings | None = None,
    seed: int = 0,
    names: Sequence[str] = DS1,
    verbose: int = 1,
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
    verbose : int
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
    return fit(records, beat_settings, settings or TrainingSettings(), seed, verbose)


def out_of_fold(
    records: dict[str, Leads],
    beat_settings: BeatSettings,
    settings: TrainingSettings,
    seed: int,
    folds: Sequence[Sequence[str]] = FOLDS,
    verbose: int = 0,
) -> dict[str, np.ndarray]:
    """Probabilities for every record by a network that has not seen it.

    Parameters
    ----------
    records : dict
        All of them, as `prepare_records` gives them.
    beat_settings, settings, seed, verbose
        As for `fit`.
    folds : sequence of sequence of str
        Names of records; each fold in turn is left out of training.

    Returns
    -------
    dict
        Record name to an ndarray of shape (beats, 5).
    """
    found, network = {}, None
    for fold in folds:
        others = {name: leads for name, leads in records.items() if name not in fold}
        classifier, _ = fit(others, beat_settings, settings, seed, verbose, network)
        network = classifier.network
        for name in fold:
            beats = cut_beats(records[name][0], beat_settings)
            found[name] = classifier.probabilities(beats)
    return found


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
    found, tables = out_of_fold(records, model.beats, settings, model.seed, verbose=2), []
    for name in DS1:
        sample, symbol = reference_beats(read_record(name, data_dir))
        tables.append(prediction_table(name, sample, symbol, found[name]))
    return pd.concat(tables, ignore_index=True)
