"""Histories over a catalogue that is given, not drawn from the interactions: that of a model which exists already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ofa_export.data.data_recipe import DataRecipe, HistoryRecipe
from ofa_export.data.histories import Histories
from ofa_export.errors import InteractionsError

SOURCE_HISTORIES = DataRecipe(histories=HistoryRecipe(min_count=1, repeats="all"))
"""Rules for the histories of an imported net, whose source has chosen users and items already."""


def known_interactions(frame: pl.DataFrame, item_keys: Sequence[str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Drop the interactions with items that the catalogue lacks.

    Args:
        frame: `user_id`, `item_id` and `timestamp`.
        item_keys: the catalogue.

    Returns:
        The rest, and a sentence about what was dropped, if anything was.

    Raises:
        InteractionsError: nothing is left.
    """
    kept = frame.filter(pl.col("item_id").is_in(list(item_keys)))
    if kept.is_empty():
        raise InteractionsError(
            f"No interaction has an item of the model. Its items are called {', '.join(map(repr, item_keys[:3]))}, "
            f"the interactions have {', '.join(map(repr, frame['item_id'].unique(maintain_order=True)[:3]))}. "
            "Give a file that maps one to the other with --items."
        )
    if kept.height == frame.height:
        return kept, ()
    items = frame["item_id"].n_unique() - kept["item_id"].n_unique()
    return kept, (
        f"Interactions dropped because the model does not know their item: {frame.height - kept.height:,} "
        f"({items:,} items).",
    )


def by_popularity(histories: Histories, item_keys: Sequence[str]) -> tuple[str, ...]:
    """Return the catalogue in the order of rows: items of the histories as they are there, the others after them.

    Args:
        histories: over a part of the catalogue.
        item_keys: the catalogue.
    """
    seen = set(histories.item_keys)
    return histories.item_keys + tuple(key for key in item_keys if key not in seen)


def over_catalogue(histories: Histories, item_keys: Sequence[str]) -> Histories:
    """Return the same histories with the rows of a catalogue.

    Args:
        histories: over a part of the catalogue.
        item_keys: V keys in row order.

    Returns:
        Histories of V items; those without interactions have popularity 0.
    """
    row_of = {key: row for row, key in enumerate(item_keys)}
    rows = np.array([row_of[key] for key in histories.item_keys], dtype=np.int32)
    popularity = np.zeros(len(item_keys), dtype=np.int64)
    popularity[rows] = histories.popularity
    return replace(histories, item_keys=tuple(item_keys), rows=rows[histories.rows], popularity=popularity)
