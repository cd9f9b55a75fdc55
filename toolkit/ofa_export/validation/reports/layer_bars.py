"""Errors of layers as bars: noise as a share of the signal, because decibels have no zero that a bar could start at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ofa_export.validation.layers.error import LayerError


@dataclass(frozen=True, kw_only=True)
class LayerBar:
    """One layer.

    Args:
        error: of the layer.
        noise: amplitude of the noise in its output over that of the signal: 10^(-snr_db / 20); infinite where a value
            is not finite.
        own_noise: the same for what the layer itself adds.
        length: of the bar for `noise`, 0 to 1; 1 for the longest of all.
        own_length: the same for `own_noise`.
    """

    error: LayerError
    noise: float
    own_noise: float
    length: float
    own_length: float


def layer_bars(errors: Sequence[LayerError]) -> tuple[LayerBar, ...]:
    """Bars on one scale, in the order of the report: what adds most comes first.

    Args:
        errors: of one bundle.
    """
    noises = [(_noise(error, error.snr_db), _noise(error, error.own_snr_db), error) for error in errors]
    longest = max((value for *pair, _ in noises for value in pair if math.isfinite(value)), default=0.0) or 1.0
    return tuple(
        LayerBar(
            error=error,
            noise=noise,
            own_noise=own,
            length=min(1.0, noise / longest),
            own_length=min(1.0, own / longest),
        )
        for noise, own, error in noises
    )


def _noise(error: LayerError, snr_db: float | None) -> float:
    if error.max_abs_err is None:
        return math.inf
    return 0.0 if snr_db is None else float(10 ** (-snr_db / 20))
