"""Training on a frozen base: all that adapts is trained, and no imported number changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ofa_export.bundle.tile_order import plane_order
from ofa_export.data.histories import Histories
from ofa_export.errors import ConfigError
from ofa_export.model.blocks.adaptive_layers import AdaptiveLinear
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.scoring import static_adapt
from ofa_export.training.tiles_stage import mean_quality, order_tiles, watched_prefixes
from ofa_export.training.train_recipe import Sizes, TrainRecipe
from ofa_export.training.training_progress import Progress
from ofa_export.training.training_run import TrainingRun

IMPORTED = "imported"
"""Key under `measured` of a checkpoint that was imported: where it came from."""


def freeze_static_net(model: AdaptiveRecommender) -> None:
    """Leave nothing to train but the controller, the mapper and the bases of the generated weights.

    Args:
        model: its parameters are marked.
    """
    model.requires_grad_(False)
    adapting = [model.controller, model.mapper]
    adapting += [layer.basis for layer in model.blocks.modules() if isinstance(layer, AdaptiveLinear)]
    for module in adapting:
        module.requires_grad_(True)


def resolved_recipe(start: Checkpoint, recipe: TrainRecipe) -> TrainRecipe:
    """Return the recipe with the sizes of the net that is trained on.

    Args:
        start: an imported checkpoint.
        recipe: whose `model` does not count.

    Raises:
        ConfigError: the checkpoint was not imported.
    """
    if IMPORTED not in start.config.training.get("measured", {}):
        raise ConfigError(
            "--from takes a checkpoint that `ofa-export import` made; this one was trained here and has all of its "
            "stages. Train again without --from."
        )
    sizes = Sizes(**start.config.model.model_dump(exclude={"items", "unpadded_width", "padding_vector"}))
    left = tuple(name for name in recipe.from_data if name != "history_length")
    return recipe.model_copy(update={"model": sizes, "from_data": left})


def run_on_frozen_base(
    start: Checkpoint, histories: Histories, recipe: TrainRecipe, *, seed: int, folder: Path, progress: Progress
) -> TrainingRun:
    """Return a run that starts from an imported net.

    Args:
        start: the imported checkpoint; its model is taken over.
        histories: over the catalogue of the checkpoint, row by row.
        recipe: from `resolved_recipe`.
        seed: of everything.
        folder: where the run keeps its state.
        progress: who is told.
    """
    config = start.config.model
    freeze_static_net(start.model)
    return TrainingRun(
        histories=histories,
        recipe=recipe,
        seed=seed,
        folder=folder,
        progress=progress,
        model=start.model,
        importance=np.ones((1, config.item_groups, config.embedding_blocks), np.float32),
        tile_orders=[plane_order(config.item_groups, config.embedding_blocks)],
        centroids=np.zeros((1, config.width), np.float32),
        user_groups=np.zeros(histories.users, np.int32),
        measured={IMPORTED: start.config.training["measured"][IMPORTED]},
    )


def measure_static(run: TrainingRun) -> None:
    """Stage `static` of a net that is there already: how good it is.

    Args:
        run: nothing of it is trained.
    """
    adapt = static_adapt(run.model)
    run.measured["static"] = {
        "best": run.validation_ndcg(adapt, run.full_tables)[0],
        "probes": run.validation_ndcg(adapt, run.full_tables, users=run.kept_users)[0],
    }


def keep_table(run: TrainingRun) -> None:
    """Stage `tiles` of a table that stays as it is: its order, and how good its prefixes are.

    Args:
        run: its tile orders are replaced.
    """
    order_tiles(run)
    run.measured["tiles"] = {"best": mean_quality(run, lambda table, group: watched_prefixes(run, table, group))}
