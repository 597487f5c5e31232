"""Commands on a recording: its templates, its events, its annotation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arrhythmia.cli import (
    PROG,
    add_command,
    add_data_dir,
    add_limits,
    add_model,
    add_r_peaks,
    add_recording,
    hints_of,
    limits_of,
    tell_notes,
)
from arrhythmia.errors import InputError, SomeFailedError, one_line, printable

RECORDING_SUFFIXES = (
    ".edf", ".bdf", ".csv", ".tsv", ".txt", ".npy", ".npz", ".parquet", ".mat", ".dcm", ".xml",
    ".scp", ".ecg", ".zip",
)  # fmt: skip
"""What a folder is searched for besides WFDB headers."""


def add_record_commands(commands: argparse._SubParsersAction) -> None:
    """Add ``templates``, ``events``, ``annotate`` and ``ec57``."""
    _add_templates(commands)
    _add_events(commands)
    _add_annotate(commands)
    _add_ec57(commands)


def _add_templates(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands, "templates", "group the beats of a recording, and name the groups"
    )
    parser.add_argument("record", metavar="RECORD", help="e.g. 233, or any file of an ECG")
    parser.add_argument(
        "--name",
        metavar="N=CLASS",
        nargs="+",
        default=[],
        help="template N is of this class (N, S, V, E, F)",
    )
    parser.add_argument(
        "--split", metavar="N", type=int, nargs="+", default=[], help="split template N in two"
    )
    parser.add_argument(
        "--merge",
        metavar="N,M",
        nargs="+",
        default=[],
        help="make templates N and M one, with the number of the first of them; a name that you "
        "gave one of them goes to all its beats",
    )
    parser.add_argument(
        "--output", metavar="FILE.png", help="the sheet (default: templates_RECORD.png, here)"
    )
    parser.add_argument("--csv", metavar="FILE.csv", help="also write the table")
    _add_decisions(parser)
    add_r_peaks(parser)
    add_recording(parser)
    add_model(parser, by_record=True)
    parser.set_defaults(command=templates)


def _add_decisions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decisions",
        metavar="DIR",
        help="folder of the reader's decisions, RECORD.templates.json (default: the record's)",
    )


def templates(options: argparse.Namespace) -> None:
    """Show the templates of a record, and keep what a reader decides of them."""
    names = [_template_name(text) for text in options.name]
    merges = [_merged_numbers(text) for text in options.merge]
    is_decided = bool(names or options.split or merges)
    from arrhythmia.beats import find_beats
    from arrhythmia.files import check_writable
    from arrhythmia.model_settings import read_settings
    from arrhythmia.naming import Decisions, decide_anew, decisions_file, name_templates
    from arrhythmia.records import read_record
    from arrhythmia.which_model import choose_model

    model, model_notes = choose_model(options.record, options.data_dir, options.model)
    settings = read_settings(model)
    record = read_record(options.record, options.data_dir, hints=hints_of(options))
    beats = find_beats(record, settings.beats, options.lead, options.r_peaks)
    output = Path(options.output or f"templates_{record.name}.png")
    check_writable(output, ".png", "--output")
    if options.csv:
        check_writable(options.csv, ".csv", "--csv")
    file = decisions_file(options.record, options.data_dir, options.decisions)
    decisions = Decisions.load(file)
    if is_decided:
        check_writable(file, ".json", "--decisions")
    from arrhythmia.classifier import Classifier
    from arrhythmia.files import whole_file
    from arrhythmia.sheet import draw_sheet, mean_beats, template_table

    decision = Classifier.load(model).decide(beats)
    named = name_templates(beats, decision, decisions)
    if is_decided:
        decisions = decide_anew(named, decisions, names, options.split, merges)
        decisions.save(file)
        named = name_templates(beats, decision, decisions)
        print(f"decisions are in '{printable(str(file))}'; '{PROG} annotate' obeys the names")
    means = mean_beats(record, named, settings.beats)
    table = template_table(named, means)
    with whole_file(output) as part:
        draw_sheet(record, named, means, settings.beats).savefig(part, dpi=110)
    if options.csv:
        with whole_file(options.csv) as part:
            table.to_csv(part, index=False, lineterminator="\n")
    tell_notes((*model_notes, *record.notes, *beats.notes, *decisions.notes(beats)))
    shown = [column for column in table.columns if not column.startswith("mean_")]
    print(table[shown].to_string(index=False))
    print(f"sheet: {printable(str(output))}")


def _template_name(text: str) -> tuple[int, str]:
    number, _, name = text.partition("=")
    if not number.isdecimal() or not name:
        raise InputError(f"--name must be like 3=V, got '{text}'")
    return int(number), name


def _merged_numbers(text: str) -> list[int]:
    numbers = text.split(",")
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers):
        raise InputError(f"--merge must be like 3,7, got '{text}'")
    return [int(number) for number in numbers]


def _add_events(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "events", "fibrillation, tachycardia, bigeminy, pauses, noise")
    parser.add_argument("record", metavar="RECORD", help="e.g. 233, or any file of an ECG")
    parser.add_argument("--csv", metavar="FILE.csv", help="also write them as a table")
    add_limits(parser)
    add_r_peaks(parser)
    add_recording(parser)
    add_model(parser, by_record=True)
    parser.set_defaults(command=events)


def events(options: argparse.Namespace) -> None:
    """Show the stretches of rhythms of a record."""
    limits = limits_of(options)
    from arrhythmia.files import check_writable
    from arrhythmia.model_settings import read_settings
    from arrhythmia.records import read_record
    from arrhythmia.which_model import choose_model

    model, model_notes = choose_model(options.record, options.data_dir, options.model)
    read_settings(model)
    record = read_record(options.record, options.data_dir, hints=hints_of(options))
    if options.csv:
        check_writable(options.csv, ".csv", "--csv")
    from arrhythmia.files import whole_file
    from arrhythmia.interface import Classifier

    table = Classifier.load(model).events(record, options.lead, options.r_peaks, limits)
    tell_notes((*model_notes, *table.attrs["notes"]))
    if options.csv:
        with whole_file(options.csv) as part:
            table.to_csv(part, index=False, lineterminator="\n")
    print(table.to_string(index=False) if len(table) else "no stretch of any of these rhythms")


def _add_annotate(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "annotate", "classify every beat of recordings")
    parser.add_argument(
        "records", nargs="+", metavar="RECORD", help="e.g. 233, any file of an ECG, or a folder"
    )
    add_r_peaks(parser)
    add_limits(parser)
    _add_decisions(parser)
    parser.add_argument("--output-dir", metavar="DIR", help="default: the folder of each recording")
    parser.add_argument("--report", action="store_true", help="also write RECORD.pdf")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs", metavar="N", type=int, default=1, help="recordings at a time (default: 1)"
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://HOST:8786"
    )
    add_recording(parser)
    add_model(parser, by_record=True)
    parser.set_defaults(command=annotate)


def annotate(options: argparse.Namespace) -> None:
    """Write RECORD.ai, RECORD.beats.csv and RECORD.json for every record."""
    if options.jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {options.jobs}")
    from tqdm import tqdm

    from arrhythmia.annotate import Annotated, Options
    from arrhythmia.annotate import annotate as annotate_records

    names = _recordings(options.records)
    chosen = Options(
        options.output_dir, options.model, options.data_dir, options.lead, options.r_peaks,
        options.decisions, hints_of(options), options.report, limits_of(options),
    )  # fmt: skip
    failed: list[Annotated] = []
    done = annotate_records(names, chosen, options.jobs, options.scheduler)
    for one in tqdm(
        done, total=len(names), unit="record", disable=None if len(names) > 1 else True
    ):
        for note in one.notes:
            tqdm.write(one_line(f"note: {note}"), file=sys.stderr)
        if one.error:
            failed.append(one)
            continue
        counts = ", ".join(f"{beats} {c}" for c, beats in one.counts.items()) or "none assessable"
        named = f"; {one.by_reader} named by a reader" if one.by_reader else ""
        there = "; was there already" if one.was_there else ""
        tqdm.write(
            f"{printable(str(one.file))}: {sum(one.counts.values())} beats ({counts}){named}{there}"
        )
    if failed and len(failed) == len(names) == 1:
        raise InputError(failed[0].error)
    for one in failed:
        print(f"failed: {printable(one.name)}: {one.error}", file=sys.stderr)
    if failed:
        raise SomeFailedError(f"{len(failed)} of {len(names)} recordings failed, see above")


def _recordings(given: list[str]) -> list[str]:
    """Records as given; of a folder or a pattern those in it."""
    names: list[str] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
            headers = [p for p in found if p.suffix.lower() == ".hea"]
            stems = {p.stem for p in headers}
            others = [
                p
                for p in found
                if p.suffix.lower() in RECORDING_SUFFIXES
                and p.stem.removesuffix(".beats") not in stems
                and not p.name.endswith(".beats.csv")
            ]
            if not headers and not others:
                raise InputError(f"folder '{name}' holds no recording")
            names += [str(p.with_suffix("")) for p in headers] + [str(p) for p in others]
        elif any(c in name for c in "*?[") and not path.exists():
            found = sorted(
                map(str, Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
            )
            if not found:
                raise InputError(f"no file is like '{name}'")
            names += found
        else:
            names.append(name)
    return list(dict.fromkeys(names))


def _add_ec57(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "ec57", "compare two annotations beat by beat, as bxb does")
    parser.add_argument("records", nargs="+", metavar="RECORD", help="e.g. 233, a path, a folder")
    parser.add_argument("--reference", metavar="SUFFIX", default="atr", help="default: atr")
    parser.add_argument("--test", metavar="SUFFIX", default="ai", help="default: ai")
    parser.add_argument("--test-dir", metavar="DIR", help="where the latter is (default: beside)")
    parser.add_argument("--csv", metavar="FILE.csv", help="also write the table")
    parser.add_argument(
        "--bootstrap", action="store_true", help="limits of 95 %% from resampled patients"
    )
    add_data_dir(parser)
    parser.set_defaults(command=ec57)


def ec57(options: argparse.Namespace) -> None:
    """Print the line format with gross and average statistics."""
    from arrhythmia.evaluate import ec57 as comparison
    from arrhythmia.files import check_writable, whole_file

    if options.csv:
        check_writable(options.csv, ".csv", "--csv")
    counts = {}
    for record in _recordings(options.records):
        *pair, fs, samples = comparison.read_pair(
            record, options.reference, options.test, options.test_dir, options.data_dir
        )
        name = printable(Path(record).name.removesuffix(".hea"))
        if name in counts:
            raise InputError(f"two records are named '{name}': compare them one by one")
        counts[name] = comparison.compare(*pair, fs, samples)
    table = comparison.line_table(counts)
    summed = comparison.with_sums(table)
    if options.csv:
        with whole_file(options.csv) as part:
            summed.round(3).to_csv(part, index=False, lineterminator="\n")
    shown = summed.astype(object).where(summed.notna(), "-")
    print(shown.to_string(index=False, float_format="{:.2f}".format))
    if options.bootstrap:
        patients = [comparison.SAME_PATIENT.get(name, name) for name in counts]
        limits = comparison.bootstrap(table, patients)
        print(f"\ngross, and {comparison.LEVEL} % limits from {len(set(patients))} patients:")
        print(limits.to_string(na_rep="-", float_format="{:.2f}".format))
