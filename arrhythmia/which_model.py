"""Which of the shipped models is used where the user names none.

Model ``all`` was trained on every record of mitdb that is not paced, and on half of svdb: it is for
recordings of one's own. On records that it was trained on it would flatter itself; there ``ds1`` is
used, which was trained on DS1 alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from arrhythmia.checksums import CHECKSUMS, LARGEST, read_checksums
from arrhythmia.errors import InputError
from arrhythmia.files import DEFAULT_MODEL, OWN_MODEL
from arrhythmia.mitdb import find_record
from arrhythmia.model_settings import read_settings
from arrhythmia.records import EXCERPT_NAME


def choose_model(
    record: str | Path | None, data_dir: str | Path | None = None, given: str | Path | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Folder of the model for a record, and what the user should know of the choice.

    Parameters
    ----------
    record : str or Path, optional
        As `arrhythmia.records.read_record` takes it; None for a sample beat.
    data_dir : str or Path, optional
        Folder of the database.
    given : str or Path, optional
        What the user asked for, which is used.

    Raises
    ------
    InputError
        If there is no such model.
    """
    database, known_name = known_as(record, data_dir)
    notes: tuple[str, ...] = ()
    if given is not None:
        folder = Path(given)
    elif database or not (OWN_MODEL / "model.keras").is_file():
        folder = DEFAULT_MODEL
        if known_name and (OWN_MODEL / "model.keras").is_file():
            notes = (f"record {known_name} is of {database}: model 'ds1' is used, not 'all'",)
    else:
        folder = OWN_MODEL
    if known_name in read_settings(folder).training.get("records", ()):
        notes += (f"record {known_name} was in the training data of this model",)
    return folder, notes


def known_as(record: str | Path | None, data_dir: str | Path | None = None) -> tuple[str, str]:
    """Database and name of a record that a model may have been trained on; else two empty texts.

    It is known by the content of its signal file, whatever it is called and wherever it lies.

    Parameters
    ----------
    record : str or Path, optional
        None and the bundled excerpt are of mitdb, without a name.
    data_dir : str or Path, optional
        Folder of the database.
    """
    if record is None or str(record) == EXCERPT_NAME:
        return "mitdb", ""
    try:
        place = find_record(record, data_dir)
        file = place.with_name(f"{place.name}.dat")
        if not file.is_file() or file.stat().st_size > LARGEST:
            return "", ""
        content = file.read_bytes()
    except (InputError, OSError, ValueError):
        return "", ""  # told by who reads it
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    for database in CHECKSUMS:
        for name, known in read_checksums(database).items():
            if known == digest:
                return database, Path(name).stem
    return "", ""
