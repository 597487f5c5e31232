"""How often a lead that is turned upside down is recognised, and one that is not is suspected.

Every lead of DS1, svdb and qtdb is judged as it is and turned. Most of svdb and qtdb say neither
which lead it is nor whether it was recorded as meant: what is counted as false may be true.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from arrhythmia.beats import find_beats
from arrhythmia.mitdb import DS1
from arrhythmia.polarity import MAY_POINT_DOWN, looks_inverted
from arrhythmia.records import IS_II, read_record
from arrhythmia.signals import BeatSettings
from arrhythmia.svdb import SVDB
from studies.delineation import qtdb_records
from studies.results import RESULTS, read_json, write_json

FILE: Final = "polarity.json"
DS1_II, DS1_OTHER, OTHERS = "DS1, lead II", "DS1, V4 and V5", "svdb and qtdb, all leads"


def run_polarity(
    data_dir: str | Path | None,
    folder: Path = RESULTS,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, list[int]]:
    """Judge every lead as it is and turned, or read what was measured.

    Returns
    -------
    dict
        Group of leads to counts: leads, suspected as they are, recognised when turned. V1, which
        is not judged, is left out.
    """
    file = folder / FILE
    if file.is_file():
        return read_json(file)
    counts = {name: [0, 0, 0] for name in (DS1_II, DS1_OTHER, OTHERS)}
    settings = BeatSettings()
    databases = [(name, None, False) for name in DS1] + [(name, None, True) for name in SVDB]
    for name, source, other in [*databases, *((r, "detect", True) for r in qtdb_records())]:
        beats = find_beats(read_record(name, data_dir), settings, source=source)
        for lead in beats.in_leads:
            if MAY_POINT_DOWN.fullmatch(lead.lead):
                continue
            group = OTHERS if other else DS1_II if IS_II.fullmatch(lead.lead) else DS1_OTHER
            judged = [
                looks_inverted(lead.lead, sign * lead.template_beat, lead.p_wave_similarity,
                               settings)
                for sign in (1, -1)
            ]  # fmt: skip
            counts[group] = [a + b for a, b in zip(counts[group], (1, *judged), strict=True)]
        tell(f"record {beats.record}")
    write_json(file, counts, indent=None)
    return counts


def rows_of(counts: dict[str, list[int]]) -> list[list[str]]:
    """Rows of the table: a heading, then each group of leads."""
    rows = [["leads", "number", "recognised when turned", "suspected as they are"]]
    return rows + [
        [name, str(leads), f"{turned} ({turned / leads:.0%})", f"{false} ({false / leads:.1%})"]
        for name, (leads, false, turned) in counts.items()
    ]


def format_polarity(counts: dict[str, list[int]]) -> str:
    """Table for the terminal."""
    rows = rows_of(counts)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{v:{w}}" for v, w in zip(row, widths, strict=True)) for row in rows
    )
