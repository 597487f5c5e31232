"""Three checks of an explanation that need no other: complexity, completeness, sensitivity.

One each of the families of metrics in ``quantus`` (Hedström et al., J. Mach. Learn. Res. 24 (2023)
34) that deletion, random weights and the place of the evidence leave out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.explain.reference import Comparison, log_odds

RADIUS: Final = 0.05
"""Greatest change of a sample; 1 is the standard deviation of the template beat."""
DRAWS: Final = 5
"""Changed copies of a beat of which the worst counts."""

IN_LOG_ODDS: Final = ("integrated-gradients", "occlusion", "shap", "lime")
"""Methods whose evidence is in log odds, so that a sum of it means something."""


def gini_index(evidence: np.ndarray) -> float:
    """How unevenly evidence is divided among its units.

    Sparseness of an explanation by Chalasani et al. (ICML 2020, arXiv:1810.06583), with the Gini
    index of Hurley & Rickard (IEEE Trans. Inf. Theory 55 (2009) 4723-4741).

    Parameters
    ----------
    evidence : ndarray of float, shape (units,)
        Its sign does not count.

    Returns
    -------
    float
        0 where all units have the same, near 1 where one has all; 0 where there is none.
    """
    ordered = np.sort(np.abs(evidence))
    total = ordered.sum()
    if total == 0:
        return 0.0
    rank = np.arange(1, len(ordered) + 1)
    return float(1 - 2 * np.sum(ordered / total * (len(ordered) - rank + 0.5)) / len(ordered))


def completeness_gap(
    classifier: Classifier, comparison: Comparison, atoms: np.ndarray
) -> tuple[float, float]:
    """How far the sum of the evidence is from what it should explain.

    The axiom of completeness (Sundararajan et al., ICML 2017): evidence sums to what the model
    says of the beat less what it says of the reference.

    Parameters
    ----------
    classifier : Classifier
    comparison : Comparison
    atoms : ndarray of float, shape (atoms,)
        Evidence in log odds.

    Returns
    -------
    gap, difference : float
        Both positive; ``difference`` is that between the log odds of beat and reference.
    """
    n = sum(comparison.sizes)
    beat, reference = log_odds(classifier, comparison, np.array([np.ones(n), np.zeros(n)]))
    return abs(float(atoms.sum() - (beat - reference))), abs(float(beat - reference))


def max_sensitivity(
    explain: Callable[[Comparison], np.ndarray],
    comparison: Comparison,
    draws: int = DRAWS,
    radius: float = RADIUS,
) -> float:
    """How much an explanation changes at most where the beat changes hardly.

    Max-sensitivity by Yeh et al. (NeurIPS 2019, arXiv:1901.09392), estimated from random changes
    of the beat's samples; reference, timing and neighbours stay.

    Parameters
    ----------
    explain : callable
        A comparison to its evidence, ndarray of float.
    comparison : Comparison
    draws : int
        Changed copies of the beat.
    radius : float
        Greatest change of a sample, on the scale of `arrhythmia.beats.Beats.segments`.

    Returns
    -------
    float
        Length of the greatest change, relative to the length of the evidence; 0 is best.
    """
    original = explain(comparison)
    length = np.linalg.norm(original)
    if length == 0:
        return 0.0
    rng = np.random.default_rng(0)
    changes = []
    for _ in range(draws):
        segments = comparison.segments.copy()
        noise = rng.uniform(-radius, radius, segments.shape[1])
        segments[comparison.here] += noise[:, None]  # the beat, and its difference from template
        changed = explain(replace(comparison, segments=segments))
        changes.append(np.linalg.norm(changed - original) / length)
    return float(max(changes))
