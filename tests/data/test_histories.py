from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import PAD, Histories, build_histories, held_out_items, left_pad
from ofa_export.errors import HistoryError, InteractionsError

EVERYTHING = HistoryRecipe(min_count=1, repeats="all", ties="file")


def frame_of(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


def frame_of_histories(**histories: str) -> pl.DataFrame:
    """One row per letter, one second apart, in order."""
    return frame_of(*((user, item, time) for user, items in histories.items() for time, item in enumerate(items)))


def spelt(histories: Histories, user: str) -> str:
    return "".join(histories.item_keys[row] for row in histories.sequence(histories.user_keys.index(user)))


def test_histories_are_in_time_order_whatever_the_order_of_rows() -> None:
    frame = frame_of(("u", "c", 3), ("v", "a", 1), ("u", "a", 1), ("v", "b", 2), ("u", "b", 2), ("v", "c", 3))
    histories = build_histories(frame, recipe=EVERYTHING, seed=0)
    assert (spelt(histories, "u"), spelt(histories, "v")) == ("abc", "abc")
    assert histories.rows.dtype == np.int32 and histories.offsets.dtype == np.int64
    assert (histories.users, histories.items) == (2, 3)


def test_first_keeps_only_the_earliest_of_each_pair_and_hides_what_was_seen() -> None:
    frame = frame_of_histories(u="abacab", v="bbcca")
    histories = build_histories(frame, recipe=HistoryRecipe(min_count=1, ties="file"), seed=0)
    assert (spelt(histories, "u"), spelt(histories, "v")) == ("abc", "bca")
    assert histories.exclude_history
    assert not build_histories(frame, recipe=EVERYTHING, seed=0).exclude_history


def test_rows_are_sorted_by_training_popularity_with_ties_by_key() -> None:
    # z is the most frequent item, but only in held-out positions; training holds b twice, a and c once.
    histories = build_histories(frame_of_histories(u="bazz", v="cbzz"), recipe=EVERYTHING, seed=0)
    assert histories.item_keys == ("b", "a", "c", "z")
    assert histories.popularity.tolist() == [2, 1, 1, 0]


def test_the_core_is_taken_until_nothing_changes() -> None:
    # w goes first (1 row), which leaves c one row, which leaves v one row of its two.
    frame = frame_of_histories(t="abab", u="abab", v="ac", w="c")
    histories = build_histories(frame, recipe=HistoryRecipe(min_count=2, repeats="all", ties="file"), seed=0)
    assert histories.user_keys == ("t", "u")
    assert histories.item_keys == ("a", "b")


def test_the_core_counts_first_occurrences_only_where_the_recipe_does() -> None:
    frame = frame_of_histories(u="abc", v="abc", w="aaa")
    first = build_histories(frame, recipe=HistoryRecipe(min_count=2, repeats="first"), seed=0)
    every = build_histories(frame, recipe=HistoryRecipe(min_count=2, repeats="all"), seed=0)
    assert first.user_keys == ("u", "v")
    assert every.user_keys == ("u", "v", "w")


def test_ties_keep_the_file_order_or_are_shuffled_by_seed() -> None:
    items = "hgfedcba"
    frame = frame_of(*((user, item, 0) for user in ("u", "v") for item in items))
    shuffled = HistoryRecipe(min_count=1, ties="shuffle")
    kept = build_histories(frame, recipe=HistoryRecipe(min_count=1, ties="file"), seed=0)
    one, again, other = (build_histories(frame, recipe=shuffled, seed=seed) for seed in (1, 1, 2))
    assert spelt(kept, "u") == items
    assert sorted(spelt(one, "u")) == sorted(items)
    assert spelt(one, "u") == spelt(again, "u")
    assert len({spelt(kept, "u"), spelt(one, "u"), spelt(one, "v"), spelt(other, "u")}) == 4


def test_shuffling_never_crosses_a_moment() -> None:
    histories = build_histories(
        frame_of_histories(u="abcdefgh", v="hgfedcba"), recipe=HistoryRecipe(min_count=1), seed=3
    )
    assert (spelt(histories, "u"), spelt(histories, "v")) == ("abcdefgh", "hgfedcba")


def test_short_histories_are_training_data_and_are_not_evaluated() -> None:
    histories = build_histories(frame_of_histories(u="ab", v="abcd"), recipe=EVERYTHING, seed=0)
    assert histories.evaluation_users.tolist() == [1]
    assert len(histories.training_rows(0)) == 2
    assert histories.popularity.sum() == 4
    with pytest.raises(HistoryError, match="user 'u' has fewer than 3"):
        held_out_items(histories, np.array([0]), split="test", history_length=2)


def test_the_last_two_items_are_held_out_and_test_sees_the_validation_item() -> None:
    histories = build_histories(frame_of_histories(u="abcde", v="abc"), recipe=EVERYTHING, seed=0)
    row = {key: row for row, key in enumerate(histories.item_keys)}
    users = histories.evaluation_users
    found = held_out_items(histories, users, split="validation", history_length=3)
    assert found.history.tolist() == [[row["a"], row["b"], row["c"]], [PAD, PAD, row["a"]]]
    assert (found.lengths.tolist(), found.targets.tolist()) == ([3, 1], [row["d"], row["b"]])
    found = held_out_items(histories, users, split="test", history_length=3)
    assert found.history.tolist() == [[row["b"], row["c"], row["d"]], [PAD, row["a"], row["b"]]]
    assert (found.lengths.tolist(), found.targets.tolist()) == ([3, 2], [row["e"], row["c"]])
    assert {found.history.dtype, found.lengths.dtype, found.targets.dtype} == {np.dtype(np.int32)}
    assert [histories.item_keys[i] for i in histories.training_rows(0)] == ["a", "b", "c"]


def test_several_positions_can_be_held_out_each_with_all_that_came_before() -> None:
    recipe = HistoryRecipe(min_count=1, repeats="all", ties="file", held_out=2)
    histories = build_histories(frame_of_histories(u="abcdefg", v="abcd", w="fghab"), recipe=recipe, seed=0)
    row = {key: row for row, key in enumerate(histories.item_keys)}
    assert [histories.user_keys[user] for user in histories.evaluation_users] == ["u", "w"]
    assert [histories.item_keys[i] for i in histories.training_rows(0)] == ["a", "b", "c"]
    assert len(histories.training_rows(1)) == 4
    assert histories.popularity.sum() == 3 + 4 + 1
    found = held_out_items(histories, np.array([0]), split="validation", history_length=4)
    assert found.history.tolist() == [[PAD, *(row[key] for key in "abc")], [row[key] for key in "abcd"]]
    assert found.targets.tolist() == [row["d"], row["e"]]
    found = held_out_items(histories, histories.evaluation_users, split="test", history_length=4)
    assert found.users.tolist() == [0, 0, 2, 2]
    assert found.history[:2].tolist() == [[row[key] for key in "bcde"], [row[key] for key in "cdef"]]
    assert found.targets.tolist() == [row["f"], row["g"], row["a"], row["b"]]


def test_too_small_a_core_says_what_is_left_and_what_to_change() -> None:
    with pytest.raises(InteractionsError, match=r"0 and 0 are left.*at least 5.*lower min_count"):
        build_histories(frame_of_histories(u="abc", v="abc"), recipe=HistoryRecipe(), seed=0)


def test_histories_that_are_all_too_short_are_refused() -> None:
    with pytest.raises(InteractionsError, match="longest history has 2 items, and 3 are needed"):
        build_histories(frame_of_histories(u="ab", v="ba"), recipe=EVERYTHING, seed=0)


@pytest.mark.parametrize(("length", "padded"), [(2, [6, 7]), (3, [5, 6, 7]), (5, [PAD, PAD, 5, 6, 7])])
def test_left_pad_keeps_the_newest(length: int, padded: list[int]) -> None:
    assert left_pad(np.array([5, 6, 7], dtype=np.int32), length).tolist() == padded


def test_left_pad_of_nothing_is_padding() -> None:
    assert left_pad(np.array([], dtype=np.int32), 2).tolist() == [PAD, PAD]


@given(
    texts=st.lists(st.text("abcdef", min_size=3, max_size=12), min_size=2, max_size=6),
    min_count=st.integers(1, 3),
)
def test_every_history_matches_a_plain_count(texts: list[str], min_count: int) -> None:
    users = {f"u{n}": text for n, text in enumerate(texts)}
    while True:
        items = Counter("".join(users.values()))
        kept = {user: "".join(item for item in text if items[item] >= min_count) for user, text in users.items()}
        kept = {user: text for user, text in kept.items() if len(text) >= min_count}
        if kept == users:
            break
        users = kept
    recipe = HistoryRecipe(min_count=min_count, repeats="all", ties="file")
    frame = frame_of_histories(**{f"u{n}": text for n, text in enumerate(texts)})
    if len(users) < 2 or len(set("".join(users.values()))) < 2 or max(map(len, users.values())) < 3:
        with pytest.raises(InteractionsError):
            build_histories(frame, recipe=recipe, seed=0)
        return
    histories = build_histories(frame, recipe=recipe, seed=0)
    assert {user: spelt(histories, user) for user in histories.user_keys} == users
    training = Counter("".join(text[:-2] if len(text) > 2 else text for text in users.values()))
    assert dict(zip(histories.item_keys, histories.popularity.tolist(), strict=True)) == {
        item: training[item] for item in set("".join(users.values()))
    }
    assert list(histories.item_keys) == sorted(histories.item_keys, key=lambda item: (-training[item], item))
