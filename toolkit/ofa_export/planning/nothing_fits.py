"""Errors for budgets that no configuration fits: by how much, and ways out that work."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ofa_export.errors import BudgetError, ConfigError, LimitsError
from ofa_export.planning.bundle_recipe import OpenRecipe
from ofa_export.planning.configuration_bundles import ConfigurationBundles
from ofa_export.planning.configurations import Configuration, MeasuredConfiguration

LeastWeights = Callable[[OpenRecipe], int]
"""Bytes of the weights of the smallest configuration of another recipe."""

CAUTION = 1.25
"""Bytes beyond the weights that graphs of another recipe are assumed to have, over the smallest known ones."""


def nothing_fits(
    considered: Sequence[MeasuredConfiguration],
    *,
    bundles: ConfigurationBundles,
    recipe: OpenRecipe,
    budget: int,
    least_weights: LeastWeights,
    fewest_items: int,
) -> BudgetError | LimitsError:
    """Return the error for a budget and limits that no configuration meets.

    Args:
        considered: all configurations.
        bundles: what they become.
        recipe: that they come from.
        budget: bytes of the whole file.
        least_weights: asked for recipes that leave more to the plan.
        fewest_items: that pruning the tail may leave.
    """
    # What graphs weigh beyond their weights shrinks with the weights.
    smallest = min(considered, key=lambda one: one.bytes_at_least(one.points[0]))
    needed = bundles.bytes(smallest, smallest.points[0].tiles)
    limits = bundles.limits
    fitting = [one for one in considered if bundles.bytes(one, one.points[0].tiles) <= budget] if limits.bind else []
    if fitting or (limits.bind and limits.broken_by(bundles.cost(smallest))):
        nearest = min(fitting or [smallest], key=lambda one: limits.excess(bundles.cost(one)))
        raised = limits.raised_to(bundles.cost(nearest)).text
        room = "" if fitting else f"--budget {needed} "
        return LimitsError(
            f"No configuration that fits the budget meets {limits.text}: for the nearest, "
            f"{' and '.join(limits.broken_by(bundles.cost(nearest)))}, measured on this computer.",
            ways_out=[f"Use {room}{raised}.", *_more_open(recipe)],
        )
    ways = [f"Use --budget {math.ceil(needed / 1000)}KB, the smallest that works for this checkpoint and recipe."]
    ways += [
        f"Use --budget {bundles.bytes(smallest, point.tiles)}: {point.tiles} tiles, NDCG@10 {point.ndcg:.4f}."
        for point in smallest.points[1:2]
    ]
    if recipe.items is None and _fits_pruned(smallest.configuration, fewest_items, bundles, budget):
        ways.append("Use --items prune-tail: of the most popular items it holds as many as rank best for its bytes.")
    around = smallest.points[0].fixed_bytes + CAUTION * bundles.surcharge(smallest)
    ways += [sentence for sentence, variant in _more_open(recipe).items() if least_weights(variant) + around <= budget]
    graphs = len(bundles.contents(smallest).graphs)
    ways.append(
        f"Train a smaller network (width, depth or rank in the train recipe): the smallest graphs take {graphs:,} "
        "bytes."
    )
    return BudgetError(needed=needed, available=budget, ways_out=ways)


def _fits_pruned(configuration: Configuration, items: int, bundles: ConfigurationBundles, budget: int) -> bool:
    try:
        return bundles.least_bytes(configuration.model_copy(update={"items": items})) <= budget
    except ConfigError:
        # No validation history is left that so few items could answer.
        return False


def _more_open(recipe: OpenRecipe) -> dict[str, OpenRecipe]:
    """Recipes that leave more to the plan, by the sentence that offers them."""
    found = {}
    opened = recipe.model_copy(update={"precision": "auto", "rank": "auto"})
    if opened != recipe:
        found["Use --recipe auto, or set `precision` and `rank` to auto in the recipe."] = opened
    if recipe.adaptation == "required":
        found["Set `precision`, `rank` and `adaptation` to auto in the recipe: the plan may leave out the mapper."] = (
            opened.model_copy(update={"adaptation": "auto"})
        )
    return found
