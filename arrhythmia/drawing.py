"""What drawings share: ECG paper, colours of the classes, axes, clock time.

Plot functions, here and elsewhere, take what others computed, draw it on ``ax`` (or on a new
figure where none is given) and return the axes. Classes differ by letter, line style or hatch as
well as by colour
(Okabe and Ito's, which colour-blind readers can tell apart), so that the figures survive a
black-and-white printer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASS_COLORS = {"N": "#0072B2", "S": "#009E73", "V": "#D55E00", "E": "#CC79A7", "F": "#E69F00"}
CLASS_LINES = {"N": "-", "S": "--", "V": "-.", "E": ":", "F": (0, (5, 1, 1, 1, 1, 1))}

SMALL_BOX = (0.04, 0.1)
"""Seconds and millivolts of a millimetre at 25 mm/s and 10 mm/mV; five make a large box."""
MV_PER_SECOND = 2.5
"""Millivolts as high as one second is wide, at 25 mm/s and 10 mm/mV."""
TALLEST = 20.0
"""More millivolts than this are no ECG: a wrong gain in the header, or an artefact."""
PAPER, FINE_LINE, BOLD_LINE = "#fffdfb", "#f4e4df", "#e6c5bc"
INCHES_PER_SECOND = 2.0
"""About twice the size of real ECG paper, in figures made here."""
DPI = 200
"""For files; two thousand dots across for five seconds."""


@contextmanager
def names_as_they_are() -> Iterator[None]:
    """Draw names of strangers as they are: ``$`` begins no formula."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}):
        yield


def ecg_paper(
    ax: Axes, seconds: tuple[float, float], millivolts: tuple[float, float], units: str = "mV"
) -> Axes:
    """Rule axes as ECG paper: 25 mm/s and 10 mm/mV.

    Parameters
    ----------
    ax : Axes
        Gets limits, rulings, labels and, in mV, the proportions of the paper.
    seconds : tuple of float
        First and last second.
    millivolts : tuple of float
        Lowest and highest value, in ``units``.
    units : str
        If they are not mV, or so many that it cannot be an ECG in mV, the paper is ruled in
        time alone.
    """
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    calibrated = fits_paper(units, *millivolts)
    ax.set(xlim=seconds, ylim=millivolts, xlabel="time (s)", ylabel=units, facecolor=PAPER)
    for step, color, width in ((1, FINE_LINE, 0.5), (5, BOLD_LINE, 0.8)):
        ax.vlines(_multiples(seconds, step * SMALL_BOX[0]), *millivolts, color, lw=width, zorder=0)
        if calibrated:
            rows = _multiples(millivolts, step * SMALL_BOX[1])
            ax.hlines(rows, *seconds, color, lw=width, zorder=0)
    ax.xaxis.set_major_locator(MultipleLocator(1 if seconds[1] - seconds[0] > 2 else 0.2))
    if calibrated:
        ax.yaxis.set_major_locator(MultipleLocator(1 if np.ptp(millivolts) > 3 else 0.5))
        ax.set_aspect(1 / MV_PER_SECOND)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.tick_params(length=0, labelsize=9, colors="0.3")
    ax.tick_params(axis="x", pad=5)
    for spine in ax.spines.values():
        spine.set(color=BOLD_LINE, linewidth=0.8)
    return ax


def fits_paper(units: str, low: float, high: float) -> bool:
    """Whether values between two limits can be drawn at 10 mm/mV."""
    return units == "mV" and high - low <= TALLEST


def _multiples(limits: tuple[float, float], step: float) -> np.ndarray:
    first, last = np.ceil(limits[0] / step - 1e-6), np.floor(limits[1] / step + 1e-6)
    return np.arange(first, last + 1) * step


def clock(seconds: float, decimals: int = 1) -> str:
    """Time of day style: ``00:05:01.7``."""
    minutes, rest = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    width = 3 + decimals if decimals else 2
    return f"{hours:02d}:{minutes:02d}:{rest:0{width}.{decimals}f}"


def new_axes(inches: tuple[float, float]) -> Axes:
    """Axes of a new figure of this width and height."""
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=inches, layout="constrained")[1]
