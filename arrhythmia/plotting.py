"""Drawings: an explained beat on ECG paper.

The functions take what others computed, draw it on ``ax`` (or on a new figure where none is
given) and return the axes. Classes differ by letter, line style or hatch as well as by colour
(Okabe and Ito's, which colour-blind readers can tell apart), so that the figures survive a
black-and-white printer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.explanation import METHOD_NAMES
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES, SYMBOL_CLASS, SYMBOL_NAMES
from arrhythmia.waves import WAVES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arrhythmia.beats import Beats, BeatSettings
    from arrhythmia.explanation import Explanation
    from arrhythmia.records import Record

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
SHORTEST_STRIP = 3.0
"""Seconds of paper at least, however short the recording: the title needs the room."""
NAME_WIDTH_S = 0.1
"""A stretch as long as this has room for its name."""
DPI = 200
"""For files; two thousand dots across for five seconds."""


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

    calibrated = _fits_paper(units, *millivolts)
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


def _fits_paper(units: str, low: float, high: float) -> bool:
    return units == "mV" and high - low <= TALLEST


def _multiples(limits: tuple[float, float], step: float) -> np.ndarray:
    first, last = np.ceil(limits[0] / step - 1e-6), np.floor(limits[1] / step + 1e-6)
    return np.arange(first, last + 1) * step


def plot_explained_beat(
    record: Record,
    signal: np.ndarray,
    beats: Beats,
    settings: BeatSettings,
    probabilities: np.ndarray,
    beat: int,
    explanation: Explanation,
    symbols: np.ndarray | None = None,
    r_peaks: np.ndarray | None = None,
    seconds: float = 5.0,
    ax: Axes | None = None,
) -> Axes:
    """Draw one beat among its neighbours on ECG paper, with the reasons for its class.

    Parameters
    ----------
    record : Record
        Its own signal is drawn pale behind the filtered one.
    signal : ndarray, shape (samples,)
        The record's signal filtered, in its units and at its sampling rate.
    beats : Beats
        All beats of the record.
    settings : BeatSettings
        With which they were cut.
    probabilities : ndarray, shape (beats, 5)
        In the order of `arrhythmia.labels.BEAT_CLASSES`.
    beat : int
        The beat explained, from 0.
    explanation : Explanation
        What `arrhythmia.explanation.explain` gave for it.
    symbols : ndarray of str, shape (beats,), optional
        Reference annotation; shown for the neighbours where the network says otherwise.
    r_peaks : ndarray of float, shape (beats,), optional
        Seconds of the R peaks, where the classes are written; by default the centres of the
        QRS complexes.
    seconds : float
        How much to show.
    ax : Axes, optional
        By default those of a new figure.
    """
    r_peaks = beats.centers if r_peaks is None else r_peaks
    start, end = _strip(r_peaks[beat], seconds, record.seconds)
    first, last = int(start * record.fs), int(np.ceil(end * record.fs)) + 1
    times = np.arange(first, first + len(signal[first:last])) / record.fs
    filtered, raw = signal[first:last], record.signal[first:last]
    low, high = float(filtered.min()), float(filtered.max())
    if _fits_paper(record.units, low, high):
        low, high = np.floor(2 * low - 0.2) / 2, np.ceil(2 * high + 0.2) / 2
        row = 0.5
    else:
        row, margin = 0.2 * (high - low), 0.06 * (high - low)
        low, high = low - margin, high + margin
    if ax is None:
        wide, tall = INCHES_PER_SECOND * (end - start), 3.2
        if _fits_paper(record.units, low, high):
            tall = min(INCHES_PER_SECOND * (high + row - low) / MV_PER_SECOND, 8.0)
        ax = new_axes((wide + 0.7, tall + 1.8))
    ecg_paper(ax, (start, end), (low, high + row), record.units)

    drift = np.nanmedian(raw - filtered) if np.isfinite(raw).any() else 0.0
    pale = {"color": "0.62", "lw": 0.6, "zorder": 3}
    (raw_line,) = ax.plot(times, raw - drift, label="as recorded", **pale)
    (line,) = ax.plot(times, filtered, "k", lw=1.2, label="filtered", zorder=5)
    ax.legend(
        handles=[line, raw_line], loc="upper left", bbox_to_anchor=(0, 0), borderaxespad=2.2,
        ncols=2, fontsize=8, frameon=False, borderpad=0, labelcolor="0.25",
    )  # fmt: skip
    left = beats.centers[beat] - settings.left / beats.fs
    heat_times = left + np.arange(settings.length) / beats.fs
    _draw_heat(ax, times, filtered, heat_times, explanation, (low, high))
    _draw_waves(ax, left, explanation, beats.fs, low)
    _draw_marks(ax, r_peaks, probabilities, beat, symbols, (start, end), high + 0.5 * row)

    winner = int(probabilities[beat].argmax())
    name = BEAT_CLASSES[winner]
    title = f"{name} – {CLASS_NAMES[name]}, p {chance(probabilities[beat, winner])}"
    where = f"record {record.name}, {clock(r_peaks[beat])} · lead {record.lead}"
    if symbols is not None:
        where += f" · reference: {symbols[beat]}, {SYMBOL_NAMES[str(symbols[beat])]}"
    ax.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=23)
    small = {"textcoords": "offset points", "xycoords": "axes fraction", "color": "0.25"}
    ax.annotate(where, (0, 1), (0, 8), fontsize=9.5, **small)
    if _fits_paper(record.units, low, high):
        speed = "25 mm/s, 10 mm/mV"
        ax.annotate(speed, (1, 0), (0, -18), fontsize=8, ha="right", va="top", **small)
    return ax


def _strip(center: float, seconds: float, length: float) -> tuple[float, float]:
    """Stretch of a recording with a beat in its middle, from one large box to another."""
    box = 5 * SMALL_BOX[0]
    start = float(np.clip(center - seconds / 2, 0, max(length - seconds, 0)))
    start = np.floor(start / box + 1e-6) * box
    end = min(start + seconds, np.ceil(length / box - 1e-6) * box)
    return start, max(end, start + min(seconds, SHORTEST_STRIP))


def heat_colors() -> object:
    """Part of magma, backwards: even steps from pale to dark, also in grey."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["magma_r"](np.linspace(0.03, 0.72, 256)), "heat")


