"""Tests of `arrhythmia.app.actions` and ``events``: what a visitor does, without a browser."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from app.conftest import wait_for
from conftest import error_line

from arrhythmia.app.actions import ACTIONS, SCALES, act
from arrhythmia.app.events import COLUMNS, event_rows, ordered
from arrhythmia.app.reading import Reading, Told, for_page
from arrhythmia.app.session import Session
from arrhythmia.drawing import clock
from arrhythmia.labels import BEAT_CLASSES


def is_seen(session: Session) -> bool:
    at = session.reading.analysis.beats.centers[session.beat]
    return bool(session.start <= at <= session.start + session.seconds)


def test_a_moment_is_shown_with_its_beat(session: Session) -> None:
    act(session, "go", 100.0)
    assert session.start == pytest.approx(95.0)
    centers = session.reading.analysis.beats.centers
    assert abs(centers[session.beat] - 100.0) == np.abs(centers - 100.0).min()
    assert act(session, "time", "0:02:00") == "at 00:02:00.0"
    assert session.start == pytest.approx(115.0)
    for far, start in ((-5, 0.0), (1e6, session.reading.analysis.record.seconds - 10)):
        act(session, "go", far)
        assert session.start == pytest.approx(start)


def test_steps_and_pages(session: Session) -> None:
    act(session, "go", 100.0)
    beat = session.beat
    act(session, "step", 1)
    assert session.beat == beat + 1
    act(session, "page", 1)
    assert session.start == pytest.approx(104.0)
    act(session, "move", -2.0)
    assert session.start == pytest.approx(102.0)
    act(session, "step", "-1")
    assert session.beat == beat
    assert is_seen(session)
    act(session, "end", 1)
    act(session, "step", 1)
    assert session.beat == len(session.reading.letters) - 1
    act(session, "end", -1)
    act(session, "step", -1)
    assert (session.beat, session.start) == (0, 0.0)


def test_another_scale_keeps_the_beat_in_sight(session: Session) -> None:
    act(session, "go", 200.0)
    for scale in SCALES:
        act(session, "scale", str(scale))
        assert session.seconds == scale
        assert is_seen(session)


def test_a_click_chooses_the_nearest_beat_and_moves_nothing(session: Session) -> None:
    act(session, "go", 100.0)
    start = session.start
    at = float(session.reading.analysis.beats.centers[session.beat + 3])
    act(session, "near", at + 0.02)
    assert session.reading.analysis.beats.centers[session.beat] == at
    assert session.start == start


def test_events_are_gone_through_in_order_of_time(session: Session) -> None:
    rows = event_rows(session.reading)
    seen = []
    while (words := act(session, "event", 1)) != "no later event":
        assert is_seen(session)
        seen.append(session.beat)
    starts = sorted({row.first for row in rows if row.start_s > 0.5})
    assert seen == [beat for beat in starts if beat > 0]
    assert words == "no later event"
    while act(session, "event", -1) != "no earlier event":
        assert session.beat == seen[-2] if len(seen) > 1 else True
        seen.pop()
    assert act(session, "event", -1) == "no earlier event"


def test_beats_to_look_at_are_gone_through(session: Session) -> None:
    places = np.flatnonzero(session.reading.refer)
    assert len(places) > 1
    for beat in places:
        words = act(session, "refer", 1)
        assert session.beat == beat
        assert words.startswith(f"beat {beat}: ")
    assert act(session, "refer", 1) == "no further beat to look at"
    act(session, "refer", -1)
    assert session.beat == places[-2]


def test_a_template_is_gone_through_in_a_circle(session: Session) -> None:
    number = session.reading.named.in_order()[0]
    beats = session.reading.named.templates[number].beats
    session.beat = int(beats[-1])
    assert act(session, "template", number) == f"template {number}: beat 1 of {len(beats)}"
    assert session.beat == beats[0]


def test_a_name_changes_counts_at_once_and_can_be_taken_back(session: Session) -> None:
    before, version = session.reading.counts, session.version
    first, second = session.reading.named.in_order()[:2]
    beats = np.concatenate([session.reading.named.templates[n].beats for n in (first, second)])
    words = act(session, "name", {"numbers": [first, second], "class": "E"})
    assert words.startswith(f"templates {first}, {second} named E: ")
    after = session.reading.counts
    assert after["E"] == before["E"] + len(beats[session.reading.analysis.assessable[beats]])
    assert set(session.reading.letters[beats]) == {"E"}
    assert session.version > version
    act(session, "relabel", "S")
    assert session.reading.letters[session.beat] == "S"
    assert "taken back: beat at" in act(session, "undo")
    assert session.reading.counts == after
    assert f"E {after['E']} to {before['E']}" in act(session, "undo")
    assert session.reading.counts == before
    assert act(session, "undo") == "there is nothing to take back"
    assert len(session.log) == 4


def test_a_split_makes_another_template(session: Session) -> None:
    templates = session.reading.named.templates
    number = int(np.bincount(templates.number).argmax())
    act(session, "split", [number])
    assert len(session.reading.named.templates) == len(templates) + 1
    act(session, "undo")
    np.testing.assert_array_equal(session.reading.named.templates.number, templates.number)


def test_a_merge_makes_templates_one_and_can_be_taken_back(session: Session) -> None:
    templates, counts = session.reading.named.templates, session.reading.counts
    one, two = sorted(session.reading.named.in_order()[:2])
    act(session, "name", {"numbers": [two], "class": "E"})
    named = session.reading.named
    letter, size = named.class_of(one), len(templates[one])
    assert letter != "E" and set(named.classes[templates[one].beats]) == {letter}
    words = act(session, "merge", [two, one])
    assert words.startswith(f"templates {two}, {one} merged as template {one}: ")
    assert f"{letter} {counts[letter]} to {counts[letter] - size}" in words
    assert session.log[-1].endswith(words)
    after = session.reading
    assert len(after.named.templates) == len(templates) - 1
    members = np.sort([*templates[one].beats, *templates[two].beats])
    np.testing.assert_array_equal(after.named.templates[one].beats, members)
    seen = int(after.analysis.assessable[members].sum())
    assert after.counts["E"] == counts["E"] + seen
    act(session, "undo")
    act(session, "undo")
    np.testing.assert_array_equal(session.reading.named.templates.number, templates.number)
    assert session.reading.counts == counts


def test_the_table_is_sorted_both_ways(session: Session) -> None:
    rows = event_rows(session.reading)
    assert len({row.what for row in rows}) > 3
    for column in COLUMNS:
        act(session, "sort", column)
        values = [getattr(r, column) for r in ordered(rows, session.by, session.descending)]
        known = [v for v in values if v == v]
        assert known == sorted(known, reverse=session.descending)
        assert all(v != v for v in values[len(known) :])
    assert act(session, "sort", session.by) == f"sorted by {COLUMNS[session.by]}, ascending"


def test_events_name_what_a_holter_report_counts(two_leads: Reading) -> None:
    rows = [row.what for row in event_rows(two_leads)]
    facts = two_leads.facts
    assert rows.count("ventricular couplet") == facts["ventricular"]["couplets"] > 0
    assert rows.count("longest ventricular run") == (facts["ventricular"]["runs"] > 0) == 1
    assert rows.count("ventricular bigeminy") > 0
    assert [r.start_s for r in event_rows(two_leads)] == sorted(
        r.start_s for r in event_rows(two_leads)
    )


@pytest.mark.parametrize(
    ("do", "value", "words"),
    [
        ("dance", None, "the page knows no action 'dance'"),
        ("go", None, "a number is missing"),
        ("go", "nan", "'nan' is no number"),
        ("go", [1], "a number is missing"),
        ("beat", True, "a number is missing"),
        ("time", "soon", "'soon' is not HH:MM:SS, MM:SS or seconds"),
        ("time", "9:00:00", "09:00:00 is after the end of the recording"),
        ("scale", 7, "the strip cannot show 7 s"),
        ("template", 0, "there is no template 0"),
        ("template", 1e9, "there is no template 1000000000"),
        ("name", None, "choose a template first"),
        ("name", {"numbers": [], "class": "V"}, "choose a template first"),
        ("name", {"numbers": [1], "class": "<b>"}, "no class '<b>' for template 1"),
        ("name", {"numbers": [99], "class": "V"}, "there is no template 99"),
        ("split", {"a": 1}, "choose a template first"),
        ("merge", [], "choose a template first"),
        ("merge", [1], "template 1 needs another to be merged with"),
        ("merge", [1, 99], "there is no template 99"),
        ("relabel", "Q", "no class 'Q': choose one of N, S, V, E, F"),
        ("sort", "__class__", "events cannot be sorted by '__class__'"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    session: Session, do: str, value: object, words: str
) -> None:
    before = (session.reading, session.version, session.start, session.beat, list(session.log))
    assert error_line(lambda: act(session, do, value)).startswith(words)
    assert before == (
        session.reading, session.version, session.start, session.beat, session.log
    )  # fmt: skip


def test_nothing_can_be_done_without_a_recording() -> None:
    for do in ACTIONS:
        assert error_line(lambda do=do: act(Session(), do, 1)) == "there is no recording yet"


def test_every_class_can_be_given(session: Session) -> None:
    for name in BEAT_CLASSES:
        assert act(session, "relabel", name).startswith(f"beat at {clock(0.35, 1)[:9]}")
        assert session.reading.letters[0] == name


def test_a_merge_of_templates_that_nobody_named_tells_what_is_in_it(session: Session) -> None:
    named, counts = session.reading.named, session.reading.counts
    first = {named.class_of(n): n for n in range(len(named.templates), 0, -1)}
    one, two = sorted((first["N"], first["V"]))
    words = act(session, "merge", [one, two])
    inside = named.classes[np.isin(named.templates.number, [one, two])]
    told = ", ".join(f"{(inside == c).sum()} {c}" for c in BEAT_CLASSES if (inside == c).any())
    assert f" merged as template {one} ({told}): " in words
    assert session.reading.classes_in(one) == told
    assert words.endswith("no count changes")
    assert session.reading.counts == counts


def test_what_is_decided_while_it_is_analysed_again_is_kept(
    session: Session, excerpt: Reading
) -> None:
    ready = Event()

    def work(_: Told) -> Reading:
        assert ready.wait(60)
        return excerpt

    session.run(work, keep=True)
    act(session, "go", 100.0)
    session.decide(*excerpt.relabel(session.beat, "F"))
    ready.set()
    wait_for(lambda: session.job is None)
    assert session.reading.analysis.by_reader[session.beat]
    assert session.reading.letters[session.beat] == "F"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("'a.csv' has no sampling rate: add --fs, such as --fs 250",
         "'a.csv' has no sampling rate: say below how many samples a second it has"),
        ("'a.csv' says no unit: taken as mV (--units names another)",
         "'a.csv' says no unit: taken as mV (Settings have others)"),
        ("lead II may be upside down (if its electrodes were swapped, add --invert II --invert V5)",
         "lead II may be upside down (if its electrodes were swapped, turn it over in Settings)"),
        ("lead II may be upside down (it was turned: leave out --invert II)",
         "lead II may be upside down (it was turned: turn it back in Settings)"),
        ("record mine has no lead II: using V5", "record mine has no lead II: using V5"),
    ],
)  # fmt: skip
def test_the_page_names_no_options_of_a_command(told: str, shown: str) -> None:
    assert for_page(told) == shown
