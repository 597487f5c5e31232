"""The MIT-BIH Supraventricular Arrhythmia Database: other patients, to choose and to train on.

Greenwald, Patil & Mark, Computers in Cardiology 17 (1990).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

SVDB: Final = (
    "800", "801", "802", "803", "804", "805", "806", "807", "808", "809", "810", "811", "812",
    "820", "821", "822", "823", "824", "825", "826", "827", "828", "829", "840", "841", "842",
    "843", "844", "845", "846", "847", "848", "849", "850", "851", "852", "853", "854", "855",
)  # fmt: skip
"""Its first 39 records. The others (856 to 894) are kept for a test."""

DEFAULT_FOLDER = Path("svdb")


def find_svdb_dir(data_dir: str | Path | None = None) -> Path:
    """Folder of the database: the one given, else ``SVDB_DIR``, else ``svdb/``.

    Parameters
    ----------
    data_dir : str or Path, optional
        What the user gave.
    """
    return Path(data_dir or os.environ.get("SVDB_DIR") or DEFAULT_FOLDER)
