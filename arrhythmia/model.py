"""The network: a convolutional encoder for every beat of a run, an LSTM over the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from arrhythmia.backend import keras
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.sequences import CHANNELS

layers = keras.layers

INPUTS = ("beat", "difference", "rr", "p waves")
"""The beat, its difference from the usual beat, the RR inputs, and the last of these on its own,
the likeness of the P waves around."""


@dataclass(frozen=True)
class NetworkSettings:
    """Shape of the network.

    Parameters
    ----------
    run : int
        Consecutive beats that the network reads together.
    filters : tuple of int
        Filters of each convolutional block; each block halves the time axis.
    kernels : tuple of int
        Their widths in samples.
    features : int
        Numbers by which the encoder describes a beat.
    units : int
        Units of the LSTM in each direction.
    bidirectional : bool
        Whether a second LSTM reads the run backwards.
    dropout : float
        Share of features dropped in training.
    unseen : tuple of str, optional
        Inputs of `INPUTS` that the network does not see, to measure by ablation what they
        bring: its first layers set them to zero.
    """

    run: int = 16
    filters: tuple[int, ...] = (8, 16, 32)
    kernels: tuple[int, ...] = (7, 5, 5)
    features: int = 32
    units: int = 32
    bidirectional: bool = True
    dropout: float = 0.2
    unseen: tuple[str, ...] | None = None


def build_encoder(samples: int, settings: NetworkSettings) -> keras.Model:
    """Encoder of one beat: (samples, channels) to ``settings.features`` numbers."""
    beat = keras.Input((samples, CHANNELS), name="beat")
    x = beat
    for block, (filters, kernel) in enumerate(
        zip(settings.filters, settings.kernels, strict=True), 1
    ):
        x = layers.Conv1D(filters, kernel, padding="same", use_bias=False, name=f"conv{block}")(x)
        x = layers.BatchNormalization(name=f"norm{block}")(x)
        x = layers.ReLU(name=f"relu{block}")(x)
        x = layers.MaxPooling1D(2, name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(settings.dropout, name="drop_shape")(x)
    x = layers.Dense(settings.features, activation="relu", name="features")(x)
    return keras.Model(beat, x, name="beat_encoder")


def build_network(samples: int, rr_inputs: int, settings: NetworkSettings) -> keras.Model:
    """Network over a run of beats.

    Parameters
    ----------
    samples : int
        Samples of a segment.
    rr_inputs : int
        Timing inputs of a beat.
    settings : NetworkSettings
        Shape of the network.

    Returns
    -------
    keras.Model
        From ``segments`` (runs, beats, samples, channels) and ``rr`` (runs, beats, rr_inputs) to
        probabilities (runs, beats, 5) in the order of `arrhythmia.labels.BEAT_CLASSES`.
    """
    segments = keras.Input((settings.run, samples, CHANNELS), name="segments")
    rr = keras.Input((settings.run, rr_inputs), name="rr")
    encoder = build_encoder(samples, settings)
    seen, timing, unseen = segments, rr, settings.unseen or ()
    if "beat" in unseen or "difference" in unseen:
        kept = [float("beat" not in unseen), float("difference" not in unseen)]
        seen = layers.Rescaling(kept, name="shapes_seen")(segments)
    if "rr" in unseen or "p waves" in unseen:
        kept = [float("rr" not in unseen)] * (rr_inputs - 1) + [float("p waves" not in unseen)]
        timing = layers.Rescaling(kept, name="timing_seen")(rr)
    shape = layers.TimeDistributed(encoder, name="each_beat")(seen)
    beat = layers.Concatenate(name="shape_and_rr")([shape, timing])
    lstm = layers.LSTM(settings.units, return_sequences=True, name="lstm")
    if settings.bidirectional:
        lstm = layers.Bidirectional(lstm, name="lstm")
    context = lstm(beat)
    x = layers.Concatenate(name="beat_in_context")([beat, context])
    x = layers.Dense(settings.units, activation="relu", name="together")(x)
    x = layers.Dropout(settings.dropout, name="drop_context")(x)
    scores = layers.Dense(len(BEAT_CLASSES), name="scores")(x)
    probabilities = layers.Softmax(name="probabilities")(scores)
    return keras.Model([segments, rr], probabilities, name="arrhythmia")


def side_by_side(network: keras.Model) -> keras.Model:
    """The same network with the beats of all runs side by side in the encoder.

    ``TimeDistributed`` goes through a run beat by beat; with the beats of all runs in one
    batch the same layers give the same probabilities and train four times as fast.

    Parameters
    ----------
    network : keras.Model
        As built by `build_network`. Its layers, and so its weights, are shared.
    """

    def call(layer: keras.Layer, *args: object, **kwargs: object) -> object:
        if not isinstance(layer, layers.TimeDistributed):
            return layer(*args, **kwargs)
        runs = args[0]
        beats = layer.layer(keras.ops.reshape(runs, (-1, *runs.shape[2:])))
        return keras.ops.reshape(beats, (-1, runs.shape[1], *beats.shape[1:]))

    return keras.models.clone_model(network, clone_function=lambda own: own, call_function=call)


def halves(network: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The two halves of a network, for explanations: its layers, and so its weights, are shared.

    Parameters
    ----------
    network : keras.Model
        As built by `build_network`.

    Returns
    -------
    encoder : keras.Model
        From beats (beats, samples, channels) to what describes them (beats, features).
    reader : keras.Model
        From runs of descriptions (runs, beats, features) and RR inputs (runs, beats, rr_inputs) to
        the scores before the softmax (runs, beats, 5).
    """
    known = {layer.name: layer for layer in network.layers}
    own = known["each_beat"].layer
    beat = keras.Input(own.input_shape[1:])
    seen = known["shapes_seen"](beat) if "shapes_seen" in known else beat
    encoder = keras.Model(beat, own(seen))
    (_, run, _), rr_shape = known["each_beat"].output.shape, network.inputs[1].shape
    described, rr = keras.Input((run, own.output_shape[-1])), keras.Input(rr_shape[1:])
    timing = known["timing_seen"](rr) if "timing_seen" in known else rr
    beats = known["shape_and_rr"]([described, timing])
    x = known["beat_in_context"]([beats, known["lstm"](beats)])
    x = known["drop_context"](known["together"](x))
    return encoder, keras.Model([described, rr], known["scores"](x))


