"""Tests of `arrhythmia.classifier`: saving, loading, and what a probability may depend on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import MakeRecord

from arrhythmia.beats import Beats, BeatSettings
from arrhythmia.classifier import Classifier, read_settings
from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model import side_by_side
from arrhythmia.records import Record, read_record
from arrhythmia.sequences import network_inputs

if TYPE_CHECKING:
    from arrhythmia.classifier import ModelSettings


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    symbols = "NNNANNVNNN" * 6
    return read_record(make_record(tmp_path_factory.mktemp("record"), symbols=symbols, seed=21))


@pytest.fixture(scope="module")
def beats(record: Record, tiny_classifier: Classifier) -> Beats:
    return tiny_classifier.find_beats(record)


@pytest.fixture
def model_copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the small model, to be damaged."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def error_line(load: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        load()
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- saving and loading ---------------------------------------------------------------------


def test_a_model_read_back_gives_the_same_probabilities(
    tiny_classifier: Classifier, beats: Beats, tmp_path: Path
) -> None:
    tiny_classifier.save(tmp_path / "again", "epoch,loss\n1,0.5\n")
    again = Classifier.load(tmp_path / "again")
    assert again.settings == tiny_classifier.settings
    np.testing.assert_allclose(
        again.probabilities(beats), tiny_classifier.probabilities(beats), atol=1e-6
    )
    assert (tmp_path / "again" / "history.csv").read_text("utf-8") == "epoch,loss\n1,0.5\n"


def test_saving_again_keeps_the_other_files_of_the_folder(
    tiny_classifier: Classifier, model_copy: Path
) -> None:
    (model_copy / "card.md").write_text("card", "utf-8")
    (model_copy / "settings.json").write_text("old", "utf-8")
    tiny_classifier.save(model_copy)
    assert (model_copy / "card.md").read_text("utf-8") == "card"
    assert read_settings(model_copy) == tiny_classifier.settings


def test_a_model_is_saved_nowhere_where_that_cannot_be(
    tiny_classifier: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    assert "cannot write" in error_line(lambda: tiny_classifier.save(tmp_path / "file"))
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_settings_hold_all_that_preprocessing_needs(
    tiny_model: Path, tiny_classifier: Classifier
) -> None:
    facts = json.loads((tiny_model / "settings.json").read_text("utf-8"))
    assert facts["classes"] == list(BEAT_CLASSES)
    assert facts["rr_inputs"]
    assert {"tensorflow", "keras", "numpy", "scipy"} <= set(facts["versions"])
    assert "records" in facts["training"]
    assert BeatSettings(**facts["beats"] | {"band": tuple(facts["beats"]["band"])}) == (
        tiny_classifier.settings.beats
    )


def test_the_preprocessing_is_that_of_the_model(
    tiny_classifier: Classifier, record: Record
) -> None:
    other = BeatSettings(fs=150.0, before=0.2, after=0.3)
    settings: ModelSettings = replace(tiny_classifier.settings, beats=other)
    beats = Classifier(tiny_classifier.network, settings).find_beats(record)
    assert beats.fs == 150
    assert beats.segments.shape[1] == 75


# --- models that cannot be used -------------------------------------------------------------


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    text = error_line(lambda: Classifier.load(tmp_path / "none"))
    assert f"no model folder '{tmp_path / 'none'}'" in text
    assert "--model" in text


@pytest.mark.parametrize("name", ["settings.json", "model.keras"])
def test_an_incomplete_model_is_named_with_what_it_lacks(model_copy: Path, name: str) -> None:
    (model_copy / name).unlink()
    text = error_line(lambda: Classifier.load(model_copy))
    assert f"lacks '{name}'" in text


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe\x00", b'{"format": 1}']
)
def test_damaged_settings_are_named(model_copy: Path, text: bytes) -> None:
    (model_copy / "settings.json").write_bytes(text)
    assert "settings.json' is damaged" in error_line(lambda: Classifier.load(model_copy))


@pytest.mark.parametrize("key", ["beats", "run", "seed", "classes", "rr_inputs", "versions"])
def test_settings_that_lack_something_are_damaged(model_copy: Path, key: str) -> None:
    file = model_copy / "settings.json"
    facts = json.loads(file.read_text("utf-8"))
    del facts[key]
    file.write_text(json.dumps(facts), "utf-8")
    assert key in error_line(lambda: read_settings(model_copy))


@pytest.mark.parametrize(
    ("key", "value"),
    [("format", 99), ("classes", ["N", "V", "S", "E", "F"]), ("rr_inputs", ["something else"])],
)
def test_settings_of_another_version_are_incompatible(
    model_copy: Path, key: str, value: object
) -> None:
    file = model_copy / "settings.json"
    facts = json.loads(file.read_text("utf-8")) | {key: value}
    file.write_text(json.dumps(facts), "utf-8")
    text = error_line(lambda: Classifier.load(model_copy))
    assert "incompatible version" in text
    assert str(model_copy) in text


@pytest.mark.parametrize("part", [0.0, 0.5, 0.98])
def test_a_truncated_network_is_named(model_copy: Path, part: float) -> None:
    file = model_copy / "model.keras"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(part * len(whole))])
    assert f"'{file}' cannot be loaded" in error_line(lambda: Classifier.load(model_copy))


def test_a_file_that_is_no_network_is_named(model_copy: Path) -> None:
    (model_copy / "model.keras").write_text("version https://git-lfs.github.com/spec/v1\n", "utf-8")
    assert "model.keras' cannot be loaded" in error_line(lambda: Classifier.load(model_copy))


@pytest.mark.parametrize("change", ["run", "segment"])
def test_a_network_that_does_not_fit_its_settings_is_named(model_copy: Path, change: str) -> None:
    file = model_copy / "settings.json"
    facts = json.loads(file.read_text("utf-8"))
    if change == "run":
        facts["run"] += 1
    else:
        facts["beats"]["after"] += 0.1
    file.write_text(json.dumps(facts), "utf-8")
    assert "model.keras'" in error_line(lambda: Classifier.load(model_copy))


# --- classifying ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5, 17, 100])
def test_every_beat_of_a_record_has_probabilities_that_sum_to_one(
    tiny_classifier: Classifier, tmp_path: Path, make_record: MakeRecord, count: int
) -> None:
    symbols = ("NNANNVNN" * 13)[:count]
    record = read_record(make_record(tmp_path, symbols=symbols))
    longer = replace(record, signal=np.append(record.signal, np.full(360, record.signal[-1])))
    probabilities = tiny_classifier.probabilities(tiny_classifier.find_beats(longer))
    assert probabilities.shape == (count, len(BEAT_CLASSES))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_a_small_network_learns_the_synthetic_classes(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    found = tiny_classifier.probabilities(beats).argmax(axis=1)
    assert np.mean(found == beats.beat_class) > 0.9
    assert len(set(found)) >= 3


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (0.005, 0.0), (1.0, -5.0), (0.2, 3.0)])
def test_neither_units_nor_offset_change_the_probabilities(
    tiny_classifier: Classifier, record: Record, beats: Beats, gain: float, offset: float
) -> None:
    changed = replace(record, signal=gain * record.signal + offset)
    probabilities = tiny_classifier.probabilities(tiny_classifier.find_beats(changed))
    np.testing.assert_allclose(probabilities, tiny_classifier.probabilities(beats), atol=1e-3)


@pytest.mark.parametrize("fs", [250, 500])
def test_the_sampling_rate_does_not_change_the_class(
    tiny_classifier: Classifier, beats: Beats, tmp_path: Path, make_record: MakeRecord, fs: int
) -> None:
    path = make_record(tmp_path, fs=fs, symbols="NNNANNVNNN" * 6, seed=21)
    found = tiny_classifier.probabilities(tiny_classifier.find_beats(read_record(path)))
    expected = tiny_classifier.probabilities(beats)
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) > 0.96


def test_the_annotation_does_not_change_the_probabilities(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    nobody_knows = replace(beats, beat_class=np.full(len(beats), -1))
    np.testing.assert_array_equal(
        tiny_classifier.probabilities(nobody_knows), tiny_classifier.probabilities(beats)
    )


def test_beats_are_taken_from_the_annotation_or_detected(
    tiny_classifier: Classifier, record: Record
) -> None:
    unknown = replace(record, annotation=None)
    assert "reference annotation" in error_line(lambda: tiny_classifier.find_beats(unknown))
    detected = tiny_classifier.find_beats(unknown, detect=True)
    assert len(detected) == pytest.approx(60, abs=4)
    assert (detected.beat_class == -1).all()


def test_some_beats_alone_get_the_same_probabilities(
    tmp_path: Path, make_record: MakeRecord, tiny_classifier: Classifier
) -> None:
    beats = tiny_classifier.find_beats(read_record(make_record(tmp_path, seconds=60)))
    whole = tiny_classifier.probabilities(beats)
    wanted = np.array([0, 30, 31])
    some = tiny_classifier.probabilities(beats, wanted)
    np.testing.assert_allclose(some[wanted], whole[wanted], atol=1e-5)
    assert np.isnan(np.delete(some, wanted, axis=0)).all()


def test_beats_side_by_side_get_the_networks_own_probabilities(
    tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    """The encoder is run over all beats at once, not by ``TimeDistributed`` as it was saved."""
    inputs = network_inputs(tiny_classifier.find_beats(read_record("208", synthetic_dir)))
    run = tiny_classifier.settings.run
    places = np.arange(6 * run).reshape(6, run)
    batch = [inputs.segments[places], inputs.rr[places]]
    network = tiny_classifier.network
    faster = side_by_side(network)
    np.testing.assert_allclose(faster(batch), network(batch), atol=1e-6)
    assert all(a is b for a, b in zip(faster.weights, network.weights, strict=True))


def test_a_saved_network_holds_no_state_of_its_training(tiny_model: Path) -> None:
    from arrhythmia.backend import keras

    network = keras.saving.load_model(tiny_model / "model.keras")
    assert getattr(network, "optimizer", None) is None
