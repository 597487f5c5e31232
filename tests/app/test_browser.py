"""Tests of the page in a browser: Debian's Chromium, driven by Playwright; nothing is fetched."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import wfdb
from app.conftest import csv
from axe_playwright_python.sync_playwright import Axe
from conftest import MakeRecord
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from waitress import create_server

from arrhythmia.app.reading import Reading
from arrhythmia.app.server import make_app

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium or google-chrome on PATH: the page is not opened"
    ),
]

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE_MS = 60_000
"""A machine that does much else is slow."""


@pytest.fixture(scope="module")
def address(excerpt: Reading) -> str:
    """Where the page is served."""
    first: Future = Future()
    first.set_result(excerpt)
    server = create_server(make_app(first).server, host="127.0.0.1", port=0, threads=8)
    Thread(target=server.run, daemon=True).start()
    return f"http://127.0.0.1:{server.effective_port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def sample(browser: Browser, address: str) -> Iterator[Page]:
    """The page with the sample. A test may go anywhere in it, and takes back what it decides."""
    with browser.new_context(viewport=WIDE, accept_downloads=True) as context:
        page, wrong = opened(context, address)
        yield page
        assert wrong == []


@pytest.fixture(scope="module")
def other(browser: Browser, address: str) -> Iterator[Page]:
    """The page of another visitor, who sends files."""
    with browser.new_context(viewport=WIDE) as context:
        page, wrong = opened(context, address)
        yield page
        assert wrong == []


def is_foreign(url: str, address: str) -> bool:
    return not url.startswith((address, "data:", "blob:"))


def opened(context: BrowserContext, address: str) -> tuple[Page, list[str]]:
    """The page in a new tab, and a list of what goes wrong in it."""
    page, wrong = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: wrong.append(r.url) if is_foreign(r.url, address) else None)
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto(address)
    expect(page.locator("h1")).to_have_text("ECG 208-excerpt")
    expect(page.locator("#strip .scatterlayer .trace")).to_have_count(2)
    expect(page.locator("#beat-words h3")).to_contain_text("beat 0")
    return page, wrong


def send(page: Page, *files: tuple[str, bytes]) -> None:
    page.locator("#file").set_input_files(
        [{"name": name, "mimeType": "", "buffer": content} for name, content in files]
    )


def expect_count(page: Page, letter: str, beats: int) -> None:
    shown = page.locator("#counts li", has=page.locator(f".c-{letter}")).locator("b")
    expect(shown).to_have_text(f" {beats}")


def download(page: Page, words: str) -> bytes:
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as started:
        page.locator("#outputs a", has_text=words).click()
    page.locator("summary", has_text="Download").click()
    return Path(started.value.path()).read_bytes()


def test_a_reader_works_through_the_sample(sample: Page, excerpt: Reading, tmp_path: Path) -> None:
    """Name a template, go to an event, explain a beat, undo, take the annotation home."""
    expect(sample.get_by_role("note")).to_contain_text("not a medical device")
    number = excerpt.named.in_order()[0]
    size, before = len(excerpt.named.templates[number]), excerpt.counts["V"]
    assert excerpt.named.class_of(number) != "V"

    sample.locator(f"[data-pick='{number}']").click()
    sample.locator("#templates [data-act=name][data-value=V]").click()
    told = re.compile(rf"template {number} named V: .*V {before} to {before + size}")
    expect(sample.locator("#status")).to_contain_text(told)
    expect_count(sample, "V", before + size)
    sample.locator("summary", has_text="Changes").click()
    expect(sample.locator("#log li")).to_have_count(1)

    event = sample.locator("#events-table tbody tr", has_text="trigeminy").first
    at = event.inner_text()[:8]
    event.get_by_role("button").click()
    expect(sample.locator("#beat-words h3")).to_contain_text(f"at {at}")
    expect(sample.locator("#heat .scatterlayer .trace").first).to_be_attached()

    sample.locator("#method").select_option("occlusion")
    sample.locator("#target").select_option("N")
    expect(sample.locator("#beat-words .warning")).to_contain_text("what would speak for N")
    expect(sample.locator("#bars")).to_have_attribute("aria-label", re.compile("^evidence for N: "))

    file = tmp_path / "sample.ai"
    file.write_bytes(download(sample, "WFDB annotation"))
    read = wfdb.rdann(str(tmp_path / "sample"), "ai")
    assert int(np.sum(np.array(read.symbol) == "V")) == before + size

    sample.locator("[data-act=undo]").click()
    expect(sample.locator("#status")).to_contain_text("taken back")
    expect_count(sample, "V", before)
    file.write_bytes(download(sample, "WFDB annotation"))
    read = wfdb.rdann(str(tmp_path / "sample"), "ai")
    assert int(np.sum(np.array(read.symbol) == "V")) == before


def test_templates_are_merged_and_limits_turned(sample: Page, excerpt: Reading) -> None:
    """Name one, merge it with another by key, go back; call more a pause, and go back."""
    templates, count = excerpt.named.templates, excerpt.counts["E"]
    one, two = sorted(excerpt.named.in_order()[:2])
    cards = sample.locator("[data-pick]")
    expect(cards).to_have_count(len(templates))
    sample.locator(f"[data-pick='{two}']").click()
    sample.locator("#templates [data-act=name][data-value=E]").click()
    expect_count(sample, "E", count + len(templates[two]))
    for number in (one, two):
        sample.locator(f"[data-pick='{number}']").click()
    sample.keyboard.press("m")
    expect(sample.locator("#status")).to_contain_text(f"{one}, {two} merged as template {one}")
    expect_count(sample, "E", count + len(templates[one]) + len(templates[two]))
    expect(cards).to_have_count(len(templates) - 1)
    expect(sample.locator("#log li").first).to_contain_text("merged")
    _undo(sample)
    expect_count(sample, "E", count + len(templates[two]))
    expect(cards).to_have_count(len(templates))
    _undo(sample)
    expect(sample.locator("#counts .c-E")).to_have_count(0)

    settings = sample.locator("summary", has_text="Settings")
    settings.click()
    pauses = sample.locator("#events-table td", has_text="pause of")
    usual = excerpt.facts["pauses"]
    expect(pauses).to_have_count(len(usual))
    longer = [event for event in usual if event["end_s"] - event["start_s"] >= 2.8]
    assert 0 < len(longer) < len(usual)
    limit, again = sample.locator("#set-pause_s"), sample.locator("#again")
    limit.fill("2,8")
    again.click()
    expect(sample.locator("#facts")).to_contain_text("Limits set by the reader: pause from 2.8 s")
    expect(pauses).to_have_count(len(longer))
    expect(limit).to_have_value("2.8")
    for letter, beats in excerpt.counts.items():
        if beats and letter != "?":
            expect_count(sample, letter, beats)
    limit.fill("")
    again.click()
    expect(pauses).to_have_count(len(usual))
    expect(sample.locator("#facts")).not_to_contain_text("Limits")
    settings.click()


def click(page: Page, figure: str, across: float) -> None:
    """Click on a figure, so far across it."""
    place = page.locator(figure)
    wide = place.bounding_box()["width"]
    place.click(position={"x": across * wide, "y": 80})


def test_files_are_opened(other: Page, pair: Path) -> None:
    send(other, *((p.name, p.read_bytes()) for p in (
        pair.with_suffix(".hea"), pair.with_suffix(".dat"))))  # fmt: skip
    expect(other.locator("h1")).to_have_text("ECG two")
    expect(other.locator("#strip .scatterlayer .trace")).to_have_count(3)  # two leads, the marks
    send(other, ("mine.csv", csv()))
    expect(other.locator("#ask")).to_be_visible()
    expect(other.locator("#ask-fs")).to_be_focused()
    other.keyboard.type("250")
    other.locator("#answer").click()
    expect(other.locator("h1")).to_have_text("ECG mine")
    expect(other.locator("#facts")).to_contain_text("250 Hz")
    expect(other.locator("#ask")).to_be_hidden()


def test_a_broken_file_gives_a_sentence_and_the_page_stays_usable(sample: Page) -> None:
    send(sample, ("broken.edf", b"0       " + b"x" * 600))
    expect(sample.get_by_role("alert")).to_contain_text("broken.edf")
    for do, place in (("-1", "beat 0 "), ("1", "beat 1 ")):
        sample.locator("#strip").focus()
        sample.keyboard.press("Home")
        sample.locator(f"[data-act=step][data-value='{do}']").click()
        expect(sample.locator("#beat-words h3")).to_contain_text(place)


def test_names_from_files_are_text(other: Page, make_record: MakeRecord, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    path = make_record(tmp_path, "evil", seconds=30, annotate=False)
    header = path.with_suffix(".hea").read_text()
    header = header.replace(" MLII", f" {hostile}").replace(" V1", " <b>other</b>")
    send(other, ("evil.hea", header.encode()), ("evil.dat", path.with_suffix(".dat").read_bytes()))
    expect(other.locator("h1")).to_have_text("ECG evil")
    expect(other.locator("#facts")).to_contain_text(hostile)
    expect(other.locator("#strip .annotation-text").first).to_contain_text("<img")
    assert other.locator("img[src=x]").count() == 0
    send(other, (f"{hostile}.csv", b"# 250 Hz, mV\n" + csv()))
    expect(other.locator("h1")).to_contain_text("img src=x onerror=alert(1)")
    assert other.locator("img[src=x]").count() == 0


def _undo(sample: Page) -> None:
    """Take back by key."""
    sample.keyboard.press("u")
    expect(sample.locator("#status")).to_contain_text("taken back")


def test_what_is_chosen_goes_along_when_the_sheet_is_drawn_anew(sample: Page) -> None:
    """A decision brings the cards into another order: the choice stays with its templates."""
    sample.locator("#beat").click()
    cards = sample.locator("[data-pick]")
    before = cards.evaluate_all("cards => cards.map((card) => card.dataset.key)")
    last = sample.locator(f"[data-key='{before[-1]}']")
    first = sample.locator(f"[data-key='{before[0]}']")
    first.click()
    # answers come late, so that cards are chosen before the sheet is drawn anew
    sample.evaluate(
        "() => { const quick = window.quick = window.fetch; window.fetch = async (...what) => {"
        " await new Promise((done) => setTimeout(done, 500)); return quick(...what); }; }"
    )
    sample.keyboard.press("s")
    first.focus()
    sample.keyboard.press("Space")
    last.click()
    expect(cards.first).not_to_have_attribute("data-key", before[0])
    pressed = sample.locator("[data-pick][aria-pressed=true]")
    keys = pressed.evaluate_all("cards => cards.map((card) => card.dataset.key)")
    assert sorted(keys) == sorted([before[0], before[-1]])
    expect(last).to_be_focused()
    sample.evaluate("window.fetch = window.quick")
    sample.keyboard.press("v")
    expect(sample.locator("#status")).to_contain_text("named V")
    expect(pressed).to_have_count(0)
    _undo(sample)
    _undo(sample)


def test_by_keyboard_alone(sample: Page, excerpt: Reading) -> None:
    first = sample.locator("a, button, input, select, summary, [tabindex]").first
    expect(first).to_have_class("skip")
    first.focus()
    sample.keyboard.press("Enter")
    sample.keyboard.press("Home")
    sample.keyboard.press("ArrowRight")
    expect(sample.locator("#beat-words h3")).to_contain_text("beat 1 ")
    sample.keyboard.press(".")
    expect(sample.locator("#status")).to_contain_text("at 00:00:")
    sample.keyboard.press("End")
    expect(sample.locator("#beat-words h3")).to_contain_text(f"beat {len(excerpt.letters) - 1} ")
    sample.keyboard.press("v")
    expect(sample.locator("#status")).to_contain_text("named V")
    _undo(sample)
    sample.locator("[data-pick]").first.focus()
    sample.keyboard.press("Space")
    sample.keyboard.press("s")
    expect(sample.locator("#status")).to_contain_text("named S")
    _undo(sample)
    sample.locator("#time").focus()
    sample.keyboard.type("0:02:00")
    sample.keyboard.press("Enter")
    expect(sample.locator("#status")).to_have_text("at 00:02:00.0")
    expect(sample.locator("#strip-words")).to_contain_text("ECG from 00:01:55.0")


def test_by_pointer(sample: Page) -> None:
    """A click on the strip chooses a beat; one on the overview goes to a moment."""
    sample.locator("#strip").focus()
    sample.keyboard.press("Home")
    expect(sample.locator("#beat-words h3")).to_contain_text("beat 0 ")
    click(sample, "#strip", 0.6)
    expect(sample.locator("#beat-words h3")).not_to_contain_text("beat 0 ")
    click(sample, "#overview", 0.5)
    expect(sample.locator("#strip-words")).to_contain_text("ECG from 00:02:")
    shown = sample.locator("#window")
    place, whole = shown.bounding_box(), sample.locator("#overview").bounding_box()
    assert abs(place["x"] + place["width"] / 2 - whole["x"] - whole["width"] / 2) < 40
    shown.evaluate("element => { element.style.width = '0.001%'; }")  # as in a day
    assert shown.bounding_box()["width"] >= 4  # it can still be seen


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_screen_needs_no_scrolling_sideways(
    browser: Browser, address: str, dark: bool
) -> None:
    scheme = "dark" if dark else "light"
    with browser.new_context(viewport=NARROW, color_scheme=scheme) as context:
        page, wrong = opened(context, address)
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert serious(page) == []
        assert wrong == []


def test_a_wide_screen_is_accessible(sample: Page) -> None:
    for summary in sample.locator("summary").all():
        summary.click()
    assert serious(sample) == []


def serious(page: Page) -> list[str]:
    """What axe-core finds, from serious upwards."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {[node['html'][:120] for node in fault['nodes'][:3]]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def test_a_program_that_was_stopped_is_no_endless_wait(browser: Browser, address: str) -> None:
    with browser.new_context(viewport=WIDE) as context:
        page, _ = opened(context, address)
        page.route("**/status", lambda route: route.abort())
        send(page, ("mine.csv", b"# 250 Hz, mV\n" + csv()))
        expect(page.locator("#error")).to_contain_text("is it stopped?")
        expect(page.locator("#progress")).to_be_hidden()


