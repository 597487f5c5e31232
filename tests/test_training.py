"""Tests of `arrhythmia.batches` and `arrhythmia.training`: what is drawn, and what leaks not."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRecord
from loky import get_reusable_executor

from arrhythmia import batches, training
from arrhythmia.augmentation import Donors, Mixture
from arrhythmia.backend import keras, tf
from arrhythmia.batches import (
    Leads,
    RunBatches,
    TrainingBeats,
    TrainingSettings,
    class_weights,
    drawn_shares,
    prepare_records,
    training_beats,
)
from arrhythmia.beats import BeatSettings, cut_beats, prepare_signal, reference_beats
from arrhythmia.classifier import Classifier, ModelSettings, read_settings
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES, DS1, DS2, PACED, SYMBOL_CLASS
from arrhythmia.model import NetworkSettings, build_network, join
from arrhythmia.records import read_record
from arrhythmia.sequences import RR_INPUTS, network_inputs
from arrhythmia.training import (
    FOLDS,
    Trainer,
    correct_priors,
    fit,
    fit_joined,
    out_of_fold,
    predict_folds,
    train,
)

BEATS = BeatSettings()
NAMES = ("101", "207", "208", "209")
RUN = 3
TINY = TrainingSettings(
    network=NetworkSettings(
        run=RUN, filters=(4,), kernels=(3,), features=4, units=2, bidirectional=False
    ),
    copies=1,
    epochs=2,
    steps=1,
    batch=4,
    members=1,
)


@pytest.fixture(scope="module")
def records(synthetic_dir: Path) -> dict[str, Leads]:
    return prepare_records(NAMES, synthetic_dir, BEATS)


@pytest.fixture(scope="module")
def drawn(records: dict[str, Leads]) -> TrainingBeats:
    return beats_of(records, TINY)


def beats_of(records: dict[str, Leads], settings: TrainingSettings, seed: int = 0) -> TrainingBeats:
    return training_beats(records, BEATS, settings, np.random.default_rng(seed))


def times_drawn(beats: TrainingBeats) -> np.ndarray:
    """How often each beat is drawn, for one run."""
    times = np.zeros(len(beats.beat_class))
    for start, chance in zip(beats.starts, beats.chances, strict=True):
        times[start : start + RUN] += chance
    return times


# --- which records --------------------------------------------------------------------------


def test_folds_hold_every_record_of_ds1_once() -> None:
    names = [name for fold in FOLDS for name in fold]
    assert len(names) == len(set(names)) == len(DS1)
    assert set(names) == set(DS1)


@pytest.mark.parametrize("name", ["100", "232", "217", "100.dat", "mitdb/100", "{folder}/232"])
def test_no_record_of_ds2_and_no_paced_one_is_trained_on(
    name: str, tmp_path: Path, make_record: MakeRecord
) -> None:
    name = name.format(folder=tmp_path)
    assert Path(name).stem in DS2 + PACED
    for record in ("101", Path(name).stem):
        make_record(tmp_path, record, symbols="N" * 20)
    with pytest.raises(InputError, match="not for training"):
        train(tmp_path, TINY, names=("101", name), verbose=False)


def test_records_are_prepared_with_both_leads_the_preferred_one_first(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    make_record(tmp_path, "101", symbols="NVNANQNN", leads=("V1", "MLII"))
    make_record(tmp_path, "106", symbols="NVNANQNN", leads=("V5",))
    leads = prepare_records(("101", "106"), tmp_path, BEATS)
    first, second = leads["101"]
    sample, symbol = reference_beats(read_record("101", tmp_path))
    for lead, name in ((first, "MLII"), (second, "V1")):
        expected = prepare_signal(read_record("101", tmp_path, name), BEATS, sample)
        np.testing.assert_array_equal(lead.signal, expected.signal)
        np.testing.assert_allclose(lead.marks, sample * BEATS.fs / 360, rtol=1e-6)
        classes = [BEAT_CLASSES.index(SYMBOL_CLASS[s]) if s != "Q" else -1 for s in symbol]
        np.testing.assert_array_equal(lead.beat_class, classes)
    np.testing.assert_array_equal(leads["106"][0].signal, leads["106"][1].signal)


def test_donors_are_of_the_training_records_alone(
    records: dict[str, Leads], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Donors] = []

    def copy(leads: Leads, donors: Donors, *_: object) -> object:
        seen.append(donors)
        return leads[0]

    monkeypatch.setattr(batches, "virtual_copy", copy)
    some = {name: records[name] for name in ("101", "208")}
    beats_of(some, TINY)
    assert seen
    assert all(set(donors.own) == {"208"} for donors in seen)


# --- what is drawn --------------------------------------------------------------------------


def test_runs_lie_within_one_record(drawn: TrainingBeats, records: dict[str, Leads]) -> None:
    assert set(drawn.usual) == set(range(2 * len(NAMES)))
    np.testing.assert_array_equal(drawn.usual[drawn.starts], drawn.usual[drawn.starts + RUN - 1])
    beats = sum(len(leads[0].marks) for leads in records.values())
    assert len(drawn.beat_class) == 2 * beats
    assert len(drawn.starts) == 2 * (beats - len(NAMES) * (RUN - 1))


def test_every_beat_of_the_recordings_can_be_drawn_and_is_as_it_is_classified(
    drawn: TrainingBeats, records: dict[str, Leads]
) -> None:
    assert (times_drawn(drawn) > 0).all()
    assert drawn.chances.sum() == pytest.approx(1)
    first = 0
    for leads in records.values():
        beats = cut_beats(leads[0], BEATS)
        here = slice(first, first + len(beats))
        np.testing.assert_array_equal(drawn.segments[here], beats.segments)
        np.testing.assert_array_equal(drawn.rr[here], network_inputs(beats).rr)
        np.testing.assert_array_equal(drawn.beat_class[here], beats.beat_class)
        first += len(beats)


@pytest.mark.parametrize("copies", [1, 3])
def test_recordings_and_copies_are_drawn_equally_often(
    records: dict[str, Leads], copies: int
) -> None:
    beats = beats_of(records, replace(TINY, copies=copies))
    real = beats.usual[beats.starts] < len(NAMES)
    assert beats.chances[real].sum() == pytest.approx(0.5)


def test_without_copies_only_recordings_are_drawn(records: dict[str, Leads]) -> None:
    beats = beats_of(records, replace(TINY, copies=0))
    assert beats.usual.max() == len(NAMES) - 1
    assert beats.chances.sum() == pytest.approx(1)


def test_rare_beats_are_drawn_more_often_when_asked_for(records: dict[str, Leads]) -> None:
    shares = []
    for rare_runs in (0.0, 4.0):
        beats = beats_of(records, replace(TINY, copies=0, rare_runs=rare_runs))
        shares.append(times_drawn(beats)[beats.beat_class > 0].sum() / RUN)
    assert shares[1] > 1.1 * shares[0]


def test_a_record_shorter_than_a_run_is_left_out(
    tmp_path: Path, make_record: MakeRecord, records: dict[str, Leads]
) -> None:
    make_record(tmp_path, "106", symbols="NN")
    short = prepare_records(("106",), tmp_path, BEATS)
    beats = beats_of(records | short, replace(TINY, copies=0))
    assert set(beats.usual[beats.starts]) == set(range(len(NAMES)))
    with pytest.raises(InputError, match=f"{RUN} beats"):
        beats_of(short, replace(TINY, copies=0))


def test_shares_are_those_of_the_beats_drawn(drawn: TrainingBeats) -> None:
    times, known = times_drawn(drawn), drawn.beat_class >= 0
    assert not known.all()
    shares = np.bincount(drawn.beat_class[known], times[known]) / times[known].sum()
    np.testing.assert_allclose(drawn_shares(drawn, RUN), shares)


@pytest.mark.parametrize("exponent", [0.0, 0.35, 1.0])
def test_the_mean_weight_of_the_beats_drawn_is_one(drawn: TrainingBeats, exponent: float) -> None:
    times, known = times_drawn(drawn), drawn.beat_class >= 0
    weights = class_weights(drawn_shares(drawn, RUN), exponent)
    assert weights.shape == (len(BEAT_CLASSES) + 1,)
    assert weights[-1] == 0
    assert np.average(weights[drawn.beat_class[known]], weights=times[known]) == pytest.approx(1)


def test_weights_follow_the_inverse_frequency() -> None:
    shares = np.array([0.8, 0.1, 0.06, 0.03, 0.01])
    np.testing.assert_allclose(class_weights(shares, 0.0)[:-1], 1)
    for exponent in (0.5, 1.0):
        weights = class_weights(shares, exponent)[:-1]
        np.testing.assert_allclose(weights / weights[0], (shares / shares[0]) ** -exponent)


def test_a_class_that_is_nowhere_has_no_weight() -> None:
    weights = class_weights(np.array([0.9, 0.1, 0, 0, 0]), 0.5)
    assert np.isfinite(weights).all()
    assert (weights[2:] == 0).all()
    assert (weights[:2] > 0).all()


# --- batches --------------------------------------------------------------------------------


def test_a_batch_is_what_the_network_takes(drawn: TrainingBeats) -> None:
    batches = RunBatches(drawn, TINY, seed=3)
    assert len(batches) == TINY.steps
    inputs, classes, weights = batches[0]
    assert inputs["segments"].shape[:3] == (TINY.batch, RUN, BEATS.length)
    assert inputs["rr"].shape == (TINY.batch, RUN, len(RR_INPUTS))
    assert classes.shape == (TINY.batch, RUN, len(BEAT_CLASSES))
    assert weights.shape == (TINY.batch, RUN)
    assert all(np.isfinite(values).all() for values in inputs.values())
    np.testing.assert_array_equal(classes.sum(axis=-1), 1)


def test_batches_without_augmentation_are_runs_as_the_classifier_takes_them(
    records: dict[str, Leads],
) -> None:
    still = replace(TINY, copies=0, noise=0.0, gain=0.0, rr_noise=0.0, batch=16)
    beats = beats_of({"207": records["207"]}, still)
    inputs, classes, _ = RunBatches(beats, still, seed=0)[0]
    of_record = cut_beats(records["207"][0], BEATS)
    expected = network_inputs(of_record)
    for run in range(16):
        first = np.abs(expected.segments - inputs["segments"][run, 0]).sum(axis=(1, 2)).argmin()
        here = slice(first, first + RUN)
        np.testing.assert_allclose(inputs["segments"][run], expected.segments[here], atol=1e-5)
        np.testing.assert_allclose(inputs["rr"][run], expected.rr[here], atol=1e-5)
        np.testing.assert_array_equal(classes[run].argmax(axis=-1), of_record.beat_class[here])


def test_beats_without_a_class_weigh_nothing(records: dict[str, Leads]) -> None:
    unknown = {
        name: (
            replace(first, beat_class=np.where(first.beat_class == 0, -1, first.beat_class)),
            second,
        )
        for name, (first, second) in records.items()
    }
    beats = beats_of(unknown, replace(TINY, copies=0))
    _, classes, weights = RunBatches(beats, replace(TINY, batch=200), seed=0)[0]
    assert (weights == 0).any()
    assert (classes[weights > 0].argmax(axis=-1) > 0).all()


def test_batches_come_from_the_seed_and_differ_between_epochs(drawn: TrainingBeats) -> None:
    batches, again, other = (RunBatches(drawn, TINY, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(batches[0][0]["segments"], again[0][0]["segments"])
    np.testing.assert_array_equal(batches[0][1], again[0][1])
    assert not np.array_equal(batches[0][0]["segments"], batches[1][0]["segments"])
    assert not np.array_equal(batches[0][0]["segments"], other[0][0]["segments"])
    again.on_epoch_end()
    assert not np.array_equal(batches[0][0]["segments"], again[0][0]["segments"])
    batches.on_epoch_end()
    np.testing.assert_array_equal(batches[0][0]["segments"], again[0][0]["segments"])


# --- training -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network whose scores are its biases alone; see `biased`."""
    made = build_network(BEATS.length, len(RR_INPUTS), TINY.network)
    made.set_weights([np.zeros_like(weight) for weight in made.get_weights()])
    return made


