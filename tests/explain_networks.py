"""Networks with weights set by hand, so that what they go by is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arrhythmia.backend import keras
from arrhythmia.classifier import Classifier
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.model_settings import ModelSettings
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.signals import BeatSettings

N, S, V, E, F = range(5)
RUN = 3
SETTINGS = BeatSettings()


def readable(blocks: int) -> Classifier:
    """A network that can be read: what rises speaks for V against N, what falls for F against S.

    The first filter of each block hands on what is positive in the beat itself, the second
    what is negative; the LSTM says nothing, and E gets no evidence at all.
    """
    shape = NetworkSettings(
        run=RUN, filters=(2,) * blocks, kernels=(3,) * blocks, features=2, units=2
    )
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    encoder = network.get_layer("each_beat").layer

    def set_weights(model: keras.Model, name: str, change: Callable[..., None]) -> None:
        weights = [np.zeros_like(weight) for weight in model.get_layer(name).get_weights()]
        change(*weights)
        model.get_layer(name).set_weights(weights)

    def first(kernel: np.ndarray) -> None:
        kernel[1, 0] = 1, -1

    def further(kernel: np.ndarray) -> None:
        kernel[1] = np.eye(2)

    def features(kernel: np.ndarray, _: np.ndarray) -> None:
        kernel[0::2, 0] = kernel[1::2, 1] = 1

    def together(kernel: np.ndarray, _: np.ndarray) -> None:
        kernel[0, 0] = kernel[1, 1] = 1

    def scores(kernel: np.ndarray, _: np.ndarray) -> None:
        kernel[0, [V, N]] = kernel[1, [F, S]] = 1, -1

    set_weights(encoder, "conv1", first)
    for block in range(2, blocks + 1):
        set_weights(encoder, f"conv{block}", further)
    set_weights(encoder, "features", features)
    set_weights(network, "lstm", lambda *_: None)
    set_weights(network, "together", together)
    set_weights(network, "scores", scores)
    return Classifier(network, ModelSettings(SETTINGS, RUN, 0))


def clock(limit: float) -> Classifier:
    """A network that calls S what comes earlier than a part of the local RR interval, else N."""
    shape = NetworkSettings(RUN, (2,), (3,), features=2, units=2)
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])

    def change(name: str, places: dict, bias: dict) -> None:
        weights = network.get_layer(name).get_weights()
        for place, value in places.items():
            weights[0][place] = value
        for place, value in bias.items():
            weights[1][place] = value
        network.get_layer(name).set_weights(weights)

    local = 2 + RR_INPUTS.index("rr_pre / median of the 21 beats around")
    change("together", {(local, 0): -10.0}, {0: 10.0})  # 10 - 10 log(rr_pre / local), positive
    change("scores", {(0, S): 1.0}, {N: 10 - 10 * np.log(limit), V: -9.0, E: -9.0, F: -9.0})
    return Classifier(network, ModelSettings(SETTINGS, RUN, 0))


def blind(*unseen: str) -> Classifier:
    """A network with random weights that does not see some of ``beat``, ``difference``, ``rr``."""
    keras.utils.set_random_seed(3)
    shape = NetworkSettings(RUN, (4, 8), (5, 3), 8, 8)
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    for channel, name in enumerate(("beat", "difference")):
        if name in unseen:
            conv = network.get_layer("each_beat").layer.get_layer("conv1")
            (kernel,) = conv.get_weights()
            kernel[:, channel] = 0
            conv.set_weights([kernel])
    if "rr" in unseen:
        timing = slice(shape.features, shape.features + len(RR_INPUTS))
        for name, kernels in (("lstm", (0, 3)), ("together", (0,))):
            weights = network.get_layer(name).get_weights()
            for place in kernels:  # those that the inputs are multiplied with
                weights[place][timing] = 0
            network.get_layer(name).set_weights(weights)
    return Classifier(network, ModelSettings(SETTINGS, RUN, 0))
