"""A trained network with the preprocessing it was trained on: save, load, classify."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import softmax

from arrhythmia.beats import Beats, find_beats
from arrhythmia.blocks import side_by_side
from arrhythmia.decision import Decision, only
from arrhythmia.errors import InputError
from arrhythmia.files import DEFAULT_MODEL, compress_archive, whole_folder
from arrhythmia.forward import Forward, input_shapes
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import join_leads, lead_shares
from arrhythmia.model_settings import ModelSettings, check_archive, read_settings
from arrhythmia.records import Record
from arrhythmia.second_stage import with_second_stage
from arrhythmia.sequences import CHANNELS, RR_INPUTS, Inputs, covering_runs, network_inputs
from arrhythmia.templates import FEWEST_BEATS, find_templates, with_templates

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

RUNS_AT_ONCE: Final = 512
"""Bounds memory for day-long recordings."""


class Classifier:
    """A network and its settings.

    Parameters
    ----------
    network : keras.Model
        As built by `arrhythmia.model.build_network`, trained.
    settings : ModelSettings
        Preprocessing and facts of the training.
    members : sequence of Classifier
        Networks whose mean it gives, while it is in memory; `save` does not keep them.
    """

    def __init__(
        self,
        network: keras.Model | None,
        settings: ModelSettings,
        members: Sequence[Classifier] = (),
        file: Path | None = None,
    ) -> None:
        self._network = network
        self._file = file
        self.settings = settings
        self.members = tuple(members)
        self._runner: Forward | None = None
        self._halves = None
        self._traced: list = []

    @classmethod
    def load(cls, folder: str | Path = DEFAULT_MODEL) -> Classifier:
        """Load what `save` wrote; Keras is imported when ``network`` is asked for.

        Raises
        ------
        InputError
            If the folder is missing, incomplete, damaged or incompatible.
        """
        settings = read_settings(folder)
        file = Path(folder) / "model.keras"
        classifier = cls(None, settings, file=file)
        try:
            check_archive(file)
            classifier._runner = Forward.read(file)
            shapes = input_shapes(file), classifier._runner.outputs(settings.run)
        except Exception as error:  # zipfile, zlib and h5py raise many kinds for a damaged file
            raise classifier._unreadable(error) from error
        wanted = [
            (None, settings.run, settings.beats.length, CHANNELS),
            (None, settings.run, len(RR_INPUTS)),
        ]
        outputs = (None, settings.run, len(BEAT_CLASSES))
        if shapes != (wanted, outputs):
            raise InputError(
                f"'{file}' takes inputs of shape {shapes[0]} and gives {shapes[1]}, its settings "
                f"say {wanted} and {outputs}: it was saved by an incompatible version"
            )
        if not classifier.runner.is_finite:
            raise InputError(f"'{file}' holds weights that are NaN or infinite: get it again")
        return classifier

    def _unreadable(self, error: Exception) -> InputError:
        reason = (str(error) or repr(error)).strip().split("\n")[0][:100]
        return InputError(
            f"'{self._file}' cannot be loaded ({reason}): it is damaged or was saved by another "
            f"version of Keras ({self.settings.versions.get('keras', 'unknown')})"
        )

    @property
    def network(self) -> keras.Model:
        """The network as Keras knows it: for training and for gradients.

        Raises
        ------
        InputError
            If the file is damaged or foreign.
        """
        if self._network is None:
            from arrhythmia.backend import keras

            try:
                self._network = keras.saving.load_model(self._file, compile=False)
            except Exception as error:  # Keras raises many kinds for a damaged or foreign file
                raise self._unreadable(error) from error
        return self._network

    @property
    def runner(self) -> Forward:
        """The network as it is run with NumPy.

        Raises
        ------
        ValueError
            If it is of another kind than `arrhythmia.model.build_network` builds.
        """
        if self._runner is None:
            self._runner = Forward.of(self.network)
        return self._runner

    def save(self, folder: str | Path, history: str | None = None) -> None:
        """Write ``model.keras`` and ``settings.json``, whole or not at all.

        Parameters
        ----------
        folder : str or Path
            E.g. ``saved_models/mine``.
        history : str, optional
            Text of ``history.csv``.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        with whole_folder(folder) as part:
            self.network.save(part / "model.keras")
            compress_archive(part / "model.keras")  # an ensemble's weights are mostly zeros
            (part / "settings.json").write_text(self.settings.to_json(), encoding="utf-8")
            if history is not None:
                (part / "history.csv").write_text(history, encoding="utf-8")

    def find_beats(
        self, record: Record, lead: str | None = None, source: str | None = None
    ) -> Beats:
        """Beats of a record as this network takes them.

        Parameters
        ----------
        record : Record
            At any sampling rate.
        lead : str, optional
            Name of the only lead to read; by default all ECG leads are read.
        source : str, optional
            ``"atr"`` for the R peaks of the annotation, ``"detect"`` to detect them; by default
            the annotation where there is one.

        Raises
        ------
        InputError
            If the record cannot be used.
        """
        return find_beats(record, self.settings.beats, lead, source)

    def scores(self, segments: np.ndarray, rr: np.ndarray) -> tf.Tensor:
        """Scores of runs before the softmax; differentiable, for explanations.

        Parameters
        ----------
        segments : ndarray or Tensor of float32, shape (runs, run, samples, 2)
        rr : ndarray or Tensor of float32, shape (runs, run, 9)

        Returns
        -------
        Tensor of float32, shape (runs, run, 5)
        """
        from arrhythmia.backend import tf

        segments = tf.convert_to_tensor(segments)
        described = self.describe(tf.reshape(segments, (-1, *segments.shape[2:])))
        described = tf.reshape(described, (-1, segments.shape[1], described.shape[-1]))
        return self.read(described, rr)

    def describe(self, segments: np.ndarray) -> tf.Tensor:
        """What the encoder says of beats (beats, samples, 2), for `read`: (beats, features)."""
        from arrhythmia.backend import tf

        work = self._traced[0] if self._traced else self.halves[0]
        return work(tf.convert_to_tensor(segments))

    def read(self, described: np.ndarray, rr: np.ndarray) -> tf.Tensor:
        """Scores before the softmax (runs, run, 5) from descriptions and RR inputs of runs."""
        from arrhythmia.backend import tf

        work = self._traced[1] if self._traced else self.halves[1]
        return work([tf.convert_to_tensor(described), tf.convert_to_tensor(rr)])

    def trace(self) -> Classifier:
        """Make many explanations quick: takes a second now, and saves nine tenths of each."""
        from arrhythmia.backend import tf

        self._traced = [tf.function(half, reduce_retracing=True) for half in self.halves]
        return self

    @property
    def halves(self) -> tuple[keras.Model, keras.Model]:
        """Encoder and reader of the network; see `arrhythmia.model.halves`."""
        if self._halves is None:
            from arrhythmia.model import halves

            self._halves = halves(self.network)
        return self._halves

    def decide(self, beats: Beats, wanted: np.ndarray | None = None) -> Decision:
        """Classify the beats of a record: in each lead, in all, with their templates and rhythm.

        Parameters
        ----------
        beats : Beats
            Of one record.
        wanted : ndarray of int, optional
            Only these beats need be known, which saves time where each is judged by itself.
        """
        settings, stage = self.settings.templates, self.settings.second_stage
        templates = before = None
        together = settings is not None and len(beats) >= FEWEST_BEATS
        wanted = None if together else wanted
        by_lead = np.stack(
            side_by_side(lambda lead: self.network_probabilities(lead, wanted), beats.in_leads)
        )
        shares = lead_shares(beats, self.settings.beats)
        by_itself = probabilities = join_leads(by_lead, shares)
        if together:
            templates = find_templates(beats, settings).split(by_itself)
            probabilities = with_templates(by_itself, templates, settings)
            if stage is not None:
                before = probabilities
                probabilities = with_second_stage(before, templates, stage, self.settings.beats)
        return Decision(probabilities, by_itself, templates, by_lead, shares, before)

    def probabilities(self, beats: Beats, wanted: np.ndarray | None = None) -> np.ndarray:
        """Probability of every class for every beat, as `decide` gives them.

        Parameters
        ----------
        beats : Beats
        wanted : ndarray of int, optional
            Only these beats; the rows of the others are NaN.

        Returns
        -------
        ndarray of float, shape (beats, 5)
            In the order of `arrhythmia.labels.BEAT_CLASSES`.
        """
        return only(self.decide(beats, wanted).probabilities, wanted)

    def network_probabilities(self, beats: Beats, wanted: np.ndarray | None = None) -> np.ndarray:
        """Probability of every class for every beat in one lead, as the network gives it.

        Beats are read in runs that overlap; a beat's probabilities are averaged over the runs
        that hold it, with more weight where it stands near the middle.

        Parameters
        ----------
        beats : Beats
            Of one record.
        wanted : ndarray of int, optional
            Only these beats, which saves time; the rows of the others are NaN.

        Returns
        -------
        ndarray of float, shape (beats, 5)
            In the order of `arrhythmia.labels.BEAT_CLASSES`.
        """
        inputs = network_inputs(beats)
        places, weights = covering_runs(len(beats), self.settings.run)
        if wanted is not None:
            needed = np.isin(places, wanted).any(axis=1)
            places, weights = places[needed], weights[needed]
        outputs = self.run_probabilities(inputs, places)
        sums = np.zeros((len(beats), len(BEAT_CLASSES)))
        np.add.at(sums, places.ravel(), (outputs * weights[..., None]).reshape(-1, sums.shape[1]))
        lost = len(sums) - np.count_nonzero(np.isfinite(sums).all(axis=1))
        if lost:
            raise InputError(
                f"{lost} of {len(sums)} beats have no finite probabilities: the signal has values "
                "out of all range; choose another lead"
            )
        return only(sums, wanted)

    def run_probabilities(self, inputs: Inputs, places: np.ndarray) -> np.ndarray:
        """Probabilities of runs of beats, each run by itself.

        Parameters
        ----------
        inputs : Inputs
            Of all beats of a record.
        places : ndarray of int, shape (runs, run)

        Returns
        -------
        ndarray of float, shape (runs, run, 5)
        """
        parts = np.array_split(places, -(-len(places) // RUNS_AT_ONCE))
        return np.concatenate([self._of_runs(inputs, part) for part in parts])

    def _of_runs(self, inputs: Inputs, places: np.ndarray) -> np.ndarray:
        try:
            runner = self.runner
        except ValueError:  # a study's network
            given = [inputs.segments[places], inputs.rr[places]]
            return np.asarray(self.network(given, training=False))
        needed, where = np.unique(places, return_inverse=True)
        features = runner.features(inputs.segments[needed])
        scores = runner.scores(features[where.reshape(places.shape)], inputs.rr[places])
        return softmax(scores, axis=-1)
