"""Tests of ``predict.py``: what it prints, writes, and refuses.

Which beat is meant, what is said of it and how it is drawn is tested in ``tests/explain/``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import wfdb
from conftest import MakeRecord
from explain_cases import with_pause
from matplotlib import pyplot as plt
from PIL import Image

import predict
from arrhythmia.classifier import DEFAULT_MODEL
from arrhythmia.explain.choice import EXCERPT_SAMPLE, SAMPLE
from arrhythmia.explain.explanation import PARTS
from arrhythmia.explain.method_names import DEFAULT_METHOD, METHOD_NAMES
from arrhythmia.explain.summary import WITHHELD
from arrhythmia.explain.wording import DISCLAIMER, NO_CLASS, NOT_CALIBRATED
from arrhythmia.interface import Classifier
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES
from arrhythmia.records import EXCERPT_NAME, Record, read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROJECT = Path(predict.__file__).parent
SYMBOLS = (*"NNNNLNVNNAN", "Q", *"NNVNNFNNNN")
"""Beats of the record "syn"."""
V_BEAT = 6
QUICK = ("--method", "grad-cam")
"""SHAP takes a second: for what does not depend on the method."""


class Result(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


def write(folder: Path, name: str, record: Record) -> Path:
    """Write the first lead of a record and its annotation."""
    wfdb.wrsamp(
        name, record.fs, ["mV"], [record.leads[0]], p_signal=record.signals[:, :1], fmt=["16"],
        adc_gain=[200], baseline=[0], write_dir=str(folder),
    )  # fmt: skip
    marks = record.annotation
    wfdb.wrann(name, "atr", marks.sample, symbol=list(marks.symbol), write_dir=str(folder))
    return folder / name


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Path:
    """Folder of records with `SYMBOLS`.

    "bare" has no annotation, "flat" a flat line around beat 6, "pause" one of 6 s before beat 13.
    """
    folder = tmp_path_factory.mktemp("records")
    path = make_record(folder, "syn", symbols=SYMBOLS)
    make_record(folder, "bare", symbols=SYMBOLS, annotate=False)
    record = read_record(path)
    marks = record.annotation
    peak = int(marks.sample[~np.isin(marks.symbol, ["+", "~", "|"])][V_BEAT])
    flat = record.signals.copy()
    flat[peak - 700 : peak + 700] = flat[peak - 700]
    write(folder, "flat", Record("flat", flat, record.fs, record.leads, record.units, marks))
    write(folder, "pause", with_pause(record, 12, 6.0 - 0.8))
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder, and no database."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MITDB_DIR", str(folder / "mitdb"))
    yield folder
    plt.close("all")


@pytest.fixture(scope="module")
def load_once() -> Callable[[str], Classifier]:
    """`Classifier.load`, with every model loaded once in all these tests."""
    return cache(Classifier.load)


@pytest.fixture
def run(
    tiny_model: Path,
    records: Path,
    load_once: Callable[[str], Classifier],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run ``predict.main`` on the tiny model; ``SYN``, ``FLAT`` … stand for the records."""
    monkeypatch.setattr(Classifier, "load", load_once)
    monkeypatch.setattr("arrhythmia.explain.figure.DPI", 40)  # to save time

    def run(*options: str | Path, model: Path = tiny_model) -> Result:
        names = {name.upper(): str(records / name) for name in ("syn", "bare", "flat", "pause")}
        argv = ["--model", str(model), *(names.get(str(o), str(o)) for o in options)]
        capsys.readouterr()
        try:
            code = predict.main(argv)
        except SystemExit as leaving:
            code = leaving.code
        return Result(code, *capsys.readouterr())

    return run


def facts_of(result: Result) -> dict:
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


# --- what it finds --------------------------------------------------------------------------


def test_json_agrees_with_the_classifier_on_the_whole_record(
    run: Run, records: Path, load_once: Callable[[str], Classifier], tiny_model: Path
) -> None:
    facts = facts_of(run("--record", "SYN", "--beat", V_BEAT, "--json"))
    table = load_once(str(tiny_model)).predict(read_record(records / "syn"))
    for name in BEAT_CLASSES:
        wanted = table[f"p_{name}"][V_BEAT]
        assert facts["probabilities"][name] == pytest.approx(wanted, abs=1e-4)
    assert facts["class"] == table["class"][V_BEAT]
    assert facts["class_name"] == CLASS_NAMES[facts["class"]]
    assert facts["explained_class"] == facts["class"]
    assert facts["method"] == DEFAULT_METHOD
    assert (facts["record"], facts["lead"], facts["beat"]) == ("syn", "MLII", V_BEAT)
    assert facts["sample"] == table["sample"][V_BEAT]


