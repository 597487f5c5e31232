"""The figure of `predict.py`: an explained beat, its rhythm, and the evidence part by part."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.explanation import METHOD_NAMES, PARTS, RHYTHM_PARTS
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.plotting import CLASS_COLORS, new_axes, plot_explained_beat

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from arrhythmia.explanation import Explanation

TACHOGRAM_S = 30.0
"""Seconds of RR intervals to each side of the beat."""
FOR, AGAINST = "#b5367a", "0.75"
"""Bars of evidence that speaks for the class, of the heat's own colour, and against it."""
LETTERS, BOLD_LETTERS = 13, 9
"""Characters of text below the drawings that go on an inch."""


def plot_tachogram(
    r_peaks: np.ndarray, probabilities: np.ndarray, beat: int, ax: Axes | None = None
) -> Axes:
    """Draw the RR intervals around a beat, each at the beat that ends it, with the beat marked.

    Parameters
    ----------
    r_peaks : ndarray of float, shape (beats,)
        Seconds.
    probabilities : ndarray, shape (beats, 5)
        Beats that were classified, and are not N, are marked with their letter; rows of others
        are NaN.
    beat : int
        The beat explained, from 0.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = new_axes((6, 2.2)) if ax is None else ax
    ends, rr = r_peaks[1:], np.diff(r_peaks)
    near = np.abs(ends - r_peaks[beat]) <= TACHOGRAM_S
    ax.plot(ends[near], rr[near], "o-", color="0.35", ms=2.5, lw=0.8)
    for i in np.flatnonzero(near & np.isfinite(probabilities[1:, 0])):
        name = BEAT_CLASSES[int(probabilities[i + 1].argmax())]
        if name != "N" and i + 1 != beat:
            ax.annotate(
                name, (ends[i], rr[i]), (0, -9), textcoords="offset points", ha="center",
                va="top", fontsize=7.5, fontweight="bold", color=CLASS_COLORS[name],
            )  # fmt: skip
    if beat > 0:
        ax.plot(r_peaks[beat], rr[beat - 1], "o", mfc="none", mec="k", mew=1.6, ms=9)
    ax.axvline(r_peaks[beat], color="k", lw=0.8, ls=(0, (2, 3)), zorder=0)
    ax.margins(x=0.02, y=0.2)
    ax.set(xlabel="time (s)", ylabel="RR before (s)")
    ax.set_title("rhythm: RR intervals, this beat ringed", loc="left", fontsize=9.5)
    return _quiet(ax)


def plot_evidence(explanation: Explanation, ax: Axes | None = None) -> Axes:
    """Draw the evidence of each wave, of the rhythm and of the neighbours, in percent.

    Parameters
    ----------
    explanation : Explanation
        As `arrhythmia.explanation.explain` gives it.
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
    ax.set_yticks(places, PARTS, fontsize=8)
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


def draw_explanation(
    beat_options: dict, r_peaks: np.ndarray, explanation: Explanation, text: Sequence[str]
) -> Figure:
    """Figure of a beat on ECG paper, its tachogram, bars of evidence, and sentences.

    Parameters
    ----------
    beat_options : dict
        Arguments of `arrhythmia.plotting.plot_explained_beat`.
    r_peaks : ndarray of float, shape (beats,)
        Seconds.
    explanation : Explanation
        Of the beat.
    text : sequence of str
        Lines below the drawings, the first of them the sentence.
    """
    ax = plot_explained_beat(**beat_options, explanation=explanation, r_peaks=r_peaks)
    figure = ax.figure
    wide, tall = figure.get_size_inches()
    wide = max(wide, 9.0)
    bold = textwrap.wrap(text[0], int(BOLD_LETTERS * wide))
    plain = [line for part in text[1:] for line in textwrap.wrap(part, int(LETTERS * wide))]
    lines = bold + plain
    words, panels = 0.25 * len(lines) + 0.2, 2.9
    figure.set_size_inches(wide, tall + panels + words)
    grid = figure.add_gridspec(3, 2, height_ratios=[tall, words, panels], width_ratios=[1.25, 1])
    ax.set_subplotspec(grid[0, :])
    said = figure.add_subplot(grid[1, :])
    said.axis("off")
    for i, line in enumerate(lines):
        said.annotate(
            line, (0, 1), (0, -18 * i), xycoords="axes fraction", textcoords="offset points",
            va="top", fontsize=11.5 if i < len(bold) else 9.5,
            fontweight="bold" if i < len(bold) else "normal",
            color="0.1",
        )  # fmt: skip
    plot_tachogram(
        r_peaks, beat_options["probabilities"], beat_options["beat"],
        figure.add_subplot(grid[2, 0]),
    )  # fmt: skip
    plot_evidence(explanation, figure.add_subplot(grid[2, 1]))
    return figure


def _quiet(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, length=2)
    return ax
