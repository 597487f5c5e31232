"""Tests of `arrhythmia.leads`: each lead counts as far as it can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, find_beats
from arrhythmia.decision import Decision
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.leads import (
    CLEARER,
    LeadShares,
    join_leads,
    lead_shares,
    repeatability,
)
from arrhythmia.records import Record, read_record
from arrhythmia.signals import BeatSettings

SETTINGS = BeatSettings()


def row(**classes: float) -> np.ndarray:
    """Probabilities of a beat; what is left goes to all classes alike."""
    values = np.array([classes.get(c, 0.0) for c in BEAT_CLASSES])
    return values + (1 - values.sum()) / len(values)


def shares_of(leads: int, qrs: list[float], p_wave: int = 0, fusion: int = 0) -> LeadShares:
    names = tuple(f"lead {i}" for i in range(leads))
    asked = np.array([p_wave]), np.array([fusion])
    return LeadShares(names, np.array(qrs)[:, None], *asked)


@pytest.fixture(autouse=True)
def as_if_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arrhythmia.leads.SHORT", 10)


@pytest.fixture
def record(tmp_path: Path, make_record: MakeRecord) -> Record:
    return read_record(make_record(tmp_path, symbols="NNNNVNNANN" * 8, seed=3))


def in_leads(record: Record, *signals: np.ndarray) -> Beats:
    """Beats of a record whose leads are these signals."""
    names = ("MLII", "V1", "V2")[: len(signals)]
    columns = np.stack(signals, axis=1)
    return find_beats(replace(record, signals=columns, leads=names, units=("mV",) * len(names)),
                      SETTINGS)  # fmt: skip


def test_one_lead_is_taken_as_it_is() -> None:
    by_lead = row(N=0.7, S=0.2)[None, None]
    np.testing.assert_array_equal(join_leads(by_lead, shares_of(1, [1.0])), by_lead[0])


def test_leads_that_agree_are_what_they_say() -> None:
    by_lead = np.stack([row(N=0.6, S=0.1, V=0.2)[None]] * 3)
    joined = join_leads(by_lead, shares_of(3, [0.2, 0.3, 0.5], p_wave=2, fusion=1))
    np.testing.assert_allclose(joined, by_lead[0], atol=1e-9)


def test_rows_sum_to_one() -> None:
    by_lead = np.random.default_rng(0).dirichlet(np.ones(5), (4, 1))
    joined = join_leads(by_lead, shares_of(4, [0.25] * 4, p_wave=3, fusion=2))
    assert joined.sum() == pytest.approx(1)


def test_a_ventricular_beat_shows_in_any_lead() -> None:
    by_lead = np.stack([row(N=0.6, V=0.3)[None], row(V=0.95)[None]])
    assert join_leads(by_lead, shares_of(2, [0.5, 0.5])).argmax() == BEAT_CLASSES.index("V")


def test_a_lead_without_share_says_nothing_of_the_qrs() -> None:
    by_lead = np.stack([row(N=0.9)[None], row(V=0.99)[None]])
    joined = join_leads(by_lead, shares_of(2, [1.0, 0.0]))
    np.testing.assert_allclose(joined, by_lead[0], atol=1e-9)


def test_p_waves_are_asked_of_one_lead() -> None:
    by_lead = np.stack([row(N=0.9)[None], row(S=0.9)[None]])
    for asked, called in ((0, "N"), (1, "S")):
        joined = join_leads(by_lead, shares_of(2, [0.5, 0.5], p_wave=asked))
        assert joined.argmax() == BEAT_CLASSES.index(called)


def test_fusion_is_asked_of_one_lead() -> None:
    by_lead = np.stack([row(F=0.9)[None], row(V=0.9)[None]])
    for asked, called in ((0, "F"), (1, "V")):
        joined = join_leads(by_lead, shares_of(2, [0.5, 0.5], fusion=asked))
        assert joined.argmax() == BEAT_CLASSES.index(called)


def test_noise_and_a_flat_line_repeat_nothing(record: Record) -> None:
    signal = record.signals[:, 0]
    noise = np.random.default_rng(0).normal(0, np.std(signal), len(signal))
    beats = in_leads(record, signal, noise)
    clean, noisy = (repeatability(lead, SETTINGS) for lead in beats.in_leads)
    assert np.median(clean) > 0.8
    assert np.median(noisy) < 0.2
    shares = lead_shares(beats, SETTINGS)
    assert shares.qrs[1].mean() < 0.2
    np.testing.assert_allclose(shares.qrs.sum(axis=0), 1)


def test_an_electrode_that_comes_off_counts_nothing_from_then_on(record: Record) -> None:
    signal = record.signals[:, 0]
    half = len(signal) // 2
    off = np.where(np.arange(len(signal)) < half, signal, 0.0)
    off += np.random.default_rng(0).normal(0, 1e-4, len(signal))
    for signals, other in (((signal, off), 1), ((off, signal), 0)):
        shares = lead_shares(in_leads(record, *signals), SETTINGS)
        assert shares.qrs[other, :20] == pytest.approx(0.5, abs=0.1)
        assert shares.qrs[other, -20:].max() < 0.05
        assert (shares.p_wave[-20:] != other).all()
        assert (shares.fusion[-20:] != other).all()


def test_in_a_short_record_the_first_lead_is_asked_alone(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arrhythmia.leads.SHORT", 600)
    signal = record.signals[:, 0]
    assert (lead_shares(in_leads(record, signal, 0.9 * signal), SETTINGS).qrs[0] == 1).all()


def test_another_lead_is_asked_for_p_waves_only_where_they_are_clearer(record: Record) -> None:
    signal = record.signals[:, 0]
    noise = np.random.default_rng(1).normal(0, 0.3 * np.std(signal), len(signal))
    assert CLEARER > 1
    assert (lead_shares(in_leads(record, signal, signal + noise), SETTINGS).p_wave == 0).all()
    assert (lead_shares(in_leads(record, signal + noise, signal), SETTINGS).p_wave == 1).all()
    assert (lead_shares(in_leads(record, signal, 1.01 * signal), SETTINGS).p_wave == 0).all()


def test_the_lead_that_says_most_is_one_that_counts() -> None:
    by_lead = np.stack([row(N=0.6, V=0.3)[None], row(V=0.95)[None], row(V=0.99)[None]])
    qrs = np.array([[0.5], [0.45], [0.05]])
    shares = LeadShares(("I", "II", "V1"), qrs, np.zeros(1, int), np.zeros(1, int))
    decision = Decision(by_lead[0], by_lead[0], None, by_lead, shares)
    assert decision.lead_that_says_most(0, "V") == 1
    assert decision.lead_that_says_most(0, "N") == 0
    np.testing.assert_array_equal(decision.leads_that_count(0), [0, 1])
