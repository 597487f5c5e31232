"""The face of the package: a classifier that also predicts tables and explains beats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from arrhythmia import classifier as trunk
from arrhythmia.drawing import clock
from arrhythmia.explain.case import Case
from arrhythmia.explain.gather import explain_beat
from arrhythmia.explain.method_names import DEFAULT_METHOD
from arrhythmia.files import DEFAULT_MODEL
from arrhythmia.limits import Limits
from arrhythmia.predictions import record_table
from arrhythmia.records import Record
from arrhythmia.rhythm import Event
from arrhythmia.trust.confidence import Confidence, is_calibrated
from arrhythmia.trust.events import events_of_record


class Classifier(trunk.Classifier):
    """A network, its settings, and how far it can be trusted.

    Attributes
    ----------
    confidence : Confidence or None
        None where the model is not calibrated.

    Examples
    --------
    >>> from arrhythmia import Classifier, read_record
    >>> classifier = Classifier.load()
    >>> record = read_record("208-excerpt")
    >>> beats = classifier.predict(record)
    >>> case = classifier.explain(record, 10)
    >>> case.called == beats["class"][10]
    True
    """

    confidence: Confidence | None = None

    @classmethod
    def load(cls, folder: str | Path = DEFAULT_MODEL) -> Classifier:
        """Load a saved model; by default the one that comes with the package.

        Parameters
        ----------
        folder : str or Path
            Written by ``python -m arrhythmia train``.

        Raises
        ------
        InputError
            If the folder is missing, incomplete, damaged or incompatible.
        """
        classifier = super().load(folder)
        classifier.confidence = Confidence.load(folder) if is_calibrated(folder) else None
        return classifier

    def predict(
        self, record: Record, lead: str | None = None, source: str | None = None
    ) -> pd.DataFrame:
        """Classify every beat of a record.

        Parameters
        ----------
        record : Record
            As `arrhythmia.read_record` gives it.
        lead : str, optional
            Name of the only lead to read; by default all ECG leads are read.
        source : str, optional
            ``"atr"`` for the R peaks of the annotation, ``"detect"`` to detect them; by default
            the annotation where there is one.

        Returns
        -------
        pandas.DataFrame
            A row a beat: ``sample``, ``time`` (seconds), ``symbol`` where there is a reference
            annotation, ``class``, ``p_N`` … ``p_F``, the same calibrated (``c_N`` …), prediction
            sets (``set90``, ``set95``), ``refer`` and ``reason``, ``rr_pre`` and ``rr_post``
            (seconds). Calibrated columns, sets and referral are there for a calibrated model.
            ``table.attrs["notes"]`` says what the user should know: which lead was taken, and
            whether R peaks were detected.

        Raises
        ------
        InputError
            If the record cannot be used.
        """
        beats = self.find_beats(record, lead, source)
        probabilities = self.probabilities(beats)
        assessment = None
        if self.confidence is not None:
            assessment = self.confidence.assess(self, record, beats, probabilities=probabilities)
        table = record_table(beats, probabilities, record.fs, assessment)
        table.attrs["notes"] = (*record.notes, *beats.notes)
        return table

    def events(
        self,
        record: Record,
        lead: str | None = None,
        source: str | None = None,
        limits: Limits = Limits(),  # noqa: B008, frozen
    ) -> pd.DataFrame:
        """Stretches of rhythms: fibrillation, tachycardia, bi- and trigeminy, pauses, noise.

        Parameters
        ----------
        record, lead, source
            The same as for `predict`.
        limits : Limits
            What is called a pause, and a tachycardia.

        Returns
        -------
        pandas.DataFrame
            A row an event, in order of time: ``event``, ``start`` and ``end`` (clock time),
            ``start_s``, ``end_s`` and ``seconds``, ``beats``, and ``rate`` (beats per minute).
            ``table.attrs["notes"]`` as `predict` gives it.

        Raises
        ------
        InputError
            If the record cannot be used.
        """
        beats = self.find_beats(record, lead, source)
        called = self.probabilities(beats).argmax(axis=1)
        events = events_of_record(record, beats, called, self.settings.beats, limits=limits)
        table = _event_table(events)
        table.attrs["notes"] = (*record.notes, *beats.notes)
        return table

    def explain(
        self,
        record: Record,
        beat: int,
        method: str = DEFAULT_METHOD,
        target_class: str | None = None,
        lead: str | None = None,
        source: str | None = None,
    ) -> Case:
        """Explain the class of one beat.

        Parameters
        ----------
        record : Record
        beat : int
            Row of the table that `predict` gives.
        method : str
            A key of `arrhythmia.explain.methods.METHODS`.
        target_class : str, optional
            One of N, S, V, E, F; by default the class that the beat is given.
        lead, source : str, optional
            The same as for `predict`.

        Raises
        ------
        InputError
            If there is no such method, class or beat, or the record cannot be used.
        """
        beats = self.find_beats(record, lead, source)
        return explain_beat(
            self, record, beat, beats=beats, method=method, target_class=target_class
        )


__all__ = ["Classifier"]


def _event_table(events: Sequence[Event]) -> pd.DataFrame:
    columns = ("event", "start", "end", "start_s", "end_s", "seconds", "beats", "rate")
    rows = [
        (
            event.name, clock(event.start_s), clock(event.end_s), round(event.start_s, 3),
            round(event.end_s, 3), round(event.seconds, 2), event.last - event.first + 1,
            round(event.rate, 1),
        )
        for event in events
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
