"""Short recordings: ventricular beats found in pieces of ten seconds to three minutes of DS1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.beats import SHORT, cut_record, with_sinus_template
from arrhythmia.classifier import Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import Record, read_record
from arrhythmia.train.origin import fit_origin
from arrhythmia.trust.confidence import Confidence
from studies.results import RESULTS, of_model
from studies.whole_records import fold_classifiers

FILE: Final = "pieces.json"
LENGTHS_S: Final = (10, 30, 180, 1805)
"""Seconds of a piece; the last is the whole record."""
RULES: Final = 0.4
"""Where more beats than this share are V, they rule the piece."""
SURE: Final = 0.95
N, V, E = (BEAT_CLASSES.index(c) for c in "NVE")


def cut_pieces(record: Record, seconds: float) -> Iterator[Record]:
    """Pieces of a record, one after the other, that hold a ventricular beat and three beats."""
    length = round(seconds * record.fs)
    marks = record.annotation
    for first in range(0, max(len(record) - length, 0) + 1, length):
        inside = (marks.sample >= first) & (marks.sample < first + length)
        if inside.sum() < 3 or "V" not in marks.symbol[inside]:
            continue
        columns = {name: getattr(marks, name)[inside] for name in marks._fields}
        columns["sample"] = columns["sample"] - first
        part = record.signals[first : first + length]
        yield replace(record, signals=part, annotation=marks._replace(**columns))


def measure_piece(
    classifier: Classifier, confidence: Confidence, piece: Record, origin: tuple[float, ...]
) -> np.ndarray:
    """V of a piece: all, found, called N for sure and not referred; the same where V rule.

    ``origin`` weighs what the origin of a beat is judged by, see `arrhythmia.origin.find_origin`.
    """
    settings = classifier.settings.beats
    beats = cut_record(piece, settings, source="atr")
    if len(beats) < SHORT:  # as in `find_beats`, with weights of these records
        beats = with_sinus_template(beats, settings, origin)
    probabilities = classifier.probabilities(beats)
    judged = confidence.assess(classifier, piece, beats, probabilities=probabilities)
    is_v = beats.beat_class == V
    called = probabilities.argmax(axis=1)
    found = np.isin(called, (V, E))
    sure = (called == N) & (judged.probabilities.max(axis=1) > SURE)
    missed = sure & ~judged.refer
    counts = np.array([is_v.sum(), (is_v & found).sum(), (is_v & missed).sum()])
    ruled = is_v.mean() > RULES
    return np.concatenate([counts, counts * ruled])


def run_pieces(
    model: Path,
    data_dir: str | Path | None,
    folder: Path = RESULTS,
    tell: Callable[[str], None] = lambda _: None,
) -> dict:
    """Measure pieces of every length, each record by the fold that has not seen it.

    Parameters
    ----------
    model : Path
        Folder of a model trained on DS1, calibrated, with its folds beside it.
    data_dir : str or Path, optional
        Folder of the database.
    folder : Path
        Folder of results.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        ``model`` (digest), and for each length in seconds, as text, counts of V as `measure_piece`
        gives them.
    """
    return of_model(folder / FILE, model, lambda: _measure(model, data_dir, tell))


def _measure(model: Path, data_dir: str | Path | None, tell: Callable[[str], None]) -> dict:
    confidence = Confidence.load(model)
    counts = {str(seconds): np.zeros(6, dtype=int) for seconds in LENGTHS_S}
    for classifier, names in fold_classifiers(model):
        settings = classifier.settings
        known = [read_record(name, data_dir) for name in settings.training["records"]]
        known_beats = [cut_record(record, settings.beats, source="atr") for record in known]
        origin = fit_origin(known_beats, settings.beats)
        for name in names:
            record = read_record(name, data_dir)
            for seconds in LENGTHS_S:
                for piece in cut_pieces(record, seconds):
                    counts[str(seconds)] += measure_piece(classifier, confidence, piece, origin)
            tell(f"record {name}")
    return {key: value.tolist() for key, value in counts.items()}


def format_pieces(results: dict) -> str:
    """Table for the terminal."""
    lines = [
        f"{'piece':>8} {'V':>6} {'Se':>6}   where V are over 40 %:{'V':>6} {'Se':>6} "
        f"{'called N, p > .95, not referred':>34}"
    ]
    for seconds in LENGTHS_S:
        beats, found, _, ruled, ruled_found, missed = results[str(seconds)]
        share = f"{found / beats:.3f}" if beats else "–"
        rest = ("–", "–") if not ruled else (f"{ruled_found / ruled:.3f}", f"{missed / ruled:.3f}")
        lines.append(
            f"{seconds:6d} s {beats:6d} {share:>6}   {'':22}{ruled:6d} {rest[0]:>6} {rest[1]:>34}"
        )
    return "\n".join(lines)
