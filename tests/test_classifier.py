"""Tests of `arrhythmia.classifier`: saving, loading, and what a probability may depend on."""

from __future__ import annotations

import io
import json
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import h5py
import numpy as np
import pytest
from conftest import MakeRecord, error_line

from arrhythmia import classifier as classifiers
from arrhythmia.backend import keras
from arrhythmia.beats import Beats
from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.mitdb import FOLDS
from arrhythmia.model_settings import LARGEST_MODEL, ModelSettings, model_digest, read_settings
from arrhythmia.predictions import PROBABILITY_COLUMNS, read_predictions
from arrhythmia.records import Record, read_record
from arrhythmia.sequences import network_inputs
from arrhythmia.signals import BeatSettings

SYMBOLS = "NNNANNVNNN" * 6
ROUNDING = 1e-5
"""Float32 holds seven digits, and sums are taken in another order on another CPU or in a batch of
another size: the same computation is the same to this."""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Record:
    folder = tmp_path_factory.mktemp("record")
    return read_record(make_record(folder, symbols=SYMBOLS, seed=21))


@pytest.fixture(scope="module")
def beats(record: Record, tiny_classifier: Classifier) -> Beats:
    return tiny_classifier.find_beats(record)


@pytest.fixture(scope="module")
def probabilities(beats: Beats, tiny_classifier: Classifier) -> np.ndarray:
    return tiny_classifier.probabilities(beats)


@pytest.fixture
def model_copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the small model, to be damaged."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def edit_settings(folder: Path, **changes: object) -> None:
    file = folder / "settings.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changes), "utf-8")


# --- saving and loading ---------------------------------------------------------------------


def test_a_model_read_back_gives_the_same_probabilities(
    tiny_classifier: Classifier, beats: Beats, probabilities: np.ndarray, tmp_path: Path
) -> None:
    tiny_classifier.save(tmp_path / "again", "epoch,loss\n1,0.5\n")
    again = Classifier.load(tmp_path / "again")
    assert again.settings == tiny_classifier.settings
    np.testing.assert_allclose(again.probabilities(beats), probabilities, atol=ROUNDING)
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


def test_a_saved_network_holds_no_state_of_its_training(tiny_model: Path) -> None:
    from arrhythmia.backend import keras

    network = keras.saving.load_model(tiny_model / "model.keras")
    assert getattr(network, "optimizer", None) is None


def test_a_model_is_known_by_its_weights_and_settings(
    tiny_classifier: Classifier, model_copy: Path, tmp_path: Path
) -> None:
    digest = model_digest(model_copy)
    assert len(bytes.fromhex(digest)) == 32
    tiny_classifier.save(tmp_path / "again", "epoch,loss\n")
    assert model_digest(tmp_path / "again") == digest  # neither the date nor the history counts
    edit_settings(model_copy, seed=7)
    assert model_digest(model_copy) != digest
    other = Classifier.load(tmp_path / "again")
    other.network.set_weights([weight + 0.1 for weight in other.network.get_weights()])
    other.save(tmp_path / "again")
    assert model_digest(tmp_path / "again") != digest


# --- models that cannot be used -------------------------------------------------------------


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    text = error_line(lambda: Classifier.load(tmp_path / "none"))
    assert f"no model folder '{tmp_path / 'none'}'" in text
    assert "--model" in text


@pytest.mark.parametrize("name", ["settings.json", "model.keras"])
def test_an_incomplete_model_is_named_with_what_it_lacks(model_copy: Path, name: str) -> None:
    (model_copy / name).unlink()
    assert f"lacks '{name}'" in error_line(lambda: Classifier.load(model_copy))


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
    text = error_line(lambda: read_settings(model_copy))
    assert "settings.json' is damaged" in text
    assert key in text


@pytest.mark.parametrize(
    ("key", "value"),
    [("format", 99), ("classes", ["N", "V", "S", "E", "F"]), ("rr_inputs", ["something else"])],
)
def test_settings_of_another_version_are_incompatible(
    model_copy: Path, key: str, value: object
) -> None:
    edit_settings(model_copy, **{key: value})
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
    settings = read_settings(model_copy)
    if change == "run":
        edit_settings(model_copy, run=settings.run + 1)
    else:
        facts = json.loads((model_copy / "settings.json").read_text("utf-8"))
        edit_settings(model_copy, beats=facts["beats"] | {"after": settings.beats.after + 0.1})
    text = error_line(lambda: Classifier.load(model_copy))
    assert "model.keras' takes inputs of shape" in text


