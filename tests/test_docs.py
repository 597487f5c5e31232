"""README and docs say what the stored files and the programs say.

Tables stand between two comments, ``<!-- NAME -->`` and ``<!-- /NAME -->``, and are made by the
functions of `BLOCKS` from stored results; no number in them is typed. After a change of results
``python tests/test_docs.py --write`` makes them anew, and the quoted outputs too where the
database is there (``--tables`` leaves the quotes as they are).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

MODEL = ROOT / "saved_models" / "ds1"
RESULTS = ROOT / "studies" / "results"
LEDGER = ROOT / "saved_models" / "ds2_ledger.csv"
README = ROOT / "README.md"
CARD = MODEL / "README.md"
ALL_MODEL = MODEL.with_name("all")
DOCS = sorted((ROOT / "docs").glob("*.md"))
TEXTS = [README, *DOCS, CARD, ALL_MODEL / "README.md"]
MOST_WORDS = 1500
"""Of README.md, as ``wc -w`` counts them."""
STUDIES = ("rare-classes", "mechanisms", "run-length", "template-beat", "priors", "robustness",
           "ensemble")  # fmt: skip
OLD_WORDS = (
    "usual[ ]beat|like[n]ess|voi[c]es|tau[g]ht|reference description|asked for|design of then"
)
"""Spelt so that a search for them does not find them here."""
CLASSES = "NSVF"


def name_of(path: Path) -> str:
    """Name of a text in messages."""
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    """Text of a file."""
    return path.read_text(encoding="utf-8")


def stored(path: Path) -> dict:
    """What a JSON file holds."""
    return json.loads(read(path))


def table_of(*rows: list[str]) -> str:
    """Markdown table; the first row is its head."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(["", head, "|" + "---|" * len(rows[0]), *body, ""])


def number(value: float | None, places: int = 3) -> str:
    """Number with its decimals, or a dash."""
    return "–" if value is None or np.isnan(value) else f"{value:.{places}f}"


def triple(row: pd.Series | dict, name: str) -> str:
    """Sensitivity, positive predictivity and F1 of a class."""
    return " / ".join(number(row[f"{key}_{name}"]) for key in ("se", "ppv", "f1"))


# Results on DS2


def seed_metrics() -> list[dict]:
    """Metrics of the shipped model and of the same with other seeds."""
    folders = [MODEL, *sorted(MODEL.parent.glob(f"{MODEL.name}-seed[0-9]"))]
    return [stored(folder / "metrics.json") for folder in folders]


def over_seeds() -> dict[str, list[float]]:
    """Each figure with all seeds."""
    all_metrics = seed_metrics()
    figures = {
        "accuracy": [m["aami"]["accuracy"] for m in all_metrics],
        "mean F1": [m["aami"]["mean_f1"] for m in all_metrics],
    }
    for i, name in enumerate(CLASSES):
        figures[f"{name} F1"] = [m["aami"]["f1"][i] for m in all_metrics]
    figures["S F1 without 232"] = [m["S_without_232"]["f1"] for m in all_metrics]
    figures["F F1 without 213"] = [m["F_without_213"]["f1"] for m in all_metrics]
    return figures


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def results_table(_: str) -> str:
    """Scores of the shipped model, with intervals, and of five seeds."""
    metrics, seeds = stored(MODEL / "metrics.json"), over_seeds()
    aami = metrics["aami"]

    def limits(key: str) -> str:
        return between(*aami["intervals_95"][key])

    def between(low: float, high: float) -> str:
        return f"{low:.2f} – {high:.2f}"

    rows = [["class", "Se", "+P", "F1", "95 %", "five seeds", "beats"]]
    for i, name in enumerate(aami["classes"]):
        scores = [number(aami[key][i]) for key in ("sensitivity", "ppv")]
        best = f"**{number(aami['f1'][i])}**"
        support = str(aami["support"][i])
        rows.append([name, *scores, best, limits(name), spread(seeds[f"{name} F1"]), support])
    for name, record in (("S", "232"), ("F", "213")):
        part = metrics[f"{name}_without_{record}"]
        scores = [number(part[key]) for key in ("sensitivity", "ppv", "f1")]
        seeds_of = spread(seeds[f"{name} F1 without {record}"])
        interval = between(*part["interval_95"])
        rows.append([f"{name} without {record}", *scores, interval, seeds_of, str(part["support"])])
    for key, name in (("mean_f1", "mean F1"), ("accuracy", "accuracy")):
        value = f"**{number(aami[key])}**"
        rows.append([name, "", "", value, limits(key), spread(seeds[name]), ""])
    return table_of(*rows)


def seeds_table(_: str) -> str:
    """Scores of the same procedure with five seeds."""
    figures = over_seeds()
    count = len(next(iter(figures.values())))
    rows = [["", "mean ± sd", *(f"seed {i}" for i in range(count))]]
    for name, values in figures.items():
        rows.append([name, spread(values), *(number(v) for v in values)])
    return table_of(*rows)


