"""Charts of the data, of a training and of its results.

As in `arrhythmia.drawing`, the functions take what others computed, draw it on ``ax`` (or on a
new figure where none is given) and return the axes.
"""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.drawing import CLASS_COLORS, CLASS_LINES, clock, new_axes
from arrhythmia.labels import CLASS_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_class_counts(counts: dict[str, dict[str, int]], ax: Axes | None = None) -> Axes:
    """Bars of the number of beats of every class in each part of the database.

    Parameters
    ----------
    counts : dict
        Part (``"DS1"``) to class to number of beats. The scale is logarithmic.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = ax or new_axes((7.0, 3.6))
    classes = list(dict.fromkeys(c for part in counts.values() for c in part))
    width = 0.8 / len(counts)
    shades, hatches = ("#0072B2", "#E69F00", "#009E73", "#CC79A7"), ("", "///", "...", "xxx")
    for i, (part, numbers) in enumerate(counts.items()):
        places = np.arange(len(classes)) + (i - (len(counts) - 1) / 2) * width
        values = [numbers.get(c, 0) for c in classes]
        bars = ax.bar(
            places, values, 0.92 * width, label=part, color=shades[i % 4], hatch=hatches[i % 4],
            edgecolor="w", linewidth=0,
        )  # fmt: skip
        ax.bar_label(bars, [f"{v:,}" for v in values], fontsize=8, padding=1)
    ax.set_yscale("log")
    ax.set_ylim(0.7, 4 * max(max(part.values()) for part in counts.values()))
    names = [f"{c}\n{fill(CLASS_NAMES.get(c, ''), 16, break_long_words=False)}" for c in classes]
    ax.set_xticks(range(len(classes)), names, fontsize=8.5)
    ax.set_ylabel("beats (logarithmic)")
    ax.legend(frameon=False)
    return _plain(ax)


def plot_raw_and_filtered(
    times: np.ndarray,
    raw: np.ndarray,
    filtered: np.ndarray,
    units: str = "mV",
    ax: Axes | None = None,
) -> Axes:
    """Draw a signal before and after the filter, one over the other.

    Parameters
    ----------
    times : ndarray, shape (samples,)
        Seconds.
    raw, filtered : ndarray, shape (samples,)
        In ``units``.
    units : str
        For the label.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = ax or new_axes((10.0, 3.4))
    ax.plot(times, raw, color="#D55E00", lw=0.9, alpha=0.8, label="as recorded")
    ax.plot(times, filtered, color="k", lw=1.1, label="filtered")
    ax.set(xlabel="time (s)", ylabel=units, xlim=(times[0], times[-1]))
    ax.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    return _plain(ax)


