"""Tests of the formats that are not text, and of telling them apart."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import edfio
import h5py
import numpy as np
import pytest
import wfdb
from conftest import MakeRecord, error_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    TwelveLeadECGWaveformStorage,
    generate_uid,
)
from scipy.io import savemat

from arrhythmia.errors import InputError
from arrhythmia.records import Hints, Record, read_record

FS = 250
SIGNAL = np.round(np.sin(np.arange(FS * 8) / 9), 4)
PAIR = np.stack([SIGNAL, SIGNAL[::-1]], axis=1)


def write_edf(file: Path) -> None:
    signals = [
        edfio.EdfSignal(SIGNAL, sampling_frequency=FS, label="ECG II", physical_dimension="mV"),
        edfio.EdfSignal(
            SIGNAL[::2], sampling_frequency=FS / 2, label="Resp", physical_dimension="V"
        ),
    ]
    edfio.Edf(signals).write(file)


def write_npz(file: Path) -> None:
    np.savez(file, ecg=PAIR, fs=FS)


def write_hdf(file: Path) -> None:
    with h5py.File(file, "w") as content:
        content["ecg"] = PAIR.T
        content["fs"] = FS


WRITERS: dict[str, Callable[[Path], None]] = {
    "a.edf": write_edf,
    "a.npy": lambda f: np.save(f, SIGNAL),
    "a.npz": write_npz,
    "a.mat": lambda f: savemat(f, {"val": PAIR.T, "fs": FS}),
    "b.mat": write_hdf,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("renamed", [False, True])
def test_what_is_written_is_read_whatever_the_file_is_called(
    tmp_path: Path, name: str, renamed: bool
) -> None:
    file = tmp_path / name
    WRITERS[name](file)
    if renamed and not name.endswith(".npz"):
        file = file.rename(tmp_path / "export.bin")
    record = read_record(file, hints=Hints(fs=FS if name == "a.npy" else None))
    assert record.fs == FS
    np.testing.assert_allclose(record.signals[:, 0], SIGNAL, atol=1e-3)
    if name == "a.edf":
        assert (record.ecg_leads, record.units[0]) == (("ECG II",), "mV")


def test_an_array_without_a_rate_says_what_to_add(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", SIGNAL)
    assert "add --fs" in error_line(lambda: read_record(tmp_path / "a.npy"))


def test_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([print, 1], dtype=object), allow_pickle=True)
    assert "cannot be read as NumPy" in error_line(lambda: read_record(tmp_path / "a.npy"))


def test_which_array_is_meant_must_be_clear(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=SIGNAL, two=SIGNAL)
    text = error_line(lambda: read_record(tmp_path / "a.npz"))
    assert "one, two" in text


def dicom_record(tmp_path: Path) -> Path:
    import pydicom

    channels = []
    for name in ("Lead I", "Lead II"):
        source, unit, channel = Dataset(), Dataset(), Dataset()
        source.CodeMeaning, unit.CodeValue = name, "uV"
        channel.ChannelSourceSequence = [source]
        channel.ChannelSensitivityUnitsSequence = [unit]
        channel.ChannelSensitivity = "1"
        channel.ChannelSensitivityCorrectionFactor = "1"
        channel.ChannelBaseline = "0"
        channel.WaveformBitsStored = 16
        channels.append(channel)
    wave = Dataset()
    wave.NumberOfWaveformChannels, wave.NumberOfWaveformSamples = 2, len(PAIR)
    wave.SamplingFrequency, wave.WaveformBitsAllocated = str(FS), 16
    wave.WaveformSampleInterpretation = "SS"
    wave.ChannelDefinitionSequence = channels
    wave.WaveformData = (1000 * PAIR).astype("<i2").tobytes()
    content = Dataset()
    content.file_meta = FileMetaDataset()
    content.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content.file_meta.MediaStorageSOPClassUID = TwelveLeadECGWaveformStorage
    content.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    content.SOPClassUID = TwelveLeadECGWaveformStorage
    content.SOPInstanceUID = content.file_meta.MediaStorageSOPInstanceUID
    content.AcquisitionDateTime = "20240105101112"
    content.WaveformSequence = [wave]
    file = tmp_path / "a.dcm"
    pydicom.dcmwrite(file, content, enforce_file_format=True)
    return file


def test_dicom_waveforms(tmp_path: Path) -> None:
    record = read_record(dicom_record(tmp_path))
    assert (record.fs, record.leads, record.units) == (FS, ("I", "II"), ("uV", "uV"))
    assert record.ecg_leads[0] == "II"
    np.testing.assert_allclose(record.signals[:, 0], 1000 * SIGNAL, atol=1)
    assert record.start.hour == 10


def test_a_dicom_file_of_several_waveforms_says_which_is_read(tmp_path: Path) -> None:
    import pydicom

    path = dicom_record(tmp_path)
    content = pydicom.dcmread(path)
    content.WaveformSequence.append(content.WaveformSequence[0])
    content.save_as(tmp_path / "two.dcm", enforce_file_format=True)
    assert read_record(path).notes == ()
    assert (
        "'two.dcm' holds 2 waveforms: the first is read" in read_record(tmp_path / "two.dcm").notes
    )


def test_files_of_one_name_in_a_zip_are_not_laid_over_each_other(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for folder in ("monday", "tuesday"):
            archive.writestr(f"{folder}/ecg.csv", "II\n" + "\n".join(map(str, SIGNAL)))
    line = error_line(lambda: read_record(tmp_path / "a.zip", hints=Hints(fs=FS)))
    assert line == "'a.zip' holds two files of the name 'ecg.csv': unpack it"


def test_a_zip_of_a_wfdb_record(tmp_path: Path, make_record: MakeRecord) -> None:
    path = make_record(tmp_path / "in", "one", seconds=10)
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        for file in path.parent.iterdir():
            archive.write(file, f"folder/{file.name}")
    record, expected = read_record(tmp_path / "one.zip"), read_record(path)
    np.testing.assert_array_equal(record.signals, expected.signals)
    assert record.annotation is not None


@pytest.mark.parametrize("name", ["../../out.csv", "/etc/out.csv", "..\\out.csv"])
def test_names_in_a_zip_lead_nowhere(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "II\n" + "\n".join(map(str, SIGNAL)))
    before = set(tmp_path.parent.iterdir())
    assert len(read_record(tmp_path / "a.zip", hints=Hints(fs=FS)))
    assert set(tmp_path.parent.iterdir()) == before


def test_a_zip_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arrhythmia.formats.archive.LARGEST", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "0\n" * 10_000)
    assert "unpacks to more" in error_line(lambda: read_record(tmp_path / "a.zip"))


def test_clinical_files_name_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text("<?xml version='1.0'?><AnnotatedECG xmlns='urn:hl7-org:v3'/>")
    text = error_line(lambda: read_record(file))
    assert "a.xml" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"<!DOCTYPE html><html>", "web page"), (b"\x89PNG\r\n\0\0", "no format")],
)
def test_what_is_no_recording_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert words in error_line(lambda: read_record(tmp_path / "file"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of each format, to be damaged."""
    folder = tmp_path_factory.mktemp("samples")
    for name, write in WRITERS.items():
        write(folder / name)
    dicom_record(folder)
    (folder / "a.csv").write_text(
        "time,II\n" + "\n".join(f"{i / FS},{v}" for i, v in enumerate(SIGNAL))
    )
    return [file.read_bytes() for file in sorted(folder.iterdir())]


