"""A configuration before it is converted: quality at every measured prefix, weights, arithmetic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ofa_export.planning.configurations import Configuration
from ofa_export.planning.quality import QualityCurve


class MeasuredPoint(BaseModel):
    """A prefix of the tiles.

    Args:
        tiles: how many.
        fixed_bytes: of the entries besides graphs, manifest and card, with these tiles.
        ndcg: NDCG@10 of the reference rounded as the device rounds, on the checkpoint's validation histories.
        planned_ndcg: the same, made to rise with the tiles: where it falls, the mean of what falls counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    tiles: int
    fixed_bytes: int
    ndcg: float
    planned_ndcg: float


class MeasuredConfiguration(BaseModel):
    """A configuration and what it is worth.

    Args:
        configuration: which configuration.
        weights: bytes of the weights of its graphs by part of the network; their files are larger.
        macs: multiply-accumulates of `adapt` and the blocks executed on average.
        points: fewest tiles first, at least one.
        full_table_ndcg: NDCG@10 with the unquantised table.
        users: validation histories that it was measured on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    configuration: Configuration
    weights: dict[str, int]
    macs: float
    points: tuple[MeasuredPoint, ...]
    full_table_ndcg: float
    users: int

    @property
    def curve(self) -> QualityCurve:
        """Quality at every measured prefix."""
        return QualityCurve(
            full_table=self.full_table_ndcg,
            by_tiles=tuple((point.tiles, point.ndcg) for point in self.points),
            users=self.users,
        )

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights."""
        return sum(self.weights.values())

    def bytes_at_least(self, point: MeasuredPoint) -> int:
        """Compute a lower bound on the bytes of a bundle with these graphs and tiles."""
        return self.weight_bytes + point.fixed_bytes


def rising(values: list[float]) -> list[float]:
    """Find the nearest sequence that never falls, in least squares (pool adjacent violators)."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and sum(pools[-2]) / len(pools[-2]) > sum(pools[-1]) / len(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    return [sum(pool) / len(pool) for pool in pools for _ in pool]
