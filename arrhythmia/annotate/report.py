"""A report of a recording on paper: summary, trend, strips of what matters (PDF)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from arrhythmia.annotate.analysis import Analysis
from arrhythmia.annotate.holter import NOTICE, UNKNOWN, known_rr
from arrhythmia.drawing import CLASS_COLORS, clock, ecg_paper, fits_paper, names_as_they_are
from arrhythmia.files import whole_file
from arrhythmia.limits import Limits
from arrhythmia.rhythm import FIBRILLATION, NO_BEATS, NOT_ASSESSABLE, PACED, PAUSE, SVT, VT
from arrhythmia.signals import filtered_part

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

A4: Final = (8.27, 11.69)
"""Inches."""
STRIP_S: Final = 7.0
"""Seconds of a strip: 25 mm/s on this paper."""
STRIPS: Final = 8
"""At most."""
PER_PAGE: Final = 4
NOUNS: Final = {
    "V": "Ventricular beat",
    "S": "Supraventricular beat",
    "F": "Fusion beat",
    "E": "Ventricular escape beat",
}
MATTERS: Final = (VT, NO_BEATS, PAUSE, SVT, FIBRILLATION)
"""Events that get a strip, the most serious first."""
LINE: Final = 92
"""Characters."""


@names_as_they_are()
def write_report(file: Path, analysis: Analysis, facts: dict) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    file : Path
    analysis : Analysis
    facts : dict
        See `arrhythmia.annotate.holter.summary`.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    with whole_file(file) as part, PdfPages(part, metadata={"CreationDate": None}) as pages:
        _save(pages, _first_page(analysis, facts))
        strips = list(strips_of(analysis))
        for first in range(0, len(strips), PER_PAGE):
            _save(pages, _strip_page(analysis, strips[first : first + PER_PAGE]))


def _save(pages: PdfPages, figure: Figure) -> None:
    figure.text(0.08, 0.02, NOTICE, fontsize=9, weight="bold")
    pages.savefig(figure)


def _page() -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=A4)


def _first_page(analysis: Analysis, facts: dict) -> Figure:
    figure = _page()
    figure.text(0.08, 0.955, f"Recording {facts['record']}", fontsize=17, weight="bold")
    lines = summary_lines(facts)
    figure.text(0.08, 0.935, "\n".join(lines), fontsize=9.5, va="top", linespacing=1.5)
    top = 0.935 - 0.0185 * len(lines) - 0.03
    rate = figure.add_axes((0.1, top - 0.15, 0.84, 0.14))
    plot_rate(analysis, rate)
    ectopic = figure.add_axes((0.1, top - 0.31, 0.84, 0.11), sharex=rate)
    plot_ectopic(analysis, ectopic)
    return figure


def summary_lines(facts: dict) -> list[str]:
    """The summary in words."""
    start, leads = facts["start"] or "no start time", ", ".join(facts["leads"])
    peaks = f"R peaks: {facts['r_peaks']} · model {facts['model']}"
    lines = [f"{start} · {clock(facts['seconds'], 0)} long · leads {leads} · {peaks}"]
    if facts["paced"]:
        lines.append("A paced heart: its beats are not assessed.")
    counts = ", ".join(f"{n} {c}" for c, n in facts["classes"].items()) or "none"
    lines.append(f"Beats that can be assessed: {facts['beats']} ({counts})")
    missing = facts["not_assessable_percent"]
    reasons = sorted({part["reason"] for part in facts["not_assessable"]})
    because = f" ({', '.join(reasons)})" if reasons else ""
    lines.append(f"Not assessable: {missing:.2f} % of what was taken for beats{because}")
    rate = facts["rate"]
    if rate:
        lines.append(
            f"Heart rate: mean {rate['mean']:.0f}/min, lowest {rate['lowest']:.0f}/min at "
            f"{clock(rate['lowest_at_s'], 0)}, highest {rate['highest']:.0f}/min at "
            f"{clock(rate['highest_at_s'], 0)} (over 9 beats)"
        )
    for name in ("ventricular", "supraventricular"):
        lines.append(_burden_line(name, facts[name]))
    lines.append(f"Fusion beats: {facts['fusion']}")
    pauses, limits = facts["pauses"], Limits(**facts["limits"])
    longest = max((p["end_s"] - p["start_s"] for p in pauses), default=0.0)
    lines.append(
        f"Pauses of {limits.pause_s:g} s or more: {len(pauses)}"
        + (f", longest {longest:.1f} s" if pauses else "")
    )
    if limits.words:
        lines.append(f"Limits set by the reader: {limits.words}")
    names: dict[str, list[dict]] = {}
    for event in facts["events"]:
        names.setdefault(event["event"], []).append(event)
    for name, events in list(names.items())[:8]:
        seconds = sum(e["end_s"] - e["start_s"] for e in events)
        first = clock(events[0]["start_s"], 0)
        lines.append(f"{_capital(name)}: {len(events)}, {seconds:.0f} s in all, first at {first}")
    if facts["referred"]:
        unreadable = facts["referred_not_assessable"]
        besides = f", besides {unreadable} that cannot be assessed" if unreadable else ""
        referred = facts["referred"] - unreadable
        lines.append(f"Beats that a person should look at: {referred}{besides}")
    lines += [f"Note: {note}" for note in facts["notes"][:4]]
    return [part for line in lines for part in textwrap.wrap(line, LINE, subsequent_indent="    ")]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _burden_line(name: str, part: dict) -> str:
    line = f"{name.capitalize()} ectopic beats: {part['beats']}"
    if part["beats"]:
        share = f"{part['percent']:.2f} %, {part['per_hour']:.0f} per hour"
        line += f" ({share}): single {part['single']}, couplets {part['couplets']}"
        line += f", runs {part['runs']}"
    if "longest_run" in part:
        run = part["longest_run"]
        line += (
            f"; longest run {run['beats']} beats at {run['rate']:.0f}/min ({clock(run['at_s'], 0)})"
        )
    return line


def plot_rate(analysis: Analysis, ax: Axes) -> Axes:
    """Heart rate of every beat against minutes; what cannot be assessed is grey."""
    minutes = analysis.beats.centers / 60
    ax.plot(
        minutes, 60 / known_rr(analysis), ".", color="0.2", ms=1.5, rasterized=len(minutes) > 5000
    )
    for first, last, _ in analysis.stretches:
        ax.axvspan(minutes[first], minutes[last], color="0.85", lw=0)
    for event in analysis.events:
        if event.kind in (NOT_ASSESSABLE, PACED):  # also where no beats are
            ax.axvspan(event.start_s / 60, event.end_s / 60, color="0.85", lw=0)
    ax.set(ylabel="rate (1/min)", ylim=(20, 220), xlim=(0, max(analysis.record.seconds / 60, 0.1)))
    ax.set_title("rate of every beat; grey: not assessable", loc="left", fontsize=9)
    ax.tick_params(labelsize=8)
    return ax


def plot_ectopic(analysis: Analysis, ax: Axes) -> Axes:
    """V (with E) and S in each minute."""
    length = max(int(np.ceil(analysis.record.seconds / 60)), 1)
    minute = np.minimum((analysis.beats.centers / 60).astype(int), length - 1)
    tallest = 1
    for names, shift, hatch in ((("V", "E"), 0.0, ""), (("S",), 0.4, "///")):
        chosen = np.isin(analysis.classes, names) & analysis.assessable
        counts = np.bincount(minute[chosen], minlength=length)
        ax.bar(np.arange(length) + shift, counts, 0.4, align="edge", color=CLASS_COLORS[names[0]],
               hatch=hatch, label=" and ".join(names), ec="w", lw=0)  # fmt: skip
        tallest = max(tallest, int(counts.max()))
    ax.set(xlabel="minutes", ylabel="beats a minute", ylim=(0, 1.05 * tallest))
    ax.legend(fontsize=8, ncols=2, frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
    ax.tick_params(labelsize=8)
    return ax


def strips_of(analysis: Analysis) -> Iterator[tuple[float, str]]:
    """Centre in seconds and sentence of the strips, the most serious first.

    The longest event of each kind, then the surest V, S, F and E, then the least sure beat.
    """
    yielded = 0
    for kind in MATTERS:
        events = [e for e in analysis.events if e.kind == kind]
        if not events:
            continue
        event = max(events, key=lambda e: e.seconds)
        rate = f" at {event.rate:.0f}/min" if np.isfinite(event.rate) else ""
        name = _capital(event.name)
        beats = f", {event.last - event.first + 1} beats" if kind in (VT, SVT) else ""
        middle = event.start_s + min(event.seconds, STRIP_S - 2) / 2
        lasts = "" if kind == PAUSE else f", {event.seconds:.1f} s"
        yield middle, f"{name}{beats}{rate}{lasts}, from {clock(event.start_s, 1)}"
        yielded += 1
    sure = np.where(analysis.by_reader, np.nan, analysis.certainty)
    for name, noun in NOUNS.items():
        places = np.flatnonzero((analysis.classes == name) & analysis.assessable & (sure >= 0))
        if len(places) and yielded < STRIPS:
            place = places[sure[places].argmax()]
            seconds = float(analysis.beats.centers[place])
            yield seconds, f"{noun} at {clock(seconds, 1)}, p {min(sure[place], 0.99):.2f}"
            yielded += 1
    readable = np.flatnonzero(analysis.assessable & (sure >= 0))
    if len(readable) and yielded < STRIPS:
        place = readable[sure[readable].argmin()]
        seconds = float(analysis.beats.centers[place])
        words = f"The least sure beat, at {clock(seconds, 1)}: {analysis.classes[place]}"
        yield seconds, f"{words}, p {sure[place]:.2f}"
        yielded += 1
    if analysis.stretches and yielded < STRIPS:
        first, last, reason = max(analysis.stretches, key=lambda part: part[1] - part[0])
        start = float(analysis.beats.centers[first])
        yield start + 1, f"Not assessable from {clock(start, 1)}: {reason}"


def _strip_page(analysis: Analysis, strips: list[tuple[float, str]]) -> Figure:
    figure = _page()
    height = 0.9 / PER_PAGE
    for row, (center, words) in enumerate(strips):
        top = 0.96 - row * height
        figure.text(0.08, top, words, fontsize=10, weight="bold")
        ax = figure.add_axes((0.08, top - height + 0.035, 0.87, height - 0.045))
        plot_strip(analysis, center, ax)
    return figure


def plot_strip(analysis: Analysis, center: float, ax: Axes) -> Axes:
    """Seven seconds on ECG paper, the first two leads, a letter above every beat."""
    record = analysis.record
    start = float(np.clip(center - STRIP_S / 2, 0, max(record.seconds - STRIP_S, 0)))
    offset, low, high, units = 0.0, 0.0, 0.0, "mV"
    for number, one in enumerate(analysis.beats.in_leads[:2]):
        lead = record.lead(one.lead)
        seconds, trace = filtered_part(
            record, one.lead, analysis.settings, start, start + STRIP_S + 1 / record.fs
        )
        units = lead.units if lead.millivolts is None else "mV"
        known = trace[np.isfinite(trace)]
        known = known if len(known) else np.zeros(1)
        least, most = float(known.min()), float(known.max())
        offset = low - 0.15 * max(most - least, 0.5) - most if number else 0.0
        ax.plot(seconds, trace + offset, "k", lw=0.8, zorder=5)
        ax.annotate(one.lead, (start, float(np.median(known)) + offset), (2, 8), zorder=6,
                    textcoords="offset points", fontsize=7,
                    bbox={"fc": "w", "alpha": 0.8, "lw": 0, "pad": 0.5})  # fmt: skip
        low = min(low, least + offset) if number else least
        high = max(high, most + offset) if number else most
    room = 0.18 * (high - low + 0.5)
    limits = (
        (low - 0.1, high + room) if fits_paper(units, low, high) else (low - room / 2, high + room)
    )
    ecg_paper(ax, (start, start + STRIP_S), limits, units)
    ax.set_aspect("auto")
    ax.set(xlabel="", ylabel="")
    times = analysis.beats.centers
    for i in np.flatnonzero((times >= start) & (times <= start + STRIP_S)):
        name = str(analysis.classes[i]) if analysis.assessable[i] else UNKNOWN
        ax.annotate(name, (times[i], high + room / 2), ha="center", va="center", fontsize=8,
                    weight="bold", color=CLASS_COLORS.get(name, "0.4"), zorder=7)  # fmt: skip
    ax.tick_params(labelsize=7)
    return ax