@settings(max_examples=80, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_damaged_bytes_are_an_error_or_a_record(
    samples: list[bytes], tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(samples)))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(content), 3000) - 1))
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    file = tmp_path / "damaged"
    file.write_bytes(bytes(content))
    try:
        assert isinstance(read_record(file, hints=Hints(fs=FS)), Record)
    except InputError as error:
        assert len(str(error)) < 400


# --- what is packed -------------------------------------------------------------------------


def npz_of_zeros(file: Path, count: int) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (count,)}
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("ecg.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(8 * count // 1_000_000):
            member.write(bytes(1_000_000))


def zip_of_text(file: Path, count: int) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ecg.csv", b"0\n" * count)


def hdf_of_nothing(file: Path, count: int) -> None:
    with h5py.File(file, "w") as content:
        content.create_dataset("ecg", (count,), "f8", chunks=True)


def flac_of_zeros(file: Path, count: int) -> None:
    wfdb.wrsamp(
        file.stem, 250, ["mV"], ["II"], d_signal=np.zeros((1000, 1), int), fmt=["516"],
        adc_gain=[200.0], baseline=[0], write_dir=str(file.parent),
    )  # fmt: skip
    file.write_text(file.read_text().replace(" 1000\n", f" {count}\n"))


@pytest.mark.parametrize(
    ("suffix", "make"),
    [("npz", npz_of_zeros), ("zip", zip_of_text), ("mat", hdf_of_nothing), ("hea", flac_of_zeros)],
)
def test_a_small_file_does_not_fill_the_memory(
    tmp_path: Path, suffix: str, make: Callable[[Path, int], None]
) -> None:
    file = tmp_path / f"ecg.{suffix}"
    make(file, 40_000_000)
    tracemalloc.start()
    try:
        assert "promises" in error_line(lambda: read_record(file, hints=Hints(fs=FS)))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["link", "external"])
