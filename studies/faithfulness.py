"""Are explanations true? Measured, method by method, on a fixed sample of beats.

DS1 beats are explained by the network of the fold that had not seen their record; the method that
wins there is the default. DS2 beats are explained by the shipped network, and only after
``evaluate`` has put it in the ledger.

- **Deletion and insertion** (Petsiuk et al., BMVC 2018): what a method calls the strongest evidence
  is set to the reference first, or put back first; the area under the probability of the class
  is compared with that for random order.
- **Randomisation** (Adebayo et al., NeurIPS 2018): the rank correlation with the explanation that
  a network with re-drawn weights gets for the same beat and class.
- **Stability**: the same with a little noise on the record, and with marks one sample later.
- **Agreement**: the same between methods.
- **Place**: the share of the evidence in the QRS for V, in the P wave and the rhythm for S.
- **Complexity, completeness, sensitivity**: see `studies.explanation_checks`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit
from scipy.stats import spearmanr

from arrhythmia.beats import Beats
from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.explain.explanation import RHYTHM_PARTS, from_atoms
from arrhythmia.explain.methods import METHODS
from arrhythmia.explain.reference import Comparison, compare_with_reference, log_odds
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model_settings import network_digest
from studies.explained_beats import (
    FEW,
    HALVES,
    PER_CLASS,
    Sampled,
    disturbed,
    redrawn,
    sampled_records,
)
from studies.explanation_checks import (
    IN_LOG_ODDS,
    completeness_gap,
    gini_index,
    max_sensitivity,
)
from studies.results import RESULTS, read_json, write_json

FILE: Final = "faithfulness.json"
PICTURE: Final = "faithfulness.png"

BLOCK: Final = 3
"""Samples set to the reference together: 30 ms."""
POINTS: Final = 17
"""Of a deletion curve, beginning and end among them."""
RANDOM_ORDERS: Final = 4
REDRAWN: Final = 2
"""Networks with re-drawn weights."""


def unit_masks(comparison: Comparison) -> np.ndarray:
    """What is set to the reference together.

    Blocks of `BLOCK` samples, single RR inputs, and the shape and the timing of each neighbour.

    Returns
    -------
    ndarray of bool, shape (units, atoms)
    """
    samples, inputs, run, _ = comparison.sizes
    atoms = np.arange(samples + inputs + 2 * run)
    first_input = -(-samples // BLOCK)
    unit = np.where(atoms < samples, atoms // BLOCK, atoms - samples + first_input)
    of_neighbours = first_input + inputs
    place = comparison.here  # of the beat itself, which is told apart by sample already
    itself = (of_neighbours + place, of_neighbours + run + place)
    return np.array([unit == number for number in np.unique(unit) if number not in itself])


def curves(
    classifier: Classifier, comparison: Comparison, masks: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the class while units are deleted, or inserted, in an order.

    Parameters
    ----------
    classifier : Classifier
    comparison : Comparison
        The beat that is explained.
    masks : ndarray of bool, shape (units, atoms)
        As `unit_masks` gives them.
    order : ndarray of int, shape (units,)
        Strongest evidence first.

    Returns
    -------
    deletion, insertion : ndarray of float, shape (POINTS,)
    """
    gone = np.rint(np.linspace(0, len(order), POINTS)).astype(int)
    rank = np.argsort(order)
    deleted = (rank[None] < gone[:, None]).astype(float) @ masks
    kept = np.concatenate([1 - deleted, deleted])
    probability = expit(log_odds(classifier, comparison, kept))
    return probability[:POINTS], probability[POINTS:]


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves whose last axis goes from 0 to 1."""
    return np.trapezoid(curve, dx=1 / (curve.shape[-1] - 1), axis=-1)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; 0 where one of them says nothing."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second).statistic)


@dataclass
class Measured:
    """What is measured of one method, or of random order, beat by beat.

    Parameters
    ----------
    curves : dict
        ``"deletion"`` and ``"insertion"`` to the curve of each beat.
    values : dict
        Name of a check, or of a place, to a value for each beat that it applies to.
    gaps : list
        What `completeness_gap` gives for each beat.
    """

    curves: dict[str, list] = field(default_factory=lambda: {"deletion": [], "insertion": []})
    values: dict[str, list] = field(default_factory=dict)
    gaps: list[tuple[float, float]] = field(default_factory=list)

    def add(self, name: str, value: float) -> None:
        """Add a value of a check or a place."""
        self.values.setdefault(name, []).append(value)

    def areas(self, kind: str) -> np.ndarray:
        """Area of each beat's curve."""
        return area(np.array(self.curves[kind]))


