"""Tests of `arrhythmia.evaluate.ec57`: pairs whose answer is counted on paper, and wfdb's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from conftest import MakeRecord
from wfdb.processing import compare_annotations

from arrhythmia.__main__ import main
from arrhythmia.evaluate.ec57 import (
    COLUMNS,
    ROWS,
    Marks,
    bootstrap,
    compare,
    line_counts,
    line_table,
    percent,
    read_marks,
    with_sums,
)
from arrhythmia.records import Annotation

FS = 100.0
"""The window of 150 ms is 15 samples then."""


def marks(*beats: tuple[int, str], **periods: tuple) -> Marks:
    return Marks(np.array([s for s, _ in beats]), "".join(y for _, y in beats), **periods)


def pairs(reference: Marks, test: Marks, start_s: float = 0.0) -> dict[str, int]:
    """Kinds of pairs that were counted, such as ``{"Nn": 2, "Vo": 1}``."""
    counts = compare(reference, test, FS, start_s=start_s)
    return {ROWS[i] + COLUMNS[j]: int(counts[i, j]) for i, j in zip(*counts.nonzero(), strict=True)}


def annotation(*given: tuple[int, str, int]) -> Annotation:
    sample, symbol, subtype = (np.array(column) for column in zip(*given, strict=True))
    return Annotation(sample, symbol, np.full(len(sample), ""), subtype)


def test_matched_missed_and_extra() -> None:
    reference = marks((100, "N"), (200, "V"), (300, "S"), (400, "F"), (500, "N"))
    test = marks((115, "N"), (184, "N"), (285, "S"), (400, "V"), (450, "V"))
    # 100: 15 apart, found; 200: 16 apart, missed, and 184 is extra; 500: missed
    assert pairs(reference, test) == {"Nn": 1, "Vo": 1, "On": 1, "Ss": 1, "Fv": 1, "Ov": 1, "No": 1}


def test_statistics_counted_on_paper() -> None:
    counts = np.zeros((7, 7), dtype=int)
    for pair, number in {
        "Nn": 80, "Ns": 3, "Nv": 2, "No": 5, "Ss": 6, "Sn": 3, "So": 1, "Vv": 15, "Vs": 1, "Vn": 2,
        "Vx": 2, "Fv": 4, "Qv": 1, "On": 2, "Ov": 3, "Xs": 1,
    }.items():  # fmt: skip
        counts[ROWS.index(pair[0]), COLUMNS.index(pair[1])] = number
    line = line_counts(counts)
    assert (line["Fv"], line["Os"], line["Vo"], line["No"]) == (5, 1, 2, 5)
    assert percent(line) == {
        "Q Se": pytest.approx(100 * 117 / 125),  # 8 missed: 5 N, 1 S, 2 V in shutdown
        "Q +P": pytest.approx(100 * 117 / 123),  # 6 extra
        "V Se": 75.0,  # 15 of 20
        "V +P": 75.0,  # of 15 and 2 N, 3 that are none; 5 of F and Q do not count
        "V FPR": pytest.approx(100 * 5 / (5 + 83 + 9 + 3)),
        "S Se": 60.0,
        "S +P": pytest.approx(100 * 6 / 11),
        "S FPR": pytest.approx(100 * 5 / (5 + 82 + 17 + 5 + 5)),
    }


def test_the_example_of_the_source_of_bxb() -> None:
    reference, test = marks((96, "N"), (160, "N")), marks((128, "N"), (185, "N"))
    counts = compare(reference, test, 250.0, start_s=0)  # the window is 37 samples
    assert counts.sum() == 2 == counts[0, 0]


def test_the_first_five_minutes_do_not_count() -> None:
    reference = marks((29900, "V"), (30005, "N"), (30100, "N"))
    test = marks((29900, "N"), (29995, "N"), (30100, "N"))
    assert pairs(reference, test, 300.0) == {"Nn": 2}  # 29995 belongs to a beat after the start
    late = marks((30005, "N"), (30100, "N"))
    assert pairs(marks((29995, "N"), (30100, "N")), late, 300.0) == {"Nn": 1}


def test_shutdown_and_fibrillation() -> None:
    reference = read_marks(
        annotation((100, "N", 0), (150, "[", 0), (170, "!", 0), (200, "V", 0), (300, "]", 0),
                   (400, "~", 0x30), (600, "~", 0), (700, "L", 0), (800, "j", 0)),
        FS,
    )  # fmt: skip
    assert (reference.label, reference.unreadable) == ("NNS", ((400, 600),))
    assert reference.fibrillation == ((150, 300),)
    test = marks((100, "N"), (200, "V"), (250, "V"), (500, "V"), (800, "S"))
    test = Marks(test.sample, test.label, unreadable=((650.0, 750.0),))
    # 200, 250: in fibrillation, not counted; 500 in shutdown; 700 missed in that of the test
    assert pairs(reference, test) == {"Nn": 1, "Xv": 1, "Nx": 1, "Ss": 1}


def test_shutdown_without_an_end_lies_between_the_beats_around() -> None:
    found = read_marks(annotation((100, "N", 0), (300, "~", 0x30), (500, "V", 0)), FS)
    assert found.unreadable == ((115, 485),)
    found = read_marks(annotation((100, "N", 0), (300, "~", 0x33)), FS)
    assert found.unreadable == ((300, np.inf),)
    assert read_marks(annotation((100, "N", 0), (300, "~", 3)), FS).unreadable == ()


def test_the_same_as_wfdb_where_beats_are_apart() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        reference = np.cumsum(rng.integers(60, 120, 200))
        kept = reference[rng.random(200) > 0.1]
        extra = kept[:-1][rng.random(len(kept) - 1) > 0.9] + 40
        test = np.union1d(kept + rng.integers(-14, 15, len(kept)), extra)
        theirs = compare_annotations(reference, test, 15)
        ours = compare(
            Marks(reference, "N" * len(reference)), Marks(test, "N" * len(test)), FS, start_s=0
        )
        assert (ours[0, 0], ours[0, 5], ours[5, 0]) == (theirs.tp, theirs.fn, theirs.fp)


def test_gross_counts_beats_and_average_counts_records() -> None:
    good = compare(marks(*[(100 * i, "N") for i in range(1, 10)]),
                   marks(*[(100 * i, "N") for i in range(1, 10)]), FS, start_s=0)  # fmt: skip
    bad = compare(marks((100, "V")), marks((500, "N")), FS, start_s=0)
    table = with_sums(line_table({"a": good, "b": bad}))
    gross, average = (table[table["Record"] == name].iloc[0] for name in ("Gross", "Average"))
    assert (gross["Q Se"], average["Q Se"]) == (90.0, 50.0)
    assert (gross["V Se"], average["V Se"]) == (0.0, 0.0)  # record a has no V
    assert gross["Nn"] == 9 and pd.isna(average["Nn"])


def test_bootstrap_holds_the_gross_value_and_takes_patients_together() -> None:
    counts = {}
    for i, missed in enumerate((0, 1, 2, 5)):
        beats = [(100 * k, "N") for k in range(1, 30)]
        counts[str(i)] = compare(marks(*beats), marks(*beats[missed:]), FS, start_s=0)
    table = line_table(counts)
    limits = bootstrap(table, list(counts)).loc["Q Se"]
    assert limits["low"] < limits["gross"] < limits["high"]
    one = bootstrap(table, ["same"] * 4).loc["Q Se"]
    assert one["low"] == one["gross"] == one["high"]


def test_the_command_prints_and_writes_the_table(
    make_record: MakeRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_record(tmp_path, "rec", symbols=["N", "N", "V", "A"] * 120)
    truth = wfdb.rdann(str(path), "atr")
    beats = [i for i, s in enumerate(truth.symbol) if s in "NVA" and truth.sample[i] > 100]
    symbols = [truth.symbol[i].replace("A", "N") for i in beats]
    wfdb.wrann("rec", "ai", truth.sample[beats], symbols, fs=360, write_dir=str(tmp_path))
    arguments = ["ec57", str(path), "--csv", str(tmp_path / "t.csv"), "--bootstrap"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "Gross" in said and "95 % limits from 1 patients" in said
    row = pd.read_csv(tmp_path / "t.csv").iloc[0]
    assert (row["Record"], row["Q Se"], row["V Se"], row["S Se"]) == ("rec", 100, 100, 0)
    after = np.array(truth.sample)[beats] >= 300 * 360
    assert row["Nn"] == sum(s == "N" for s in np.array(truth.symbol)[beats][after])
    assert main(["ec57", str(path), "--test", "none"]) == 2
    assert "rec.none" in capsys.readouterr().err
