"""The notebook runs from top to bottom, and is committed as it should be."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from arrhythmia.benchmark import NOTEBOOK, ROOT
from arrhythmia.database import find_data_dir, has_database
from arrhythmia.labels import DS1, DS2


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture
def any_database(make_record: object, tmp_path: Path) -> Path:
    """The real database, or a made-up one where it is not here."""
    if has_database():
        return find_data_dir().resolve()
    for i, name in enumerate(DS1 + DS2):
        make_record(tmp_path / "mitdb", name, seconds=75, seed=i)
    return tmp_path / "mitdb"


def test_cells_are_short(notebook: nbformat.NotebookNode) -> None:
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 10
    assert max(len(source.splitlines()) for source in code) <= 15


def test_committed_with_the_outputs_of_a_full_run(notebook: nbformat.NotebookNode) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 10
    text = "".join(output.get("text", "") for output in outputs)
    assert "AAMI EC57" in text
    assert NOTEBOOK.stat().st_size < 3_000_000


def test_runs_quickly_with_few_records(
    notebook: nbformat.NotebookNode, any_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ROOT / "saved_models" / "ds2_ledger.csv"
    before = ledger.read_bytes() if ledger.exists() else b""
    monkeypatch.setenv("QUICK", "1")
    monkeypatch.setenv("MITDB_DIR", str(any_database))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute()
    assert (ledger.read_bytes() if ledger.exists() else b"") == before, "QUICK opened DS2"
