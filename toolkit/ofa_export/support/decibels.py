"""The signal-to-noise ratio in decibels: one formula and one answer for "no noise", wherever numbers are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decibels(signal: NDArray[Any] | float, noise: NDArray[Any] | float) -> NDArray[np.float64]:
    """Compute 10 log10(signal / noise).

    Args:
        signal: sums of squares of a reference, of any shape.
        noise: sums of squares of the differences from it, of a shape that goes with it.

    Returns:
        The ratio in decibels: infinite where there is no noise; minus infinite where there is some and no signal, or
        where either is not finite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * np.log10(np.asarray(signal, np.float64) / np.asarray(noise, np.float64))
    return np.where(np.equal(noise, 0), np.inf, np.where(np.isfinite(ratio), ratio, -np.inf))
