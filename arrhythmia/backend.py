"""TensorFlow and Keras, imported without their start-up messages on the terminal.

Importing takes seconds: commands check their input before they import this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def _silent_start() -> Iterator[None]:
    """Send what C++ libraries write to stderr nowhere; no variable silences all of it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all, as under pythonw
        yield
        return
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


with _silent_start():
    import keras
    import tensorflow as tf

__all__ = ["keras", "tf"]
