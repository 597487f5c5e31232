"""The parts of the page that are text: counts, events, what was decided, settings, downloads."""

from __future__ import annotations

import json

from dash import html

from arrhythmia.annotate import ANNOTATOR, REPORT, SUMMARY, TABLE
from arrhythmia.annotate.holter import UNKNOWN
from arrhythmia.annotate.report import summary_lines
from arrhythmia.app.events import COLUMNS, Row, event_rows, ordered
from arrhythmia.app.limits import limit_fields
from arrhythmia.app.overview import kinds_seen
from arrhythmia.app.reading import Reading, for_page
from arrhythmia.app.session import Session
from arrhythmia.drawing import clock
from arrhythmia.explain.case import Case
from arrhythmia.explain.wording import chance, what_if, what_if_title
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES
from arrhythmia.naming import SUFFIX
from arrhythmia.records import IN_MILLIVOLTS

MOST_NOTES = 4
"""The report on paper has no more either."""
MOST_ROWS = 300
"""Of the table of events that are shown at a time."""
DECISIONS = SUFFIX.removeprefix(".")
OUTPUTS = {
    ANNOTATOR: "WFDB annotation", TABLE: "table of beats (CSV)", SUMMARY: "summary (JSON)",
    REPORT: "report (PDF)", DECISIONS: "decisions, for annotate",
}  # fmt: skip
"""Suffix of a file that can be downloaded to its name on the page."""


def badge(letter: str) -> html.Span:
    """Letter of a class on its colour."""
    return html.Span(letter, className=f"badge c-{'x' if letter == UNKNOWN else letter}")


def counts(reading: Reading) -> list:
    """Beats of each class, and those that a person should look at."""
    names = CLASS_NAMES | {UNKNOWN: "not assessable"}
    items = [
        html.Li([badge(c), html.B(f" {n}"), html.Span(f" {names[c]}", className="soft")])
        for c, n in reading.counts.items()
        if n or c in ("N", "S", "V", "F")
    ]
    refer = int(reading.refer.sum())
    look = html.Li([html.B(f"⚑ {refer}"), html.Span(" to look at", className="soft")])
    return [*items, look]


def overview_legend(reading: Reading) -> list:
    """What the overview shows."""
    words = "Click or drag to go to a moment. Dots: rate of every beat; bars: S, V, E and F"
    kinds = [
        html.Span([html.Span("■ ", style={"color": color}), kind])
        for kind, color in kinds_seen(reading)
    ]
    return [html.Span(f"{words}; bands:" if kinds else f"{words}."), *kinds]


def about(reading: Reading) -> list:
    """What the recording is, and what its reader should know of it."""
    notes = [
        html.Span(f"Note: {for_page(note)}", className="line") for note in reading.facts["notes"]
    ]
    words = reading.settings.limits.words
    limits = [html.Span(f"Limits set by the reader: {words}", className="line")] if words else []
    return [facts_line(reading), *limits, *notes[:MOST_NOTES]]


def facts_line(reading: Reading) -> str:
    """What the recording is."""
    facts = reading.facts
    leads = ", ".join(facts["leads"])
    rate = facts["rate"]
    start = facts["start"].replace("T", " ") if facts["start"] else "no start time"
    many = "leads" if len(facts["leads"]) > 1 else "lead"
    line = (
        f"{clock(facts['seconds'], 0)} long · {start} · {many} {leads} · {facts['fs']:g} Hz · "
        f"R peaks: {facts['r_peaks']} · model {facts['model']}"
    )
    if rate is None:
        return line
    return f"{line} · {rate['lowest']:.0f} to {rate['highest']:.0f}, mean {rate['mean']:.0f}/min"


def summary_list(reading: Reading) -> list[html.Li]:
    """The first page of the report."""
    lines: list[str] = []
    for line in summary_lines(reading.facts):  # wrapped for paper
        if line.startswith("    ") and lines:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return [html.Li(for_page(line)) for line in lines[1:]]


# --- events ---------------------------------------------------------------------------------------


def events_table(session: Session) -> list:
    """The table of events; the browser draws its rows, which as components would take seconds."""
    rows = ordered(event_rows(session.reading), session.by, session.descending)
    if not rows:
        return [html.P("No event in this recording.", className="soft")]
    head = [_heading(session, field, name) for field, name in COLUMNS.items()]
    table = html.Table(
        [html.Caption(f"{len(rows)} events"), html.Thead(html.Tr(head))],
        **{"data-rows": json.dumps([_row(row) for row in rows[:MOST_ROWS]])},
    )
    rest = len(rows) - MOST_ROWS
    more = [html.P(f"… and {rest} more in this order.", className="soft")] if rest > 0 else []
    return [table, *more]


