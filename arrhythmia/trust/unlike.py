"""How unlike those of the training a recording is, and the wider sets where it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arrhythmia.templates import FEWEST_BEATS


@dataclass(frozen=True)
class UnlikeRecord:
    """From where on a recording is unlike the training records, and what its sets are then.

    The measure needs no reference: the share of the recording's beats of which the network is
    unsure. On DS1, out of fold, and on svdb it ranks the records whose sets hold the fewest beats,
    and those with the most errors, above others; how far their shapes are from those of the
    training hardly does (`arrhythmia.trust.calibrate.compare_records`).

    Parameters
    ----------
    usual : float
        Share of unsure beats in the median training record, out of fold.
    limit : float
        A recording with a greater share is unlike the training records.
    thresholds : dict
        Level (90, 95) to an ndarray of shape (classes,), see
        `arrhythmia.trust.fit.fit_wide_thresholds`.
    """

    usual: float
    limit: float
    thresholds: dict[int, np.ndarray]

    def words(self, share: float) -> str:
        """What a recording is that is unlike the training records; empty where it is not.

        Parameters
        ----------
        share : float
            As `share_unsure` gives it.
        """
        if not share > self.limit:
            return ""
        return (
            f"unlike the training records: the network is unsure of {_percent(share)} of its beats "
            f"({_percent(self.usual)} in the median training record), so the prediction sets are "
            "widened"
        )


def share_unsure(calibrated: np.ndarray, refer_above: float) -> float:
    """Share of a recording's beats of which the network is unsure.

    Parameters
    ----------
    calibrated : ndarray of float, shape (beats, classes)
        Of all beats of the recording.
    refer_above : float
        See `arrhythmia.trust.confidence.Confidence`.

    Returns
    -------
    float
        NaN where not all beats are classified, or there are fewer than
        `arrhythmia.templates.FEWEST_BEATS`: too few to tell.
    """
    if len(calibrated) < FEWEST_BEATS or not np.isfinite(calibrated).all():
        return float("nan")
    return float(np.mean(1.0 - calibrated.max(axis=1) > refer_above))


def _percent(share: float) -> str:
    return "less than 1 %" if share < 0.005 else f"{100 * share:.0f} %"
