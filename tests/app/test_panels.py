"""Tests of `arrhythmia.app.beat`, ``sheet``, ``panels``, ``callbacks``: what is said and drawn."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from app.test_figures import renamed
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from arrhythmia.annotate.holter import beat_table
from arrhythmia.app import panels
from arrhythmia.app.beat import bars, heat_figure, template_beat
from arrhythmia.app.callbacks import done, explained, told
from arrhythmia.app.events import event_rows
from arrhythmia.app.layout import KEYS, NOTICE, layout
from arrhythmia.app.reading import Reading, begin
from arrhythmia.app.screen import Screen
from arrhythmia.app.session import Session
from arrhythmia.app.sheet import cards, drawing
from arrhythmia.app.strip import about_beat
from arrhythmia.explain.case import Case
from arrhythmia.explain.explanation import PARTS
from arrhythmia.explain.gather import explain_beat
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import Limits

SCREEN = Screen(800)


def text_of(shown: object) -> str:
    """All that is written in components of Dash."""
    if isinstance(shown, (list, tuple)):
        return " ".join(map(text_of, shown))
    if isinstance(shown, Component):
        return text_of(getattr(shown, "children", None))
    return "" if shown is None else str(shown)


@pytest.fixture(scope="module")
def case(excerpt: Reading) -> Case:
    beat = int(np.flatnonzero((excerpt.letters == "V") & ~excerpt.refer)[0])
    return excerpt.explain(beat, "occlusion", None)


# --- the beat -------------------------------------------------------------------------------------


def test_the_heat_is_that_of_the_explanation(excerpt: Reading, case: Case) -> None:
    figure = heat_figure(excerpt, case, SCREEN)
    dots = figure.data[1]
    assert max(dots.marker.color) == pytest.approx(1.0, abs=0.05)
    assert list(dots.marker.color) == sorted(dots.marker.color)  # the hottest on top
    hottest = dots.x[-1] - case.segment_start
    assert abs(round(hottest * case.beats.fs) - int(case.explanation.heat.argmax())) <= 1
    low, high = figure.layout.xaxis.range
    assert low < case.seconds < high


def test_the_template_beat_lies_under_the_beat_at_its_scale(excerpt: Reading) -> None:
    beats, normal = excerpt.analysis.beats, np.flatnonzero(excerpt.letters == "N")
    alike = [np.corrcoef(beats.segments[i], beats.template_beat)[0, 1] for i in normal]
    usual = int(normal[np.argmax(alike)])
    case = excerpt.explain(usual, "occlusion", None)
    x, y = template_beat(excerpt, case)
    drawn = np.interp(x, np.arange(len(case.filtered)) / case.record.fs, case.filtered)
    assert np.corrcoef(drawn, y)[0, 1] > 0.95
    assert np.ptp(y) == pytest.approx(np.ptp(drawn), rel=0.3)


def test_bars_are_the_parts_of_the_evidence(case: Case) -> None:
    figure = bars(case, SCREEN)
    assert list(figure.data[0].y) == list(PARTS)
    np.testing.assert_allclose(
        figure.data[0].x, [case.explanation.percent[part] for part in PARTS], atol=0.06
    )


def test_what_is_said_of_a_beat_is_what_predict_says(excerpt: Reading, case: Case) -> None:
    words = text_of(panels.beat_words(excerpt, case))
    assert case.sentence in words
    assert case.headline in words
    assert all(line in words for line in case.trust)
    assert "named by the reader" not in words
    again = excerpt.relabel(case.beat, "F")[0]
    assert "named by the reader" in text_of(panels.beat_words(again, case))
    assert len(re.findall(r"0\.\d\d|> 0.99|< 0.01", text_of(panels.probabilities(case)))) == 5


def test_the_choice_of_class_and_method_is_obeyed(session: Session) -> None:
    words, *_, label = explained(session, SCREEN, {"method": "occlusion", "target": "V"})
    assert "what would speak for V" in text_of(words)
    assert label.startswith("evidence for V: ")
    told_so, *rest = explained(session, SCREEN, {"method": "<b>"})
    assert told_so.startswith("no method '<b>'")
    assert len(rest) == 6


def test_an_explanation_that_came_too_late_is_dropped(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy:
        def __enter__(self) -> None:
            session.beat = 7

        def __exit__(self, *_: object) -> None:
            pass

    session.explaining = Busy()
    with pytest.raises(PreventUpdate):
        explained(session, SCREEN, None)


# --- templates ------------------------------------------------------------------------------------


def test_there_is_a_card_for_each_template_in_order(excerpt: Reading) -> None:
    shown = [card.children[0].to_plotly_json()["props"]["data-pick"] for card in cards(excerpt)]
    assert shown == [str(n) for n in excerpt.named.in_order()]
    first = excerpt.named.in_order()[0]
    assert f"{len(excerpt.named.templates[first])} beat" in text_of(cards(excerpt)[0])


def test_a_card_tells_the_classes_of_a_template_that_has_several(excerpt: Reading) -> None:
    for card, number in zip(cards(excerpt), excerpt.named.in_order(), strict=True):
        classes = excerpt.named.classes[excerpt.named.templates[number].beats]
        for letter in BEAT_CLASSES:
            told = f" {(classes == letter).sum()} {letter}" in text_of(card)
            assert told == (0 < (classes == letter).sum() < len(classes))


def test_drawings_are_pictures_and_names_in_them_text(two_leads: Reading) -> None:
    hostile = "<script>alert(1)</script>"
    limits = {name: (-1.0, 1.0) for name in two_leads.means}
    svg = drawing(two_leads, 1, limits)
    assert len(ElementTree.fromstring(svg).findall("{*}path[@class='l']")) == 2
    reading = renamed(two_leads, (hostile, "V1"))
    segments = dict(zip((hostile, "V1"), two_leads.segments.values(), strict=True))
    card = cards(replace(reading, segments=segments))[0]
    source = card.children[0].children[0].src
    drawn = base64.b64decode(source.partition("base64,")[2]).decode()
    assert "<script" not in drawn
    assert ElementTree.fromstring(drawn).find("{*}text").text == hostile


# --- the page -------------------------------------------------------------------------------------


def test_all_that_is_text_is_of_the_recording(session: Session) -> None:
    title, facts, counts, outputs, summary, settings, sheet, table, log = told(session)
    assert title == "ECG 208-excerpt"
    assert "00:05:00 long" in text_of(facts)
    assert "Note: record 208-excerpt" in text_of(facts)
    assert str(session.reading.counts["V"]) in text_of(counts)
    assert len(outputs) == len(panels.OUTPUTS)
    assert "Heart rate" in text_of(summary)
    assert "MLII" in text_of(settings)
    assert len(sheet) == len(session.reading.named.templates)
    rows = json.loads(getattr(table[0], "data-rows"))
    events = event_rows(session.reading)
    assert [row["what"] for row in rows] == [event.what for event in events]
    assert "trigeminy" in " ".join(row["what"] for row in rows)
    assert [row["beat"] for row in rows] == [event.first for event in events]
    assert "Nothing was changed" in text_of(log)


def test_what_is_done_is_told_with_a_new_version(session: Session) -> None:
    version = session.version
    count, changed, words = done(session, {"do": "relabel", "value": "V", "count": 3}, version)
    assert (count, changed) == (3, version + 1)
    assert words.startswith("beat at")
    _, changed, words = done(session, {"do": "step", "value": 1, "count": 4}, version + 1)
    assert changed is not version + 2
    assert words == ""
    assert done(session, "junk", 0)[2] == "the page knows no action ''"


def test_a_record_without_events_says_so(
    two_leads: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "event_rows", lambda _: [])
    session = Session()
    session.show(two_leads)
    assert "No event" in text_of(panels.events_table(session))


def test_the_page_says_what_it_is_and_which_keys_it_knows() -> None:
    words = text_of(layout())
    assert NOTICE in words
    assert all(keys in words for keys, _ in KEYS)


def test_what_is_known_of_a_recording_makes_no_other_explanation(excerpt: Reading) -> None:
    known = excerpt.explain(100, "occlusion", None)
    anew = explain_beat(
        excerpt.recording.classifier, excerpt.analysis.record, 100, method="occlusion"
    )
    assert (known.headline, known.sentences) == (anew.headline, anew.sentences)
    np.testing.assert_allclose(known.explanation.samples, anew.explanation.samples, atol=1e-5)


def test_limits_are_said_where_they_are_not_the_usual_ones(session: Session) -> None:
    assert "Limits" not in text_of(told(session)[1])
    reading = session.reading
    limits = Limits(2.5, 110, 0.2)
    turned = begin(reading.recording, replace(reading.settings, limits=limits))
    session.show(turned, keep=True)
    _, facts, _, _, summary, settings, *_, log = told(session)
    words = "pause from 2.5 s, tachycardia from 110/min, early from 20 %"
    for place in (facts, summary, log):
        assert words in text_of(place)
    fields = {f.id: f.value for f in found(settings, "Input")}
    assert fields == {"set-pause_s": "2.5", "set-tachycardia_per_min": "110", "set-premature": "20"}
    assert turned.counts == reading.counts
    assert {timing.premature for timing in turned.timings} == {0.2}


def found(shown: object, kind: str) -> list[Component]:
    """Components of a kind, in order."""
    if isinstance(shown, (list, tuple)):
        return [one for part in shown for one in found(part, kind)]
    if not isinstance(shown, Component):
        return []
    inside = found(getattr(shown, "children", None), kind)
    return [shown, *inside] if type(shown).__name__ == kind else inside


def test_one_probability_is_told_of_a_beat_everywhere(excerpt: Reading) -> None:
    """Calibrated: in the list of beats to look at, its reason, the table, and on the strip."""
    rows = beat_table(excerpt.analysis).set_index("sample")
    listed = {row.first: row.what for row in event_rows(excerpt) if row.what.startswith("least")}
    for beat in excerpt.facts["to_look_at"]:
        row = rows.loc[int(excerpt.analysis.beats.sample[beat["beat"]])]
        assert beat["probability"] == pytest.approx(row[f"c_{beat['class']}"], abs=1e-3)
        words = f"p {row['c_' + beat['class']]:.2f}"
        assert listed[beat["beat"]].endswith(words)
        assert words in about_beat(excerpt, beat["beat"])
