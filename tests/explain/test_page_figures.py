"""Tests of `arrhythmia.explain.page_figures`: ECG, bars and rhythm as plotly takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explain_cases import (
    BEAT,
    FLAT,
    hump,
    make_case,
    with_gap,
    with_pause,
    written_record,
)

from arrhythmia.drawing import MV_PER_SECOND, clock
from arrhythmia.explain.case import Case
from arrhythmia.explain.page_figures import (
    REACH_S,
    RHYTHM_REACH_S,
    around,
    bars_figure,
    ecg_figure,
    on_paper,
    plain,
    tachogram,
)
from arrhythmia.records import Record

LETTERS = "--NNNVNNN---"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return written_record(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def case(record: Record) -> Case:
    return make_case(record, BEAT, LETTERS)


def as_json(figure: object) -> dict:
    return json.loads(figure.to_json())


def annotations(case: Case) -> list[str]:
    return [a["text"] for a in as_json(ecg_figure(case))["layout"]["annotations"]]


# --- the ECG --------------------------------------------------------------------------------


def test_the_ecg_is_the_record_around_the_beat(case: Case) -> None:
    _, _, filtered = as_json(ecg_figure(case))["data"]
    places = np.rint(np.array(filtered["x"]) * case.record.fs).astype(int)
    np.testing.assert_allclose(filtered["y"], case.filtered[places], atol=1e-4)
    nearest = int(np.argmin(np.abs(np.array(filtered["x"]) - case.seconds)))
    assert filtered["customdata"][nearest] == clock(case.seconds, 3)
    assert filtered["meta"] == "mV"


def test_the_ecg_of_a_long_record_reaches_some_seconds_to_each_side(tmp_path: Path) -> None:
    case = make_case(written_record(tmp_path, "N" * 40), 20)
    times = as_json(ecg_figure(case))["data"][2]["x"]
    assert times[0] == pytest.approx(case.seconds - REACH_S, abs=0.01)
    assert times[-1] == pytest.approx(case.seconds + REACH_S, abs=0.01)


def test_letters_are_those_of_the_network_with_the_reference_where_it_differs(case: Case) -> None:
    assert {"<b>V</b>", "<b>N</b>", "<b>N</b> (A)", "<b>N</b> (F)"} < set(annotations(case))


def test_a_record_without_annotation_has_no_reference_letters(case: Case) -> None:
    beats = replace(case.beats, symbol=np.full(len(case.beats), ""))
    letters = annotations(replace(case, beats=beats))
    assert "<b>V</b>" in letters
    assert not any("(F)" in text or "(A)" in text for text in letters)


@pytest.mark.parametrize(("p_seen", "t_seen"), [(True, True), (False, True), (True, False)])
def test_waves_are_named_in_brackets_where_not_seen(
    record: Record, p_seen: bool, t_seen: bool
) -> None:
    texts = annotations(make_case(record, evidence=hump(p_seen=p_seen, t_seen=t_seen)))
    named = {text for text in texts if text.strip("()") in ("P", "PR", "QRS", "ST", "T")}
    assert named == {"P" if p_seen else "(P)", "PR", "QRS", "ST", "T" if t_seen else "(T)"}


def test_a_beat_that_cannot_be_read_has_no_waves(record: Record) -> None:
    case = make_case(record, problems={BEAT: FLAT})
    assert not {"P", "QRS", "T"} & {text.strip("()") for text in annotations(case)}
    assert "<b>?</b> (V)" in annotations(case)
    assert "shapes" not in as_json(ecg_figure(case))["layout"]


@pytest.mark.slow
@pytest.mark.parametrize("units", ["mV", "uV", "µV"])
def test_voltages_are_drawn_on_paper_ruled_in_mv(record: Record, case: Case, units: str) -> None:
    factor = 1.0 if units == "mV" else 1e3
    converted = replace(record, signals=record.signals * factor, units=(units, units))
    in_units = make_case(converted, BEAT, LETTERS)
    assert on_paper(in_units)
    layout = as_json(ecg_figure(in_units))["layout"]
    assert layout["yaxis"]["scaleratio"] == pytest.approx(1 / MV_PER_SECOND)
    assert layout["yaxis"]["title"]["text"] == "mV"
    shown = as_json(ecg_figure(in_units))["data"][2]["y"]
    np.testing.assert_allclose(shown, as_json(ecg_figure(case))["data"][2]["y"], atol=1e-4)


def test_other_units_are_not_ruled_in_mv(record: Record) -> None:
    case = make_case(replace(record, units=("NU", "NU")))
    layout = as_json(ecg_figure(case))["layout"]
    assert not on_paper(case)
    assert "scaleratio" not in layout["yaxis"]
    assert layout["yaxis"]["title"]["text"] == "NU"


def test_units_from_a_file_are_no_tags(case: Case) -> None:
    hostile = replace(case, lead=replace(case.lead, units="<b>mV</b>"))
    assert "<b>mV" not in ecg_figure(hostile).to_json()


# --- the rhythm -----------------------------------------------------------------------------


def test_the_tachogram_marks_the_beat(case: Case) -> None:
    (trace,) = as_json(tachogram(case))["data"]
    np.testing.assert_allclose(trace["y"], np.diff(case.r_peaks), rtol=1e-6)
    marked = [i for i, s in enumerate(trace["marker"]["symbol"]) if s == "diamond"]
    assert marked == [BEAT - 1]  # nothing comes before the first beat
    assert "not classified" in trace["customdata"][-1]
    assert "reference N" in trace["customdata"][-1]
    assert "this beat" in trace["customdata"][BEAT - 1]
    assert "predicted V" in trace["customdata"][BEAT - 1]


def test_the_tachogram_of_the_first_beat_marks_none(record: Record) -> None:
    (trace,) = as_json(tachogram(make_case(record, 0)))["data"]
    assert "diamond" not in trace["marker"]["symbol"]


def test_a_pause_of_six_seconds_is_drawn_as_one(tmp_path: Path) -> None:
    record = with_pause(written_record(tmp_path, "N" * 16), 7, 5.2)
    figure = as_json(tachogram(make_case(record, 8)))
    assert max(figure["data"][0]["y"]) == pytest.approx(6.0, abs=0.1)
    assert figure["layout"]["yaxis"]["range"][1] > 6.0
    assert "RR before 6.0" in figure["data"][0]["customdata"][7]


def test_a_gap_breaks_the_line_of_the_tachogram(record: Record) -> None:
    whole = make_case(record)
    middle = whole.r_peaks[8] + 0.35
    case = make_case(with_gap(record, middle - 0.15, middle + 0.15))
    values = as_json(tachogram(case))["data"][0]["y"]
    assert values[8] is None  # the interval that ends at beat 9
    assert values.count(None) == 1
    assert "RR before" not in as_json(tachogram(case))["data"][0]["customdata"][8]


def test_the_tachogram_reaches_half_a_minute_to_each_side(tmp_path: Path) -> None:
    case = make_case(written_record(tmp_path, "N" * 120), 60)
    times = np.array(as_json(tachogram(case))["data"][0]["x"])
    assert np.abs(times - case.seconds).max() <= RHYTHM_REACH_S
    assert np.abs(times - case.seconds).max() > RHYTHM_REACH_S - 1.5


# --- the rest -------------------------------------------------------------------------------


def test_bars_are_left_to_the_page() -> None:
    (bars,) = as_json(bars_figure())["data"]
    assert (bars["type"], bars["x"], bars["y"]) == ("bar", [], [])


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1 / 3, 0.3333333), (np.nan, None), (np.inf, None), (np.array([1.0, np.nan]), [1.0, None]),
        (np.array([[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]]),
    ],
)  # fmt: skip
def test_plain_numbers_hold_neither_nan_nor_infinity(value: object, wanted: object) -> None:
    assert plain(value) == wanted


def test_samples_around_a_beat_stay_inside_the_record(case: Case) -> None:
    assert around(case, 100.0) == (0, len(case.filtered))
    first, last = around(case, 1.0)
    assert first / case.record.fs == pytest.approx(case.seconds - 1, abs=0.01)
    assert last / case.record.fs == pytest.approx(case.seconds + 1, abs=0.01)
