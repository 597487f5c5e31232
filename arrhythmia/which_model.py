"""Which of the shipped models is used where the user names none.

Model ``all`` was trained on every record of mitdb that is not paced, and on half of svdb: it is for
recordings of one's own. On records that it was trained on it would flatter itself; there ``ds1`` is
used, which was trained on DS1 alone.
"""

from __future__ import annotations

from pathlib import Path

from arrhythmia.classifier import DEFAULT_MODEL, OWN_MODEL
from arrhythmia.errors import InputError
from arrhythmia.mitdb import DS1, DS2, PACED, find_data_dir, find_record
from arrhythmia.records import EXCERPT_NAME
from arrhythmia.svdb import SVDB, find_svdb_dir


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
    """
    if given is not None:
        return Path(given), ()
    if not (OWN_MODEL / "model.keras").is_file():
        return DEFAULT_MODEL, ()
    database = database_of(record, data_dir)
    if not database:
        return OWN_MODEL, ()
    if record is None or str(record) == EXCERPT_NAME:
        return DEFAULT_MODEL, ()
    note = f"record {Path(record).stem} is of {database}: model 'ds1' is used, not 'all'"
    return DEFAULT_MODEL, (note,)


def database_of(record: str | Path | None, data_dir: str | Path | None = None) -> str:
    """The database that a record is of, if model ``all`` was trained on it; else empty."""
    if record is None or str(record) == EXCERPT_NAME:
        return "mitdb"
    try:
        place = find_record(record, data_dir).resolve()
    except InputError:
        return ""  # told by who reads it
    if place.name in DS1 + DS2 + PACED and _is_in(place, find_data_dir(data_dir), "mitdb"):
        return "mitdb"
    return "svdb" if place.name in SVDB and _is_in(place, find_svdb_dir(), "svdb") else ""


def _is_in(place: Path, folder: Path, name: str) -> bool:
    """Whether a record lies in the folder of its database, or in one called like it."""
    return place.parent == folder.resolve() or place.parent.name == name
