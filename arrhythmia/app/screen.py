"""What all figures of the page share: the screen, ticks of time, no more points than are seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from tsdownsample import MinMaxLTTBDownsampler

from arrhythmia.drawing import BOLD_LINE, CLASS_COLORS, FINE_LINE, PAPER, clock

MARGIN: Final = {"l": 44, "r": 10, "t": 6, "b": 28}
"""Pixels around what is drawn."""
ASIDE: Final = MARGIN["l"] + MARGIN["r"]


@dataclass(frozen=True)
class Screen:
    """What the browser says of itself.

    Parameters
    ----------
    width : int
        Pixels that a figure has.
    dark : bool
        Whether its visitor prefers light letters on dark ground.
    """

    width: int = 1200
    dark: bool = False

    @classmethod
    def of(cls, data: object) -> Screen:
        """From the browser's own words, which may be anything."""
        facts = data if isinstance(data, dict) else {}
        width = facts.get("width")
        width = int(width) if isinstance(width, (int, float)) and 0 < width < 20_000 else 1200
        return cls(max(width, 240), bool(facts.get("dark")))

    @property
    def half(self) -> Screen:
        """Half of it, where two figures stand side by side."""
        return replace(self, width=self.width // 2)

    @property
    def ink(self) -> str:
        """Colour of letters and lines."""
        return "#e8e6e3" if self.dark else "#1d1d1d"

    @property
    def alarm(self) -> str:
        """Colour of the ring around a beat that a person should look at."""
        return "#ff8a8a" if self.dark else "#b00020"

    @property
    def ground(self) -> str:
        """Colour of what is drawn on."""
        return "#1e1f22" if self.dark else "#ffffff"

    @property
    def paper(self) -> tuple[str, str, str]:
        """Colours of ECG paper, its fine and its bold lines."""
        return ("#201c1b", "#33292a", "#574143") if self.dark else (PAPER, FINE_LINE, BOLD_LINE)

    def color(self, letter: str) -> str:
        """Colour of a class."""
        if self.dark:
            return {"N": "#56B4E9", "V": "#FF8A3D"}.get(letter, CLASS_COLORS.get(letter, "#a8a8a8"))
        return CLASS_COLORS.get(letter, "#6b6b6b")


def time_ticks(start: float, end: float, most: int) -> tuple[list[float], list[str]]:
    """Round moments between two, and their names."""
    steps = (0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)
    step = next((s for s in steps if (end - start) / s <= most), 21600)
    values = np.arange(np.ceil(start / step - 1e-6), np.floor(end / step + 1e-6) + 1) * step
    return values.tolist(), [clock(v, 0 if step >= 1 else 1) for v in values]


def thinned(times: np.ndarray, values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """As many points as can be seen; peaks are kept."""
    if len(values) <= most:
        return times, values
    kept = MinMaxLTTBDownsampler().downsample(np.ascontiguousarray(values), n_out=most)
    return times[kept], values[kept]


def escaped(text: str) -> str:
    """Text from a file, which plotly would read for tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
