"""Trains the network of `arrhythmia.detector` on DS1.

From recordings of DS1, half a minute at a time, changed in rate, amplitude, polarity and T waves,
with noise, drift, steps and leads that are lost: what recordings of others hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample

from arrhythmia.backend import keras, tf
from arrhythmia.detector import BAND, DILATIONS, KERNEL, RATE, Weights, scaled
from arrhythmia.errors import InputError
from arrhythmia.files import whole_file
from arrhythmia.mitdb import DS1
from arrhythmia.r_peaks import reference_beats
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings, filtered_and_resampled

CHANNELS = 16
SECONDS = 20.0
BATCH, STEPS = 24, 2200
NEAR_S = 0.05
"""Within this of a mark a QRS is."""
RARE = 6.0
"""Weight of samples near a ventricular beat."""


@dataclass(frozen=True)
class Marked:
    """A recording at `RATE` with its beats.

    Parameters
    ----------
    signals : ndarray of float, shape (leads, samples)
        Filtered.
    marks : ndarray of float, shape (beats,)
        In samples of ``signals``.
    ventricular : ndarray of bool, shape (beats,)
    """

    signals: np.ndarray
    marks: np.ndarray
    ventricular: np.ndarray


def marked_record(record: Record) -> Marked:
    """A record as the detector is trained on it."""
    settings, signals = BeatSettings(fs=RATE, band=BAND), []
    for name in record.ecg_leads:
        with suppress(InputError):  # flat, or mostly invalid
            signals.append(filtered_and_resampled(record.lead(name), settings))
    sample, symbol = reference_beats(record)
    return Marked(np.stack(signals), sample * RATE / record.fs, np.isin(symbol, ("V", "E", "F")))


def build_network() -> keras.Model:
    """The network of one lead: (samples, 1) to log-odds and weight for every sample."""
    given = keras.Input((None, 1))
    values = given
    for dilation in DILATIONS[:-1]:
        values = keras.layers.Conv1D(
            CHANNELS, KERNEL, padding="same", dilation_rate=dilation, activation="relu"
        )(values)
    return keras.Model(given, keras.layers.Conv1D(2, KERNEL, padding="same")(values))


def train_detector(records: Sequence[Marked], seed: int = 0, steps: int = STEPS) -> Weights:
    """Train on some records.

    Parameters
    ----------
    records : sequence of Marked
    seed : int
    steps : int
        Batches.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    network = build_network()
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, steps)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=False)
    def step(signals: tf.Tensor, wanted: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            flat = tf.reshape(signals, (-1, signals.shape[2], 1))
            said = network(flat, training=True)
            said = tf.reshape(said, (-1, 2, signals.shape[2], 2))
            shares = tf.nn.softmax(said[..., 1], axis=1)
            joined = tf.reduce_sum(said[..., 0] * shares, axis=1)
            loss = tf.nn.sigmoid_cross_entropy_with_logits(wanted, joined)
            alone = tf.nn.sigmoid_cross_entropy_with_logits(
                wanted[:, None] + 0 * said[..., 0], said[..., 0]
            )
            total = tf.reduce_mean(weight * (loss + 0.1 * tf.reduce_mean(alone, axis=1)))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        return total

    for number in range(steps):
        batch = [example(records[rng.integers(len(records))], rng) for _ in range(BATCH)]
        signals, wanted, weight = (np.stack(part) for part in zip(*batch, strict=True))
        loss = step(tf.constant(signals), tf.constant(wanted), tf.constant(weight))
        if number % 250 == 249:
            print(f"step {number + 1}: loss {float(loss):.4f}", flush=True)
    layers = [layer for layer in network.layers if layer.weights]
    pairs = [layer.get_weights() for layer in layers]
    return Weights(tuple(k for k, _ in pairs), tuple(b for _, b in pairs))


def example(record: Marked, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two leads of a stretch, changed; what is wanted for each sample; and how much it counts."""
    length = round(SECONDS * RATE)
    stretch = np.exp(rng.uniform(np.log(0.7), np.log(1.5))) if rng.random() < 0.5 else 1.0
    taken = round(length / stretch)
    first = int(rng.integers(0, record.signals.shape[1] - taken))
    leads = rng.permutation(len(record.signals))[:2]
    leads = np.resize(leads, 2)
    signals = record.signals[leads, first : first + taken]
    inside = (record.marks >= first) & (record.marks < first + taken)
    marks = (record.marks[inside] - first) * length / taken
    if taken != length:
        signals = resample(signals, length, axis=1)
    places = np.arange(length)
    near = np.zeros(length, np.float32)
    weight = np.ones(length, np.float32)
    for mark, ventricular in zip(marks, record.ventricular[inside], strict=True):
        close = np.abs(places - mark) <= NEAR_S * RATE
        near[close] = 1
        if ventricular:
            weight[np.abs(places - mark) <= 0.15 * RATE] = RARE
        else:
            weight[np.abs(places - mark) <= 0.1 * RATE] = 2
    changed = np.stack([_changed(signal, marks, rng) for signal in signals])
    fate = rng.random()
    if fate < 0.25:
        changed[rng.integers(2)] = _lost(length, rng)
    elif fate < 0.5:
        changed = _interrupted(changed, rng)
    return np.stack([scaled(signal) for signal in changed]), near, weight


def _with_waves(signal: np.ndarray, marks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Taller P and T waves, the same after every beat, and P waves that are blocked: no beats."""
    size = np.percentile(np.abs(signal), 99) + 1e-9
    times = np.arange(len(signal))
    usual = float(np.median(np.diff(marks))) if len(marks) > 2 else RATE
    t_after, p_before = rng.uniform(0.22, 0.42) * min(usual, 1.2 * RATE), rng.uniform(0.13, 0.24)
    p_wave = rng.uniform(2, 4.5), rng.choice([-1, 1]) * rng.uniform(0.1, 0.8)
    result = signal.copy()

    def add(places: np.ndarray, width: float, height: float) -> None:
        for place in places:
            near = np.abs(times - place) < 4 * width
            bump = np.exp(-0.5 * ((times[near] - place) / width) ** 2)
            result[near] += height * size * bump * rng.normal(1, 0.05)

    if rng.random() < 0.6:
        add(marks + t_after, rng.uniform(4, 9), rng.uniform(-1.6, 1.6))
    if rng.random() < 0.6:
        add(marks - p_before * RATE, *p_wave)
        if rng.random() < 0.6 and len(marks) > 2:  # between two beats, one more or two
            parts = rng.integers(2, 4)
            for part in range(1, parts):
                between = marks[:-1] + np.diff(marks) * part / parts
                add(between - p_before * RATE, *p_wave)
    return result


def _changed(signal: np.ndarray, marks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A lead with other polarity, T waves, amplitude in time, drift and noise."""
    signal = signal * rng.choice([-1, 1], p=[0.3, 0.7])
    if rng.random() < 0.5:
        signal = _with_waves(signal, marks, rng)
    if rng.random() < 0.5:  # slow parts, T waves above all, stronger or weaker
        slow = gaussian_filter1d(signal, rng.uniform(3, 7))
        signal = signal + rng.uniform(-0.6, 2.0) * slow
    size = np.percentile(np.abs(signal), 98) + 1e-9
    length = len(signal)
    if rng.random() < 0.3:
        knots = np.exp(rng.normal(0, 0.5, 6))
        signal = signal * np.interp(np.arange(length), np.linspace(0, length, 6), knots)
    if rng.random() < 0.7:
        level = size * np.exp(rng.uniform(np.log(0.01), np.log(0.5)))
        noise = rng.normal(0, 1, length)
        if rng.random() < 0.5:
            noise = gaussian_filter1d(noise, rng.uniform(0.5, 8))
            noise /= noise.std() + 1e-9
        signal = signal + level * noise
    if rng.random() < 0.2:
        signal = signal + size * rng.uniform(0.05, 0.4) * np.sin(
            2 * np.pi * rng.uniform(10, 45) * np.arange(length) / RATE + rng.uniform(0, 6)
        )
    if rng.random() < 0.12:  # saturation
        low, high = np.percentile(signal, [rng.uniform(0, 5), rng.uniform(94, 100)])
        signal = np.clip(signal, low, max(high, low + 0.1 * size))
    if rng.random() < 0.2:  # pacing spikes, artefacts
        for place in rng.integers(0, length, rng.integers(1, 8)):
            signal[place : place + rng.integers(1, 3)] += size * rng.normal(0, 3)
    return signal


def _lost(length: int, rng: np.random.Generator) -> np.ndarray:
    """A lead without a heart: nothing, noise, hum."""
    noise = rng.normal(0, 1, length)
    kind = rng.integers(3)
    if kind == 0:
        return 1e-3 * noise
    if kind == 1:
        return gaussian_filter1d(noise, rng.uniform(0.5, 12))
    return np.sin(2 * np.pi * rng.uniform(5, 45) * np.arange(length) / RATE) + 0.2 * noise


def _interrupted(signals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One lead lost for some seconds."""
    lead, length = rng.integers(len(signals)), signals.shape[1]
    span = int(rng.uniform(1, 8) * RATE)
    first = int(rng.integers(0, length - span))
    size = np.percentile(np.abs(signals[lead]), 98) + 1e-9
    signals[lead, first : first + span] = (
        _lost(span, rng) * size * np.exp(rng.uniform(np.log(0.1), np.log(3)))
    )
    return signals


def save_weights(weights: Weights, file: Path) -> None:
    """Write ``detector.npz``."""
    arrays = {f"kernel{i}": k for i, k in enumerate(weights.kernels)}
    arrays |= {f"bias{i}": b for i, b in enumerate(weights.biases)}
    np.savez_compressed(file, **arrays)


def train_shipped(data_dir: str | Path | None) -> Path:
    """Train on all of DS1, and write the weights that come with the package."""
    file = Path(__file__).resolve().parent.parent / "detector.npz"
    weights = train_detector(list(read_marked(DS1, data_dir).values()))
    with whole_file(file) as part:
        save_weights(weights, part)
    return file


def read_marked(names: Sequence[str], data_dir: str | Path | None) -> dict[str, Marked]:
    """Records by name."""
    return {name: marked_record(read_record(name, data_dir)) for name in names}