@pytest.mark.slow
def test_text_tells_the_same_as_json(run: Run) -> None:
    facts = facts_of(run("--record", "SYN", "--beat", V_BEAT, *QUICK, "--json"))
    result = run("--record", "SYN", "--beat", V_BEAT, *QUICK)
    lines = result.out.splitlines()
    assert lines[0] == facts["headline"]
    assert lines[1] == "reference: V, premature ventricular contraction"
    assert lines[2] == NOT_CALIBRATED
    assert lines[4] == facts["sentence"]
    assert lines[-2:] == ["figure: beat_syn_6.png", DISCLAIMER]
    assert (result.code, result.err) == (0, "")


@pytest.mark.slow
def test_the_same_beat_by_time_and_by_number(run: Run) -> None:
    facts = facts_of(run("--record", "SYN", "--beat", "14", *QUICK, "--json"))
    by_time = facts_of(run("--record", "SYN", "--time", facts["time"], *QUICK, "--json"))
    for key in ("beat", "sample", "class", "headline", "sentence", "figure", "rr_before_s"):
        assert by_time[key] == facts[key]
    # float32, rounded to five places: two runs need not agree in the last
    assert by_time["probabilities"] == pytest.approx(facts["probabilities"], abs=1e-4)


def test_notes_go_to_stderr_one_a_line(run: Run) -> None:
    result = run("--record", "BARE", *QUICK, "--json")
    lines = result.err.splitlines()
    assert [line.removeprefix("note: ") for line in lines] == facts_of(result)["notes"]
    assert all(line.startswith("note: ") for line in lines)
    assert any("no reference annotation" in line for line in lines)
    assert facts_of(result)["reference"] is None


@pytest.mark.slow
def test_a_pause_of_six_seconds_reads_six_seconds(run: Run) -> None:
    options = ("--record", "PAUSE", "--beat", "13", *QUICK)
    facts = facts_of(run(*options, "--json"))
    assert facts["rr_before_s"] == pytest.approx(6.0, abs=0.1)
    assert f"RR before    {facts['rr_before_s']:.2f} s" in run(*options).out


@pytest.mark.slow
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_every_method_explains(run: Run, method: str) -> None:
    options = ("--record", "SYN", "--beat", V_BEAT, "--method", method, "--target-class", "F")
    facts = facts_of(run(*options, "--json"))
    assert facts["method"] == method
    assert facts["explained_class"] == "F"
    assert set(facts["evidence_percent"]) == set(PARTS)


def test_without_the_database_the_excerpt_is_shown(run: Run) -> None:
    result = run(*QUICK, "--json")
    facts = facts_of(result)
    assert facts["record"] == EXCERPT_NAME
    assert abs(facts["sample"] - EXCERPT_SAMPLE) < 0.1 * 360
    assert "python -m arrhythmia download" in result.err


