"""How far a classification can be trusted: calibrated probabilities, prediction sets, referral.

What is needed for it is fitted on DS1 by `arrhythmia.calibration` and saved beside the network
as ``confidence.json``; here it is read and applied.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arrhythmia.beats import Beats
from arrhythmia.errors import InputError
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES, GROUPINGS, grouped
from arrhythmia.ledger import model_digest
from arrhythmia.quality import PROBLEMS, find_problems
from arrhythmia.records import Record
from arrhythmia.sequences import with_difference

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

FILE = "confidence.json"
FORMAT = 2
GROUPING = "aami"
"""Classes of the sets. E cannot be a class of its own: one record of DS1 holds all of it, and a
promise about new patients cannot be learnt from one patient. Here it counts as V."""

CLASSES = tuple(GROUPINGS[GROUPING])
LEVELS = (90, 95)
"""Per cent of the beats of each class whose set is to hold the true class."""

LEAST_PROBABILITY = 5e-5
"""Half of the last place of probabilities in ``predictions.csv``: they are never zero."""
FEATURES_AT_ONCE = 4096
NOT_ASSESSABLE = "not assessable: "
UNLIKE = "its shape is unlike those that the network was trained on"


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logarithms of probabilities by a temperature.

    Temperature scaling (Guo et al., ICML 2017, arXiv:1706.04599): above 1 it makes a network
    less sure of itself, and it never changes which class is the most likely.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
        NaN rows stay NaN.
    temperature : float
        Above 0.

    Returns
    -------
    ndarray of float, shape (beats, classes)
    """
    scores = np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def sets_of(grouped_probabilities: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Prediction sets: every class that is at least as likely as it must be to be in.

    A set that would be empty holds the most likely class, which can only add to coverage.

    Parameters
    ----------
    grouped_probabilities : ndarray, shape (beats, classes)
        Calibrated, over `CLASSES`.
    least : ndarray of float, shape (classes,)
        Of `arrhythmia.fitting.fit_thresholds`.

    Returns
    -------
    ndarray of bool, shape (beats, classes)
        Without any class where probabilities are NaN.
    """
    known = np.isfinite(grouped_probabilities).all(axis=1)
    found = np.nan_to_num(grouped_probabilities, nan=-1.0) >= least - 1e-9
    found[~known] = False
    empty = np.flatnonzero(known & ~found.any(axis=1))
    found[empty, grouped_probabilities[empty].argmax(axis=1)] = True
    return found


@dataclass(frozen=True)
class Novelty:
    """How far a beat's shape is from those of the training beats, in the network's own terms.

    The Mahalanobis distance to the nearest class (Lee et al., NeurIPS 2018, arXiv:1807.03888)
    among the numbers by which the encoder describes a beat (layer ``features``).

    Parameters
    ----------
    means : ndarray, shape (classes with beats, features)
    precision : ndarray, shape (features, features)
        Inverse of the covariance within classes.
    limit : float
        A greater distance is unlike anything in training.
    """

    means: np.ndarray
    precision: np.ndarray
    limit: float

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Distance of each beat to the nearest class, shape (beats,)."""
        apart = features[:, None, :] - self.means
        squares = np.einsum("bci,ij,bcj->bc", apart, self.precision, apart, optimize=True)
        return np.sqrt(np.maximum(squares.min(axis=1), 0.0))


def shape_features(classifier: Classifier, beats: Beats) -> np.ndarray:
    """What the encoder of a network says of the shape of each beat.

    Returns
    -------
    ndarray of float, shape (beats, features)
    """
    inputs = with_difference(beats.segments, beats.usual_beat)
    parts = np.array_split(inputs, max(1, -(-len(inputs) // FEATURES_AT_ONCE)))
    return np.concatenate([np.asarray(classifier.describe(part)) for part in parts])


@dataclass(frozen=True)
class Assessment:
    """What is known of how far each beat's classification can be trusted.

    Rows of beats that were not wanted are NaN, False or empty.

    Parameters
    ----------
    probabilities : ndarray of float, shape (beats, 5)
        Calibrated, in the order of `arrhythmia.labels.BEAT_CLASSES`.
    sets90, sets95 : ndarray of bool, shape (beats, 4)
        Prediction sets over `CLASSES`; all classes where the beat is not assessable.
    score : ndarray of float, shape (beats,)
        1 minus the greatest probability: the greater, the sooner to refer.
    novelty : ndarray of float, shape (beats,)
        See `Novelty`.
    assessable : ndarray of bool, shape (beats,)
        Whether the signal can be read there.
    refer : ndarray of bool, shape (beats,)
        Whether a person should look; also where the beat is not assessable.
    reasons : list of str
        Why, in words; empty where not referred.
    """

    probabilities: np.ndarray
    sets90: np.ndarray
    sets95: np.ndarray
    score: np.ndarray
    novelty: np.ndarray
    assessable: np.ndarray
    refer: np.ndarray
    reasons: list[str]


@dataclass(frozen=True)
class Confidence:
    """What ``confidence.json`` holds.

    Parameters
    ----------
    temperature : float
        See `tempered`.
    least : dict
        Level (90, 95) to an ndarray of shape (classes,): how likely a class must be to be in
        the set; 0 for a class of which too few records tell.
    refer_above : float
        Score above which a beat is referred.
    novelty : Novelty
    measured : dict
        What was found on DS1, out of fold.
    model : str
        Of the network it belongs to, see `arrhythmia.ledger.model_digest`.
    """

    temperature: float
    least: dict[int, np.ndarray]
    refer_above: float
    novelty: Novelty
    measured: dict = field(default_factory=dict)
    model: str = ""
    classes: tuple[str, ...] = CLASSES

    @classmethod
    def load(cls, folder: str | Path) -> Confidence:
        """Read ``confidence.json`` beside a saved network.

        Raises
        ------
        InputError
            If it is missing, damaged, or was made for another network.
        """
        file = Path(folder) / FILE
        remedy = f"run 'python -m arrhythmia calibrate --model {folder}'"
        if not file.is_file():
            raise InputError(f"model '{folder}' is not calibrated, it lacks '{FILE}': {remedy}")
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
            novel = {k: np.array(facts["novelty"][k], dtype=float) for k in ("means", "precision")}
            found = cls(
                float(facts["temperature"]),
                {level: np.array(facts["least"][str(level)], dtype=float) for level in LEVELS},
                float(facts["refer_above"]),
                Novelty(**novel, limit=float(facts["novelty"]["limit"])),
                facts["measured"],
                facts["model"],
            )
            saved = (facts["format"], tuple(facts["classes"]))
            features = found.novelty.means.shape[-1]
            fits = (
                found.temperature > 0
                and all(each.shape == (len(CLASSES),) for each in found.least.values())
                and found.novelty.means.ndim == 2
                and found.novelty.precision.shape == (features, features)
            )
            if not fits:
                raise ValueError("its numbers do not fit together")
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(f"'{file}' is damaged ({error!r}): {remedy}") from error
        if saved != (FORMAT, CLASSES):
            raise InputError(f"'{file}' was saved by an incompatible version: {remedy}")
        if found.model != model_digest(folder):
            raise InputError(f"'{file}' was made for another network: {remedy}")
        return found

    def save(self, folder: str | Path) -> None:
        """Write ``confidence.json`` beside a saved network."""
        facts = {"format": FORMAT, "classes": CLASSES, "model": self.model}
        facts |= {"temperature": self.temperature, "refer_above": self.refer_above}
        facts["least"] = {str(level): each.tolist() for level, each in self.least.items()}
        facts["measured"] = self.measured
        facts["novelty"] = {
            k: [[float(f"{v:.6g}") for v in row] for row in each] if np.ndim(each) else each
            for k, each in asdict(self.novelty).items()
        }
        text = json.dumps(facts, indent=1)
        with whole_file(Path(folder) / FILE) as part:
            part.write_text(_rows_in_line(text) + "\n", encoding="utf-8")

    def assess(
        self,
        classifier: Classifier,
        record: Record,
        beats: Beats,
        wanted: np.ndarray | None = None,
        probabilities: np.ndarray | None = None,
    ) -> Assessment:
        """Tell how far the classification of a record's beats can be trusted.

        Parameters
        ----------
        classifier : Classifier
            The network that this belongs to.
        record : Record
            As read: its quality is judged from the unfiltered signal.
        beats : Beats
            All beats of the record.
        wanted : ndarray of int, optional
            Only these beats, which saves time.
        probabilities : ndarray of float, shape (beats, 5), optional
            What the classifier gives the wanted beats, where it is known already.

        Returns
        -------
        Assessment
        """
        every = np.arange(len(beats))
        wanted = every if wanted is None else np.unique(every[wanted])
        if probabilities is None:
            probabilities = classifier.probabilities(beats, wanted)
        chosen = np.isin(every, wanted)
        raw = np.where(chosen[:, None], probabilities, np.nan)
        novelty = np.full(len(beats), np.nan)
        novelty[wanted] = self.novelty.distance(shape_features(classifier, _some(beats, wanted)))
        problems = find_problems(record, beats.centers, classifier.settings.beats, wanted)
        return self.judge(raw, novelty, problems)

    def judge(self, raw: np.ndarray, novelty: np.ndarray, problems: np.ndarray) -> Assessment:
        """Put together what is known of beats.

        Parameters
        ----------
        raw : ndarray, shape (beats, 5)
            Probabilities of the network; NaN rows for beats that are not wanted.
        novelty : ndarray, shape (beats,)
            See `Novelty.distance`.
        problems : ndarray of int, shape (beats,)
            See `arrhythmia.quality.find_problems`.
        """
        chosen = np.isfinite(raw).all(axis=1)
        calibrated = tempered(raw, self.temperature)
        together = grouped(calibrated, GROUPING)
        bad = chosen & (problems > 0)
        sets = {level: sets_of(together, self.least[level]) for level in LEVELS}
        for each in sets.values():
            each[bad] = True  # it could be anything
        score = 1.0 - calibrated.max(axis=1)
        unsure = chosen & (score > self.refer_above)
        novel = chosen & (novelty > self.novelty.limit)
        reasons = [""] * len(raw)
        for beat in np.flatnonzero(bad | unsure | novel):
            said = [_doubt(calibrated[beat])] if unsure[beat] else []
            said += [UNLIKE] if novel[beat] else []
            reasons[beat] = "; ".join(said)
            if bad[beat]:
                reasons[beat] = NOT_ASSESSABLE + PROBLEMS[problems[beat]]
        return Assessment(
            calibrated, sets[90], sets[95], score, novelty,
            assessable=chosen & ~bad, refer=bad | unsure | novel, reasons=reasons,
        )  # fmt: skip


def is_calibrated(folder: str | Path) -> bool:
    """Whether a saved model has a ``confidence.json`` beside it."""
    return (Path(folder) / FILE).is_file()


def _some(beats: Beats, wanted: np.ndarray) -> Beats:
    """Segments and usual beats of some beats; nothing else is needed of them."""
    from dataclasses import replace

    usual = beats.usual_beat if beats.usual_beat.ndim == 1 else beats.usual_beat[wanted]
    return replace(beats, segments=beats.segments[wanted], usual_beat=usual)


def _doubt(calibrated: np.ndarray) -> str:
    """The two most likely classes: 'the network is unsure: N .52, S .41'."""
    first, second = np.argsort(-calibrated, kind="stable")[:2]
    values = [
        f"{BEAT_CLASSES[i]} {calibrated[i]:.2f}".replace(" 0.", " .") for i in (first, second)
    ]
    return f"the network is unsure: {', '.join(values)}"


def _rows_in_line(text: str) -> str:
    """JSON with lists of numbers on one line each."""
    import re

    return re.sub(r"\[[-\d.e+,\s]*\]", lambda m: re.sub(r"\s+", "", m[0]).replace(",", ", "), text)
