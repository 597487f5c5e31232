"""Several networks combined into one that gives the mean of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from arrhythmia.backend import keras
from arrhythmia.model import NetworkSettings, build_network

SEEDS_APART: Final = 100


def member_seeds(seed: int, members: int) -> list[int]:
    """Seeds of the networks of an ensemble: 100, 101 … for seed 0, 200, 201 … for seed 1."""
    return [SEEDS_APART * (seed + 1) + number for number in range(members)]


def combine(networks: Sequence[keras.Model], settings: NetworkSettings) -> keras.Model:
    """One network that gives the mean of the scores of several.

    It has the layers of a single network, each as wide as theirs together: side by side, with
    zeros where one network would be connected to another, and the mean in the last layer. (The
    mean of scores is a geometric mean of probabilities.)

    Parameters
    ----------
    networks : sequence of keras.Model
        As built by `arrhythmia.model.build_network` with these settings.
    settings : NetworkSettings
        Of each of them.

    Returns
    -------
    keras.Model
        As built by `arrhythmia.model.build_network`.
    """
    n, units, features = len(networks), settings.units, settings.features
    (_, _, samples, _), (_, _, rr) = networks[0].input_shape
    filters = tuple(n * width for width in settings.filters)
    wide = replace(settings, filters=filters, features=n * features, units=n * units)
    combined = build_network(samples, rr, wide)

    def weights_of(name: str) -> list[tuple[np.ndarray, ...]]:
        """Each weight of a layer, from all networks."""
        return list(zip(*[find_layer(m, name).get_weights() for m in networks], strict=True))

    new = {}
    for block in range(1, len(filters) + 1):
        (kernels,) = weights_of(f"conv{block}")
        beside = np.concatenate(kernels, axis=2) if block == 1 else _diagonal(kernels, 1, 2)
        new[f"conv{block}"] = [beside]
        new[f"norm{block}"] = [np.concatenate(weights) for weights in weights_of(f"norm{block}")]
    kernels, biases = weights_of("features")
    kernels = [k.reshape(-1, settings.filters[-1], features) for k in kernels]
    new["features"] = [_diagonal(kernels, 1, 2), np.concatenate(biases)]
    new["lstm"] = []
    for kernels, recurrent, biases in zip(*[iter(weights_of("lstm"))] * 3, strict=True):
        kernels = [k.reshape(-1, 4, units) for k in kernels]  # four gates
        new["lstm"] += [
            _stacked(kernels, (features, rr)),
            _diagonal([k.reshape(-1, 4, units) for k in recurrent], 0, 2),
            np.concatenate([b.reshape(4, units) for b in biases], axis=1),
        ]
    kernels, biases = weights_of("together")
    rows = (features, rr) + (units,) * (1 + settings.bidirectional)
    new["together"] = [_stacked(kernels, rows), np.concatenate(biases)]
    kernels, biases = weights_of("scores")
    new["scores"] = [np.concatenate(kernels) / n, np.mean(biases, axis=0)]
    for name, weights in new.items():
        layer = find_layer(combined, name)
        shapes = [old.shape for old in layer.get_weights()]
        layer.set_weights([w.reshape(s) for w, s in zip(weights, shapes, strict=True)])
    return combined


def find_layer(network: keras.Model, name: str) -> keras.Layer:
    """A layer of a network or of its encoder."""
    inside = {layer.name: layer for layer in network.get_layer("each_beat").layer.layers}
    return inside[name] if name in inside else network.get_layer(name)


def _diagonal(kernels: Sequence[np.ndarray], inputs: int, outputs: int) -> np.ndarray:
    """Kernels of one shape side by side along two axes, with zeros between them."""
    shape = list(kernels[0].shape)
    size = shape[inputs], shape[outputs]
    shape[inputs], shape[outputs] = (len(kernels) * length for length in size)
    whole = np.zeros(shape, dtype=np.float32)
    for i, kernel in enumerate(kernels):
        place = [slice(None)] * len(shape)
        place[inputs], place[outputs] = (slice(i * n, (i + 1) * n) for n in size)
        whole[tuple(place)] = kernel
    return whole


def _stacked(kernels: Sequence[np.ndarray], rows: tuple[int, ...]) -> np.ndarray:
    """Kernels of several inputs, whose rows these are, as `_diagonal` places them.

    All networks share the second input, the RR inputs, whose kernels stand beside each other.
    """
    parts = zip(*[np.split(kernel, np.cumsum(rows)[:-1]) for kernel in kernels], strict=True)
    outputs = kernels[0].ndim - 1
    return np.concatenate(
        [
            np.concatenate(part, axis=outputs) if i == 1 else _diagonal(part, 0, outputs)
            for i, part in enumerate(parts)
        ]
    )
