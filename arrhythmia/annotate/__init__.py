"""Recordings to what a Holter analyst and the tools of this field read: classes on disk.

For each recording ``RECORD.ai`` (WFDB annotation), ``RECORD.beats.csv`` (a row a beat) and
``RECORD.json`` (summary); with ``report`` also ``RECORD.pdf``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from arrhythmia.annotate.analysis import Analysis, analyse
from arrhythmia.annotate.holter import UNKNOWN, beat_table, summary
from arrhythmia.annotate.wfdb_file import ANNOTATOR, write_annotation
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError, one_line
from arrhythmia.files import read_json, whole_file
from arrhythmia.limits import Limits
from arrhythmia.model_settings import model_digest, read_settings
from arrhythmia.naming import SUFFIX as DECISIONS_SUFFIX
from arrhythmia.naming import Decisions, check_outputs, decisions_file
from arrhythmia.records import Hints, Record, read_record
from arrhythmia.stopping import in_processes
from arrhythmia.trust.confidence import Confidence, is_calibrated
from arrhythmia.which_model import choose_model

TABLE, REPORT, SUMMARY = "beats.csv", "pdf", "json"
SUFFIXES = (ANNOTATOR, TABLE, REPORT, SUMMARY)
"""Of the files of a recording, in the order in which they are written."""
ROWS_AT_ONCE = 1_000_000
PLACES = ("output_dir", "data_dir", "model", "decisions", "report")
"""Options that do not change what is written: model and decisions are known by their content."""


@dataclass(frozen=True)
class Options:
    """How recordings are annotated; see `annotate`."""

    output_dir: str | None = None
    model: str | None = None
    data_dir: str | None = None
    lead: str | None = None
    source: str | None = None
    decisions: str | None = None
    hints: Hints = Hints()
    report: bool = False
    limits: Limits = Limits()


@dataclass(frozen=True)
class Annotated:
    """What was done with a recording.

    Parameters
    ----------
    name : str
        As it was given.
    file : Path or None
        The annotation file; None where it failed.
    counts : dict
        Beat class to number of beats, for the classes that occur.
    by_reader : int
        Beats that a reader named, see `arrhythmia.naming`.
    notes : tuple of str
        What the user should know.
    error : str
        Why it failed; empty where it did not.
    was_there : bool
        Whether the same model had annotated the same recording before.
    """

    name: str
    file: Path | None
    counts: dict[str, int]
    by_reader: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    was_there: bool = False


def annotate(
    names: Sequence[str | Path],
    options: Options = Options(),  # noqa: B008, frozen
    jobs: int = 1,
    scheduler: str | None = None,
) -> Iterator[Annotated]:
    """Classify every beat of some recordings, and write the files of each.

    Parameters
    ----------
    names : sequence of str or Path
        Recordings, as `arrhythmia.records.read_record` takes them.
    options : Options
        ``output_dir`` (default: the folder of each recording), ``model`` (default: see
        `arrhythmia.which_model.choose_model`), ``data_dir`` of the database, ``lead`` (default:
        all), ``source`` of the R peaks (``"atr"`` or ``"detect"``; default: the annotation where
        there is one), ``decisions`` (folder of what a reader decided; default: that of each
        recording), ``hints`` for files without rate or units, ``report`` for a PDF, ``limits`` of
        what is called a pause or a tachycardia.
    jobs : int
        Recordings at a time.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work, see
        `arrhythmia.annotate.cluster.on_cluster`.

    Yields
    ------
    Annotated
        As soon as the files of a recording are written, in the order of ``names``. One that fails
        stops none of the others.

    Raises
    ------
    InputError
        If the model or the folder of decisions cannot be used, or two outputs have one name.
    """
    if options.model is not None:
        read_settings(options.model)
    if options.decisions is not None and not Path(options.decisions).is_dir():
        raise InputError(f"no folder '{options.decisions}': give that of the reader's decisions")
    _check_outputs(names, options)
    if scheduler is not None:
        from arrhythmia.annotate.cluster import on_cluster

        done = on_cluster(annotate_one, list(map(str, names)), options, scheduler)
        for name, one in zip(map(str, names), done, strict=True):
            lost = Annotated(name, None, {}, error=f"'{name}' ended every worker it was given")
            yield lost if one is None else replace(one, name=name)
    elif jobs > 1 and len(names) > 1:
        calls = [(str(name), options) for name in names]
        try:
            yield from in_processes(min(jobs, len(names)), annotate_one, calls)
        except BrokenProcessPool:
            raise InputError(
                "a process was ended from outside, for want of memory as a rule: give fewer --jobs"
            ) from None
    else:
        for name in names:
            yield annotate_one(str(name), options)


def annotate_one(name: str, options: Options) -> Annotated:
    """Annotate one recording; what is wrong with it is told, not raised."""
    try:
        with threadpool_limits(1):  # a second thread would mostly wait for the first
            return _annotate(name, options)
    except InputError as error:
        return Annotated(name, None, {}, error=str(error))
    except MemoryError:
        return Annotated(name, None, {}, error="there is not enough memory for it")
    except OSError as error:
        return Annotated(name, None, {}, error=one_line(str(error)))


def _annotate(name: str, options: Options) -> Annotated:
    folder, model_notes = choose_model(name, options.data_dir, options.model)
    record = read_record(name, options.data_dir, hints=options.hints)
    reader = Decisions.load(decisions_file(name, options.data_dir, options.decisions))
    place = _output(name, options) / record.name
    files = (place.with_name(f"{place.name}.{suffix}") for suffix in _suffixes(options))
    check_outputs(name, options.data_dir, *files)
    key = _key(record, folder, options, reader)
    file = place.with_name(f"{record.name}.{ANNOTATOR}")
    done = _done_before(place, key, options)
    if done is not None:
        return _told(name, file, done, was_there=True)
    classifier, confidence = _loaded(str(folder))
    analysis = analyse(
        classifier, confidence, record, options.lead, options.source, reader, limits=options.limits
    )
    notes = (*model_notes, *record.notes, *analysis.beats.notes, *reader.notes(analysis.beats))
    facts = summary(analysis, notes) | {"model": folder.name, "key": key}
    _write(place, _suffixes(options), analysis, facts)
    return _told(name, file, facts)


def _told(name: str, file: Path, facts: dict, was_there: bool = False) -> Annotated:
    """What its summary says of a recording, whenever that was written."""
    return Annotated(
        name, file, dict(facts["classes"]), facts["named_by_reader"], tuple(facts["notes"]),
        was_there=was_there,
    )  # fmt: skip


def _write(place: Path, suffixes: Sequence[str], analysis: Analysis, facts: dict) -> None:
    """All files of a recording, or none; the summary, which says that it is done, is the last."""
    with ExitStack() as files:
        for suffix in reversed(suffixes):  # the first that is begun is the last to get its name
            part = files.enter_context(whole_file(place.with_name(f"{place.name}.{suffix}")))
            write_file(part, suffix, analysis, facts)


def write_file(file: Path, suffix: str, analysis: Analysis, facts: dict) -> None:
    """Write one of the files of a recording, whole or not at all.

    Parameters
    ----------
    file : Path
    suffix : str
        Which of them: one of `SUFFIXES`.
    analysis : Analysis
    facts : dict
        As `arrhythmia.annotate.holter.summary` gives them, and ``model``.
    """
    if suffix == ANNOTATOR:
        write_annotation(file, analysis, facts["model"])
    elif suffix == REPORT:
        from arrhythmia.annotate.report import write_report

        write_report(file, analysis, facts)
    else:
        with whole_file(file) as part:
            if suffix == TABLE:
                table = beat_table(analysis)
                table.to_csv(part, index=False, lineterminator="\n", float_format="%.5g")
            else:
                text = json.dumps(facts, indent=1, allow_nan=False)
                part.write_text(text + "\n", encoding="utf-8")


@lru_cache(maxsize=2)
def _loaded(folder: str) -> tuple[Classifier, Confidence | None]:
    confidence = Confidence.load(folder) if is_calibrated(folder) else None
    return Classifier.load(folder), confidence


def _output(name: str, options: Options) -> Path:
    if options.output_dir is not None:
        return Path(options.output_dir)
    return decisions_file(name, options.data_dir).parent


def _check_outputs(names: Sequence[str | Path], options: Options) -> None:
    """Two recordings of one name must not overwrite each other."""
    seen: dict[Path, str] = {}
    for name in map(str, names):
        try:
            place = _output(name, options) / Path(decisions_file(name, options.data_dir)).name
        except InputError:
            continue  # told when its turn comes
        if place in seen and seen[place] != name:
            one = place.name.removesuffix(DECISIONS_SUFFIX)
            raise InputError(
                f"two records are named '{one}' ('{seen[place]}' and '{name}'): rename one, or "
                "annotate each with an --output-dir of its own"
            )
        seen[place] = name


def _key(record: Record, folder: Path, options: Options, reader: Decisions) -> str:
    """What the files depend on: the recording and its notes, model, options, decisions."""
    digest = hashlib.sha256()
    for first in range(0, len(record), ROWS_AT_ONCE):
        digest.update(np.ascontiguousarray(record.signals[first : first + ROWS_AT_ONCE]))
    if record.annotation is not None:
        digest.update(record.annotation.sample.tobytes())
        digest.update("".join(map(str, record.annotation.symbol)).encode())
    facts = asdict(options) | dict.fromkeys(PLACES)
    said = [record.fs, record.leads, record.units, str(record.start), record.notes]
    digest.update(json.dumps([said, facts, repr(reader)]).encode())
    digest.update(model_digest(folder).encode())
    if is_calibrated(folder):
        digest.update(Path(folder, "confidence.json").read_bytes())
    return digest.hexdigest()


def _suffixes(options: Options) -> list[str]:
    """The summary, which says that it is done, is the last."""
    return [suffix for suffix in SUFFIXES if suffix != REPORT or options.report]


def _done_before(place: Path, key: str, options: Options) -> dict | None:
    """Summary of an earlier run with the same key, if all its files are there."""
    suffixes = _suffixes(options)
    file = place.with_name(f"{place.name}.json")
    try:
        facts = read_json(file)
    except (OSError, ValueError):
        return None
    there = all(place.with_name(f"{place.name}.{suffix}").is_file() for suffix in suffixes)
    told = isinstance(facts, dict) and {"classes", "named_by_reader", "notes"} <= facts.keys()
    if not there or not told or facts.get("key") != key:
        return None
    return facts


__all__ = ["ANNOTATOR", "UNKNOWN", "Annotated", "Options", "annotate", "annotate_one"]