def ledger_rows(_: str) -> str:
    """How often DS2 was evaluated."""
    return f"{len(pd.read_csv(LEDGER))} times"


def ledger_table(_: str) -> str:
    """All rows of the ledger."""
    rows = [["row", "date", "commit", "model", "accuracy", "mean F1", "N", "S", "V", "F"]]
    for i, row in pd.read_csv(LEDGER).iterrows():
        figures = [f"{row[k]:.3f}" for k in ("accuracy", "mean_f1", *(f"f1_{c}" for c in CLASSES))]
        rows.append([str(i + 1), row["date"], row["commit"][:7], row["model"], *figures])
    return table_of(*rows)


def of_ledger(first: int, last: int, column: str) -> str:
    """Mean and standard deviation over rows of the ledger, which are counted from 1."""
    return spread(pd.read_csv(LEDGER)[column].iloc[first - 1 : last].tolist())


def folds_sentence(_: str) -> str:
    """Scores of the record-wise cross-validation of DS1."""
    aami = stored(MODEL / "folds_metrics.json")["aami"]
    f1 = dict(zip(aami["classes"], aami["f1"], strict=True))
    return (
        f"accuracy {aami['accuracy']:.3f}, F1 of N {f1['N']:.3f}, S {f1['S']:.3f}, "
        f"V {f1['V']:.3f}, F {f1['F']:.3f}, mean F1 {aami['mean_f1']:.3f}"
    )


def five_records_sentence(_: str) -> str:
    """Scores with four classes on five records of DS2."""
    part = stored(MODEL / "metrics.json")["reference_records"]
    recall = dict(zip(part["classes"], part["sensitivity"], strict=True))
    accuracy = f"accuracy {part['accuracy']:.3f}"
    return f"{accuracy}, V recall {recall['V']:.3f}, F recall {recall['F']:.3f}"


def comparison_table(_: str) -> str:
    """Scores of the shipped network beside published ones."""
    from arrhythmia.evaluate.published import PUBLISHED

    aami = stored(MODEL / "metrics.json")["aami"]
    own = [aami["accuracy"], *aami["f1"][1:], aami["mean_f1"]]
    rows = [["system", "accuracy", "S", "V", "F", "mean F1", "how sure"]]
    rows.append(["**this network**", *(number(v) for v in own), "`evaluate` repeats it"])
    for one in PUBLISHED:
        figures = [one.accuracy, one.s_f1, one.v_f1, one.f_f1, one.mean_f1]
        name = f"{one.system} ({one.source})"
        rows.append([name, *(number(v) for v in figures), one.remark])
    return table_of(*rows)


# Studies


def runs() -> pd.DataFrame:
    """The table of all stored runs."""
    return pd.read_csv(RESULTS / "runs.csv")


