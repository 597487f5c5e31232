"""The notebook runs from top to bottom, and is committed as it should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import MakeRecord
from nbclient import NotebookClient

from arrhythmia.files import CLONE
from arrhythmia.mitdb import DS1, DS2, find_data_dir, has_database

NOTEBOOK = CLONE / "Arrhythmia Detection.ipynb"
LEDGER = CLONE / "saved_models" / "ds2_ledger.csv"
CELLS, LINES = 45, 15

STEPS_ARE_THOSE_OF_THE_PACKAGE = """
from arrhythmia.beats import find_beats
from arrhythmia.sequences import network_inputs

package = find_beats(record, BEATS)
assert np.abs(centers / BEATS.fs - package.centers).max() < 0.011
assert np.abs(scaled_template - package.template_beat).max() < 0.3
inputs = np.stack([scaled, 2 * difference], axis=-1)
pairs = zip(inputs, network_inputs(package).segments)
alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
assert np.median(alike) > 0.95, np.median(alike)
"""
"""Run after the last of the steps from signal to beat. The package also cuts between samples."""


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture
def any_database(make_record: MakeRecord, tmp_path: Path) -> Path:
    """The real database, or a made-up one where it is not here."""
    if has_database():
        return find_data_dir().resolve()
    for i, name in enumerate(DS1 + DS2):
        make_record(tmp_path / "mitdb", name, seconds=90, seed=i)
    return tmp_path / "mitdb"


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_cells_are_few_and_short(notebook: nbformat.NotebookNode) -> None:
    assert 20 < len(notebook.cells) <= CELLS
    assert max(len(cell.source.splitlines()) for cell in code_cells(notebook)) <= LINES


def test_committed_with_the_outputs_of_a_full_run(notebook: nbformat.NotebookNode) -> None:
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 10
    text = "".join(output.get("text", "") for output in outputs)
    assert "AAMI EC57" in text
    assert "5 networks of 40 epochs" in text, "these are the outputs of a run with QUICK=1"
    assert str(CLONE) not in NOTEBOOK.read_text(encoding="utf-8")
    assert NOTEBOOK.stat().st_size < 3_000_000


def layers_of(network: object) -> Iterator[tuple]:
    """Kind, settings and weights of every layer, those of the encoder too; names do not count."""
    for layer in network.layers:
        inner = getattr(layer, "layer", None)
        if inner is not None and hasattr(inner, "layers"):  # the encoder within TimeDistributed
            yield from layers_of(inner)
            continue
        config = {k: v for k, v in layer.get_config().items() if k not in ("name", "layer")}
        config.pop("backward_layer", None)
        if inner is not None:
            config["of"] = (type(inner).__name__, inner.units, inner.return_sequences)
        yield type(layer).__name__, config, [weight.shape for weight in layer.get_weights()]


def test_the_network_written_out_is_that_of_the_package(notebook: nbformat.NotebookNode) -> None:
    from arrhythmia.labels import BEAT_CLASSES
    from arrhythmia.model import build_network
    from arrhythmia.sequences import RR_INPUTS
    from arrhythmia.signals import BeatSettings
    from arrhythmia.train.settings import TrainingSettings

    beats, settings = BeatSettings(), TrainingSettings()
    names = {"BEATS": beats, "SETTINGS": settings, "BEAT_CLASSES": BEAT_CLASSES, "SEED": 0}
    written = [c.source for c in code_cells(notebook) if "keras.Input(" in c.source]
    assert len(written) == 2  # the encoder, and the network around it
    for source in written:
        exec(source, names)
    wanted = build_network(beats.length, len(RR_INPUTS), settings.network)
    assert list(layers_of(names["network"])) == list(layers_of(wanted))
    for one, other in zip(names["network"].inputs, wanted.inputs, strict=True):
        assert (one.name, one.shape) == (other.name, other.shape)
    names["network"].set_weights(wanted.get_weights())
    rng = np.random.default_rng(0)
    some = [rng.normal(size=(2, *one.shape[1:])).astype(np.float32) for one in wanted.inputs]
    outputs = [model(some, training=False) for model in (names["network"], wanted)]
    np.testing.assert_allclose(*outputs, atol=1e-6)  # connected in the same way too


@pytest.mark.slow
def test_runs_quickly_with_few_records(
    notebook: nbformat.NotebookNode, any_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = LEDGER.read_bytes()
    monkeypatch.setenv("QUICK", "1")
    monkeypatch.setenv("MITDB_DIR", str(any_database))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(CLONE), os.environ.get("PYTHONPATH", "")])
    )
    last_step = next(
        i for i, c in enumerate(notebook.cells) if "scaled, scaled_template =" in c.source
    )
    check = nbformat.v4.new_code_cell(STEPS_ARE_THOSE_OF_THE_PACKAGE)
    notebook.cells.insert(last_step + 1, check)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(CLONE)}},
    )
    client.execute()
    assert LEDGER.read_bytes() == before, "QUICK evaluated DS2"
