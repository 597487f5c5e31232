"""Tests of `arrhythmia.annotate.cluster`: what workers write is what is written here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeRecord, error_line

from arrhythmia.__main__ import main
from arrhythmia.annotate import Options, annotate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> list[str]:
    """Six records and one that is none."""
    folder = tmp_path_factory.mktemp("records")
    names = [str(make_record(folder, f"r{i}", seconds=60 + i)) for i in range(6)]
    (folder / "bad.hea").write_text("bad 1 250 1000\nbad.dat 16\n")
    return [*names[:3], str(folder / "bad"), *names[3:]]


@pytest.fixture
def cluster() -> Iterator[object]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        worker_dashboard_address=None, silence_logs=50,
    ) as cluster:  # fmt: skip
        yield cluster


def written(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_a_worker_that_is_killed_loses_nothing(
    records: list[str], cluster: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    local = list(annotate(records, Options(output_dir=str(tmp_path / "local"))))
    options = Options(output_dir="far")  # the workers work elsewhere
    far, killed = [], 0
    for one in annotate(records, options, scheduler=cluster.scheduler_address):
        far.append(one)
        if len(far) == 1:
            killed = next(iter(cluster.workers.values())).pid
            os.kill(killed, signal.SIGKILL)
    assert killed
    assert killed not in [worker.pid for worker in cluster.workers.values()]
    assert [one.name for one in far] == records
    assert [bool(one.error) for one in far] == [name.endswith("bad") for name in records]
    assert [(one.counts, one.notes, one.error) for one in far] == [
        (one.counts, one.notes, one.error) for one in local
    ]
    assert written(tmp_path / "far") == written(tmp_path / "local")
    assert len(written(tmp_path / "far")) == 3 * 6


def test_without_a_scheduler_it_is_said(records: list[str]) -> None:
    text = error_line(lambda: list(annotate(records, scheduler="tcp://127.0.0.1:1")))
    assert "no Dask scheduler at 'tcp://127.0.0.1:1'" in text
    text = error_line(lambda: list(annotate(records, scheduler="what://x")))
    assert "what://x" in text


def test_a_scheduler_and_jobs_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["annotate", "233", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"])
    assert leaving.value.code == 2
    assert "--scheduler" in capsys.readouterr().err
