"""Tests of `arrhythmia.page`: one file that needs no network, and says what was computed."""

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
from conftest import MakeRecord

from arrhythmia.beats import BeatSettings, bandpass, find_beats, reference_beats
from arrhythmia.classifier import Classifier, ModelSettings
from arrhythmia.errors import InputError
from arrhythmia.explanation import METHOD_NAMES, PARTS, Explanation, explain
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.page import View, explain_all, write_page
from arrhythmia.reasons import Reasons, find_reasons, sentence, what_if
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.waves import find_waves

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SETTINGS = BeatSettings()
BEAT = 5
HOSTILE = "<script>alert(1)</script>"
REASONS = Reasons("V", "V", 0.16, 0.09, 0.4, 0.25, 1.0, 0.02, 0.9, 0.12, "N", 0.6, 0.9, 0.1)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> View:
    """A ventricular beat among normal ones, with evidence drawn at random."""
    path = make_record(tmp_path_factory.mktemp("record"), symbols="NNNANVNNFNNN")
    record = read_record(path)
    r_peaks, symbols = reference_beats(record)
    beats = find_beats(record, SETTINGS, r_peaks)
    probabilities = np.full((len(beats), 5), np.nan)
    probabilities[2:9] = (0.9, 0.1, 0, 0, 0)
    probabilities[BEAT] = (0.02, 0, 0.97, 0, 0.01)
    rng = np.random.default_rng(0)
    waves = find_waves(beats.segments[BEAT], beats.usual_beat, beats.fs, SETTINGS.left)
    explanations = {
        (method, target): Explanation(
            method, target, rng.normal(size=SETTINGS.length), rng.normal(size=len(RR_INPUTS)),
            np.array([-2, -1, 1]), rng.normal(size=3), rng.normal(size=3), waves,
        )
        for method in METHOD_NAMES
        for target in BEAT_CLASSES
    }  # fmt: skip
    return View(
        record, bandpass(record.signal, record.fs), beats, BEAT, r_peaks / record.fs, symbols,
        SETTINGS, probabilities, explanations,
        {c: replace(REASONS, target_class=c) for c in BEAT_CLASSES}, "shap", "V",
        ["calibrated p 0.93"], ("a note",),
    )  # fmt: skip


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


Written = Callable[[View], str]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(view: View) -> str:
        write_page(tmp_path / "page.html", view)
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return write


def read_data(page: str) -> dict:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text, parse_constant=refuse)


def test_page_needs_no_network(view: View, written: Written) -> None:
    parsed = Tags(written(view))
    for tag, attributes in parsed.tags:
        assert tag not in ("link", "img", "iframe", "base", "object")
        assert not {"src", "href", "action", "data"} & set(attributes), (tag, attributes)
    (policy,) = [a["content"] for _, a in parsed.tags if "http-equiv" in a]
    assert "default-src 'none'" in policy and "http" not in policy
    assert len(parsed.scripts) == 3 and len(parsed.scripts[1]) > 1e6  # data, plotly, the page's own
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|innerHTML =", parsed.scripts[2])


def test_nothing_is_sent_to_a_cloud(view: View, written: Written) -> None:
    """Plotly's bar of buttons offers that by default, for what is here a patient's ECG."""
    own = Tags(written(view)).scripts[2]
    assert 'showSendToCloud: false, plotlyServerURL: ""' in own


def test_page_holds_the_numbers_of_all_explanations(view: View, written: Written) -> None:
    data = read_data(written(view))
    assert list(data["explanations"]) == list(METHOD_NAMES) == list(data["methods"])
    assert data["parts"] == list(PARTS)
    for (method, target), explanation in view.explanations.items():
        assert list(data["explanations"][method]) == list(BEAT_CLASSES)
        found = data["explanations"][method][target]
        np.testing.assert_allclose(found["samples"], explanation.samples, rtol=1e-6)
        np.testing.assert_allclose(found["heat"], explanation.heat, atol=1e-3)
        np.testing.assert_allclose(found["rr"], explanation.rr, rtol=1e-6)
        np.testing.assert_allclose(found["neighbour_timing"], explanation.neighbour_timing, 1e-6)
        np.testing.assert_allclose(found["neighbour_shapes"], explanation.neighbour_shapes, 1e-6)
        np.testing.assert_allclose(found["percent"], list(explanation.percent.values()), 1e-6)
        assert bool(found["unit"]) == (not method.startswith("grad-cam"))
    assert data["start"] == {"method": "shap", "class": "V"}
    assert data["confidence"] == ["calibrated p 0.93"] and data["notes"] == ["a note"]
    np.testing.assert_allclose(list(data["probabilities"].values()), view.probabilities[BEAT])