# --- finding beats --------------------------------------------------------------------------


def test_the_preprocessing_is_that_of_the_model(
    tiny_classifier: Classifier, record: Record
) -> None:
    other = BeatSettings(fs=150.0, before=0.2, after=0.3)
    settings: ModelSettings = replace(tiny_classifier.settings, beats=other)
    beats = Classifier(tiny_classifier.network, settings).find_beats(record)
    assert beats.fs == 150
    assert beats.segments.shape[1] == 75


def test_lead_and_source_are_the_users_choice(tiny_classifier: Classifier, record: Record) -> None:
    assert tiny_classifier.find_beats(record, lead="V1").lead == "V1"
    detected = tiny_classifier.find_beats(record, source="detect")
    assert len(detected) == pytest.approx(len(SYMBOLS), abs=4)
    assert not detected.annotated
    bare = replace(record, annotation=None)
    np.testing.assert_array_equal(tiny_classifier.find_beats(bare).sample, detected.sample)
    text = error_line(lambda: tiny_classifier.find_beats(bare, source="atr"))
    assert "no reference annotation" in text


# --- classifying ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5, 17, 100])
def test_every_beat_of_a_record_has_probabilities_that_sum_to_one(
    tiny_classifier: Classifier, tmp_path: Path, make_record: MakeRecord, count: int
) -> None:
    short = read_record(make_record(tmp_path, symbols=("NNANNVNN" * 13)[:count]))
    longer = replace(short, signals=np.append(short.signals, short.signals[-1:].repeat(360, 0), 0))
    found = tiny_classifier.probabilities(tiny_classifier.find_beats(longer))
    assert found.shape == (count, len(BEAT_CLASSES))
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=ROUNDING)


def test_a_small_network_learns_the_synthetic_classes(
    beats: Beats, probabilities: np.ndarray
) -> None:
    predicted = probabilities.argmax(axis=1)
    assert np.mean(predicted == beats.beat_class) > 0.9
    assert len(set(predicted)) >= 3


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (0.005, 0.0), (1.0, -5.0), (0.2, 3.0)])
def test_neither_units_nor_offset_change_the_probabilities(
    tiny_classifier: Classifier,
    record: Record,
    probabilities: np.ndarray,
    gain: float,
    offset: float,
) -> None:
    """Filter and resampling round: the inputs agree to 1e-4, so the probabilities to 1e-3."""
    changed = replace(record, signals=gain * record.signals + offset)
    found = tiny_classifier.probabilities(tiny_classifier.find_beats(changed))
    np.testing.assert_allclose(found, probabilities, atol=1e-3)


@pytest.mark.parametrize("fs", [250, 500])
def test_the_sampling_rate_does_not_change_the_class(
    tiny_classifier: Classifier,
    probabilities: np.ndarray,
    tmp_path: Path,
    make_record: MakeRecord,
    fs: int,
) -> None:
    path = make_record(tmp_path, fs=fs, symbols=SYMBOLS, seed=21)
    found = tiny_classifier.probabilities(tiny_classifier.find_beats(read_record(path)))
    assert np.mean(found.argmax(axis=1) == probabilities.argmax(axis=1)) > 0.96


def test_the_annotation_does_not_change_the_probabilities(
    tiny_classifier: Classifier, beats: Beats, probabilities: np.ndarray
) -> None:
    unnamed = replace(beats, symbol=np.full(len(beats), "Q"))
    found = tiny_classifier.probabilities(unnamed)
    np.testing.assert_allclose(found, probabilities, atol=ROUNDING)


def test_some_beats_alone_get_the_same_probabilities(
    tiny_classifier: Classifier, beats: Beats, probabilities: np.ndarray
) -> None:
    wanted = np.array([0, 30, 31])
    some = tiny_classifier.probabilities(beats, wanted)
    np.testing.assert_allclose(some[wanted], probabilities[wanted], atol=ROUNDING)
    assert np.isnan(np.delete(some, wanted, axis=0)).all()


def test_a_long_record_is_classified_in_parts(
    tiny_classifier: Classifier,
    beats: Beats,
    probabilities: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classifiers, "RUNS_AT_ONCE", 7)
    np.testing.assert_allclose(tiny_classifier.probabilities(beats), probabilities, atol=ROUNDING)


