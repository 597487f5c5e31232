"""The server of the page: files in and out, sessions, and whom it answers."""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import flask
from dash import Dash
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException

from arrhythmia.annotate import write_file
from arrhythmia.app.actions import turn_live
from arrhythmia.app.callbacks import add_callbacks
from arrhythmia.app.layout import layout
from arrhythmia.app.limits import limits_in
from arrhythmia.app.live import live_state
from arrhythmia.app.panels import DECISIONS, OUTPUTS
from arrhythmia.app.reading import Settings
from arrhythmia.app.session import Session, Sessions
from arrhythmia.errors import InputError, one_line
from arrhythmia.files import temporary_folder
from arrhythmia.records import IN_MILLIVOLTS, Hints

COOKIE: Final = "arrhythmia"
LARGEST: Final = 500_000_000
"""Bytes of an upload."""
MOST_FILES: Final = 50
LONGEST_NAME: Final = 120
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from outside, no script that is not the page's own."""


def make_app(first: Future, host: str = "127.0.0.1") -> Dash:
    """The page.

    Parameters
    ----------
    first : Future
        Of the reading that a new visitor sees.
    host : str
        Name or address under which it is served besides those of this computer.
    """
    server = flask.Flask("arrhythmia.app")
    server.config["MAX_CONTENT_LENGTH"] = LARGEST
    sessions = Sessions(first)
    app = Dash(
        "arrhythmia.app", server=server, title="ECG, beat by beat", update_title=None,
        assets_folder=str(Path(__file__).with_name("assets")), serve_locally=True,
        enable_mcp=False, include_assets_files=True,
        index_string=_INDEX,
    )  # fmt: skip
    app.layout = layout

    def current() -> Session | None:
        return sessions.get(flask.request.cookies.get(COOKIE))

    add_callbacks(app, current)
    _guard(server, app, sessions, host)
    _add_routes(server, current)
    return app


_INDEX: Final = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{%title%}</title>
<link rel="icon" href="data:,">
{%css%}
</head>
<body>
<noscript>This page draws itself with JavaScript, which is switched off here.</noscript>
{%app_entry%}
{%config%}
{%scripts%}
{%renderer%}
</body>
</html>
"""


# --- whom it answers ------------------------------------------------------------------------------


def is_known_host(name: str, host: str) -> bool:
    """Whether a request names this computer: else a web page may have led a browser here.

    Parameters
    ----------
    name : str
        The header ``Host``.
    host : str
        What the page is served as.
    """
    bare = re.sub(r":\d+$", "", name).strip("[]").lower()
    if bare in ("localhost", host.lower()):
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return not is_loopback(host) and bare == socket.gethostname().lower()
    return address.is_loopback or not is_loopback(host)  # no name can be turned into an address


def is_loopback(host: str) -> bool:
    """Whether a page served there is seen on this computer alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _guard(server: flask.Flask, app: Dash, sessions: Sessions, host: str) -> None:
    """Refuse foreign names and foreign pages; give each visitor a session."""

    @server.before_request
    def refuse() -> flask.Response | None:
        asked = flask.request
        if not is_known_host(asked.host, host):
            return _refused(403, f"this page is not served as '{asked.host[:80]}'")
        if asked.method not in ("GET", "HEAD") and asked.origin != asked.host_url.rstrip("/"):
            return _refused(403, "this was not asked by the page itself")
        return None

    @server.after_request
    def add_headers(answer: flask.Response) -> flask.Response:
        answer.headers.update(HEADERS)
        hashes = " ".join(f"'{h}'" if not h.startswith("'") else h for h in app.csp_hashes())
        answer.headers["Content-Security-Policy"] = POLICY.format(hashes=hashes)
        if flask.request.path == "/" and answer.status_code == 200:
            answer.headers["Cache-Control"] = "no-store"
            if sessions.get(flask.request.cookies.get(COOKIE)) is None:
                answer.set_cookie(COOKIE, sessions.new(), httponly=True, samesite="Lax")
        return answer

    @server.errorhandler(HTTPException)
    def say(error: HTTPException) -> flask.Response:
        if error.code == 413:
            return _refused(413, f"the files are larger than {LARGEST / 1e6:.0f} MB together")
        return _refused(error.code or 500, error.name)


def _refused(code: int, words: str) -> flask.Response:
    answer = flask.jsonify(error=words)
    answer.status_code = code
    return answer


# --- files in and out -----------------------------------------------------------------------------


