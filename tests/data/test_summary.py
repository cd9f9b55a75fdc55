from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ofa_export.data import sorted_interactions
from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import LeftOut, build_histories
from ofa_export.data.summary import order_sentence, summary, title_sentence
from ofa_export.errors import InteractionsError

SHOP = pl.DataFrame(
    [
        *(("a", "x", 1), ("a", "y", 1), ("a", "x", 5), ("a", "rare", 6), ("a", "z", 7), ("a", "z", 7)),
        *(("b", "x", 1), ("b", "y", 2), ("b", "z", 2), ("c", "x", 1)),
    ],
    schema=["user_id", "item_id", "timestamp"],
    orient="row",
)


def test_what_was_left_out_is_counted_and_said() -> None:
    recipe = HistoryRecipe(min_count=2)
    histories = build_histories(SHOP, recipe=recipe, seed=0)
    assert histories.left_out == LeftOut(repeated_rows=1, repeats=1, rare_users=1, rare_items=1, rare_interactions=2)
    assert summary(histories, recipe) == (
        "Users: 2.",
        "Items: 3.",
        "Interactions: 6.",
        "Left out as repeats of an item by the same user (repeats: first): 1 interactions.",
        "Left out because each user and item needs 2 interactions (min_count, k-core): "
        "1 users, 1 items, 2 interactions.",
    )


def test_what_leaves_nothing_out_says_nothing_of_it() -> None:
    recipe = HistoryRecipe(min_count=1, repeats="all")
    assert len(summary(build_histories(SHOP, recipe=recipe, seed=0), recipe)) == 3


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_equal_times_are_counted_among_neighbours_that_are_left(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(sorted_interactions, "BLOCK", block)
    rng = np.random.default_rng(3)
    # Items 9 and above are too rare, and stand between others.
    drawn = pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in rng.integers(0, 6, 200)],
            "item_id": [f"i{min(item, 9 + row)}" for row, item in enumerate(rng.integers(0, 14, 200) ** 2 % 60)],
            "timestamp": rng.integers(0, 9, 200),
        }
    ).unique(maintain_order=True)
    histories = build_histories(drawn, recipe=HistoryRecipe(min_count=4, repeats="all"), seed=0)
    kept = drawn.filter(pl.col("item_id").is_in(histories.item_keys), pl.col("user_id").is_in(histories.user_keys))
    moments = kept.group_by("user_id", "timestamp").len()["len"]
    assert 0 < kept.height < drawn.height
    assert histories.tied == sum(moments - 1) > 0


@pytest.mark.parametrize(
    ("ties", "coarse", "says"),
    [
        ("shuffle", "Times are whole days", "Times are whole days: 50% of neighbours in histories have equal times; "),
        ("shuffle", "", "their order is drawn by the seed (ties: shuffle)"),
        ("file", "", "50% of neighbours in histories have equal times; they keep the order of the file (ties: file)."),
    ],
)
def test_the_share_of_equal_times_is_said_with_their_order(ties: str, coarse: str, says: str) -> None:
    recipe = HistoryRecipe(min_count=2, ties=ties)  # type: ignore[arg-type]
    (sentence,) = order_sentence(build_histories(SHOP, recipe=recipe, seed=0), recipe, coarse_times=coarse)
    assert says in sentence


def test_times_that_all_differ_need_no_sentence() -> None:
    recipe = HistoryRecipe(min_count=1)
    frame = SHOP.with_columns(timestamp=pl.int_range(pl.len()))
    assert order_sentence(build_histories(frame, recipe=recipe, seed=0), recipe) == ()


def test_titles_without_items_and_items_without_titles_are_counted() -> None:
    assert title_sentence({"x": "Mug", "w": "Jug", "v": "Cup"}, ("x", "y")) == (
        "Titles: 1 of 2 items have one; 2 titles match none of them.",
    )
    assert title_sentence({}, ("x", "y")) == ()


def test_titles_of_no_item_at_all_are_refused() -> None:
    with pytest.raises(InteractionsError, match=r"They are for '7'.*items are called '007'"):
        title_sentence({"7": "Mug"}, ("007", "008"))
