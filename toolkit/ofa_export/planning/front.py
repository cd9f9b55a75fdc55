"""The front of alternatives: what nothing beats in bytes, quality and arithmetic at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ofa_export.planning.measured_configuration import MeasuredConfiguration, MeasuredPoint
from ofa_export.planning.search import planned_step


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
        """Whether it is no worse in everything and better in something; quality counts in the search's steps."""
        mine, theirs = self._costs(), other._costs()
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    def _costs(self) -> tuple[float, ...]:
        return (self.bytes_at_least, -planned_step(self.point), self.measured.macs)


def front(configurations: Sequence[MeasuredConfiguration]) -> tuple[Alternative, ...]:
    """All alternatives that no other beats, fewest bytes first.

    Args:
        configurations: measured.
    """
    every = [Alternative(measured=one, point=point) for one in configurations for point in one.points]
    kept = [one for one in every if not any(other.beats(one) for other in every)]
    return tuple(sorted(kept, key=lambda one: (one.bytes_at_least, -planned_step(one.point))))
