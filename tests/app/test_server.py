"""Tests of `arrhythmia.app.server` and ``session``: files in and out, and whom it answers."""

from __future__ import annotations

import io
import json
import re
import tempfile
import time
import zipfile
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import wfdb
from app.conftest import csv, wait_for
from flask.testing import FlaskClient

from arrhythmia.annotate import Options, annotate_one
from arrhythmia.app import session as sessions
from arrhythmia.app.panels import OUTPUTS
from arrhythmia.app.reading import Reading
from arrhythmia.app.server import is_known_host, make_app, plain_name
from arrhythmia.app.session import Session, Sessions
from arrhythmia.errors import InputError
from arrhythmia.files import PART
from arrhythmia.naming import Decisions

HOME = "http://127.0.0.1:8050"
OWN = {"Origin": HOME}


class Visitor:
    """A browser, as far as the server sees it."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        assert client.get("/", base_url=HOME).status_code == 200

    def get(self, path: str) -> object:
        return self.client.get(path, base_url=HOME)

    def post(self, path: str, **kwargs: object) -> object:
        return self.client.post(path, base_url=HOME, headers=OWN, **kwargs)

    def send(self, *files: tuple[str, bytes]) -> dict:
        """Upload files, and wait for what becomes of them."""
        data = {"file": [(io.BytesIO(content), name) for name, content in files]}
        answer = self.post("/open", data=data, content_type="multipart/form-data")
        if answer.status_code != 200:
            return answer.json
        return self.wait()

    def wait(self) -> dict:
        wait_for(lambda: not self.get("/status").json["busy"])
        return self.get("/status").json

    def summary(self) -> dict:
        return json.loads(self.get("/out/json").data)


@pytest.fixture
def visitor(first: Future) -> Visitor:
    return Visitor(make_app(first).server.test_client())


def files_of(pair: Path) -> list[tuple[str, bytes]]:
    return [(p.name, p.read_bytes()) for p in (pair.with_suffix(".hea"), pair.with_suffix(".dat"))]


# --- files in -------------------------------------------------------------------------------------


def test_the_sample_is_there_at_once(visitor: Visitor) -> None:
    assert visitor.get("/status").json == {"busy": "", "error": "", "asks": "", "leads": []}
    assert visitor.summary()["record"] == "208-excerpt"


def test_wfdb_files_are_one_recording(visitor: Visitor, pair: Path) -> None:
    assert visitor.send(*files_of(pair))["error"] == ""
    assert visitor.summary()["leads"] == ["MLII", "V1"]


def test_a_zip_is_opened(visitor: Visitor, pair: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files_of(pair):
            archive.writestr(f"folder/{name}", content)
    assert visitor.send(("two.zip", packed.getvalue()))["error"] == ""
    assert visitor.summary()["record"] == "two"


def test_what_a_file_does_not_say_is_asked_for(visitor: Visitor) -> None:
    asked = visitor.send(("mine.csv", csv()))
    assert (asked["asks"], asked["busy"]) == ("fs", "")
    assert "no sampling rate" in asked["error"]
    assert visitor.summary()["record"] == "208-excerpt"  # as long as it is not answered
    answer = visitor.post("/answer", json={"fs": "0", "units": "", "lead": ""})
    assert answer.json["error"] == "the rate must be a number of Hz above 0, got '0'"
    assert visitor.post("/answer", json={"fs": "250,0", "units": "mV"}).status_code == 200
    assert visitor.wait()["error"] == ""
    assert (visitor.summary()["fs"], visitor.summary()["record"]) == (250.0, "mine")
    again = visitor.post("/answer", json={"fs": "250"})
    assert again.json["error"] == "there is no file to be read: send it again"


def test_where_no_lead_is_an_ecg_that_is_said(visitor: Visitor) -> None:
    body = "RESP,PLETH\n" + "\n".join(f"{line},{line}" for line in csv().decode().split())
    told = visitor.send(("resp.csv", b"# 250 Hz, mV\n" + body.encode()))
    assert (told["asks"], "has no ECG lead" in told["error"]) == ("", True)


def test_decisions_that_come_with_a_file_are_obeyed(
    visitor: Visitor, two_leads: Reading, pair: Path, tmp_path: Path
) -> None:
    times = two_leads.analysis.beats.centers[:4]
    Decisions().with_name(times, "F").save(tmp_path / "two.templates.json")
    kept = ("two.templates.json", (tmp_path / "two.templates.json").read_bytes())
    visitor.send(*files_of(pair), kept)
    assert visitor.summary()["fusion"] == two_leads.counts["F"] + sum(two_leads.letters[:4] != "F")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("broken.dat", b"\0" * 100)], "broken.hea"),
        ([("broken.edf", b"0       " + b"x" * 600)], "broken.edf"),
        ([("broken.zip", b"PK\x03\x04" + b"x" * 50)], "damaged zip"),
        ([("empty.csv", b"")], "'empty.csv' is empty"),
        ([("page.html", b"<!doctype html><html>")], "is a web page"),
        ([("words.txt", b"no numbers here\nat all\n")], "no columns of numbers"),
        ([("binary.xyz", bytes(range(256)) * 20)], "of no format that is read"),
        ([("a.csv", b"1\n2\n"), ("b.csv", b"1\n2\n")], "2 files with no WFDB headers"),
        ([("a.csv", b"1\n2\n"), ("x/a.csv", b"1\n2\n")], "two of these files have one name"),
        ([("far.hea", b"far 1 360 1000\n../../etc/passwd 16 200 16 0 0 0 0 MLII\n")], "far.hea"),
        ([("huge.hea", b"huge 1 360 9999999999999\nhuge.dat 16 200 16 0 0 0 0 I\n")], "huge.hea"),
    ],
)
def test_a_broken_upload_gives_a_sentence(
    visitor: Visitor, files: list[tuple[str, bytes]], words: str
) -> None:
    answer = visitor.send(*files)
    assert words in answer["error"]
    assert "\n" not in answer["error"]
    assert "/tmp" not in answer["error"]
    assert PART not in answer["error"]
    assert visitor.summary()["record"] == "208-excerpt"


def test_a_zip_bomb_is_refused(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.csv", b"0\n" * 1_000_000)
    monkeypatch.setattr("arrhythmia.formats.archive.LARGEST", 1_000_000)
    assert "unpacks to more than" in visitor.send(("bomb.zip", packed.getvalue()))["error"]


def test_an_error_of_the_program_leaves_the_page_usable(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sessions, "begin", lambda *_: 1 / 0)
    answer = visitor.send(("mine.csv", b"# 250 Hz\n" + csv()))
    assert answer["error"] == sessions.FAILED
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert visitor.summary()["record"] == "208-excerpt"


def test_an_upload_has_a_limit(first: Future, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(first)
    app.server.config["MAX_CONTENT_LENGTH"] = 1000
    answer = Visitor(app.server.test_client()).send(("big.csv", b"1\n" * 1000))
    assert "MB together" in answer["error"]


def test_nothing_is_left_on_disk(
    visitor: Visitor, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    visitor.send(*files_of(pair))
    visitor.send(("broken.edf", b"0       " + b"x" * 600))
    visitor.send(("mine.csv", csv()))
    assert len(list(tmp_path.iterdir())) == 1  # waits for its rate
    visitor.post("/cancel")
    assert list(tmp_path.iterdir()) == []
    visitor.get("/out/ai")
    assert list(tmp_path.iterdir()) == []


def test_waiting_can_be_ended(first: Future, excerpt: Reading) -> None:
    visitor = Session()
    visitor.show(excerpt)
    steps: list[str] = []

    def work(told: sessions.Told) -> Reading:
        while True:
            told(f"step {len(steps)}")
            steps.append("")
            time.sleep(0.01)

    visitor.run(work)
    wait_for(lambda: len(steps) > 2)
    visitor.cancel()
    count = len(steps)
    time.sleep(0.1)
    assert len(steps) <= count + 1
    assert (visitor.job, visitor.error, visitor.reading) == (None, "", excerpt)


# --- files out ------------------------------------------------------------------------------------


def test_files_are_those_that_annotate_writes(visitor: Visitor, pair: Path, tmp_path: Path) -> None:
    visitor.send(*files_of(pair))
    done = annotate_one(str(pair), Options(output_dir=str(tmp_path)))
    assert done.error == ""
    for suffix in ("ai", "beats.csv"):
        expected = (tmp_path / f"two.{suffix}").read_bytes()
        assert visitor.get(f"/out/{suffix}").data == expected
    expected = json.loads((tmp_path / "two.json").read_text("utf-8"))
    assert visitor.summary() == {k: v for k, v in expected.items() if k != "key"}
    assert visitor.get("/out/pdf").data.startswith(b"%PDF")


def test_the_annotation_has_the_labels_of_the_reader(
    first: Future, excerpt: Reading, tmp_path: Path
) -> None:
    number = excerpt.named.in_order()[0]
    changed = Future()
    changed.set_result(excerpt.name([number], "E")[0])
    visitor = Visitor(make_app(changed).server.test_client())
    (tmp_path / "r.ai").write_bytes(visitor.get("/out/ai").data)
    read = wfdb.rdann(str(tmp_path / "r"), "ai")
    beats = excerpt.named.templates[number].beats
    marked = set(read.sample[np.array(read.symbol) == "E"])
    readable = beats[excerpt.analysis.assessable[beats]]
    assert set(excerpt.analysis.beats.sample[readable]) <= marked
    (tmp_path / "d.json").write_bytes(visitor.get("/out/templates.json").data)
    assert Decisions.load(tmp_path / "d.json").named[0][0] == "E"


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_files_are_attachments(visitor: Visitor, suffix: str) -> None:
    answer = visitor.get(f"/out/{suffix}")
    assert answer.headers["Content-Disposition"].endswith(f"filename=208-excerpt.{suffix}")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/out/exe", "/out/..%2Fserver.py", "/assets/../server.py", "/assets/..%2Fserver.py"]
)
def test_no_other_file_is_given(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code in (200, 404)
    assert b"import flask" not in answer.data


# --- whom it answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "host", "known"),
    [
        ("127.0.0.1:8050", "127.0.0.1", True),
        ("localhost:8050", "127.0.0.1", True),
        ("[::1]:8050", "::1", True),
        ("evil.example", "127.0.0.1", False),
        ("evil.example:8050", "0.0.0.0", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("192.168.1.5:8050", "127.0.0.1", False),
        ("192.168.1.5:8050", "0.0.0.0", True),
        ("ward-7:8050", "ward-7", True),
        ("", "127.0.0.1", False),
    ],
)
def test_foreign_names_are_refused(name: str, host: str, known: bool) -> None:
    assert is_known_host(name, host) == known


def test_a_name_that_is_led_here_gets_nothing(first: Future) -> None:
    client = make_app(first).server.test_client()
    for path in ("/", "/status", "/_dash-layout", "/assets/page.js"):
        answer = client.get(path, base_url="http://evil.example:8050")
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://127.0.0.1:9999"])
def test_other_pages_can_change_nothing(visitor: Visitor, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    for path in ("/open", "/cancel", "/again", "/_dash-update-component"):
        answer = visitor.client.post(path, base_url=HOME, headers=headers, json={})
        assert answer.status_code == 403


def test_two_visitors_do_not_see_each_other(first: Future, pair: Path) -> None:
    app = make_app(first)
    one, other = (Visitor(app.server.test_client()) for _ in range(2))
    one.send(*files_of(pair))
    assert one.summary()["record"] == "two"
    assert other.summary()["record"] == "208-excerpt"


def test_without_a_session_there_is_nothing(first: Future) -> None:
    client = make_app(first).server.test_client()
    for cookie in ("", "made-up"):
        client.set_cookie("arrhythmia", cookie, domain="127.0.0.1")
        assert client.get("/out/json", base_url=HOME).status_code == 410


def test_nothing_comes_from_outside(visitor: Visitor) -> None:
    answer = visitor.get("/")
    text = answer.get_data(as_text=True)
    policy = answer.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(addresses) > 10
    assert all(re.match(r"/[^/]|data:,$", address) for address in addresses)
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    cookie = visitor.client.get_cookie("arrhythmia", domain="127.0.0.1")
    assert cookie.http_only
    assert cookie.same_site == "Lax"


def test_old_sessions_are_forgotten(first: Future, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = Sessions(first)
    names = [everybody.new() for _ in range(sessions.MOST_SESSIONS + 2)]
    assert len(everybody) == sessions.MOST_SESSIONS
    assert everybody.get(names[0]) is None
    assert everybody.get(names[-1]) is not None
    assert len({len(name) for name in names}) == 1
    assert len(names[0]) >= 43
    monkeypatch.setattr(sessions, "IDLE_S", -1.0)
    assert everybody.get(names[-2]) is not None
    assert len(everybody) == 0


def test_large_recordings_push_out_the_oldest(
    first: Future, two_leads: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = Sessions(first)
    names = [everybody.new() for _ in range(3)]
    for name in names[:2]:
        everybody.get(name).show(two_leads)
    monkeypatch.setattr(sessions, "MOST_BYTES", 1.5 * two_leads.analysis.record.signals.nbytes)
    everybody.get(names[1])
    assert everybody.get(names[0]) is None
    assert everybody.get(names[1]) is not None


def test_a_sample_that_fails_is_told() -> None:
    failed: Future = Future()
    failed.set_exception(InputError("it is broken"))
    session = Sessions(failed)
    name = session.new()
    wait_for(lambda: session.get(name).job is None)
    assert session.get(name).error == "it is broken"


# --- settings -------------------------------------------------------------------------------------


def test_a_recording_is_analysed_again_with_other_settings(visitor: Visitor, pair: Path) -> None:
    visitor.send(*files_of(pair))
    visitor.post("/again", json={"lead": "V1", "units": "", "inverted": ["V1"]})
    assert visitor.wait()["error"] == ""
    assert visitor.summary()["leads"] == ["V1"]
    visitor.post("/again", json={"lead": "aVF"})
    assert "no lead 'aVF'" in visitor.wait()["error"]
    assert visitor.summary()["leads"] == ["V1"]
    answer = visitor.post("/again", json={"units": "furlong"})
    assert "units must be one of" in answer.json["error"]
    assert visitor.post("/again", data=b"junk").json["error"] == "nothing was sent"


def test_limits_change_events_and_are_told(visitor: Visitor) -> None:
    before = visitor.summary()
    assert any(event["event"] == "ventricular trigeminy" for event in before["events"])
    limits = {"pause_s": "2,8", "tachycardia_per_min": "", "premature": "20"}
    assert visitor.post("/again", json=limits).status_code == 200
    assert visitor.wait()["error"] == ""
    after = visitor.summary()
    assert after["limits"] == {"pause_s": 2.8, "tachycardia_per_min": 100.0, "premature": 0.2}
    longer = [p for p in before["pauses"] if p["end_s"] - p["start_s"] >= 2.8]
    assert after["pauses"] == longer != before["pauses"]
    assert after["classes"] == before["classes"]
    for name, value, words in (
        ("pause_s", "1", "pause must be from 1.5 to 10 s, got 1"),
        ("pause_s", "<b>", "pause must be from 1.5 to 10 s, got '<b>'"),
        ("tachycardia_per_min", [1], "tachycardia must be from 60 to 300/min, got '[1]'"),
        ("premature", "60", "prematurity must be from 5 to 50 %, got 60"),
    ):
        answer = visitor.post("/again", json={name: value})
        assert (answer.status_code, answer.json["error"]) == (400, words)
        assert visitor.summary()["limits"] == after["limits"]


def test_leads_can_be_turned_over(two_leads: Reading) -> None:
    from arrhythmia.app.reading import Settings

    record = two_leads.recording.record
    turned = Settings(inverted=("V1",), units="uV").of(record)
    np.testing.assert_array_equal(turned.signals, record.signals * [1, -1])
    assert turned.units == ("uV", "uV")
    assert Settings().of(record) is record


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".bashrc", "bashrc"),
        ("a\0b\n<img>.csv", "a_b__img_.csv"),
        ("", "record"),
        ("..", "record"),
        ("x" * 500 + ".csv", "x" * 116 + ".csv"),
        ("Müller 7.edf", "Müller 7.edf"),
    ],
)
def test_names_are_made_safe(name: str, plain: str) -> None:
    assert plain_name(name) == plain