def biased(network: keras.Model, probabilities: np.ndarray) -> None:
    kernel, _ = network.get_layer("scores").get_weights()
    network.get_layer("scores").set_weights([kernel, np.log(probabilities)])


def said(network: keras.Model) -> np.ndarray:
    nothing = np.zeros((1, RUN, *network.inputs[0].shape[2:])), np.zeros((1, RUN, len(RR_INPUTS)))
    return np.asarray(network(list(nothing), training=False))[0, 0]


def test_a_network_that_knows_only_frequencies_says_the_real_ones(network: keras.Model) -> None:
    seen, real = np.array([0.5, 0.1, 0.2, 0.1, 0.1]), np.array([0.9, 0.02, 0.05, 0.01, 0.02])
    biased(network, seen)
    correct_priors(network, seen, real, 1.0)
    np.testing.assert_allclose(said(network), real, rtol=1e-4)
    biased(network, seen)
    correct_priors(network, seen, real, 0.0)
    np.testing.assert_allclose(said(network), seen, rtol=1e-4)
    biased(network, seen)
    correct_priors(network, seen, real, 0.5)
    half = np.sqrt(seen * real)
    np.testing.assert_allclose(said(network), half / half.sum(), rtol=1e-4)


def test_evidence_counts_as_bayes_says(network: keras.Model) -> None:
    seen, real = np.array([0.5, 0.1, 0.2, 0.1, 0.1]), np.array([0.9, 0.02, 0.05, 0.01, 0.02])
    likelihood = np.array([0.1, 0.9, 0.3, 0.2, 0.5])
    biased(network, seen * likelihood)
    correct_priors(network, seen, real, 1.0)
    np.testing.assert_allclose(
        said(network), real * likelihood / np.sum(real * likelihood), rtol=1e-4
    )


