"""Where everything is on the page."""

from __future__ import annotations

from typing import Final

from dash import dcc, html

from arrhythmia.app.actions import SCALES
from arrhythmia.app.live import SPEEDS
from arrhythmia.app.screen import MARGIN
from arrhythmia.app.session import SHOWN_S
from arrhythmia.explain.method_names import DEFAULT_METHOD, METHOD_NAMES
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES
from arrhythmia.records import IN_MILLIVOLTS

NOTICE: Final = (
    "Research software, not a medical device: it makes no diagnosis, and nobody may be treated by "
    "what it says."
)
GRAPH: Final = {"displayModeBar": False, "staticPlot": False, "responsive": True,
                "showTips": False, "doubleClick": False}  # fmt: skip
INSIDE: Final = {
    side: MARGIN[side[0]] for side in ("left", "right", "top", "bottom")
}  # fmt: skip
"""Where the axes of a figure lie in its frame, in pixels."""
EMPTY: Final = {"data": [], "layout": {"template": "none", "xaxis": {"visible": False},
                                       "yaxis": {"visible": False}}}  # fmt: skip
KEYS: Final = (
    ("← →", "beat before, next beat"),
    ("Page Up, Page Down", "stretch before, next stretch"),
    ("Home, End", "first beat, last beat"),
    (", .", "event before, next event"),
    ("< >", "beat to look at before, next one"),
    ("N S V E F", "name the templates chosen in the sheet, or else this beat"),
    ("X", "split the templates chosen"),
    ("M", "merge the templates chosen"),
    ("U", "take the last decision back"),
    ("+ −", "show less, show more of the ECG"),
    ("L", "start or stop the live view"),
    ("A", "acknowledge the alarms of the live view"),
)
"""Keys that work where a part of the page has the focus that is no field to write in."""


def button(words: str, do: str, value: object = None, label: str = "", **more: str) -> html.Button:
    """A button that does one of `arrhythmia.app.actions.ACTIONS`."""
    told = {"data-act": do, "data-value": "" if value is None else str(value)}
    named = {"aria-label": label} if label else {}
    return html.Button(words, **told, **named, **more)


def select(name: str, options: dict, chosen: object) -> html.Select:
    """A field to choose from."""
    return html.Select(
        [html.Option(words, value=str(value), selected=value == chosen)
         for value, words in options.items()],
        id=name,
    )  # fmt: skip


def layout() -> html.Div:
    """The page before anything is known of a recording."""
    left = html.Div([_overview(), _strip(), _live(), _beat()], className="left")
    right = html.Div([_events(), _templates()], className="right")
    return html.Div(
        [
            html.A("to the ECG", href="#strip", className="skip"),
            html.P([html.B("Caution. "), NOTICE], className="notice", role="note"),
            html.Header([_title(), _open(), _more()]),
            html.Div(
                [html.Span(id="step", role="status"), html.Button("cancel", id="cancel")],
                id="progress", hidden=True,
            ),
            html.P(id="error", role="alert"),
            _ask(),
            html.P(id="status", role="status"),
            html.Main(html.Div([left, right], className="columns"), id="work"),
            html.Div(  # seen wherever the page is scrolled to
                [html.Div(id="live-alarms", role="alert"),
                 html.Button("acknowledge", id="live-seen")],
                id="live-alarm", hidden=True,
            ),
            dcc.Store("act"), dcc.Store("shown", data=0),
            dcc.Store("version", data=0), dcc.Store("screen"), dcc.Store("choice"),
        ],
        id="page",
    )  # fmt: skip


def _title() -> html.Div:
    return html.Div(
        [html.H1("ECG", id="title"), html.P(id="facts", className="soft"),
         html.Ul(id="counts", className="counts", **{"aria-label": "beats of each class"})],
        className="about",
    )  # fmt: skip


def _open() -> html.Div:
    return html.Div(
        [
            html.Div(id="drop"),  # its field is made by page.js
            html.P("or drop it anywhere here: WFDB (all its files, or a zip), EDF, CSV, DICOM …",
                   className="soft"),
        ],
        className="open",
    )  # fmt: skip


def _more() -> html.Div:
    return html.Div(
        [
            html.Details([html.Summary("Download"), html.Ul(id="outputs")]),
            html.Details([html.Summary("Summary"), html.Ul(id="summary")]),
            html.Details([html.Summary("Changes"), html.Div(id="log")]),
            html.Details([html.Summary("Settings"), html.Div(id="settings", className="form")]),
            html.Details([html.Summary("Keys"), html.Dl([
                part for keys, words in KEYS for part in (html.Dt(keys), html.Dd(words))
            ])]),
        ],
        className="more",
    )  # fmt: skip


def _ask() -> html.Form:
    """What a file does not say."""
    units = {"": "as the file says, else mV"} | {unit: unit for unit in IN_MILLIVOLTS}
    fs = dcc.Input(id="ask-fs", type="text", inputMode="decimal", size="7")
    return html.Form(
        [
            html.P("The file does not say all that is needed:", id="ask-words"),
            html.Label(["sampling rate in Hz ", fs], id="ask-fs-field"),
            html.Label(["units ", select("ask-units", units, "")], id="ask-units-field"),
            html.Label(["read lead ", html.Select([], id="ask-lead")], id="ask-lead-field"),
            html.Button("analyse", id="answer"), html.Button("cancel", id="ask-cancel"),
        ],
        id="ask", className="form", hidden=True,
    )  # fmt: skip


