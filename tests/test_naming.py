"""Tests of `arrhythmia.naming` and `arrhythmia.sheet`: a reader names templates, and is obeyed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from conftest import MakeRecord, error_line

from arrhythmia.__main__ import main
from arrhythmia.beats import Beats, find_beats
from arrhythmia.classifier import Classifier
from arrhythmia.naming import Decisions, Named, decide_anew, decisions_file, name_templates
from arrhythmia.records import Record, read_record
from arrhythmia.sheet import draw_sheet, mean_beats, template_table
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import TemplateSettings

SETTINGS = TemplateSettings()
SYMBOLS = "NNNNVNNANN" * 12
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Path:
    return make_record(tmp_path_factory.mktemp("naming"), symbols=SYMBOLS, seed=5)


@pytest.fixture(scope="module")
def record(path: Path) -> Record:
    return read_record(path)


@pytest.fixture(scope="module")
def beats(record: Record) -> Beats:
    return find_beats(record, BeatSettings())


@pytest.fixture(scope="module")
def classifier(tiny_classifier: Classifier) -> Classifier:
    return Classifier(
        tiny_classifier.network, replace(tiny_classifier.settings, templates=SETTINGS)
    )


def test_a_named_template_is_the_readers_and_certain(classifier: Classifier, beats: Beats) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    number = named.templates.number[4]
    assert named.by(number) == "model"
    decisions = decide_anew(named, Decisions(), [(number, "F")], [])
    after = name_templates(beats, classifier.decide(beats), decisions)
    members = named.templates[number].beats
    assert (after.classes[members] == "F").all()
    np.testing.assert_array_equal(np.flatnonzero(after.by_reader), members)
    assert (after.class_of(number), after.by(number), after.certainty(number)) == ("F", "reader", 1)
    assert after.expected_wrong(number) == 0
    others = np.delete(np.arange(len(beats)), members)
    np.testing.assert_array_equal(after.classes[others], named.classes[others])


def test_a_later_name_is_the_one_that_counts(classifier: Classifier, beats: Beats) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    decisions = decide_anew(named, Decisions(), [(1, "V"), (1, "S")], [])
    assert name_templates(beats, classifier.decide(beats), decisions).class_of(1) == "S"


def test_a_split_makes_one_template_more_and_keeps_the_numbers(
    classifier: Classifier, beats: Beats
) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    before = named.templates
    decisions = decide_anew(named, Decisions(), [], [1])
    after = name_templates(beats, classifier.decide(beats), decisions).templates
    assert len(after) == len(before) + 1
    apart = np.flatnonzero(after.number == len(after))
    assert 0 < len(apart) <= len(before[1]) / 2
    assert set(apart) < set(before[1].beats)
    kept = np.delete(np.arange(len(beats)), apart)
    np.testing.assert_array_equal(after.number[kept], before.number[kept])


def merged(named: Named, decisions: Decisions, *numbers: int) -> tuple[Named, Decisions]:
    """Templates after a merge, and the decisions."""
    decisions = decide_anew(named, decisions, [], [], [numbers])
    return name_templates(named.templates.beats, named.decision, decisions), decisions


@pytest.mark.parametrize("numbers", [(1, 2), (3, 1), (2, 4, 5), (5, 2, 5)])
def test_a_merge_keeps_the_lowest_number_and_the_others_close_up(
    classifier: Classifier, beats: Beats, numbers: tuple[int, ...]
) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    before = named.templates.number
    assert before.max() >= 5
    after, _ = merged(named, Decisions(), *numbers)
    gone = np.array(sorted(set(numbers))[1:])
    wanted = np.where(np.isin(before, numbers), min(numbers), before)
    wanted -= np.searchsorted(gone, wanted)
    np.testing.assert_array_equal(after.templates.number, wanted)
    np.testing.assert_array_equal(after.classes, named.classes)  # a merge alone names nothing
    assert not after.by_reader.any()


def test_splits_and_merges_hold_in_their_order(classifier: Classifier, beats: Beats) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    count = len(named.templates)
    once, decisions = merged(named, Decisions(), 1, 2)
    decisions = decide_anew(once, decisions, [], [1])
    twice = name_templates(beats, classifier.decide(beats), decisions)
    assert len(twice.templates) == count
    back, decisions = merged(twice, decisions, 1, count)
    np.testing.assert_array_equal(back.templates.number, once.templates.number)
    assert len(decisions.groups) == 3


def test_a_name_given_before_goes_to_all_that_is_merged(
    classifier: Classifier, beats: Beats
) -> None:
    plain = name_templates(beats, classifier.decide(beats), Decisions())
    one, two, three = (plain.templates[number].beats for number in (1, 2, 3))
    decisions = decide_anew(plain, Decisions(), [(2, "F")], [])
    decisions = decisions.with_name(beats.centers[one[:1]], "E")  # a beat named by itself keeps it
    named = name_templates(beats, classifier.decide(beats), decisions)
    after, decisions = merged(named, decisions, 1, 2)
    assert (after.class_of(1), after.by(1)) == ("F", "reader")
    assert after.classes[one[0]] == "E"
    assert set(after.classes[[*one[1:], *two]]) == {"F"}
    np.testing.assert_array_equal(after.classes[three], plain.classes[three])
    assert not after.by_reader[three].any()
    np.testing.assert_array_equal(np.flatnonzero(after.by_reader), np.sort([*one, *two]))


def test_a_name_given_at_the_same_time_counts_too(classifier: Classifier, beats: Beats) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    decisions = decide_anew(named, Decisions(), [(3, "E")], [], [[2, 3]])
    after = name_templates(beats, classifier.decide(beats), decisions)
    assert (after.class_of(2), after.by(2)) == ("E", "reader")
    line = error_line(
        lambda: decide_anew(named, Decisions(), [(1, "V"), (3, "E")], [], [[1, 2, 3]])
    )
    assert "templates were named differently (1 V, 3 E): name them alike, then merge" in line


def test_a_merge_holds_where_beats_are_detected(
    classifier: Classifier, record: Record, beats: Beats
) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    after, decisions = merged(named, Decisions(), 1, 2)
    detected = find_beats(record, BeatSettings(), source="detect")
    there = name_templates(detected, classifier.decide(detected), decisions)
    together = after.templates[1].beats
    places = np.searchsorted(detected.centers, beats.centers[together] - 0.1)
    numbers = np.bincount(there.templates.number[np.minimum(places, len(detected) - 1)])
    assert numbers.max() >= len(together) - 2


def test_a_file_written_before_there_were_merges_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.templates.json"
    file.write_text('{"named": [], "splits": [[1.5, 2.25]]}')
    assert Decisions.load(file) == Decisions().with_group([1.5, 2.25])


def test_decisions_are_read_back_as_written(tmp_path: Path) -> None:
    decisions = Decisions().with_name(np.array([5.1234, 9]), "V").with_group([7.25])
    file = tmp_path / "a" / "x.templates.json"
    decisions.save(file)
    assert Decisions.load(file) == decisions
    assert decisions.named == (("V", (5.123, 9.0)),)
    assert Decisions.load(tmp_path / "none") == Decisions()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"named": [{"class": "Z", "times": [1]}], "splits": []}',
             '{"named": [], "splits": [["a"]]}', '{"named": [], "splits": [[Infinity]]}',
             '{"named": [], "splits": [3]}', '{"named": [], "groups": [3]}',
             '{"named": [], "groups": null, "splits": []}'],
)  # fmt: skip
def test_a_damaged_file_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.templates.json"
    file.write_text(text)
    line = error_line(lambda: Decisions.load(file))
    assert str(file) in line and "damaged" in line


def test_bad_decisions_name_their_value(classifier: Classifier, beats: Beats) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    last = len(named.templates)
    for names, splits, merges, wanted in (
        ([(last + 1, "V")], [], [], f"no template {last + 1}: they are 1 to {last}"),
        ([(1, "X")], [], [], "no class 'X' for template 1"),
        ([], [0], [], "no template 0"),
        ([], [], [[1, last + 1]], f"no template {last + 1}: they are 1 to {last}"),
        ([], [], [[2, 2]], "template 2 needs another to be merged with: choose two"),
        ([], [], [[1, 2], [2, 3]], "template 2 can be split or merged only once at a time"),
        ([], [1], [[1, 2]], "template 1 can be split or merged only once at a time"),
    ):
        asked = (named, Decisions(), names, splits, merges)
        assert wanted in error_line(lambda asked=asked: decide_anew(*asked))


def test_the_table_has_the_most_doubtful_first(
    classifier: Classifier, record: Record, beats: Beats
) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    means = mean_beats(record, named, BeatSettings())
    table = template_table(named, means)
    assert table["beats"].sum() == len(beats)
    assert table["expected_wrong"].is_monotonic_decreasing
    assert list(means) == ["MLII", "V1"]
    row = table[table["class"] == "V"].iloc[0]
    mean = np.array(row["mean_MLII"].split(), dtype=float)
    assert len(mean) == BeatSettings().length
    assert np.ptp(mean) == pytest.approx(2.3, abs=0.8)  # mV, as the beats were written
    figure = draw_sheet(record, named, means, BeatSettings())
    assert len(figure.axes) == len(named.templates)
    titles = " ".join(ax.get_title() for ax in figure.axes)
    for number in range(1, len(named.templates) + 1):
        size = len(named.templates[number])
        assert f"{number} · {named.class_of(number)} · {size} beat" in titles


@pytest.mark.parametrize(("units", "factor"), [("adu", 200.0), ("uV", 1000.0)])
def test_a_sheet_in_any_units(
    classifier: Classifier, record: Record, beats: Beats, units: str, factor: float
) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    other = replace(record, signals=factor * record.signals, units=(units,) * len(record.units))
    means = mean_beats(other, named, BeatSettings())
    figure = draw_sheet(other, named, means, BeatSettings())
    assert figure.get_figheight() < 40
    in_mv = units == "uV"
    assert ("10 mm/mV" if in_mv else "in adu") in figure.get_suptitle()
    height = np.ptp(means["MLII"][0][0])
    assert height == pytest.approx(np.ptp(mean_beats(record, named, BeatSettings())["MLII"][0][0])
                                   * (1 if in_mv else factor), rel=1e-6)  # fmt: skip
    for ax in figure.axes:
        assert [text.get_text() for text in ax.get_yticklabels()] == ["MLII", "V1"]


def test_a_name_reaches_no_beat_that_is_near(classifier: Classifier, beats: Beats) -> None:
    centers = beats.centers.copy()
    centers[5] = centers[4] + 0.03  # a beat marked twice
    twice = replace(beats, centers=centers)
    decisions = Decisions().with_name(centers[[4]], "F")
    classes, by_reader = decisions.classes(twice, np.full(len(beats), "N"))
    assert list(np.flatnonzero(by_reader)) == [4]
    assert classes[4] == "F"


def test_a_folder_of_decisions_that_is_not_there_is_an_error(path: Path, capsys: Capture) -> None:
    assert main(["annotate", str(path), "--decisions", str(path / "none")]) == 2
    assert f"no folder '{path / 'none'}'" in capsys.readouterr().err


def test_decisions_hold_where_beats_are_detected_and_lost_ones_are_told(
    classifier: Classifier, record: Record, beats: Beats
) -> None:
    named = name_templates(beats, classifier.decide(beats), Decisions())
    number = named.templates.number[4]
    decisions = decide_anew(named, Decisions(), [(number, "F")], [])
    detected = find_beats(record, BeatSettings(), source="detect")
    after = name_templates(detected, classifier.decide(detected), decisions)
    assert abs(after.by_reader.sum() - len(named.templates[number])) <= 1
    assert decisions.notes(beats) == ()
    some = replace(beats, centers=beats.centers + 1e6)
    (note,) = decisions.notes(some)
    size = len(named.templates[number])
    assert f"{size} of {size} beats that a reader named are not among those found now" in note
    assert not decisions.classes(some, named.classes)[1].any()


@pytest.mark.slow
def test_annotate_obeys_what_a_reader_named(
    path: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    common = ["--decisions", str(tmp_path), "--model", str(tiny_model)]
    out = ["--output", str(tmp_path / "t.png"), "--csv", str(tmp_path / "t.csv")]
    assert main(["templates", str(path), "--name", "1=F", *common, *out]) == 0
    said = capsys.readouterr().out
    assert "annotate' obeys the names" in said and "sheet: " in said
    table = pd.read_csv(tmp_path / "t.csv")
    row = table[table["template"] == 1].iloc[0]
    assert (row["class"], row["by"]) == ("F", "reader")
    assert decisions_file(path, None, tmp_path).is_file()
    assert main(["annotate", str(path), "--output-dir", str(tmp_path), *common]) == 0
    assert f"{row['beats']} named by a reader" in capsys.readouterr().out
    written = wfdb.rdann(str(tmp_path / path.name), "ai")
    remarks = np.array([note.rstrip("\0") for note in written.aux_note])
    assert (remarks == "reader").sum() == row["beats"]
    assert set(np.array(written.symbol)[remarks == "reader"]) == {"F"}


@pytest.mark.slow
def test_templates_are_merged_by_the_command_too(
    path: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    common = [str(path), "--decisions", str(tmp_path), "--model", str(tiny_model)]
    common += ["--output", str(tmp_path / "t.png"), "--csv", str(tmp_path / "t.csv")]
    assert main(["templates", *common]) == 0
    before = pd.read_csv(tmp_path / "t.csv").set_index("template")
    assert main(["templates", *common, "--merge", "1,3", "--name", "3=F"]) == 0
    after = pd.read_csv(tmp_path / "t.csv").set_index("template")
    assert len(after) == len(before) - 1
    assert after.beats[1] == before.beats[1] + before.beats[3]
    assert (after["class"][1], after.by[1]) == ("F", "reader")
    assert list(after.beats.sort_index()[2:]) == list(before.beats.sort_index()[3:])
    assert main(["templates", *common, "--merge", f"1,{len(before)}"]) == 2
    assert f"there is no template {len(before)}" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["3", "3,", "3,x", ",", "3=7", "-1,2"])
def test_a_merge_must_be_numbers(path: Path, capsys: Capture, text: str) -> None:
    assert main(["templates", str(path), f"--merge={text}"]) == 2
    assert f"--merge must be like 3,7, got '{text}'" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["3", "=V", "x=V", "3="])
def test_a_name_must_be_a_number_and_a_class(path: Path, capsys: Capture, text: str) -> None:
    assert main(["templates", str(path), "--name", text]) == 2
    assert f"--name must be like 3=V, got '{text}'" in capsys.readouterr().err
