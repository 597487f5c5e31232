"""The network: a convolutional encoder for every beat of a run, an LSTM over the run."""

from __future__ import annotations

from dataclasses import dataclass

from arrhythmia.backend import keras
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.sequences import CHANNELS

layers = keras.layers


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
    """

    run: int = 16
    filters: tuple[int, ...] = (8, 16, 32)
    kernels: tuple[int, ...] = (7, 5, 5)
    features: int = 32
    units: int = 32
    bidirectional: bool = True
    dropout: float = 0.2


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
    shape = layers.TimeDistributed(encoder, name="each_beat")(segments)
    beat = layers.Concatenate(name="shape_and_rr")([shape, rr])
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

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


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
    layer = network.get_layer
    encoder = layer("each_beat").layer
    run, features = layer("each_beat").output.shape[1:]
    described, rr = keras.Input((run, features)), keras.Input(network.inputs[1].shape[1:])
    beats = layer("shape_and_rr")([described, rr])
    x = layer("beat_in_context")([beats, layer("lstm")(beats)])
    x = layer("drop_context")(layer("together")(x))
    return encoder, keras.Model([described, rr], layer("scores")(x))
