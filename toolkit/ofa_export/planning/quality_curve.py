"""Quality of a prefix of the tiles: NDCG@10 of the PyTorch reference on the checkpoint's validation histories."""

from __future__ import annotations

from dataclasses import dataclass

from ofa_export.bundle.table import ElasticTable
from ofa_export.errors import ConfigError

MEASURED_PREFIXES = 8
"""Qualities are measured at this many equal steps of the tile order; in plane order each step is one whole plane."""


@dataclass(frozen=True, kw_only=True)
class QualityCurve:
    """NDCG@10 of one user group's validation histories.

    Args:
        full_table: with the unquantised table.
        by_tiles: (tiles, NDCG@10) with the first tiles only, ascending.
        users: people whose histories it was measured on, those whose answer is not among the items included; 0 where
            the checkpoint keeps nobody's.
    """

    full_table: float
    by_tiles: tuple[tuple[int, float], ...]
    users: int


def measured_prefixes(table: ElasticTable, *, floor: int) -> tuple[int, ...]:
    """Return numbers of tiles that quality is measured at, ascending.

    Args:
        table: with all of its tiles.
        floor: tiles that every bundle has.
    """
    steps = {round(table.tile_count * step / MEASURED_PREFIXES) for step in range(1, MEASURED_PREFIXES + 1)}
    return tuple(sorted({floor, *(count for count in steps if count > floor)}))


def check_group(groups: int, group: int) -> None:
    """Refuse a user group that a checkpoint does not have.

    Args:
        groups: G_u, how many it has.
        group: one of them, counted from 0.

    Raises:
        ConfigError: it has none of that number.
    """
    if not 0 <= group < groups:
        has = "only group 0" if groups == 1 else f"groups 0 to {groups - 1}"
        raise ConfigError(f"There is no user group {group}: this checkpoint has {has}. Correct --group.")