def _heading(session: Session, field: str, name: str) -> html.Th:
    sorted_by = session.by == field
    arrow = (" ▼" if session.descending else " ▲") if sorted_by else ""
    state = ("descending" if session.descending else "ascending") if sorted_by else "none"
    button = html.Button(f"{name}{arrow}", **{"data-act": "sort", "data-value": field})
    return html.Th(button, scope="col", **{"aria-sort": state})


def _row(row: Row) -> dict:
    """What ``page.js`` draws: a button that goes there, what it is, and numbers."""
    rate = f"{row.rate:.0f}" if row.rate == row.rate else "–"
    seconds = f"{row.seconds:.1f}" if row.seconds else "–"
    return {
        "at": clock(row.start_s), "beat": row.first, "what": row.what,
        "numbers": [seconds, str(row.beats), rate],
    }  # fmt: skip


# --- the beat -------------------------------------------------------------------------------------


def beat_words(reading: Reading, case: Case) -> list:
    """What is said of a beat: the reader's class, the model's, why, and how sure."""
    letter = str(reading.letters[case.beat])
    by = " named by the reader" if reading.analysis.by_reader[case.beat] else ""
    title = html.H3(
        [badge(letter), f" beat {case.beat} at {clock(case.seconds, 2)}{by}"], className="title"
    )
    model = f"model: {case.headline}" + (f" · reference: {case.reference}" if case.symbol else "")
    lines = [title, html.P(model), html.P(case.sentence, className="sentence")]
    if case.assessable and case.target_class != case.called:
        other = f"The model says {case.called}. Below is what would speak for {case.target_class}."
        lines.append(html.P(other, className="warning"))
    lines += [html.P(line) for line in case.trust]
    if case.assessable:
        said = (case.alike, case.in_leads)
        lines += [html.P(line, className="soft") for line in said if line]
    return lines


def probabilities(case: Case) -> list:
    """Probability of each class as a bar and a number; none where the signal cannot be read."""
    if not case.assessable:
        return []
    rows = []
    for name, p in zip(BEAT_CLASSES, case.probabilities[case.beat].tolist(), strict=True):
        bar = html.Div(className=f"bar c-{name}", style={"width": f"{100 * p:.1f}%"})
        cells = [html.Th([badge(name), f" {CLASS_NAMES[name]}"], scope="row")]
        cells += [
            html.Td(bar, className="bars"),
            html.Td(chance(p).removeprefix("= "), className="number"),
        ]
        rows.append(html.Tr(cells))
    return [html.Table([html.Caption("probability"), html.Tbody(rows)])]


def would_be(case: Case) -> list:
    """What would have given another class."""
    lines = what_if(case.reasons) if case.assessable else []
    if not lines:
        return []
    return [
        html.P(f"{what_if_title(case.lead_named)}:"), html.Ul([html.Li(line) for line in lines])
    ]  # fmt: skip


# --- what was decided, settings, downloads --------------------------------------------------------


def log_list(session: Session) -> list:
    """What was decided, the last first."""
    if not session.log:
        return [html.P("Nothing was changed yet.", className="soft")]
    return [html.Ol([html.Li(line) for line in reversed(session.log)], reversed=True)]


def outputs(reading: Reading) -> list[html.Li]:
    """Links to files."""
    name = reading.analysis.record.name
    return [
        html.Li(html.A([html.B(words), f" {name}.{suffix}"], href=f"/out/{suffix}"))
        for suffix, words in OUTPUTS.items()
    ]


def settings_form(reading: Reading) -> list:
    """Lead, units, leads to be turned over, limits."""
    settings, record = reading.settings, reading.recording.record
    leads = [("", "all ECG leads"), *((name, name) for name in record.leads)]
    units = [("", f"as the file says ({record.units[0]})"), *((u, u) for u in IN_MILLIVOLTS)]
    inverted = [
        html.Button(
            name, className="toggle",
            **{"data-toggle": name, "aria-pressed": str(name in settings.inverted).lower()},
        )
        for name in record.ecg_leads
    ]  # fmt: skip
    return [
        html.Label(["read ", _select("set-lead", leads, settings.lead)]),
        html.Label(["units ", _select("set-units", units, settings.units)]),
        html.Div(
            [html.Span("turn over "), *inverted], role="group",
            **{"aria-label": "leads whose electrodes were exchanged"},
        ),
        limit_fields(settings.limits),
        html.Button("analyse again", id="again"),
    ]  # fmt: skip


def _select(name: str, options: list[tuple[str, str]], chosen: str | None) -> html.Select:
    # the key makes React draw the element anew, with the option that is chosen now
    return html.Select(
        [html.Option(words, value=value, selected=value == (chosen or ""))
         for value, words in options],
        id=name, key=f"{name}-{chosen}-{len(options)}",
    )  # fmt: skip