def test_runs_get_the_probabilities_of_the_network_as_it_is_saved(
    tiny_classifier: Classifier, synthetic_dir: Path
) -> None:
    inputs = network_inputs(tiny_classifier.find_beats(read_record("208", synthetic_dir)))
    run = tiny_classifier.settings.run
    places = np.arange(6 * run).reshape(6, run)
    expected = tiny_classifier.network([inputs.segments[places], inputs.rr[places]])
    found = tiny_classifier.run_probabilities(inputs, places)
    np.testing.assert_allclose(found, expected, atol=ROUNDING)


def test_scores_are_what_the_softmax_is_taken_of(
    tiny_classifier: Classifier, tiny_model: Path, synthetic_dir: Path
) -> None:
    inputs = network_inputs(tiny_classifier.find_beats(read_record("207", synthetic_dir)))
    places = np.arange(6 * tiny_classifier.settings.run).reshape(6, -1)
    scores = np.exp(tiny_classifier.scores(inputs.segments[places], inputs.rr[places]))
    softmax = scores / scores.sum(axis=-1, keepdims=True)
    expected = tiny_classifier.run_probabilities(inputs, places)
    np.testing.assert_allclose(softmax, expected, atol=ROUNDING)
    traced = Classifier.load(tiny_model).trace()
    again = np.exp(traced.scores(inputs.segments[places], inputs.rr[places]))
    np.testing.assert_allclose(again / again.sum(axis=-1, keepdims=True), expected, atol=ROUNDING)


# --- the shipped models ---------------------------------------------------------------------


def test_the_model_that_comes_with_the_project_is_loaded_by_default() -> None:
    settings = read_settings(DEFAULT_MODEL)
    assert settings.beats == BeatSettings()
    assert Classifier.load().network.input_shape == [
        (None, settings.run, settings.beats.length, 2),
        (None, settings.run, 9),
    ]


@pytest.mark.database
@pytest.mark.parametrize("name", ["201", "207"])
def test_records_left_out_of_a_fold_get_the_stored_probabilities(data_dir: Path, name: str) -> None:
    """The whole path from file to probability, by a network that never saw the record.

    Where it was stored, and here, all four places agree. Twenty units of the last place are left
    for other CPUs, whose sums round otherwise.
    """
    (fold,) = [number for number, names in enumerate(FOLDS, 1) if name in names]
    classifier = Classifier.load(DEFAULT_MODEL.with_name(f"ds1-fold{fold}"))
    beats = classifier.find_beats(read_record(name, data_dir))
    table = read_predictions(DEFAULT_MODEL / "folds_predictions.csv").query("record == @name")
    np.testing.assert_array_equal(beats.sample, table["sample"])
    np.testing.assert_array_equal(beats.symbol, table["symbol"])
    stored = table[list(PROBABILITY_COLUMNS)].to_numpy()
    np.testing.assert_allclose(classifier.probabilities(beats), stored, atol=2e-3)


# --- models of strangers --------------------------------------------------------------------


