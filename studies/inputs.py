"""Networks that do not see some of their inputs, and beats that know only their past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from arrhythmia.backend import keras
from arrhythmia.beats import (
    Beats,
    Prepared,
    cut_beats,
    cut_segments,
)
from arrhythmia.origin import typical_beat
from arrhythmia.p_wave import p_wave_similarity
from arrhythmia.rr import mean_rr
from arrhythmia.signals import BeatSettings, center_qrs

INPUTS: Final = ("beat", "difference", "rr", "p waves")
"""The beat, its difference from the template beat, the RR inputs, and the last of these on its
own, the P-wave similarity."""

RENEWED: Final = 20
"""Beats after which a template beat of the past is renewed, and the fewest it is made from."""


def without_inputs(network: keras.Model, unseen: Sequence[str]) -> keras.Model:
    """A network that sees zeros in place of some of its inputs.

    Parameters
    ----------
    network : keras.Model
        As built by `arrhythmia.model.build_network`. Its layers, and so its weights, are shared.
    unseen : sequence of str
        Of `INPUTS`.
    """
    shapes = [float(name not in unseen) for name in INPUTS[:2]]
    rr, p_waves = (float(name not in unseen) for name in INPUTS[2:])
    timing = [rr] * (network.inputs[1].shape[-1] - 1) + [p_waves]

    def call(layer: keras.Layer, *args: object, **kwargs: object) -> object:
        if layer.name == "each_beat":
            args = (keras.layers.Rescaling(shapes, name="shapes_seen")(args[0]),)
        elif layer.name == "shape_and_rr":
            described, values = args[0]
            args = ([described, keras.layers.Rescaling(timing, name="timing_seen")(values)],)
        return layer(*args, **kwargs)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def cut_beats_of_the_past(prepared: Prepared, settings: BeatSettings, minutes: float) -> Beats:
    """Beats compared with the minutes before them alone, as a monitor could.

    Parameters
    ----------
    prepared : Prepared
    settings : BeatSettings
        How beats are made.
    minutes : float
        How far back the template beat, the amplitude and the mean RR interval look.

    Returns
    -------
    Beats
        As `arrhythmia.beats.cut_beats` gives them, but ``template_beat`` is of shape (beats,
        samples) and ``mean_rr`` of shape (beats,). Both are renewed every `RENEWED` beats; before
        so many have been seen, the first `RENEWED` stand for the past.
    """
    whole = cut_beats(prepared, settings)
    centers = center_qrs(prepared.signal, settings.fs, prepared.marks, settings.search)
    segments = cut_segments(prepared.signal, centers, settings)
    seconds, reach = centers / settings.fs, 60 * minutes
    templates, means = np.empty_like(segments), np.empty(len(segments))
    for first in range(0, len(segments), RENEWED):
        known = max(first, RENEWED)
        since = min(np.searchsorted(seconds, seconds[first] - reach), known - RENEWED)
        past, renewed = slice(since, known), slice(first, first + RENEWED)
        templates[renewed] = typical_beat(segments[past][:, None])[0]
        means[renewed] = mean_rr(whole.rr_pre[past])
    scale = np.maximum(np.std(templates, axis=1, keepdims=True), 1e-9)
    segments = segments / scale
    return replace(
        whole,
        segments=segments.astype(np.float32),
        template_beat=(templates / scale).astype(np.float32),
        mean_rr=means,
        p_wave_similarity=p_wave_similarity(segments, settings),
    )
