"""The figure of `predict.py`: a beat on ECG paper with its evidence, its rhythm, its reasons."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.drawing import (
    CLASS_COLORS,
    DPI,
    INCHES_PER_SECOND,
    MV_PER_SECOND,
    PAPER,
    SMALL_BOX,
    ecg_paper,
    fits_paper,
    names_as_they_are,
    new_axes,
)
from arrhythmia.explain.explanation import Explanation
from arrhythmia.explain.method_names import METHOD_NAMES
from arrhythmia.explain.panels import NOT_READABLE, plot_evidence, plot_tachogram
from arrhythmia.explain.wording import DISCLAIMER, empty_words, shares_words, wave_names
from arrhythmia.files import whole_file
from arrhythmia.labels import SYMBOL_CLASS
from arrhythmia.signals import open_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from arrhythmia.explain.case import Case

STRIP_S = 5.0
"""Seconds of paper around the beat."""
SHORTEST_STRIP = 3.0
"""Seconds of paper at least, however short the recording: the title needs the room."""
NAME_WIDTH_S = 0.1
"""A stretch as long as this has room for its name."""
RR_WIDTH_S = 0.28
"""Two beats as far apart as this have room for their RR interval."""
LETTERS, BOLD_LETTERS = 13, 9
"""Characters of text below the drawings that go on an inch."""


@names_as_they_are()
def draw_case(case: Case) -> Figure:
    """Figure of a beat: ECG paper, sentences, tachogram, bars of evidence, notes."""
    ax = plot_explained_beat(case)
    figure = ax.figure
    wide, tall = figure.get_size_inches()
    wide = max(wide, 9.0)
    bold = textwrap.wrap(case.sentences[0], int(BOLD_LETTERS * wide))
    notes = [f"Note: {note}." for note in case.notes]
    rest = [*case.sentences[1:], *case.trust, *notes, DISCLAIMER]
    plain = [line for part in rest for line in textwrap.wrap(part, int(LETTERS * wide))]
    words, panels = 0.25 * (len(bold) + len(plain)) + 0.2, 2.9
    below = _other_lead_height(case)
    heights = [tall, below, words, panels] if below else [tall, words, panels]
    figure.set_size_inches(wide, sum(heights))
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=[1.25, 1])
    ax.set_subplotspec(grid[0, :])
    if below:
        plot_other_lead(case, ax=figure.add_subplot(grid[1, :]))
    _write_lines(figure.add_subplot(grid[-2, :]), bold, plain)
    letters = [case.letter(i) for i in range(len(case.beats))]
    rhythm = grid[-1, 0] if case.assessable else grid[-1, :]
    plot_tachogram(case.r_peaks, case.rr, letters, case.beat, figure.add_subplot(rhythm))
    if case.assessable:
        plot_evidence(case.explanation, figure.add_subplot(grid[-1, 1]))
    return figure


def save_figure(figure: Figure, file: str | Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    with whole_file(file) as part:
        figure.savefig(
            part, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.15,
            pil_kwargs={"compress_level": 3},
        )  # fmt: skip


def _write_lines(ax: Axes, bold: list[str], plain: list[str]) -> None:
    ax.axis("off")
    for i, line in enumerate([*bold, *plain]):
        style = {"fontsize": 9.5} if i >= len(bold) else {"fontsize": 11.5, "fontweight": "bold"}
        ax.annotate(
            line, (0, 1), (0, -18 * i), xycoords="axes fraction", textcoords="offset points",
            va="top", color="0.1", **style,
        )  # fmt: skip


@names_as_they_are()
def plot_explained_beat(case: Case, seconds: float = STRIP_S, ax: Axes | None = None) -> Axes:
    """Draw one beat among its neighbours on ECG paper, with the evidence for its class.

    Parameters
    ----------
    case : Case
    seconds : float
        How much to show.
    ax : Axes, optional
        By default those of a new figure.
    """
    fs = case.record.fs
    start, end = _strip(case.seconds, seconds, case.record.seconds)
    part = slice(int(start * fs), int(np.ceil(end * fs)) + 1)
    filtered, raw = case.filtered[part], case.recorded[part]
    times = part.start / fs + np.arange(len(filtered)) / fs
    low, high, row = _limits(filtered, case.units)
    if ax is None:
        ax = _new_paper(start, end, low, high + row, case.units)
    ecg_paper(ax, (start, end), (low, high + row), case.units)
    drift = np.nanmedian(raw - filtered) if np.isfinite(raw).any() else 0.0
    (raw_line,) = ax.plot(times, raw - drift, color="0.62", lw=0.6, zorder=3, label="as recorded")
    filtered = open_gaps(filtered, raw, fs)
    (line,) = ax.plot(times, filtered, "k", lw=1.2, label="filtered", zorder=5)
    ax.legend(
        handles=[line, raw_line], loc="upper left", bbox_to_anchor=(0, 0), borderaxespad=2.2,
        ncols=2, fontsize=8, frameon=False, borderpad=0, labelcolor="0.25",
    )  # fmt: skip
    if case.assessable:
        _draw_heat(ax, times, filtered, case, (low, high))
        _draw_waves(ax, case, low)
    _draw_letters(ax, case, (start, end), high + 0.5 * row)
    _draw_intervals(ax, case, (start, end), high + 0.5 * row)
    ax.set_title(case.headline, loc="left", fontsize=13, fontweight="bold", pad=23)
    small = {"textcoords": "offset points", "xycoords": "axes fraction", "color": "0.25"}
    ax.annotate(case.where, (0, 1), (0, 8), fontsize=9.5, **small)
    if fits_paper(case.units, low, high):
        speed = "25 mm/s, 10 mm/mV"
        ax.annotate(speed, (1, 0), (0, -18), fontsize=8, ha="right", va="top", **small)
    return ax


def plot_other_lead(case: Case, seconds: float = STRIP_S, ax: Axes | None = None) -> Axes:
    """Draw the next lead that was read on ECG paper, the same stretch as the explained one.

    Parameters
    ----------
    case : Case
        With an ``other_lead``.
    seconds : float
        How much to show.
    ax : Axes, optional
        By default those of a new figure.
    """
    name, units, signal = case.other_lead
    fs = case.record.fs
    start, end = _strip(case.seconds, seconds, case.record.seconds)
    part = slice(int(start * fs), int(np.ceil(end * fs)) + 1)
    low, high, _ = _limits(signal[part], units)
    ax = _new_paper(start, end, low, high, units) if ax is None else ax
    ecg_paper(ax, (start, end), (low, high), units)
    times = part.start / fs + np.arange(len(signal[part])) / fs
    shown = open_gaps(signal[part], case.record.lead(name).signal[part], fs)
    ax.plot(times, shown, "k", lw=1.0, zorder=5)
    edges = case.segment_start + np.array([0, case.settings.length - 1]) / case.beats.fs
    ax.vlines(np.clip(edges, start, end), low, high, "0.45", lw=0.8, ls=(0, (2, 3)), zorder=2)
    ax.set_title(f"lead {name}", loc="left", fontsize=9.5, color="0.25")
    return ax


def _other_lead_height(case: Case) -> float:
    """Inches that the other lead takes; 0 where there is none."""
    if case.other_lead is None:
        return 0.0
    _, units, signal = case.other_lead
    fs = case.record.fs
    start, end = _strip(case.seconds, STRIP_S, case.record.seconds)
    low, high, _ = _limits(signal[int(start * fs) : int(np.ceil(end * fs)) + 1], units)
    if not fits_paper(units, low, high):
        return 2.2
    return INCHES_PER_SECOND * (high - low) / MV_PER_SECOND + 1.1  # no lower, or it gets narrower


def _strip(center: float, seconds: float, length: float) -> tuple[float, float]:
    """Stretch of a recording with a beat in its middle, from one large box to another."""
    box = 5 * SMALL_BOX[0]
    last = np.ceil(length / box - 1e-6) * box
    start = float(np.clip(center - seconds / 2, 0, max(last - seconds, 0)))
    start = np.floor(start / box + 1e-6) * box
    end = min(start + seconds, last)
    return start, max(end, start + min(seconds, SHORTEST_STRIP))


def _limits(filtered: np.ndarray, units: str) -> tuple[float, float, float]:
    """Lowest and highest value of the paper below the row of letters, and the row's height."""
    low, high = float(filtered.min()), float(filtered.max())
    if fits_paper(units, low, high):
        return np.floor(2 * low - 0.2) / 2, np.ceil(2 * high + 0.2) / 2, 0.5
    margin = 0.06 * (high - low)
    return low - margin, high + margin, 0.2 * (high - low)