def _overview() -> html.Section:
    return html.Section(
        [
            html.H2("Whole recording"),
            html.Div(
                [
                    dcc.Graph(
                        "overview-figure", figure=EMPTY, config=GRAPH, style={"height": 230}
                    ),
                    html.Div(html.Div(id="window"), className="over", style=INSIDE),
                ],
                id="overview",
                role="img", **{"aria-label": "heart rate, events and ectopic beats"},
            ),
            html.P(id="overview-words", className="legend soft"),
        ]
    )  # fmt: skip


def _strip() -> html.Section:
    tools = html.Div(
        [
            button("◀", "page", -1, "stretch before"), button("▶", "page", 1, "next stretch"),
            html.Label(["show ", select("scale", SCALES, SHOWN_S)]),
            html.Label(["go to ", dcc.Input(id="time", type="text", placeholder="hh:mm:ss",
                                            size="9")]),
            button("◀ event", "event", -1, "event before"),
            button("event ▶", "event", 1, "next event"),
            button("◀ ⚑", "refer", -1, "beat to look at before"),
            button("⚑ ▶", "refer", 1, "next beat to look at"),
        ],
        className="tools",
    )  # fmt: skip
    figure = html.Div(
        dcc.Graph("strip-figure", config=GRAPH), id="strip", tabIndex="0", role="group",
        **{"aria-label": "ECG. Left and right arrow: beat before, next beat",
           "aria-describedby": "strip-words"},
    )  # fmt: skip
    legend = html.P(
        [
            *(html.Span([html.Span(f"{mark} {c}", className=f"ink-{c}"), f" {CLASS_NAMES[c]}"])
              for c, mark in zip(BEAT_CLASSES, "●▲■★◆", strict=True)),
            html.Span("✕ ? not assessable"), html.Span("⚑ ringed red: a person should look"),
            html.Span(id="speed"),
        ],
        className="legend soft",
    )  # fmt: skip
    words = html.P(id="strip-words", className="hidden")
    return html.Section([html.H2("ECG"), tools, figure, words, legend], id="ecg")


def _live() -> html.Details:
    """The recording played as from a monitor; ``live.js`` draws it."""
    return html.Details(
        [
            html.Summary("Live view: played as from a monitor, told as it comes"),
            html.Div(
                [
                    html.Button("play from here", id="live-play"),
                    html.Button("stop", id="live-stop", disabled=True),
                    html.Label(["speed ", select(
                        "live-speed", {n: f"{n} ×" for n in SPEEDS}, SPEEDS[0])]),
                    html.Span([html.B("–", id="live-rate"), " /min"], className="rate"),
                ],
                className="tools",
            ),
            html.Canvas(id="live-ecg", role="img", **{"aria-label": "live ECG"}),
            html.P(id="live-words", className="soft"),
            html.Ul(id="live-events", **{"aria-label": "events of the live view, newest first"}),
        ],
        id="live",
    )  # fmt: skip


def _beat() -> html.Section:
    classes = {"": "the class given"} | {c: f"{c} – {CLASS_NAMES[c]}" for c in BEAT_CLASSES}
    return html.Section(
        [
            html.H2("This beat, and why"),
            html.Div(
                [
                    button("◀ beat", "step", -1, "beat before"),
                    button("beat ▶", "step", 1, "next beat"),
                    html.Span("It is", className="soft"),
                    *(button(c, "relabel", c, f"name this beat {c}, {CLASS_NAMES[c]}",
                             className=f"badge c-{c}") for c in BEAT_CLASSES),
                ],
                className="tools",
            ),
            html.Div(id="beat-words", **{"aria-live": "polite"}),
            html.Div(
                [
                    html.Label(["what speaks for ", select("target", classes, "")]),
                    html.Label(["by ", select("method", METHOD_NAMES, DEFAULT_METHOD)]),
                ],
                className="tools",
            ),
            html.Div(dcc.Graph("heat-figure", config=GRAPH), id="heat", role="img",
                     **{"aria-label": "the beat with its evidence"}),
            html.P("Thick: speaks most for the class. Dashed: this patient's "
                   "template beat.", className="soft"),
            html.Div(
                [html.Div([html.Div(id="probabilities"), html.Div(id="what-if")]),
                 html.Div(dcc.Graph("bars-figure", config=GRAPH), id="bars", role="img",
                          **{"aria-label": "evidence by part"})],
                className="halves",
            ),
        ],
        id="beat",
    )  # fmt: skip


def _templates() -> html.Section:
    tools = [html.Span("name the chosen", className="soft")]
    tools += [
        button(c, "name", c, f"name the chosen templates {c}, {CLASS_NAMES[c]}",
               className=f"badge c-{c}")
        for c in BEAT_CLASSES
    ]  # fmt: skip
    tools += [button("split", "split", label="split the chosen templates")]
    tools += [button("merge", "merge", label="merge the chosen templates")]
    tools += [button("undo", "undo", label="take the last decision back")]
    return html.Section(
        [
            html.H2("Templates"),
            html.P("Groups of beats that are alike, most uncertain first. Choose one or several, "
                   "then name, split or merge them.", className="soft"),
            html.Div(tools, className="tools"),
            html.Ul(id="sheet", className="sheet"),
        ],
        id="templates",
    )  # fmt: skip


def _events() -> html.Section:
    return html.Section(
        [html.H2("Events"), html.Div(id="events-table", className="scroll", tabIndex="0",
                                     role="region", **{"aria-label": "table of events"})],
        id="events",
    )  # fmt: skip
