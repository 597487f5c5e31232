"""Tests of `arrhythmia.reasons`: what was measured, what would change the class, the words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import MakeRecord
from test_explanation import RUN, SETTINGS

from arrhythmia.beats import Beats, find_beats, median_around
from arrhythmia.classifier import Classifier, ModelSettings
from arrhythmia.explanation import explain
from arrhythmia.model import NetworkSettings, build_network
from arrhythmia.reasons import Reasons, evidence_words, find_reasons, sentence, what_if
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS

N, S, V, E, F = range(5)
SYMBOLS = "NNNNNNNNNNNNANNNNNNNVNNNNNNNNN"


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Beats:
    path = make_record(tmp_path_factory.mktemp("record"), symbols=SYMBOLS, seed=3)
    return find_beats(read_record(path), SETTINGS)


def clock(limit: float) -> Classifier:
    """A network that calls S what comes earlier than a part of the local RR interval, else N."""
    shape = NetworkSettings(RUN, (2,), (3,), features=2, units=2)
    network = build_network(SETTINGS.length, len(RR_INPUTS), shape)
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])

    def change(name: str, places: dict, bias: dict) -> None:
        weights = network.get_layer(name).get_weights()
        for place, value in places.items():
            weights[0][place] = value
        for place, value in bias.items():
            weights[1][place] = value
        network.get_layer(name).set_weights(weights)

    local = 2 + RR_INPUTS.index("rr_pre / median of the 21 beats around")
    change("together", {(local, 0): -10.0}, {0: 10.0})  # 10 - 10 log(rr_pre / local), positive
    change("scores", {(0, S): 1.0}, {N: 10 - 10 * np.log(limit), V: -9.0, E: -9.0, F: -9.0})
    return Classifier(network, ModelSettings(SETTINGS, RUN, 0))


def test_early_and_pause_and_width_are_measured(beats: Beats) -> None:
    classifier = clock(0.8)
    early, wide = find_reasons(classifier, beats, 12), find_reasons(classifier, beats, 20)
    assert early.early == pytest.approx(0.35, abs=0.08)
    assert early.qrs_likeness > 0.95
    assert abs(early.qrs_s - early.usual_qrs_s) < 0.01
    assert wide.early == pytest.approx(0.40, abs=0.08)
    assert wide.cycle == pytest.approx((0.6 + 1.35) / 2, abs=0.06)
    assert wide.qrs_s > early.usual_qrs_s + 0.05
    assert wide.qrs_likeness < 0.95


@pytest.mark.parametrize("limit", [0.75, 0.85, 0.9])
def test_the_smallest_move_is_the_one_that_is_needed(beats: Beats, limit: float) -> None:
    reasons = find_reasons(clock(limit), beats, 12)
    assert reasons.target_class == "S"
    around = median_around(beats.rr_pre)[12]
    needed = limit * around - beats.rr_pre[12]
    assert reasons.shift_class == "N"
    assert needed - 0.005 <= reasons.shift_s <= needed + 0.03  # the beat bears on the median
    assert f"would be N had it come {reasons.shift_s:.2f} s later" in what_if(reasons)


def test_a_normal_beat_would_have_to_come_earlier(beats: Beats) -> None:
    reasons = find_reasons(clock(0.8), beats, 5)
    assert (reasons.target_class, reasons.shift_class) == ("N", "S")
    around = median_around(beats.rr_pre)[5]
    assert reasons.shift_s == pytest.approx(0.8 * around - beats.rr_pre[5], abs=0.03)
    assert reasons.without_qrs is None
    assert f"{-reasons.shift_s:.2f} s earlier" in what_if(reasons)[0]


def test_the_first_and_the_last_beat_are_not_moved(beats: Beats) -> None:
    for beat in (0, len(beats) - 1):
        reasons = find_reasons(clock(0.8), beats, beat)
        assert reasons.shift_s is None
        assert reasons.reach_s == 0
        assert what_if(reasons)[0].startswith("at the edge of the record")


def test_a_class_that_the_beat_does_not_have_is_not_claimed(beats: Beats) -> None:
    reasons = find_reasons(clock(0.8), beats, 12, "V")
    assert (reasons.target_class, reasons.called) == ("V", "S")
    assert sentence(reasons).startswith("For V: QRS as usual")
    assert what_if(reasons)[0].startswith("is S, would be N had it come ")


def test_a_class_that_no_move_changes_is_told_so(beats: Beats) -> None:
    reasons = find_reasons(clock(1e-3), beats, 12)
    assert reasons.shift_s is None
    assert 0.3 < reasons.reach_s <= 0.6
    assert what_if(reasons)[0].endswith("makes it other than N")


def test_what_timing_alone_decides_is_lost_without_it_and_not_without_the_qrs(
    beats: Beats,
) -> None:
    reasons = find_reasons(clock(0.8), beats, 12)
    assert reasons.without_timing > 0.5
    assert reasons.without_qrs == pytest.approx(0, abs=1e-5)
    assert "p(S) loses 0 %" in what_if(reasons)[1]


WIDE = Reasons("V", "V", 0.16, 0.09, 0.3, 0.38, 1.0, 0.03, 0.9, 0.21, "N", 0.6, 0.9, 0.4)


def test_the_sentence_of_the_issue() -> None:
    assert sentence(WIDE) == (
        "Ventricular: QRS 0.16 s against this patient's usual 0.09 s, arrives 38 % early, "
        "full pause after."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"early": 0.02}, "arrives on time."),
        ({"early": -0.25}, "arrives 25 % late."),
        ({"cycle": 0.8}, "arrives 38 % early, no pause after."),
        ({"cycle": 0.9}, "a pause after that is not full."),
        ({"cycle": 1.3}, "more than a full pause after."),
        ({"irregularity": 0.2}, "in an irregular rhythm."),
        ({"irregularity": 0.2, "p_likeness": 0.1}, "irregular rhythm without P waves in common."),
        ({"p_likeness": 0.1}, "full pause after."),
        ({"qrs_s": 0.1}, "QRS of another shape than this patient's usual, 0.10 s wide"),
        ({"qrs_s": 0.1, "qrs_likeness": 0.99}, "QRS as usual for this patient (0.10 s)"),
    ],
)
def test_only_what_was_measured_is_said(changes: dict, words: str) -> None:
    assert words in sentence(replace(WIDE, **changes))


def test_classes_told_by_timing_begin_with_it() -> None:
    assert sentence(replace(WIDE, target_class="S", called="S")).startswith(
        "Supraventricular: arrives"
    )
    assert sentence(replace(WIDE, target_class="F", called="F")).startswith("Fusion: QRS")


def test_evidence_in_words_names_the_strongest_and_the_rhythm(beats: Beats) -> None:
    words = evidence_words(explain(clock(0.8), beats, 12, "occlusion", "S"))
    assert words.startswith("time of arrival 100 %")
    assert "(rhythm in all 100 %)" in words
    nothing = explain(clock(0.8), beats, 12, "occlusion", "S")
    nothing = replace(nothing, rr=0 * nothing.rr)
    assert evidence_words(nothing) == "nothing speaks for S"