def _draw_heat(
    ax: Axes,
    times: np.ndarray,
    signal: np.ndarray,
    heat_times: np.ndarray,
    explanation: Explanation,
    shaded: tuple[float, float],
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection

    colors = heat_colors()
    low, high = shaded
    middle = float(heat_times.mean())
    edges = (max(heat_times[0], times[0]), min(heat_times[-1], times[-1]))
    ax.vlines(edges, low, high, "0.45", lw=0.8, ls=(0, (2, 3)), zorder=2)
    heat = explanation.heat
    if explanation.message:
        ax.annotate(
            explanation.message, (middle, 0), (0, -42), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="top", fontsize=9.5, style="italic",
            bbox={"fc": "w", "ec": "0.6", "lw": 0.6},
        )  # fmt: skip
        return
    strip = colors(heat)[None]
    strip[..., 3] = 0.42 * heat
    half = (heat_times[1] - heat_times[0]) / 2
    extent = (heat_times[0] - half, heat_times[-1] + half, low, high)
    limits, aspect = (ax.get_xlim(), ax.get_ylim()), ax.get_aspect()
    ax.imshow(strip, extent=extent, aspect="auto", interpolation="bilinear", zorder=1)
    ax.set(xlim=limits[0], ylim=limits[1], aspect=aspect)

    inside = (times >= edges[0]) & (times <= edges[1])
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
    bar = ax.figure.colorbar(
        ScalarMappable(cmap=colors), ax=ax, location="bottom", shrink=0.42, aspect=32, pad=0.02
    )
    name = METHOD_NAMES[explanation.method]
    bar.set_label(
        f"evidence for {explanation.target_class} in the shape of this beat ({name}, relative); "
        f"the rest, timing and neighbours, is {explanation.elsewhere:.0f} % of all", fontsize=9,
    )  # fmt: skip
    bar.set_ticks([0, 0.5, 1], labels=["0  none", "0.5", "1  strongest here"])
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.5)


