"""Panels of the figure of a beat: its rhythm, and the evidence part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.drawing import CLASS_COLORS, new_axes
from arrhythmia.explain.explanation import PARTS, RHYTHM_PARTS, Explanation
from arrhythmia.explain.method_names import METHOD_NAMES
from arrhythmia.explain.wording import part_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TACHOGRAM_S = 30.0
"""Seconds of RR intervals to each side of the beat."""
FOR, AGAINST = "#b5367a", "0.75"
"""Bars of evidence that speaks for the class, of the heat's own colour, and against it."""
NOT_READABLE = "0.35"
"""Colour of the mark of a beat where the signal cannot be read."""


def plot_tachogram(
    r_peaks: np.ndarray,
    rr: np.ndarray,
    letters: list[str],
    beat: int,
    ax: Axes | None = None,
) -> Axes:
    """Draw the RR intervals around a beat, each at the beat that ends it, with the beat marked.

    Parameters
    ----------
    r_peaks : ndarray of float, shape (beats,)
        Seconds.
    rr : ndarray of float, shape (beats,)
        RR interval before each beat in seconds; NaN breaks the line.
    letters : list of str
        Class of each beat; those other than N are written beside the line.
    beat : int
        The beat explained, from 0.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = new_axes((6, 2.2)) if ax is None else ax
    near = np.abs(r_peaks - r_peaks[beat]) <= TACHOGRAM_S
    ax.plot(r_peaks[near], rr[near], "o-", color="0.35", ms=2.5, lw=0.8)
    for i in np.flatnonzero(near & np.isfinite(rr)):
        if letters[i] not in ("N", "") and i != beat:
            ax.annotate(
                letters[i], (r_peaks[i], rr[i]), (0, -9), textcoords="offset points", ha="center",
                va="top", fontsize=7.5, fontweight="bold",
                color=CLASS_COLORS.get(letters[i], NOT_READABLE),
            )  # fmt: skip
    if np.isfinite(rr[beat]):
        ax.plot(r_peaks[beat], rr[beat], "o", mfc="none", mec="k", mew=1.6, ms=9)
    ax.axvline(r_peaks[beat], color="k", lw=0.8, ls=(0, (2, 3)), zorder=0)
    ax.margins(x=0.02, y=0.2)
    ax.set(xlabel="time (s)", ylabel="RR before (s)")
    title = "rhythm: RR intervals, this beat ringed, letters: beats that are not N"
    ax.set_title(title, loc="left", fontsize=9.5)
    return _quiet(ax)


def plot_evidence(explanation: Explanation, ax: Axes | None = None) -> Axes:
    """Draw the evidence of each wave, of the rhythm and of the neighbours, in percent.

    Parameters
    ----------
    explanation : Explanation
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = new_axes((5, 3)) if ax is None else ax
    values = np.array([explanation.percent[name] for name in PARTS])
    places = np.arange(len(PARTS))
    shown = np.clip(values, -60, 100)  # what speaks against a class has no limit
    bars = ax.barh(places, shown, color=[FOR if v >= 0 else AGAINST for v in values], height=0.72)
    for bar, place, value, end in zip(bars, places, values, shown, strict=True):
        bar.set_hatch("" if value >= 0 else "////")
        if abs(value) >= 0.5:
            ax.annotate(
                f"{value:.0f} %".replace("-", "−"), (end, place), (3 if value >= 0 else -3, 0),
                fontsize=8, textcoords="offset points", va="center",
                ha="left" if value >= 0 else "right",
            )  # fmt: skip
    names = [part_name(part, explanation.waves) for part in PARTS]
    ax.set_yticks(places, names, fontsize=8)
    for label in ax.get_yticklabels():
        label.set_style("italic" if label.get_text() in RHYTHM_PARTS else "normal")
    ax.invert_yaxis()
    ax.axvline(0, color="0.3", lw=0.8)
    ax.set_xlim(min(-15.0, shown.min() - 14), max(40.0, shown.max() + 14))
    ax.set_xticks([])
    title = f"evidence for {explanation.target_class}, {METHOD_NAMES[explanation.method]}"
    ax.set_title(f"{title} (hatched: against)", loc="left", fontsize=9.5)
    ax.spines["bottom"].set_visible(False)
    return _quiet(ax)


def _quiet(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, length=2)
    return ax
