"""MATLAB ``.mat`` files, version 5 (SciPy) and 7.3 (HDF5)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from arrhythmia.errors import InputError
from arrhythmia.formats.arrays import from_arrays
from arrhythmia.formats.table import check_unpacked
from arrhythmia.records import Hints, Record


def read(path: Path, hints: Hints) -> Record:
    """Read the only array of numbers in a MATLAB file, or that which is called like an ECG.

    Parameters
    ----------
    path : Path
    hints : Hints
        Rate and units; the file may hold the rate as ``fs``.

    Raises
    ------
    InputError
        If it is damaged, or it is not clear which array is meant.
    """
    with path.open("rb") as content:
        is_hdf = content.read(4) == b"\x89HDF"
    try:
        arrays = _hdf(path) if is_hdf else _version_5(path)
    except InputError:
        raise
    except Exception as error:  # SciPy and HDF5 raise many kinds for a damaged file
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise InputError(f"'{path.name}' cannot be read as a MATLAB file ({reason})") from error
    return from_arrays(path.name, arrays, hints)


def _version_5(path: Path) -> dict[str, np.ndarray]:
    from scipy.io import loadmat, whosmat

    check_unpacked(path, sum(math.prod(shape) for _, shape, _ in whosmat(path)))
    content = loadmat(path)
    return {
        k: v for k, v in content.items() if isinstance(v, np.ndarray) and not k.startswith("__")
    }


def _hdf(path: Path) -> dict[str, np.ndarray]:
    import h5py

    with h5py.File(path, "r") as content:
        arrays = {
            name: content[name]
            for name in content
            if isinstance(content.get(name, getlink=True), h5py.HardLink)
            and isinstance(content[name], h5py.Dataset)
        }
        if any(v.external or v.is_virtual for v in arrays.values()):
            raise InputError(f"'{path.name}' keeps its numbers in another file: give a whole one")
        check_unpacked(path, sum(math.prod(v.shape or ()) for v in arrays.values()))
        return {k: np.asarray(v) for k, v in arrays.items() if v.dtype.kind in "iuf"}