def plot_mean_beats(
    times: np.ndarray,
    means: dict[str, np.ndarray],
    spreads: dict[str, np.ndarray],
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean beat of every class with a band of its spread.

    Parameters
    ----------
    times : ndarray, shape (samples,)
        Seconds from the centre of the QRS.
    means, spreads : dict
        Class to an ndarray of shape (samples,): mean, and half the height of its band.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = ax or new_axes((7.0, 4.0))
    for name, mean in means.items():
        color = CLASS_COLORS.get(name, "k")
        label = f"{name} – {CLASS_NAMES[name]}" if name in CLASS_NAMES else name
        ax.plot(times, mean, color=color, ls=CLASS_LINES.get(name, "-"), lw=2, label=label)
        if name in spreads:
            band = (mean - spreads[name], mean + spreads[name])
            ax.fill_between(times, *band, color=color, alpha=0.12, lw=0)
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set(
        xlabel="time from the centre of the QRS (s)",
        ylabel="standard deviations of the template beat",
        xlim=(times[0], times[-1]),
    )
    ax.legend(frameon=False, fontsize=9, handlelength=3.2)
    return _plain(ax)


def plot_history(history: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the course of a training: loss to the left, accuracy to the right.

    Parameters
    ----------
    history : pandas.DataFrame
        A row an epoch: ``epoch``, ``loss``, ``accuracy``.
    ax : Axes, optional
        By default those of a new figure. The accuracy has axes of its own over them.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ax = ax or new_axes((7.0, 3.4))
    right = ax.twinx()
    loss, accuracy = CLASS_COLORS["V"], CLASS_COLORS["N"]
    lines = ax.plot(history["epoch"], history["loss"], "o-", color=loss, ms=4, label="loss (left)")
    lines += right.plot(
        history["epoch"], history["accuracy"], "s--", color=accuracy, ms=4, label="accuracy (right)"
    )
    ax.set(xlabel="epoch", ylabel="weighted cross-entropy")
    ax.set_ylim(bottom=0)
    right.set_ylabel("weighted accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(handles=lines, frameon=False, loc="center right")
    right.spines[["top", "left"]].set_visible(False)
    return _plain(ax)


def plot_confusion(
    confusion: np.ndarray, classes: tuple[str, ...], ax: Axes | None = None, title: str = ""
) -> Axes:
    """Draw a confusion matrix: beats, and their share of the reference class.

    Parameters
    ----------
    confusion : ndarray of int, shape (classes, classes)
        Beats by reference class (row) and predicted class (column).
    classes : tuple of str
        Names of rows and columns.
    ax : Axes, optional
        By default those of a new figure.
    title : str
        Above the matrix.
    """
    ax = ax or new_axes((1.05 * len(classes) + 0.9, 0.85 * len(classes) + 1.0))
    support = confusion.sum(axis=1, keepdims=True)
    shares = confusion / np.maximum(support, 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), beats in np.ndenumerate(confusion):
        share = f"{100 * shares[row, column]:.1f} %" if support[row] else "–"
        ax.text(
            column, row, f"{beats:,}\n{share}", ha="center", va="center", fontsize=9,
            fontweight="bold" if row == column else "normal",
            color="w" if shares[row, column] > 0.5 else "k",
        )  # fmt: skip
    ax.set_xticks(range(len(classes)), classes)
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="predicted", ylabel="reference")
    ax.set_title(title, fontsize=11)
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(1, len(classes)) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, len(classes)) - 0.5, minor=True)
    ax.grid(which="minor", color="w", lw=2)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_strip(
    seconds: np.ndarray,
    signal: np.ndarray,
    marks: np.ndarray,
    truth: list[str],
    predicted: list[str],
    ax: Axes | None = None,
) -> Axes:
    """Draw a stretch of ECG with the class of each beat, and the predicted one where it differs.

    Parameters
    ----------
    seconds, signal : ndarray, shape (samples,)
        Time from the start of the record, and the signal in its units.
    marks : ndarray of float, shape (beats,)
        Time of each beat.
    truth, predicted : list of str
        Class of each beat. Where they differ, both are shown and the beat is shaded.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = ax or new_axes((10.0, 1.9))
    ax.plot(seconds, signal, "k", lw=0.7)
    top = ax.get_xaxis_transform()
    for mark, reference, given in zip(marks, truth, predicted, strict=True):
        wrong = reference != given
        if wrong:
            ax.axvspan(mark - 0.25, mark + 0.25, color="0.88", lw=0)
        text = f"{reference}\u2192{given}" if wrong else reference
        weight = "bold" if wrong else "normal"
        ax.text(mark, 1.02, text, transform=top, ha="center", fontsize=8, fontweight=weight)
    ax.set_xlim(seconds[0], seconds[-1])
    ticks = np.arange(np.ceil(seconds[0]), seconds[-1], 2.0)
    ax.set_xticks(ticks, [clock(s, 0) for s in ticks], fontsize=8)
    return _plain(ax)


def plot_reliability(diagrams: dict[str, dict[str, list]], ax: Axes | None = None) -> Axes:
    """Draw how often predictions are right against the probability given to them.

    Parameters
    ----------
    diagrams : dict
        A line each: its name to ``confidence``, ``share`` and ``beats`` of every bin.
    ax : Axes, optional
        By default those of a new figure. The area of a mark grows with the beats of its bin.
    """
    ax = ax or new_axes((5.2, 4.8))
    ax.plot([0, 1], [0, 1], color="0.6", lw=1, ls=":", label="perfect calibration")
    styles = (("o--", CLASS_COLORS["V"]), ("s-", CLASS_COLORS["N"]))
    for (name, bins), (style, color) in zip(diagrams.items(), styles, strict=False):
        sizes = 4 + 130 * np.sqrt(np.array(bins["beats"]) / max(bins["beats"], default=1))
        ax.plot(bins["confidence"], bins["share"], style[1:], color=color, lw=1, alpha=0.5)
        ax.scatter(
            bins["confidence"], bins["share"], sizes, color=color, marker=style[0], alpha=0.75,
            lw=0, label=name,
        )  # fmt: skip
    ax.set(xlim=(0, 1.03), ylim=(0, 1.03), aspect="equal")
    ax.set(xlabel="probability of the most likely class", ylabel="share of beats where it is right")
    ax.legend(frameon=False, fontsize=9, loc="lower right", markerscale=0.6)
    return _plain(ax)


def plot_risk_coverage(
    kept: np.ndarray,
    error: np.ndarray,
    rule: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error of the beats that are kept against how many of them are.

    Parameters
    ----------
    kept : ndarray of float, shape (points,)
        Shares of all beats, from all of them (1) downwards.
    error : ndarray of float, shape (points,)
        Of those kept.
    rule : tuple of float, optional
        Share kept and error of the rule in use, to be marked.
    ax : Axes, optional
        By default those of a new figure.
    """
    from matplotlib.ticker import PercentFormatter

    ax = ax or new_axes((6.4, 3.6))
    ax.plot(1 - kept, error, color=CLASS_COLORS["N"], lw=2, label="the least sure referred first")
    ax.axhline(error[0], color="0.6", ls=":", lw=1, label="at random")
    if rule is not None:
        ax.plot(
            1 - rule[0], rule[1], "D", color=CLASS_COLORS["V"], ms=7,
            label=f"rule in use: {100 * (1 - rule[0]):.1f} % referred, "
            f"{100 * rule[1]:.2f} % of the rest wrong",
        )  # fmt: skip
    ax.set(xlabel="beats referred to a person", ylabel="error of the rest")
    ax.set_xlim(0, float(1 - kept.min()))
    ax.set_ylim(bottom=0)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    ax.legend(frameon=False, fontsize=9, loc="upper right", bbox_to_anchor=(1, 0.97))
    return _plain(ax)


def _plain(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax
