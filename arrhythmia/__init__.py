"""Heartbeat classification in the ECG, beat by beat, with reasons.

>>> from arrhythmia import Classifier, explain, read_record

Research software, not a medical device.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.2.0"
__all__ = ["Classifier", "explain", "read_record"]

_HOMES = {"Classifier": "arrhythmia.interface", "read_record": "arrhythmia.records"}


def __getattr__(name: str) -> object:
    """Import the face when it is asked for: ``python -m arrhythmia --help`` needs none of it."""
    if name == "explain":  # a package that can be called
        return import_module("arrhythmia.explain")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'arrhythmia' has no attribute '{name}'")
