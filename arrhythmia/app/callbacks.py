"""What is drawn again when something was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from arrhythmia.app import panels
from arrhythmia.app.actions import act
from arrhythmia.app.beat import bars, heat_figure
from arrhythmia.app.overview import overview, window
from arrhythmia.app.screen import Screen
from arrhythmia.app.session import Session
from arrhythmia.app.sheet import cards
from arrhythmia.app.strip import strip
from arrhythmia.errors import InputError
from arrhythmia.explain.method_names import DEFAULT_METHOD
from arrhythmia.explain.wording import evidence_words

FORGOTTEN: Final = "this page was not used for hours and is forgotten: load it again"


def add_callbacks(app: Dash, current: Callable[[], Session | None]) -> None:
    """Connect the page with the session of whoever asks."""

    def session() -> Session:
        found = current()
        if found is None or found.reading is None:
            raise PreventUpdate
        return found

    @app.callback(
        Output("shown", "data"), Output("version", "data"), Output("status", "children"),
        Input("act", "data"), State("version", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    def do(asked: object, version: object) -> tuple:
        found = current()
        if found is None:
            return no_update, no_update, FORGOTTEN
        return done(found, asked, version)

    @app.callback(
        Output("title", "children"), Output("facts", "children"), Output("counts", "children"),
        Output("outputs", "children"), Output("summary", "children"),
        Output("settings", "children"), Output("sheet", "children"),
        Output("events-table", "children"), Output("log", "children"),
        Input("version", "data"),
    )  # fmt: skip
    def tell(_: object) -> tuple:
        return told(session())

    @app.callback(
        Output("overview-figure", "figure"), Output("overview-words", "children"),
        Input("version", "data"), Input("screen", "data"),
    )  # fmt: skip
    def draw_overview(_: object, screen: object) -> tuple:
        if screen is None:
            raise PreventUpdate
        shown, size = session(), Screen.of(screen)
        return overview(shown.reading, size), panels.overview_legend(shown.reading)

    @app.callback(
        Output("strip-figure", "figure"), Output("strip-words", "children"),
        Output("speed", "children"), Output("window", "style"),
        Input("shown", "data"), Input("version", "data"), Input("screen", "data"),
    )  # fmt: skip
    def draw_strip(_: object, __: object, screen: object) -> tuple:
        if screen is None:
            raise PreventUpdate
        shown, size = session(), Screen.of(screen)
        with shown.lock:
            reading, place = shown.reading, (shown.start, shown.seconds)
            figure, words = strip(reading, *place, shown.beat, size)
        speed = "large boxes: 0.2 s and 0.5 mV" if figure.layout.meta else "not to scale"
        return figure, words, speed, window(reading, *place)

    @app.callback(
        Output("beat-words", "children"), Output("heat-figure", "figure"),
        Output("heat", "aria-label"), Output("probabilities", "children"),
        Output("what-if", "children"), Output("bars-figure", "figure"),
        Output("bars", "aria-label"),
        Input("shown", "data"), Input("version", "data"), Input("screen", "data"),
        Input("choice", "data"),
    )  # fmt: skip
    def explain(_: object, __: object, screen: object, choice: object) -> tuple:
        if screen is None:
            raise PreventUpdate
        return explained(session(), Screen.of(screen), choice)


def done(session: Session, asked: object, version: object) -> tuple:
    """Do what was asked; gives a count that grows, the version, and what to tell."""
    asked = asked if isinstance(asked, dict) else {}
    what = str(asked.get("do", ""))
    try:
        words = "" if what == "refresh" else act(session, what, asked.get("value"))
    except InputError as error:
        words = str(error)
    changed = session.version != version
    return asked.get("count", 0), session.version if changed else no_update, words


def told(session: Session) -> tuple:
    """All that is text, and the sheet of templates."""
    with session.lock:
        reading = session.reading
        return (
            f"ECG {reading.analysis.record.name}", panels.about(reading),
            panels.counts(reading), panels.outputs(reading), panels.summary_list(reading),
            panels.settings_form(reading), cards(reading), panels.events_table(session),
            panels.log_list(session),
        )  # fmt: skip


def explained(session: Session, screen: Screen, choice: object) -> tuple:
    """The beat that is chosen, by the method and for the class that are chosen."""
    choice = choice if isinstance(choice, dict) else {}
    method, target = str(choice.get("method") or DEFAULT_METHOD), choice.get("target") or None
    reading, beat = session.reading, session.beat
    if not len(reading.letters):
        raise PreventUpdate
    with session.explaining:
        if beat != session.beat or reading is not session.reading:
            raise PreventUpdate  # the reader has gone on: what is chosen now is on its way
        try:
            case = reading.explain(beat, method, target)
        except InputError as error:
            return (str(error), *[no_update] * 6)
    of = f"evidence for {case.target_class}"
    words = evidence_words(case.explanation) if case.assessable else "the signal cannot be read"
    return (
        panels.beat_words(reading, case), heat_figure(reading, case, screen),
        f"ECG around the beat with the {of}", panels.probabilities(case), panels.would_be(case),
        bars(case, screen.half), f"{of}: {words}",
    )  # fmt: skip
