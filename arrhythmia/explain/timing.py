"""When a beat comes: against the patient's dominant rhythm, and among its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arrhythmia.labels import BEAT_CLASSES
from arrhythmia.limits import PREMATURE, Limits
from arrhythmia.rhythm import BIGEMINY, FIBRILLATION, TRIGEMINY, Event
from arrhythmia.rr import dominant_rr


@dataclass(frozen=True)
class Timing:
    """When a beat comes.

    Parameters
    ----------
    rr_pre, rr_post : float, optional
        RR intervals before and after in seconds; None where there is no beat, or a gap.
    cycle : float, optional
        RR interval of the dominant rhythm around, in seconds (`arrhythmia.rr.dominant_rr`); None
        where too few normal beats follow each other in the record.
    irregularity : float, optional
        Of the dominant rhythm; None where it is not known.
    before, after : str
        Classes of the neighbours; empty where there is none, or it is not known.
    place, run : int
        Which beat of how many in a row of its class it is: 1 of 1 for a single one.
    rhythm : str
        Name of the bigeminy, trigeminy or fibrillation that the beat stands in, else empty.
    premature : float
        See `arrhythmia.limits.Limits`.
    """

    rr_pre: float | None
    rr_post: float | None
    cycle: float | None
    irregularity: float | None
    before: str
    after: str
    place: int
    run: int
    rhythm: str
    premature: float = PREMATURE

    @property
    def early(self) -> float | None:
        """Part of the dominant RR interval by which the beat comes early; negative when late."""
        if self.rr_pre is None or self.cycle is None:
            return None
        return 1 - self.rr_pre / self.cycle

    @property
    def fibrillating(self) -> bool:
        """Whether it stands in atrial fibrillation or flutter."""
        return self.rhythm == FIBRILLATION


def find_timing(
    rr: np.ndarray,
    called: np.ndarray,
    events: Sequence[Event] = (),
    limits: Limits = Limits(),  # noqa: B008, frozen
) -> list[Timing]:
    """Timing of all beats of a record.

    Parameters
    ----------
    rr : ndarray of float, shape (beats,)
        RR interval before each beat in seconds; NaN where it is not known.
    called : ndarray of int, shape (beats,)
        Class of each beat, as its place in `arrhythmia.labels.BEAT_CLASSES`; -1 where not known.
    events : sequence of Event
        Of the record: `arrhythmia.rhythm.find_events`.
    limits : Limits
        From where on a beat is called early.
    """
    cycle, irregular = dominant_rr(rr, called == BEAT_CLASSES.index("N"))
    letters = ["" if c < 0 else BEAT_CLASSES[c] for c in called]
    starts = np.flatnonzero((np.diff(called, prepend=-2) != 0) | ~np.isfinite(rr))
    number = np.searchsorted(starts, np.arange(len(called)), side="right") - 1
    lengths = np.diff(starts, append=len(called))
    rhythm = [""] * len(called)
    for event in events:
        if event.kind in (BIGEMINY, TRIGEMINY, FIBRILLATION):
            rhythm[event.first : event.last + 1] = [event.name] * (event.last + 1 - event.first)
    return [
        Timing(
            _known(rr[i]),
            _known(rr[i + 1]) if i + 1 < len(rr) else None,
            _known(cycle[i]),
            _known(irregular[i]),
            letters[i - 1] if i else "",
            letters[i + 1] if i + 1 < len(rr) else "",
            int(i - starts[number[i]]) + 1,
            int(lengths[number[i]]),
            rhythm[i],
            limits.premature,
        )
        for i in range(len(rr))
    ]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