# --- figure and page ------------------------------------------------------------------------


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that runs draw."""
    from arrhythmia.explain import figure

    drawn: list[Figure] = []
    draw = figure.draw_case

    def draw_case(*arguments: object) -> Figure:
        drawn.append(draw(*arguments))
        return drawn[-1]

    monkeypatch.setattr(figure, "draw_case", draw_case)
    return drawn


def test_the_figure_has_a_name_of_its_own_by_default(run: Run, here: Path) -> None:
    facts = facts_of(run("--record", "SYN", "--beat", V_BEAT, *QUICK, "--json"))
    assert facts["figure"] == "beat_syn_6.png"
    assert [p.name for p in here.iterdir()] == ["beat_syn_6.png"]


@pytest.mark.slow
def test_figure_and_page_are_written_where_asked_for(run: Run, here: Path) -> None:
    options = ("--output", "new/folder/one.png", "--html", "beat.html")
    facts = facts_of(run("--record", "SYN", "--beat", V_BEAT, *options, "--json"))
    assert facts["figure"] == str(Path("new/folder/one.png"))
    with Image.open(facts["figure"]) as image:
        image.load()
        assert image.format == "PNG"
    page = (here / facts["page"]).read_text(encoding="utf-8")
    assert facts["sentence"] in page
    assert sorted(p.name for p in here.rglob("*.*")) == ["beat.html", "one.png"]


def test_the_class_asked_for_is_explained(run: Run, figures: list[Figure]) -> None:
    run("--record", "SYN", "--beat", V_BEAT, "--target-class", "F")
    titles = [ax.get_title(loc="left") for ax in figures[0].axes]
    assert f"evidence for F, {METHOD_NAMES[DEFAULT_METHOD]} (hatched: against)" in titles


# --- confidence: the shipped model ----------------------------------------------------------


@pytest.mark.slow
def test_confidence_is_told_where_the_model_is_calibrated(run: Run) -> None:
    options = ("--record", "SYN", "--beat", V_BEAT, *QUICK)
    facts = facts_of(run(*options, "--json", model=DEFAULT_MODEL))
    assert facts["calibrated"][facts["class"]] == pytest.approx(facts["probability"], abs=0.05)
    assert set(facts["set_90"]) <= set(facts["set_95"]) <= set("NSVF")
    assert bool(facts["refer_reason"]) == facts["refer"]
    lines = run(*options, model=DEFAULT_MODEL).out.splitlines()
    assert lines[2].startswith(f"Calibrated p({facts['class']}) ")
    assert f"90 % set: {' or '.join(facts['set_90'])} (of N, S, V, F" in lines[2]
    assert any(line.startswith("Refer to a cardiologist: ") for line in lines) == facts["refer"]


@pytest.mark.slow
def test_a_beat_that_cannot_be_read_gets_no_class_anywhere(
    run: Run, here: Path, figures: list[Figure]
) -> None:
    """The page named the class that text and figure withheld; the figure gave its sentence."""
    options = ("--record", "FLAT", "--beat", V_BEAT, *QUICK)
    facts = facts_of(run(*options, "--json", model=DEFAULT_MODEL))
    assert (facts["assessable"], facts["refer"]) == (False, True)
    assert facts["headline"] == "Not assessable: a flat line"
    assert facts["sentence"] == NO_CLASS
    assert {facts[name] for name in WITHHELD} == {None}

    result = run(*options, "--html", "flat.html", model=DEFAULT_MODEL)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0] == facts["headline"]
    assert "Refer to a cardiologist: not assessable: a flat line." in lines
    assert NO_CLASS in lines
    assert "Evidence" not in result.out

    said = [t.get_text() for ax in figures[-1].axes for t in ax.texts]
    said += [ax.get_title(loc="left") for ax in figures[-1].axes]
    assert facts["headline"] in said
    assert not [text for text in said if text.startswith(("Evidence", "evidence", "What if"))]

    page = (here / "flat.html").read_text(encoding="utf-8")
    start = page.index('id="data">') + len('id="data">')
    data = json.loads(page[start : page.index("</script>", start)])
    assert (data["letter"], data["heading"]) == ("?", facts["headline"])
    assert (data["winner"], data["probabilities"]) == (None, {})
    assert {reasons["sentence"] for reasons in data["reasons"].values()} == {NO_CLASS}
    assert not any(name in data["heading"] for name in CLASS_NAMES.values())


@pytest.mark.slow
@pytest.mark.database
def test_the_shipped_model_knows_both_sample_beats(run: Run, data_dir: Path) -> None:
    result = run("--data-dir", data_dir, "--json", model=DEFAULT_MODEL)
    facts = facts_of(result)
    assert (facts["record"], facts["sample"], facts["reference"]["symbol"]) == ("233", SAMPLE, "V")
    assert "a patient the model never saw" in result.err
    of_excerpt = facts_of(run("--json", model=DEFAULT_MODEL))
    for sample_beat in (facts, of_excerpt):
        assert sample_beat["class"] == "V"
        assert sample_beat["probability"] > 0.8
        assert sample_beat["explanation_note"] == ""


@pytest.mark.slow
@pytest.mark.database
def test_one_reading_of_the_network_gives_one_class(
    run: Run, data_dir: Path, figures: list[Figure]
) -> None:
    """The title said N, the sentence explained N, and the line below it said that it is S."""
    options = ("--record", "232", "--sample", "579332", "--data-dir", data_dir, *QUICK)
    facts = facts_of(run(*options, "--json", model=DEFAULT_MODEL))
    called = facts["class"]
    assert facts["headline"].startswith(f"{called} – ")
    assert facts["explained_class"] == called
    assert facts["measured"]["called"] == called
    assert facts["measured"]["move"]["to_class"] != called
    assert figures[0].axes[0].get_title(loc="left").startswith(f"{called} – ")


# --- what it refuses ------------------------------------------------------------------------

BAD_OPTIONS = {
    "two records": ("some.csv --record SYN", ["'some.csv'", "--record", "not both"]),
    "unknown record": ("--record nowhere", ["'nowhere'"]),
    "record without a name": ("--record=", ["name or a path", "''"]),
    "no database": ("--data-dir empty", ["'empty'", "download"]),
    "beat too great": ("--record SYN --beat 9999", ["9999", "0 to 21"]),
    "negative beat": ("--record SYN --beat -1", ["-1", "0 to 21"]),
    "beat is no number": ("--record SYN --beat six", ["'six'"]),
    "time too late": ("--record SYN --time 00:10:00", ["600 s", "from 0 to 1"]),
    "time is none": ("--record SYN --time noon", ["'noon'", "HH:MM:SS"]),
    "negative time": ("--record SYN --time -3", ["'-3'"]),
    "75 minutes": ("--record SYN --time 00:75:00", ["'00:75:00'"]),
    "sample too great": ("--record SYN --sample 10000000", ["10000000", "0 to "]),
    "negative sample": ("--record SYN --sample -5", ["-5", "0 to "]),
    "two places": ("--record SYN --beat 1 --time 2", ["--beat", "--time"]),
    "lead lacking": ("--record SYN --lead aVR", ["'aVR'", "MLII, V1"]),
    "lead of the excerpt": (f"--record {EXCERPT_NAME} --lead V1", ["'V1'", "MLII"]),
    "class unknown": ("--record SYN --target-class Q", ["'Q'", "choose from"]),
    "method unknown": ("--record SYN --method guess", ["'guess'", "choose from"]),
    "option misspelt": ("--recrod SYN", ["--recrod"]),
    "option abbreviated": ("--rec SYN", ["--rec"]),
    "value lacking": ("--record", ["--record"]),
    "not a png": ("--record SYN --output beat.pdf", ["'beat.pdf'", ".png"]),
    "figure is a folder": ("--record SYN --output folder.png", ["folder.png"]),
    "below a file": ("--record SYN --output file/beat.png", ["file/beat.png"]),
    "not a page": ("--record SYN --html beat.txt", ["'beat.txt'", "HTML"]),
    "no display": ("--record SYN --show", ["display", "--show"]),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(case: str, run: Run, here: Path) -> None:
    for name in ("empty", "folder.png"):
        (here / name).mkdir()
    (here / "file").write_text("")
    before = set(here.parent.rglob("*"))
    options, words = BAD_OPTIONS[case]
    assert_refused(run(*options.split()), words, here, before)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write")
@pytest.mark.parametrize(("option", "file"), [("--output", "beat.png"), ("--html", "beat.html")])
def test_a_folder_that_cannot_be_written(run: Run, here: Path, option: str, file: str) -> None:
    before = set(here.parent.rglob("*"))
    result = run("--record", "SYN", option, f"/proc/{file}")
    assert_refused(result, [f"/proc/{file}", option], here, before)


def set_format(folder: Path) -> None:
    facts = json.loads((folder / "settings.json").read_text("utf-8"))
    (folder / "settings.json").write_text(json.dumps(facts | {"format": -1}), "utf-8")


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


# --- as a command of its own ----------------------------------------------------------------


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_the_command_works_elsewhere_without_the_database(tiny_model: Path, here: Path) -> None:
    done = python(str(PROJECT / "predict.py"), "--model", str(tiny_model), cwd=here)
    assert done.returncode == 0, done.stderr
    (figure,) = here.iterdir()
    assert figure.name in done.stdout
    assert done.stdout.endswith(f"{DISCLAIMER}\n")
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())


@pytest.mark.slow
def test_bad_input_is_told_before_tensorflow_is_imported(
    tiny_model: Path, records: Path, here: Path
) -> None:
    told_early = [name for name in BAD_OPTIONS if name not in ("no display", "figure is a folder")]
    argvs = [
        ["--model", str(tiny_model), *options.replace("SYN", str(records / "syn")).split()]
        for options, _ in (BAD_OPTIONS[name] for name in told_early)
    ]
    (here / "file").write_text("")
    (here / "empty").mkdir()
    code = (
        f"import json, sys; sys.path.insert(0, {str(PROJECT)!r}); import predict\n"
        "for argv in json.loads(sys.argv[1]):\n"
        "    try: code = predict.main(argv)\n"
        "    except SystemExit as leaving: code = leaving.code\n"
        "    slow = {'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "    assert code == 2 and not slow, (argv, code, slow)\n"
    )
    done = python("-c", code, json.dumps(argvs), cwd=here)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(argvs)
    assert all(line.startswith("predict.py: error: ") for line in lines)


def test_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        predict.main(["--help"])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    for option in ("record", "beat", "time", "sample", "lead", "model", "data-dir", "method",
                   "target-class", "beats", "worst", "invert", "r-peaks", "output", "html", "show",
                   "json"):  # fmt: skip
        assert f"--{option} " in text or f"--{option}\n" in text


def test_a_signal_file_is_not_overwritten_by_the_figure(
    make_record: MakeRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_record(tmp_path / "in", "own", seconds=40)
    header = place.with_suffix(".hea")
    header.write_text(header.read_text().replace(f"{place.name}.dat", "beat.png"))
    signal = place.with_suffix(".dat").rename(place.with_name("beat.png"))
    before = signal.read_bytes()
    assert predict.main(["--record", str(place), "--beat", "3", "--output", str(signal)]) == 2
    assert "is a file of the recording itself" in capsys.readouterr().err
    assert signal.read_bytes() == before


@pytest.mark.slow
def test_several_beats_are_explained_with_one_start(run: Run, here: Path) -> None:
    result = run("SYN", "--beats", "5,9,5,14", "--json", "--output", "my.png", "--html", "my.html")
    facts = facts_of(result)
    assert [one["beat"] for one in facts] == [5, 9, 14]
    assert [one["figure"] for one in facts] == ["my_5.png", "my_9.png", "my_14.png"]
    assert {p.name for p in here.iterdir()} == {
        f"my_{beat}.{kind}" for beat in (5, 9, 14) for kind in ("png", "html")
    }
    alone = facts_of(run("SYN", "--beat", "9", "--json", "--output", "my_9.png"))
    for key in ("class", "probabilities", "calibrated", "evidence", "sentence", "refer"):
        assert facts[1][key] == alone[key]
    assert len(result.err.splitlines()) == len(set(result.err.splitlines()))


@pytest.mark.slow
def test_r_peaks_are_detected_where_that_is_asked_for(run: Run, here: Path) -> None:
    place = ("SYN", "--beat", "6", *QUICK, "--json", "--r-peaks")
    marked, detected = (facts_of(run(*place, source)) for source in ("atr", "detect"))
    assert (marked["r_peaks"], detected["r_peaks"]) == ("reference annotation", "detected")
    assert detected["reference"] is None


@pytest.mark.slow
def test_the_least_sure_beats_come_first(run: Run, here: Path) -> None:
    facts = facts_of(run("FLAT", "--worst", "4", "--json"))
    assert len(facts) == 4
    sure = [max(one["probabilities"].values()) for one in facts]
    assert sure == sorted(sure)
    assert all(one["assessable"] for one in facts)
    every = facts_of(run("FLAT", "--worst", "1000", "--json"))
    assert [one["beat"] for one in every[:4]] == [one["beat"] for one in facts]
    assert V_BEAT not in [one["beat"] for one in every]
    assert Path(f"beat_flat_{facts[0]['beat']}.png").is_file()
    text = run("FLAT", "--worst", "2")
    assert text.out.count("flat, lead") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--beats", "5,x"), ["--beats", "5,x"]),
        (("--beats", ""), ["--beats"]),
        (("--beats", "5,22"), ["22"]),
        (("--worst", "0"), ["--worst", "0"]),
        (("--worst", "3", "--beat", "2"), ["--worst"]),
        (("--beats", "1,2", "--output", "a.jpg"), ["--output", ".png"]),
    ],
)
def test_several_beats_that_are_refused(
    run: Run, here: Path, options: tuple[str, ...], words: list[str]
) -> None:
    assert_refused(run("SYN", *options), words, here, {here})
