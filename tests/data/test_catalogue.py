from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ofa_export.data.catalogue import SOURCE_HISTORIES, by_popularity, known_interactions, over_catalogue
from ofa_export.data.histories import build_histories
from ofa_export.errors import InteractionsError

FRAME = pl.DataFrame(
    {
        "user_id": ["u"] * 4 + ["v"] * 4,
        "item_id": ["b", "b", "a", "c", "b", "x", "a", "c"],
        "timestamp": [1, 2, 3, 4, 1, 2, 3, 4],
    }
)
CATALOGUE = ("z", "a", "b", "c", "y")


def test_interactions_with_other_items_are_dropped_and_counted() -> None:
    kept, notes = known_interactions(FRAME, CATALOGUE)
    assert kept["item_id"].to_list() == ["b", "b", "a", "c", "b", "a", "c"]
    assert notes == ("Interactions dropped because the model does not know their item: 1 (1 items).",)
    again, notes = known_interactions(kept, CATALOGUE)
    assert (again.rows(), notes) == (kept.rows(), ())


def test_no_known_item_at_all_shows_both_kinds_of_keys() -> None:
    with pytest.raises(InteractionsError, match=r"called '1', '2'.*have 'b', 'a', 'c'.*--items"):
        known_interactions(FRAME, ("1", "2"))


def test_unseen_items_come_last_in_the_order_of_the_catalogue() -> None:
    kept, _ = known_interactions(FRAME, CATALOGUE)
    part = build_histories(kept, recipe=SOURCE_HISTORIES.histories, seed=0)
    keys = by_popularity(part, CATALOGUE)
    assert keys == (*part.item_keys, "z", "y")
    assert keys[0] == "b"
    whole = over_catalogue(part, keys)
    assert whole.items == 5
    assert whole.popularity.tolist() == [*part.popularity.tolist(), 0, 0]


def test_histories_are_the_same_under_any_order_of_rows() -> None:
    kept, _ = known_interactions(FRAME, CATALOGUE)
    part = build_histories(kept, recipe=SOURCE_HISTORIES.histories, seed=0)
    whole = over_catalogue(part, CATALOGUE)
    for user in range(part.users):
        assert [whole.item_keys[row] for row in whole.sequence(user)] == [
            part.item_keys[row] for row in part.sequence(user)
        ]
    assert whole.rows.dtype == np.int32
    assert whole.popularity[CATALOGUE.index("b")] == part.popularity[part.item_keys.index("b")]
