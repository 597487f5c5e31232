"""Figures of the studies. As in `arrhythmia.drawing`, they compute nothing and return axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.drawing import CLASS_COLORS, new_axes
from arrhythmia.labels import BEAT_CLASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_run_lengths(
    lengths: list[int], mean_f1: dict[str, list[float]], ax: Axes | None = None
) -> Axes:
    """Draw mean F1 against the number of beats that the network reads together.

    Parameters
    ----------
    lengths : list of int
        Beats.
    mean_f1 : dict
        A line each: its name to its values, one for each length; one value for a horizontal
        line to compare with.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = ax or new_axes((6.5, 3.4))
    styles = ("o-", "s--", "^-.")
    for (name, values), style, c in zip(mean_f1.items(), styles, BEAT_CLASSES, strict=False):
        if len(values) == 1:
            ax.axhline(values[0], color="0.4", ls=":", label=name)
        else:
            ax.plot(lengths, values, style, color=CLASS_COLORS[c], ms=5, label=name)
    ax.set_xscale("log", base=2)
    ax.set_xticks(lengths, [str(n) for n in lengths])
    ax.set(xlabel="beats read together", ylabel="mean F1, DS1 by cross-validation")
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_deletion(figures: dict, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw how the probability of a class falls while the evidence for it is deleted.

    Parameters
    ----------
    figures : dict
        One half of what `studies.faithfulness.run_faithfulness` gives.
    ax : Axes, optional
        By default those of a new figure.
    title : str
        Above the axes.
    """
    ax = ax or new_axes((6, 4.5))
    styles = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
    random = figures["random"]["deletion curve"]
    share = np.linspace(0, 100, len(random))
    for (method, of_method), style in zip(figures["methods"].items(), styles, strict=True):
        label = f"{method} ({of_method['deletion, relative']:.2f})"
        ax.plot(share, of_method["deletion curve"], ls=style, label=label, lw=1.8)
    ax.plot(share, random, "0.5", lw=3, label="random order", zorder=0)
    ax.set(xlabel="evidence set to the reference (%)", ylabel="mean probability of the class",
           xlim=(0, 100), ylim=(0, 1))  # fmt: skip
    ax.set_title(title, loc="left", fontsize=11)
    ax.legend(fontsize=8, frameon=False, title="area relative to random order", title_fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
