"""Runs a trained network with NumPy: no TensorFlow to import, and quicker on a processor.

The weights are those that Keras saved. An ensemble is stored as one network whose members stand
side by side, so that most of its weights are zeros; here each member is run by itself.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import expit

if TYPE_CHECKING:
    import h5py
    import keras

EPSILON: Final = 1e-3
"""Of Keras' batch normalisation."""
BEATS_AT_ONCE: Final = 256
KINDS: Final = [
    sorted(
        ["Concatenate", "Concatenate", "Dense", "Dense", "Dropout", "InputLayer", "InputLayer",
         "Softmax", "TimeDistributed", recurrent]
    )
    for recurrent in ("Bidirectional", "LSTM")
]  # fmt: skip
"""Layers of the networks that are run here."""
INSIDE: Final = "layers/time_distributed/layer/layers"
"""Where the encoder's weights stand in the file."""


@dataclass(frozen=True)
class Member:
    """Weights of one network, batch normalisation folded into the convolutions.

    Parameters
    ----------
    convolutions : tuple of (ndarray, ndarray)
        Kernel, shape (width, inputs, outputs), and bias of each block.
    features : tuple of (ndarray, ndarray)
        Of the layer that gives the features of a beat.
    directions : tuple of (ndarray, ndarray, ndarray)
        Kernel, recurrent kernel and bias of the LSTM forwards and backwards.
    together, scores : tuple of (ndarray, ndarray)
        Of the last two layers.
    """

    convolutions: tuple[tuple[np.ndarray, np.ndarray], ...]
    features: tuple[np.ndarray, np.ndarray]
    directions: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    together: tuple[np.ndarray, np.ndarray]
    scores: tuple[np.ndarray, np.ndarray]


class Forward:
    """A trained network, one beat encoder and one reader for each member.

    Parameters
    ----------
    members : tuple of Member
        Their scores are added: the last layer holds the share of each.
    """

    def __init__(self, members: tuple[Member, ...]) -> None:
        self.members = members

    @classmethod
    def read(cls, file: str | Path) -> Forward:
        """Read the weights in a ``.keras`` file.

        Raises
        ------
        KeyError, ValueError, OSError
            If the file is damaged or holds another network.
        """
        import h5py

        with zipfile.ZipFile(file) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(content, "r") as stored:
            return cls(_split(_stored_weights(stored)))

    @classmethod
    def of(cls, network: keras.Model) -> Forward:
        """The same network, from memory.

        Raises
        ------
        ValueError
            If it is of another kind than `arrhythmia.model.build_network` builds.
        """
        kinds = sorted(type(layer).__name__ for layer in network.layers)
        if kinds not in KINDS:
            raise ValueError(f"a network of {', '.join(kinds)} cannot be run with NumPy")
        encoder = network.get_layer("each_beat").layer
        blocks = range(1, 1 + sum(layer.name.startswith("conv") for layer in encoder.layers))
        lstm = network.get_layer("lstm")
        ways = (
            [lstm.forward_layer, lstm.backward_layer] if hasattr(lstm, "forward_layer") else [lstm]
        )
        weights = {
            "conv": [encoder.get_layer(f"conv{i}").get_weights()[0] for i in blocks],
            "norm": [encoder.get_layer(f"norm{i}").get_weights() for i in blocks],
            "features": encoder.get_layer("features").get_weights(),
            "lstm": [way.get_weights() for way in ways],
            "together": network.get_layer("together").get_weights(),
            "scores": network.get_layer("scores").get_weights(),
        }
        return cls(_split(weights))

    def outputs(self, run: int) -> tuple[None, int, int]:
        """Shape of what the network gives for runs of so many beats."""
        return None, run, len(self.members[0].scores[1])

    @property
    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(
            np.isfinite(weight).all()
            for member in self.members
            for part in (*member.convolutions, member.features, *member.directions,
                         member.together, member.scores)
            for weight in part
        )  # fmt: skip

    def features(self, segments: np.ndarray) -> np.ndarray:
        """What the encoders say of beats.

        Parameters
        ----------
        segments : ndarray of float32, shape (beats, samples, channels)

        Returns
        -------
        ndarray of float32, shape (beats, members * features)
        """
        parts = [
            np.concatenate([_encode(member, segments[first : first + BEATS_AT_ONCE])
                            for member in self.members], axis=1)
            for first in range(0, max(len(segments), 1), BEATS_AT_ONCE)
        ]  # fmt: skip
        return np.concatenate(parts)

    def scores(self, features: np.ndarray, rr: np.ndarray) -> np.ndarray:
        """Scores before the softmax.

        Parameters
        ----------
        features : ndarray of float32, shape (runs, run, members * features)
        rr : ndarray of float32, shape (runs, run, inputs)

        Returns
        -------
        ndarray of float32, shape (runs, run, 5)
        """
        parts = np.split(np.asarray(features, np.float32), len(self.members), axis=2)
        pairs = zip(self.members, parts, strict=True)
        return np.sum([_read(member, part, rr) for member, part in pairs], axis=0)


