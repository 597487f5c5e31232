"""Whether the commands hold: mutated inputs, and kills at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from arrhythmia.errors import InputError
from arrhythmia.files import CLONE, PART
from arrhythmia.mitdb import require_database

FUZZ: Final = CLONE.parent / "shared" / "tools" / "fuzz.py"
SIGNALS: Final = ("SIGKILL", "SIGTERM", "SIGINT")
LONGEST_S: Final = {"predict": 12.0, "annotate": 9.0, "download": 3.0}
"""Command to the seconds within which it is killed, which is about what it takes."""


def commands(folder: Path, data_dir: Path) -> dict[str, list[str]]:
    """Each command that is killed to its arguments, writing to a folder."""
    package, record = ["-m", "arrhythmia"], str(data_dir / "100")
    output = str(folder / "beat.png")
    return {
        "predict": ["predict.py", "--record", record, "--beat", "7", "--output", output],
        "annotate": [*package, "annotate", record, "--output-dir", str(folder)],
        "download": [*package, "download", "--from", str(data_dir), "--data-dir", str(folder)],
    }


def fuzz(seed: int, count: int, data_dir: Path) -> dict[str, int]:
    """Run mutated inputs and count the faults.

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
        return fault_counts(json.loads(file.read_text(encoding="utf-8")))


def fault_counts(cases: list[dict]) -> dict[str, int]:
    """Number of mutated inputs, and of those with each kind of fault."""
    kinds = Counter(kind for c in cases for kind in {fault[0] for fault in c["faults"]})
    return {"inputs": len(cases)} | dict(sorted(kinds.items()))


def kills(seed: int, times: int, data_dir: Path, tell: Callable[[str], None]) -> dict[str, dict]:
    """Kill each command at random moments, run it again, and count what is wrong.

    Parameters
    ----------
    seed : int
        Of the moments.
    times : int
        Kills of each command with each of `SIGNALS`.
    data_dir : Path
        The database.
    tell : callable
        Told each command as it begins.

    Returns
    -------
    dict
        Command to its number of ``kills``, of ``tracebacks``, of ``leftovers`` after the next run,
        of ``broken`` files (other than those of a run that was let be), and of ``orphans``.
    """
    rng = random.Random(seed)
    counts = {}
    for name, longest in LONGEST_S.items():
        tell(name)
        wrong = dict.fromkeys(("kills", "tracebacks", "leftovers", "broken", "orphans"), 0)
        with tempfile.TemporaryDirectory() as whole:
            _run(commands(Path(whole), data_dir)[name])
            right = _contents(Path(whole))
        for which in SIGNALS * times:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                told = _run(commands(folder, data_dir)[name], which, rng.uniform(0, longest))
                wrong["kills"] += 1
                wrong["tracebacks"] += "Traceback" in told
                after = _contents(folder)
                wrong["broken"] += sum(right.get(file) != text for file, text in after.items())
                wrong["orphans"] += _children_live(folder)
                _run(commands(folder, data_dir)[name])
                wrong["leftovers"] += len(list(folder.glob(f"{PART}*")))
                wrong["broken"] += _contents(folder) != right
        counts[name] = wrong
    return counts


def _run(arguments: list[str], which: str | None = None, after_s: float = 0.0) -> str:
    """What a command wrote to stderr; it is sent a signal after some seconds."""
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=CLONE, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        if which is not None:
            time.sleep(after_s)
            process.send_signal(getattr(signal, which))
        return process.communicate(timeout=120)[1]


def _contents(folder: Path) -> dict[str, bytes]:
    """Name to content of the files, but for temporary ones."""
    return {f.name: f.read_bytes() for f in folder.iterdir() if not f.name.startswith(PART)}


def _children_live(folder: Path) -> int:
    """Processes that still work on a folder (where the system lists them)."""
    lines = [file for file in Path("/proc").glob("[0-9]*/cmdline") if file.parent.exists()]
    live = 0
    for file in lines:
        try:
            live += str(folder).encode() in file.read_bytes()
        except OSError:  # it has ended
            continue
    return live


def run_guard(seed: int, count: int, times: int, data_dir: str | None, tell: Callable) -> dict:
    """Results of `fuzz` and `kills` with what they were run with."""
    folder = require_database(data_dir).absolute()
    results = {"seed": seed, "fuzz": None, "kills": kills(seed, times, folder, tell)}
    if count:
        tell(f"fuzz: {count} inputs")
        results["fuzz"] = fuzz(seed, count, folder)
    return results


def format_guard(results: dict) -> str:
    """Table of results."""
    columns = ("kills", "tracebacks", "leftovers", "broken", "orphans")
    lines = [f"seed {results['seed']}", f"{'':10}" + "".join(f"{c:>12}" for c in columns)]
    for name, wrong in results["kills"].items():
        lines.append(f"{name:10}" + "".join(f"{wrong[c]:12}" for c in columns))
    if results["fuzz"]:
        counts = ", ".join(f"{number} {kind}" for kind, number in results["fuzz"].items())
        lines += ["", f"mutated inputs: {counts}"]
    return "\n".join(lines)
