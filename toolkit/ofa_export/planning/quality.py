"""What a prefix of the tiles is worth: NDCG@10 of the PyTorch reference on the checkpoint's validation histories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ofa_export.bundle.table import ElasticTable
from ofa_export.errors import ConfigError
from ofa_export.metrics import ndcg, target_ranks
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.scoring import score_histories

MEASURED_PREFIXES = 8
"""Qualities are measured at this many equal steps of the tile order; in plane order each step is one whole plane."""


@dataclass(frozen=True, kw_only=True)
class QualityCurve:
    """NDCG@10 of one user group's probes.

    Args:
        full_table: with the unquantised table.
        by_tiles: (tiles, NDCG@10) with the first tiles only, ascending.
        users: probes it was measured on.
    """

    full_table: float
    by_tiles: tuple[tuple[int, float], ...]
    users: int


def measure_quality(checkpoint: Checkpoint, *, group: int, table: ElasticTable, floor: int) -> QualityCurve:
    """Measure the full table, the floor and equal steps of the order.

    Args:
        checkpoint: reference and probes.
        group: user group.
        table: with all of its tiles.
        floor: tiles that every bundle has.

    Returns:
        The curve.
    """
    return QualityCurve(
        full_table=table_quality(checkpoint, group=group, table=checkpoint.table(group)),
        by_tiles=tuple(
            (
                count,
                table_quality(checkpoint, group=group, table=torch.from_numpy(table.with_tiles(count).all_rows())),
            )
            for count in measured_prefixes(table, floor=floor)
        ),
        users=len(group_probes(checkpoint, group)),
    )


def measured_prefixes(table: ElasticTable, *, floor: int) -> tuple[int, ...]:
    """Numbers of tiles that quality is measured at, ascending.

    Args:
        table: with all of its tiles.
        floor: tiles that every bundle has.
    """
    steps = {round(table.tile_count * step / MEASURED_PREFIXES) for step in range(1, MEASURED_PREFIXES + 1)}
    return tuple(sorted({floor, *(count for count in steps if count > floor)}))


def check_group(checkpoint: Checkpoint, group: int) -> None:
    """Refuse a user group that the checkpoint does not have.

    Raises:
        ConfigError: it has none of that number.
    """
    groups = checkpoint.config.model.user_groups
    if not 0 <= group < groups:
        has = "only group 0" if groups == 1 else f"groups 0 to {groups - 1}"
        raise ConfigError(f"There is no user group {group}: this checkpoint has {has}. Correct --group.")


def group_probes(checkpoint: Checkpoint, group: int) -> np.ndarray:
    """Indices of the probes of a user group; of all probes when the group has none."""
    mine = np.flatnonzero(checkpoint.probes.user_groups == group)
    return mine if len(mine) else np.arange(len(checkpoint.probes.targets))


def table_quality(checkpoint: Checkpoint, *, group: int, table: Tensor) -> float:
    """Mean NDCG@10 of the reference on a user group's probes, full ranking.

    Args:
        checkpoint: reference and probes.
        group: user group.
        table: [V, d], what a device would read.
    """
    chosen = group_probes(checkpoint, group)
    histories, targets = checkpoint.probes.histories[chosen], checkpoint.probes.targets[chosen]
    scores, _ = score_histories(checkpoint.model, checkpoint.model.adapt, table, histories)
    seen = histories if checkpoint.config.data.exclude_history else None
    return float(ndcg(target_ranks(scores, targets, history=seen), 10).mean())