def measure(
    model: Path, half: str, data_dir: str | Path | None, per_class: int = PER_CLASS, few: int = FEW,
    say: Callable[[str], None] = lambda _: None,
) -> dict:  # fmt: skip
    """Measure every method on the sample of one half of the database.

    Parameters
    ----------
    model : Path
        Folder of a saved model.
    half : str
        A key of `HALVES`.
    data_dir : str or Path, optional
        Folder of the database.
    per_class, few : int
        Beats of each class, see `choose_beats`.
    say : callable
        Told what has been done.

    Returns
    -------
    dict
        ``beats``: how many were explained, by the class predicted; ``methods``: for each method
        its figures; ``random``: areas and curves for random order; ``agreement``: mean rank
        correlation of each two methods.
    """
    classes: list[str] = []
    methods, random = {name: Measured() for name in METHODS}, Measured()
    agreement: list[list] = []
    strangers: list[Classifier] = []
    for sampled in sampled_records(model, half, data_dir, per_class, few):
        strangers = strangers or [redrawn(sampled.classifier, seed) for seed in range(REDRAWN)]
        others = disturbed(sampled) if len(sampled.few) else {}
        for beat in sampled.chosen:
            comparison = compare_with_reference(sampled.classifier, sampled.beats, beat)
            classes.append(comparison.target_class)
            masks = unit_masks(comparison)
            atoms = {m: work(sampled.classifier, comparison) for m, work in METHODS.items()}
            evidence = {m: masks @ values for m, values in atoms.items()}
            orders = {m: [np.argsort(-e, kind="stable")] for m, e in evidence.items()}
            rng = np.random.default_rng(int(beat))
            shuffled = [rng.permutation(len(masks)) for _ in range(RANDOM_ORDERS)]
            for measured, tried in [(random, shuffled), *((methods[m], orders[m]) for m in orders)]:
                both = [curves(sampled.classifier, comparison, masks, order) for order in tried]
                for kind, curve in zip(measured.curves, np.mean(both, axis=0), strict=True):
                    measured.curves[kind].append(curve)
            agreement.append(
                [[rank_correlation(a, b) for a in evidence.values()] for b in evidence.values()]
            )
            for method, values in atoms.items():
                _add_place(methods[method], comparison, method, values)
                methods[method].add("sparseness", gini_index(evidence[method]))
                if method in IN_LOG_ODDS:
                    methods[method].gaps.append(
                        completeness_gap(sampled.classifier, comparison, values)
                    )
            if beat in sampled.few:
                _add_checks(methods, sampled, beat, comparison, evidence, strangers, others)
        say(f"{half} {sampled.record.name}: {len(sampled.chosen)} beats")
    return _summary(np.array(classes), methods, random, np.array(agreement))


def _add_place(measured: Measured, comparison: Comparison, method: str, atoms: np.ndarray) -> None:
    percent = from_atoms(comparison, method, atoms).percent
    positive = {part: max(value, 0.0) for part, value in percent.items()}
    if comparison.target_class == "V":
        measured.add("QRS of V", positive["QRS"])
    elif comparison.target_class == "S":
        rhythm = sum(positive[part] for part in RHYTHM_PARTS)
        measured.add("P and rhythm of S", positive["P"] + rhythm)


