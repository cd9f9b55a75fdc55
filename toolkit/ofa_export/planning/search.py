"""The best configuration for a budget: exact over all configurations, with as few conversions as it can.

Only a conversion tells how many bytes graphs have, and it takes half a minute. What is known before is a lower bound;
so the best configuration that might fit is converted, until the best that might fit is one that does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ofa_export.planning.configurations import MeasuredConfiguration, MeasuredPoint

QUALITY_STEP = 0.001
"""NDCG@10 differences below this say nothing on a thousand users; of equal steps the more faithful one wins."""

SURE_SHARE = 0.8
"""Share of the bytes beyond a graph's weights that is taken for granted: they hardly differ between configurations."""

Sizes = Callable[[MeasuredConfiguration, int], int | None]
"""Exact bytes of the smallest bundle of a configuration with so many tiles; None when it breaks another limit."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The choice.

    Args:
        measured: which configuration, with what it is worth.
        point: the largest measured prefix of tiles that fits.
    """

    measured: MeasuredConfiguration
    point: MeasuredPoint


def planned_step(point: MeasuredPoint) -> int:
    """Return quality in whole steps of `QUALITY_STEP`."""
    return int(point.planned_ndcg / QUALITY_STEP + 1e-6)


def search(configurations: Sequence[MeasuredConfiguration], *, budget: int, sizes: Sizes) -> Found | None:
    """Return the configuration whose bundle within the budget ranks best.

    Args:
        configurations: most faithful first.
        budget: bytes of the whole file.
        sizes: asked only for configurations that may be the answer; never smaller than their `bytes_at_least`.

    Returns:
        The best in whole quality steps, of equals the first; None when no configuration fits.
    """
    left, known, surcharge = list(configurations), set[int](), 0.0
    while left:
        found = _best(left, known, budget=budget, surcharge=surcharge, sizes=sizes)
        if found is None or id(found.measured) in known:
            return found
        configuration = found.measured
        size = sizes(configuration, configuration.points[0].tiles)
        if size is None:
            left.remove(configuration)
            continue
        excess = SURE_SHARE * (size - configuration.bytes_at_least(configuration.points[0]))
        surcharge = min(surcharge, excess) if known else excess
        known.add(id(configuration))
    return None


def _best(
    configurations: Sequence[MeasuredConfiguration], known: set[int], *, budget: int, surcharge: float, sizes: Sizes
) -> Found | None:
    best: Found | None = None
    for configuration in configurations:
        point = _largest(configuration, id(configuration) in known, budget=budget, surcharge=surcharge, sizes=sizes)
        if point is not None and (best is None or planned_step(point) > planned_step(best.point)):
            best = Found(measured=configuration, point=point)
    return best


def _largest(
    configuration: MeasuredConfiguration, exact: bool, *, budget: int, surcharge: float, sizes: Sizes
) -> MeasuredPoint | None:
    """Return the largest measured prefix that fits, or that may fit."""
    for point in reversed(configuration.points):
        size = sizes(configuration, point.tiles) if exact else configuration.bytes_at_least(point) + surcharge
        if size is not None and size <= budget:
            return point
    return None


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One configuration with one measured prefix of the tiles.

    Args:
        measured: which configuration, with what it is worth.
        point: which prefix.
    """

    measured: MeasuredConfiguration
    point: MeasuredPoint

    @property
    def bytes_at_least(self) -> int:
        """A lower bound on the file: exact sizes need a conversion."""
        return self.measured.bytes_at_least(self.point)

    def beats(self, other: Alternative) -> bool:
        """Tell whether it is no worse in everything and better in something; quality counts in the search's steps."""
        mine, theirs = self._costs(), other._costs()
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    def _costs(self) -> tuple[float, ...]:
        return (self.bytes_at_least, -planned_step(self.point), self.measured.macs)


def front(configurations: Sequence[MeasuredConfiguration]) -> tuple[Alternative, ...]:
    """Return all alternatives that no other beats, fewest bytes first.

    Args:
        configurations: measured.
    """
    every = [Alternative(measured=one, point=point) for one in configurations for point in one.points]
    kept = [one for one in every if not any(other.beats(one) for other in every)]
    return tuple(sorted(kept, key=lambda one: (one.bytes_at_least, -planned_step(one.point))))
