"""Stage `tiles`: one table that is good at every prefix of its tile order (algorithms.md, section 1: our choice)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ofa_export.bundle.order import TileOrder, block_order, floor_tiles, plane_order, planes_of_prefix
from ofa_export.model.elastic_table import block_rms, keep_planes
from ofa_export.model.scoring import static_adapt
from ofa_export.training.dropout import set_dropout
from ofa_export.training.loop import Task, Verdict, optimise
from ofa_export.training.session import Session
from ofa_export.training.static import static_loss
from ofa_export.training.windows import Batch

PROBED_PLANES = (2, 4, 8)
"""Early stopping looks at the mean quality with this many planes of every block."""


def train_tiles(session: Session) -> None:
    """Order the tiles, then fine-tune table and backbone, each step under a random prefix of that order.

    Args:
        session: its tile order is replaced and its model trained in place.
    """
    order_tiles(session)
    settings, model = session.recipe.tiles, session.model
    set_dropout(model, settings.dropout)
    parameters = model.backbone_parameters()

    def step(batch: Batch, generator: np.random.Generator) -> Tensor:
        return static_loss(model, batch, prefix_table(session, batch.group, generator, full_share=settings.full_share))

    session.measured["tiles"] = optimise(
        Task(
            stage="tiles",
            model=model,
            groups=[{"params": parameters, "lr": settings.learning_rate}],
            batches=session.batches("tiles", settings, session.windows),
            steps_per_epoch=session.steps_per_epoch(settings, session.windows),
            step=step,
            validate=lambda: Verdict(quality=prefix_quality(session)),
        ),
        settings,
        seed=session.seed,
        snapshot=session.snapshot("tiles"),
        progress=session.progress,
    )


def order_tiles(session: Session) -> None:
    """Order the tiles of every user group's table as the recipe says.

    Args:
        session: its tile orders are replaced.
    """
    for group in range(session.model.config.user_groups):
        session.tile_orders[group] = _order(session, group)


def prefix_quality(session: Session) -> float:
    """Mean validation NDCG@10 of the static net over `PROBED_PLANES`."""
    return float(np.mean([_quality(session, planes) for planes in PROBED_PLANES]))


def prefix_table(session: Session, group: int, generator: np.random.Generator, *, full_share: float) -> Tensor:
    """The table of a user group as it looks at a random budget.

    Args:
        session: gives model and tile order.
        group: the user group.
        generator: of this step.
        full_share: share of draws that keep full precision.

    Returns:
        [V, d], differentiable.
    """
    table = session.model.tables[group]
    if generator.random() < full_share:
        return table
    order = session.tile_orders[group]
    count = int(generator.integers(floor_tiles(order), len(order), endpoint=True))
    planes = torch.from_numpy(planes_of_prefix(order, count).astype(np.int64))
    return keep_planes(table, planes, session.item_groups)


def _order(session: Session, group: int) -> TileOrder:
    config, name = session.model.config, session.recipe.tiles.order
    if name == "planes":
        return plane_order(config.item_groups, config.embedding_blocks)
    if name == "peel":
        return block_order(session.importance[group], name=name)
    return block_order(block_rms(session.full_tables(group), session.item_groups).numpy(), name=name)


def _quality(session: Session, count: int) -> float:
    config = session.model.config
    planes = torch.full((config.item_groups, config.embedding_blocks), count)
    return session.validation_ndcg(
        static_adapt(session.model),
        lambda group: keep_planes(session.full_tables(group), planes, session.item_groups),
    )[0]
