"""DICOM ECG (waveform objects), through ``pydicom``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from arrhythmia.errors import InputError
from arrhythmia.formats.table import make_record
from arrhythmia.records import Hints, Record


def read(path: Path, hints: Hints) -> Record:
    """Read the first waveform of a DICOM file.

    Parameters
    ----------
    path : Path
    hints : Hints
        Units, where the file does not say them.

    Raises
    ------
    InputError
        If it is damaged, or holds no waveform.
    """
    import pydicom

    try:
        about = pydicom.filereader.read_file_meta_info(path)
        if about.get("TransferSyntaxUID") == pydicom.uid.DeflatedExplicitVRLittleEndian:
            raise InputError(f"'{path.name}' is packed: unpack it with dcmconv first")
        content = pydicom.dcmread(path)
        if "WaveformSequence" not in content or not len(content.WaveformSequence):
            raise InputError(f"'{path.name}' is a DICOM file without a waveform")
        wave = content.WaveformSequence[0]
        signals = content.waveform_array(0)
        channels = wave.ChannelDefinitionSequence
        leads = [_lead(channel, i) for i, channel in enumerate(channels, 1)]
        units = [_unit(channel) for channel in channels]
        fs = float(wave.SamplingFrequency)
        start, count = _start(content), len(content.WaveformSequence)
    except InputError:
        raise
    except Exception as error:  # pydicom raises many kinds for a damaged file
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise InputError(f"'{path.name}' is a damaged DICOM file ({reason})") from error
    more = [f"'{path.name}' holds {count} waveforms: the first is read"] if count > 1 else []
    return make_record(path.name, signals, fs, leads, units, hints, start, more)


def _lead(channel: object, number: int) -> str:
    try:
        meaning = str(channel.ChannelSourceSequence[0].CodeMeaning)
    except (AttributeError, IndexError):
        meaning = str(getattr(channel, "ChannelLabel", "") or f"ECG{number}")
    return meaning.removeprefix("Lead ").split(" (")[0].strip() or f"ECG{number}"


def _unit(channel: object) -> str:
    try:
        return str(channel.ChannelSensitivityUnitsSequence[0].CodeValue)
    except (AttributeError, IndexError):
        return ""


def _start(content: object) -> datetime | None:
    text = str(getattr(content, "AcquisitionDateTime", "") or "")[:14]
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return None
