"""The ledger of DS2: a row for each model the first time that it is evaluated on DS2.

Each look at DS2 is a chance to choose what fits it by luck, so each is written down.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

from arrhythmia.errors import InputError
from arrhythmia.files import IS_CLONE, MODELS_FOLDER, check_writable, whole_file
from arrhythmia.model_settings import model_digest

LEDGER_NAME: Final = "ds2_ledger.csv"
SHIPPED: Final = re.compile(r"(ds1|all)(-seed[0-9]+)?")
"""Names of the models that are the project's: the shipped ones, and the same with other seeds."""

DIGEST: Final = re.compile(r"[0-9a-f]{64}")

COLUMNS: Final = (
    "date", "commit", "model", "digest", "accuracy", "mean_f1",
    "f1_N", "f1_S", "f1_V", "f1_F", "settings",
)  # fmt: skip


def ledger_of(folder: str | Path) -> Path:
    """The ledger that an evaluation of a model on DS2 is written to.

    Parameters
    ----------
    folder : str or Path
        The model's folder.

    Returns
    -------
    Path
        In a clone, the project's ledger for the models of the project (see `SHIPPED`, in
        `arrhythmia.classifier.MODELS_FOLDER`). For every other model, one in its own folder.
    """
    folder = Path(folder).resolve()
    of_project = folder.parent == MODELS_FOLDER.resolve() and SHIPPED.fullmatch(folder.name)
    return (MODELS_FOLDER if IS_CLONE and of_project else folder) / LEDGER_NAME


def add_to_ledger(ledger: str | Path, folder: str | Path, figures: dict) -> bool:
    """Append the first evaluation of a model on DS2; later ones of the same model add nothing.

    Parameters
    ----------
    ledger : str or Path
        A CSV file, made where it is missing; see `ledger_of`.
    folder : str or Path
        The model's folder.
    figures : dict
        What `arrhythmia.evaluate.scores.summary` gave on DS2.

    Returns
    -------
    bool
        Whether a row was added.

    Raises
    ------
    InputError
        If the ledger cannot be written.
    """
    ledger, folder = Path(ledger), Path(folder)
    with _alone(ledger):
        return _add(ledger, folder, figures)


def _add(ledger: Path, folder: Path, figures: dict) -> bool:
    rows = read_ledger(ledger)
    digest = model_digest(folder)
    if any(row["digest"] == digest for row in rows):
        return False
    aami = figures["aami"]
    facts = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    settings = {"seed": facts["seed"], "beats": facts["beats"]} | facts["training"]
    row = {
        "date": date.today().isoformat(),
        "commit": commit(),
        "model": folder.resolve().name,
        "digest": digest,
        "accuracy": aami["accuracy"],
        "mean_f1": aami["mean_f1"],
        "settings": json.dumps(settings),
    }
    row |= {f"f1_{c}": v for c, v in zip(aami["classes"], aami["f1"], strict=True)}
    with whole_file(ledger) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
    return True


@contextmanager
def _alone(ledger: Path) -> Iterator[None]:
    """Let one program at a time change a ledger: the lock is on its folder, and leaves no file.

    Windows, which has no such lock, does without.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder = os.open(ledger.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def read_ledger(ledger: str | Path) -> list[dict[str, str]]:
    """Rows of a ledger; none where there is no file.

    Raises
    ------
    InputError
        If it is damaged.
    """
    ledger = Path(ledger)
    if not ledger.exists():
        return []
    remedy = "take it from a backup or the repository (a look at DS2 that is not in it is lost)"
    try:
        text = ledger.read_bytes().decode("utf-8")
        if text and not text.endswith("\n"):
            raise ValueError("it is cut short")
        table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows, columns = list(table), tuple(table.fieldnames or ())
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"ledger '{ledger}' cannot be read ({error}): {remedy}") from error
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values() or not DIGEST.fullmatch(row.get("digest", "")):
            raise InputError(f"ledger '{ledger}' is damaged in row {number}: {remedy}")
    if columns != COLUMNS:
        raise InputError(f"ledger '{ledger}' has not the columns of a ledger: {remedy}")
    return rows


def check_ledger(ledger: str | Path) -> None:
    """Say before DS2 is looked at that the look cannot be written down.

    Raises
    ------
    InputError
        If the ledger is damaged or cannot be written.
    """
    read_ledger(ledger)
    check_writable(ledger, ".csv", "--model")


def commit() -> str:
    """The commit that the program runs from, ``-dirty`` if files differ; else ``unknown``."""
    git = shutil.which("git")
    if git is None or not IS_CLONE:  # installed, it may lie within another project's repository
        return "unknown"
    answer = subprocess.run(
        [git, "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return answer.stdout.strip() or "unknown"
