"""A record's templates for a reader: a table, and a sheet of their mean beats on ECG paper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from arrhythmia.beats import Beats, cut_segments
from arrhythmia.drawing import (
    CLASS_COLORS,
    MV_PER_SECOND,
    clock,
    ecg_paper,
    fits_paper,
    names_as_they_are,
)
from arrhythmia.errors import InputError
from arrhythmia.naming import Named
from arrhythmia.records import Record
from arrhythmia.signals import BeatSettings, filtered_and_resampled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS: Final = 8
INCHES_PER_SECOND: Final = 1.5
"""A little larger than real ECG paper."""
GAP: Final = 0.12
"""Between two leads of a panel, relative to the height of the first."""
UNCALIBRATED_INCHES: Final = 3.0
"""Height of a panel whose units are no voltage."""
SHOWN: Final = (0.05, 99.95)
"""Percentiles of all mean beats that the panels hold: one artefact would flatten all others."""


def mean_beats(
    record: Record, named: Named, settings: BeatSettings
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean beat of every template in every lead, and its spread.

    Parameters
    ----------
    record : Record
    named : Named
        Of this record.
    settings : BeatSettings
        Filter, and how far around the centre of a QRS.

    Returns
    -------
    dict
        Lead to means and standard deviations, each an ndarray of float, shape (templates,
        samples) at ``settings.fs``, in mV where the record's units are a voltage. The lead that
        the network reads is the first; one that is flat is left out.
    """
    return means_of(lead_segments(record, named.templates.beats, settings), named)


def lead_segments(record: Record, beats: Beats, settings: BeatSettings) -> dict[str, np.ndarray]:
    """Segments of all beats in every lead, as `mean_beats` orders and scales them.

    Returns
    -------
    dict
        Lead to ndarray of float32, shape (beats, samples).
    """
    segments = {}
    for name in sorted(record.ecg_leads, key=lambda lead: lead != beats.lead):
        lead = record.lead(name)
        try:
            signal = filtered_and_resampled(lead, settings) * (lead.millivolts or 1.0)
        except InputError:
            continue
        cut = cut_segments(signal, beats.centers * settings.fs, settings)
        segments[name] = cut.astype(np.float32)
    return segments


def means_of(
    segments: dict[str, np.ndarray], named: Named
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`mean_beats` from the segments, which do not change with what a reader decides."""
    means = {}
    for name, cut in segments.items():
        of = [cut[template.beats] for template in named.templates]
        means[name] = np.array([s.mean(axis=0) for s in of]), np.array([s.std(axis=0) for s in of])
    return means


def template_table(named: Named, means: dict[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """A row a template, those first where a decision matters most.

    Parameters
    ----------
    named : Named
    means : dict
        See `mean_beats`.

    Returns
    -------
    pandas.DataFrame
        ``template``, ``beats``, ``class``, ``by`` (model or reader), ``certainty`` (mean
        probability of the classes given, not calibrated), ``expected_wrong`` (beats, by the same),
        ``first`` and ``last`` (clock time), ``coupling`` and ``pause`` (RR before and after,
        relative to the beats around), and ``mean_LEAD``, the mean beat at 100 Hz in mV.
    """
    rows = []
    for number in named.in_order():
        template = named.templates[number]
        row = {
            "template": number,
            "beats": len(template),
            "class": named.class_of(number),
            "by": named.by(number),
            "certainty": round(named.certainty(number), 3),
            "expected_wrong": round(named.expected_wrong(number), 2),
            "first": clock(template.first_s),
            "last": clock(template.last_s),
            "coupling": round(template.coupling, 2),
            "pause": round(template.pause, 2),
        }
        for lead, (mean, _) in means.items():
            row[f"mean_{lead}"] = " ".join(f"{v:.3f}" for v in mean[number - 1])
        rows.append(row)
    return pd.DataFrame(rows)


@names_as_they_are()
def draw_sheet(
    record: Record,
    named: Named,
    means: dict[str, tuple[np.ndarray, np.ndarray]],
    settings: BeatSettings,
    most: int | None = None,
) -> Figure:
    """Mean beat of every template in all leads, on ECG paper, most uncertain first.

    Parameters
    ----------
    record : Record
    named : Named
    means : dict
        See `mean_beats`.
    settings : BeatSettings
        How the mean beats were cut.
    most : int, optional
        Draw only so many of them.
    """
    from matplotlib.figure import Figure

    order = named.in_order()[:most]
    seconds = (np.arange(settings.length) - settings.left) / settings.fs
    offsets, low, high = _stack(means)
    columns = min(COLUMNS, len(order))
    rows = -(-len(order) // columns)
    width = np.ptp(seconds) * INCHES_PER_SECOND + 0.4
    units = drawn_units(record, means)
    on_paper = fits_paper(units, low, high)
    height = (high - low) / MV_PER_SECOND * INCHES_PER_SECOND if on_paper else UNCALIBRATED_INCHES
    height = max(height, 0.8) + 0.5
    figure = Figure(figsize=(max(width * columns, 9), height * rows + 0.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for ax, number in zip(axes, order, strict=False):
        ecg_paper(ax, (seconds[0], seconds[-1]), (low, high), units)
        name = named.class_of(number)
        for offset, (mean, spread) in zip(offsets, means.values(), strict=True):
            line, around = mean[number - 1] + offset, spread[number - 1]
            ax.fill_between(
                seconds, line - around, line + around, color=CLASS_COLORS[name], alpha=0.2, lw=0
            )
            ax.plot(seconds, line, color="0.1", lw=1.1)
        size = len(named.templates[number])
        title = f"{number} · {name} · {size} beat{'s' * (size > 1)}"
        who = named.by(number) if named.by(number) != "model" else _percent(named, number)
        ax.set_title(f"{title} · {who}", fontsize=8, color=CLASS_COLORS[name], weight="bold")
        ax.set(xlabel="", ylabel="")
        ax.set_yticks(offsets, means)
        ax.tick_params(labelsize=7)
    for ax in axes[len(order) :]:
        ax.remove()
    scale = "25 mm/s, 10 mm/mV" if on_paper else f"25 mm/s, in {units}"
    figure.suptitle(
        f"record {record.name}: {len(order)} of {len(named.templates)} templates, most uncertain "
        f"first · {scale} · band: one standard deviation\nresearch software, not a medical device",
        fontsize=11,
    )
    return figure


def drawn_units(record: Record, leads: Iterable[str]) -> str:
    """Units of mean beats: mV where those of all leads are a voltage."""
    chosen = [record.lead(name) for name in leads]
    if all(lead.millivolts is not None for lead in chosen):
        return "mV"
    return ", ".join(dict.fromkeys(lead.units for lead in chosen))


def _percent(named: Named, number: int) -> str:
    return f"{100 * min(named.certainty(number), 0.99):.0f} %"


def _stack(
    means: dict[str, tuple[np.ndarray, np.ndarray]],
) -> tuple[list[float], float, float]:
    """Offset of each lead so that none covers another, and the limits of all together."""
    limits = [np.percentile(mean, SHOWN) for mean, _ in means.values()]
    gap = GAP * max(float(np.ptp(limits[0])), 1e-6)
    offsets, top = [0.0], limits[0][0]
    for below, above in limits[1:]:
        offsets.append(float(top - gap - above))
        top = offsets[-1] + below
    return offsets, float(top - gap), float(limits[0][1] + gap)
