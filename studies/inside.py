"""Inside patients: blocks of every record held out. Optimistic, for comparison only.

Papers that split beats at random let a network train on the very patients it is tested on. This
is their figure under a split that at least keeps neighbouring beats together; it says nothing
about a new patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from arrhythmia.beats import Prepared, cut_beats
from arrhythmia.evaluate.scores import summary
from arrhythmia.mitdb import DS1, DS2
from arrhythmia.predictions import scored_table
from arrhythmia.signals import BeatSettings
from arrhythmia.train.batches import Leads, prepare_records
from arrhythmia.train.fit import fit_ensemble
from arrhythmia.train.settings import TrainingSettings
from studies.results import RESULTS, read_json, write_json

STUDY: Final = "inside-patients"
BLOCKS_S: Final = (300.0, 60.0)
"""Five minutes, and one: all ventricular escape beats lie within one five-minute block of
record 207, so that only shorter blocks have some of them on both sides."""

EVERY: Final = 6
"""One block of so many is held out."""


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
    """The parts of a record between held-out blocks, each as a record.

    Parameters
    ----------
    leads : tuple of Prepared
        Two leads of a record.
    number : int
        Place of the record in the list of all.
    block_s : float
        Length of a block in seconds.
    least : int
        Parts with fewer beats are left out.

    Returns
    -------
    dict
        Record and number of the first block, such as ``"101-2"``, to the two leads.
    """
    first = leads[0]
    blocks = np.arange(int(np.ceil(len(first.signal) / first.fs / block_s)))
    free = ~held_out(blocks * block_s, number, block_s)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(int), [0]])))
    parts = {}
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        low, high = (round(block * block_s * first.fs) for block in (start, stop))
        name = f"{first.record}-{start}"
        part = (_part(leads[0], low, high, name), _part(leads[1], low, high, name))
        if len(part[0].marks) >= least:
            parts[name] = part
    return parts


def _part(lead: Prepared, low: int, high: int, name: str) -> Prepared:
    kept = (lead.marks >= low) & (lead.marks < min(high, len(lead.signal)))
    r_peaks = replace(
        lead.r_peaks, sample=lead.r_peaks.sample[kept], symbol=lead.r_peaks.symbol[kept]
    )
    signal, marks = lead.signal[low:high], lead.marks[kept] - low
    return replace(lead, record=name, signal=signal, marks=marks, r_peaks=r_peaks)


def run_inside(
    data_dir: str | Path | None,
    folder: Path = RESULTS,
    blocks_s: Sequence[float] = BLOCKS_S,
    settings: TrainingSettings | None = None,
    names: Sequence[str] = tuple(sorted(DS1 + DS2)),
) -> dict[float, dict]:
    """Figures inside patients for some lengths of a block; what is not stored is trained.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database; not used where all is stored.
    folder : Path
        Folder of results; ``inside-patients/metrics-300.json`` is that for blocks of 300 s.
        Networks are not kept: they have seen DS2.
    blocks_s : sequence of float
        Lengths in seconds.
    settings : TrainingSettings, optional
        How the network is trained; by default as a member of the shipped model.
    names : sequence of str
        Records with reference annotation.

    Returns
    -------
    dict
        Length of a block to what the file holds.
    """
    settings = settings or replace(TrainingSettings(), members=1)
    figures = {}
    for block_s in blocks_s:
        file = folder / STUDY / f"metrics-{block_s:.0f}.json"
        if not file.is_file():
            write_json(file, measure(names, data_dir, settings, block_s))
        figures[block_s] = read_json(file)
    return figures


def measure(
    names: Sequence[str],
    data_dir: str | Path | None,
    settings: TrainingSettings,
    block_s: float,
    seed: int = 0,
    least: int = 100,
) -> dict:
    """Train on all but every sixth block of each record, and score those blocks.

    Parameters
    ----------
    names : sequence of str
        Records with reference annotation.
    data_dir : str or Path, optional
        Folder of the database.
    settings : TrainingSettings
        How the network is trained.
    block_s : float
        Length of a block in seconds.
    seed : int
        Random seed.
    least : int
        Beats of a part that is trained on, see `pieces`.

    Returns
    -------
    dict
        See `arrhythmia.evaluate.scores.summary`, and ``made_with``.
    """
    beat_settings = BeatSettings()
    records = prepare_records(names, data_dir, beat_settings)
    training: dict[str, Leads] = {}
    for number, name in enumerate(names):
        training |= pieces(records[name], number, block_s, least)
    classifier, _ = fit_ensemble(training, beat_settings, settings, seed)
    tables = []
    for number, name in enumerate(names):
        lead = records[name][0]
        beats = cut_beats(lead, beat_settings)
        test = held_out(lead.marks / lead.fs, number, block_s)
        probabilities = classifier.network_probabilities(beats, np.flatnonzero(test))
        tables.append(scored_table(beats, np.nan_to_num(probabilities))[test])
    figures = summary(pd.concat(tables, ignore_index=True))
    for key in ("S_without_232", "F_without_213", "reference_records"):
        figures.pop(key, None)  # of whole records
    figures["made_with"] = {"block_s": block_s, "seed": seed, "training": settings.as_dict()}
    return figures
