"""Annotation symbols, beat classes, and groupings of classes.

Facts only. Symbols are those of WFDB annotation files
(https://physionet.org/physiotools/wpg/wpg_31.htm).
"""

from __future__ import annotations

from typing import Final

import numpy as np

BEAT_CLASSES: Final = ("N", "S", "V", "E", "F")
"""What the network tells apart, in the order of its outputs."""

CLASS_NAMES: Final = {
    "N": "normal or bundle branch block",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "E": "ventricular escape",
    "F": "fusion of ventricular and normal",
}

CLASS_SYMBOLS: Final = {
    "N": ("N", "L", "R", "e", "j", "B", "n"),
    "S": ("A", "a", "J", "S"),
    "V": ("V", "r"),
    "E": ("E",),
    "F": ("F", "f"),
}
"""Beat class to annotation symbols. ``B``, ``n``, ``r`` occur only in other databases."""

SYMBOL_CLASS: Final = {s: c for c, symbols in CLASS_SYMBOLS.items() for s in symbols}

UNCLASSED_SYMBOLS: Final = ("Q", "/", "?")
"""Heartbeats without a class: they count for RR intervals, never for training or scores."""

SYMBOL_NAMES: Final = {
    "N": "normal beat",
    "L": "left bundle branch block beat",
    "R": "right bundle branch block beat",
    "B": "bundle branch block beat",
    "e": "atrial escape beat",
    "j": "nodal (junctional) escape beat",
    "n": "supraventricular escape beat",
    "A": "atrial premature beat",
    "a": "aberrated atrial premature beat",
    "J": "nodal (junctional) premature beat",
    "S": "supraventricular premature beat",
    "V": "premature ventricular contraction",
    "r": "R-on-T premature ventricular contraction",
    "E": "ventricular escape beat",
    "F": "fusion of ventricular and normal beat",
    "f": "fusion of paced and normal beat",
    "Q": "unclassifiable beat",
    "/": "paced beat",
    "?": "beat not classified during learning",
}

GROUPINGS: Final = {
    "aami": {"N": ("N",), "S": ("S",), "V": ("V", "E"), "F": ("F",)},
    "four": {"N": ("N", "S"), "V": ("V",), "F": ("F",), "E": ("E",)},
}
"""Grouping to its classes, each made of beat classes: AAMI EC57, and N, V, F, E."""

GROUPING_NAMES: Final = {
    "aami": "AAMI EC57 (V with E)",
    "four": "four classes N, V, F, E (N with S)",
}

SOURCES: Final = ("atr", "detect")
"""What a user can ask for as R peaks: those of the annotation, or detection."""


def is_beat(symbol: str) -> bool:
    """Tell whether an annotation symbol marks a heartbeat.

    Parameters
    ----------
    symbol : str
        One WFDB annotation symbol, e.g. ``"V"`` (a beat) or ``"+"`` (a rhythm change).
    """
    return symbol in SYMBOL_CLASS or symbol in UNCLASSED_SYMBOLS


def class_numbers(symbols: np.ndarray) -> np.ndarray:
    """Beat class of each symbol as its place in `BEAT_CLASSES`.

    Parameters
    ----------
    symbols : ndarray of str, shape (beats,)
        Annotation symbols of heartbeats.

    Returns
    -------
    ndarray of int, shape (beats,)
        -1 for a beat without a class (``Q``, ``/``, ``?``).
    """
    number = {s: BEAT_CLASSES.index(c) for s, c in SYMBOL_CLASS.items()}
    return np.array([number.get(str(s), -1) for s in symbols], dtype=int)


def class_letters(numbers: np.ndarray) -> np.ndarray:
    """Letter of each beat class, which is also a WFDB symbol of that class.

    Parameters
    ----------
    numbers : ndarray of int, shape (beats,)
        Places in `BEAT_CLASSES`; -1 for a beat without a class.

    Returns
    -------
    ndarray of str, shape (beats,)
        ``Q`` for a beat without a class.
    """
    return np.array([*BEAT_CLASSES, "Q"])[numbers]


def grouping_numbers(grouping: str) -> np.ndarray:
    """For each of `BEAT_CLASSES`, the place of its class in a grouping.

    Parameters
    ----------
    grouping : str
        A key of `GROUPINGS`.

    Returns
    -------
    ndarray of int, shape (5,)
    """
    places = {c: i for i, made_of in enumerate(GROUPINGS[grouping].values()) for c in made_of}
    return np.array([places[c] for c in BEAT_CLASSES], dtype=int)


def grouped(probabilities: np.ndarray, grouping: str) -> np.ndarray:
    """Sum probabilities of the beat classes over a grouping.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, 5)
        In the order of `BEAT_CLASSES`.
    grouping : str
        A key of `GROUPINGS`.

    Returns
    -------
    ndarray, shape (beats, 4)
        In the order of ``GROUPINGS[grouping]``.
    """
    sums = np.zeros((len(probabilities), len(GROUPINGS[grouping])), dtype=float)
    for beat_class, place in enumerate(grouping_numbers(grouping)):
        sums[:, place] += probabilities[:, beat_class]
    return sums
