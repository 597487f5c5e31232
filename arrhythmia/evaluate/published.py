"""What others report on the same task: trained on DS1, tested on DS2, reference R peaks.

Figures are accuracy and F1 of the AAMI classes. They compare only under the same protocol, so
each row says how sure it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Published(NamedTuple):
    """One system's figures on DS2; None where it does not give one.

    Parameters
    ----------
    system, source : str
        What it is and where it was published.
    accuracy, s_f1, v_f1, f_f1, mean_f1 : float or None
        The mean is over N, S, V, F.
    remark : str
        How far it can be trusted or compared.
    """

    system: str
    source: str
    accuracy: float | None
    s_f1: float | None
    v_f1: float | None
    f_f1: float | None
    mean_f1: float | None
    remark: str


PUBLISHED: Final = (
    Published("random forest, 6 features", "Saenz-Cogollo & Agelli 2020",
              0.958, 0.680, 0.914, 0.187, 0.690, "public code, run again for this project"),
    Published("linear discriminant", "de Chazal 2004",
              0.862, 0.511, 0.797, 0.156, 0.60, "published"),
    Published("one-vs-one SVM", "Zhang 2014",
              0.867, 0.495, 0.890, 0.240, 0.64, "published"),
    Published("SVM ensemble", "Mondéjar-Guerra 2019",
              0.945, 0.607, 0.943, 0.163, 0.67, "published; counts e and j as S"),
    Published("multi-perspective CNN", "Niu 2019",
              0.964, 0.766, 0.897, None, None, "published; choice of model not stated"),
    Published("adversarial CNN", "Zhang 2021",
              None, 0.844, 0.934, None, None, "published; choice of model not stated"),
)  # fmt: skip
