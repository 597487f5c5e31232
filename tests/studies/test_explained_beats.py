"""Tests of `studies.explained_beats`: a fixed sample, and networks that are new to it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import error_line

from arrhythmia.classifier import Classifier
from studies.explained_beats import choose_beats, disturbed, redrawn, sampled_records


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


def test_networks_of_folds_explain_only_what_they_have_not_seen(
    explained_model: Path, synthetic_dir: Path
) -> None:
    sample = list(sampled_records(explained_model, "DS1", synthetic_dir, 5, 2))
    assert sorted(s.record.name for s in sample) == ["106", "208"]
    fold = explained_model.parent / "tiny-fold1" / "settings.json"
    known = json.loads(fold.read_text())["training"]["records"]
    assert not set(known) & {s.record.name for s in sample}
    for sampled in sample:
        assert set(sampled.few) <= set(sampled.chosen)
        assert len(set(sampled.chosen)) == len(sampled.chosen)


def test_a_model_without_predictions_is_told_what_to_run(
    tiny_model: Path, synthetic_dir: Path
) -> None:
    for half, end in (("DS1", f"--model {tiny_model} --folds'"), ("DS2", f"{tiny_model}'")):
        text = error_line(lambda h=half: next(sampled_records(tiny_model, h, synthetic_dir, 5, 2)))
        assert "python -m arrhythmia evaluate" in text
        assert text.endswith(end)


def test_disturbed_beats_are_the_same_beats_a_little_changed(
    explained_model: Path, synthetic_dir: Path
) -> None:
    sampled = next(sampled_records(explained_model, "DS1", synthetic_dir, 5, 2))
    changed = disturbed(sampled)
    assert set(changed) == {"noise", "one sample later"}
    for beats in changed.values():
        assert len(beats) == len(sampled.beats)
        assert np.abs(beats.segments - sampled.beats.segments).max() < 1
    assert np.abs(changed["noise"].segments - sampled.beats.segments).max() > 1e-3
    later = changed["one sample later"].sample - sampled.beats.sample
    assert set(later[:-1]) == {1}


def test_a_redrawn_network_has_other_weights_and_leaves_the_first_alone(
    tiny_classifier: Classifier,
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
