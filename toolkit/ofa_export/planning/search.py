"""The best configuration for a budget: exact over all candidates, with as few conversions as it can.

Only a conversion tells how many bytes graphs have, and it takes half a minute. What is known before is a lower bound;
so the best candidate that might fit is converted, until the best that might fit is one that does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ofa_export.planning.measured_candidate import MeasuredCandidate, MeasuredPoint

QUALITY_STEP = 0.001
"""NDCG@10 differences below this say nothing on a thousand users; of equal steps the more faithful candidate wins."""

SURE_SHARE = 0.8
"""What graphs weigh beyond their weights hardly differs between candidates; this share of it is taken for granted."""

Sizes = Callable[[MeasuredCandidate, int], int | None]
"""Exact bytes of the smallest bundle of a candidate with so many tiles; None when it breaks another limit."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The choice.

    Args:
        candidate: which configuration.
        point: the largest measured prefix of tiles that fits.
    """

    candidate: MeasuredCandidate
    point: MeasuredPoint


def planned_step(point: MeasuredPoint) -> int:
    """Quality in whole steps of `QUALITY_STEP`."""
    return int(point.planned_ndcg / QUALITY_STEP + 1e-6)


def search(candidates: Sequence[MeasuredCandidate], *, budget: int, sizes: Sizes) -> Found | None:
    """The candidate whose bundle within the budget ranks best.

    Args:
        candidates: most faithful first.
        budget: bytes of the whole file.
        sizes: asked only for candidates that may be the answer; never smaller than their `bytes_at_least`.

    Returns:
        The best in whole quality steps, of equals the first; None when no candidate fits.
    """
    left, known, surcharge = list(candidates), set[int](), 0.0
    while left:
        found = _best(left, known, budget=budget, surcharge=surcharge, sizes=sizes)
        if found is None or id(found.candidate) in known:
            return found
        candidate = found.candidate
        size = sizes(candidate, candidate.points[0].tiles)
        if size is None:
            left.remove(candidate)
            continue
        excess = SURE_SHARE * (size - candidate.bytes_at_least(candidate.points[0]))
        surcharge = min(surcharge, excess) if known else excess
        known.add(id(candidate))
    return None


def _best(
    candidates: Sequence[MeasuredCandidate], known: set[int], *, budget: int, surcharge: float, sizes: Sizes
) -> Found | None:
    best: Found | None = None
    for candidate in candidates:
        point = _largest(candidate, id(candidate) in known, budget=budget, surcharge=surcharge, sizes=sizes)
        if point is not None and (best is None or planned_step(point) > planned_step(best.point)):
            best = Found(candidate=candidate, point=point)
    return best


def _largest(
    candidate: MeasuredCandidate, exact: bool, *, budget: int, surcharge: float, sizes: Sizes
) -> MeasuredPoint | None:
    """The largest measured prefix that fits, or that may fit."""
    for point in reversed(candidate.points):
        size = sizes(candidate, point.tiles) if exact else candidate.bytes_at_least(point) + surcharge
        if size is not None and size <= budget:
            return point
    return None
