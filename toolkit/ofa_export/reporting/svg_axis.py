"""A straight axis of an inline SVG plot: where a value lies, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Maps values to places.

    Args:
        low: value at `start`.
        high: value at `end`, above `low`.
        start: place in the picture.
        end: place in the picture; below `start` for an axis that points upwards.
        ticks: round values from `low` to `high`.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return the place of a value, in the picture's units."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def axis(values: Iterable[float], *, start: float, end: float, count: int = 5) -> Axis:
    """Return an axis that holds all values and ends on round ones.

    Args:
        values: finite, at least one.
        start: place of the smallest.
        end: place of the largest.
        count: about how many ticks there is room for.
    """
    known = list(values)
    low, high = min(known), max(known)
    # A single value still needs a line to lie on.
    step = _round_step((high - low or abs(high) or 1.0) / count)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    ticks = tuple(float(f"{number * step:.12g}") for number in range(first, last + 1))
    return Axis(low=ticks[0], high=ticks[-1], start=start, end=end, ticks=ticks)


def _round_step(least: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
