"""Limits that a reader may turn: what is a pause, what a tachycardia, what is called early.

They decide on events and words, never on the class of a beat.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, NamedTuple

from arrhythmia.errors import InputError, one_line

PAUSE_S: Final = 2.0
"""An RR interval of this length or more is a pause."""
TACHYCARDIA_PER_MIN: Final = 100.0
"""A run at this rate or above is a tachycardia."""
PREMATURE: Final = 0.10
"""A beat is early, not only slightly, that comes so much of the dominant RR before its time."""


class Range(NamedTuple):
    """What a limit may be.

    Parameters
    ----------
    name, says : str
        What it is called; what begins there.
    least, most : float
        In the unit.
    unit : str
    scale : float
        From the value to the unit.
    """

    name: str
    says: str
    least: float
    most: float
    unit: str
    scale: float = 1.0

    def shown(self, value: float) -> str:
        """The value in the unit, without it."""
        return f"{self.scale * value:g}"

    def error(self, got: str) -> InputError:
        """What to tell of a value that is outside, or is none."""
        return InputError(
            f"{self.name} must be from {self.least:g} to {self.most:g}{self.unit}, got {got}"
        )


RANGES: Final = {
    "pause_s": Range("pause", "pause", 1.5, 10, " s"),
    "tachycardia_per_min": Range("tachycardia", "tachycardia", 60, 300, "/min"),
    "premature": Range("prematurity", "early", 5, 50, " %", 100),
}
"""Field of `Limits` to what it may be. In intervals shorter than the least pause the line is not
seen to be flat: T and P wave fill them."""


@dataclass(frozen=True)
class Limits:
    """Limits of events, and of the word *early*.

    Parameters
    ----------
    pause_s : float
        An RR interval of so many seconds or more is a pause.
    tachycardia_per_min : float
        A run of V or S at this rate or above is a tachycardia.
    premature : float
        Part of the dominant RR interval by which a beat must come before its time to be called
        early in sentences; below it is *slightly early*.

    Raises
    ------
    InputError
        If one is outside its range.
    """

    pause_s: float = PAUSE_S
    tachycardia_per_min: float = TACHYCARDIA_PER_MIN
    premature: float = PREMATURE

    def __post_init__(self) -> None:
        for name, allowed in RANGES.items():
            value = getattr(self, name)
            if not allowed.least <= allowed.scale * value <= allowed.most:
                raise allowed.error(allowed.shown(value))

    @property
    def words(self) -> str:
        """Those that are not the default: ``pause from 2.5 s, tachycardia from 110/min``."""
        told = [
            f"{RANGES[one.name].says} from {RANGES[one.name].shown(value)}{RANGES[one.name].unit}"
            for one in fields(self)
            if (value := getattr(self, one.name)) != one.default
        ]
        return ", ".join(told)


def read_limit(name: str, text: object) -> float:
    """A limit as a reader wrote it, in its unit, with decimal point or comma.

    Parameters
    ----------
    name : str
        A field of `Limits`.
    text : object
        Empty or None for the default.

    Raises
    ------
    InputError
        If it is no number.
    """
    written = str("" if text is None else text).strip()
    if not written:
        return float(getattr(Limits, name))
    try:
        return float(written.replace(",", ".")) / RANGES[name].scale
    except ValueError:
        raise RANGES[name].error(f"'{one_line(written)}'") from None
