"""A trained network for one beat at a time: its members are run side by side.

`arrhythmia.forward` runs many beats of one member after the other; for a single beat most of its
time would go into calls. The result is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import softmax

from arrhythmia.forward import Forward


class Network:
    """The members of a network, stacked.

    Parameters
    ----------
    forward : Forward
    """

    def __init__(self, forward: Forward) -> None:
        members = forward.members

        def stacked(arrays: list[np.ndarray]) -> np.ndarray:
            return np.ascontiguousarray(np.stack(arrays), np.float32)

        def layer(name: str) -> tuple[np.ndarray, np.ndarray]:
            pairs = [getattr(member, name) for member in members]
            return stacked([k for k, _ in pairs]), stacked([b for _, b in pairs])[:, None]

        self._convolutions = []
        for block in range(len(members[0].convolutions)):
            kernels = [member.convolutions[block][0] for member in members]
            biases = [member.convolutions[block][1] for member in members]
            flat = [kernel.reshape(-1, kernel.shape[2]) for kernel in kernels]
            self._convolutions.append((len(kernels[0]), stacked(flat), stacked(biases)[:, None]))
        self._features = layer("features")
        self._directions = [
            tuple(
                _for_tanh(stacked([member.directions[way][part] for member in members]))
                for part in range(3)
            )
            for way in range(len(members[0].directions))
        ]
        self._together, self._scores = layer("together"), layer("scores")

    @property
    def features_shape(self) -> tuple[int, int]:
        """Members, and features that each gives of a beat."""
        return self._features[0].shape[0], self._features[0].shape[2]

    def features(self, segments: np.ndarray) -> np.ndarray:
        """What the encoders say of beats.

        Parameters
        ----------
        segments : ndarray of float32, shape (beats, samples, channels)

        Returns
        -------
        ndarray of float32, shape (members, beats, features)
        """
        x = segments[None].astype(np.float32)
        beats = len(segments)
        for width, kernel, bias in self._convolutions:
            members, _, samples, inputs = x.shape
            padded = np.zeros((members, beats, samples + width - 1, inputs), np.float32)
            first = (width - 1) // 2
            padded[:, :, first : first + samples] = x
            flat = padded.reshape(members, beats, -1)
            windows = sliding_window_view(flat, width * inputs, axis=2)[:, :, ::inputs]
            x = windows.reshape(members, -1, width * inputs) @ kernel + bias
            x = x.reshape(len(kernel), beats, samples, -1)
            half = samples // 2
            x = np.maximum(x[:, :, 0 : 2 * half : 2], x[:, :, 1 : 2 * half : 2])
            x = np.maximum(x, 0, out=x)
        kernel, bias = self._features
        return np.maximum(x.reshape(len(kernel), beats, -1) @ kernel + bias, 0)

    def probabilities(self, features: np.ndarray, rr: np.ndarray, after: int = 0) -> np.ndarray:
        """Probabilities of one beat of a run, in each lead.

        Parameters
        ----------
        features : ndarray of float32, shape (members, leads, run, features)
        rr : ndarray of float32, shape (leads, run, inputs)
        after : int
            Beats of the run that come after the one asked for.

        Returns
        -------
        ndarray of float, shape (leads, 5)
        """
        members, leads, run, _ = features.shape
        shared = np.broadcast_to(rr, (members, *rr.shape))
        beats = np.concatenate([features, shared], axis=3).astype(np.float32)
        place = run - 1 - after
        seen = [self._lstm(0, beats[:, :, : place + 1])]
        seen += [self._lstm(1, beats[:, :, : place - 1 if place else None : -1])] * (
            len(self._directions) - 1
        )
        context = np.concatenate([beats[:, :, place], *seen], axis=2)
        x = np.maximum(context @ self._together[0] + self._together[1], 0)
        return softmax((x @ self._scores[0] + self._scores[1]).sum(axis=0), axis=-1)

    def _lstm(self, way: int, beats: np.ndarray) -> np.ndarray:
        """Output of one direction after its last step, shape (members, leads, units)."""
        kernel, recurrent, bias = self._directions[way]
        members, leads, run, inputs = beats.shape
        units = recurrent.shape[1]
        given = beats.transpose(0, 2, 1, 3).reshape(members, run * leads, inputs) @ kernel
        given = (given + bias[:, None]).reshape(members, run, leads, -1)
        hidden = cell = np.zeros((members, leads, units), np.float32)
        for step in range(run):
            gates = np.tanh(given[:, step] + hidden @ recurrent if step else given[:, 0])
            opened = 0.5 * gates[..., : 3 * units] + 0.5
            cell = opened[..., units : 2 * units] * cell
            cell += opened[..., :units] * gates[..., 3 * units :]
            hidden = opened[..., 2 * units :] * np.tanh(cell)
        return hidden


def _for_tanh(weight: np.ndarray) -> np.ndarray:
    """Gates in the order take, forget, output, new; the first three halved.

    The logistic function of x is half the hyperbolic tangent of x / 2, and a half: so all gates
    are one call.
    """
    units = weight.shape[-1] // 4
    take, forget, new, output = (weight[..., k * units : (k + 1) * units] for k in range(4))
    return np.concatenate([0.5 * take, 0.5 * forget, 0.5 * output, new], axis=-1)