def join(networks: Sequence[keras.Model], settings: NetworkSettings) -> keras.Model:
    """One network that gives the mean of the scores of several.

    It has the layers of a single one, each as wide as theirs together: side by side, with zeros
    where one would listen to another, and the mean in the last layer. (The mean of scores is a
    geometric mean of probabilities.)

    Parameters
    ----------
    networks : sequence of keras.Model
        As built by `build_network` with these settings.
    settings : NetworkSettings
        Of each of them.

    Returns
    -------
    keras.Model
        As built by `build_network`.
    """
    n, units, features = len(networks), settings.units, settings.features
    (_, _, samples, _), (_, _, rr) = networks[0].input_shape
    filters = tuple(n * own for own in settings.filters)
    wide = replace(settings, filters=filters, features=n * features, units=n * units)
    whole = build_network(samples, rr, wide)

    def theirs(name: str) -> list[tuple[np.ndarray, ...]]:
        return list(zip(*[find_layer(one, name).get_weights() for one in networks], strict=True))

    new = {}
    for block in range(1, len(filters) + 1):
        (kernels,) = theirs(f"conv{block}")
        beside = np.concatenate(kernels, axis=2) if block == 1 else _diagonal(kernels, 1, 2)
        new[f"conv{block}"] = [beside]
        new[f"norm{block}"] = [np.concatenate(weights) for weights in theirs(f"norm{block}")]
    kernels, biases = theirs("features")
    kernels = [k.reshape(-1, settings.filters[-1], features) for k in kernels]
    new["features"] = [_diagonal(kernels, 1, 2), np.concatenate(biases)]
    new["lstm"] = []
    for kernels, recurrent, biases in zip(*[iter(theirs("lstm"))] * 3, strict=True):
        kernels = [k.reshape(-1, 4, units) for k in kernels]  # four gates
        new["lstm"] += [
            _rows_joined(kernels, (features, rr)),
            _diagonal([k.reshape(-1, 4, units) for k in recurrent], 0, 2),
            np.concatenate([b.reshape(4, units) for b in biases], axis=1),
        ]
    kernels, biases = theirs("together")
    rows = (features, rr) + (units,) * (1 + settings.bidirectional)
    new["together"] = [_rows_joined(kernels, rows), np.concatenate(biases)]
    kernels, biases = theirs("scores")
    new["scores"] = [np.concatenate(kernels) / n, np.mean(biases, axis=0)]
    for name, weights in new.items():
        layer = find_layer(whole, name)
        shapes = [old.shape for old in layer.get_weights()]
        layer.set_weights([w.reshape(s) for w, s in zip(weights, shapes, strict=True)])
    return whole


def find_layer(network: keras.Model, name: str) -> keras.Layer:
    """A layer of a network or of its encoder."""
    inside = {layer.name: layer for layer in network.get_layer("each_beat").layer.layers}
    return inside[name] if name in inside else network.get_layer(name)


def _diagonal(kernels: Sequence[np.ndarray], inputs: int, outputs: int) -> np.ndarray:
    """Kernels of one shape side by side along two axes, with zeros between them."""
    shape = list(kernels[0].shape)
    own = shape[inputs], shape[outputs]
    shape[inputs], shape[outputs] = (len(kernels) * size for size in own)
    whole = np.zeros(shape, dtype=np.float32)
    for i, kernel in enumerate(kernels):
        place = [slice(None)] * len(shape)
        place[inputs], place[outputs] = (slice(i * size, (i + 1) * size) for size in own)
        whole[tuple(place)] = kernel
    return whole


def _rows_joined(kernels: Sequence[np.ndarray], rows: tuple[int, ...]) -> np.ndarray:
    """The same for kernels of several inputs, of which all networks share the second, the RR."""
    parts = zip(*[np.split(kernel, np.cumsum(rows)[:-1]) for kernel in kernels], strict=True)
    outputs = kernels[0].ndim - 1
    return np.concatenate(
        [
            np.concatenate(part, axis=outputs) if i == 1 else _diagonal(part, 0, outputs)
            for i, part in enumerate(parts)
        ]
    )
