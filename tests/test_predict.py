"""Tests of ``predict.py``: what it prints, writes, and refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import wfdb
from matplotlib import pyplot as plt
from PIL import Image

import predict
from arrhythmia.beats import BeatSettings
from arrhythmia.classifier import DEFAULT_MODEL, ModelSettings
from arrhythmia.explanation import (
    DEFAULT_METHOD,
    METHOD_NAMES,
    METHODS,
    PARTS,
    Explanation,
    explain,
)
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES, GROUPINGS
from arrhythmia.plotting import chance
from arrhythmia.records import EXCERPT_NAME, EXCERPT_START, read_record

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

PROJECT = Path(predict.__file__).parent
SYMBOLS = (*"NNNNLNVNNAN", "Q", *"NNVNNFNNNN")
"""Beats of the record "syn"."""


class Result(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, make_record: Callable[..., Path]) -> Path:
    """Folder with the record "syn", and "bare", the same without annotation."""
    folder = tmp_path_factory.mktemp("records")
    make_record(folder, "syn", symbols=SYMBOLS)
    make_record(folder, "bare", symbols=SYMBOLS, annotate=False)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no database."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MITDB_DIR", raising=False)
    yield folder
    plt.close("all")


@pytest.fixture
def run(tiny_model: Path, records: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``predict.main`` on the tiny model; ``SYN`` and ``BARE`` stand for the records."""

    def run(*options: str | Path, model: Path = tiny_model) -> Result:
        names = {"SYN": str(records / "syn"), "BARE": str(records / "bare")}
        argv = ["--model", str(model), *(names.get(str(o), str(o)) for o in options)]
        capsys.readouterr()
        try:
            code = predict.main(argv)
        except SystemExit as leaving:
            code = leaving.code
        return Result(code, *capsys.readouterr())

    return run


def found(result: Result) -> dict:
    assert result.code == 0, result.err
    return json.loads(result.out)


def assert_refused(result: Result, words: Sequence[str], here: Path, before: set[Path]) -> None:
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("predict.py: error: ")
    assert result.err.count("\n") == 1
    assert result.err.endswith("\n")
    for word in words:
        assert word in result.err
    assert set(here.parent.rglob("*")) == before


def write(folder: Path, signal: np.ndarray, fs: float = 360) -> Path:
    """A record "odd" of one lead, without annotation."""
    folder.mkdir(exist_ok=True)
    wfdb.wrsamp(
        "odd", fs, ["mV"], ["MLII"], p_signal=signal[:, None], fmt=["16"], adc_gain=[200],
        baseline=[0], write_dir=str(folder),
    )  # fmt: skip
    return folder / "odd"


# What it finds


def test_json_agrees_with_the_classifier_on_the_whole_record(
    run: Run, records: Path, tiny_classifier: Classifier
) -> None:
    f = found(run("--record", "SYN", "--beat", "6", "--json"))
    record = read_record(records / "syn")
    wanted = tiny_classifier.probabilities(tiny_classifier.find_beats(record))[6]
    assert list(f["probabilities"]) == list(BEAT_CLASSES)
    assert list(f["probabilities"].values()) == pytest.approx(wanted, abs=1e-4)
    assert f["class"] == BEAT_CLASSES[int(wanted.argmax())]
    assert f["class_name"] == CLASS_NAMES[f["class"]]
    assert f["probability"] == f["probabilities"][f["class"]]
    assert f["explained_class"] == f["class"]
    assert (f["record"], f["lead"], f["beat"], f["beats"]) == ("syn", "MLII", 6, len(SYMBOLS))


