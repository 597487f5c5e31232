"""Tests of `studies.whole_records`: arms differ in what decides, and are measured once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.model_settings import model_digest
from arrhythmia.records import read_record
from studies.results import RESULTS, read_json
from studies.whole_records import (
    FILE,
    LEADS,
    SHIPPED,
    TEMPLATES,
    arms_of,
    format_leads,
    format_templates,
    run_whole_records,
    with_rhythm,
)


def test_each_arm_gives_probabilities_of_all_beats(tmp_path: Path, make_record: MakeRecord) -> None:
    record = read_record(make_record(tmp_path, symbols="NNNVNNANNN" * 10, seed=4))
    classifier = Classifier.load(DEFAULT_MODEL)
    arms, beats, decision = arms_of(classifier, record)
    assert set(arms) == {*LEADS, *TEMPLATES}
    for probabilities in arms.values():
        assert probabilities.shape == (len(beats), 5)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(arms[SHIPPED], classifier.probabilities(beats))
    np.testing.assert_array_equal(arms["all leads"], decision.by_itself)
    assert np.abs(arms["second lead"] - arms["first lead"]).max() > 0.01


def test_what_is_stored_is_of_the_shipped_model_and_not_made_again(tmp_path: Path) -> None:
    assert read_json(RESULTS / FILE)["model"] == model_digest(DEFAULT_MODEL)
    results = run_whole_records(DEFAULT_MODEL, tmp_path / "no database")
    assert len(results["DS1"][SHIPPED]) == 22
    assert len(results["svdb"][SHIPPED]) == 39


@pytest.mark.parametrize(("show", "arms"), [(format_leads, LEADS), (format_templates, TEMPLATES)])
def test_tables_have_a_row_for_each_arm(show: object, arms: tuple[str, ...]) -> None:
    lines = show(read_json(RESULTS / FILE)).splitlines()
    for arm in arms:
        assert any(line.startswith(arm) for line in lines)


def test_s_is_rarer_in_fibrillation_and_nothing_changes_elsewhere() -> None:
    rows = np.array([[0.5, 0.4, 0.1, 0, 0], [0.5, 0.4, 0.1, 0, 0]])
    changed = with_rhythm(rows, np.array([True, False]))
    np.testing.assert_allclose(changed.sum(axis=1), 1)
    np.testing.assert_allclose(changed[1], rows[1])
    odds = changed[0, 1] / changed[0, 0]
    assert odds == pytest.approx(0.28 * 0.4 / 0.5)
    assert changed[0, 2] / changed[0, 0] == pytest.approx(0.1 / 0.5)
