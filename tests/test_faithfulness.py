"""Tests of `arrhythmia.faithfulness`: good orders score better than bad ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arrhythmia import faithfulness
from arrhythmia.__main__ import main
from arrhythmia.attribution import METHODS, occlusion
from arrhythmia.beats import Beats
from arrhythmia.classifier import Classifier
from arrhythmia.errors import InputError
from arrhythmia.evaluation import predict_records
from arrhythmia.faithfulness import (
    area,
    choose_beats,
    curves,
    disturbed,
    measure,
    rank_correlation,
    redrawn,
    run_faithfulness,
    sampled_records,
    units,
)
from arrhythmia.reading import log_odds, read_beat
from arrhythmia.records import read_record
from arrhythmia.reports import format_faithfulness


@pytest.fixture(scope="module")
def beats(tiny_classifier: Classifier, synthetic_dir: Path) -> Beats:
    return tiny_classifier.find_beats(read_record("106", synthetic_dir))


@pytest.fixture(scope="module")
def model(
    tiny_model: Path, tiny_classifier: Classifier, synthetic_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    """A model with predictions of both halves and the network of a fold."""
    folder = tmp_path_factory.mktemp("explained") / "tiny"
    shutil.copytree(tiny_model, folder)
    table = predict_records(
        tiny_classifier, [read_record(n, synthetic_dir) for n in ("106", "208")]
    )
    for name in ("folds_predictions.csv", "predictions.csv"):
        table.to_csv(folder / name, index=False)
    fold = folder.parent / "tiny-fold1"
    shutil.copytree(tiny_model, fold)
    settings = json.loads((fold / "settings.json").read_text())
    settings["training"]["records"] = ["101"]
    (fold / "settings.json").write_text(json.dumps(settings))
    return folder


def test_units_hold_every_atom_once(tiny_classifier: Classifier, beats: Beats) -> None:
    reading = read_beat(tiny_classifier, beats, 7)
    masks = units(reading)
    samples, inputs, run, _ = reading.sizes
    own = [samples + inputs + reading.here, samples + inputs + run + reading.here]
    held = masks.sum(axis=0)
    assert (np.delete(held, own) == 1).all()
    assert (held[own] == 0).all()
    assert len(masks) == -(-samples // faithfulness.BLOCK) + inputs + 2 * (run - 1)


def test_curves_go_from_the_whole_beat_to_the_reference_and_back(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    reading = read_beat(tiny_classifier, beats, 7)
    masks = units(reading)
    order = np.random.default_rng(0).permutation(len(masks))
    deletion, insertion = curves(tiny_classifier, reading, masks, order)
    n = sum(reading.sizes)
    whole, plain = log_odds(tiny_classifier, reading, np.array([np.ones(n), np.zeros(n)]))
    ends = 1 / (1 + np.exp(-np.array([whole, plain])))
    np.testing.assert_allclose(deletion[[0, -1]], ends, atol=1e-6)
    np.testing.assert_allclose(insertion[[-1, 0]], ends, atol=1e-6)
    backwards, _ = curves(tiny_classifier, reading, masks, order[::-1])
    np.testing.assert_allclose(backwards[0], deletion[0], atol=1e-6)


def test_the_best_order_has_the_smaller_area(tiny_classifier: Classifier, beats: Beats) -> None:
    areas = []
    for beat in np.flatnonzero(beats.beat_class == 2)[:5]:
        reading = read_beat(tiny_classifier, beats, beat)
        masks = units(reading)
        single = log_odds(tiny_classifier, reading, 1.0 - masks)
        evidence = masks @ occlusion(tiny_classifier, reading)
        for found in (evidence, -single):
            best, worst = (curves(tiny_classifier, reading, masks, o)[0]
                           for o in (np.argsort(-found), np.argsort(found)))  # fmt: skip
            areas.append(area(best) / area(worst))
    assert np.mean(areas) < 0.8


def test_area_and_rank_correlation() -> None:
    assert area(np.ones(17)) == pytest.approx(1)
    assert area(np.linspace(1, 0, 17)) == pytest.approx(0.5)
    values = np.random.default_rng(0).random(40)
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.ones(40)) == 0


def test_a_redrawn_network_has_other_weights_and_leaves_the_first_alone(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    before = [w.copy() for w in tiny_classifier.network.get_weights()]
    first, second, again = (redrawn(tiny_classifier, seed) for seed in (0, 1, 0))
    for w, a, b, c in zip(
        before, first.network.get_weights(), second.network.get_weights(),
        again.network.get_weights(), strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(a, c)
        if w.ndim > 1:
            assert np.abs(a - w).max() > 1e-3
            assert np.abs(a - b).max() > 1e-3
    for w, now in zip(before, tiny_classifier.network.get_weights(), strict=True):
        np.testing.assert_array_equal(w, now)


def test_the_sample_is_fixed_and_balanced() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({
        "record": np.repeat(["a", "b"], 500),
        "reference": rng.choice(["N", "S", "V", ""], 1000, p=[0.7, 0.02, 0.27, 0.01]),
    })  # fmt: skip
    chosen = choose_beats(table, 100, 30)
    pd.testing.assert_frame_equal(chosen, choose_beats(table, 100, 30))
    counts = chosen["reference"].value_counts()
    assert counts["N"] == counts["V"] == 100
    assert counts["S"] == (table["reference"] == "S").sum()
    assert chosen.groupby("reference")["few"].sum().max() == 30
    for record, beat, reference in chosen[["record", "beat", "reference"]].to_numpy():
        assert table[table["record"] == record]["reference"].iloc[beat] == reference


def test_fold_networks_explain_only_what_they_have_not_seen(
    model: Path, synthetic_dir: Path
) -> None:
    seen = [s.record.name for s in sampled_records(model, "DS1", synthetic_dir, 5, 2)]
    assert sorted(seen) == ["106", "208"]
    settings = json.loads((model.parent / "tiny-fold1" / "settings.json").read_text())
    assert not set(settings["training"]["records"]) & set(seen)


def test_disturbed_beats_are_the_same_beats_a_little_changed(
    model: Path, synthetic_dir: Path
) -> None:
    sampled = next(iter(sampled_records(model, "DS1", synthetic_dir, 5, 2)))
    found = disturbed(sampled)
    assert set(found) == {"noise", "one sample later"}
    for beats in found.values():
        assert len(beats) == len(sampled.beats)
        change = np.abs(beats.segments - sampled.beats.segments).max()
        assert 0 <= change < 1
    assert np.abs(found["noise"].segments - sampled.beats.segments).max() > 1e-3


def test_every_method_is_measured_and_stored(
    model: Path, synthetic_dir: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    small = measure(model, "DS1", synthetic_dir, each=2, few=1)
    assert set(small["methods"]) == set(METHODS)
    assert sum(small["beats"].values()) == sum(
        len(s.chosen) for s in sampled_records(model, "DS1", synthetic_dir, 2, 1)
    )
    for figures in small["methods"].values():
        assert figures["deletion"] == pytest.approx(area(np.array(figures["deletion curve"])))
        for key in ("randomised", "noise", "one sample later"):
            assert -1 <= figures[key] <= 1
    np.testing.assert_allclose(np.diag(small["agreement"]), 1)

    calls = []

    def stored(_: Path, half: str, *__: object, **___: object) -> dict:
        calls.append(half)
        return small

    monkeypatch.setattr(faithfulness, "measure", stored)
    found = run_faithfulness(model, synthetic_dir)
    assert calls == ["DS1", "DS2"]
    assert (model / "faithfulness.png").is_file()
    text = format_faithfulness(found)
    assert all(method in text for method in METHODS)
    assert run_faithfulness(model, synthetic_dir) == found
    assert calls == ["DS1", "DS2"]  # stored for this very model
    monkeypatch.setattr("arrhythmia.__main__.require_database", lambda *_: None)
    code = main(["faithfulness", "--model", str(model), "--data-dir", str(synthetic_dir)])
    assert code == 0
    assert text in capsys.readouterr().out


def test_a_model_without_predictions_is_told_what_to_run(
    tiny_model: Path, synthetic_dir: Path
) -> None:
    for half, command in (("DS1", "evaluate --model .* --folds"), ("DS2", "evaluate")):
        with pytest.raises(InputError, match=command):
            next(iter(sampled_records(tiny_model, half, synthetic_dir, 5, 2)))
