"""Settings of a recipe that are chosen from the data: rules without a number of any one data set (our choice).

They come from few data sets (docs/training.md says which, and what was measured): a recipe of one's own may be
better.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ofa_export.data.histories import Histories
from ofa_export.training.train_recipe import Optimiser, TrainRecipe

LONGEST = 200
"""Items of history that a network gets at most: what a phone pays for at every request."""

SHORTEST = 10

COVERED = 0.9
"""Share of people whose training history is to fit into a network's whole."""

DROPOUTS = (0.2, 0.4)
"""Least and most dropout: with many interactions for each item, and with few."""

DENSE, SPARSE = 290.0, 12.0
"""Interactions for each item at which the least and the most dropout is right."""

LARGE_CATALOGUE = 50_000
"""Items above which the loss is over a sample of them: scoring all at every step would cost most of the time."""

NEGATIVES = 4096


def resolved_from_data(recipe: TrainRecipe, histories: Histories) -> tuple[TrainRecipe, tuple[str, ...]]:
    """Fill in what a recipe leaves to the data.

    Args:
        recipe: names them in `from_data`.
        histories: the data set; only its training part is looked at.

    Returns:
        The recipe with numbers in place, and a sentence about each choice.
    """
    chosen: dict[str, Any] = {"from_data": ()}
    said = []
    if "history_length" in recipe.from_data:
        length, why = _history_length(histories)
        chosen["model"] = recipe.model.model_copy(update={"history_length": length})
        said.append(why)
    if "dropout" in recipe.from_data:
        dropout, why = _dropout(histories)
        stages = {name: value for name, value in recipe if isinstance(value, Optimiser)}
        chosen |= {name: stage.model_copy(update={"dropout": dropout}) for name, stage in stages.items()}
        said.append(why)
    if "negatives" in recipe.from_data:
        chosen["negatives"], why = _negatives(histories)
        said.append(why)
    return recipe.model_copy(update=chosen), tuple(said)


def _history_length(histories: Histories) -> tuple[int, str]:
    lengths = histories.training_lengths[histories.training_lengths > 0]
    covered = float(np.quantile(lengths, COVERED)) if len(lengths) else 0.0
    # In tens: a number that a person can remember.
    length = min(LONGEST, max(SHORTEST, 10 * math.ceil(covered / 10)))
    why = f"{COVERED:.0%} of people have at most {covered:,.0f} items to train on"
    limit = f", and {LONGEST} is the limit" if covered > LONGEST else ""
    return length, f"History length {length}, chosen from the data: {why}{limit}."


def _dropout(histories: Histories) -> tuple[float, str]:
    each = float(histories.popularity.sum()) / histories.items
    least, most = DROPOUTS
    share = math.log(DENSE / max(each, 1.0)) / math.log(DENSE / SPARSE)
    dropout = round(min(most, max(least, least + (most - least) * share)), 2)
    return dropout, f"Dropout {dropout}, chosen from the data: an item has {each:,.0f} interactions on average."


def _negatives(histories: Histories) -> tuple[int, str]:
    if histories.items <= LARGE_CATALOGUE:
        return 0, f"Loss over all {histories.items:,} items, chosen from the data: up to {LARGE_CATALOGUE:,} it is."
    return NEGATIVES, (
        f"Loss over {NEGATIVES:,} drawn items, chosen from the data: the catalogue has {histories.items:,}, more than "
        f"{LARGE_CATALOGUE:,}."
    )
