"""Tests of `arrhythmia.explain.page`: one file that needs no network and says what was computed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from explain_cases import (
    BEAT,
    FLAT,
    SETTINGS,
    hump,
    make_case,
    with_gap,
    with_pause,
    written_record,
)

from arrhythmia.errors import InputError
from arrhythmia.explain.case import Case
from arrhythmia.explain.explanation import PARTS, Explanation
from arrhythmia.explain.method_names import METHOD_NAMES
from arrhythmia.explain.page import page_data, write_page
from arrhythmia.explain.vocabulary import sentence
from arrhythmia.explain.wording import (
    ALONE,
    NO_CLASS,
    NOT_CALIBRATED,
    RR_NAMES,
    evidence_words,
    what_if,
)
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.records import Record
from arrhythmia.rr import irregularity

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = "<script>alert(1)</script>"
LETTERS = "--NNNVNNN---"

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium or google-chrome on PATH: the page is not opened"
)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return written_record(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def case(record: Record) -> Case:
    """A ventricular beat among others that are called N, by every method for every class."""
    return make_case(record, BEAT, LETTERS, every_view=True, notes=("a note",))


@pytest.fixture(scope="module")
def unreadable(record: Record) -> Case:
    """The same beat where the signal cannot be read."""
    return make_case(record, BEAT, LETTERS, every_view=True, problems={BEAT: FLAT})


class Tags(HTMLParser):
    """Tags with their attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


Written = Callable[[Case], str]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(case: Case) -> str:
        write_page(tmp_path / "page.html", case)
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return write