def first_cells(text: str) -> list[str]:
    """First cells of a table's rows."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row.strip("|").split("|")[0].strip() for row in rows[2:]]


def study_table(text: str, study: str) -> str:
    """Scores of the arms of a study, in the order in which the text has them."""
    table = runs()
    mean = table[table["study"] == study].groupby("arm", sort=False).mean(numeric_only=True)
    known = [arm for arm in first_cells(text) if arm in mean.index]
    rows = [["arm", "mean F1", *(f"{c} Se / +P / F1" for c in "SVF"), "N F1"]]
    for arm in [*known, *(arm for arm in mean.index if arm not in known)]:
        row = mean.loc[arm]
        rows.append([arm, number(row["mean_f1"]), *(triple(row, c) for c in "SVF"),
                     number(row["f1_N"])])  # fmt: skip
    return table_of(*rows)


def exploration_table(_: str) -> str:
    """Stored runs of the exploration with full training, by arm."""
    table = exploration("exploration-full")
    rows = [["run", "seeds", "mean F1", "S F1", "V F1", "F F1"]]
    for arm, part in table.groupby("arm", sort=False):
        cells = [
            ", ".join(number(v) for v in part[key]) for key in ("mean_f1", "f1_S", "f1_V", "f1_F")
        ]
        rows.append([arm, ", ".join(map(str, part["seed"])), *cells])
    return table_of(*rows)


def exploration(study: str) -> pd.DataFrame:
    """Runs of a study of earlier designs, with the words of today."""
    table = runs()
    table = table[table["study"] == study].sort_values(["arm", "seed"])
    arms = table["arm"].str.replace("like[n]ess of P waves", "P-wave similarity", regex=True)
    return table.assign(arm=arms)


def tuning_sentence(_: str) -> str:
    """How many trials the tuning has, and the best of them."""
    facts = stored(RESULTS / "tuning" / "summary.json")
    return (
        f"{facts['trials']} trials, {facts['complete']} of them run to the end; the best is trial "
        f"{facts['best']} with a mean F1 of {facts['mean_f1']:.3f}"
    )


def inside_table(_: str) -> str:
    """Scores inside patients."""
    rows = [["blocks held out", "accuracy", "mean F1", *(f"{c} F1" for c in "NVFE")]]
    for seconds, name in ((300, "every sixth block of 5 minutes"), (60, "every sixth minute")):
        four = stored(RESULTS / "inside-patients" / f"metrics-{seconds}.json")["four"]
        f1 = dict(zip(four["classes"], four["f1"], strict=True))
        scores = [number(f1[c]) for c in "NVFE"]
        rows.append([name, number(four["accuracy"], 4), number(four["mean_f1"]), *scores])
    return table_of(*rows)


# Explanations, confidence, times


def faithfulness_table(_: str, half: str) -> str:
    """How true explanations are, method by method."""
    found = stored(RESULTS / "faithfulness.json")[half]
    called = {c: n for c, n in found["beats"].items() if n}
    default = min(found["methods"], key=lambda m: found["methods"][m]["deletion"])
    if half == "DS2":  # the default is chosen on DS1
        methods = stored(RESULTS / "faithfulness.json")["DS1"]["methods"]
        default = min(methods, key=lambda m: methods[m]["deletion"])
    rows = [["method", "deletion", "insertion", "random weights", "noise", "shift",
             "sensitivity", "gap", "Gini", "QRS of V", "P and rhythm of S",
             "deletion if called " + " / ".join(called)]]  # fmt: skip
    for method, figures in found["methods"].items():
        by_class = figures["deletion, relative, by class"]
        rows.append([
            f"**{method}**" if method == default else method,
            number(figures["deletion, relative"], 2),
            number(figures["insertion, relative"], 2),
            f"{figures['randomised']:.2f} ({figures['randomised, absolute']:.2f})",
            number(figures["noise"], 2),
            number(figures["one sample later"], 2),
            *("–" if (v := figures.get(key)) is None else number(v, digits)
              for key, digits in
              (("sensitivity", 3), ("completeness gap", 2), ("sparseness", 2))),
            f"{figures['QRS of V']:.0f} %",
            f"{figures['P and rhythm of S']:.0f} %",
            " / ".join(number(by_class[c], 2) for c in called),
        ])  # fmt: skip
    beats = ", ".join(f"{n} {c}" for c, n in called.items())
    return f"\n{sum(called.values())} beats, called {beats}:\n{table_of(*rows)}"


def agreement_table(_: str) -> str:
    """Rank correlation between the methods on DS1."""
    found = stored(RESULTS / "faithfulness.json")["DS1"]
    names = list(found["methods"])
    rows = [["", *names]]
    for name, values in zip(names, found["agreement"], strict=True):
        rows.append([name, *(number(v, 2) for v in values)])
    return table_of(*rows)


def confidence_table(_: str) -> str:
    """Calibration, sets and referral on DS2, and on DS1 by folds."""
    parts = [
        stored(MODEL / "confidence_metrics.json"),
        stored(MODEL / "confidence.json")["measured"]["folds_cross_fitted"],
        stored(RESULTS / "wording.json")["confidence"]["svdb"],
    ]
    rows = [["", "DS2", "DS1 by folds", "svdb 800 to 855"]]

    def add(name: str, cell: Callable[[dict], str]) -> None:
        rows.append([name, *(cell(part) for part in parts)])

    def share(value: float) -> str:
        return f"{100 * value:.2f} %"

    def kept(part: dict) -> str:
        return f"{share(part['error_kept'])} (ratio {part['ratio']:.2f})"

    for when in ("before", "after"):
        name = f"calibration error {when} (ECE, 15 bins)"
        add(name, lambda p, when=when: number(p["calibration"][when]["ece"], 4))
    for c in CLASSES:
        name = f"after, {c} against the rest"
        add(name, lambda p, c=c: number(p["calibration"]["after"]["classes"][c]["ece"], 4))
    for level in ("90", "95"):
        name = f"{level} % sets"
        add(f"{name} hold the true class", lambda p, n=level: number(p["sets"][n]["coverage"]))
        add(
            f"{name}, by class {' / '.join(CLASSES)}",
            lambda p, n=level: " / ".join(
                number(p["sets"][n]["classes"][c]["coverage"]) for c in CLASSES
            ),
        )
        add(f"{name}, classes in a set", lambda p, n=level: number(p["sets"][n]["size"]))
    add(
        "records whose 90 % sets hold 85 % of their beats",
        lambda p: f"{p['patients']['covered']} of {p['patients']['records']}",
    )
    add("calibration error of a record, median", lambda p: number(p["patients"]["median_ece"], 4))
    add("wrong, of all beats", lambda p: share(p["risk"]["error"]))
    add("wrong, of the surest 95 %", lambda p: kept(p["risk"]))
    add("wrong, of the surest 95 % of assessable beats", lambda p: kept(p["risk_assessable"]))
    add("referred by the default rule", lambda p: share(p["referred"]["share"]))
    add("wrong, of the rest", lambda p: kept(p["referred"]))
    add("not assessable", lambda p: share(p["not_assessable"]))
    return table_of(*rows)


def thresholds_table(_: str) -> str:
    """From which probability on a class is in a set."""
    facts = stored(MODEL / "confidence.json")
    rows = [["", *facts["classes"]]]
    for level, least in facts["least"].items():
        rows.append([f"{level} % sets, from", *(number(v, 4) for v in least)])
    for level, least in facts["unlike"]["least"].items():
        name = f"{level} % sets of recordings unlike the training records"
        rows.append([name, *(number(v, 4) for v in least)])
    records = facts["measured"]["records"]
    rows.append(["DS1 records that hold the class", *(str(records[c]) for c in facts["classes"])])
    return table_of(*rows)


def of_unseen_records(name: str) -> dict[str, dict]:
    """What was measured of DS1 by folds, and of svdb."""
    return {
        "DS1 by folds": stored(MODEL / "confidence.json")["measured"][name],
        "svdb 800 to 855": stored(RESULTS / "wording.json")["confidence"]["svdb"][name],
    }


def unlike_table(_: str) -> str:
    """How well measures without a reference rank records."""
    parts = of_unseen_records("unlike")
    rows = [["measure, mean over a record", *(f"{part}, wrong / outside" for part in parts)]]
    for measure in parts["DS1 by folds"]:
        cells = [
            f"{part[measure]['wrong']:.2f} / {part[measure]['outside the 90 % set']:.2f}"
            for part in parts.values()
        ]
        rows.append([measure, *cells])
    return table_of(*rows)


def unlike_limit(_: str) -> str:
    """Share of unsure beats beyond which a recording is unlike the training records."""
    return f"{100 * stored(MODEL / 'confidence.json')['unlike']['limit']:.1f} %"


def widening_table(_: str) -> str:
    """The 90 % sets before and after they are widened."""
    rows = [["90 % sets", "records", "before", "after"]]
    for part, figures in of_unseen_records("widening").items():
        before, after = figures["before"], figures["after"]
        count = len(figures["unlike"])
        for which, of_these in (("all", "all"), ("unlike", f"{count} unlike the others")):
            one, other = before[which], after[which]
            for key, name in (("coverage", "hold the true class"), ("size", "classes in a set")):
                cells = [number(values[key]) for values in (one, other)]
                rows.append([name, f"{part}, {of_these}", *cells])
            cells = [
                " / ".join("–" if v is None else number(v) for v in values["classes"].values())
                for values in (one, other)
            ]
            rows.append([f"by class {' / '.join(CLASSES)}", f"{part}, {of_these}", *cells])
        cells = [number(values["least"]) for values in (before, after)]
        rows.append(["hold the true class", f"{part}, the record where fewest do", *cells])
    return table_of(*rows)


def calibrations_table(_: str) -> str:
    """Calibrations compared on DS1."""
    rows = [["calibration", "ECE", "ECE of the worst fold"]]
    for name, figures in stored(MODEL / "confidence.json")["measured"]["calibrations"].items():
        rows.append([name, number(figures["ece"], 4), number(figures["worst_fold"], 4)])
    return table_of(*rows)


def temperature(_: str) -> str:
    """Temperature of the shipped model."""
    return f"{stored(MODEL / 'confidence.json')['temperature']:.2f}"


def coverage_range(_: str) -> str:
    """Records of DS2 with the least and the greatest coverage."""
    records = stored(MODEL / "confidence_metrics.json")["sets"]["90"]["records"]
    by_coverage = sorted(records, key=lambda name: records[name]["coverage"])
    low, high = by_coverage[0], by_coverage[-1]
    low, high = (f"{records[name]['coverage']:.2f} (record {name})" for name in (low, high))
    return f"{low} to {high}"


def times_table(_: str) -> str:
    """How long things take."""
    times = stored(RESULTS / "benchmark.json")
    rows = [["what", "time"]]
    for name, seconds in times.items():
        if name not in ("cores", "load", "stages"):
            rows.append([name, f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"])
    return table_of(*rows)


def stages_table(_: str) -> str:
    """Seconds and peak memory of `annotate` by stage."""
    found = stored(RESULTS / "benchmark.json")["stages"]
    names = list(found)
    rows = [["stage", *names]]
    for stage in found[names[0]]:
        cells = [found[name][stage] for name in names]
        rows.append([stage, *(f"{seconds:.2f} s, {size:.0f} MB" for seconds, size in cells)])
    total = {n: [c for s, c in found[n].items() if s != "wfdb"] for n in names}
    sums = [f"{sum(s for s, _ in c):.1f} s, {max(m for _, m in c):.0f} MB" for c in total.values()]
    rows.insert(-1, ["all", *sums])
    return table_of(*rows)


def cores(_: str) -> str:
    """Cores of the machine on which times were measured."""
    return f"{stored(RESULTS / 'benchmark.json')['cores']} cores"


def study_block(study: str) -> Callable[[str], str]:
    """Maker of the table of one study."""
    return lambda text: study_table(text, study)


def printed(text: str) -> str:
    """What a command prints, as a block."""
    return f"\n```text\n{text}\n```\n"


def whole_records_block(which: str) -> Callable[[str], str]:
    """Tables of ``python -m studies leads`` or ``templates``."""

    def make(_: str) -> str:
        module = import_module("studies.whole_records")
        return printed(getattr(module, f"format_{which}")(stored(RESULTS / module.FILE)))

    return make


def second_stage_block(_: str) -> str:
    """Table of ``python -m studies second-stage``."""
    module = import_module("studies.second_stage")
    return printed(module.format_second_stage(stored(RESULTS / module.FILE)))


def pieces_block(_: str) -> str:
    """Table of ``python -m studies pieces``."""
    module = import_module("studies.pieces")
    return printed(module.format_pieces(stored(RESULTS / module.FILE)))


def rhythm_table(_: str) -> str:
    """Stretches of rhythms on DS1 by folds and on DS2, by duration."""
    halves = [stored(MODEL / name)["rhythm"] for name in ("folds_metrics.json", "metrics.json")]
    rows = [["rhythm", "DS1: Se / +P", "marked", "DS2: Se / +P", "marked"]]
    for kind in halves[0]:
        row = [kind]
        for half in halves:
            of = half[kind]
            row.append(f"{number(of['sensitivity'])} / {number(of['ppv'])}")
            row.append(f"{of['marked_s']:.0f} s")
        rows.append(row)
    return table_of(*rows)


def reader_table(_: str) -> str:
    """Scores on DS2 after decisions of a reader, mean and spread over seeds."""
    curves = [metrics["reader"] for metrics in seed_metrics()]
    rows = [["decisions per record", *(f"{c} F1" for c in CLASSES), "mean F1", "accuracy"]]
    for done in curves[0]:
        of_seeds = [curve[done] for curve in curves]
        f1 = np.array([row["f1"] for row in of_seeds])
        values = [spread(list(column)) for column in f1.T]
        values += [spread([row[key] for row in of_seeds]) for key in ("mean_f1", "accuracy")]
        rows.append([done, *values])
    return table_of(*rows)


def wording_table(_: str) -> str:
    """What contradicts the trace in what is said of beats."""
    from studies.wording import FILE, rows_of

    return table_of(*rows_of(stored(RESULTS / FILE)))


def vocabulary_table(_: str) -> str:
    """When each word is said."""
    from arrhythmia.explain.vocabulary import rules_table

    return rules_table()


def detectors_table(_: str) -> str:
    """How well beats are detected."""
    from studies.detectors import FILE, rows_of

    return table_of(*rows_of(stored(RESULTS / FILE)["counts"]))


def polarity_table(_: str) -> str:
    """How often a lead upside down is recognised."""
    from studies.polarity import FILE, rows_of

    return table_of(*rows_of(stored(RESULTS / FILE)))


def guard_table(_: str) -> str:
    """Kills and what they left."""
    from studies.guard import FILE, rows_of

    return table_of(*rows_of(stored(RESULTS / FILE)))


def guard_words(_: str) -> str:
    """Writers and mutated inputs."""
    from studies.guard import FILE, sentences_of

    return "\n" + "\n".join(sentences_of(stored(RESULTS / FILE))) + "\n"


def delineation_table(_: str) -> str:
    """Distance from the expert's marks, all records and each."""
    from studies.delineation import FILE, rows_of

    return table_of(*rows_of(stored(RESULTS / FILE)))