def test_a_class_never_seen_keeps_its_score(network: keras.Model) -> None:
    seen, real = np.array([0.6, 0.2, 0.2, 0.0, 0.0]), np.array([0.9, 0.05, 0.0, 0.05, 0.0])
    before = np.array([0.5, 0.1, 0.2, 0.1, 0.1])
    biased(network, before)
    correct_priors(network, seen, real, 1.0)
    after = said(network)
    assert np.isfinite(after).all()
    np.testing.assert_allclose(after[2:] / after[2], before[2:] / before[2], rtol=1e-4)


Trained = tuple[Trainer, list[np.ndarray], pd.DataFrame]
SOME = ("101", "207")


def trained(
    records: dict[str, Leads], names: Sequence[str], seed: int, trainer: Trainer | None = None
) -> Trained:
    """A trainer, a copy of its weights, and the table of its training.

    TensorFlow runs step by step: for a few steps that is quicker than to trace a graph.
    """
    some = {name: records[name] for name in names}
    tf.config.run_functions_eagerly(True)
    try:
        trainer = trainer or Trainer(BEATS.length, TINY)
        classifier, table = fit(some, BEATS, TINY, seed, trainer=trainer)
    finally:
        tf.config.run_functions_eagerly(False)
    return trainer, [w.copy() for w in classifier.network.get_weights()], table


