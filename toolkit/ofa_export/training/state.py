"""State of a stage as plain values, and the job that it belongs to."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import torch

from ofa_export import __version__
from ofa_export.bundle.tile_order import TileOrder
from ofa_export.data.histories import Histories
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_run import TrainingRun


def job_of(histories: Histories, recipe: TrainRecipe, *, seed: int) -> dict[str, Any]:
    """Return what a run is about; state is only ever taken from a run of the same job.

    Args:
        histories: the data set.
        recipe: the resolved recipe.
        seed: of everything.
    """
    digest = hashlib.sha256(json.dumps([histories.item_keys, histories.user_keys, histories.exclude_history]).encode())
    digest.update(histories.rows.data)
    digest.update(histories.offsets.data)
    return {
        "version": __version__,
        "data_sha256": digest.hexdigest(),
        # In full: another default is another job.
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
    }


def stored_state(run: TrainingRun) -> dict[str, Any]:
    """Return everything in a run that stages change, as tensors and plain values."""
    return {
        "model": run.model.state_dict(),
        "importance": torch.from_numpy(run.importance),
        "order_name": run.tile_orders[0].name,
        "tiles": torch.from_numpy(np.stack([order.tiles for order in run.tile_orders]).astype(np.int32)),
        "centroids": torch.from_numpy(run.centroids),
        "user_groups": torch.from_numpy(run.user_groups),
        "measured": run.measured,
    }


def restore_state(run: TrainingRun, stored: dict[str, Any]) -> None:
    """Put back what `stored_state` gave; the run is changed in place."""
    config = run.model.config
    run.model.load_state_dict(stored["model"])
    run.importance = stored["importance"].numpy()
    run.tile_orders = [
        TileOrder(name=stored["order_name"], groups=config.item_groups, blocks=config.embedding_blocks, tiles=tiles)
        for tiles in stored["tiles"].numpy().astype(np.uint16)
    ]
    run.centroids = stored["centroids"].numpy()
    run.user_groups = stored["user_groups"].numpy()
    run.measured = stored["measured"]
