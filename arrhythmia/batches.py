"""What training draws from: beats of records and of their virtual copies, in batches of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from arrhythmia.augmentation import Mixture, find_donors, virtual_copy
from arrhythmia.backend import keras
from arrhythmia.beats import (
    Beats,
    BeatSettings,
    Prepared,
    cut_beats,
    prepare_signal,
    reference_beats,
)
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES, class_numbers
from arrhythmia.model import NetworkSettings
from arrhythmia.records import lead_names, read_record
from arrhythmia.sequences import rr_inputs, with_difference


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
    focal_gamma : float, optional
        Exponent of the focal loss (Lin et al., ICCV 2017), in which beats already told apart
        count less; by default cross-entropy.
    rare_runs : float
        How much more often a run that holds a beat other than N is drawn.
    sampling : str, optional
        Instead: ``"balanced"`` draws runs so that each class is met about equally often,
        ``"SMOTE"`` and ``"ADASYN"`` make more of them (see `arrhythmia.oversampling`).
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
    members : int
        Networks, each with a seed of its own, that are trained and joined into one, which gives
        the mean of their scores (see `arrhythmia.training.fit_joined`).
    """

    network: NetworkSettings = field(default_factory=NetworkSettings)
    mixture: Mixture = field(default_factory=Mixture)
    copies: int = 6
    epochs: int = 40
    steps: int = 64
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    class_weight_exponent: float = 0.35
    rare_runs: float = 4.0
    prior_correction: float = 1.0
    noise: float = 0.2
    gain: float = 0.15
    rr_noise: float = 0.02
    members: int = 5
    focal_gamma: float | None = None
    sampling: str | None = None

    def as_dict(self) -> dict:
        """All settings but those that are None."""
        return asdict(self, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None})

    @classmethod
    def from_dict(cls, facts: dict) -> TrainingSettings:
        """Read back what `as_dict` gave, from JSON too."""
        network = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["network"].items()}
        plain = {f.name for f in fields(cls)} - {"network", "mixture"}
        rest = {name: facts[name] for name in plain & facts.keys()}
        return cls(NetworkSettings(**network), Mixture(**facts["mixture"]), **rest)


@dataclass(frozen=True)
class TrainingBeats:
    """Beats of several records end to end, with where runs may begin.

    Parameters
    ----------
    segments : ndarray of float32, shape (beats, samples)
    usual_beats : ndarray of float32, shape (usual beats, samples)
    usual : ndarray of int, shape (beats,)
        Which of them is each beat's.
    rr : ndarray of float32, shape (beats, rr inputs)
    beat_class : ndarray of int, shape (beats,)
    starts : ndarray of int, shape (runs,)
        First beat of every run within one record.
    chances : ndarray of float, shape (runs,)
        How likely a run is drawn; they sum to 1.
    taught : ndarray of float32, shape (beats, 5), optional
        Probabilities that a teacher gives each beat, to be learnt instead of its class.
    """

    segments: np.ndarray
    usual_beats: np.ndarray
    usual: np.ndarray
    rr: np.ndarray
    beat_class: np.ndarray
    starts: np.ndarray
    chances: np.ndarray
    taught: np.ndarray | None = None


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
        names = lead_names(name, data_dir) or [None]
        for lead in (names * 2)[:2]:
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
    teacher: Callable[[Beats], np.ndarray] | None = None,
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
    teacher : callable, optional
        Gives the probabilities of a record's beats that are to be learnt.
    """
    items = [cut_beats(leads[0], beat_settings) for leads in records.values()]
    real = len(items)
    rarity = _rarity(items) if settings.sampling == "balanced" else None
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
            chances.append(weight * _run_chances(beats, settings, rarity))
        first += len(beats)
    if not starts:
        raise InputError(f"no training record has {settings.network.run} beats")
    all_chances = np.concatenate(chances)
    usual_beats = [np.atleast_2d(b.usual_beat) for b in items]
    each = np.concatenate(
        [np.ones(len(b)) if len(u) > 1 else np.eye(1, len(b))[0]
         for b, u in zip(items, usual_beats, strict=True)]
    )  # fmt: skip
    return TrainingBeats(
        segments=np.concatenate([b.segments for b in items]),
        usual_beats=np.concatenate(usual_beats),
        usual=np.cumsum(each, dtype=int) - 1,
        rr=np.concatenate([rr_inputs(b.rr_pre, b.rr_post, b.mean_rr, b.p_likeness) for b in items]),
        beat_class=np.concatenate([b.beat_class for b in items]),
        starts=np.concatenate(starts),
        chances=all_chances / all_chances.sum(),
        taught=None if teacher is None else np.concatenate([teacher(b) for b in items]),
    )


def _rarity(items: list[Beats]) -> np.ndarray:
    """How much rarer each class is than N; 0 for beats without a class."""
    classes = np.concatenate([beats.beat_class for beats in items])
    counts = np.bincount(classes[classes >= 0], minlength=len(BEAT_CLASSES))
    return np.append(counts.max() / np.maximum(counts, 1), 0.0)


def _run_chances(beats: Beats, settings: TrainingSettings, rarity: np.ndarray | None) -> np.ndarray:
    run = settings.network.run
    if rarity is not None:
        rarest = np.lib.stride_tricks.sliding_window_view(rarity[beats.beat_class], run)
        return rarest.max(axis=1)
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


ONE_HOT = np.eye(len(BEAT_CLASSES), dtype=np.float32)


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
        exponent = settings.class_weight_exponent if beats.taught is None else 0.0
        self.weights = class_weights(self.shares, exponent)

    def __len__(self) -> int:
        return self.settings.steps

    def on_epoch_end(self) -> None:
        """Draw other runs in the next epoch."""
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Inputs, classes (or what a teacher says), and weights of one batch."""
        s, beats = self.settings, self.beats
        rng = np.random.default_rng((self.seed, self.epoch, index))
        drawn = np.searchsorted(self.cumulated, rng.random(s.batch))
        starts = beats.starts[np.minimum(drawn, len(beats.starts) - 1)]
        places = starts[:, None] + np.arange(s.network.run)
        segments = beats.segments[places]
        usual = beats.usual_beats[beats.usual[places]]
        gain = np.exp(rng.normal(0, s.gain, (s.batch, 1, 1)))
        level = np.abs(rng.normal(0, s.noise, (s.batch, 1, 1)))
        noisy = segments + level * _noise(segments.shape, rng)
        rr = beats.rr[places]
        rr = rr + s.rr_noise * rng.standard_normal(rr.shape, dtype=np.float32)
        beat_class = beats.beat_class[places]
        shapes = with_difference(noisy * gain, usual * gain)
        return (
            {"segments": shapes, "rr": rr},
            ONE_HOT[beat_class] if beats.taught is None else beats.taught[places],
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
