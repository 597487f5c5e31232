"""The comparisons: which arms each has, and what each arm changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Arm:
    """One of the things that a study compares.

    Parameters
    ----------
    changes : dict
        Values of `arrhythmia.train.settings.TrainingSettings` that differ from the defaults;
        those of ``network`` and ``mixture`` by name.
    varied : dict
        What differs besides, see `studies.recipes.make_recipe`. It is stored with the result.
    """

    changes: dict = field(default_factory=dict)
    varied: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A comparison whose arms differ in one thing and have the same budget.

    Parameters
    ----------
    question : str
        What it answers, in a line.
    arms : dict
        Name to `Arm`.
    """

    question: str
    arms: dict[str, Arm]


BUDGET: Final = {"epochs": 8, "steps": 40, "members": 1, "prior_correction": 0.75}
"""Training in comparisons, the same for all arms. The shipped network trains longer, and since the
study of the priors, which was made last, it has them corrected wholly."""

_NO_SIMULATION: Final = {"rare_runs": 0.0, "class_weight_exponent": 0.0, "prior_correction": 0.0}
_PLAIN: Final = _NO_SIMULATION | {"copies": 0}
_ROTATION_ONLY: Final = {
    "premature": 0.0, "runs": 0.0, "bigeminy": 0.0, "fibrillation": 0.0, "ventricular": 0.0,
    "fusion": 0.0, "groups": 0.0, "always": 0.0,
}  # fmt: skip
_NO_PREMATURE: Final = {"premature": 0.0, "runs": 0.0, "bigeminy": 0.0, "groups": 0.0}


def _mixture(**changes: float) -> Arm:
    return Arm({"mixture": changes})


def _run_lengths() -> dict[str, Arm]:
    one_beat = Arm(
        _PLAIN | {"class_weight_exponent": 0.5, "batch": 512,
                  "network": {"run": 1, "bidirectional": False}},
        {"unseen": ["difference", "rr", "p waves"]},
    )  # fmt: skip
    arms = {"1 beat, no RR intervals": one_beat}
    for run in (1, 4, 8, 16, 32, 64):
        for name, both in (("LSTM", False), ("bidirectional", True)):
            network = {"run": run, "bidirectional": both}
            arms[f"{run} {name}"] = Arm({"network": network, "batch": 512 // run})
    return arms


def _same_training(key: str, *names: str) -> dict[str, Arm]:
    """Arms that are trained alike."""
    return {name: Arm(varied={key: name}) for name in names}


STUDIES: Final = {
    "rare-classes": Study(
        "what does each treatment of rare classes do to S, V, F, and to N?",
        {
            "no weighting": Arm(_PLAIN),
            "class weights, root of inverse": Arm(_PLAIN | {"class_weight_exponent": 0.5}),
            "class weights, inverse": Arm(_PLAIN | {"class_weight_exponent": 1.0}),
            "focal loss": Arm(_PLAIN, {"focal_gamma": 2.0}),
            "balanced sampling": Arm(_PLAIN, {"sampling": "balanced"}),
            "SMOTE": Arm(_PLAIN, {"sampling": "SMOTE"}),
            "ADASYN": Arm(_PLAIN, {"sampling": "ADASYN"}),
            "mechanism": Arm(_NO_SIMULATION),
            "mechanism, weights, prior corrected": Arm(),
        },
    ),
    "mechanisms": Study(
        "what does each way of making rare beats bring?",
        {
            "all": Arm(),
            "no premature beats": _mixture(**_NO_PREMATURE),
            "no fibrillation": _mixture(fibrillation=0.0, always=0.0),
            "no whole copies of it": _mixture(always=0.0),
            "no ventricular beats": _mixture(ventricular=0.0),
            "no fusion": _mixture(fusion=0.0),
            "no rotation": _mixture(rotation=0.0, any_lead=0.0),
            "rotation only": _mixture(**_ROTATION_ONLY),
            "no groups of early beats": _mixture(groups=0.0),
            "premature beats by 15 % or more": _mixture(latest=0.85),
        },
    ),
    "run-length": Study(
        "how many beats should the network read together, and in which direction?",
        _run_lengths(),
    ),
    "template-beat": Study(
        "what does each input bring, and may the template beat look ahead?",
        {
            "whole record (looks ahead)": Arm(),
            "past 5 minutes": Arm(varied={"past_minutes": 5.0}),
            "no template beat": Arm(varied={"unseen": ["difference"]}),
            "difference alone": Arm(varied={"unseen": ["beat"]}),
            "no RR inputs": Arm(varied={"unseen": ["rr"]}),
            "no P-wave similarity": Arm(varied={"unseen": ["p waves"]}),
        },
    ),
    "priors": Study(
        "how far should scores move from the class frequencies of training to real ones?",
        {
            f"{share:.2f} of the way": Arm({"prior_correction": share})
            for share in (0.0, 0.5, 0.75, 1.0, 1.25)
        },
    ),
    "ensemble": Study(
        "is an ensemble of five better than one network, or than one distilled from it? "
        "(full training)",
        _same_training(
            "classifier", *(f"network {i}" for i in range(1, 6)), "ensemble", "distilled"
        ),
    ),
    "robustness": Study(
        "what do other leads, rates, annotators, amplitudes and noise cost? (full training)",
        _same_training(
            "tested",
            "as recorded",
            "second lead",
            "at 128 Hz",
            "at 128 Hz and back",
            "at 250 Hz",
            "marks moved by up to 60 ms",
            "amplitude x 0.2",
            "offset 1024, 200 to the mV",
            "mains hum, half the signal's sd",
            "muscle noise, a quarter of the signal's sd",
            "simulated: groups of early beats",
            "simulated: fibrillation from end to end",
        ),
    ),
}
"""Name to study. The arms of the last two are trained alike: they differ in which classifier
answers, and in what it is tested on."""
