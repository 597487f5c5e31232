"""All that can be chosen in training. The defaults are those of the shipped model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Final

import numpy as np

from arrhythmia.model import NetworkSettings

MECHANISMS: Final = (
    "as_it_is", "premature", "runs", "bigeminy", "fibrillation", "ventricular", "fusion",
)  # fmt: skip
"""What can be done to a stretch of a simulated record, in the order in which it is drawn."""

ALL_MEMBERS: Final = 2
"""Networks of model ``all``: it has four times the records of ``ds1``, so training takes longer."""


@dataclass(frozen=True)
class SimulationSettings:
    """How often each mechanism is used in simulated records.

    Parameters
    ----------
    as_it_is, premature, runs, bigeminy, fibrillation, ventricular, fusion : float
        Relative shares of the stretches (20 to 200 beats) of a simulated record.
    rotation : float
        Standard deviation, in radians, of the rotation between the two recorded leads.
    any_lead : float
        Share of simulated records that are rotated by any angle instead.
    latest : float
        A premature beat comes after at most this part of the typical RR interval.
    groups : float
        Share of simulated records in a long part of which early beats are the majority: groups of
        ectopic beats, each ended by a pause and a few normal beats, as in sick sinus syndrome.
    always : float
        Share of simulated records that fibrillate from beginning to end.
    """

    as_it_is: float = 0.35
    premature: float = 0.2
    runs: float = 0.1
    bigeminy: float = 0.05
    fibrillation: float = 0.25
    ventricular: float = 0.05
    fusion: float = 0.05
    rotation: float = 0.3
    any_lead: float = 0.25
    latest: float = 0.93
    groups: float = 0.25
    always: float = 0.15

    @property
    def shares(self) -> np.ndarray:
        """Probability of each of `MECHANISMS`, shape (7,)."""
        shares = np.array([getattr(self, name) for name in MECHANISMS])
        return shares / shares.sum()


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Parameters
    ----------
    network : NetworkSettings
        Its shape.
    mixture : SimulationSettings
        What simulated records are made of.
    copies : int
        Simulated records made from each record; real and simulated beats are drawn equally often.
    epochs, steps, batch : int
        An epoch is ``steps`` batches of ``batch`` runs.
    learning_rate : float
        Greatest rate; it falls along a cosine.
    weight_decay : float
        Of AdamW.
    class_weight_exponent : float
        A class's weight in the loss is its share of the beats drawn to the minus this power:
        0 for none, 0.5 for the square root of inverse frequency, 1 for inverse frequency.
    rare_runs : float
        How much more often a run that holds a beat other than N is drawn.
    prior_correction : float
        How far the outputs are moved, after training, from how frequent classes were in
        training (drawn and weighted) to how frequent they are in the training records: 0 not
        at all, 1 wholly.
    noise : float
        Spread of the noise level added to a run, in standard deviations of a template beat.
    gain : float
        Spread of the logarithm of the amplitude.
    rr_noise : float
        Spread added to the RR inputs, which are logarithms.
    members : int
        Networks of the ensemble, each with a seed of its own; see `arrhythmia.train.ensemble`.
    """

    network: NetworkSettings = field(default_factory=NetworkSettings)
    mixture: SimulationSettings = field(default_factory=SimulationSettings)
    copies: int = 6
    epochs: int = 40
    steps: int = 64
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    class_weight_exponent: float = 0.35
    rare_runs: float = 4.0
    prior_correction: float = 1.0
    noise: float = 0.2
    gain: float = 0.15
    rr_noise: float = 0.02
    members: int = 5

    def as_dict(self) -> dict:
        """All settings, as ``settings.json`` holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict) -> TrainingSettings:
        """Read back what `as_dict` gave, from JSON too; what else ``facts`` holds is left out."""
        network = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["network"].items()}
        plain = {f.name for f in fields(cls)} - {"network", "mixture"}
        rest = {name: facts[name] for name in plain & facts.keys()}
        return cls(NetworkSettings(**network), SimulationSettings(**facts["mixture"]), **rest)