def test_probabilities_sum_to_one_in_every_grouping(run: Run) -> None:
    f = found(run("--record", "SYN", "--json"))
    assert sum(f["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert list(f["groupings"]) == list(GROUPINGS)
    for name, values in f["groupings"].items():
        assert sum(values.values()) == pytest.approx(1, abs=1e-4)
        for grouped_class, made_of in GROUPINGS[name].items():
            together = sum(f["probabilities"][c] for c in made_of)
            assert values[grouped_class] == pytest.approx(together, abs=1e-4)


def test_timing_is_that_of_the_annotation(run: Run, records: Path) -> None:
    f = found(run("--record", "SYN", "--beat", "6", "--json"))
    annotation = wfdb.rdann(str(records / "syn"), "atr")
    beats = annotation.sample[[s not in "+~|" for s in annotation.symbol]]
    assert f["sample"] == beats[6]
    assert f["seconds"] == pytest.approx(beats[6] / 360, abs=1e-3)
    assert f["rr_before_s"] == pytest.approx((beats[6] - beats[5]) / 360, abs=1e-4)
    assert f["rr_after_s"] == pytest.approx((beats[7] - beats[6]) / 360, abs=1e-4)
    assert f["heart_rate_per_min"] == pytest.approx(60 / f["rr_before_s"], abs=0.1)
    assert f["median_heart_rate_per_min"] == pytest.approx(75, abs=10)


def test_reference_is_told_in_words(run: Run) -> None:
    f = found(run("--record", "SYN", "--beat", "6", "--json"))
    wanted = {"symbol": "V", "name": "premature ventricular contraction", "class": "V"}
    assert f["reference"] == wanted
    f = found(run("--record", "SYN", "--beat", "11", "--json"))
    assert f["reference"] == {"symbol": "Q", "name": "unclassifiable beat", "class": None}
    text = run("--record", "SYN", "--beat", "11").out
    assert "reference: Q, unclassifiable beat (of no class that the model knows)\n" in text


def test_text_says_what_matters_first(run: Run) -> None:
    f = found(run("--record", "SYN", "--beat", "6", "--json"))
    lines = run("--record", "SYN", "--beat", "6").out.splitlines()
    assert lines[0] == f"{f['class']} – {f['class_name']}, p {chance(f['probability'])}"
    assert lines[1] == "reference: V, premature ventricular contraction"
    assert lines[4] == f["sentence"]
    assert lines[5].startswith(f"Evidence for {f['class']} ")
    assert lines[6].startswith("What if: ")
    assert lines[-2] == "figure: beat_syn_6.png"
    assert lines[-1] == "Research software, not a medical device."
    text = "\n".join(lines)
    assert f"{f['time']} (sample {f['sample']}, reference annotation)" in text
    for values in f["groupings"].values():
        top = max(values, key=values.get)
        assert f"> {top}  {values[top]:.3f}  {CLASS_NAMES[top]}" in text
    assert sum(line.startswith("> ") for line in lines) == len(GROUPINGS)


def test_first_and_last_beat_lack_an_interval(run: Run) -> None:
    f = found(run("--record", "SYN", "--beat", "0", "--json"))
    assert (f["rr_before_s"], f["heart_rate_per_min"]) == (None, None)
    assert f["rr_after_s"] > 0
    f = found(run("--record", "SYN", "--beat", len(SYMBOLS) - 1, "--json"))
    assert f["rr_after_s"] is None
    assert f["rr_before_s"] > 0
    assert "RR before    –" in run("--record", "SYN", "--beat", "0").out


def test_a_record_of_one_beat(run: Run, make_record: Callable[..., Path], tmp_path: Path) -> None:
    path = make_record(tmp_path, "one", symbols=["N"], seconds=3)
    signal = np.pad(wfdb.rdrecord(str(path)).p_signal[:, 0], (0, 900))
    path = write(tmp_path, signal)
    shutil.copy(tmp_path / "one.atr", tmp_path / "odd.atr")
    f = found(run("--record", path, "--json"))
    assert (f["beats"], f["median_rr_s"], f["heart_rate_per_min"]) == (1, None, None)
    assert run("--record", path).code == 0


# Which beat


def test_beat_time_and_sample_find_the_same_beat(run: Run) -> None:
    by_beat = found(run("--record", "SYN", "--beat", "14", "--json"))
    sample, seconds = by_beat["sample"], by_beat["seconds"]
    assert found(run("--record", "SYN", "--sample", sample + 30, "--json")) == by_beat
    for text in (f"{seconds:.3f}", f"00:{seconds:06.3f}", f"00:00:{seconds:.2f}", by_beat["time"]):
        assert found(run("--record", "SYN", "--time", text, "--json")) == by_beat


def test_without_a_place_the_beat_in_the_middle_is_taken(run: Run, records: Path) -> None:
    f = found(run("--record", "SYN", "--json"))
    assert abs(f["seconds"] - read_record(records / "syn").seconds / 2) < 0.8


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:05:12.3", 312.3), ("5:12", 312.0), ("312", 312.0), ("312.25", 312.25),
        ("01:00:00", 3600.0), ("0", 0.0),
    ],
)  # fmt: skip
def test_forms_of_time(text: str, seconds: float) -> None:
    options = predict._parser().parse_args(["--time", text])
    assert options.time == pytest.approx(seconds)


