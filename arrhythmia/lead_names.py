"""What names of leads tell: whether a signal is an ECG, and which is lead II."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

NOT_ECG: Final = (
    "RESP", "ABP", "ART", "BP", "PAP", "CVP", "ICP", "PLETH", "SPO2", "EEG", "EOG", "EMG",
    "CO2", "HR", "STAT", "PULSE", "AIRFLOW", "SOUND", "ACC", "GYR", "MAG", "GSR", "EDA", "PPG",
    "TEMP", "EVENT", "MARKER", "NSEQ", "BVP", "FLOW", "THOR", "ABDO", "IMPED", "PRESS",
    "POSITION", "SKIN", "LIGHT", "BATT", "MICRO", "NOISE", "SINE", "SQUARE", "RAMP", "TRIGGER",
)  # fmt: skip
"""What words in the names of signals that are no ECG lead begin with."""
IS_ECG: Final = re.compile(
    r"(.*\b)?(ECG|EKG|ELECTROCARDIO).*"
    r"|(LEAD|ABLEITUNG|CHANNEL)?[ _-]*(ML|CM|MCL|CC|MOD\.?)?[ _-]*"
    r"(I{1,3}|AV[RLF]|V|V[1-9XYZ]R?|[1-6]|MV[1-9]|D[1-3]|NASA|[AE]-[IS])",
    re.IGNORECASE,
)
"""What names of ECG leads look like; where one does, signals whose names do not are none."""
IS_II: Final = re.compile(r"(.*[ _-])?(ML|MOD\.?)?[ _-]*II", re.IGNORECASE)
"""Names of lead II, which is the lead of the training records."""


def is_no_ecg(name: str) -> bool:
    """Whether a signal is named like something else than an ECG lead: breathing, pressure, EEG."""
    words = re.split(r"[^A-Z0-9]+", name.upper())
    return not IS_ECG.fullmatch(name) and any(word.startswith(NOT_ECG) for word in words)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of leads, each once: the second ECG is ``ECG (2)``."""
    seen: dict[str, int] = {}
    result: dict[str, None] = {}
    for name in names:
        unique = name
        while unique in result:
            seen[name] = seen.get(name, 1) + 1
            unique = f"{name} ({seen[name]})"
        result[unique] = None
    return tuple(result)
