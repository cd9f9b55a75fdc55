"""Deviation of outputs from their reference, history by history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofa_export.support.decibels import decibels

SILENT = 1e-6
"""An output whose largest value in the reference is below this has no signal to compare noise with (our choice)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Deviation:
    """Differences of an output from its reference.

    Args:
        abs_err: largest absolute difference of each history, `[H]`; NaN where a value is not finite.
        snr_db: signal-to-noise ratio of each history in decibels, `[H]`; infinite where the two are equal, -infinite
            where a value is not finite. Where the reference is silent it means nothing.
        silent: whether the reference has no signal in any history.
    """

    abs_err: NDArray[np.float64]
    snr_db: NDArray[np.float64]
    silent: bool

    @property
    def max_abs_err(self) -> float:
        """Largest absolute difference of all histories; NaN where a value is not finite."""
        return float(self.abs_err.max())

    @property
    def median_snr_db(self) -> float:
        """Signal-to-noise ratio of the middle history, the lower of two, in decibels."""
        return float(np.sort(self.snr_db)[(len(self.snr_db) - 1) // 2])


def deviation(reference: NDArray[np.float32], value: NDArray[np.float32]) -> Deviation:
    """Compare outputs with their reference: snr_db_h = 10 log10(mean over histories of sum r^2 / sum (v_h - r_h)^2).

    The noise is that of one history, because each is a user; the signal is the usual one, because a history that
    happens to have a small output (two logits near zero, say) does not make ordinary noise worse (our choice).

    Args:
        reference: `[H, ...]`.
        value: `[H, ...]`, the same shape.
    """
    expected = reference.reshape(len(reference), -1).astype(np.float64)
    # Infinity less infinity is a NaN that is counted below, not a surprise.
    with np.errstate(invalid="ignore"):
        noise = value.reshape(len(value), -1).astype(np.float64) - expected
    abs_err = np.where(np.isfinite(noise).all(axis=1), np.abs(noise).max(axis=1), np.nan)
    snr_db = decibels(np.square(expected).sum(axis=1).mean(), np.square(noise).sum(axis=1))
    return Deviation(abs_err=abs_err, snr_db=snr_db, silent=bool(np.abs(expected).max() < SILENT))
