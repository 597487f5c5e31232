"""Do the commands hold? Mutated inputs, kills at random moments, and many writers at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from arrhythmia.errors import InputError
from arrhythmia.evaluate.ledger import read_ledger
from arrhythmia.files import CLONE, PART
from arrhythmia.mitdb import require_database
from studies.kills import COLUMNS, contents, kills, run

FILE: Final = "guard.json"
FUZZ: Final = CLONE.parent / "shared" / "tools" / "fuzz.py"
SEEDS: Final = 5
"""Seeds of mutated inputs, from the one given on."""
MORE_MARKS: Final = "beats written != beats said"
"""What the tool takes for a fault: ``.ai`` holds marks of quality and a note besides the beats."""
WRITERS: Final = (2, 4, 8)
ROWS: Final = 10
"""That each writer adds to a ledger."""
ADD_ROWS: Final = f"""
import sys
from arrhythmia.evaluate import ledger
path, model, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
figures = {{"aami": {{"accuracy": 0, "mean_f1": 0, "classes": "NSVF", "f1": "0000"}}}}
ledger.commit = lambda: "unknown"
for row in range({ROWS}):
    ledger.model_digest = lambda _: f"{{number:032x}}{{row:032x}}"
    assert ledger.add_to_ledger(path, model, figures)
"""


def fuzz(seed: int, count: int, data_dir: Path) -> list[dict]:
    """Run mutated inputs; what the tool says of each.

    Raises
    ------
    InputError
        If the tool is not beside the clone, or broke off.
    """
    if not FUZZ.is_file():
        raise InputError(f"no tool '{FUZZ}': put the shared folder beside the clone")
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "cases.json"
        subprocess.run(
            [sys.executable, str(FUZZ), str(seed), str(count), "--json", str(file)],
            cwd=CLONE, stdout=subprocess.DEVNULL, check=False,
            env=os.environ | {"MITDB_DIR": str(data_dir)},
        )  # fmt: skip
        if not file.is_file():
            raise InputError(f"'{FUZZ}' broke off: run it by itself to see why")
        return json.loads(file.read_text(encoding="utf-8"))


def fault_counts(cases: list[dict]) -> dict[str, float]:
    """Number of mutated inputs, of those with each kind of fault; the slowest and the largest."""
    kinds = Counter(
        kind for c in cases for kind in {f[0] for f in c["faults"] if f[1] != MORE_MARKS}
    )
    counts = {"inputs": len(cases)}
    counts |= {kind: kinds.pop(kind, 0) for kind in ("traceback", "hang", "memory", "outside")}
    most = {name: round(max(c[key] for c in cases), 2)
            for name, key in (("slowest_s", "wall"), ("most_gb", "mem"))}  # fmt: skip
    return counts | {"other": kinds.total()} | most


def writers(data_dir: Path) -> dict[str, dict[str, int]]:
    """Rows lost of a ledger, and wrong or temporary files of one output, by number of writers."""
    counts = {}
    for number in WRITERS:
        with tempfile.TemporaryDirectory() as place:
            folder, model = Path(place), str(CLONE / "saved_models" / "ds1")
            out = folder / "out"
            ledger = ["-c", ADD_ROWS, str(folder / "ledger.csv"), model]
            output = ["-m", "arrhythmia", "annotate", str(data_dir / "101"), "--output-dir"]
            with ThreadPoolExecutor(number) as threads:
                list(threads.map(lambda n: run(CLONE, [*ledger, str(n)]), range(number)))  # noqa: B023
                run(CLONE, [*output, str(folder / "alone")])
                list(threads.map(lambda _: run(CLONE, [*output, str(out)]), range(number)))  # noqa: B023
            lost = ROWS * number - len(read_ledger(folder / "ledger.csv"))
            there, alone = contents(out), contents(folder / "alone")
            wrong = sum(there.get(name) != text for name, text in alone.items())
            temporary = len(list(out.glob(f"{PART}*"))) + len(there.keys() - alone.keys())
            counts[str(number)] = {"lost": lost, "broken": wrong, "leftovers": temporary}
    return counts


def run_guard(seed: int, count: int, times: int, data_dir: str | None, tell: Callable) -> dict:
    """All of it, with what it was run with."""
    folder = require_database(data_dir).absolute()
    results = {"seed": seed, "kills": kills(seed, times, folder, tell), "writers": writers(folder)}
    tell(f"fuzz: {SEEDS} seeds of {count} inputs")
    cases = [case for n in range(SEEDS) for case in fuzz(seed + n, count, folder)] if count else []
    return results | {"fuzz": fault_counts(cases) if cases else None}


def rows_of(results: dict) -> list[list[str]]:
    """Table of kills and writers; the first row is its head."""
    rows = [["command", *COLUMNS]]
    rows += [[name, *(str(wrong[c]) for c in COLUMNS)] for name, wrong in results["kills"].items()]
    return rows


def sentence_of(results: dict) -> str:
    """Writers and mutated inputs in words."""
    lost = {kind: sum(one[kind] for one in results["writers"].values())
            for kind in ("lost", "broken", "leftovers")}  # fmt: skip
    text = (
        f"{', '.join(results['writers'])} writers at once: {lost['lost']} rows of a ledger lost, "
        f"{lost['broken']} files wrong, {lost['leftovers']} left over."
    )
    if results["fuzz"]:
        count = results["fuzz"]
        text += (
            f" Mutated inputs: {count['inputs']} from {SEEDS} seeds, {count['traceback']} "
            f"tracebacks, {count['hang']} hangs over 20 s, {count['memory']} over 2 GB, "
            f"{count['outside']} reads outside, {count['other']} other faults; the slowest took "
            f"{count['slowest_s']:.1f} s, the largest {count['most_gb']:.2f} GB."
        )
    return text


def format_guard(results: dict) -> str:
    """Results as text."""
    rows = rows_of(results)
    lines = [f"{row[0]:18}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows]
    return "\n".join([f"seed {results['seed']}", *lines, "", sentence_of(results)])
