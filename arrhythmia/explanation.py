"""Why a beat got its class: Grad-CAM for a convolution inside TimeDistributed.

Grad-CAM is that of Selvaraju et al., Int. J. Comput. Vis. 128 (2020) 336-359, in one
dimension: the score of a class before the softmax is differentiated by the activations of the
last convolutional block of the beat in question; the gradients, averaged over time, weigh the
activations' sum, and what is negative in it is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.sequences import network_inputs


@dataclass(frozen=True)
class Heatmap:
    """Evidence for a class along a segment.

    Parameters
    ----------
    values : ndarray, shape (samples,)
        From 0 to 1, relative to the strongest place of this beat; all 0 where nothing in the
        shape of the beat speaks for the class.
    target_class : str
        The class explained.
    message : str
        What to know when the map is empty; else empty.
    """

    values: np.ndarray
    target_class: str
    message: str = ""


def grad_cam(
    classifier: Classifier, beats: Beats, beat: int, target_class: str | None = None
) -> Heatmap:
    """Grad-CAM of one beat, read in the run that has it in the middle.

    Parameters
    ----------
    classifier : Classifier
        Trained, or loaded from disk.
    beats : Beats
        All beats of the record.
    beat : int
        Which of them, from 0.
    target_class : str, optional
        One of `arrhythmia.labels.BEAT_CLASSES`; the class with the greatest score by default.

    Returns
    -------
    Heatmap
    """
    from arrhythmia.backend import tf

    network, run = classifier.network, classifier.settings.run
    places, here = run_around(len(beats), beat, run)
    inputs = network_inputs(beats)
    encoder = network.get_layer("each_beat").layer
    last = max(i for i, layer in enumerate(encoder.layers) if layer.name.startswith("relu"))
    front, back = encoder.layers[1 : last + 1], encoder.layers[last + 1 :]
    x = tf.constant(inputs.segments[places])
    for layer in front:
        x = layer(x, training=False)
    with tf.GradientTape() as tape:
        tape.watch(x)
        features = x
        for layer in back:
            features = layer(features, training=False)
        beat_inputs = tf.concat([features, inputs.rr[places]], axis=1)[None]
        context = network.get_layer("lstm")(beat_inputs, training=False)
        joined = tf.concat([beat_inputs, context], axis=2)
        together = network.get_layer("together")(joined)
        scores = network.get_layer("scores")(together)[0, here]
        if target_class is None:
            target_class = BEAT_CLASSES[int(tf.argmax(scores))]
        score = scores[BEAT_CLASSES.index(target_class)]
    gradient = tape.gradient(score, x)[here].numpy()
    coarse = np.maximum(x[here].numpy() @ gradient.mean(axis=0), 0.0)
    top = float(coarse.max())
    length = beats.segments.shape[1]
    if not np.isfinite(top) or top <= 1e-9:
        message = f"Grad-CAM finds nothing in the shape of this beat that speaks for {target_class}"
        return Heatmap(np.zeros(length), target_class, message)
    step = length // len(coarse)  # pooling drops what is left over at the end
    centers = (np.arange(len(coarse)) + 0.5) * step - 0.5
    return Heatmap(np.interp(np.arange(length), centers, coarse / top), target_class)


def run_around(beats: int, beat: int, length: int) -> tuple[np.ndarray, int]:
    """Beats of the run that has one beat nearest to its middle, and the beat's place in it.

    Parameters
    ----------
    beats : int
        Beats of the record.
    beat : int
        Which of them.
    length : int
        Beats of a run; a shorter record repeats its last beat.
    """
    start = int(np.clip(beat - length // 2, 0, max(beats - length, 0)))
    return np.minimum(start + np.arange(length), beats - 1), beat - start
