"""Cases built by hand, with evidence drawn at random: for tests that need no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from conftest import write_record

from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Decision
from arrhythmia.explain.case import Case
from arrhythmia.explain.explanation import Explanation
from arrhythmia.explain.measured import Measured
from arrhythmia.explain.method_names import METHOD_NAMES
from arrhythmia.explain.reasons import Move, Reasons
from arrhythmia.explain.timing import Timing
from arrhythmia.explain.vocabulary import sentence
from arrhythmia.explain.waves import Waves, find_waves
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import lead_shares
from arrhythmia.predictions import SET_CLASSES, Assessment
from arrhythmia.records import Annotation, Record, read_record
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import Templates
from arrhythmia.trust.events import known_rr, look_between

SETTINGS = BeatSettings()
SYMBOLS = "NNNANVNNFNNN"
BEAT = 5
"""The ventricular beat of `SYMBOLS`."""
FLAT = "not assessable: a flat line"
PROBABILITY = 0.9
"""Of the class that a beat is given."""
TIMING = Timing(0.6, 1.0, 0.8, 0.02, "N", "N", 1, 1, "")
MEASURED = Measured(TIMING, 0.16, 0.09, 0.4, False, None, 0.9)
REASONS = Reasons("V", "V", "V", MEASURED, Move(0.12, "N", 0.6, 0.6), 0.1, 0.9)
SENTENCE = sentence("V", "V", MEASURED)


def written_record(folder: Path, symbols: str = SYMBOLS, **options: object) -> Record:
    """A record as the writer of synthetic records makes it, read back."""
    return read_record(write_record(folder, symbols=symbols, **options))


def with_pause(record: Record, after: int, seconds: float) -> Record:
    """A record with this many seconds of flat line put in behind one of its beats."""
    marks = record.annotation
    beats = marks.sample[~np.isin(marks.symbol, ["+", "~", "|"])]
    place = int(beats[after : after + 2].mean())
    added = round(seconds * record.fs)
    flat = np.repeat(record.signals[place : place + 1], added, axis=0)
    signals = np.concatenate([record.signals[:place], flat, record.signals[place:]])
    sample = marks.sample + np.where(marks.sample > place, added, 0)
    annotation = Annotation(sample, marks.symbol, marks.note, marks.subtype)
    return replace(record, signals=signals, annotation=annotation)


def with_gap(record: Record, first: float, last: float) -> Record:
    """A record whose samples are invalid between two seconds."""
    signals = record.signals.copy()
    signals[int(first * record.fs) : int(last * record.fs)] = np.nan
    return replace(record, signals=signals)


def probabilities_of(letters: str) -> np.ndarray:
    """`PROBABILITY` for the class of each letter; NaN for ``-``, a beat not classified."""
    table = np.full((len(letters), len(BEAT_CLASSES)), (1 - PROBABILITY) / 4)
    for row, letter in zip(table, letters, strict=True):
        if letter == "-":
            row[:] = np.nan
        else:
            row[BEAT_CLASSES.index(letter)] = PROBABILITY
    return table


def random_evidence(
    beats: Beats, beat: int, method: str = "shap", target_class: str = "V", seed: int = 0
) -> Explanation:
    """Evidence drawn at random, with the waves of the beat."""
    rng = np.random.default_rng(seed)
    return Explanation(
        method, target_class, rng.normal(size=SETTINGS.length), rng.normal(size=len(RR_INPUTS)),
        np.array([-2, -1, 1]), rng.normal(size=3), rng.normal(size=3),
        find_waves(beats.segments[beat], beats.template_beat, beats.fs, SETTINGS.left),
    )  # fmt: skip


def hump(
    at: float | None = 0.5, target_class: str = "V", p_seen: bool = True, t_seen: bool = True
) -> Explanation:
    """Evidence that is greatest at this part of the segment; none at all for None."""
    places = np.arange(SETTINGS.length)
    values = np.zeros(SETTINGS.length)
    if at is not None:
        values = np.exp(-0.5 * ((places - round(at * (SETTINGS.length - 1))) / 4) ** 2)
    edges = np.array([0.0, 20, 30, 36, 45, 53, 75, SETTINGS.length])
    nothing = np.zeros(3)
    return Explanation(
        "grad-cam", target_class, values, np.zeros(len(RR_INPUTS)), np.array([-2, -1, 1]), nothing,
        nothing, Waves(edges, p_seen, t_seen),
    )  # fmt: skip


def assessment_of(probabilities: np.ndarray, problems: Mapping[int, str]) -> Assessment:
    """Calibrated as given; of ``problems`` those that begin with "not assessable" are so."""
    finite = np.isfinite(probabilities).all(axis=1)
    reasons = [problems.get(i, "") for i in range(len(probabilities))]
    assessable = finite & ~np.array([r.startswith("not assessable") for r in reasons])
    merged = probabilities[:, [0, 1, 2, 4]]  # E counts as V
    merged[:, 2] += probabilities[:, 3]
    sets90 = merged > 0.5
    sets90[finite & ~assessable] = True
    assert sets90.shape[1] == len(SET_CLASSES)
    return Assessment(
        probabilities, sets90, sets90 | (merged > 0.04), 1 - merged.max(axis=1),
        np.zeros(len(merged)), assessable, np.array([bool(r) for r in reasons]), reasons,
    )  # fmt: skip


def make_case(
    record: Record,
    beat: int = BEAT,
    letters: str | None = None,
    *,
    evidence: Explanation | None = None,
    problems: Mapping[int, str] | None = None,
    calibrated: bool = True,
    every_view: bool = False,
    notes: tuple[str, ...] = (),
    templates: Templates | None = None,
) -> Case:
    """A case of the class that ``letters`` has for the beat; all other beats are N by default.

    Parameters
    ----------
    record : Record
    beat : int
    letters : str, optional
        Class of every beat; by default V for the beat and N for all others.
    evidence : Explanation, optional
        For the class that it names; by default `random_evidence`.
    problems : mapping, optional
        Beat to why it is referred, such as `FLAT`.
    calibrated : bool
        Whether there is an assessment.
    every_view : bool
        Evidence by every method for every class, as the page needs it.
    notes : tuple of str
    templates : Templates, optional
        Of the record's beats, where they were judged together.
    """
    beats = find_beats(record, SETTINGS)
    if letters is None:
        letters = "".join("V" if i == beat else "N" for i in range(len(beats)))
    probabilities = probabilities_of(letters)
    called = letters[beat]
    evidence = evidence or random_evidence(beats, beat, target_class=called)
    explanations = {(evidence.method, evidence.target_class): evidence}
    if every_view:
        views = [(m, c) for m in METHOD_NAMES for c in BEAT_CLASSES]
        drawn = {v: random_evidence(beats, beat, *v, seed=i) for i, v in enumerate(views)}
        explanations = drawn | explanations
    return Case(
        decision=Decision(
            probabilities,
            probabilities,
            templates,
            np.stack([probabilities] * len(beats.in_leads)),
            lead_shares(beats, SETTINGS),
        ),
        record=record,
        lead=record.lead(beats.lead),
        beats=beats,
        beat=beat,
        settings=SETTINGS,
        rr=known_rr(beats, record.fs, look_between(record, beats, SETTINGS)),
        probabilities=probabilities,
        assessment=assessment_of(probabilities, problems or {}) if calibrated else None,
        method=evidence.method,
        target_class=evidence.target_class,
        explanations=explanations,
        reasons_for={
            c: replace(REASONS, target_class=c, called=called)
            for c in dict.fromkeys(c for _, c in explanations)
        },
        notes=notes,
    )