def test_a_matlab_file_cannot_point_elsewhere(tmp_path: Path, kind: str) -> None:
    with h5py.File(tmp_path / "secret.mat", "w") as content:
        content["ecg"] = SIGNAL
    with h5py.File(tmp_path / "a.mat", "w") as content:
        if kind == "link":
            content["ecg"] = h5py.ExternalLink(tmp_path / "secret.mat", "ecg")
        else:
            file = [(tmp_path / "secret.mat", 0, 8 * 1000)]
            content.create_dataset("ecg", (1000,), "f8", external=file)
    error_line(lambda: read_record(tmp_path / "a.mat", hints=Hints(fs=FS)))


def test_a_packed_dicom_file_is_not_unpacked(tmp_path: Path) -> None:

    content = Dataset()
    content.PatientName = "a"
    content.file_meta = FileMetaDataset()
    content.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content.file_meta.MediaStorageSOPClassUID = content.file_meta.MediaStorageSOPInstanceUID = "1.2"
    content.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "dcmconv" in error_line(lambda: read_record(tmp_path / "a.dcm"))


def test_more_signals_than_a_recording_has(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1000, 300)))
    text = error_line(lambda: read_record(tmp_path / "a.npy", hints=Hints(fs=FS)))
    assert "300 signals" in text


@pytest.mark.parametrize("kind", ["EDF", "BDF"])
def test_pieces_of_an_interrupted_edf_stand_where_they_were_recorded(
    tmp_path: Path, kind: str
) -> None:
    """Edfio puts one piece right after the other: intervals over the joint would be wrong."""
    fs, seconds, later, gap = 100, 8, 5, 50
    signal = np.round(np.sin(np.arange(fs * seconds) / 7), 3)
    one = {"EDF": edfio.EdfSignal, "BDF": edfio.BdfSignal}[kind]
    whole = {"EDF": edfio.Edf, "BDF": edfio.Bdf}[kind]
    note = edfio.EdfAnnotation(0, None, "begins")
    lead = one(signal, fs, label="ECG II", physical_dimension="mV")
    file = tmp_path / f"a.{kind.lower()}"
    whole([lead], annotations=[note], data_record_duration=1).write(file)
    content = file.read_bytes().replace(f"{kind}+C".encode(), f"{kind}+D".encode(), 1)
    for second in range(later, seconds):
        old, new = (f"+{s}\x14\x14\0".encode() for s in (second, f"{second + gap}"))
        assert content.count(old) == 1
        at = content.index(old)
        content = content[:at] + new + content[at + len(new) :]
    file.write_bytes(content)
    record = read_record(file)
    assert record.seconds == seconds + gap
    lead = record.signals[:, 0]
    np.testing.assert_allclose(lead[: later * fs], signal[: later * fs], atol=1e-3)
    np.testing.assert_allclose(lead[(later + gap) * fs :], signal[later * fs :], atol=1e-3)
    assert np.isnan(lead[later * fs : (later + gap) * fs]).all()
