"""What training draws from: beats of records and simulated records, in batches of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.backend import keras
from arrhythmia.beats import Beats, Prepared, cut_beats, prepare_lead
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.r_peaks import locate_beats
from arrhythmia.records import read_record
from arrhythmia.sequences import rr_inputs, with_difference
from arrhythmia.signals import BeatSettings
from arrhythmia.train.settings import TrainingSettings
from arrhythmia.train.simulate import Donors, find_donors, simulated_record

ONE_HOT: Final = np.eye(len(BEAT_CLASSES), dtype=np.float32)

Leads = tuple[Prepared, Prepared]
"""Two leads of a record, the preferred one first."""


def prepare_records(
    names: Sequence[str], data_dir: str | Path | None, settings: BeatSettings
) -> dict[str, Leads]:
    """Read, resample and filter two leads of each record, the preferred lead first.

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

    Raises
    ------
    InputError
        If a record cannot be read, or has no ECG lead or no annotation.
    """
    prepared = {}
    for name in names:
        record = read_record(name, data_dir)
        first = record.lead()
        second = record.lead((record.ecg_leads * 2)[1])
        r_peaks = locate_beats(record, [first], settings, "atr")
        prepared[name] = (
            prepare_lead(first, settings, r_peaks),
            prepare_lead(second, settings, r_peaks),
        )
    return prepared


def simulated_records(
    records: dict[str, Leads],
    donors: Donors,
    settings: TrainingSettings,
    beat_settings: BeatSettings,
    rng: np.random.Generator,
) -> Iterator[Prepared]:
    """Simulated records of all records, ``settings.copies`` times.

    Parameters
    ----------
    records : dict
        Training records only, as `prepare_records` gives them.
    donors : Donors
        Ventricular beats of these records.
    settings : TrainingSettings
        How many records are simulated, and how.
    beat_settings : BeatSettings
        How beats are made.
    rng : numpy Generator
    """
    for _ in range(settings.copies):
        for leads in records.values():
            yield simulated_record(leads, donors, settings.mixture, beat_settings, rng)


@dataclass(frozen=True)
class TrainingBeats:
    """Beats of several records end to end, with where runs may begin.

    Parameters
    ----------
    segments : ndarray of float32, shape (beats, samples)
    template_beats : ndarray of float32, shape (beats, samples)
        The template beat that each beat is compared with.
    rr : ndarray of float32, shape (beats, rr inputs)
    beat_class : ndarray of int, shape (beats,)
        Place in `arrhythmia.labels.BEAT_CLASSES`; -1 where it is not known.
    starts : ndarray of int, shape (runs,)
        First beat of every run that lies within one record.
    chances : ndarray of float, shape (runs,)
        How likely a run is drawn; they sum to 1.
    """

    segments: np.ndarray
    template_beats: np.ndarray
    rr: np.ndarray
    beat_class: np.ndarray
    starts: np.ndarray
    chances: np.ndarray


def join_beats(items: Sequence[Beats], settings: TrainingSettings, real: int) -> TrainingBeats:
    """Beats of several records end to end.

    Parameters
    ----------
    items : sequence of Beats
        One of each record, real ones first.
    settings : TrainingSettings
        Length of a run, and how often runs with rare beats are drawn.
    real : int
        How many of the items are recordings; the others are simulated. Both are drawn equally
        often.

    Raises
    ------
    InputError
        If no record has as many beats as a run.
    """
    run = settings.network.run
    share = np.repeat([1.0, 1.0 / max(settings.copies, 1)], [real, len(items) - real])
    starts, chances, first = [], [], 0
    for beats, weight in zip(items, share, strict=True):
        runs = len(beats) - run + 1
        if runs > 0:
            starts.append(first + np.arange(runs))
            chances.append(weight * _run_chances(beats.beat_class, settings))
        first += len(beats)
    if not starts:
        raise InputError(f"a training record must have at least {run} beats, and none has")
    all_chances = np.concatenate(chances)
    return TrainingBeats(
        segments=np.concatenate([b.segments for b in items]),
        template_beats=np.concatenate(
            [np.broadcast_to(b.template_beat, b.segments.shape) for b in items]
        ),
        rr=np.concatenate(
            [rr_inputs(b.rr_pre, b.rr_post, b.mean_rr, b.p_wave_similarity) for b in items]
        ),
        beat_class=np.concatenate([b.beat_class for b in items]),
        starts=np.concatenate(starts),
        chances=all_chances / all_chances.sum(),
    )


def training_beats(
    records: dict[str, Leads],
    settings: TrainingSettings,
    beat_settings: BeatSettings,
    seed: int,
) -> TrainingBeats:
    """Beats of records and of the simulated records made from them.

    Parameters
    ----------
    records : dict
        Training records only, as `prepare_records` gives them.
    settings : TrainingSettings
        Simulated records and runs.
    beat_settings : BeatSettings
        How beats are made.
    seed : int
        Of the simulated records.

    Raises
    ------
    InputError
        If no record has as many beats as a run.
    """
    rng = np.random.default_rng(seed)
    items = [cut_beats(leads[0], beat_settings) for leads in records.values()]
    donors = find_donors(items)
    simulated = simulated_records(records, donors, settings, beat_settings, rng)
    items += [cut_beats(record, beat_settings) for record in simulated]
    return join_beats(items, settings, len(records))


def _run_chances(beat_class: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """How likely each run of one record is drawn, relative to others."""
    holds_rare = np.convolve(beat_class > 0, np.ones(settings.network.run), "valid") > 0
    chances = np.where(holds_rare, 1.0 + settings.rare_runs, 1.0)
    return chances / chances.sum() * np.sqrt(len(beat_class))


def drawn_shares(beats: TrainingBeats, run: int) -> np.ndarray:
    """Share of each class among the beats that will be drawn.

    Parameters
    ----------
    beats : TrainingBeats
    run : int
        Beats of a run.

    Returns
    -------
    ndarray of float, shape (5,)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.
    """
    drawn = np.zeros(len(beats.beat_class))
    for place in range(run):
        drawn[beats.starts + place] += beats.chances
    known = beats.beat_class >= 0
    shares = np.bincount(beats.beat_class[known], drawn[known], minlength=len(BEAT_CLASSES))
    return shares / shares.sum()


def class_weights(shares: np.ndarray, exponent: float) -> np.ndarray:
    """Weight of each class in the loss, from its share of the beats that will be drawn.

    Parameters
    ----------
    shares : ndarray of float, shape (5,)
        See `drawn_shares`.
    exponent : float
        See `TrainingSettings`.

    Returns
    -------
    ndarray of float, shape (6,)
        In the order of `arrhythmia.labels.BEAT_CLASSES`; the last is for beats without a
        class (-1), and is 0. The mean over the beats drawn is 1.
    """
    weights = np.where(shares > 0, np.maximum(shares, 1e-3) ** -exponent, 0.0)
    return np.append(weights / np.sum(weights * shares), 0.0)


class RunBatches(keras.utils.PyDataset):
    """Batches of runs, drawn anew each time and varied in amplitude, noise and rhythm.

    Parameters
    ----------
    beats : TrainingBeats
        What to draw from.
    settings : TrainingSettings
        Batches and augmentation.
    seed : int
        Each batch of each epoch has its own generator made from this.

    Attributes
    ----------
    shares : ndarray of float, shape (5,)
        See `drawn_shares`.
    weights : ndarray of float, shape (6,)
        See `class_weights`.
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
        """Inputs of the network, targets and sample weights of one batch."""
        rng = np.random.default_rng((self.seed, self.epoch, index))
        places = self.draw(rng)
        weights = self.weights[self.beats.beat_class[places]].astype(np.float32)
        return self.inputs(places, rng), self.targets(places), weights

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Beats of the runs of one batch: ndarray of int, shape (batch, run)."""
        drawn = np.searchsorted(self.cumulated, rng.random(self.settings.batch))
        starts = self.beats.starts[np.minimum(drawn, len(self.beats.starts) - 1)]
        return starts[:, None] + np.arange(self.settings.network.run)

    def inputs(self, places: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Inputs of the network for some runs, with another gain, noise and RR noise each."""
        s, beats = self.settings, self.beats
        segments, template_beats = beats.segments[places], beats.template_beats[places]
        gain = np.exp(rng.normal(0, s.gain, (len(places), 1, 1)))
        level = np.abs(rng.normal(0, s.noise, (len(places), 1, 1)))
        noisy = segments + level * _noise(segments.shape, rng)
        rr = beats.rr[places]
        rr = rr + s.rr_noise * rng.standard_normal(rr.shape, dtype=np.float32)
        return {"segments": with_difference(noisy * gain, template_beats * gain), "rr": rr}

    def targets(self, places: np.ndarray) -> np.ndarray:
        """Probabilities to be learnt: ndarray of float32, shape (batch, run, 5)."""
        return ONE_HOT[self.beats.beat_class[places]]


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance: for each run either of muscles (white) or of electrodes (slow)."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    smooth = np.cumsum(noise, axis=-1)
    smooth -= smooth.mean(axis=-1, keepdims=True)
    smooth /= smooth.std(axis=-1, keepdims=True)
    slow = rng.random((shape[0], 1, 1)) < 0.5
    return np.where(slow, smooth, noise)