def _add_routes(server: flask.Flask, current: Callable[[], Session | None]) -> None:
    def known() -> Session:
        session = current()
        if session is None:
            flask.abort(_refused(410, "this page is too old: load it again"))
        return session

    @server.errorhandler(InputError)
    def bad(error: InputError) -> flask.Response:
        return _refused(400, str(error))

    @server.get("/status")
    def status() -> dict:
        session = known()
        with session.lock:
            upload = session.upload
            record = upload.recording.record if upload and upload.recording else None
            return {
                "busy": session.job.step if session.job else "",
                "error": session.error,
                "asks": session.asks,
                "leads": list(record.leads) if record else [],
            }

    @server.post("/open")
    def open_file() -> dict:
        session = known()
        folder, path = saved(flask.request.files.getlist("file"))
        session.open(folder, path)
        return {}

    @server.post("/answer")
    def answer() -> dict:
        facts = _facts()
        session = known()
        session.answer(Hints(_rate(facts.get("fs")), _unit(facts)), _text(facts.get("lead")))
        return {}

    @server.post("/again")
    def again() -> dict:
        facts = _facts()
        inverted = facts.get("inverted")
        names = tuple(map(str, inverted)) if isinstance(inverted, list) else ()
        known().again(Settings(_text(facts.get("lead")), _unit(facts), names, limits_in(facts)))
        return {}

    @server.post("/cancel")
    def cancel() -> dict:
        known().cancel()
        return {}

    @server.get("/live")
    def live() -> dict:
        asked = flask.request.args
        return live_state(known().live, asked.get("drawn", ""), asked.get("told", ""))

    @server.post("/live")
    def turn() -> dict:
        facts, session = _facts(), known()
        turn_live(session, facts)
        return live_state(session.live)

    @server.get("/out/<suffix>")
    def out(suffix: str) -> flask.Response:
        session = known()
        if suffix not in OUTPUTS or session.reading is None:
            return _refused(404, "there is no such file")
        reading = session.reading
        name = f"{plain_name(reading.analysis.record.name)}.{suffix}"
        with temporary_folder() as folder:
            file = Path(folder, f"record.{suffix}")
            if suffix == DECISIONS:
                reading.decisions.save(file)
            else:
                write_file(file, suffix, reading.analysis, reading.facts)
            content = file.read_bytes()
        answer = flask.make_response(content)
        answer.headers["Content-Type"] = "application/octet-stream"
        answer.headers.set("Content-Disposition", "attachment", filename=name)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def plain_name(name: str) -> str:
    """A name that is safe as the name of a file, wherever it came from."""
    name = Path(str(name).replace("\\", "/")).name
    name = "".join(c if c.isprintable() and c not in '<>:"/\\|?*' else "_" for c in name)
    return name.lstrip(".")[-LONGEST_NAME:] or "record"


def saved(files: list[FileStorage]) -> tuple[TemporaryDirectory, Path]:
    """Keep files that were sent, and tell which is the recording.

    Returns
    -------
    TemporaryDirectory
        Deleted with all in it when it is forgotten.
    Path
        As `arrhythmia.records.read_record` takes it.

    Raises
    ------
    InputError
        If there is none, or several, or too many.
    """
    if not files or len(files) > MOST_FILES:
        raise InputError(f"send the files of one recording, at most {MOST_FILES}")
    folder = temporary_folder()
    names = [plain_name(file.filename or "") for file in files]
    try:
        if len(set(names)) < len(names):
            raise InputError("two of these files have one name: send one recording")
        for name, file in zip(names, files, strict=True):
            with Path(folder.name, name).open("wb") as target:
                shutil.copyfileobj(file.stream, target)
        return folder, Path(folder.name, _recording(names))
    except BaseException:
        folder.cleanup()
        raise


def _recording(names: list[str]) -> str:
    headers = [name for name in names if name.lower().endswith(".hea")]
    if len(headers) == 1:
        return headers[0]
    if len(names) == 1:
        return names[0]
    raise InputError(
        f"these are {len(names)} files with {len(headers) or 'no'} WFDB headers (.hea): send one "
        "recording, all files of it"
    )


# --- what the browser says ------------------------------------------------------------------------


def _facts() -> dict:
    facts = flask.request.get_json(silent=True)
    if not isinstance(facts, dict):
        raise InputError("nothing was sent")
    return facts


def _text(value: object) -> str | None:
    return one_line(value) if isinstance(value, str) and value else None


def _unit(facts: dict) -> str | None:
    unit = _text(facts.get("units"))
    if unit is not None and unit not in IN_MILLIVOLTS:
        raise InputError(f"units must be one of mV, uV, V, nV, got '{unit}'")
    return unit


def _rate(value: object) -> float | None:
    text = str(value or "").strip().replace(",", ".")
    if not text:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise InputError(f"the rate must be a number of Hz above 0, got '{one_line(text)}'")
    return rate
