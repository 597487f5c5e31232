"""Inside patients: blocks of every record held out. Optimistic, for comparison only.

Papers that split beats at random let a network train on the very patients it is tested on. This
is their figure under a split that at least keeps neighbouring beats together; it says nothing
about a new patient.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from arrhythmia.batches import Leads, TrainingSettings, prepare_records
from arrhythmia.beats import Beats, BeatSettings, Prepared, cut_beats, reference_beats
from arrhythmia.classifier import MODELS_FOLDER
from arrhythmia.evaluation import prediction_table, summary
from arrhythmia.files import whole_file
from arrhythmia.labels import DS1, DS2
from arrhythmia.records import read_record
from arrhythmia.training import fit_joined

INSIDE = MODELS_FOLDER / "inside"
BLOCKS_S = (300.0, 60.0)
"""Five minutes, and one: all ventricular escape beats lie within one five-minute block of
record 207, so that only shorter blocks have some of them on both sides."""

EVERY = 6


def held_out(seconds: np.ndarray, number: int, block_s: float) -> np.ndarray:
    """Which moments of a record lie in a block that is held out.

    Parameters
    ----------
    seconds : ndarray of float
        From the start of the record.
    number : int
        Place of the record in the list of all: from record to record another block is held
        out, so that not all are ends of recordings.
    block_s : float
        Length of a block in seconds.
    """
    return (np.floor(np.asarray(seconds) / block_s).astype(int) + number) % EVERY == 0


def pieces(leads: Leads, number: int, block_s: float, least: int = 100) -> dict[str, Leads]:
    """The parts of a record between held-out blocks, as records of their own.

    Parts with fewer than ``least`` beats are left out.
    """
    first = leads[0]
    blocks = np.arange(int(np.ceil(len(first.signal) / first.fs / block_s)))
    free = ~held_out(blocks * block_s, number, block_s)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(int), [0]])))
    found = {}
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        low, high = (round(b * block_s * first.fs) for b in (start, stop))
        parts = [_part(lead, low, high, f"{first.record}-{start}") for lead in leads]
        if len(parts[0].marks) >= least:
            found[parts[0].record] = (parts[0], parts[1])
    return found


def _part(lead: Prepared, low: int, high: int, name: str) -> Prepared:
    here = (lead.marks >= low) & (lead.marks < min(high, len(lead.signal)))
    return replace(
        lead, record=name, signal=lead.signal[low:high], marks=lead.marks[here] - low,
        beat_class=lead.beat_class[here],
    )  # fmt: skip


def run_inside(
    data_dir: str | Path | None,
    settings: TrainingSettings,
    block_s: float,
    seed: int = 0,
    folder: Path = INSIDE,
    verbose: bool = True,
) -> dict:
    """Train on all 44 records but every sixth block, score those blocks, and write the figures.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    settings : TrainingSettings
        How the network is trained.
    block_s : float
        Length of a block in seconds.
    seed : int
        Random seed.
    folder : Path
        Where ``metrics-300.json`` (after the length of a block) is written. The network is not
        kept: it has seen DS2.
    verbose : bool
        As for `arrhythmia.training.fit`.

    Returns
    -------
    dict
        What the file holds.
    """
    beat_settings = BeatSettings()
    names = sorted(DS1 + DS2)
    records = prepare_records(names, data_dir, beat_settings)
    training: dict[str, Leads] = {}
    for number, name in enumerate(names):
        training |= pieces(records[name], number, block_s)
    classifier, _ = fit_joined(training, beat_settings, settings, seed, verbose)
    tables = []
    for number, name in enumerate(names):
        sample, symbol = reference_beats(read_record(name, data_dir))
        beats: Beats = cut_beats(records[name][0], beat_settings)
        test = held_out(records[name][0].marks / records[name][0].fs, number, block_s)
        probabilities = classifier.probabilities(beats, np.flatnonzero(test))
        tables.append(prediction_table(name, sample[test], symbol[test], probabilities[test]))
    figures = summary(pd.concat(tables, ignore_index=True))
    for key in ("S_without_232", "F_without_213", "reference_records"):
        figures.pop(key, None)
    figures["made_with"] = {"block_s": block_s, "seed": seed, "training": settings.as_dict()}
    with whole_file(folder / f"metrics-{block_s:.0f}.json") as part:
        part.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        return json.loads(part.read_text(encoding="utf-8"))
