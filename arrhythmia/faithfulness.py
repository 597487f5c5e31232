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
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from arrhythmia.attribution import METHODS
from arrhythmia.beats import Beats, reference_beats
from arrhythmia.classifier import DEFAULT_MODEL, Classifier
from arrhythmia.errors import InputError
from arrhythmia.evaluation import read_predictions
from arrhythmia.explanation import RHYTHM_PARTS, from_atoms
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.ledger import model_digest
from arrhythmia.reading import Reading, log_odds, read_beat
from arrhythmia.records import Record, read_record

FILE = "faithfulness.json"
EACH = 100
"""Beats of each class, where there are so many."""
FEW = 30
"""Of these, beats of each class for randomisation and stability, which take longest."""
BLOCK = 3
"""Samples set to the reference together: 30 ms."""
POINTS = 17
"""Of a deletion curve, beginning and end among them."""
RANDOM_ORDERS = 4
REDRAWN = 2
"""Networks with re-drawn weights."""
NOISE = 0.02
"""Noise for stability, relative to the standard deviation of the record."""


@dataclass(frozen=True)
class Sampled:
    """Beats of one record to be explained, and the network that has not seen it.

    Parameters
    ----------
    classifier : Classifier
    record : Record
    beats : Beats
        All of the record.
    chosen : ndarray of int, shape (chosen,)
        Which are explained.
    few : ndarray of int, shape (few,)
        Those of them that are used for what takes longest.
    """

    classifier: Classifier
    record: Record
    beats: Beats
    chosen: np.ndarray
    few: np.ndarray


def choose_beats(table: pd.DataFrame, each: int = EACH, few: int = FEW) -> pd.DataFrame:
    """A fixed sample of beats: so many of each reference class, drawn at random.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions, as `arrhythmia.evaluation.predict_records` gives them.
    each, few : int
        Beats of each class, where there are so many, and those of them marked ``few``.

    Returns
    -------
    pandas.DataFrame
        ``record``, ``beat`` (its number in the record), ``reference``, ``few``.
    """
    numbered = table.assign(beat=table.groupby("record").cumcount())
    parts = []
    for name in BEAT_CLASSES:
        of_class = numbered[numbered["reference"] == name]
        drawn = of_class.sample(min(each, len(of_class)), random_state=0)
        parts.append(drawn.assign(few=np.arange(len(drawn)) < few))
    return pd.concat(parts)[["record", "beat", "reference", "few"]]


def sampled_records(
    model: Path, half: str, data_dir: str | Path | None, each: int, few: int
) -> Iterator[Sampled]:
    """The sample of DS1 or DS2, record by record.

    Raises
    ------
    InputError
        If the model has no predictions of that half yet.
    """
    name = {"DS1": "folds_predictions.csv", "DS2": "predictions.csv"}[half]
    command = f"python -m arrhythmia evaluate --model {model}" + " --folds" * (half == "DS1")
    folders = sorted(model.parent.glob(f"{model.name}-fold[0-9]")) if half == "DS1" else [model]
    if not (model / name).is_file() or not folders:
        raise InputError(f"model '{model}' has no predictions of {half} yet: run '{command}'")
    chosen = choose_beats(read_predictions(model / name), each, few)
    for folder in folders:
        classifier = Classifier.load(folder).trace()
        seen = set(classifier.settings.training.get("records", ()))
        for record_name, rows in chosen.groupby("record", sort=True):
            if str(record_name) in seen:
                continue
            record = read_record(str(record_name), data_dir)
            beats = classifier.find_beats(record)
            yield Sampled(
                classifier, record, beats, rows["beat"].to_numpy(),
                rows.loc[rows["few"], "beat"].to_numpy(),
            )  # fmt: skip


