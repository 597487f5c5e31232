"""Every time a model saw DS2 for the first time: one row each, so that nobody peeks unseen."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import zipfile
from datetime import date
from pathlib import Path

from arrhythmia.files import whole_file

LEDGER_NAME = "ds2_ledger.csv"
COLUMNS = (
    "date", "commit", "model", "digest", "accuracy", "mean_f1",
    "f1_N", "f1_S", "f1_V", "f1_F", "settings",
)  # fmt: skip


def model_digest(folder: str | Path) -> str:
    """SHA-256 of a saved network's weights and settings (the file itself holds the date)."""
    folder = Path(folder)
    digest = hashlib.sha256((folder / "settings.json").read_bytes())
    with zipfile.ZipFile(folder / "model.keras") as archive:
        digest.update(archive.read("model.weights.h5"))
    return digest.hexdigest()


def add_to_ledger(ledger: str | Path, folder: str | Path, figures: dict) -> bool:
    """Append the first run of a model on DS2; later runs of the same model add nothing.

    Parameters
    ----------
    ledger : str or Path
        A CSV file, made where it is missing.
    folder : str or Path
        The model's folder.
    figures : dict
        What `arrhythmia.evaluation.summary` gave on DS2.

    Returns
    -------
    bool
        Whether a row was added.
    """
    ledger, folder = Path(ledger), Path(folder)
    rows = read_ledger(ledger)
    digest = model_digest(folder)
    if any(row["digest"] == digest for row in rows):
        return False
    aami = figures["aami"]
    facts = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    row = {
        "date": date.today().isoformat(),
        "commit": _commit(),
        "model": folder.resolve().name,
        "digest": digest,
        "accuracy": aami["accuracy"],
        "mean_f1": aami["mean_f1"],
        "settings": json.dumps(
            {"seed": facts["seed"], "beats": facts["beats"]} | facts["training"]
        ),
    }
    row |= {f"f1_{c}": v for c, v in zip(aami["classes"], aami["f1"], strict=True)}
    with whole_file(ledger) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
    return True


def read_ledger(ledger: str | Path) -> list[dict[str, str]]:
    """Rows of a ledger; none where there is no file."""
    ledger = Path(ledger)
    if not ledger.is_file():
        return []
    with ledger.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    found = subprocess.run(
        [git, "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip() or "unknown"
