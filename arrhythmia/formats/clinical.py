"""HL7 aECG, SCP-ECG, GE MUSE and ISHNE Holter files, through ``ecgdatakit``, an extra."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.formats.table import make_record
from arrhythmia.records import Hints, Record

GET_IT = "'pip install ecgdatakit==2.0.3' to read it, or convert it to EDF, CSV or WFDB"


def read(path: Path, hints: Hints) -> Record:
    """Read a file of a clinical system.

    Parameters
    ----------
    path : Path
    hints : Hints
        Rate and units, where the file does not say them.

    Raises
    ------
    InputError
        If ``ecgdatakit`` is missing, or the file is damaged or of a kind that it does not know.
    """
    try:
        from ecgdatakit import parse_file
    except ImportError as error:
        raise InputError(
            f"'{path.name}' is an aECG, SCP-ECG, MUSE or Holter file: {GET_IT}"
        ) from error
    try:
        content = parse_file(path)
        leads = list(content.leads)
        rates = {float(lead.sample_rate) for lead in leads}
        signals = np.stack([np.asarray(lead.samples, float) for lead in leads], axis=1)
        labels = [str(lead.label) for lead in leads]
        units = [str(lead.units or "") for lead in leads]
    except Exception as error:  # ecgdatakit raises many kinds
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise InputError(f"'{path.name}' cannot be read ({reason})") from error
    if len(rates) != 1:
        raise InputError(f"'{path.name}' holds leads of several rates: convert it to WFDB")
    return make_record(path.name, signals, rates.pop(), labels, units, hints)
