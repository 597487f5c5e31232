"""Tests of `arrhythmia.train.fit`: one network, several, and whom they may be trained on."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRecord, error_line
from loky import get_reusable_executor
from train.tiny import BEATS, RUN, TINY, first_beats, run_scores, step_by_step

from arrhythmia.backend import keras
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.mitdb import ALL, DS2, PACED
from arrhythmia.model import build_network
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.train import fit as module
from arrhythmia.train.batches import Leads
from arrhythmia.train.fit import class_frequencies, correct_priors, fit, fit_ensemble, train

DRAWN = np.array([0.5, 0.1, 0.2, 0.1, 0.1])
REAL = np.array([0.9, 0.02, 0.05, 0.01, 0.02])


@pytest.mark.parametrize("name", ["100", "232", "217", "100.dat", "mitdb/100", "{folder}/232"])
def test_no_record_of_ds2_and_no_paced_one_is_trained_on(
    name: str, tmp_path: Path, make_record: MakeRecord
) -> None:
    name = name.format(folder=tmp_path)
    assert Path(name).stem in DS2 + PACED
    for record in ("101", Path(name).stem):
        make_record(tmp_path, record, symbols="N" * 20)
    text = error_line(lambda: train(tmp_path, TINY, names=("101", name), verbose=False))
    assert text.startswith("records to train on must be of DS1, got")
    assert name in text


def test_all_records_may_be_trained_on_together(tmp_path: Path) -> None:
    text = error_line(lambda: train(tmp_path, TINY, names=ALL, verbose=False))
    assert "no record '101'" in text  # and not that they must be of DS1


# --- priors ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network whose scores are its biases alone; see `biased`."""
    made = build_network(BEATS.length, len(RR_INPUTS), TINY.network)
    made.set_weights([np.zeros_like(weight) for weight in made.get_weights()])
    return made


def biased(network: keras.Model, probabilities: np.ndarray) -> None:
    kernel, _ = network.get_layer("scores").get_weights()
    network.get_layer("scores").set_weights([kernel, np.log(probabilities)])


def output(network: keras.Model) -> np.ndarray:
    nothing = np.zeros((1, RUN, *network.inputs[0].shape[2:])), np.zeros((1, RUN, len(RR_INPUTS)))
    return np.asarray(network(list(nothing), training=False))[0, 0]


def normalised(values: np.ndarray) -> np.ndarray:
    return values / values.sum()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_network_that_knows_only_frequencies_gives_the_real_ones(
    network: keras.Model, share: float
) -> None:
    biased(network, DRAWN)
    correct_priors(network, DRAWN, REAL, share)
    expected = normalised(DRAWN ** (1 - share) * REAL**share)
    np.testing.assert_allclose(output(network), expected, rtol=1e-4)


def test_evidence_counts_as_bayes_says(network: keras.Model) -> None:
    likelihood = np.array([0.1, 0.9, 0.3, 0.2, 0.5])
    biased(network, DRAWN * likelihood)
    correct_priors(network, DRAWN, REAL, 1.0)
    np.testing.assert_allclose(output(network), normalised(REAL * likelihood), rtol=1e-4)


def test_a_class_never_seen_keeps_its_score(network: keras.Model) -> None:
    drawn, real = np.array([0.6, 0.2, 0.2, 0.0, 0.0]), np.array([0.9, 0.05, 0.0, 0.05, 0.0])
    before = np.array([0.5, 0.1, 0.2, 0.1, 0.1])
    biased(network, before)
    correct_priors(network, drawn, real, 1.0)
    after = output(network)
    assert np.isfinite(after).all()
    np.testing.assert_allclose(after[2:] / after[2], before[2:] / before[2], rtol=1e-4)


def test_frequencies_are_those_of_the_records(records: dict[str, Leads]) -> None:
    classes = np.concatenate([first_beats(leads).beat_class for leads in records.values()])
    shares = class_frequencies(records)
    assert shares.shape == (len(BEAT_CLASSES),)
    for number, share in enumerate(shares):
        assert share == pytest.approx(np.mean(classes == number))
    assert shares.sum() == pytest.approx(1 - np.mean(classes == -1))


# --- one network ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_network_comes_from_its_seed(records: dict[str, Leads]) -> None:
    some = {name: records[name] for name in ("101", "207")}
    with step_by_step():
        first, history = fit(some, BEATS, TINY, 1)
        weights = first.network.get_weights()
        other, other_history = fit(some, BEATS, TINY, 2)
        again, same_history = fit(some, BEATS, TINY, 1)
    assert list(history.columns) == ["epoch", "loss", "accuracy"]
    assert same_history.equals(history)
    assert not other_history.equals(history)
    for weight, same in zip(weights, again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    assert not np.allclose(weights[0], other.network.get_weights()[0])
    for weight, kept in zip(weights, first.network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, kept)  # each classifier has a network of its own
    assert first.settings.training == TINY.as_dict() | {"records": ["101", "207"]}
    assert first.settings.seed == 1


# --- several --------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_ensemble_is_its_members_on_average(
    records: dict[str, Leads], capsys: pytest.CaptureFixture
) -> None:
    settings = replace(TINY, members=2, epochs=2)
    some = {name: records[name] for name in ("101", "207")}
    classifier, history = fit_ensemble(some, BEATS, settings, 0, verbose=True)
    assert capsys.readouterr().out.count("\n") == 1 + settings.members
    assert classifier.settings.training["member_seeds"] == [100, 101]
    first, second = classifier.members
    with step_by_step():
        single, its_history = fit(some, BEATS, replace(settings, members=1), 101)
    assert second.settings == single.settings
    for weight, again in zip(
        second.network.get_weights(), single.network.get_weights(), strict=True
    ):  # on all cores sums are taken in another order than on one
        np.testing.assert_allclose(weight, again, atol=1e-3)
    one, other, both = (run_scores(c, records["101"]) for c in (first, second, classifier))
    assert not np.allclose(one, other, atol=1e-2)
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-5)
    assert history["epoch"].tolist() == [1, 2]
    assert not np.allclose(history["loss"], its_history["loss"])


@pytest.mark.slow
def test_a_process_that_dies_is_told_in_a_line(
    records: dict[str, Leads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_fit_on_one_core", lambda *_: os._exit(9))
    some, two = {"101": records["101"]}, replace(TINY, members=2)
    assert "LOKY_MAX_CPU_COUNT=1" in error_line(lambda: fit_ensemble(some, BEATS, two, 0))


@pytest.mark.slow
def test_interrupted_training_leaves_no_process_at_work(
    records: dict[str, Leads], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def first_is_quick(_records: object, _beats: object, _settings: object, seed: int) -> tuple:
        time.sleep(0 if seed == 100 else 3600)
        return [], None

    monkeypatch.setattr(module, "_fit_on_one_core", first_is_quick)
    monkeypatch.setattr(module, "build_network", stop)
    with pytest.raises(KeyboardInterrupt):
        fit_ensemble({"101": records["101"]}, BEATS, replace(TINY, members=2), 0)
    assert get_reusable_executor(2).submit(int, 7).result(timeout=100) == 7