def test_page_says_the_reasons_of_every_class(view: View, written: Written) -> None:
    data = read_data(written(view))
    for target, reasons in view.reasons.items():
        assert data["reasons"][target]["sentence"] == sentence(reasons)
        assert data["reasons"][target]["what_if"] == what_if(reasons)
    assert data["heading"] == "ventricular ectopic, p = 0.97"
    assert data["reference"] == "V, premature ventricular contraction (class V)"
    assert not data["reference_differs"]


def test_what_if_is_said_as_it_was_found(view: View, written: Written) -> None:
    unmoved = {c: replace(r, shift_s=None, shift_class=None) for c, r in view.reasons.items()}
    said = read_data(written(replace(view, reasons=unmoved)))["reasons"]
    for target, reasons in unmoved.items():
        assert said[target]["what_if"] == what_if(reasons)


def test_ecg_is_the_record_around_the_beat(view: View, written: Written) -> None:
    data = read_data(written(view))
    _, _, filtered = data["figures"]["ecg"]["data"]
    places = np.rint(np.array(filtered["x"]) * view.record.fs).astype(int)
    np.testing.assert_allclose(filtered["y"], view.signal[places], atol=1e-4)
    place = int(np.argmin(np.abs(np.array(filtered["x"]) - view.r_peaks[BEAT])))
    assert filtered["customdata"][place].startswith(f"00:00:0{view.r_peaks[BEAT]:.2f}"[:10])
    letters = [a["text"] for a in data["figures"]["ecg"]["layout"]["annotations"]]
    assert {"<b>V</b>", "<b>N</b>", "<b>N</b> (A)", "<b>N</b> (F)"} < set(letters)
    waves = {"P", "QRS", "ST", "T"}
    assert waves <= {text.strip("()") for text in letters}
    assert data["figures"]["ecg"]["layout"]["yaxis"]["scaleratio"] == pytest.approx(0.4)
    start, fs = data["segment"]["start"], data["segment"]["fs"]
    np.testing.assert_allclose(
        data["dots"]["place"], (np.array(data["dots"]["x"]) - start) * fs, atol=0.01
    )
    assert min(data["dots"]["place"]) >= 0 and max(data["dots"]["place"]) <= SETTINGS.length - 1


def test_tachogram_marks_the_beat(view: View, written: Written) -> None:
    (trace,) = read_data(written(view))["figures"]["tachogram"]["data"]
    np.testing.assert_allclose(trace["y"], view.beats.rr_pre[1:], rtol=1e-6)
    marked = [i for i, s in enumerate(trace["marker"]["symbol"]) if s == "diamond"]
    assert marked == [BEAT - 1]  # nothing comes before the first beat
    assert "not classified" in trace["customdata"][-1] and "reference N" in trace["customdata"][-1]


def test_names_from_a_file_are_text(view: View, written: Written) -> None:
    symbols = view.symbols.astype(object)
    symbols[[4, BEAT]] = HOSTILE
    record = replace(view.record, name=HOSTILE + "{{data}}", lead=HOSTILE, units=HOSTILE)
    page = written(replace(view, record=record, symbols=symbols, notes=(HOSTILE,)))
    assert HOSTILE not in page
    assert [tag for tag, _ in Tags(page).tags].count("script") == 3
    assert HOSTILE in unescape(re.search("<title>(.*)</title>", page)[1])
    data = read_data(page)
    assert HOSTILE in data["where"] and data["notes"] == [HOSTILE]
    # plotly reads tags in its text
    assert "<script" not in json.dumps(data["figures"]) and "&lt;script" in json.dumps(
        data["figures"]
    )
    assert data["mv_per_second"] is None  # not in mV


