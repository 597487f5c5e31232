"""How far a classification can be trusted: calibrated probabilities, prediction sets, referral.

What is needed for it is fitted on DS1 by `arrhythmia.trust.calibrate` and saved beside the network
as ``confidence.json``. Here it is read and applied.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import softmax

from arrhythmia.beats import Beats
from arrhythmia.errors import InputError
from arrhythmia.files import read_json, whole_file
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.model_settings import model_digest
from arrhythmia.predictions import SET_CLASSES, Assessment
from arrhythmia.records import Record
from arrhythmia.trust.novelty import Novelty, shape_features
from arrhythmia.trust.quality import PACED, PROBLEMS, find_problems_of_record
from arrhythmia.trust.sets import LEVELS, set_scores, sets_of
from arrhythmia.trust.unlike import UnlikeRecord, share_unsure

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier

FILE: Final = "confidence.json"
FORMAT: Final = 3
"""Changes when older files can no longer be read."""

LEAST_PROBABILITY: Final = 5e-5
"""Half of the last place of probabilities in ``predictions.csv``; 0 there stands for this."""

NOT_ASSESSABLE: Final = "not assessable: "
IS_PACED: Final = "paced: not assessed"
NO_SINUS: Final = "no beat of this recording is surely of sinus origin, to compare it with"
LEAST_SINUS: Final = 0.8
"""Below this every beat is referred: .3 % of svdb's pieces of ten seconds without V lie below."""
UNLIKE: Final = "its shape is unlike those that the network was trained on"