def test_the_live_view_plays_and_calls(
    browser: Browser, address: str, make_record: MakeRecord, tmp_path: Path
) -> None:
    path = make_record(tmp_path, "pause", seconds=40, annotate=False)
    record = wfdb.rdrecord(str(path))
    signals = record.p_signal
    signals[15 * record.fs : 21 * record.fs] = 0.004 * np.sin(np.arange(6 * record.fs))[:, None]
    wfdb.wrsamp(
        "pause", record.fs, record.units, record.sig_name, signals, fmt=record.fmt,
        write_dir=str(tmp_path),
    )  # fmt: skip
    with browser.new_context(viewport=WIDE) as context:
        page, wrong = opened(context, address)
        files = [(f"pause{s}", path.with_suffix(s).read_bytes()) for s in (".hea", ".dat")]
        send(page, *files)
        expect(page.locator("h1")).to_have_text("ECG pause")
        page.locator("#strip").focus()
        page.keyboard.press("l")
        page.locator("#live-speed").select_option("4")
        words = page.locator("#live-words")
        expect(words).to_contain_text(re.compile(r"\d+/min, last beats N"))
        expect(page.locator("#live-alarms")).to_contain_text("asystole")
        drawn = "document.getElementById('live-ecg').getContext('2d').getImageData(0, 0, 800, 90)"
        assert page.evaluate(f"{drawn}.data.some((value) => value > 0)")
        assert serious(page) == []
        assert page.evaluate("window.scrollY") == 0
        expect(page.locator("#live-alarm")).to_be_in_viewport()
        page.reload()  # it goes on
        expect(page.locator("#live-alarms")).to_contain_text("asystole")
        expect(words).to_contain_text("last beats")
        page.locator("#live-alarm").get_by_role("button").click()
        expect(page.locator("#live-alarms")).not_to_contain_text("asystole")
        expect(page.locator("#live-events li", has_text="asystole begins")).to_have_count(1)
        page.locator("#strip").focus()
        page.keyboard.press("l")
        expect(words).to_contain_text("stopped at")
        expect(page.locator("#live-stop")).to_be_disabled()
        send(page, *files)
        expect(page.locator("h1")).to_have_text("ECG pause")
        assert wrong == []


def test_two_browsers_are_two_visitors(sample: Page, other: Page) -> None:
    send(other, ("mine.csv", b"# 250 Hz, mV\n" + csv()))
    expect(other.locator("h1")).to_have_text("ECG mine")
    other.reload()
    sample.reload()
    expect(other.locator("h1")).to_have_text("ECG mine")
    expect(sample.locator("h1")).to_have_text("ECG 208-excerpt")


def test_a_report_is_downloaded(sample: Page) -> None:
    assert download(sample, "report").startswith(b"%PDF")
    assert io.BytesIO(download(sample, "table of beats")).readline().startswith(b"sample,time,")