def _draw_waves(ax: Axes, left: float, explanation: Explanation, fs: float, height: float) -> None:
    """Where the waves begin and end, with their names where there is room for them."""
    edges = left + explanation.waves.edges / fs
    tick = 0.05 * np.ptp(ax.get_ylim())
    ax.vlines(edges[1:-1], height, height + tick, "0.25", lw=0.8, zorder=6)
    for name, start, end in zip(WAVES, edges[:-1], edges[1:], strict=True):
        if name in ("P", "QRS", "T") or (name in ("PR", "ST") and end - start > NAME_WIDTH_S):
            ax.annotate(
                name, ((start + end) / 2, height), (0, 2), textcoords="offset points",
                ha="center", va="bottom", fontsize=7, color="0.15", zorder=7,
            )  # fmt: skip


def _draw_marks(
    ax: Axes,
    r_peaks: np.ndarray,
    probabilities: np.ndarray,
    beat: int,
    symbols: np.ndarray | None,
    strip: tuple[float, float],
    height: float,
) -> None:
    """Letters of the predicted classes above the R peaks, and the RR intervals between."""
    shown = np.flatnonzero((r_peaks >= strip[0]) & (r_peaks <= strip[1]))
    for i in shown:
        name = BEAT_CLASSES[int(probabilities[i].argmax())]
        explained = i == beat
        ax.annotate(
            name, (r_peaks[i], height), ha="center", va="center", zorder=8,
            fontsize=12 if explained else 9, fontweight="bold",
            color="w" if explained else CLASS_COLORS[name],
            bbox={
                "boxstyle": "square,pad=0.25" if explained else "circle,pad=0.2",
                "fc": "k" if explained else "w", "ec": "k" if explained else CLASS_COLORS[name],
                "lw": 1.0,
            },
        )  # fmt: skip
        if symbols is not None and SYMBOL_CLASS.get(str(symbols[i]), "") != name:
            ax.annotate(
                f"ref. {symbols[i]}", (r_peaks[i], height), (0, -15 if explained else -11),
                textcoords="offset points", ha="center", va="top", fontsize=7.5, color="0.2",
                zorder=7, bbox={"fc": PAPER, "ec": "none", "pad": 0.6},
            )  # fmt: skip
    for i in (beat - 1, beat):
        if i in shown and i + 1 in shown and r_peaks[i + 1] - r_peaks[i] > 0.28:  # room for it
            ends = r_peaks[i], r_peaks[i + 1]
            ax.hlines(height, *ends, "0.55", lw=0.8, zorder=6)
            ax.annotate(
                f"{round(ends[1] - ends[0], 4):.2f} s", (sum(ends) / 2, height),
                ha="center", va="center",
                fontsize=8, color="0.2", zorder=7, bbox={"fc": PAPER, "ec": "none", "pad": 1.0},
            )  # fmt: skip


def clock(seconds: float, decimals: int = 1) -> str:
    """Time of day style: ``00:05:01.7``."""
    minutes, rest = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    width = 3 + decimals if decimals else 2
    return f"{hours:02d}:{minutes:02d}:{rest:0{width}.{decimals}f}"


def chance(probability: float) -> str:
    """``= 0.98``; ``> 0.99`` rather than a certainty that rounding would make of it."""
    return "> 0.99" if probability >= 0.995 else f"= {probability:.2f}"


def new_axes(inches: tuple[float, float]) -> Axes:
    """Axes of a new figure of this width and height."""
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=inches, layout="constrained")[1]
