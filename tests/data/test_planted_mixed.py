from __future__ import annotations

import polars as pl
import pytest

from ofa_export.data.planted_mixed import mixed_interactions
from ofa_export.errors import ConfigError


def share_that_follows(frame: pl.DataFrame, steps: int) -> float:
    """How often the item `steps` back has the same successor as it usually has."""
    pairs = frame.with_columns(before=pl.col("item_id").shift(steps).over("user_id")).drop_nulls()
    usual = pairs.group_by("before", "item_id").len().group_by("before").agg(pl.col("len").max())
    return float(usual["len"].sum() / pairs.height)


def test_easy_users_follow_the_newest_item_and_hard_ones_an_older_one() -> None:
    frame = mixed_interactions(users=200, items=40, seed=3)
    easy, hard = (frame.filter(pl.col("user_id").str.starts_with(kind)) for kind in ("easy", "hard"))
    assert easy["user_id"].n_unique() == hard["user_id"].n_unique() == 100
    assert share_that_follows(easy, 1) == pytest.approx(0.75, abs=0.03)
    assert share_that_follows(hard, 3) == pytest.approx(0.75, abs=0.05)
    assert share_that_follows(hard, 1) < 0.15


def test_the_same_seed_gives_the_same_frame_and_times_rise() -> None:
    frame = mixed_interactions(users=4, items=5, length=6, seed=1)
    assert frame.equals(mixed_interactions(users=4, items=5, length=6, seed=1))
    assert not frame.equals(mixed_interactions(users=4, items=5, length=6, seed=2))
    assert all(group["timestamp"].is_sorted() for _, group in frame.group_by("user_id"))


@pytest.mark.parametrize("wrong", [{"users": 1}, {"items": 1}, {"follow": 1.1}, {"back": 1}, {"back": 80}])
def test_impossible_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="cannot be planted"):
        mixed_interactions(**wrong, seed=0)  # type: ignore[arg-type]