def _add_checks(
    methods: dict[str, Measured], sampled: Sampled, beat: int, comparison: Comparison,
    evidence: dict[str, np.ndarray], strangers: list[Classifier], others: dict[str, Beats],
) -> None:  # fmt: skip
    masks, target = unit_masks(comparison), comparison.target_class
    for method, work in METHODS.items():
        original = evidence[method]
        for classifier in strangers:
            again = masks @ work(classifier, comparison)
            methods[method].add("randomised", rank_correlation(again, original))
            absolute = rank_correlation(np.abs(again), np.abs(original))
            methods[method].add("randomised, absolute", absolute)
        for name, beats in others.items():
            changed = compare_with_reference(sampled.classifier, beats, beat, target)
            again = masks @ work(sampled.classifier, changed)
            methods[method].add(name, rank_correlation(again, original))

        def explain(changed: Comparison, work: Callable = work) -> np.ndarray:
            return masks @ work(sampled.classifier, changed)

        methods[method].add("sensitivity", max_sensitivity(explain, comparison))


def _summary(
    classes: np.ndarray, methods: dict[str, Measured], random: Measured, agreement: np.ndarray
) -> dict:
    present = [c for c in BEAT_CLASSES if (classes == c).any()]
    figures: dict[str, dict] = {}
    for method, measured in methods.items():
        of_method: dict = {}
        for kind, curve in measured.curves.items():
            areas, of_random = measured.areas(kind), random.areas(kind)
            of_method[kind] = areas.mean()
            of_method[f"{kind}, relative"] = areas.mean() / of_random.mean()
            of_method[f"{kind} curve"] = np.mean(curve, axis=0).tolist()
        areas, of_random = measured.areas("deletion"), random.areas("deletion")
        of_method["deletion, relative, by class"] = {
            c: areas[classes == c].mean() / of_random[classes == c].mean() for c in present
        }
        of_method |= {name: np.mean(values) for name, values in measured.values.items()}
        if measured.gaps:
            gap, difference = np.sum(measured.gaps, axis=0)
            of_method["completeness gap"] = gap / difference
        figures[method] = of_method
    return {
        "beats": {c: int((classes == c).sum()) for c in BEAT_CLASSES},
        "methods": figures,
        "random": {kind: random.areas(kind).mean() for kind in random.curves}
        | {f"{k} curve": np.mean(curve, axis=0).tolist() for k, curve in random.curves.items()},
        "agreement": agreement.mean(axis=0).tolist(),
    }


def result_folder(model: Path) -> Path:
    """Where results of a model are: those of the shipped one in `RESULTS`, else beside it."""
    return RESULTS if Path(model).resolve() == DEFAULT_MODEL.resolve() else Path(model)


def run_faithfulness(
    model: Path,
    data_dir: str | Path | None = None,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict:
    """Measure both halves, or read what was measured for this very model.

    Parameters
    ----------
    model : Path
        Folder of a saved model.
    data_dir : str or Path, optional
        Folder of the database; not used where all is stored.
    folder : Path, optional
        Where ``faithfulness.json`` and ``faithfulness.png`` are; see `result_folder`.
    say : callable
        Told what has been done.

    Returns
    -------
    dict
        ``model``, the digest of its network, and ``DS1`` and ``DS2``, see `measure`.
    """
    file, digest = (folder or result_folder(model)) / FILE, network_digest(model)
    results = read_json(file) if file.is_file() else {}
    if results.get("model") != digest:
        results = {"model": digest}
    missing = [half for half in HALVES if half not in results]
    for half in missing:
        text = json.dumps(measure(model, half, data_dir, say=say))
        results[half] = json.loads(text, parse_float=lambda v: round(float(v), 4))
        write_json(file, results)
    if missing:
        _draw(results, file.with_name(PICTURE))
    return results


def _draw(results: dict, file: Path) -> None:
    from matplotlib.figure import Figure

    from studies.charts import plot_deletion

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for ax, half in zip(figure.subplots(1, 2), HALVES, strict=True):
        plot_deletion(results[half], ax, f"{half}: strongest evidence deleted first")
    with whole_file(file) as part:
        figure.savefig(part, format="png", dpi=110, metadata={"Software": None})
