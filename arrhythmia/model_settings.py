"""What is saved beside a network: how its beats are made, how it was trained, what it is."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from arrhythmia.errors import InputError
from arrhythmia.files import read_json
from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.second_stage import SecondStage
from arrhythmia.sequences import RR_INPUTS
from arrhythmia.signals import BeatSettings
from arrhythmia.templates import TemplateSettings

if TYPE_CHECKING:
    import h5py

FORMAT: Final = 1
"""Changes when older model folders can no longer be read."""

LARGEST_MODEL: Final = 64_000_000
"""Bytes of a saved network; the largest of the project takes 3.6 million."""

LARGEST_SIZE: Final = 5000
"""The largest number in the configuration of a network: of units, filters, beats, samples."""

LAYERS: Final = (
    "Functional", "InputLayer", "TimeDistributed", "Conv1D", "BatchNormalization", "ReLU",
    "MaxPooling1D", "Flatten", "Dropout", "Dense", "Concatenate", "Bidirectional", "LSTM",
    "Softmax", "DTypePolicy", "__keras_tensor__", "__tuple__",
    "GlorotUniform", "Orthogonal", "Ones", "Zeros",
)  # fmt: skip
"""What a network of this program is made of, in Keras' words."""

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
    second_stage : SecondStage, optional
        What rhythm and fusion count after that; None where they are not asked.
    versions : dict
        Library versions at the time of training.
    """

    beats: BeatSettings
    run: int
    seed: int
    training: dict = field(default_factory=dict)
    templates: TemplateSettings | None = None
    second_stage: SecondStage | None = None
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
        facts = read_json(folder / "settings.json")
        saved = (facts["format"], tuple(facts["classes"]), tuple(facts["rr_inputs"]))
        beats = facts["beats"] | {"band": tuple(facts["beats"]["band"])}
        settings = ModelSettings(
            beats=BeatSettings(**beats),
            run=facts["run"],
            seed=facts["seed"],
            training=facts["training"],
            templates=TemplateSettings(**facts["templates"]) if "templates" in facts else None,
            second_stage=SecondStage(**facts["second_stage"]) if "second_stage" in facts else None,
            versions=facts["versions"],
        )
        _check(settings)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"'{folder / 'settings.json'}' is damaged ({error!r}): {remedy}"
        ) from error
    if saved != (FORMAT, BEAT_CLASSES, RR_INPUTS):
        raise InputError(
            f"model '{folder}' was saved by an incompatible version of this program "
            f"(format {saved[0]}, this one reads {FORMAT}): {remedy}"
        )
    return settings


def _check(settings: ModelSettings) -> None:
    """Raise a ValueError that names a setting of another type, or out of range."""
    beats, templates = settings.beats, settings.templates
    low, high = beats.band
    ranges = {
        "fs": (beats.fs, (int, float), 20, 2000),
        "band": (low, (int, float), 1e-3, 1000),
        "end of band": (high, (int, float), low, 0.499 * beats.fs),
        "order": (beats.order, int, 1, 8),
        "before": (beats.before, (int, float), 0.05, 2),
        "after": (beats.after, (int, float), 0.05, 2),
        "search": (beats.search, (int, float), 0, 0.5),
        "run": (settings.run, int, 1, 256),
        "seed": (settings.seed, int, 0, 2**32),
    }
    if templates is not None:
        ranges |= {
            "count": (templates.count, int, 1, 1000),
            "timing": (templates.timing, (int, float), 0, 1000),
            "share": (templates.share, (int, float), 0, 1),
        }
    if settings.second_stage is not None:
        ranges |= {
            "early": (settings.second_stage.early, (int, float), 0, 10),
            "fusion": (settings.second_stage.fusion, (int, float), 0, 1),
        }
    for name, (value, kind, least, most) in ranges.items():
        if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= most:
            raise ValueError(f"{name} must be from {least:g} to {most:g}, got {value!r}")
    records = settings.training.get("records", [])
    if not isinstance(records, list) or not all(isinstance(name, str) for name in records):
        raise ValueError("records must be a list of names")
    if not isinstance(settings.versions, dict):
        raise ValueError("versions must be a table")


def check_archive(file: Path) -> None:
    """Raise an error if a saved network is not of the kind that this program saves.

    Nothing is unpacked before its size is known, and no layer is built.

    Parameters
    ----------
    file : Path
        ``model.keras``.

    Raises
    ------
    ValueError
        If it unpacks beyond `LARGEST_MODEL` bytes, holds other layers, has numbers in its
        configuration beyond `LARGEST_SIZE`, or keeps weights outside of itself.
    zipfile.BadZipFile, KeyError, OSError
        If it is damaged.
    """
    import h5py

    with zipfile.ZipFile(file) as archive:
        _check_size(archive)
        try:
            config = json.loads(archive.read("config.json"))
        except RecursionError as error:
            raise ValueError("its configuration is nested too deeply") from error
        weights = io.BytesIO(archive.read("model.weights.h5"))
    _check_config(config, "")
    with h5py.File(weights) as content:
        if _weight_bytes(content) > LARGEST_MODEL:
            raise ValueError(f"its weights take more than {LARGEST_MODEL} bytes")


def _check_size(archive: zipfile.ZipFile) -> None:
    size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST_MODEL or len(archive.infolist()) > 10:
        raise ValueError(f"it unpacks to {size} bytes, more than {LARGEST_MODEL}")


def _check_config(node: object, name: str) -> None:
    if isinstance(node, dict):
        if "class_name" in node and node["class_name"] not in LAYERS:
            raise ValueError(f"it holds '{node['class_name']}', which this program does not save")
        for key, value in node.items():
            _check_config(value, key)
    elif isinstance(node, list):
        for value in node:
            _check_config(value, name)
    elif (
        isinstance(node, (int, float))
        and name not in ("seed", "shared_object_id")
        and not -LARGEST_SIZE <= node <= LARGEST_SIZE
    ):
        raise ValueError(f"{name} is {node}, more than {LARGEST_SIZE}")


def _weight_bytes(group: h5py.Group) -> int:
    """Bytes of all weights, as their shapes promise; links that lead elsewhere are refused."""
    import h5py

    total = 0
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError("its weights lie in another file")
        content = group[name]
        if isinstance(content, h5py.Dataset):
            if content.external or content.is_virtual:
                raise ValueError("its weights lie in another file")
            total += math.prod(content.shape or ()) * content.dtype.itemsize
        else:
            total += _weight_bytes(content)
    return total


def model_digest(folder: str | Path) -> str:
    """SHA-256 of a saved network's weights and settings (the file itself holds the date)."""
    return _digest(Path(folder), (Path(folder) / "settings.json").read_bytes())


def network_digest(folder: str | Path) -> str:
    """SHA-256 of a saved network's weights alone, whatever is made of what it says."""
    return _digest(Path(folder), b"")


def _digest(folder: Path, settings: bytes) -> str:
    digest = hashlib.sha256(settings)
    try:
        with zipfile.ZipFile(folder / "model.keras") as archive:
            _check_size(archive)
            digest.update(archive.read("model.weights.h5"))
    except Exception as error:  # zipfile and zlib raise many kinds for a damaged file
        raise InputError(
            f"'{folder / 'model.keras'}' is damaged ({error}): get it again"
        ) from error
    return digest.hexdigest()
