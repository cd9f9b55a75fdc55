"""The reference of a bundle: the checkpoint's network and items as the recipe cuts them down, before any rounding."""

from __future__ import annotations

from dataclasses import replace

from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.reductions.caps import with_depth_cap, with_rank
from ofa_export.model.reductions.fewer_items import with_items
from ofa_export.model.reductions.rank_order import rank_ordered
from ofa_export.model.reductions.without_adaptation import without_adaptation
from ofa_export.planning.bundle_recipe import BundleRecipe


def bundled(checkpoint: Checkpoint, *, recipe: BundleRecipe) -> Checkpoint:
    """Return the checkpoint whose network and items are those that go into the bundle.

    Args:
        checkpoint: as it was trained.
        recipe: what it leaves out stays as it was trained.

    Returns:
        The checkpoint with another network or fewer items, or the same one when nothing is cut.

    Raises:
        ConfigError: the checkpoint has no such rank, depth or number of items.
    """
    if recipe.items is not None and recipe.items != checkpoint.config.model.items:
        checkpoint = with_items(checkpoint, recipe.items)
    model = checkpoint.model
    if recipe.adaptation == "none":
        return replace(checkpoint, model=without_adaptation(model))
    if recipe.rank is not None and recipe.rank != model.config.rank:
        model = with_rank(rank_ordered(model), recipe.rank)
    if recipe.depth_cap is not None and recipe.depth_cap != model.config.depth:
        model = with_depth_cap(model, recipe.depth_cap)
    return checkpoint if model is checkpoint.model else replace(checkpoint, model=model)
