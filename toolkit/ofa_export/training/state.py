"""What a stage leaves behind as plain values, and the job that it belongs to."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import torch

from ofa_export import __version__
from ofa_export.bundle.tile_order import TileOrder
from ofa_export.data.histories import Histories
from ofa_export.training.recipe import TrainRecipe
from ofa_export.training.training_run import Session


def job_of(histories: Histories, recipe: TrainRecipe, *, seed: int) -> dict[str, Any]:
    """What a run is about; state is only ever taken from a run of the same job.

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


def stored_state(session: Session) -> dict[str, Any]:
    """Everything in a session that stages change, as tensors and plain values."""
    return {
        "model": session.model.state_dict(),
        "importance": torch.from_numpy(session.importance),
        "order_name": session.tile_orders[0].name,
        "tiles": torch.from_numpy(np.stack([order.tiles for order in session.tile_orders]).astype(np.int32)),
        "centroids": torch.from_numpy(session.centroids),
        "user_groups": torch.from_numpy(session.user_groups),
        "measured": session.measured,
    }


def restore_state(session: Session, stored: dict[str, Any]) -> None:
    """Put back what `stored_state` gave; the session is changed in place."""
    config = session.model.config
    session.model.load_state_dict(stored["model"])
    session.importance = stored["importance"].numpy()
    session.tile_orders = [
        TileOrder(name=stored["order_name"], groups=config.item_groups, blocks=config.embedding_blocks, tiles=tiles)
        for tiles in stored["tiles"].numpy().astype(np.uint16)
    ]
    session.centroids = stored["centroids"].numpy()
    session.user_groups = stored["user_groups"].numpy()
    session.measured = stored["measured"]