def all_table(_: str) -> str:
    """Scores of model ``all`` by record-wise cross-validation over all its records."""
    aami = stored(ALL_MODEL / "folds_metrics.json")["aami"]
    rows = [["class", "Se", "+P", "F1", "95 %", "mean over patients", "beats"]]
    for i, name in enumerate(aami["classes"]):
        low, high = aami["intervals_95"][name]
        scores = [number(aami[key][i]) for key in ("sensitivity", "ppv", "f1")]
        average = number(aami["average_f1"][i])
        rows.append([name, *scores, f"{low:.2f} – {high:.2f}", average, str(aami["support"][i])])
    for key, name in (("mean_f1", "mean F1"), ("accuracy", "accuracy")):
        low, high = aami["intervals_95"][key]
        rows.append([name, "", "", number(aami[key]), f"{low:.2f} – {high:.2f}", "", ""])
    return table_of(*rows)


def stream_block(part: str) -> Callable[[str], str]:
    """Table of a stream beside recordings read as a whole, and its alarms."""

    def make(_: str) -> str:
        module = import_module("arrhythmia.evaluate.stream")
        file = MODEL / module.FILE if part == "DS2" else RESULTS / "stream.json"
        return printed(module.format_stream(stored(file)[part]))

    return make


def stream_benchmark_block(_: str) -> str:
    """What a stream costs in computing and memory."""
    module = import_module("studies.stream_benchmark")
    report = stored(RESULTS / module.FILE)
    return printed(f"{module.format_times(report)}\n{module.format_memory(report)}")