@pytest.fixture(scope="module")
def first(records: dict[str, Leads]) -> Trained:
    return trained(records, SOME, seed=1)


def test_a_network_comes_from_its_seed(records: dict[str, Leads], first: Trained) -> None:
    _, expected, table = first
    assert list(table.columns[:3]) == ["epoch", "loss", "accuracy"]
    assert table["epoch"].tolist() == [1, 2]
    assert np.isfinite(table["loss"]).all()

    _, weights, same_table = trained(records, SOME, seed=1)
    assert same_table.equals(table)
    for weight, same in zip(expected, weights, strict=True):
        np.testing.assert_array_equal(weight, same)

    _, weights, other_table = trained(records, SOME, seed=2)
    assert not other_table.equals(table)
    assert not np.array_equal(expected[0], weights[0])


def test_a_network_started_anew_is_as_good_as_a_new_one(
    records: dict[str, Leads], first: Trained
) -> None:
    trainer, expected, table = first
    trained(records, ("208",), 2, trainer)
    _, weights, same_table = trained(records, SOME, 1, trainer)
    np.testing.assert_allclose(same_table["loss"], table["loss"], rtol=1e-6)
    for weight, same in zip(expected, weights, strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-6)


def test_a_network_learns_what_its_teachers_say(records: dict[str, Leads]) -> None:
    """Teachers that call every beat E: no class of any record says so."""
    said = np.full(len(BEAT_CLASSES), 0.05)
    said[BEAT_CLASSES.index("E")] = 0.8
    teachers = [
        SimpleNamespace(
            probabilities=lambda beats: np.tile(said, (len(beats), 1)),
            settings=SimpleNamespace(seed=seed),
        )
        for seed in (3, 4)
    ]
    settings = replace(TINY, epochs=1, steps=120, learning_rate=0.05)
    tf.config.run_functions_eagerly(True)
    try:
        classifier, _ = fit(records, BEATS, settings, 0, teachers=teachers)
    finally:
        tf.config.run_functions_eagerly(False)
    beats = cut_beats(records["101"][0], BEATS)
    np.testing.assert_allclose(classifier.probabilities(beats).mean(axis=0), said, atol=0.1)
    assert classifier.settings.training["teacher_seeds"] == [3, 4]


