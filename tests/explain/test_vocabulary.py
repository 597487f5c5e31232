"""Tests of `arrhythmia.explain.vocabulary`: a word is said where its rule holds, there alone."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from explain_cases import MEASURED, TIMING

from arrhythmia.explain.measured import Measured
from arrhythmia.explain.timing import Timing
from arrhythmia.explain.vocabulary import (
    NOUNS,
    ORDINARY_NOUN,
    OTHER_NOUN,
    RULES,
    checked_words,
    rules_table,
    sentence,
)
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.rhythm import FIBRILLATION

PLAIN = Measured(
    Timing(0.8, 0.8, 0.8, 0.02, "N", "N", 9, 20, ""), 0.09, 0.09, 0.99, True, 0.16, 0.9
)


def timed(**changes: object) -> Measured:
    """A wide beat with another timing."""
    return replace(MEASURED, timing=replace(TIMING, **changes))


def test_the_sentence_of_a_ventricular_beat() -> None:
    assert sentence("V", "V", timed(rr_pre=0.5, rr_post=1.1)) == (
        "Ventricular: QRS of another shape, 0.16 s against this patient's usual 0.09 s, "
        "38 % early, full compensatory pause."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rr_pre": 0.79}, "on time."),
        ({"rr_pre": 0.75}, "slightly early (6 %)"),
        ({"rr_pre": 0.86}, "slightly late (7 %)."),
        ({"rr_pre": 0.68, "premature": 0.2}, "slightly early (15 %)"),
        ({"rr_pre": 0.64, "premature": 0.2}, ", 20 % early"),
        ({"rr_pre": 0.75, "premature": 0.05}, ", 6 % early"),
        ({"rr_pre": 0.89, "premature": 0.2}, ", 11 % late."),  # of late beats it says nothing
        ({"rr_pre": 1.0}, "25 % late."),
        ({"rr_pre": 0.5, "rr_post": 0.85}, "38 % early, no pause after."),
        ({"rr_pre": 0.76, "rr_post": 0.8}, "slightly early (5 %), no pause after."),
        ({"rr_pre": 0.76, "rr_post": 0.84}, "slightly early (5 %), full compensatory pause."),
        ({"rr_pre": 0.5, "rr_post": 0.95}, "pause less than compensatory."),
        ({"rr_pre": 0.5, "rr_post": 1.4}, "more than a compensatory pause."),
        ({"rr_pre": 0.4, "rr_post": 0.45}, "50 % early, interpolated."),
        ({"rr_post": None}, "25 % early."),
        ({"after": "V", "run": 2}, "25 % early, one of two V in a row."),
        ({"before": "V", "place": 2, "run": 5, "rr_pre": 0.4}, "early, beat 2 of 5 V in a row."),
        ({"before": "S", "rr_pre": 1.1}, "1.10 s after an S."),
        ({"rhythm": "ventricular bigeminy"}, "in ventricular bigeminy."),
        ({"rr_pre": None}, "RR before it not known."),
        ({"cycle": None}, "RR 0.60 s before it, no normal rhythm to compare it with."),
        ({"irregularity": 0.2}, "0.60 s before it against a median of 0.80 s, in an irregular"),
        ({"rhythm": FIBRILLATION}, "in an irregular rhythm."),
    ],
)
def test_what_is_said_of_timing(changes: dict, words: str) -> None:
    assert words in sentence("V", "V", timed(**changes))


def test_p_waves_in_common_are_missed_in_an_irregular_rhythm_alone() -> None:
    without = "without P waves in common"
    assert without in sentence("V", "V", replace(timed(irregularity=0.2), p_wave_similarity=0.1))
    assert without not in sentence("V", "V", replace(timed(), p_wave_similarity=0.1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qrs_s": 0.1}, "QRS of another shape, 0.10 s against this patient's usual 0.09 s"),
        ({"qrs_s": 0.1, "qrs_similarity": 0.99}, "QRS 0.10 s against this patient's usual 0.09 s"),
        ({"qrs_s": None}, "QRS width not measurable at this beat"),
        ({"usual_qrs_s": None}, "wide QRS 0.16 s,"),
    ],
)
def test_what_is_said_of_shape(changes: dict, words: str) -> None:
    assert words in sentence("V", "V", replace(MEASURED, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qrs_s": 0.1}, "QRS of another shape than this patient's usual, 0.10 s"),
        ({"qrs_s": 0.1, "qrs_similarity": 0.99}, "QRS as usual for this patient (0.10 s)"),
        ({"qrs_s": 0.13, "usual_qrs_s": 0.13, "qrs_similarity": 1.0}, "wide QRS as usual for this"),
    ],
)
def test_of_classes_told_by_timing_a_usual_width_is_only_named(changes: dict, words: str) -> None:
    assert words in sentence("S", "S", replace(MEASURED, **changes))


def test_what_is_ordinary_is_normal_and_nothing_else_is() -> None:
    assert sentence("N", "N", PLAIN) == (
        "Normal: on time, P wave 0.16 s before the QRS, QRS as usual for this patient (0.09 s)."
    )
    assert checked_words(PLAIN) == "Checked and ordinary: time of arrival, P wave, QRS."
    block = replace(PLAIN, qrs_s=0.14, usual_qrs_s=0.14)
    assert sentence("N", "N", block).startswith("Not ectopic: on time, ")
    assert checked_words(block) == (
        "Checked and ordinary: time of arrival, P wave; not ordinary: QRS (wide)."
    )
    for changes in ({"p_seen": False}, {"qrs_s": None}, {"qrs_similarity": 0.5}):
        assert sentence("N", "N", replace(PLAIN, **changes)).startswith(f"{OTHER_NOUN}:")
    late = replace(PLAIN, timing=replace(PLAIN.timing, rr_pre=1.2))
    assert "not ordinary: time of arrival" in checked_words(late)


def test_another_class_than_that_called_is_not_claimed() -> None:
    assert sentence("S", "V", MEASURED).startswith("For S: 25 % early")
    assert sentence("F", "F", MEASURED).startswith("Fusion: QRS")
    assert sentence("S", "S", MEASURED).startswith("Supraventricular: 25 % early")


@pytest.mark.parametrize("seed", range(300))
def test_every_number_of_a_sentence_is_one_that_was_measured(seed: int) -> None:
    """Drawn at random: the sentence never says what its numbers contradict."""
    rng = np.random.default_rng(seed)
    maybe = lambda value: None if rng.random() < 0.15 else round(float(value), 3)  # noqa: E731
    letters = ["", *BEAT_CLASSES]
    called = str(rng.choice(BEAT_CLASSES))
    run = int(rng.integers(1, 6))
    timing = Timing(
        maybe(rng.uniform(0.3, 1.6)), maybe(rng.uniform(0.3, 1.6)), maybe(rng.uniform(0.5, 1.2)),
        maybe(rng.uniform(0, 0.3)), str(rng.choice(letters)), str(rng.choice(letters)),
        int(rng.integers(1, run + 1)), run, str(rng.choice(["", FIBRILLATION])),
    )  # fmt: skip
    p_seen = bool(rng.random() < 0.5)
    qrs = maybe(rng.uniform(0.05, 0.2))
    m = Measured(
        timing, qrs, maybe(rng.uniform(0.05, 0.2)), float(rng.uniform(0, 1)),
        p_seen and qrs is not None, 0.16 if p_seen and qrs else None, float(rng.uniform(0, 1)),
    )  # fmt: skip
    words = sentence(called, called, m)
    claim = words.split(":")[0]
    assert claim in ((ORDINARY_NOUN, OTHER_NOUN) if called == "N" else (NOUNS[called],))
    early = timing.early
    if "on time" in words:
        assert abs(early) < 0.03
    for percent, way in re.findall(r"(\d+) % (early|late)", words):
        assert int(percent) == round(100 * abs(early)) >= 10
        assert (early > 0) == (way == "early")
    if "compensatory pause" in words or "interpolated" in words or "no pause" in words:
        assert timing.before == timing.after == "N"
        assert early > 0
    if "full compensatory" in words:
        assert abs(timing.rr_pre + timing.rr_post - 2 * timing.cycle) <= 0.1 * timing.cycle + 1e-9
        assert timing.rr_post > timing.cycle
    if "interpolated" in words:
        assert timing.rr_pre + timing.rr_post <= 1.15 * timing.cycle + 1e-9
    assert ("irregular" in words) <= (timing.fibrillating or (timing.irregularity or 0) >= 0.1)
    assert ("no P wave seen" in words) <= (not m.p_seen and called in "NS")
    if claim == ORDINARY_NOUN:
        assert m.p_seen
        assert m.qrs_s < 0.12
    known = [timing.rr_pre, timing.rr_post, timing.cycle, m.qrs_s, m.usual_qrs_s, m.pr_s]
    allowed = {f"{value:.2f}" for value in known if value is not None}
    assert set(re.findall(r"(\d\.\d\d) s", words)) <= allowed


def test_the_table_of_rules_is_whole() -> None:
    assert all(all(rule) for rule in RULES)
    assert len(rules_table().splitlines()) == len(RULES) + 2


def test_what_is_called_early_is_not_ordinary() -> None:
    early = replace(PLAIN, timing=replace(PLAIN.timing, rr_pre=0.68))
    assert sentence("N", "N", early).startswith(f"{OTHER_NOUN}: 15 % early")
    allowed = replace(early, timing=replace(early.timing, premature=0.2))
    assert sentence("N", "N", allowed).startswith(f"{ORDINARY_NOUN}: slightly early (15 %)")
    assert "not ordinary" not in checked_words(allowed)
    assert "not ordinary: time of arrival" in checked_words(early)