@pytest.fixture(scope="module")
def page(case: Case, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "page.html"
    write_page(file, case)
    return file.read_text(encoding="utf-8")


def read_data(page: str) -> dict:
    """What a written page holds as JSON; NaN and Infinity are none."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text, parse_constant=refuse)


# --- the file -------------------------------------------------------------------------------


def test_page_needs_no_network(page: str) -> None:
    parsed = Tags(page)
    for tag, attributes in parsed.tags:
        assert tag not in ("link", "img", "iframe", "base", "object")
        assert not {"src", "href", "action", "data"} & set(attributes), (tag, attributes)
    (policy,) = [a["content"] for _, a in parsed.tags if "http-equiv" in a]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert len(parsed.scripts) == 3  # data, plotly, the page's own
    assert len(parsed.scripts[1]) > 1e6
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|innerHTML =", parsed.scripts[2])


def test_nothing_is_sent_to_a_cloud(page: str) -> None:
    """Plotly's bar of buttons offers that by default, for what is here a patient's ECG."""
    assert 'showSendToCloud: false, plotlyServerURL: ""' in Tags(page).scripts[2]


def test_the_file_holds_the_data_of_the_page(case: Case, page: str) -> None:
    assert read_data(page) == page_data(case)
    assert unescape(re.search("<title>(.*)</title>", page)[1]) == "V – beat 5 of record syn"


def test_names_from_a_file_are_text(record: Record, case: Case, written: Written) -> None:
    symbol = case.beats.symbol.astype(object)
    symbol[[4, BEAT]] = HOSTILE
    beats = replace(case.beats, symbol=symbol)
    record = replace(record, name=HOSTILE + "{{data}}")
    lead = replace(case.lead, name=HOSTILE, units=HOSTILE)
    page = written(replace(case, record=record, lead=lead, beats=beats, notes=(HOSTILE,)))
    assert HOSTILE not in page
    assert [tag for tag, _ in Tags(page).tags].count("script") == 3
    assert record.name in unescape(re.search("<title>(.*)</title>", page)[1])
    data = read_data(page)
    assert record.name in data["where"]
    assert data["notes"] == [HOSTILE]
    figures = json.dumps(data["figures"])  # plotly reads tags in its text
    assert "<script" not in figures
    assert "&lt;script" in figures
    assert data["mv_per_second"] is None  # not in mV


def test_nan_is_no_json(record: Record, case: Case, written: Written) -> None:
    spoiled = with_gap(record, case.seconds + 0.9, case.seconds + 1.1)
    nothing = Explanation(
        "lime", "E", np.full(SETTINGS.length, np.nan), np.full(len(RR_NAMES), np.inf),
        np.array([-2, -1, 1]), np.zeros(3), np.zeros(3), case.explanation.waves,
    )  # fmt: skip
    explanations = {**case.explanations, ("lime", "E"): nothing}
    changed = replace(case, record=spoiled, lead=spoiled.lead(), explanations=explanations)
    data = read_data(written(changed))
    assert None in data["figures"]["ecg"]["data"][0]["y"]
    assert set(data["explanations"]["lime"]["E"]["samples"]) == {None}


def test_a_place_that_cannot_be_written_is_told(case: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_page(tmp_path / "file" / "page.html", case)
    with pytest.raises(InputError, match="is a folder"):
        write_page(tmp_path, case)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# --- what it says ---------------------------------------------------------------------------


def test_page_holds_the_numbers_of_all_explanations(case: Case) -> None:
    data = page_data(case)
    assert list(data["explanations"]) == list(METHOD_NAMES) == list(data["methods"])
    assert data["parts"] == list(PARTS)
    for (method, target), explanation in case.explanations.items():
        assert list(data["explanations"][method]) == list(BEAT_CLASSES)
        shown = data["explanations"][method][target]
        np.testing.assert_allclose(shown["samples"], explanation.samples, rtol=1e-6)
        np.testing.assert_allclose(shown["heat"], explanation.heat, atol=1e-3)
        np.testing.assert_allclose(shown["rr"], explanation.rr, rtol=1e-6)
        np.testing.assert_allclose(shown["neighbour_timing"], explanation.neighbour_timing, 1e-6)
        np.testing.assert_allclose(shown["neighbour_shapes"], explanation.neighbour_shapes, 1e-6)
        np.testing.assert_allclose(shown["percent"], list(explanation.percent.values()), 1e-6)
        assert shown["words"] == evidence_words(explanation)
        assert bool(shown["unit"]) == (not method.startswith("grad-cam"))
    assert data["start"] == {"method": "shap", "class": "V"}
    np.testing.assert_allclose(list(data["probabilities"].values()), case.probabilities[BEAT])


def test_page_says_what_the_case_says(case: Case) -> None:
    data = page_data(case)
    assert data["heading"] == "ventricular ectopic, p = 0.90"
    assert data["letter"] == "V"
    assert data["winner"] == "V"
    assert data["probabilities"]["V"] == pytest.approx(0.9)
    assert data["reasons"][case.target_class]["sentence"] == case.sentence
    assert data["confidence"] == [*case.trust, ALONE, case.in_leads]
    assert data["notes"] == ["a note"]
    assert data["reference"] == "V, premature ventricular contraction (class V)"
    assert not data["reference_differs"]
    for target, reasons in case.reasons_for.items():
        assert data["reasons"][target]["sentence"] == sentence(
            target, case.called, reasons.measured
        )
        assert data["reasons"][target]["what_if"] == what_if(reasons)


def test_a_page_of_a_model_that_is_not_calibrated(record: Record) -> None:
    case = make_case(record, calibrated=False)
    data = page_data(case)
    assert data["confidence"] == [NOT_CALIBRATED, ALONE, case.in_leads]
    assert data["assessable"]


def test_a_reference_that_differs_is_marked(record: Record) -> None:
    data = page_data(make_case(record, BEAT, "N" * 12))
    assert data["letter"] == "N"
    assert data["reference_differs"]


def test_a_record_without_annotation_has_no_reference(record: Record, case: Case) -> None:
    beats = replace(case.beats, symbol=np.full(len(case.beats), ""))
    data = page_data(replace(case, beats=beats))
    assert data["reference"] is None
    assert not data["reference_differs"]


def test_a_beat_that_cannot_be_read_is_given_no_class(unreadable: Case, written: Written) -> None:
    """The headline named the class that text and PNG withheld."""
    page = written(unreadable)
    assert unescape(re.search("<title>(.*)</title>", page)[1]) == "? – beat 5 of record syn"
    data = read_data(page)
    assert data["heading"] == "Not assessable: a flat line"
    assert data["letter"] == "?"
    assert (data["winner"], data["probabilities"]) == (None, {})
    assert all(r == {"sentence": NO_CLASS, "what_if": []} for r in data["reasons"].values())
    assert not data["assessable"]
    assert data["confidence"] == [f"Refer to a cardiologist: {FLAT}."]
    letters = {a["x"]: a["text"] for a in data["figures"]["ecg"]["layout"]["annotations"]}
    assert letters[unreadable.seconds].startswith("<b>?</b>")
    about = data["figures"]["tachogram"]["data"][0]["customdata"][BEAT - 1]
    assert "the signal cannot be read" in about
    assert "predicted" not in about


def test_a_pause_of_six_seconds_reads_six_seconds(tmp_path: Path) -> None:
    """The page computed it backwards from limited inputs, and came to 4.48 s."""
    record = with_pause(written_record(tmp_path, "N" * 16), 7, 5.2)
    case = make_case(record, 8, evidence=hump())
    values = {row["name"]: row["value"] for row in page_data(case)["rr"]}
    assert case.rr_before == pytest.approx(6.0, abs=0.1)
    between = float(values["RR before, between the centres of the QRS"].removesuffix(" s"))
    assert between == pytest.approx(float(np.diff(case.beats.centers)[7]), abs=0.006)
    usual = float(np.median(case.beats.rr_pre))
    around = float(values["RR before, against the 21 beats around"].removesuffix(" %"))
    assert around == pytest.approx(100 * between / usual, rel=0.03)


def test_an_irregularity_of_more_than_a_fifth_is_told_as_it_is(record: Record, case: Case) -> None:
    """It stopped at 21 %."""
    rr = np.tile([0.5, 1.3, 0.8], len(case.beats) // 3)
    beats = replace(case.beats, rr_pre=rr, rr_post=np.roll(rr, -1))
    values = {row["name"]: row["value"] for row in page_data(replace(case, beats=beats))["rr"]}
    shown = float(values["irregularity of the 21 beats around"].removesuffix(" %"))
    assert shown == pytest.approx(100 * irregularity(rr)[BEAT], abs=0.06)
    assert shown > 25


def test_the_first_beat_has_no_letters_before_it(record: Record) -> None:
    case = make_case(record, 0, "N" + LETTERS[1:])
    assert page_data(case)["neighbours"] == ["−2", "−1", "+1"]


def test_other_beats_are_named_with_their_class(case: Case) -> None:
    assert page_data(case)["neighbours"] == ["−2 (N)", "−1 (N)", "+1 (N)"]


def test_a_reference_differs_from_no_class_where_none_is_given(record: Record) -> None:
    case = make_case(record, BEAT, "N" * 12, problems={BEAT: FLAT})
    assert not page_data(case)["reference_differs"]


def test_dots_of_heat_lie_along_the_trace_inside_the_segment(case: Case) -> None:
    data = page_data(case)
    start, fs = data["segment"]["start"], data["segment"]["fs"]
    dots = {name: np.array(values) for name, values in data["dots"].items()}
    np.testing.assert_allclose(dots["place"], (dots["x"] - start) * fs, atol=0.01)
    assert dots["place"].min() >= 0
    assert dots["place"].max() <= SETTINGS.length - 1
    times = np.arange(len(case.filtered)) / case.record.fs
    np.testing.assert_allclose(dots["y"], np.interp(dots["x"], times, case.filtered), atol=0.01)


# --- in a browser ---------------------------------------------------------------------------


def open_in_browser(case: Case, folder: Path, address: str) -> str:
    """The page after its script has run, without scripts; no error may be in the console."""
    write_page(folder / "page.html", case)
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
            f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--v=0",
            "--dump-dom", f"{(folder / 'page.html').as_uri()}{address}",
        ],
        capture_output=True, text=True, timeout=60, check=False, encoding="utf-8",
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    return re.sub(r"<script.*?</script>", "", done.stdout, flags=re.S)


@needs_browser
@pytest.mark.slow
def test_page_in_a_browser(case: Case, tmp_path: Path) -> None:
    """Hostile names, and a view chosen in the address: drawn, and no error in the console."""
    record = replace(case.record, name=HOSTILE)
    hostile = replace(case, record=record, lead=replace(case.lead, name=HOSTILE))
    dom = open_in_browser(hostile, tmp_path, "#method=lime&class=S")
    said = sentence("S", case.called, case.reasons_for["S"].measured)
    assert re.search(rf'id="sentence"[^>]*>{re.escape(said)}<', dom)
    assert "Evidence for S (LIME):" in dom
    assert "The network says V." in dom
    assert "&lt;script&gt;alert(1)" in dom
    assert all(f'id="{name}" class="plot js-plotly-plot' in dom for name in ("ecg", "bars"))


@needs_browser
@pytest.mark.slow
def test_a_beat_that_cannot_be_read_in_a_browser(unreadable: Case, tmp_path: Path) -> None:
    dom = open_in_browser(unreadable, tmp_path, "")
    assert "unreadable" in re.search(r"<body[^>]*>", dom)[0]
    assert re.search(rf'id="sentence"[^>]*>{re.escape(NO_CLASS)}<', dom)
    assert 'id="other" hidden=""' in dom
    assert 'aria-label="ECG around the beat"' in dom
    assert re.search(r'id="letter"[^>]*>\?<', dom)