def edit_archive(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change one entry of the archive of a network."""
    with ZipFile(folder / "model.keras") as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with ZipFile(folder / "model.keras", "w", ZIP_DEFLATED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, change(content) if entry == name else content)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("beats", "fs", 1e9), ("beats", "fs", "100"), ("beats", "fs", True), ("beats", "fs", None),
        ("beats", "band", [0.5, 60.0]), ("beats", "band", [40.0, 0.5]), ("beats", "order", 3.5),
        ("beats", "after", -1.0), ("beats", "search", 100), ("", "run", 10**9), ("", "run", "16"),
        ("", "run", 0), ("", "seed", -1), ("", "training", []), ("", "versions", []),
        ("", "training", {"records": 5}), ("", "templates", {"count": 0}),
        ("", "templates", {"share": 2.0}), ("", "seed", float("nan")),
    ],
)  # fmt: skip
def test_settings_of_another_type_or_out_of_range_are_damaged(
    model_copy: Path, part: str, name: str, value: object
) -> None:
    facts = json.loads((model_copy / "settings.json").read_text("utf-8"))
    edit_settings(model_copy, **({part: facts[part] | {name: value}} if part else {name: value}))
    assert "settings.json' is damaged" in error_line(lambda: read_settings(model_copy))


def test_an_archive_that_unpacks_to_more_than_a_model_is_not_unpacked(model_copy: Path) -> None:
    edit_archive(model_copy, "model.weights.h5", lambda _: bytes(LARGEST_MODEL + 1))
    tracemalloc.start()
    try:
        for read in (Classifier.load, model_digest):
            assert "unpacks to" in error_line(lambda read=read: read(model_copy))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_weights_that_lead_in_a_circle_are_named(model_copy: Path) -> None:
    def change(content: bytes) -> bytes:
        memory = io.BytesIO(content)
        with h5py.File(memory, "a") as file:
            file["layers/again"] = file["layers"]
        return memory.getvalue()

    edit_archive(model_copy, "model.weights.h5", change)
    assert "cannot be loaded" in error_line(lambda: Classifier.load(model_copy))


def test_an_archive_with_a_password_is_named(model_copy: Path) -> None:
    file = model_copy / "model.keras"
    content = bytearray(file.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # of each member, and in the list
        start = content.find(mark)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(mark, start + 1)
    file.write_bytes(content)
    for read in (Classifier.load, model_digest):
        assert "model.keras' " in error_line(lambda read=read: read(model_copy))


@pytest.mark.parametrize("fault", ["shape", "link", "external"])
def test_weights_that_would_fill_the_memory_or_lie_elsewhere_are_refused(
    model_copy: Path, fault: str
) -> None:
    def change(content: bytes) -> bytes:
        memory = io.BytesIO(content)
        with h5py.File(memory, "a") as file:
            if fault == "shape":
                file.create_dataset("more", (10**6, 10**6), "f4", chunks=True)
            elif fault == "link":
                file["more"] = h5py.ExternalLink("/etc/passwd", "/")
            else:
                file.create_dataset("more", (4,), "f4", external=[("/etc/passwd", 0, 16)])
        return memory.getvalue()

    edit_archive(model_copy, "model.weights.h5", change)
    words = "its weights take more than" if fault == "shape" else "its weights lie in another file"
    assert words in error_line(lambda: Classifier.load(model_copy))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"Softmax"', b'"Lambda"', "it holds 'Lambda'"),
        (b'"Functional"', b'"Sequential"', "it holds 'Sequential'"),
        (b'"units": ', b'"units": 9999', "units is 9999"),
        (b'{"module"', b'{"a": ' + b"[" * 100_000, "cannot be loaded"),
    ],
)
def test_a_configuration_of_another_kind_is_refused_before_layers_are_built(
    model_copy: Path, old: bytes, new: bytes, words: str
) -> None:
    edit_archive(model_copy, "config.json", lambda text: text.replace(old, new))
    assert words in error_line(lambda: Classifier.load(model_copy))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(
    tiny_classifier: Classifier, tmp_path: Path, value: float
) -> None:
    network = keras.models.clone_model(tiny_classifier.network)
    network.set_weights(tiny_classifier.network.get_weights())
    weights = network.get_weights()
    weights[0].flat[0] = value
    network.set_weights(weights)
    Classifier(network, tiny_classifier.settings).save(tmp_path / "model")
    text = error_line(lambda: Classifier.load(tmp_path / "model"))
    assert "weights that are NaN or infinite" in text


@pytest.mark.parametrize("kind", ["classes", "unbuilt"])
def test_a_network_of_other_outputs_is_refused(
    tiny_classifier: Classifier, tmp_path: Path, kind: str
) -> None:
    if kind == "classes":
        inputs = [keras.Input(shape[1:]) for shape in tiny_classifier.network.input_shape]
        flat = keras.layers.TimeDistributed(keras.layers.Flatten())(inputs[0])
        outputs = keras.layers.Dense(7)(keras.layers.Concatenate()([flat, inputs[1]]))
        network = keras.Model(inputs, outputs)
    else:
        network = keras.Sequential([keras.layers.Dense(5)])
    Classifier(network, tiny_classifier.settings).save(tmp_path / "model")
    assert "model.keras'" in error_line(lambda: Classifier.load(tmp_path / "model"))


def test_probabilities_that_are_no_numbers_are_refused(
    tiny_classifier: Classifier, beats: Beats
) -> None:
    lost = replace(beats, segments=np.full_like(beats.segments, np.nan))
    text = error_line(lambda: tiny_classifier.network_probabilities(lost))
    assert "have no finite probabilities" in text
