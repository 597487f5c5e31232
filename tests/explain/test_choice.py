"""Tests of `arrhythmia.explain.choice`: which beat is meant, and what cannot be meant."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb
from conftest import MakeRecord, error_line

from arrhythmia.explain.choice import EXCERPT_SAMPLE, SAMPLE, Place, choose_beat
from arrhythmia.model_settings import ModelSettings
from arrhythmia.records import EXCERPT_NAME, EXCERPT_START, read_record
from arrhythmia.signals import BeatSettings

SYMBOLS = (*"NNNNLNVNNAN", "Q", *"NNVNNFNNNN")
SETTINGS = ModelSettings(BeatSettings(), 16, 0)
V_BEAT = 6


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, make_record: MakeRecord) -> Path:
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
    monkeypatch.setenv("MITDB_DIR", str(folder / "mitdb"))
    return folder


def write(folder: Path, signal: np.ndarray, fs: float = 360) -> Path:
    """A record "odd" of one lead, without annotation."""
    folder.mkdir(exist_ok=True)
    wfdb.wrsamp(
        "odd", fs, ["mV"], ["MLII"], p_signal=signal[:, None], fmt=["16"], adc_gain=[200],
        baseline=[0], write_dir=str(folder),
    )  # fmt: skip
    return folder / "odd"


# --- the beat -------------------------------------------------------------------------------


def test_number_time_and_sample_find_the_same_beat(records: Path) -> None:
    by_number = choose_beat(records / "syn", Place(beat=14), SETTINGS)
    sample = int(by_number.beats.sample[14])
    places = [Place(sample=sample), Place(sample=sample + 30), Place(seconds=sample / 360 - 0.1)]
    for place in places:
        chosen = choose_beat(records / "syn", place, SETTINGS)
        assert chosen.beat == 14
        np.testing.assert_array_equal(chosen.beats.sample, by_number.beats.sample)


def test_without_a_place_the_beat_in_the_middle_is_taken(records: Path) -> None:
    chosen = choose_beat(records / "syn", Place(), SETTINGS)
    seconds = chosen.beats.sample[chosen.beat] / chosen.record.fs
    assert abs(seconds - read_record(records / "syn").seconds / 2) < 0.8


@pytest.mark.parametrize("form", ["syn", "syn.dat", "syn.hea", "syn.atr", "mitdb/syn", "PATH.dat"])
def test_forms_of_a_record(records: Path, form: str) -> None:
    name = form.replace("PATH", str(records / "syn"))
    chosen = choose_beat(name, Place(beat=V_BEAT), SETTINGS, records)
    assert (chosen.record.name, chosen.beat) == ("syn", V_BEAT)
    assert chosen.beats.symbol[V_BEAT] == "V"


def test_the_lead_is_chosen_by_name(records: Path) -> None:
    assert choose_beat(records / "syn", Place(), SETTINGS, lead="V1").beats.lead == "V1"


def test_r_peaks_are_detected_without_annotation(records: Path) -> None:
    wanted = choose_beat(records / "syn", Place(beat=12), SETTINGS)
    sample = int(wanted.beats.sample[12])
    chosen = choose_beat(records / "bare", Place(sample=sample), SETTINGS)
    assert abs(chosen.beats.sample[chosen.beat] - sample) < 0.05 * 360
    assert any("R peaks are detected" in note for note in chosen.beats.notes)


@pytest.mark.parametrize(("seconds", "beats"), [(1.2, 1), (3, 3)])
def test_a_short_recording(tmp_path: Path, seconds: float, beats: int) -> None:
    times = np.arange(round(seconds * 360)) / 360
    signal = sum(np.exp(-0.5 * ((times - 0.6 - i) / 0.012) ** 2) for i in range(beats))
    path = write(tmp_path / "short", signal)
    r_peaks = np.rint((0.6 + np.arange(beats)) * 360).astype(int)
    wfdb.wrann("odd", "atr", r_peaks, symbol=["N"] * beats, write_dir=str(path.parent))
    assert len(choose_beat(path, Place(), SETTINGS).beats) == beats


# --- notes ----------------------------------------------------------------------------------


def test_a_far_beat_is_called_so(make_record: MakeRecord, tmp_path: Path) -> None:
    path = make_record(tmp_path, "short", symbols=["N"] * 5)
    signal = np.pad(wfdb.rdrecord(str(path)).p_signal[:, 0], (0, 3600))
    odd = write(tmp_path, signal)
    shutil.copy(tmp_path / "short.atr", tmp_path / "odd.atr")

    def notes(seconds: float) -> str:
        return " ".join(choose_beat(odd, Place(seconds=seconds), SETTINGS).notes)

    assert "s from the place asked for" in notes(12)
    assert "from the place asked for" not in notes(1.5)


def test_the_excerpt_can_be_named() -> None:
    chosen = choose_beat(EXCERPT_NAME, Place(seconds=20), SETTINGS)
    assert chosen.record.name == EXCERPT_NAME
    assert chosen.beats.sample[chosen.beat] / chosen.record.fs == pytest.approx(20, abs=0.6)
    assert any("this patient was in the training data" in note for note in chosen.record.notes)
    assert chosen.notes == ()


def test_without_the_database_the_excerpt_is_shown_with_a_plain_note() -> None:
    chosen = choose_beat(None, Place(), SETTINGS)
    assert chosen.record.name == EXCERPT_NAME
    assert abs(chosen.beats.sample[chosen.beat] - EXCERPT_SAMPLE) < 0.1 * 360
    assert "python -m arrhythmia download" in chosen.notes[0]
    assert any("this patient was in the training data" in note for note in chosen.record.notes)


@pytest.mark.database
def test_the_sample_beat_is_ventricular_and_of_a_patient_never_seen(data_dir: Path) -> None:
    settings = replace(SETTINGS, training={"records": ("101", "106")})
    chosen = choose_beat(None, Place(), settings, data_dir)
    beat = chosen.beat
    assert (chosen.record.name, chosen.beats.sample[beat]) == ("233", SAMPLE)
    assert chosen.beats.symbol[beat] == "V"
    assert chosen.notes == ("a sample beat of record 233, a patient the model never saw",)


@pytest.mark.database
def test_the_sample_of_the_excerpt_is_ventricular(data_dir: Path) -> None:
    annotation = read_record("208", data_dir).annotation
    near = np.abs(annotation.sample - EXCERPT_START - EXCERPT_SAMPLE)
    assert near.min() < 0.05 * 360
    assert annotation.symbol[near.argmin()] == "V"


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place(beat=9999), ["beat 9999", "'syn'", "0 to 21"]),
        (Place(beat=22), ["beat 22", "0 to 21"]),
        (Place(beat=-1), ["beat -1", "0 to 21"]),
        (Place(seconds=600.0), ["600 s", "'syn'", "from 0 to 1"]),
        (Place(sample=10_000_000), ["10000000", "'syn'", "0 to "]),
        (Place(sample=-5), ["-5", "0 to "]),
    ],
)
def test_places_outside_the_record(records: Path, place: Place, words: list[str]) -> None:
    text = error_line(lambda: choose_beat(records / "syn", place, SETTINGS))
    assert all(word in text for word in words), text


def test_the_last_sample_is_inside_the_record(records: Path) -> None:
    samples = len(read_record(records / "syn"))
    assert choose_beat(records / "syn", Place(sample=samples - 1), SETTINGS).beat == 21
    assert "0 to" in error_line(
        lambda: choose_beat(records / "syn", Place(sample=samples), SETTINGS)
    )


def test_a_lead_that_is_not_there(records: Path) -> None:
    text = error_line(lambda: choose_beat(records / "syn", Place(), SETTINGS, lead="aVR"))
    assert "'aVR'" in text
    assert "MLII, V1" in text
    text = error_line(lambda: choose_beat(EXCERPT_NAME, Place(), SETTINGS, lead="V1"))
    assert "'V1'" in text
    assert "MLII" in text


def test_a_folder_named_that_is_no_database_is_not_replaced_by_the_excerpt(here: Path) -> None:
    text = error_line(lambda: choose_beat(None, Place(), SETTINGS, here))
    assert str(here) in text
    assert "download" in text


def test_a_record_that_is_not_there() -> None:
    assert "'nowhere'" in error_line(lambda: choose_beat("nowhere", Place(), SETTINGS))


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
    "annotation is none": (lambda p: p.with_suffix(".atr").write_bytes(b"xyz"), ["odd.atr"]),
}


@pytest.mark.parametrize("annotated", [True, False])
@pytest.mark.parametrize("name", BAD_RECORDS)
def test_records_that_cannot_be_read(name: str, annotated: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "bad", BEATS)
    if annotated:
        wfdb.wrann("odd", "atr", np.array([100]), symbol=["N"], write_dir=str(path.parent))
    spoil, words = BAD_RECORDS[name]
    spoil(path)
    text = error_line(lambda: choose_beat(path, Place(), SETTINGS))
    assert all(word in text for word in words), text
