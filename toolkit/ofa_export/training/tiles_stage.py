"""Stage `tiles`: one table that is good at every prefix of its tile order (our choice; docs/training.md)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ofa_export.bundle.tile_order import TileOrder, block_order, floor_tiles, plane_order, planes_of_prefix
from ofa_export.model.elastic_table import block_rms, keep_planes
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.scoring import static_adapt
from ofa_export.training.dropout import set_dropout
from ofa_export.training.softmax_loss import Negatives, softmax_loss
from ofa_export.training.static_stage import static_loss
from ofa_export.training.train_recipe import TilesStage
from ofa_export.training.training_loop import Task, Verdict, optimise
from ofa_export.training.training_run import TrainingRun, mean_divergence
from ofa_export.training.windows import Batch

WATCHED_PLANES = (1, 2, 3, 4, 8)
"""Early stopping looks at the mean quality with this many planes of every block."""

WHOLE_PLANES_SHARE = 0.5
"""Half of the random budgets keep whole planes, low ones more often: what most budgets of a phone come to."""

PLANE_ODDS = {1: 0.3, 2: 0.25, 3: 0.2, 4: 0.15, 5: 0.05, 8: 0.05}

Compress = Callable[[Tensor, int, np.random.Generator], Tensor]
"""From a full table [V, d], its user group and this step's generator to the table that a device reads, [V, d]."""


def train_tiles(run: TrainingRun) -> None:
    """Order the tiles, then fine-tune table and backbone, each step under a random prefix of that order.

    Args:
        run: its tile order is replaced and its model trained in place.
    """
    order_tiles(run)
    run.measured["tiles"] = fit_compressed(
        run,
        run.recipe.tiles,
        stage="tiles",
        compress=lambda table, group, generator: random_prefix_table(run, table, group, generator),
        watched=lambda table, group: watched_prefixes(run, table, group),
    )


def fit_compressed(
    run: TrainingRun,
    settings: TilesStage,
    *,
    stage: str,
    compress: Compress,
    watched: Callable[[Tensor, int], list[Tensor]],
) -> dict[str, float | int | list[float]]:
    """Fine-tune table and backbone so that the compressed table ranks as the full one does.

    Args:
        run: its model is trained in place.
        settings: epochs, rates and the weight of distillation.
        stage: name, part of every seed.
        compress: what a device reads in this step, differentiable.
        watched: compressed tables of a user group whose mean quality early stopping looks at.

    Returns:
        What `optimise` returns.
    """
    model = run.model
    set_dropout(model, settings.dropout)
    parameters = model.backbone_parameters()

    def step(batch: Batch, generator: np.random.Generator) -> Tensor:
        table = model.tables[batch.group]
        if generator.random() < settings.full_share:
            return static_loss(model, batch, table, negatives=run.negatives(generator))
        compressed = compress(table, batch.group, generator)
        return compressed_loss(
            model, batch, table, compressed, negatives=run.negatives(generator), distill=settings.distill
        )

    return optimise(
        Task(
            stage=stage,
            model=model,
            groups=[{"params": parameters, "lr": settings.learning_rate}],
            batches=run.batches(stage, settings, run.windows),
            steps_per_epoch=run.steps_per_epoch(settings, run.windows),
            step=step,
            validate=lambda: Verdict(quality=mean_quality(run, watched)),
        ),
        settings,
        seed=run.seed,
        snapshot=run.snapshot(stage),
        progress=run.progress,
        fabric=run.fabric,
    )


def compressed_loss(
    model: AdaptiveRecommender,
    batch: Batch,
    table: Tensor,
    compressed: Tensor,
    *,
    negatives: Negatives | None = None,
    distill: float,
) -> Tensor:
    """Return loss with a compressed table, which learns from the full one in the same step.

    Source: our choice, after in-place distillation (Yu and Huang, "Universally slimmable networks", section 3.3).

    Args:
        model: the network.
        batch: windows.
        table: [V, d], the full table.
        compressed: [V, d].
        negatives: what stands for the catalogue; all items when None. The divergence is over all items.
        distill: weight of the divergence from the full table's ranking; 0 leaves the full table out of the step.

    Returns:
        Mean over all real positions, a scalar.
    """
    where = batch.inputs >= 0
    targets = batch.targets[where]
    student = model.static_states(compressed, batch.inputs)[where]
    loss = softmax_loss(student, compressed, targets, negatives=negatives)
    if distill == 0:
        return loss
    teacher = model.static_states(table, batch.inputs)[where]
    divergence = mean_divergence(student @ compressed.T, teacher @ table.T)
    return loss + softmax_loss(teacher, table, targets, negatives=negatives) + distill * divergence


def random_prefix(order: TileOrder, generator: np.random.Generator) -> int:
    """Return tiles of a random budget: whole planes, or any number drawn evenly on a logarithmic scale.

    Args:
        order: the tile order.
        generator: of this step.

    Returns:
        At least `floor_tiles(order)`.
    """
    if generator.random() < WHOLE_PLANES_SHARE:
        planes = int(generator.choice(list(PLANE_ODDS), p=list(PLANE_ODDS.values())))
        return max(floor_tiles(order), len(order) * planes // 8)
    low, high = np.log([floor_tiles(order), len(order)])
    return max(floor_tiles(order), round(float(np.exp(generator.uniform(low, high)))))


def keep_prefix(run: TrainingRun, table: Tensor, group: int, count: int) -> Tensor:
    """Return a table as a device reads it that has the first tiles only.

    Args:
        run: gives the tile order.
        table: [V, d], full.
        group: the user group.
        count: tiles.

    Returns:
        [V, d], with straight-through gradients.
    """
    planes = torch.from_numpy(planes_of_prefix(run.tile_orders[group], count).astype(np.int64))
    return keep_planes(table, planes.to(table.device), run.item_groups)


def random_prefix_table(run: TrainingRun, table: Tensor, group: int, generator: np.random.Generator) -> Tensor:
    """Return a table as a device of a random budget reads it; see `random_prefix` and `keep_prefix`."""
    return keep_prefix(run, table, group, random_prefix(run.tile_orders[group], generator))


def order_tiles(run: TrainingRun) -> None:
    """Order the tiles of every user group's table as the recipe says.

    Args:
        run: its tile orders are replaced.
    """
    for group in range(run.model.config.user_groups):
        run.tile_orders[group] = _order(run, group)


def watched_prefixes(run: TrainingRun, table: Tensor, group: int) -> list[Tensor]:
    """Make the tables that `WATCHED_PLANES` planes of every block give, [V, d] each; as many tiles in other orders."""
    order = run.tile_orders[group]
    return [keep_prefix(run, table, group, len(order) * planes // 8) for planes in WATCHED_PLANES]


def mean_quality(run: TrainingRun, tables: Callable[[Tensor, int], list[Tensor]]) -> float:
    """Return mean validation NDCG@10 of the static net over compressed tables.

    Args:
        run: gives model and validation users.
        tables: from a full table and its user group to compressed ones, as many for every group.
    """
    groups = range(run.model.config.user_groups)
    found = zip(*(tables(run.full_tables(group), group) for group in groups), strict=True)
    adapt = static_adapt(run.model)
    return float(np.mean([run.validation_ndcg(adapt, one_each.__getitem__)[0] for one_each in found]))


def _order(run: TrainingRun, group: int) -> TileOrder:
    config, name = run.model.config, run.recipe.tiles.order
    if name == "planes":
        return plane_order(config.item_groups, config.embedding_blocks)
    if name == "peel":
        return block_order(run.importance[group], name=name)
    return block_order(block_rms(run.full_tables(group), run.item_groups).cpu().numpy(), name=name)