BLOCKS: dict[str, Callable[[str], str]] = {
    "results": results_table,
    "seeds": seeds_table,
    "ledger-rows": ledger_rows,
    "ledger": ledger_table,
    "ledger-S:14-18": lambda text: of_ledger(14, 18, "f1_S"),
    "ledger-S:19-23": lambda text: of_ledger(19, 23, "f1_S"),
    "ledger-mean:19-23": lambda text: of_ledger(19, 23, "mean_f1"),
    "ledger-mean:24-28": lambda text: of_ledger(24, 28, "mean_f1"),
    "ledger-mean:29-33": lambda text: of_ledger(29, 33, "mean_f1"),
    "ledger-mean:34-38": lambda text: of_ledger(34, 38, "mean_f1"),
    "ledger-mean:39-43": lambda text: of_ledger(39, 43, "mean_f1"),
    "ledger-S:34-38": lambda text: of_ledger(34, 38, "f1_S"),
    "ledger-S:39-43": lambda text: of_ledger(39, 43, "f1_S"),
    "folds": folds_sentence,
    "five-records": five_records_sentence,
    "comparison": comparison_table,
    **{f"study:{name}": study_block(name) for name in STUDIES},
    "exploration": exploration_table,
    "tuning": tuning_sentence,
    "inside": inside_table,
    "all": all_table,
    "leads": whole_records_block("leads"),
    "templates": whole_records_block("templates"),
    "second-stage": second_stage_block,
    "pieces": pieces_block,
    "rhythm": rhythm_table,
    "reader": reader_table,
    "faithfulness:DS1": lambda text: faithfulness_table(text, "DS1"),
    "faithfulness:DS2": lambda text: faithfulness_table(text, "DS2"),
    "agreement": agreement_table,
    "confidence": confidence_table,
    "thresholds": thresholds_table,
    "calibrations": calibrations_table,
    "unlike": unlike_table,
    "unlike-limit": unlike_limit,
    "widening": widening_table,
    "temperature": temperature,
    "coverage-range": coverage_range,
    "delineation": delineation_table,
    "detectors": detectors_table,
    "wording": wording_table,
    "vocabulary": vocabulary_table,
    "polarity": polarity_table,
    "guard": guard_table,
    "guard-words": guard_words,
    "stream:DS1": stream_block("DS1"),
    "stream:DS2": stream_block("DS2"),
    "stream-benchmark": stream_benchmark_block,
    "times": times_table,
    "stages": stages_table,
    "cores": cores,
}
"""Name of each comment to the function that makes what stands behind it from the old text."""

