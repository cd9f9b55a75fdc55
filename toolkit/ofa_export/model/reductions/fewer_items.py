"""A checkpoint with its most popular items only, for catalogues that no budget holds (our choice)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint, ValidationSet
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender


def with_items(checkpoint: Checkpoint, items: int) -> Checkpoint:
    """Return the checkpoint as if it had its first rows only, which are the most popular items. Nothing is copied.

    There are as many item groups as before, of fewer items each. A validation history loses the items that are gone,
    as it would on a device; one that is empty then, or goes on with an item that is gone, counts as missed.

    Args:
        checkpoint: left as it is.
        items: V', rows that stay, from the number of item groups to V.

    Raises:
        ConfigError: the checkpoint has fewer items, or more item groups, or no validation history would be left.
    """
    sizes = checkpoint.config.model
    if not sizes.item_groups <= items <= sizes.items:
        raise ConfigError(
            f"A bundle of this checkpoint can hold {sizes.item_groups:,} to {sizes.items:,} items, not {items:,}. "
            "Correct `items` in the recipe."
        )
    cut = sizes.model_copy(update={"items": items})
    validation = _known(checkpoint.validation, items)
    if not len(validation.targets):
        raise ConfigError(
            f"No validation history goes on with one of the {items:,} most popular items, so nothing says what they "
            "are worth. Keep more `items` in the recipe."
        )
    return replace(
        checkpoint,
        config=checkpoint.config.model_copy(update={"model": cut}),
        model=_network(checkpoint.model, cut),
        item_keys=checkpoint.item_keys[:items],
        item_titles=checkpoint.item_titles[:items],
        validation=validation,
    )


def _network(model: AdaptiveRecommender, sizes: ModelConfig) -> AdaptiveRecommender:
    weights = model.state_dict()
    weights["tables"] = weights["tables"][:, : sizes.items]
    with torch.device("meta"):
        made = AdaptiveRecommender(sizes)
    made.load_state_dict(weights, assign=True)
    return made.eval().requires_grad_(False)


def _known(validation: ValidationSet, items: int) -> ValidationSet:
    """Return the validation histories that a device with so many items can be right about."""
    histories, kept = _without(validation.histories, items), answerable(validation, items)
    return ValidationSet(
        histories=histories[kept],
        targets=validation.targets[kept],
        user_groups=validation.user_groups[kept],
        missed_groups=np.concatenate([validation.missed_groups, validation.user_groups[~kept]]),
    )


def answerable(validation: ValidationSet, items: int) -> NDArray[np.bool_]:
    """Tell which histories a device with the first rows only can be right about, [P]: some item of it and the next one.

    Args:
        validation: with all items.
        items: V', rows that the device has.
    """
    met = (validation.histories >= 0) & (validation.histories < items)
    known: NDArray[np.bool_] = met.any(axis=1) & (validation.targets < items)
    return known


def _without(histories: NDArray[np.int32], items: int) -> NDArray[np.int32]:
    """Return histories without the rows from `items` on, padded on the left again."""
    known = np.where(histories < items, histories, -1)
    # A stable sort by "is an item" moves what is padded to the left and leaves the rest in its order.
    order = np.argsort(known >= 0, axis=1, kind="stable")
    return np.take_along_axis(known, order, axis=1)
