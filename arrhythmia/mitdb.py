"""The MIT-BIH Arrhythmia Database: its halves for training and test, and where it is.

The halves are those of de Chazal et al., IEEE Trans. Biomed. Eng. 51 (2004) 1196-1206.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from arrhythmia.errors import InputError
from arrhythmia.svdb import SVDB, find_svdb_dir

DS1: Final = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
DS2: Final = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip
PACED: Final = ("102", "104", "107", "217")
FIVE_RECORDS: Final = ("100", "111", "123", "200", "233")
"""Records of DS2 on which the classes N, V, F, E are reported besides: a public CNN + LSTM with
these four classes was most likely measured on them alone."""

FOLDS: Final = (
    ("208", "101", "112", "114", "201", "230"),
    ("209", "203", "106", "115", "122", "108"),
    ("207", "223", "118", "109", "116"),
    ("220", "205", "119", "124", "215"),
)
"""DS1 in folds for record-wise cross-validation, arranged so that each holds some beats of every
class where DS1 allows it (E is in 207 alone). 201 is the patient of 202, which is in DS2."""

ALL: Final = (*DS1, *DS2, *SVDB)
"""What model ``all`` is trained on: every record of mitdb that is not paced, and half of svdb."""

_DS2_FOLDS: Final = (
    ("202", "232", "200", "105", "111"),
    ("213", "221", "100", "117", "121"),
    ("222", "233", "103", "212", "231", "113"),
    ("234", "210", "228", "214", "219", "123"),
)
ALL_FOLDS: Final = tuple(
    (*ds1, *ds2, *SVDB[number::4])
    for number, (ds1, ds2) in enumerate(zip(FOLDS, _DS2_FOLDS, strict=True))
)
"""`ALL` in folds, those of DS1 enlarged; 201 and 202, one patient, are in the same."""

DEFAULT_FOLDER = Path("mitdb")
GET_IT = "run 'python -m arrhythmia download', or name its folder with --data-dir or MITDB_DIR"
RECORD_SUFFIXES = (".dat", ".hea", ".atr")
NAME_OF_FILE: Final = re.compile(r"\.[A-Za-z]\w{1,7}")


def find_data_dir(data_dir: str | Path | None = None) -> Path:
    """Folder of the database: the one given, else ``MITDB_DIR``, else ``mitdb/``.

    Parameters
    ----------
    data_dir : str or Path, optional
        What the user gave with ``--data-dir``.
    """
    return Path(data_dir or os.environ.get("MITDB_DIR") or DEFAULT_FOLDER)


def has_database(data_dir: str | Path | None = None) -> bool:
    """Tell whether the folder of the database holds records."""
    return (find_data_dir(data_dir) / "100.hea").is_file()


def require_database(data_dir: str | Path | None = None) -> Path:
    """Folder of the database, or the error that says how to get it."""
    folder = find_data_dir(data_dir)
    if not has_database(data_dir):
        raise InputError(f"the database is not in '{folder}': {GET_IT}")
    return folder


def find_record(name: str | Path, data_dir: str | Path | None = None) -> Path:
    """Path of a record without its suffix.

    Parameters
    ----------
    name : str or Path
        ``"233"``, ``"233.dat"``, ``"mitdb/233"`` or a path elsewhere; ``"800"`` is looked for in
        the folder of svdb.
    data_dir : str or Path, optional
        Folder of the database; see `find_data_dir`.

    Raises
    ------
    InputError
        If there is no such header.
    """
    given = Path(name)
    if not given.name:
        raise InputError(f"record must be a name or a path, got '{name}'")
    if given.suffix in (*RECORD_SUFFIXES, ".mat"):
        given = given.with_suffix("")
    folder = find_data_dir(data_dir)
    places = [given]
    if given.parent in (Path(), DEFAULT_FOLDER):
        places.append(folder / given.name)
    if given.parent == Path() and given.name in SVDB:
        folder = find_svdb_dir()
        places.append(folder / given.name)
    for place in places:
        if place.with_name(f"{place.name}.hea").is_file():
            return place
    for place in places:
        if place.with_name(f"{given.name}.dat").is_file():
            raise InputError(f"record '{given.name}' lacks its header '{place}.hea'")
    if Path(name).is_dir():
        raise InputError(f"'{name}' is a folder: name one recording in it")
    if NAME_OF_FILE.fullmatch(given.suffix):
        raise InputError(f"no file '{name}': check its path and its spelling")
    if len(places) > 1 and not has_database(data_dir):
        raise InputError(f"no record '{name}', and the database is not in '{folder}': {GET_IT}")
    known = f" (there are {_known(folder)})" if len(places) > 1 else ""
    raise InputError(f"no record '{name}': no file '{places[-1]}.hea'{known}")


def _known(folder: Path) -> str:
    names = sorted(p.stem for p in folder.glob("*.hea"))
    return ", ".join(names) if len(names) < 6 else f"{names[0]} to {names[-1]}"
