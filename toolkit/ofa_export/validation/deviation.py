"""How far outputs are from their reference, history by history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SILENT = 1e-6
"""A reference whose largest value is below this has no signal to compare noise with (our choice)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Deviation:
    """Differences of an output from its reference.

    Args:
        abs_err: largest absolute difference of each history, `[H]`; NaN where a value is not finite.
        snr_db: signal-to-noise ratio of each history in decibels, `[H]`; infinite where the two are equal, -infinite
            where a value is not finite. Where the reference is silent it means nothing.
        silent: whether the reference of a history has no signal, `[H]`.
    """

    abs_err: NDArray[np.float64]
    snr_db: NDArray[np.float64]
    silent: NDArray[np.bool_]

    @property
    def max_abs_err(self) -> float:
        """Largest absolute difference of all histories; NaN where a value is not finite."""
        return float(self.abs_err.max())


def deviation(reference: NDArray[np.float32], value: NDArray[np.float32]) -> Deviation:
    """Compare outputs with their reference: snr_db = 10 log10(sum reference^2 / sum (value - reference)^2).

    Args:
        reference: `[H, ...]`.
        value: `[H, ...]`, the same shape.
    """
    signal = reference.reshape(len(reference), -1).astype(np.float64)
    # Infinity minus infinity is a NaN that is counted below, not a surprise.
    with np.errstate(invalid="ignore"):
        noise = value.reshape(len(value), -1).astype(np.float64) - signal
    abs_err = np.where(np.isfinite(noise).all(axis=1), np.abs(noise).max(axis=1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.square(signal).sum(axis=1) / np.square(noise).sum(axis=1)
        snr_db = 10 * np.log10(ratio)
    snr_db = np.where(abs_err == 0, np.inf, np.where(np.isfinite(abs_err), snr_db, -np.inf))
    return Deviation(abs_err=abs_err, snr_db=snr_db, silent=np.abs(signal).max(axis=1) < SILENT)
