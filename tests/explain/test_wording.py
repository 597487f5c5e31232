"""Tests of `arrhythmia.explain.wording`: only what was measured is said, and once."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from explain_cases import REASONS, hump

from arrhythmia.explain.reasons import Move
from arrhythmia.explain.waves import WAVES, Waves
from arrhythmia.explain.wording import (
    BLENDED,
    EARLY,
    RR_NAMES,
    chance,
    empty_words,
    evidence_line,
    evidence_words,
    headline,
    lead_words,
    no_class,
    reference_words,
    rr_values,
    second_stage_words,
    set_words,
    shares_words,
    wave_names,
    what_if,
)
from arrhythmia.sequences import RR_INPUTS, rr_ratios

WIDE = replace(REASONS, move=Move(0.21, "N", 0.6, 0.6), without_timing=0.999)


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (Move(0.21, "N", 0.6, 0.6), "would be N had it come 0.21 s later"),
        (Move(-0.05, "S", 0.6, 0.6), "would be S had it come 0.05 s earlier"),
        (
            Move(None, None, 0.15, 0.54),
            "no move in time from 0.15 s earlier to 0.54 s later makes it other than V",
        ),
        (Move(None, None, 0.0, 0.0), "at the edge of the record, it was not moved in time"),
    ],
)
def test_a_move_is_told_as_it_was_found(move: Move, words: str) -> None:
    assert what_if(replace(WIDE, move=move))[0] == words


def test_what_the_class_would_be_without_is_told_for_all_but_n() -> None:
    assert what_if(WIDE)[1:] == [
        "with this patient's usual QRS in its place p(V) would be 0.10",
        "with all beats on time p(V) would be above 0.99",
    ]
    normal = replace(
        WIDE, target_class="N", called="N", by_itself="N", without_qrs=None, without_timing=None
    )
    assert len(what_if(normal)) == 1


def test_no_probability_is_rounded_to_certainty() -> None:
    assert [chance(p) for p in (0.5, 0.994, 0.9951, 1.0)] == [
        "= 0.50",
        "= 0.99",
        "> 0.99",
        "> 0.99",
    ]


def test_the_headline_of_a_beat_that_cannot_be_read_names_no_class() -> None:
    assert headline("V", 0.98, True, "") == "V – ventricular ectopic, p = 0.98"
    assert (
        headline("V", 0.98, False, "not assessable: a flat line") == "Not assessable: a flat line"
    )


def test_a_paced_beat_is_told_from_one_that_cannot_be_read() -> None:
    assert "paced" in no_class("paced: not assessed")
    assert "cannot be read" in no_class("not assessable: a flat line")


def test_a_set_is_told_with_the_calibrated_probability() -> None:
    assert set_words("E", 0.9, ["V"]) == "Calibrated p(E) = 0.90. 90 % set: V (of N, S, V, F)."


def test_a_symbol_that_is_not_known_is_said_to_be_so() -> None:
    assert reference_words("V") == "V, premature ventricular contraction"
    assert reference_words("Q") == "Q, unclassifiable beat (of no class that the model knows)"


@pytest.mark.parametrize("seed", range(20))
def test_evidence_is_one_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = hump()
    drawn = replace(
        drawn, samples=rng.normal(size=len(drawn.samples)), rr=rng.normal(size=len(RR_INPUTS)),
        neighbour_shapes=rng.normal(size=3), neighbour_timing=rng.normal(size=3),
    )  # fmt: skip
    words = re.sub(r" \(of it [^)]*\)", "", evidence_words(drawn))
    assert sum(map(int, re.findall(r"(\d+) %", words))) == 100
    assert sum(map(int, re.findall(r"(\d+) %", shares_words(drawn)))) == 100


def test_evidence_in_words_names_the_strongest_and_the_rhythm() -> None:
    rr = np.zeros(len(RR_INPUTS))
    rr[0] = 300.0
    early = replace(hump(), rr=rr)
    assert evidence_words(early).startswith("rhythm 9")
    alone = replace(early, samples=np.zeros_like(early.samples))
    assert evidence_words(alone) == "rhythm 100 % (of it time of arrival 100 %)"
    assert evidence_words(replace(alone, rr=-rr)) == "nothing speaks for V"
    assert evidence_line(early) == f"Evidence for V (Grad-CAM): {evidence_words(early)}."
    assert sum(int(w) for w in shares_words(early).split() if w.isdigit()) == 100
    nothing = hump(at=None)
    assert evidence_words(nothing) == "nothing speaks for V"
    assert empty_words(nothing) == (
        "Grad-CAM finds nothing in the shape of this beat that speaks for V"
    )
    assert empty_words(early) == ""


@pytest.mark.parametrize("unseen", [(), ("P",), ("T",), ("P", "T")])
def test_waves_that_were_not_seen_are_in_brackets(unseen: tuple[str, ...]) -> None:
    waves = Waves(np.arange(8.0), "P" not in unseen, "T" not in unseen)
    expected = [f"({name})" if name in unseen else name for name in WAVES]
    assert wave_names(waves) == expected


def test_timing_is_told_without_the_limits_of_the_network() -> None:
    pause, irregular = 6.0, 0.8  # the network's inputs stop at 4.48 s and 21 %
    ratios = rr_ratios(
        np.array([pause]), np.array([1.0]), 0.8, np.array([0.8]), np.array([0.8]),
        np.array([irregular]), np.array([0.37]),
    )  # fmt: skip
    values = dict(zip(RR_NAMES, rr_values(ratios[0], irregular, 0.37), strict=True))
    assert values["RR before, between the centres of the QRS"] == "6.00 s"
    assert values["RR before, against the record's mean"] == "750 %"
    assert values["irregularity of the 21 beats around"] == "80.0 %"
    assert values["P-wave similarity of the 21 beats around"] == "37 %"


def test_of_one_lead_nothing_is_said() -> None:
    assert lead_words("V", {"MLII": 0.9}) == ""


def test_leads_are_told_with_what_they_say() -> None:
    two = {"V1": 0.9999, "MLII": 0.61}
    assert lead_words("V", two) == "Lead V1 says most: p(V) over 0.99; 0.61 in MLII."
    many = {"V1": 0.8, "I": 0.5, "II": 0.001, "III": 0.3}
    assert (
        lead_words("S", many)
        == "Lead V1 says most: p(S) 0.80; under 0.01 to 0.50 in the 3 other leads."
    )


@pytest.mark.parametrize(
    ("called", "before", "words"),
    [
        ("F", "V", f"{BLENDED}: without that it would be called V."),
        ("S", "N", f"{EARLY}: without that it would be called N."),
        ("V", "N", f"{EARLY}: without that it would be called N."),  # N gave to S, and V is left
        ("N", "N", ""),
        ("F", "F", ""),
    ],
)
def test_why_the_second_stage_changed_the_class(called: str, before: str, words: str) -> None:
    assert second_stage_words(called, before) == words