def input_shapes(file: str | Path) -> list[tuple[int | None, ...]]:
    """Shapes of the inputs of a network in a ``.keras`` file.

    Raises
    ------
    KeyError, ValueError, OSError
        If the file is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    kinds = [layer["config"] for layer in layers if layer["class_name"] == "InputLayer"]
    return [tuple(kind["batch_shape"]) for kind in kinds]


def _encode(member: Member, segments: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(segments, dtype=np.float32)
    for kernel, bias in member.convolutions:
        width, inputs, outputs = kernel.shape
        padded = np.pad(x, ((0, 0), ((width - 1) // 2, width // 2), (0, 0)))
        flat = padded.reshape(len(x), -1)  # what a window holds stands together
        windows = sliding_window_view(flat, width * inputs, axis=1)[:, ::inputs]
        x = windows.reshape(-1, width * inputs) @ kernel.reshape(-1, outputs) + bias
        x = x.reshape(len(segments), -1, outputs)
        half = x.shape[1] // 2
        x = np.maximum(x[:, 0 : 2 * half : 2], x[:, 1 : 2 * half : 2])
        x = np.maximum(x, 0, out=x)
    kernel, bias = member.features
    return np.maximum(x.reshape(len(segments), -1) @ kernel + bias, 0)


def _read(member: Member, described: np.ndarray, rr: np.ndarray) -> np.ndarray:
    beats = np.concatenate([described, rr], axis=2).astype(np.float32)
    seen = [_lstm(member.directions[0], beats)]
    seen += [_lstm(back, beats[:, ::-1])[:, ::-1] for back in member.directions[1:]]
    context = np.concatenate([beats, *seen], axis=2)
    x = np.maximum(context @ member.together[0] + member.together[1], 0)
    return x @ member.scores[0] + member.scores[1]


def _lstm(weights: tuple[np.ndarray, np.ndarray, np.ndarray], beats: np.ndarray) -> np.ndarray:
    """Output of an LSTM at each step (Hochreiter and Schmidhuber 1997; gates in Keras' order)."""
    kernel, recurrent, bias = weights
    units = recurrent.shape[0]
    given = beats @ kernel + bias
    hidden = np.zeros((len(beats), units), np.float32)
    cell, outputs = hidden, []
    for step in range(beats.shape[1]):
        gates = given[:, step] + hidden @ recurrent
        take, forget, output = (expit(gates[:, k * units : (k + 1) * units]) for k in (0, 1, 3))
        cell = forget * cell + take * np.tanh(gates[:, 2 * units : 3 * units])
        hidden = output * np.tanh(cell)
        outputs.append(hidden)
    return np.stack(outputs, axis=1)


def _stored_weights(stored: h5py.File) -> dict:
    """Weights of each layer, from a file that Keras saved."""

    def of(place: str) -> list[np.ndarray]:
        variables = stored[f"{place}/vars"]
        return [np.asarray(variables[str(i)]) for i in range(len(variables))]

    both = "bidirectional" in stored["layers"]
    ways = [f"bidirectional/{way}_layer" for way in ("forward", "backward")] if both else ["lstm"]
    blocks = sum(name.startswith("conv1d") for name in stored[INSIDE])
    suffixes = ["", *(f"_{i}" for i in range(1, blocks))]
    return {
        "conv": [of(f"{INSIDE}/conv1d{suffix}")[0] for suffix in suffixes],
        "norm": [of(f"{INSIDE}/batch_normalization{suffix}") for suffix in suffixes],
        "features": of(f"{INSIDE}/dense"),
        "lstm": [of(f"layers/{way}/cell") for way in ways],
        "together": of("layers/dense"),
        "scores": of("layers/dense_1"),
    }


def _split(weights: dict) -> tuple[Member, ...]:
    """The members that stand side by side in a network."""
    folded = []
    for kernel, (gamma, beta, mean, variance) in zip(weights["conv"], weights["norm"], strict=True):
        factor = gamma / np.sqrt(variance + EPSILON)
        folded.append((kernel * factor, beta - mean * factor))
    count = _members(folded, weights)
    return tuple(_member(folded, weights, count, place) for place in range(count))


def _members(folded: list[tuple[np.ndarray, np.ndarray]], weights: dict) -> int:
    """How many networks stand side by side: outside their blocks all weights are zero."""
    if len(folded) == 1:
        return 1
    second, recurrent = folded[1][0], weights["lstm"][0][1]
    most = second.shape[1]
    for count in range(most, 1, -1):
        if any(size % count for size in (*second.shape[1:], recurrent.shape[0])):
            continue
        inside = np.zeros_like(second, dtype=bool)
        for place in range(count):
            inside[
                :, _part(second.shape[1], count, place), _part(second.shape[2], count, place)
            ] = 1
        if not second[~inside].any():
            return count
    return 1


def _part(size: int, count: int, place: int) -> slice:
    each = size // count
    return slice(place * each, (place + 1) * each)


def _member(
    folded: list[tuple[np.ndarray, np.ndarray]], weights: dict, count: int, place: int
) -> Member:
    def part(size: int) -> slice:
        return _part(size, count, place)

    convolutions = []
    for number, (kernel, bias) in enumerate(folded):
        kernel = kernel[:, :, part(kernel.shape[2])]
        if number:
            kernel = kernel[:, part(kernel.shape[1])]
        convolutions.append((np.ascontiguousarray(kernel, np.float32), bias[part(len(bias))]))
    kernel, bias = weights["features"]
    channels = folded[-1][0].shape[2]
    rows = np.arange(len(kernel)).reshape(-1, channels)[:, part(channels)].ravel()
    features = kernel[rows][:, part(len(bias))], bias[part(len(bias))]
    described = np.arange(len(bias))
    directions = []
    for kernel, recurrent, bias in weights["lstm"]:
        units = recurrent.shape[0]
        rr = np.arange(len(described), len(kernel))
        given = np.concatenate([described[part(len(described))], rr])
        gates = np.concatenate([k * units + np.arange(units)[part(units)] for k in range(4)])
        directions.append(
            (kernel[given][:, gates], recurrent[part(units)][:, gates], bias[gates])
        )  # fmt: skip
    kernel, bias = weights["together"]
    units = weights["lstm"][0][1].shape[0]
    base = len(weights["lstm"][0][0])
    seen = [base + k * units + np.arange(units)[part(units)] for k in range(len(directions))]
    rows = np.concatenate([given, *seen])
    columns = part(len(bias))
    together = kernel[rows][:, columns], bias[columns]
    kernel, bias = weights["scores"]
    scores = kernel[part(len(kernel))], bias / count
    return Member(tuple(convolutions), features, tuple(directions), together, scores)