BLOCK = re.compile(r"<!-- ([\w:-]+) -->(.*?)<!-- /\1 -->", re.DOTALL)
CODE = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
QUOTE = re.compile(
    r"^```(?P<kind>sh|python)\n(?P<code>[^`]*?)^```\n(?P<between>[^`]*?)<!-- output -->\n```text\n"
    r"(?P<output>.*?)^```\n<!-- /output -->",
    re.DOTALL | re.MULTILINE,
)
"""A block of code, and what it prints."""

ALL_BLOCKS = [
    pytest.param(path, name, id=f"{name_of(path)}-{name}")
    for path in TEXTS
    for name, _ in BLOCK.findall(read(path))
    if name != "output"
]


@pytest.mark.parametrize(("path", "name"), ALL_BLOCKS)
def test_table_is_that_of_the_files(path: Path, name: str) -> None:
    shown = next(text for found, text in BLOCK.findall(read(path)) if found == name)
    assert shown.split() == BLOCKS[name](shown).split()


def test_every_table_is_shown() -> None:
    shown = {name for path in TEXTS for name, _ in BLOCK.findall(read(path))} - {"output"}
    assert shown == set(BLOCKS)


def test_every_study_is_shown() -> None:
    from studies.experiments import STUDIES as KNOWN

    assert set(KNOWN) == set(STUDIES)


def test_readme_is_short() -> None:
    assert len(read(README).split()) <= MOST_WORDS


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_words_of_the_past_are_gone(path: Path) -> None:
    assert re.findall(OLD_WORDS, read(path), re.IGNORECASE) == []


