"""Recordings to classes on disk: a WFDB annotation file for each."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model_settings import read_settings
from arrhythmia.naming import READER, Decisions, decisions_file
from arrhythmia.records import read_record
from arrhythmia.which_model import choose_model

ANNOTATOR = "ai"
"""Suffix of the annotation files."""


@dataclass(frozen=True)
class Annotated:
    """What was written for a record.

    Parameters
    ----------
    file : Path
        The annotation file.
    counts : dict
        Beat class to number of beats, for the classes that occur.
    by_reader : int
        Beats that a reader named, see `arrhythmia.naming`.
    """

    file: Path
    counts: dict[str, int]
    by_reader: int = 0


def annotate(
    names: Sequence[str | Path],
    output_dir: str | Path = ".",
    model: str | Path | None = None,
    data_dir: str | Path | None = None,
    lead: str | None = None,
    source: str | None = None,
    decisions: str | Path | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[Annotated]:
    """Classify every beat of some records, and write ``RECORD.ai`` for each.

    All records are read before the first file is written.

    Parameters
    ----------
    names : sequence of str or Path
        Records, as `arrhythmia.records.read_record` takes them.
    output_dir : str or Path
        Made where it is missing.
    model : str or Path, optional
        Folder of a saved model; by default see `arrhythmia.which_model.choose_model`.
    data_dir : str or Path, optional
        Folder of the database.
    lead : str, optional
        Name of the lead; by default MLII, or the first ECG lead.
    source : str, optional
        ``"atr"`` for the R peaks of the annotation, ``"detect"`` to detect them; by default the
        annotation where there is one.
    decisions : str or Path, optional
        Folder of what a reader decided of the records' templates; by default that of each record.
    note : callable
        Told what the user should know.

    Yields
    ------
    Annotated
        As soon as the file of a record is written.

    Raises
    ------
    InputError
        If a record or the model cannot be used, or a file cannot be written.
    """
    if model is not None:
        read_settings(model)
    if decisions is not None and not Path(decisions).is_dir():
        raise InputError(f"no folder '{decisions}': give that of the reader's decisions")
    rates: dict[str, float] = {}
    decided: dict[str, Decisions] = {}
    beats_of: dict[str, Beats] = {}
    models: dict[str, Path] = {}
    for name in names:
        folder, model_notes = choose_model(name, data_dir, model)
        record = read_record(name, data_dir)
        if record.name in beats_of:
            raise InputError(f"two records are named '{record.name}': annotate them one by one")
        beats = find_beats(record, read_settings(folder).beats, lead, source)
        reader = Decisions.load(decisions_file(name, data_dir, decisions))
        for line in (*model_notes, *record.notes, *beats.notes, *reader.notes(beats)):
            note(line)
        beats_of[record.name], rates[record.name] = beats, record.fs
        decided[record.name], models[record.name] = reader, folder
    classifiers = {folder: Classifier.load(folder) for folder in dict.fromkeys(models.values())}
    for name, beats in beats_of.items():
        classifier = classifiers[models[name]]
        called = np.array(BEAT_CLASSES)[classifier.probabilities(beats).argmax(axis=1)]
        classes, by_reader = decided[name].classes(beats, called)
        file = Path(output_dir) / f"{name}.{ANNOTATOR}"
        remarks = [READER if by else "" for by in by_reader]
        write_annotation(file, beats.sample, list(classes), rates[name], remarks)
        counts = Counter(classes.tolist())
        by_class = {c: counts[c] for c in BEAT_CLASSES if c in counts}
        yield Annotated(file, by_class, int(by_reader.sum()))


def write_annotation(
    file: Path,
    sample: np.ndarray,
    symbols: list[str],
    fs: float,
    remarks: list[str] | None = None,
) -> None:
    """Write a WFDB annotation file, whole or not at all.

    Parameters
    ----------
    file : Path
        Its suffix is the name of the annotator.
    sample : ndarray of int, shape (beats,)
        In samples of the record.
    symbols : list of str
        WFDB symbols.
    fs : float
        Hz.
    remarks : list of str, optional
        Text for each beat, such as who named it; empty for none.
    """
    import wfdb

    notes = remarks if remarks and any(remarks) else None

    with tempfile.TemporaryDirectory() as part, whole_file(file) as whole:
        wfdb.wrann(
            "record", ANNOTATOR, sample, symbol=symbols, fs=fs, aux_note=notes, write_dir=part
        )
        whole.write_bytes(Path(part, f"record.{ANNOTATOR}").read_bytes())
