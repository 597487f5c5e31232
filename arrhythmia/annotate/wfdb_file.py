"""WFDB annotation files that ``wfdb.rdann``, WAVE, LightWAVE and ``bxb`` read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.annotate.analysis import Analysis
from arrhythmia.files import temporary_folder, whole_file
from arrhythmia.naming import READER

ANNOTATOR: Final = "ai"
"""Suffix of the annotation files."""
NOTE, QUALITY, UNCLASSIFIED = '"', "~", "Q"
"""Sample 0 belongs to the note in which WFDB keeps the rate."""


def write_annotation(file: Path, analysis: Analysis, model: str) -> None:
    """Write the classes of a record's beats, whole or not at all.

    A mark ``~`` with the reason stands where a stretch begins that cannot be assessed, another
    where it ends. Beats in it are not written, but those of a paced heart are, as ``Q``.

    Parameters
    ----------
    file : Path
        Its suffix is the name of the annotator.
    analysis : Analysis
        Of the record.
    model : str
        Name of the model, for a comment at the first sample.
    """
    import wfdb

    marks = [(1, NOTE, f"arrhythmia, model {model}; research software, not a medical device")]
    sample = analysis.beats.sample
    for first, last, reason in analysis.stretches:
        marks.append((int(sample[first]), QUALITY, f"not assessable: {reason}"))
        marks.append((int(sample[last]) + 1, QUALITY, "assessable"))
    rows = zip(sample, analysis.classes, analysis.assessable, analysis.by_reader, strict=True)
    for place, name, readable, by_reader in rows:
        if readable:
            marks.append((int(place), str(name), READER if by_reader else ""))
        elif analysis.paced:
            marks.append((int(place), UNCLASSIFIED, ""))
    marks.sort(key=lambda mark: (mark[0], mark[1] != NOTE, mark[1] != QUALITY))
    places, symbols, notes = zip(*marks, strict=True)
    with temporary_folder() as part, whole_file(file) as whole:
        wfdb.wrann(
            "record", ANNOTATOR, np.array(places), symbol=list(symbols), fs=analysis.record.fs,
            aux_note=list(notes), write_dir=part,
        )  # fmt: skip
        whole.write_bytes(Path(part, f"record.{ANNOTATOR}").read_bytes())