def test_figures_of_attempts_are_those_of_the_stored_runs() -> None:
    rows = attempt_rows()
    assert len(rows) > 15
    checked = 0
    for cells in rows:
        figures = stored_figures(cells[-1])
        for text, is_printed_only in re.findall(r"(?<![\d.])(\.\d{3})(?!\d)(\*?)", cells[-2]):
            if not is_printed_only:
                assert np.abs(figures - float(text)).min() < 0.00056, (cells[0], text)
                checked += 1
    assert checked > 40


def attempt_rows() -> list[list[str]]:
    """Rows of the tables of docs/studies.md whose last column names stored runs."""
    rows, inside = [], False
    for line in read(ROOT / "docs" / "studies.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[-1] == "stored runs":
            inside = True
        elif inside and line.startswith("|") and not line.startswith("|---"):
            rows.append(cells)
        elif not line.startswith("|"):
            inside = False
    return rows


def stored_figures(cell: str) -> np.ndarray:
    """Figures of the runs that a cell names, seed by seed and on average.

    A run is written ```arm``` (of the study exploration-full) or ```study/arm```; ``network``
    stands for all single networks of an ensemble.
    """
    figures = [np.inf]
    for text in re.findall("`([^`]+)`", cell):
        study, _, arm = text.rpartition("/")
        part = exploration(study or "exploration-full")
        is_member = part["arm"].str.match("(network|member|teacher) ")
        part = part[is_member if arm == "network" else part["arm"] == arm]
        assert len(part), text
        for key in ("mean_f1", "f1_S", "f1_V", "f1_F"):
            values = part[key].to_numpy()
            figures += [*values, *np.cumsum(values) / np.arange(1, len(values) + 1)]
    return np.array(figures)


def test_the_default_method_is_the_one_that_wins_on_ds1() -> None:
    from arrhythmia.explain.method_names import DEFAULT_METHOD

    methods = stored(RESULTS / "faithfulness.json")["DS1"]["methods"]
    assert min(methods, key=lambda m: methods[m]["deletion"]) == DEFAULT_METHOD


def test_stored_figures_are_of_the_shipped_model_and_in_the_ledger() -> None:
    from arrhythmia.model_settings import model_digest, network_digest

    digest = model_digest(MODEL)
    assert stored(RESULTS / "faithfulness.json")["model"] == network_digest(MODEL)
    assert stored(MODEL / "confidence.json")["model"] == digest
    ledger = pd.read_csv(LEDGER).set_index("digest")
    folders = [MODEL, *sorted(MODEL.parent.glob(f"{MODEL.name}-seed[0-9]"))]
    assert len(folders) == 5
    for folder in folders:
        row, aami = ledger.loc[model_digest(folder)], stored(folder / "metrics.json")["aami"]
        assert row["accuracy"] == aami["accuracy"]
        assert row["mean_f1"] == aami["mean_f1"]
    assert (MODEL / "model.keras").stat().st_size < 5_000_000


# Links, commands, quotes

LINKED = [*TEXTS, ROOT / "CHANGELOG.md", ROOT / "mitdb" / "README.md"]


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)\s]+)\)", read(path)):
        file, _, heading = target.replace("%20", " ").partition("#")
        place = path.parent / file if file else path
        assert place.exists(), target
        if heading:
            assert heading in headings(read(place)), target


def headings(text: str) -> list[str]:
    """Anchors that GitHub gives the headings of a text."""
    titles = re.findall(r"^#+ (.*)$", re.sub(CODE, "", text), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


def test_files_named_exist() -> None:
    for path in TEXTS:
        for name in re.findall(r"`((?:arrhythmia|studies|saved_models|docs|tests)/[^`\s]*)`",
                               read(path)):  # fmt: skip
            if not re.search(r"[A-Z]{2}|\*|mine", name):  # stands for others
                assert (ROOT / name).exists(), f"{name} in {name_of(path)}"


def commands() -> list[str]:
    """Lines of all shell blocks."""
    lines = [
        line
        for path in LINKED
        for kind, code in CODE.findall(read(path))
        if kind == "sh"
        for line in code.splitlines()
    ]
    return sorted({line.strip() for line in lines if line.strip()})


def test_there_are_commands() -> None:
    assert len(commands()) >= 15


class ParsedError(Exception):
    """The arguments were accepted."""


@pytest.mark.parametrize("command", commands())
def test_command_is_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command, comments=True)
    program, *arguments = words
    if program == "make":
        makefile = read(ROOT / "Makefile")
        assert all(re.search(f"^{target}:", makefile, re.MULTILINE) for target in arguments)
        return
    if arguments[:2] in (["-m", "venv"], ["-m", "pip"]) or program in ("pip", "git", "cd"):
        return
    if program == "source":
        assert arguments == [".venv/bin/activate"]
        return
    assert Path(program).name == "python", command
    main, options = entry_point(arguments)
    parse = argparse.ArgumentParser.parse_args

    def parse_only(self: argparse.ArgumentParser, *args: object, **kwargs: object) -> None:
        parse(self, *args, **kwargs)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    with pytest.raises(ParsedError):
        main(options)