def test_the_network_shipped_is_several_joined(
    records: dict[str, Leads], capsys: pytest.CaptureFixture
) -> None:
    settings = replace(TINY, members=2, epochs=2)
    some = {name: records[name] for name in SOME}
    classifier, history = fit_joined(some, BEATS, settings, 0, verbose=True)
    assert capsys.readouterr().out.count("\n") == 1 + settings.members
    assert classifier.settings.training["member_seeds"] == [100, 101]
    first, second = classifier.members
    alone, own = fit(some, BEATS, replace(settings, members=1), 101)
    assert second.settings == alone.settings
    for weight, again in zip(
        second.network.get_weights(), alone.network.get_weights(), strict=True
    ):  # on all cores sums are taken in another order than on one
        np.testing.assert_allclose(weight, again, atol=1e-3)
    inputs = network_inputs(cut_beats(records["101"][0], BEATS))
    run = inputs.segments[None, :RUN], inputs.rr[None, :RUN]
    one, other, both = (np.asarray(c.scores(*run)) for c in (first, second, classifier))
    assert not np.allclose(one, other, atol=1e-2)  # each has weights of its own
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-5)
    assert history["epoch"].tolist() == [1, 2]
    assert not np.allclose(history["loss"], own["loss"])


def test_a_process_that_dies_is_told_in_a_line(
    records: dict[str, Leads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_fit_on_one_core", lambda *_: os._exit(9))
    with pytest.raises(InputError, match="LOKY_MAX_CPU_COUNT=1"):
        fit_joined({"101": records["101"]}, BEATS, replace(TINY, members=2), 0)


def test_interrupted_training_leaves_no_process_at_work(
    records: dict[str, Leads], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def first_is_quick(_records: object, _beats: object, _settings: object, seed: int) -> tuple:
        time.sleep(0 if seed == 100 else 3600)
        return [], None

    monkeypatch.setattr(training, "_fit_on_one_core", first_is_quick)
    monkeypatch.setattr(training, "build_network", stop)
    with pytest.raises(KeyboardInterrupt):
        fit_joined({"101": records["101"]}, BEATS, replace(TINY, members=2), 0)
    assert get_reusable_executor(2).submit(int, 7).result(timeout=100) == 7


@pytest.mark.parametrize(
    "shape",
    [
        replace(TINY.network, bidirectional=False),
        replace(TINY.network, unseen=("difference", "p waves")),
        NetworkSettings(run=RUN),
    ],
    ids=["one way", "partly unseen", "as shipped"],
)
def test_joined_networks_give_the_mean_of_their_scores(shape: NetworkSettings) -> None:
    rng = np.random.default_rng(0)
    networks = [build_network(BEATS.length, len(RR_INPUTS), shape) for _ in range(3)]
    for network in networks:  # also where fresh networks are all zero, or one
        network.set_weights([w + rng.uniform(0.0, 0.2, w.shape) for w in network.get_weights()])
    joined = join(networks, shape)
    segments = rng.normal(size=(2, RUN, BEATS.length, 2)).astype(np.float32)
    rr = rng.normal(size=(2, RUN, len(RR_INPUTS))).astype(np.float32)
    facts = ModelSettings(BEATS, RUN, 0, {})
    found = np.asarray(Classifier(joined, facts).scores(segments, rr))
    each = [np.asarray(Classifier(network, facts).scores(segments, rr)) for network in networks]
    assert np.std(each, axis=0).max() > 0.1
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-4, atol=1e-4)


def test_a_model_notes_how_it_was_trained(tiny_model: Path) -> None:
    facts = json.loads((tiny_model / "settings.json").read_text("utf-8"))
    assert facts["seed"] == 1
    assert set(facts["training"]["records"]) <= set(DS1)
    settings = TrainingSettings.from_dict(facts["training"])
    assert settings.network.run == facts["run"]
    assert settings.copies == 1
    assert (tiny_model / "history.csv").read_text("utf-8").startswith("epoch,loss,accuracy")


def test_settings_read_back_are_the_same() -> None:
    settings = replace(TINY, mixture=Mixture(premature=0.123), noise=0.07)
    assert TrainingSettings.from_dict(json.loads(json.dumps(asdict(settings)))) == settings


# --- folds ----------------------------------------------------------------------------------


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Names that each network was trained on; its probabilities tell which network it was."""
    names: list[tuple[str, ...]] = []

    def remember(records: dict[str, Leads], *_: object, **__: object) -> tuple[object, None]:
        names.append(tuple(records))
        mark = len(names) / 100
        member = SimpleNamespace(
            probabilities=lambda beats: np.full((len(beats), len(BEAT_CLASSES)), mark)
        )
        return SimpleNamespace(
            probabilities=member.probabilities,
            members=[member],
            save=lambda folder: Path(folder).write_text(" ".join(records)),
        ), None

    monkeypatch.setattr(training, "fit_joined", remember)
    monkeypatch.setattr(training, "Trainer", lambda *_: None)
    return names


def test_no_network_predicts_a_record_that_it_has_seen(
    records: dict[str, Leads], trained_on: list[tuple[str, ...]]
) -> None:
    folds = (("101", "208"), ("207",), ("209",))
    for fold, _ in zip(folds, out_of_fold(records, BEATS, TINY, 0, folds), strict=True):
        assert set(trained_on[-1]) == set(NAMES) - set(fold)
    assert len(trained_on) == len(folds)


def test_predictions_out_of_fold_hold_every_beat_of_every_record(
    synthetic_dir: Path,
    trained_on: list[tuple[str, ...]],
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(training, "DS1", NAMES)
    folds = (("101", "208"), ("207", "209"))
    monkeypatch.setattr(training, "FOLDS", folds)
    table, voices = predict_folds(synthetic_dir, read_settings(tiny_model), tmp_path / "it")
    for number, fold in enumerate(folds, 1):
        kept = (tmp_path / f"it-fold{number}").read_text().split()
        assert set(kept) == set(NAMES) - set(fold)
    assert set(voices) == {"network 1"}
    assert set(voices["network 1"]) == set(NAMES)
    assert [set(names) for names in trained_on] == [{"207", "209"}, {"101", "208"}]
    for name in NAMES:
        sample, symbol = reference_beats(read_record(name, synthetic_dir))
        rows = table[table["record"] == name]
        np.testing.assert_array_equal(rows["sample"], sample)
        np.testing.assert_array_equal(rows["symbol"], symbol)
