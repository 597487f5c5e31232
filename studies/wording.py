"""Is what is said of a beat true? Contradictions, counted over all beats of DS1, svdb and DS2.

DS1 beats are called by the network of the fold that had not seen their record; those of svdb 800 to
855 and DS2 by the shipped one, DS2 only after ``evaluate`` has put it in the ledger. Nothing is
chosen from DS2. Of svdb, which the shipped network has not seen, calibration and sets are measured
too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.classifier import Decision
from arrhythmia.evaluate.rhythm import MARKS, STEP_S, marked_rhythm
from arrhythmia.evaluate.scores import decide_reference_beats, decisions_table
from arrhythmia.explain import vocabulary
from arrhythmia.explain.gather import record_timing
from arrhythmia.explain.measured import Measured, measure
from arrhythmia.explain.waves import record_waves
from arrhythmia.interface import Classifier
from arrhythmia.labels import BEAT_CLASSES, GROUPINGS
from arrhythmia.mitdb import DS2, SVDB
from arrhythmia.predictions import Assessment
from arrhythmia.records import Record, read_record
from arrhythmia.rhythm import FIBRILLATION
from arrhythmia.signals import BeatSettings
from arrhythmia.train.folds import decide_folds
from arrhythmia.trust.compare import beats_compared, widening_figures
from arrhythmia.trust.confidence import Confidence
from arrhythmia.trust.events import known_rr, look_between
from arrhythmia.trust.measure import confidence_report
from studies.results import of_model

FILE: Final = "wording.json"
NARROW_S: Final = 0.09
WIDTHS_S: Final = (0.05, 0.25)
CHECKS: Final = {
    "premature by reference and called S or V": "of these said to be on time",
    "called V, width stated": f"of these narrower than {NARROW_S} s",
    "width stated": "of these outside {} to {} s".format(*WIDTHS_S),
    "in fibrillation or flutter by the reference": "of these with a P wave drawn",
    "called N, said to be normal": f"of these {vocabulary.WIDE_QRS_S} s wide or wider",
    "said to be in an irregular rhythm": "of these in no fibrillation or flutter by the reference",
    "assessable": "of these with a set that leaves out the class called",
    "sentences": "of these of another class than the title",
}
"""What is looked at, and what contradicts the trace or the reference there."""
CONTRADICTIONS: Final = (0, 1, 2, 6, 7)
"""Places in `CHECKS` of what cannot be true; the others can be, seldom."""
FOUND: Final = (*CHECKS, "any contradiction")


def measured_beats(
    record: Record, beats: Beats, probabilities: np.ndarray, decision: Decision
) -> list[Measured]:
    """What is measured of every beat of a record."""
    waves = record_waves(record, beats, decision.templates)
    between = look_between(record, beats, BeatSettings())
    rr = known_rr(beats, record.fs, between)
    timing = record_timing(beats, probabilities, rr, between)
    leads = beats.in_leads
    return [
        measure(
            [leads[k] for k in decision.leads_that_count(i)],
            i,
            waves.of_beat(i, timing[i].fibrillating),
            timing[i],
        )
        for i in range(len(beats))
    ]


def audit_record(
    classifier: Classifier, record: Record, beats: Beats, decision: Decision
) -> dict[str, list[int]]:
    """Beats that each of `FOUND` is about, and how many contradict.

    Parameters
    ----------
    classifier : Classifier
        Calibrated.
    record, beats, decision
        As `arrhythmia.evaluate.scores.decide_reference_beats` gives them.
    """
    probabilities = decision.probabilities
    assessment = classifier.confidence.assess(
        classifier, record, beats, probabilities=probabilities
    )
    measured = measured_beats(record, beats, probabilities, decision)
    called = [BEAT_CLASSES[i] for i in probabilities.argmax(axis=1)]
    truth = ["" if i < 0 else BEAT_CLASSES[i] for i in beats.beat_class]
    rhythm = marked_rhythm(record) if record.annotation is not None else np.array([""])
    steps = np.minimum((beats.sample / record.fs / STEP_S).astype(int), len(rhythm) - 1)
    fibrillating = np.isin(rhythm[steps], MARKS[FIBRILLATION])
    known_rhythm = record.name not in SVDB  # in which no rhythms are marked
    counts = {name: [0, 0] for name in FOUND}
    for i in np.flatnonzero(assessment.assessable):
        m, name = measured[i], called[i]
        words = vocabulary.sentence(name, name, m)
        arrival = vocabulary.timing_words(m, name)[0]
        held = GROUPINGS["aami"]
        in_set = [c for c, is_in in zip(held, assessment.sets90[i], strict=True) if is_in]
        checks = (
            (truth[i] in ("S", "V") and name in ("S", "V"), arrival == "on time"),
            (name == "V" and m.qrs_s is not None, (m.qrs_s or 0) < NARROW_S),
            (m.qrs_s is not None, not WIDTHS_S[0] <= (m.qrs_s or 0) <= WIDTHS_S[1]),
            (known_rhythm and fibrillating[i] and name in "NS", m.p_seen),
            (
                words.startswith(f"{vocabulary.ORDINARY_NOUN}:"),
                round(m.qrs_s or 0, 2) >= vocabulary.WIDE_QRS_S,
            ),
            (known_rhythm and "irregular rhythm" in words, not fibrillating[i]),
            (True, {"E": "V"}.get(name, name) not in in_set),
            (True, not words.startswith(_nouns(name))),
        )
        wrong = False
        for number, (key, (about, contradicts)) in enumerate(zip(CHECKS, checks, strict=True)):
            counts[key][0] += bool(about)
            counts[key][1] += bool(about and contradicts)
            wrong |= bool(about and contradicts) and number in CONTRADICTIONS
        counts["any contradiction"][0] += 1
        counts["any contradiction"][1] += wrong
    return counts


def _nouns(name: str) -> tuple[str, ...]:
    return (
        (vocabulary.ORDINARY_NOUN + ":", vocabulary.OTHER_NOUN + ":")
        if name == "N"
        else (vocabulary.NOUNS[name] + ":",)
    )


def audit(
    classifier: Classifier, decided: Iterable[tuple[Record, Beats, Decision]]
) -> dict[str, list[int]]:
    """`audit_record` of several records together."""
    total = {name: np.zeros(2, dtype=int) for name in FOUND}
    for record, beats, decision in decided:
        for name, counts in audit_record(classifier, record, beats, decision).items():
            total[name] += counts
    return {name: counts.tolist() for name, counts in total.items()}


def run_wording(
    model: Path, data_dir: str | Path | None, folder: Path, tell: Callable[[str], None]
) -> dict:
    """Audit where it is not stored.

    Parameters
    ----------
    model : Path
        Folder of a calibrated model that was trained on DS1.
    data_dir : str or Path, optional
        Folder of mitdb.
    folder : Path
        Where the results are stored.
    tell : callable
        Told what is being done.
    """

    def measure_all() -> dict:
        classifier = Classifier.load(model)
        svdb = list(_decided(classifier, SVDB, None))
        parts = {
            "DS1": lambda: decide_folds(data_dir, classifier.settings, model),
            "svdb": lambda: svdb,
            "DS2": lambda: _decided(classifier, DS2, data_dir),
        }
        results = {}
        for name, decided in parts.items():
            tell(f"{name}: every beat is measured")
            results[name] = audit(classifier, decided())
        return {"audit": results, "confidence": {"svdb": confidence_of(classifier, svdb)}}

    return of_model(folder / FILE, model, measure_all)


def confidence_of(
    classifier: Classifier, decided: Sequence[tuple[Record, Beats, Decision]]
) -> dict:
    """How far a classifier's confidence holds in records that it has not seen.

    Returns
    -------
    dict
        `arrhythmia.trust.measure.confidence_report`, ``unlike``
        (`arrhythmia.trust.compare.beats_compared`) and ``widening``
        (`arrhythmia.trust.compare.widening_figures`).
    """
    tables, distances, unlike = {}, [], []
    confidence = classifier.confidence
    for name, used in (("narrow", replace(confidence, unlike=None)), ("wide", confidence)):

        def assess(
            record: Record, beats: Beats, probabilities: np.ndarray, used: Confidence = used
        ) -> Assessment:
            judged = used.assess(classifier, record, beats, probabilities=probabilities)
            if used is confidence:
                distances.append(judged.novelty)
                unlike.extend([record.name] if judged.note else [])
            return judged

        tables[name] = decisions_table(decided, assess)
    novelty = np.concatenate(distances)
    return confidence_report(tables["wide"]) | {
        "unlike": beats_compared(tables["narrow"], novelty, confidence.refer_above),
        "widening": widening_figures(tables["narrow"], tables["wide"], unlike),
    }


def _decided(
    classifier: Classifier, names: Sequence[str], data_dir: str | Path | None
) -> Iterator[tuple[Record, Beats, Decision]]:
    from arrhythmia.svdb import find_svdb_dir

    where = find_svdb_dir(None) if names == SVDB else data_dir
    for name in names:
        yield decide_reference_beats(classifier, read_record(name, where))


def rows_of(results: dict) -> list[list[str]]:
    """Rows of the table, the head first."""
    parts = results["audit"]
    rows = [["beats", "of these", *parts]]
    for name in FOUND:
        shown = [
            f"{part[name][1]} of {part[name][0]}{_share(*part[name])}" for part in parts.values()
        ]
        rows.append([name, CHECKS.get(name, "with one of 1, 2, 3, 7, 8"), *shown])
    return rows


def _share(beats: int, wrong: int) -> str:
    return f" ({100 * wrong / beats:.2f} %)" if beats else ""


def format_wording(results: dict) -> str:
    """Table for the terminal."""
    head, *rows = rows_of(results)
    lines = []
    for name, of_these, *shown in rows:
        lines += [name, f"  {of_these}: " + "; ".join(
            f"{part} {value}" for part, value in zip(head[2:], shown, strict=True))]  # fmt: skip
    return "\n".join(lines)