def entry_point(arguments: list[str]) -> tuple[Callable[[list[str]], int], list[str]]:
    """Function behind a command, and the options that it is given."""
    if arguments[0] == "-m":
        return import_module(f"{arguments[1]}.__main__").main, arguments[2:]
    path = Path(arguments[0])
    assert path.suffix == ".py", arguments
    return import_module(".".join(path.with_suffix("").parts)).main, arguments[1:]


def run_code(kind: str, code: str, folder: str | Path) -> str:
    """What the last command of a shell block, or a block of Python, prints in a folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    if os.environ.get("MITDB_DIR") or (ROOT / "mitdb" / "100.hea").is_file():
        data = Path(os.environ.get("MITDB_DIR") or ROOT / "mitdb").resolve()
        environment["MITDB_DIR"] = str(data)
    if kind == "python":
        command = [sys.executable, "-c", code]
    else:
        _, *arguments = shlex.split(code.strip().splitlines()[-1], comments=True)
        if arguments[0].endswith(".py"):
            arguments[0] = str(ROOT / arguments[0])
        command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def quoted_part(output: str) -> str:
    """What the texts quote of an output: of a beat, all that stands above its table of facts."""
    return re.split(r"^record  ", output, flags=re.MULTILINE)[0].strip() + "\n"


def assert_same_but_for_digits(shown: str, printed: str) -> None:
    """Compare texts; their numbers may differ as results do between machines."""
    number_in_text = r"\d*\.?\d+"
    assert re.sub(number_in_text, "#", shown) == re.sub(number_in_text, "#", printed)
    for ours, theirs in zip(
        re.findall(number_in_text, shown), re.findall(number_in_text, printed), strict=True
    ):
        last_place = 10.0 ** -len(ours.partition(".")[2])
        assert abs(float(ours) - float(theirs)) <= 1.01 * last_place, (ours, theirs)


QUOTES = [
    pytest.param(
        match["kind"], match["code"], match["output"], id=f"{name_of(path)}-{match.start()}",
        marks=pytest.mark.slow if match["kind"] == "python" else pytest.mark.database,
    )
    for path in TEXTS
    for match in QUOTE.finditer(read(path))
]  # fmt: skip


def test_there_are_quotes() -> None:
    blocks = [name for path in TEXTS for name, _ in BLOCK.findall(read(path))]
    assert len(QUOTES) == blocks.count("output") >= 2


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "code", "output"), QUOTES)
def test_quoted_output_is_what_is_printed(
    kind: str, code: str, output: str, tmp_path: Path
) -> None:
    assert_same_but_for_digits(output, quoted_part(run_code(kind, code, tmp_path)))


@pytest.mark.slow
def test_readme_shows_the_five_lines_of_python_first(tmp_path: Path) -> None:
    kind, code = next((k, c) for k, c in CODE.findall(read(README)) if k == "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    run_code(kind, f"{code}\nprint(beats.columns.tolist(), file=open('columns', 'w'))", tmp_path)
    columns = eval((tmp_path / "columns").read_text())
    section = read(README).partition("## Your own records")[2].partition("\n## ")[0]
    for column in columns:
        name = re.sub(r"^([pc])_[SVE]$", r"\1_N", column)  # p_N … p_F
        assert f"`{name}`" in section, column


def write(with_quotes: bool) -> None:
    """Make all tables anew, and what the programs print."""
    for path in TEXTS:
        old = read(path)
        new = BLOCK.sub(with_table, old)
        if with_quotes:
            new = QUOTE.sub(with_output, new)
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(f"{name_of(path)} written")


def with_table(match: re.Match) -> str:
    """A table as the files have it now; line breaks within a sentence stay."""
    name, old = match[1], match[2]
    if name == "output":
        return match[0]
    new = BLOCKS[name](old)
    return match[0] if new.split() == old.split() else f"<!-- {name} -->{new}<!-- /{name} -->"


def with_output(match: re.Match) -> str:
    """A quote with what is printed now."""
    with tempfile.TemporaryDirectory() as folder:
        printed = quoted_part(run_code(match["kind"], match["code"], folder))
    return (
        f"```{match['kind']}\n{match['code']}```\n{match['between']}<!-- output -->\n"
        f"```text\n{printed}```\n<!-- /output -->"
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Make the tables of README and docs anew.")
    options.add_argument("--write", action="store_true", required=True)
    options.add_argument("--tables", action="store_true", help="leave quoted outputs as they are")
    write(with_quotes=not options.parse_args().tables)
