"""How long the promised things take on this machine."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from arrhythmia.mitdb import DS1, DS2, find_data_dir

ROOT: Final = Path(__file__).resolve().parent.parent
NOTEBOOK: Final = ROOT / "Arrhythmia Detection.ipynb"
RECORD: Final = "233"
BEAT: Final = 353
PARTS: Final = ("record", "stages", "day", "explain", "predict", "page", "train", "notebook")
DAY_S: Final = 86_400


def run_benchmark(
    data_dir: str | Path | None, model: str | Path, parts: Sequence[str] | None = None
) -> dict:
    """Time some of `PARTS`, and print a line for each as it ends.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of the database.
    model : str or Path
        Folder of a saved model.
    parts : sequence of str, optional
        Which; all of them by default.

    Returns
    -------
    dict
        What was measured to seconds; to stages with seconds and megabytes, see `studies.stages`;
        ``"cores"``, and ``"load"``: how many processes wanted one when it began.
    """
    report: dict = {"cores": os.cpu_count() or 1}
    if hasattr(os, "getloadavg"):
        report["load"] = round(os.getloadavg()[0], 1)
    print(f"{report['cores']} cores", flush=True)
    timers: dict[str, Callable[[], dict]] = {
        "record": lambda: _time_record(data_dir, model),
        "stages": lambda: _time_stages(data_dir),
        "day": lambda: _time_day(data_dir),
        "explain": lambda: _time_explain(data_dir, model),
        "predict": lambda: _time_predict(data_dir, model),
        "page": lambda: _time_page(data_dir),
        "train": lambda: _time_train(data_dir),
        "notebook": lambda: _time_notebook(data_dir),
    }
    for part in PARTS:
        if parts is None or part in parts:
            for name, found in timers[part]().items():
                if isinstance(found, dict):
                    report.setdefault("stages", {})[name] = found
                    for stage, (seconds, megabytes) in found.items():
                        print(f"{seconds:9.2f} s  {megabytes:6.0f} MB  {name}: {stage}", flush=True)
                else:
                    report[name] = round(found, 3)
                    print(f"{found:9.2f} s  {name}", flush=True)
    return report


def _seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Least time of some repetitions."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _read_with_wfdb(folder: Path, names: Sequence[str]) -> None:
    import wfdb

    for name in names:
        wfdb.rdrecord(str(folder / name))
        wfdb.rdann(str(folder / name), "atr")


def _time_record(data_dir: str | Path | None, model: str | Path) -> dict[str, float]:
    from arrhythmia.classifier import Classifier
    from arrhythmia.records import read_record

    classifier = Classifier.load(model)

    def classify() -> None:
        record = read_record(RECORD, data_dir)
        classifier.probabilities(classifier.find_beats(record))

    classify()  # the first call traces the network
    folder = find_data_dir(data_dir)
    return {
        f"record {RECORD}, files to a class for every beat, model loaded": _seconds(classify, 5),
        f"record {RECORD}, reading the files with wfdb alone": _seconds(
            lambda: _read_with_wfdb(folder, [RECORD]), 5
        ),
    }


def _time_stages(data_dir: str | Path | None) -> dict[str, dict]:
    folder = find_data_dir(data_dir).resolve()
    records = [str(folder / name) for name in (*DS1, *DS2)]
    return {"1 record": _stages([str(folder / RECORD)]), "44 records": _stages(records)}


def _time_day(data_dir: str | Path | None) -> dict[str, dict]:
    with tempfile.TemporaryDirectory() as folder:
        return {"24 hours": _stages([make_day(Path(folder), find_data_dir(data_dir))])}


def make_day(folder: Path, data_dir: Path, seconds: float = DAY_S) -> str:
    """Write a record of two leads as long as a day, of those of DS1 one after the other.

    Returns
    -------
    str
        Its path, without suffix.
    """
    import numpy as np
    import wfdb

    parts, fs = [], 360
    for name in itertools.cycle(DS1):
        parts.append(wfdb.rdrecord(str(data_dir / name), physical=False).d_signal)
        if sum(map(len, parts)) >= seconds * fs:
            break
    digital = np.concatenate(parts)[: int(seconds * fs)]
    wfdb.wrsamp("day", fs, ["mV", "mV"], ["MLII", "V1"], d_signal=digital, fmt=["212", "212"],
                adc_gain=[200, 200], baseline=[1024, 1024], write_dir=str(folder))  # fmt: skip
    return str(folder / "day")


def _stages(records: list[str]) -> dict[str, list[float]]:
    """Seconds and megabytes of each stage, and of reading the same files with ``wfdb`` alone."""
    found: dict[str, list[float]] = {}
    for work in ("annotate", "wfdb"):
        command = [sys.executable, "-m", "studies.stages", work, *records]
        found |= json.loads(_run(command).splitlines()[-1])
    return found


def _time_explain(data_dir: str | Path | None, model: str | Path) -> dict[str, float]:
    from arrhythmia.classifier import Classifier
    from arrhythmia.explain.explanation import find_evidence
    from arrhythmia.explain.method_names import DEFAULT_METHOD, METHOD_NAMES
    from arrhythmia.records import read_record

    classifier = Classifier.load(model)
    beats = classifier.find_beats(read_record(RECORD, data_dir))
    times = {}
    for method in ("grad-cam", DEFAULT_METHOD):
        name = f"one beat explained by {METHOD_NAMES[method]}, model loaded"
        times[name] = _seconds(lambda m=method: find_evidence(classifier, beats, BEAT, m), 5)
    return times


def _time_predict(data_dir: str | Path | None, model: str | Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, str(ROOT / "predict.py"), "--model", str(Path(model).resolve()),
            "--data-dir", str(find_data_dir(data_dir).resolve()),
            "--output", str(Path(folder, "beat.png")),
        ]  # fmt: skip
        start = "import arrhythmia.backend"
        return {
            "predict.py, cold start to figure": _seconds(lambda: _run(command), 3),
            "the import of TensorFlow, for methods with gradients and for training": _seconds(
                lambda: _run([sys.executable, "-c", start]), 3
            ),
        }


def _time_page(data_dir: str | Path | None) -> dict[str, float]:
    from studies.page import time_page

    return time_page(data_dir)


def _time_train(data_dir: str | Path | None) -> dict[str, float]:
    from arrhythmia.train.fit import train

    folder = find_data_dir(data_dir)
    return {
        "raw DS1 to trained model": _seconds(lambda: train(data_dir, verbose=False)),
        "raw DS1, reading the files with wfdb alone": _seconds(
            lambda: _read_with_wfdb(folder, DS1)
        ),
    }


def _time_notebook(data_dir: str | Path | None) -> dict[str, float]:
    import nbformat
    from nbclient import NotebookClient

    os.environ["MITDB_DIR"] = str(find_data_dir(data_dir).resolve())
    os.environ.pop("QUICK", None)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    return {"notebook, top to bottom": _seconds(client.execute)}


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