def temperature_scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logarithms of probabilities by a temperature.

    Temperature scaling (Guo et al., ICML 2017, arXiv:1706.04599): above 1 it makes a network less
    sure of itself. It never changes which class is the most likely.

    Parameters
    ----------
    probabilities : ndarray, shape (beats, classes)
        Those below `LEAST_PROBABILITY` count as that. NaN rows stay NaN.
    temperature : float
        Above 0.

    Returns
    -------
    ndarray of float, shape (beats, classes)
        Rows sum to 1.
    """
    return softmax(np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature, axis=1)


@dataclass(frozen=True)
class Confidence:
    """What ``confidence.json`` holds.

    Parameters
    ----------
    temperature : float
        See `temperature_scaled`.
    thresholds : dict
        Level (90, 95) to an ndarray of shape (classes,): the score from which on a class is in
        the set (`set_scores`); 0 for a class that too few records hold.
    refer_above : float
        A beat whose most likely class is less likely than 1 minus this is referred.
    novelty : Novelty
    measured : dict
        What was measured on DS1, on beats that were left out of training.
    model : str
        Digest of the network it belongs to, see `arrhythmia.classifier.model_digest`.
    unlike : UnlikeRecord or None
        When sets are widened; None, never, in a file that was saved before there was this.
    """

    temperature: float
    thresholds: dict[int, np.ndarray]
    refer_above: float
    novelty: Novelty
    measured: dict = field(default_factory=dict)
    model: str = ""
    unlike: UnlikeRecord | None = None

    @classmethod
    def load(cls, folder: str | Path) -> Confidence:
        """Read ``confidence.json`` beside a saved network, in its folder.

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
            facts = read_json(file)
            confidence = cls._from_facts(facts)
            saved_as = (facts["format"], tuple(facts["classes"]))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(f"'{file}' is damaged ({error!r}): {remedy}") from error
        if saved_as != (FORMAT, SET_CLASSES):
            raise InputError(f"'{file}' was saved by an incompatible version: {remedy}")
        if confidence.model != model_digest(folder):
            raise InputError(f"'{file}' was made for another network: {remedy}")
        return confidence

    @classmethod
    def _from_facts(cls, facts: dict) -> Confidence:
        """Confidence from the content of its file; a ValueError where numbers do not fit."""
        novel = {k: np.array(facts["novelty"][k], dtype=float) for k in ("means", "precision")}
        unlike = facts.get("unlike")
        if unlike is not None:
            usual, limit = (float(unlike[key]) for key in ("usual", "limit"))
            unlike = UnlikeRecord(usual, limit, _by_level(unlike["least"]))
        confidence = cls(
            float(facts["temperature"]),
            _by_level(facts["least"]),
            float(facts["refer_above"]),
            Novelty(**novel, limit=float(facts["novelty"]["limit"])),
            facts["measured"], facts["model"], unlike,
        )  # fmt: skip
        means, precision, limit = novel["means"], novel["precision"], confidence.novelty.limit
        rows = [*confidence.thresholds.values()]
        if unlike is not None:
            rows += unlike.thresholds.values()
        fits = (
            np.isfinite([limit, confidence.temperature, means.sum(), precision.sum()]).all()
            and confidence.temperature > 0 <= confidence.refer_above <= 1
            and all(row.shape == (len(SET_CLASSES),) for row in rows)
            and all((row >= 0).all() and (row <= 1).all() for row in rows)
            and (unlike is None or 0 <= unlike.usual <= unlike.limit <= 1)
            and means.ndim == 2
            and precision.shape == (means.shape[1], means.shape[1])
        )
        if not fits:
            raise ValueError("its numbers do not fit together")
        return confidence

    def save(self, folder: str | Path) -> None:
        """Write ``confidence.json`` beside a saved network, in its folder."""
        facts = {"format": FORMAT, "classes": SET_CLASSES, "model": self.model}
        facts |= {"temperature": self.temperature, "refer_above": self.refer_above}
        facts["least"] = {str(level): row.tolist() for level, row in self.thresholds.items()}
        if self.unlike is not None:
            least = {str(level): row.tolist() for level, row in self.unlike.thresholds.items()}
            facts["unlike"] = {"usual": self.unlike.usual, "limit": self.unlike.limit}
            facts["unlike"]["least"] = least
        facts["measured"] = self.measured
        facts["novelty"] = {
            name: [[float(f"{v:.6g}") for v in row] for row in value] if np.ndim(value) else value
            for name, value in asdict(self.novelty).items()
        }
        with whole_file(Path(folder) / FILE) as part:
            part.write_text(_rows_in_line(json.dumps(facts, indent=1)) + "\n", encoding="utf-8")

    def assess(
        self,
        classifier: Classifier,
        record: Record,
        beats: Beats,
        wanted: np.ndarray | None = None,
        probabilities: np.ndarray | None = None,
        problems: np.ndarray | None = None,
    ) -> Assessment:
        """Tell how far the classification of a record's beats can be trusted.

        Parameters
        ----------
        classifier : Classifier
            The network that this belongs to.
        record : Record
            As read: its quality is judged from the unfiltered signal of all leads.
        beats : Beats
            All beats of the record.
        wanted : ndarray of int, optional
            Only these beats, which saves time.
        probabilities : ndarray of float, shape (beats, 5), optional
            What the classifier gives the beats, where it is known already. It should be of all
            beats where the classifier judges them together: what is said of the whole record
            rests on that.
        problems : ndarray of int, shape (beats,), optional
            Those of `find_problems_of_record`, where they are known already.

        Returns
        -------
        Assessment
        """
        places = np.arange(len(beats))
        wanted = places if wanted is None else np.unique(places[wanted])
        if probabilities is None:
            probabilities = classifier.decide(beats, wanted).probabilities
        unsure = float("nan")
        if classifier.settings.templates is not None:  # else some beats alone may be known
            calibrated = temperature_scaled(probabilities, self.temperature)
            unsure = share_unsure(calibrated, self.refer_above)
        chosen = np.isin(places, wanted)
        probabilities = np.where(chosen[:, None], probabilities, np.nan)
        novelty = np.full(len(beats), np.nan)
        novelty[wanted] = self.novelty.distance(shape_features(classifier, beats, wanted))
        if problems is None:
            problems = find_problems_of_record(record, beats, classifier.settings.beats, wanted)
        return self.judge(probabilities, novelty, problems, beats.sinus, unsure)

    def judge(
        self,
        probabilities: np.ndarray,
        novelty: np.ndarray,
        problems: np.ndarray,
        sinus: float = float("nan"),
        unsure: float = float("nan"),
    ) -> Assessment:
        """Put together what is known of the beats of a record.

        Parameters
        ----------
        probabilities : ndarray, shape (beats, 5)
            As the network gives them; NaN rows for beats that are not wanted.
        novelty : ndarray, shape (beats,)
            See `Novelty.distance`.
        problems : ndarray of int, shape (beats,)
            See `arrhythmia.trust.quality.find_problems_of_record`.
        sinus : float
            Probability that the template beat is of sinus origin; NaN where it is not judged.
        unsure : float
            See `arrhythmia.trust.unlike.share_unsure`; NaN where it is not known.

        Returns
        -------
        Assessment
        """
        chosen = np.isfinite(probabilities).all(axis=1)
        calibrated = temperature_scaled(probabilities, self.temperature)
        unreadable = chosen & (problems > 0)
        scores = set_scores(calibrated)
        note = "" if self.unlike is None else self.unlike.words(unsure)
        thresholds = self.unlike.thresholds if self.unlike is not None and note else self.thresholds
        sets90, sets95 = (sets_of(scores, thresholds[level]) for level in LEVELS)
        sets90[unreadable] = sets95[unreadable] = True  # it could be anything
        score = 1.0 - calibrated.max(axis=1)
        doubtful = chosen & (score > self.refer_above)
        novel = chosen & (novelty > self.novelty.limit)
        astray = chosen & bool(sinus < LEAST_SINUS)
        reasons = [""] * len(probabilities)
        for beat in np.flatnonzero(unreadable | doubtful | novel | astray):
            doubts = [_doubt(calibrated[beat])] if doubtful[beat] else []
            doubts += [UNLIKE] if novel[beat] else []
            doubts += [NO_SINUS] if astray[beat] else []
            reasons[beat] = "; ".join(doubts)
            if unreadable[beat]:
                paced = problems[beat] == PACED
                reasons[beat] = IS_PACED if paced else NOT_ASSESSABLE + PROBLEMS[problems[beat]]
        assessable, refer = chosen & ~unreadable, unreadable | doubtful | novel | astray
        return Assessment(
            calibrated, sets90, sets95, score, novelty, assessable, refer, reasons, note
        )


def is_calibrated(folder: str | Path) -> bool:
    """Whether a saved model has a ``confidence.json`` beside it."""
    return (Path(folder) / FILE).is_file()


def _by_level(least: dict[str, list[float]]) -> dict[int, np.ndarray]:
    return {level: np.array(least[str(level)], dtype=float) for level in LEVELS}


def _doubt(calibrated: np.ndarray) -> str:
    """The two most likely classes: 'the network is unsure: N .52, S .41'."""
    first, second = np.argsort(-calibrated, kind="stable")[:2]
    values = [
        f"{BEAT_CLASSES[i]} {calibrated[i]:.2f}".replace(" 0.", " .") for i in (first, second)
    ]
    return f"the network is unsure: {', '.join(values)}"


def _rows_in_line(text: str) -> str:
    """JSON with lists of numbers on one line each."""
    return re.sub(r"\[[-\d.e+,\s]*\]", lambda m: re.sub(r"\s+", "", m[0]).replace(",", ", "), text)
