"""What is saved beside a network: how its beats are made, how it was trained, what it is."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from arrhythmia.errors import InputError
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import TemplateSettings

FORMAT: Final = 1
"""Changes when older model folders can no longer be read."""

LIBRARIES: Final = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "wfdb", "sleepecg")


@dataclass(frozen=True)
class ModelSettings:
    """What is saved beside a network, as ``settings.json``.

    Parameters
    ----------
    beats : BeatSettings
        Preprocessing.
    run : int
        Consecutive beats that the network reads together.
    seed : int
        Random seed of the training.
    training : dict
        All settings of the network and of its training, as a record of what was done.
    templates : TemplateSettings, optional
        How beats are judged together; None where each is judged by itself.
    versions : dict
        Library versions at the time of training.
    """

    beats: BeatSettings
    run: int
    seed: int
    training: dict = field(default_factory=dict)
    templates: TemplateSettings | None = None
    versions: dict = field(default_factory=lambda: {n: version(n) for n in LIBRARIES})

    def to_json(self) -> str:
        """Text of ``settings.json``."""
        known = asdict(self, dict_factory=lambda p: {k: v for k, v in p if v is not None})
        facts = {"format": FORMAT, "classes": BEAT_CLASSES, "rr_inputs": RR_INPUTS} | known
        return json.dumps(facts, indent=2) + "\n"


def read_settings(folder: str | Path) -> ModelSettings:
    """Read and check the settings of a saved model, without loading its network.

    Parameters
    ----------
    folder : str or Path
        What `Classifier.save` wrote.

    Raises
    ------
    InputError
        If the folder is missing, incomplete, or was saved by an incompatible version.
    """
    folder = Path(folder)
    remedy = "give another with --model, or train one ('python -m arrhythmia train')"
    if not folder.is_dir():
        raise InputError(f"no model folder '{folder}': {remedy}")
    for name in ("settings.json", "model.keras"):
        if not (folder / name).is_file():
            raise InputError(f"model folder '{folder}' is incomplete, it lacks '{name}': {remedy}")
    try:
        facts = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        saved = (facts["format"], tuple(facts["classes"]), tuple(facts["rr_inputs"]))
        beats = facts["beats"] | {"band": tuple(facts["beats"]["band"])}
        settings = ModelSettings(
            beats=BeatSettings(**beats),
            run=facts["run"],
            seed=facts["seed"],
            training=facts["training"],
            templates=TemplateSettings(**facts["templates"]) if "templates" in facts else None,
            versions=facts["versions"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"'{folder / 'settings.json'}' is damaged ({error!r}): {remedy}"
        ) from error
    if saved != (FORMAT, BEAT_CLASSES, RR_INPUTS):
        raise InputError(
            f"model '{folder}' was saved by an incompatible version of this program "
            f"(format {saved[0]}, this one reads {FORMAT}): {remedy}"
        )
    return settings


def model_digest(folder: str | Path) -> str:
    """SHA-256 of a saved network's weights and settings (the file itself holds the date)."""
    folder = Path(folder)
    digest = hashlib.sha256((folder / "settings.json").read_bytes())
    with zipfile.ZipFile(folder / "model.keras") as archive:
        digest.update(archive.read("model.weights.h5"))
    return digest.hexdigest()