@pytest.mark.parametrize("form", ["syn", "syn.dat", "syn.hea", "syn.atr", "mitdb/syn", "PATH.dat"])
def test_forms_of_a_record(run: Run, records: Path, form: str) -> None:
    form = form.replace("PATH", str(records / "syn"))
    f = found(run("--record", form, "--data-dir", records, "--beat", "6", "--json"))
    assert (f["record"], f["beat"]) == ("syn", 6)


def test_lead_is_chosen_by_name(run: Run) -> None:
    f = found(run("--record", "SYN", "--lead", "V1", "--beat", "6", "--json"))
    assert f["lead"] == "V1"


def test_r_peaks_are_detected_without_annotation(run: Run) -> None:
    wanted = found(run("--record", "SYN", "--beat", "12", "--json"))
    result = run("--record", "BARE", "--sample", wanted["sample"], "--json")
    f = found(result)
    assert abs(f["sample"] - wanted["sample"]) < 0.05 * 360
    assert (f["reference"], f["r_peaks"]) == (None, "detected")
    assert "no reference annotation: R peaks are detected" in result.err
    assert "reference:" not in run("--record", "BARE").out


def test_notes_go_to_stderr_one_a_line(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    result = run("--record", "BARE", "--json")
    lines = result.err.splitlines()
    assert [line.removeprefix("note: ") for line in lines] == found(result)["notes"]
    assert all(line.startswith("note: ") for line in lines)


def test_a_record_of_the_training_data_is_called_so(run: Run, synthetic_dir: Path) -> None:
    result = run("--record", "208", "--data-dir", synthetic_dir)
    assert "record 208 was in the training data of this model" in result.err


def test_a_far_beat_is_called_so(
    run: Run, make_record: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_record(tmp_path, "short", symbols=["N"] * 5)
    signal = np.pad(wfdb.rdrecord(str(path)).p_signal[:, 0], (0, 3600))
    odd = write(tmp_path, signal)
    shutil.copy(tmp_path / "short.atr", tmp_path / "odd.atr")
    assert "from the place asked for" in run("--record", odd, "--time", "12").err
    assert "from the place asked for" not in run("--record", odd, "--time", "1.5").err


# The sample beat


def test_without_the_database_the_excerpt_is_shown_with_a_plain_note(run: Run) -> None:
    result = run("--json")
    f = found(result)
    assert f["record"] == EXCERPT_NAME
    assert abs(f["sample"] - predict.EXCERPT_SAMPLE) < 0.1 * 360
    assert "python -m arrhythmia download" in result.err
    assert "this patient was in the training data" in result.err


def test_the_excerpt_can_be_named(run: Run) -> None:
    result = run("--record", EXCERPT_NAME, "--time", "00:00:20", "--json")
    assert found(result)["seconds"] == pytest.approx(20, abs=0.6)
    assert "this patient was in the training data" in result.err
    assert "download" not in result.err


@pytest.mark.database
def test_sample_beat_is_ventricular_and_of_a_patient_never_seen(run: Run, data_dir: Path) -> None:
    result = run("--data-dir", data_dir, "--json")
    f = found(result)
    assert (f["record"], f["sample"], f["reference"]["symbol"]) == ("233", predict.SAMPLE, "V")
    assert "a patient the model never saw" in result.err


@pytest.mark.database
def test_sample_of_the_excerpt_is_ventricular(data_dir: Path) -> None:
    annotation = read_record("208", data_dir).annotation
    near = np.abs(annotation.sample - EXCERPT_START - predict.EXCERPT_SAMPLE)
    assert near.min() < 0.05 * 360
    assert annotation.symbol[near.argmin()] == "V"


@pytest.mark.database
@pytest.mark.skipif(
    not (DEFAULT_MODEL / "settings.json").is_file(), reason="the project's own model is not here"
)
def test_the_project_s_model_knows_both_sample_beats(run: Run, data_dir: Path) -> None:
    for options in (["--data-dir", data_dir], ["--sample", predict.EXCERPT_SAMPLE]):
        f = found(run(*options, "--json", model=DEFAULT_MODEL))
        assert f["class"] == "V"
        assert f["probability"] > 0.8
        assert f["explanation_note"] == ""


# The figure


def test_figure_is_a_whole_png_of_readable_size(run: Run, here: Path) -> None:
    f = found(run("--record", "SYN", "--beat", "6", "--output", "new/folder/one.png", "--json"))
    assert f["figure"] == str(Path("new/folder/one.png"))
    with Image.open(f["figure"]) as image:
        image.load()
        assert image.format == "PNG"
        assert 1800 < image.width < 2600
        assert 600 < image.height < 2600
        assert len(image.convert("RGB").getcolors(10**6)) > 100
    assert [p.name for p in here.rglob("*.*")] == ["one.png"]


def test_figure_has_a_name_of_its_own_by_default(run: Run, here: Path) -> None:
    assert found(run("--record", "SYN", "--beat", "6", "--json"))["figure"] == "beat_syn_6.png"
    assert [p.name for p in here.iterdir()] == ["beat_syn_6.png"]


def test_the_class_asked_for_is_explained(
    run: Run, tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    draw = predict.draw
    monkeypatch.setattr(predict, "draw", lambda *a: figures.append(draw(*a)) or figures[-1])
    f = found(run("--record", "SYN", "--beat", "6", "--target-class", "F", "--json"))
    assert f["explained_class"] == "F"
    titles = [ax.get_title(loc="left") for ax in figures[0].axes]
    name = METHOD_NAMES[DEFAULT_METHOD]
    assert f"evidence for F, {name} (hatched: against)" in titles
    assert f["class"] == found(run("--record", "SYN", "--beat", "6", "--json"))["class"]


def test_an_empty_heatmap_is_told_and_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*arguments: object) -> Explanation:
        found = explain(*arguments)
        return replace(found, samples=np.zeros_like(found.samples))

    monkeypatch.setattr(predict, "explain", nothing)
    figures = []
    draw = predict.draw
    monkeypatch.setattr(predict, "draw", lambda *a: figures.append(draw(*a)) or figures[-1])
    result = run("--record", "SYN", "--target-class", "E", "--method", "grad-cam")
    assert result.code == 0
    message = "Grad-CAM finds nothing in the shape of this beat that speaks for E"
    assert message in result.out
    assert message in [t.get_text() for t in figures[0].axes[0].texts]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains(run: Run, method: str) -> None:
    f = found(run("--record", "SYN", "--beat", "6", "--method", method, "--json"))
    assert f["method"] == method
    assert set(f["evidence_percent"]) == set(PARTS)
    assert METHOD_NAMES[method] in run("--record", "SYN", "--beat", "6", "--method", method).out


def test_confidence_is_told_where_the_model_is_calibrated(run: Run) -> None:
    text = run("--record", "SYN", "--beat", "6")
    assert "The probability is not calibrated" in text.out
    f = found(run("--record", "SYN", "--beat", "6", "--json", model=DEFAULT_MODEL))
    assert f["calibrated"][f["class"]] == pytest.approx(f["probability"], abs=0.05)
    assert set(f["set_90"]) <= set(f["set_95"]) <= set("NSVF")
    assert bool(f["refer_reason"]) == f["refer"]
    lines = run("--record", "SYN", "--beat", "6", model=DEFAULT_MODEL).out.splitlines()
    assert lines[2].startswith(f"Calibrated p({f['class']}) ")
    assert f"90 % set: {' or '.join(f['set_90'])} (of N, S, V, F" in lines[2]
    assert any(line.startswith("Refer to a cardiologist: ") for line in lines) == f["refer"]


def test_a_beat_in_a_flat_stretch_is_not_assessed(run: Run, records: Path, tmp_path: Path) -> None:
    record = read_record(records / "syn")
    signal = record.signal.copy()
    peak = int(record.annotation.sample[[s in "NV" for s in record.annotation.symbol]][6])
    signal[peak - 700 : peak + 700] = signal[peak - 700]
    path = write(tmp_path / "flat", signal)
    shutil.copy(records / "syn.atr", path.with_suffix(".atr"))
    result = run("--record", path, "--sample", str(peak), model=DEFAULT_MODEL)
    assert result.code == 0, result.err
    first = result.out.splitlines()[0]
    assert first.startswith("not assessable: ")
    assert "the network would say" in first
    assert "Refer to a cardiologist: not assessable" in result.out
    f = found(run("--record", path, "--sample", str(peak), "--json", model=DEFAULT_MODEL))
    assert (f["assessable"], f["refer"]) == (False, True)


def test_a_page_is_written_too(run: Run, here: Path) -> None:
    f = found(run("--record", "SYN", "--beat", "6", "--html", "beat.html", "--json"))
    page = (here / f["page"]).read_text(encoding="utf-8")
    assert f["sentence"] in page


@pytest.mark.parametrize(("path", "words"), [("beat.txt", "HTML"), ("/proc/beat.html", "--html")])
def test_a_page_that_cannot_be_written_is_refused(
    run: Run, here: Path, path: str, words: str
) -> None:
    before = set(here.parent.rglob("*"))
    result = run("--record", "SYN", "--beat", "6", "--html", path)
    assert_refused(result, [path, words], here, before)


@pytest.mark.parametrize(("seconds", "symbols"), [(1.2, 1), (3, 3)])
def test_a_short_recording(run: Run, tmp_path: Path, seconds: float, symbols: int) -> None:
    times = np.arange(round(seconds * 360)) / 360
    signal = sum(np.exp(-0.5 * ((times - 0.6 - i) / 0.012) ** 2) for i in range(symbols))
    path = write(tmp_path, signal)
    r_peaks = np.rint((0.6 + np.arange(symbols)) * 360).astype(int)
    wfdb.wrann("odd", "atr", r_peaks, symbol=["N"] * symbols, write_dir=str(tmp_path))
    f = found(run("--record", path, "--json"))
    assert f["beats"] == symbols
    with Image.open(f["figure"]) as image:
        image.load()


# What it refuses

BAD_OPTIONS = {
    "unknown record": (["--record", "nowhere"], ["'nowhere'"]),
    "no database": (["--data-dir", "empty"], ["'empty'", "download"]),
    "beat too great": (["--record", "SYN", "--beat", "9999"], ["9999", "0 to 21"]),
    "negative beat": (["--record", "SYN", "--beat", "-1"], ["-1", "0 to 21"]),
    "beat is no number": (["--record", "SYN", "--beat", "six"], ["'six'"]),
    "time too late": (["--record", "SYN", "--time", "00:10:00"], ["600 s", "from 0 to 1"]),
    "time is none": (["--record", "SYN", "--time", "noon"], ["'noon'", "HH:MM:SS"]),
    "time is nan": (["--record", "SYN", "--time", "nan"], ["'nan'", "HH:MM:SS"]),
    "negative time": (["--record", "SYN", "--time", "-3"], ["'-3'"]),
    "75 minutes": (["--record", "SYN", "--time", "00:75:00"], ["'00:75:00'"]),
    "sample too great": (["--record", "SYN", "--sample", "10000000"], ["10000000", "0 to "]),
    "negative sample": (["--record", "SYN", "--sample", "-5"], ["-5", "0 to "]),
    "two places": (["--record", "SYN", "--beat", "1", "--time", "2"], ["--beat", "--time"]),
    "lead lacking": (["--record", "SYN", "--lead", "aVR"], ["'aVR'", "MLII, V1"]),
    "lead of the excerpt": (["--record", EXCERPT_NAME, "--lead", "V1"], ["'V1'", "MLII"]),
    "class unknown": (["--record", "SYN", "--target-class", "Q"], ["'Q'", "choose from"]),
    "option misspelt": (["--recrod", "SYN"], ["--recrod"]),
    "option abbreviated": (["--rec", "SYN"], ["--rec"]),
    "value lacking": (["--record"], ["--record"]),
    "not a png": (["--record", "SYN", "--output", "beat.pdf"], ["'beat.pdf'", ".png"]),
    "figure is a folder": (["--record", "SYN", "--output", "folder.png"], ["folder.png"]),
    "below a file": (["--record", "SYN", "--output", "file/beat.png"], ["file/beat.png"]),
    "no display": (["--record", "SYN", "--show"], ["display", "--show"]),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(case: str, run: Run, here: Path) -> None:
    for name in ("empty", "folder.png"):
        (here / name).mkdir()
    (here / "file").write_text("")
    before = set(here.parent.rglob("*"))
    options, words = BAD_OPTIONS[case]
    assert_refused(run(*options), words, here, before)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write")
def test_folder_that_cannot_be_written(run: Run, here: Path) -> None:
    before = set(here.parent.rglob("*"))
    result = run("--record", "SYN", "--output", "/proc/beat.png")
    assert_refused(result, ["/proc/beat.png", "--output"], here, before)


def lose(suffix: str) -> Callable[[Path], None]:
    return lambda path: path.with_suffix(suffix).unlink()


def truncate(path: Path) -> None:
    file = path.with_suffix(".dat")
    file.write_bytes(file.read_bytes()[:5000])


def replace_signal(signal: np.ndarray, fs: float = 360) -> Callable[[Path], None]:
    return lambda path: write(path.parent, signal, fs) and None


BEATS = np.tile(np.exp(-0.5 * ((np.arange(288) - 100) / 4) ** 2), 20)
BAD_RECORDS = {
    "no header": (lose(".hea"), ["odd.hea"]),
    "no signal": (lose(".dat"), ["odd.dat"]),
    "truncated": (truncate, ["odd.dat", "truncated"]),
    "header is none": (lambda p: p.with_suffix(".hea").write_text("hello\n"), ["odd.hea"]),
    "flat": (replace_signal(np.zeros(3600)), ["MLII", "flat"]),
    "invalid": (replace_signal(np.where(np.arange(5760) > 800, np.nan, BEATS)), ["NaN"]),
    "too short": (replace_signal(BEATS[:200]), ["0.56 s"]),
    "slow": (replace_signal(BEATS, 60), ["60 Hz"]),
    "annotation is none": (lambda p: p.with_suffix(".atr").write_bytes(b"x"), ["odd.atr"]),
}


@pytest.mark.parametrize("annotated", [True, False])
@pytest.mark.parametrize("case", BAD_RECORDS)
def test_bad_records(case: str, annotated: bool, run: Run, here: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "bad", BEATS)
    if annotated:
        wfdb.wrann("odd", "atr", np.array([100]), symbol=["N"], write_dir=str(path.parent))
    spoil, words = BAD_RECORDS[case]
    spoil(path)
    before = set(here.parent.rglob("*"))
    assert_refused(run("--record", path), words, here, before)


def set_format(folder: Path) -> None:
    facts = json.loads((folder / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps(facts | {"format": -1}))


BAD_MODELS = {
    "missing": (shutil.rmtree, "no model folder"),
    "incomplete": (lambda f: (f / "model.keras").unlink(), "'model.keras'"),
    "without settings": (lambda f: (f / "settings.json").unlink(), "'settings.json'"),
    "damaged settings": (lambda f: (f / "settings.json").write_text("{"), "damaged"),
    "incompatible": (set_format, "incompatible"),
    "damaged network": (lambda f: (f / "model.keras").write_bytes(b"PK"), "model.keras"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_bad_models(case: str, run: Run, tiny_model: Path, here: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    spoil, word = BAD_MODELS[case]
    spoil(folder)
    before = set(here.parent.rglob("*"))
    assert_refused(run("--record", "BARE", model=folder), [word], here, before)


def test_interrupted_it_leaves_nothing(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", interrupt)
    result = run("--record", "SYN")
    assert (result.code, result.out, result.err) == (130, "", "\npredict.py: stopped\n")
    assert not list(here.iterdir())


def test_unknown_training_records_make_no_claims(records: Path) -> None:
    settings = ModelSettings(BeatSettings(), 16, 0)
    options = predict._parser().parse_args(["--record", str(records / "syn")])
    assert predict.choose(options, settings).notes == ()


# As a command of its own


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def test_command_works_elsewhere_without_the_database(tiny_model: Path, here: Path) -> None:
    script = str(PROJECT / "predict.py")
    done = python(script, "--model", str(tiny_model), cwd=here)
    assert done.returncode == 0, done.stderr
    (figure,) = here.iterdir()
    assert figure.name in done.stdout
    assert done.stdout.endswith("Research software, not a medical device.\n")
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    "options",
    [
        "--record nowhere",
        "--record SYN --beat 99",
        "--record SYN --lead x",
        "--record SYN --output a.pdf",
    ],
)
def test_bad_input_is_told_before_tensorflow_is_imported(
    options: str, tiny_model: Path, records: Path, here: Path
) -> None:
    argv = ["--model", str(tiny_model), *options.replace("SYN", str(records / "syn")).split()]
    code = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import predict; "
        f"code = predict.main({argv!r}); "
        "slow = {'tensorflow', 'keras', 'sleepecg', 'matplotlib.pyplot'} & set(sys.modules); "
        "sys.exit(f'imported {slow}' if slow else code)"
    )
    done = python("-c", code, cwd=here)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("predict.py: error: ")


def test_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        predict.main(["--help"])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    for option in ("record", "beat", "time", "sample", "lead", "model", "data-dir",
                   "target-class", "output", "show", "json"):  # fmt: skip
        assert f"--{option} " in text or f"--{option}\n" in text