def test_nan_is_no_json(view: View, written: Written) -> None:
    raw = view.record.signal.copy()
    raw[1000:1100] = np.nan
    nothing = Explanation(
        "lime", "E", np.full(SETTINGS.length, np.nan), np.full(len(RR_INPUTS), np.inf),
        np.array([-2, -1, 1]), np.zeros(3), np.zeros(3), view.explanations["lime", "E"].waves,
    )  # fmt: skip
    page = written(
        replace(
            view,
            record=replace(view.record, signal=raw),
            explanations=view.explanations | {("lime", "E"): nothing},
        )
    )
    found = read_data(page)
    assert None in found["figures"]["ecg"]["data"][0]["y"]
    assert set(found["explanations"]["lime"]["E"]["samples"]) == {None}


def test_record_without_annotation(view: View, written: Written) -> None:
    data = read_data(written(replace(view, symbols=None)))
    assert data["reference"] is None and not data["reference_differs"]
    letters = [a["text"] for a in data["figures"]["ecg"]["layout"]["annotations"]]
    assert "<b>V</b>" in letters and not any("(F)" in text for text in letters)


def test_first_beat(view: View, written: Written) -> None:
    probabilities = view.probabilities.copy()
    probabilities[0] = probabilities[BEAT]
    data = read_data(written(replace(view, beat=0, probabilities=probabilities)))
    assert data["neighbours"] == ["−2", "−1", "+1"]
    assert "diamond" not in data["figures"]["tachogram"]["data"][0]["marker"]["symbol"]


def test_unwritable_place(view: View, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_page(tmp_path / "file" / "page.html", view)
    with pytest.raises(InputError, match="is a folder"):
        write_page(tmp_path, view)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on PATH")
def test_page_in_a_browser(view: View, tmp_path: Path) -> None:
    """Hostile names, and a view chosen in the address: drawn, and no error in the console."""
    record = replace(view.record, name=HOSTILE, lead=HOSTILE)
    write_page(tmp_path / "page.html", replace(view, record=record))
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
            f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--v=0",
            "--dump-dom", f"{(tmp_path / 'page.html').as_uri()}#method=lime&class=S",
        ],
        capture_output=True, text=True, timeout=60, check=False, encoding="utf-8",
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    dom = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.S)
    assert f'id="sentence">{sentence(view.reasons["S"])}<' in dom
    assert "Evidence for S (LIME):" in dom and "The network says V." in dom
    assert "&lt;script&gt;alert(1)" in dom
    assert all(f'id="{name}" class="plot js-plotly-plot' in dom for name in ("ecg", "bars"))


def test_explain_all_is_explain_for_all(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remembered scores give what each explanation alone gives; without SHAP, which is slow."""
    names = {m: METHOD_NAMES[m] for m in ("grad-cam", "occlusion", "lime")}
    monkeypatch.setattr("arrhythmia.page.METHOD_NAMES", names)
    shape = NetworkSettings(run=3, filters=(4,), kernels=(5,), features=4, units=2)
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    classifier = Classifier(network, ModelSettings(SETTINGS, 3, 0))
    explanations, reasons = explain_all(classifier, view.beats, BEAT)
    assert list(explanations) == [(m, c) for m in names for c in BEAT_CLASSES]
    for method, target in (("lime", "N"), ("lime", "F"), ("grad-cam", "S")):
        found, alone = (
            explanations[method, target],
            explain(classifier, view.beats, BEAT, method, target),
        )
        assert (found.method, found.target_class) == (method, target)
        np.testing.assert_allclose(found.samples, alone.samples, atol=1e-5)
        np.testing.assert_allclose(found.rr, alone.rr, atol=1e-5)
    assert list(reasons) == list(BEAT_CLASSES)
    assert reasons["V"] == find_reasons(classifier, view.beats, BEAT, "V")