def _new_paper(start: float, end: float, low: float, high: float, units: str) -> Axes:
    wide, tall = INCHES_PER_SECOND * (end - start), 3.2
    if fits_paper(units, low, high):
        tall = min(INCHES_PER_SECOND * (high - low) / MV_PER_SECOND, 8.0)
    return new_axes((wide + 0.7, tall + 1.8))


def heat_colors() -> Colormap:
    """Part of magma, backwards: even steps from pale to dark, also in grey."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["magma_r"](np.linspace(0.03, 0.72, 256)), "heat")


def _draw_heat(
    ax: Axes, times: np.ndarray, signal: np.ndarray, case: Case, shaded: tuple[float, float]
) -> None:
    """Evidence as colour behind the beat and along its trace, with a colour bar."""
    explanation = case.explanation
    heat_times = case.segment_start + np.arange(case.settings.length) / case.beats.fs
    edges = (max(heat_times[0], times[0]), min(heat_times[-1], times[-1]))
    ax.vlines(edges, *shaded, "0.45", lw=0.8, ls=(0, (2, 3)), zorder=2)
    nothing = empty_words(explanation)
    if nothing:
        ax.annotate(
            nothing, (float(heat_times.mean()), 0), (0, -42), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="top", fontsize=9.5, style="italic",
            bbox={"fc": "w", "ec": "0.6", "lw": 0.6},
        )  # fmt: skip
        return
    colors = heat_colors()
    _shade(ax, explanation.heat, heat_times, shaded, colors)
    _color_trace(ax, explanation.heat, heat_times, times, signal, colors)
    _color_bar(ax, explanation, colors)


def _shade(
    ax: Axes,
    heat: np.ndarray,
    heat_times: np.ndarray,
    shaded: tuple[float, float],
    colors: Colormap,
) -> None:
    strip = colors(heat)[None]
    strip[..., 3] = 0.42 * heat
    half = (heat_times[1] - heat_times[0]) / 2
    extent = (heat_times[0] - half, heat_times[-1] + half, *shaded)
    limits, aspect = (ax.get_xlim(), ax.get_ylim()), ax.get_aspect()
    ax.imshow(strip, extent=extent, aspect="auto", interpolation="bilinear", zorder=1)
    ax.set(xlim=limits[0], ylim=limits[1], aspect=aspect)


def _color_trace(
    ax: Axes,
    heat: np.ndarray,
    heat_times: np.ndarray,
    times: np.ndarray,
    signal: np.ndarray,
    colors: Colormap,
) -> None:
    from matplotlib.collections import LineCollection

    inside = (times >= heat_times[0]) & (times <= heat_times[-1])
    points = np.stack([times[inside], signal[inside]], axis=1)
    heat = np.interp(points[:, 0], heat_times, heat)
    order = np.argsort(heat[:-1], kind="stable")  # the hottest on top
    ax.add_collection(
        LineCollection(
            np.stack([points[:-1], points[1:]], axis=1)[order], cmap=colors, array=heat[order],
            clim=(0, 1), linewidths=2.5 + 5.5 * heat[order], capstyle="round", zorder=4,
        ),
        autolim=False,
    )  # fmt: skip


def _color_bar(ax: Axes, explanation: Explanation, colors: Colormap) -> None:
    from matplotlib.cm import ScalarMappable

    bar = ax.figure.colorbar(
        ScalarMappable(cmap=colors), ax=ax, location="bottom", shrink=0.42, aspect=32, pad=0.02
    )
    bar.set_label(
        f"evidence for {explanation.target_class} in the shape of this beat, relative "
        f"({METHOD_NAMES[explanation.method]})\nall evidence: {shares_words(explanation)}",
        fontsize=9,
    )
    bar.set_ticks([0, 0.5, 1], labels=["0  none", "0.5", "1  strongest here"])
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.5)


def _draw_waves(ax: Axes, case: Case, height: float) -> None:
    """Where the waves begin and end, with their names where there is room for them."""
    waves = case.explanation.waves
    edges = case.segment_start + waves.edges / case.beats.fs
    tick = 0.05 * np.ptp(ax.get_ylim())
    ax.vlines(edges[1:-1], height, height + tick, "0.25", lw=0.8, zorder=6)
    for name, start, end in zip(wave_names(waves), edges[:-1], edges[1:], strict=True):
        main = name.strip("()") in ("P", "QRS", "T")
        if (main and end > start) or (name in ("PR", "ST") and end - start > NAME_WIDTH_S):
            ax.annotate(
                name, ((start + end) / 2, height), (0, 2), textcoords="offset points",
                ha="center", va="bottom", fontsize=7, color="0.15", zorder=7,
            )  # fmt: skip


def _draw_letters(ax: Axes, case: Case, strip: tuple[float, float], height: float) -> None:
    """Letters of the classes above the R peaks, and the reference where it says otherwise."""
    r_peaks = case.r_peaks
    for i in np.flatnonzero((r_peaks >= strip[0]) & (r_peaks <= strip[1])):
        name, explained = case.letter(i), i == case.beat
        color = CLASS_COLORS.get(name, NOT_READABLE)
        ax.annotate(
            name, (r_peaks[i], height), ha="center", va="center", zorder=8,
            fontsize=12 if explained else 9, fontweight="bold", color="w" if explained else color,
            bbox={
                "boxstyle": "square,pad=0.25" if explained else "circle,pad=0.2",
                "fc": "k" if explained else "w", "ec": "k" if explained else color, "lw": 1.0,
            },
        )  # fmt: skip
        symbol = str(case.beats.symbol[i])
        if symbol and SYMBOL_CLASS.get(symbol, "") != name:
            ax.annotate(
                f"ref. {symbol}", (r_peaks[i], height), (0, -15 if explained else -11),
                textcoords="offset points", ha="center", va="top", fontsize=7.5, color="0.2",
                zorder=7, bbox={"fc": PAPER, "ec": "none", "pad": 0.6},
            )  # fmt: skip


def _draw_intervals(ax: Axes, case: Case, strip: tuple[float, float], height: float) -> None:
    """RR intervals before and after the beat, between the letters."""
    r_peaks = case.r_peaks
    for rr, ends in (
        (case.rr_before, r_peaks[case.beat - 1 : case.beat + 1]),
        (case.rr_after, r_peaks[case.beat : case.beat + 2]),
    ):
        if rr is None or rr < RR_WIDTH_S or ends[0] < strip[0] or ends[1] > strip[1]:
            continue
        ax.hlines(height, *ends, "0.55", lw=0.8, zorder=6)
        ax.annotate(
            f"{round(rr, 4):.2f} s", (ends.mean(), height), ha="center", va="center",
            fontsize=8, color="0.2", zorder=7, bbox={"fc": PAPER, "ec": "none", "pad": 1.0},
        )  # fmt: skip