def units(reading: Reading) -> np.ndarray:
    """What is set to the reference together, as masks of atoms (units, atoms).

    Blocks of `BLOCK` samples, single RR inputs, and the shape and the timing of each neighbour.
    """
    samples, inputs, run, _ = reading.sizes
    atoms = np.arange(samples + inputs + 2 * run)
    of = np.where(atoms < samples, atoms // BLOCK, atoms - samples + -(-samples // BLOCK))
    first = -(-samples // BLOCK) + inputs
    own = (first + reading.here, first + run + reading.here)  # told apart by sample already
    return np.array([of == unit for unit in np.unique(of) if unit not in own])


def curves(
    classifier: Classifier, reading: Reading, masks: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the class while units are deleted, or inserted, in an order.

    Parameters
    ----------
    classifier, reading
        What is explained.
    masks : ndarray of bool, shape (units, atoms)
        As `units` gives them.
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
    found = 1 / (1 + np.exp(-log_odds(classifier, reading, kept)))
    return found[:POINTS], found[POINTS:]


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves whose last axis goes from 0 to 1."""
    return np.trapezoid(curve, dx=1 / (curve.shape[-1] - 1), axis=-1)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; 0 where one of them says nothing."""
    from scipy.stats import rankdata

    a, b = rankdata(first), rankdata(second)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def redrawn(classifier: Classifier, seed: int) -> Classifier:
    """A classifier of the same shape with fresh random weights."""
    from arrhythmia.backend import keras

    keras.utils.set_random_seed(seed)
    return Classifier(keras.models.clone_model(classifier.network), classifier.settings).trace()


def disturbed(sampled: Sampled) -> dict[str, Beats]:
    """The same beats with a little noise on the record, and with marks one sample later."""
    record, find = sampled.record, sampled.classifier.find_beats
    rng = np.random.default_rng(0)
    noise = NOISE * np.nanstd(record.signal) * rng.standard_normal(len(record.signal))
    sample, _ = reference_beats(record)
    last = len(record.signal) - 1
    moved = record.annotation._replace(sample=np.minimum(record.annotation.sample + 1, last))
    found = {
        "noise": find(replace(record, signal=record.signal + noise)),
        "one sample later": find(replace(record, annotation=moved)),
    }
    return {k: beats for k, beats in found.items() if len(beats) == len(sample)}


def measure(
    model: Path, half: str, data_dir: str | Path | None, each: int = EACH, few: int = FEW,
    say: Callable[[str], None] = lambda _: None,
) -> dict:  # fmt: skip
    """Measure every method on the sample of one half of the database.

    Parameters
    ----------
    model : Path
        Folder of a saved model.
    half : str
        ``"DS1"`` or ``"DS2"``.
    data_dir : str or Path, optional
        Folder of the database.
    each, few : int
        Beats of each class, as for `choose_beats`.
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
    areas: dict[str, dict[str, list]] = {m: {"deletion": [], "insertion": []} for m in METHODS}
    areas["random"] = {"deletion": [], "insertion": []}
    checks: dict[str, dict[str, list]] = {m: {} for m in METHODS}
    places: dict[str, dict[str, list]] = {m: {"QRS of V": [], "P and rhythm of S": []}
                                          for m in METHODS}  # fmt: skip
    agreement: list[np.ndarray] = []
    random: list[Classifier] = []
    for sampled in sampled_records(model, half, data_dir, each, few):
        random = random or [redrawn(sampled.classifier, seed) for seed in range(REDRAWN)]
        others = disturbed(sampled) if len(sampled.few) else {}
        for beat in sampled.chosen:
            reading = read_beat(sampled.classifier, sampled.beats, beat)
            masks = units(reading)
            rng = np.random.default_rng(int(beat))
            atoms = {m: f(sampled.classifier, reading) for m, f in METHODS.items()}
            evidence = {m: masks @ a for m, a in atoms.items()}
            orders = {m: [np.argsort(-e, kind="stable")] for m, e in evidence.items()}
            orders["random"] = [rng.permutation(len(masks)) for _ in range(RANDOM_ORDERS)]
            for name, tried in orders.items():
                both = [curves(sampled.classifier, reading, masks, order) for order in tried]
                for kind, curve in zip(areas[name], np.mean(both, axis=0), strict=True):
                    areas[name][kind].append(curve)
            each_found = evidence.values()
            agreement.append([[rank_correlation(a, b) for a in each_found] for b in each_found])
            classes.append(reading.target_class)
            _add_places(places, reading, atoms)
            if beat in sampled.few:
                _add_checks(checks, sampled, beat, reading, evidence, random, others)
        say(f"{half} {sampled.record.name}: {len(sampled.chosen)} beats")
    return _summary(classes, areas, checks, places, np.array(agreement))


def _add_places(places: dict, reading: Reading, atoms: dict[str, np.ndarray]) -> None:
    for method, found in atoms.items():
        percent = from_atoms(reading, method, found).percent
        positive = {k: max(v, 0.0) for k, v in percent.items()}
        if reading.target_class == "V":
            places[method]["QRS of V"].append(positive["QRS"])
        elif reading.target_class == "S":
            share = positive["P"] + sum(positive[k] for k in RHYTHM_PARTS)
            places[method]["P and rhythm of S"].append(share)


def _add_checks(
    checks: dict, sampled: Sampled, beat: int, reading: Reading, evidence: dict,
    random: list[Classifier], others: dict[str, Beats],
) -> None:  # fmt: skip
    masks = units(reading)
    target = reading.target_class
    for method, work in METHODS.items():
        for classifier in random:
            again = masks @ work(classifier, reading)
            for name, change in (("randomised", lambda e: e), ("randomised, absolute", np.abs)):
                value = rank_correlation(change(again), change(evidence[method]))
                checks[method].setdefault(name, []).append(value)
        for name, beats in others.items():
            changed = read_beat(sampled.classifier, beats, beat, target)
            again = masks @ work(sampled.classifier, changed)
            checks[method].setdefault(name, []).append(rank_correlation(again, evidence[method]))


def _summary(
    classes: list[str], areas: dict, checks: dict, places: dict, agreement: np.ndarray
) -> dict:
    of = np.array(classes)
    stacked = {m: {k: np.array(c) for k, c in kinds.items()} for m, kinds in areas.items()}
    random, methods = stacked.pop("random"), {}
    for method, kinds in stacked.items():
        figures: dict = {}
        for kind, curve in kinds.items():
            figures[kind] = area(curve).mean()
            figures[f"{kind}, relative"] = area(curve).mean() / area(random[kind]).mean()
            figures[f"{kind} curve"] = curve.mean(axis=0).tolist()
        figures["deletion, relative, by class"] = {
            c: area(kinds["deletion"][of == c]).mean() / area(random["deletion"][of == c]).mean()
            for c in BEAT_CLASSES
            if (of == c).any()
        }
        figures |= {name: np.mean(values) for name, values in checks[method].items()}
        figures |= {name: np.mean(v) for name, v in places[method].items() if v}
        methods[method] = figures
    return {
        "beats": {c: int((of == c).sum()) for c in BEAT_CLASSES},
        "methods": methods,
        "random": {k: area(c).mean() for k, c in random.items()}
        | {f"{k} curve": c.mean(axis=0).tolist() for k, c in random.items()},
        "agreement": agreement.mean(axis=0).tolist(),
    }


def run_faithfulness(
    model: Path = DEFAULT_MODEL,
    data_dir: str | Path | None = None,
    again: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict:
    """Measure both halves, or read what was measured for this very model.

    Writes ``faithfulness.json`` and ``faithfulness.png`` into the model's folder.

    Parameters
    ----------
    model : Path
        Folder of a saved model.
    data_dir : str or Path, optional
        Folder of the database.
    again : bool
        Measure even if it is stored.
    say : callable
        Told what has been done.
    """
    from matplotlib.figure import Figure

    from arrhythmia.charts import plot_deletion

    model, digest = Path(model), model_digest(model)
    found = read_faithfulness(model)
    if found is None or found["model"] != digest or again:
        found = {"model": digest}
    for half in ("DS1", "DS2"):
        if half not in found:
            rounded = json.dumps(measure(model, half, data_dir, say=say))
            found[half] = json.loads(rounded, parse_float=lambda v: round(float(v), 4))
            with whole_file(model / FILE) as part:
                part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for ax, half in zip(figure.subplots(1, 2), ("DS1", "DS2"), strict=True):
        plot_deletion(found[half], ax, f"{half}: strongest evidence deleted first")
    with whole_file(model / "faithfulness.png") as part:
        figure.savefig(part, format="png", dpi=110, metadata={"Software": None})
    return found


def read_faithfulness(model: Path = DEFAULT_MODEL) -> dict | None:
    """What `run_faithfulness` stored for a model; None if nothing."""
    file = Path(model) / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
