"""What a data set is and what was left out of it, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ofa_export.data.columns import quoted
from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import Histories
from ofa_export.errors import InteractionsError


def summary(histories: Histories, recipe: HistoryRecipe) -> tuple[str, ...]:
    """Return sentences about users, items and interactions, and about what the recipe left out.

    Args:
        histories: the data set.
        recipe: what it was made by.
    """
    out = histories.left_out
    lines = [
        f"Users: {histories.users:,}.",
        f"Items: {histories.items:,}.",
        f"Interactions: {len(histories.rows):,}.",
    ]
    if out.repeats:
        lines.append(f"Left out as repeats of an item by the same user (repeats: first): {out.repeats:,} interactions.")
    if out.rare_interactions:
        lines.append(
            f"Left out because each user and item needs {recipe.min_count} interactions (min_count, k-core): "
            f"{out.rare_users:,} users, {out.rare_items:,} items, {out.rare_interactions:,} interactions."
        )
    return tuple(lines)


def order_sentence(histories: Histories, recipe: HistoryRecipe, *, coarse_times: str = "") -> tuple[str, ...]:
    """Return a sentence about neighbours of equal time, whose order the file does not tell; none where there are none.

    Args:
        histories: the data set.
        recipe: what it was made by.
        coarse_times: why many times are equal, from the file; "" where they are not rounded.
    """
    neighbours = len(histories.rows) - histories.users
    if not histories.tied or not neighbours:
        return ()
    share = histories.tied / neighbours
    percent = f"{share:.0%}" if share >= 0.01 else "less than 1%"
    order = (
        "their order is drawn by the seed (ties: shuffle), since a file sorted by item would give answers away. "
        "Where the order of rows is real, take a recipe with data.ties: file."
        if recipe.ties == "shuffle"
        else "they keep the order of the file (ties: file)."
    )
    why = f"{coarse_times}: " if coarse_times else ""
    return (f"{why}{percent} of neighbours in histories have equal times; {order}",)


def title_sentence(titles: Mapping[str, str], item_keys: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence about how many items have a title, and how many titles have no item; none without titles.

    Args:
        titles: item key -> title.
        item_keys: of the histories.

    Raises:
        InteractionsError: no item has a title.
    """
    if not titles:
        return ()
    keys = list(item_keys)
    found = sum(1 for key in keys if key in titles)
    if not found:
        raise InteractionsError(
            f"No item has one of the titles. They are for {', '.join(map(quoted, list(titles)[:3]))}, items "
            f"are called {', '.join(map(quoted, keys[:3]))}. "
            "Give ids as the interactions have them, or leave out --titles."
        )
    return (f"Titles: {found:,} of {len(keys):,} items have one; {len(titles) - found:,} titles match none of them.",)
