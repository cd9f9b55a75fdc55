from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import polars as pl
import pytest

from ofa_export.data.planted import planted_interactions
from ofa_export.errors import ConfigError


def successors(frame: pl.DataFrame) -> dict[str, Counter[str]]:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for (_user,), history in frame.group_by(["user_id"], maintain_order=True):
        items = history["item_id"].to_list()
        for item, following in pairwise(items):
            seen[item][following] += 1
    return seen


def test_the_shape_is_what_was_asked_for_and_time_increases() -> None:
    frame = planted_interactions(users=12, items=7, types=2, length=5, seed=0)
    assert frame.columns == ["user_id", "item_id", "timestamp"]
    assert frame.height == 60
    assert frame["user_id"].n_unique() == 12 and frame["item_id"].n_unique() == 7
    steps = frame.select(pl.col("timestamp").diff().over("user_id")).drop_nulls()
    assert steps.height == 48 and steps.min().item() > 0


def test_a_seed_fixes_every_row() -> None:
    one, again, other = (planted_interactions(users=20, items=10, seed=seed) for seed in (1, 1, 2))
    assert one.equals(again) and not one.equals(other)


def test_without_noise_each_type_has_exactly_one_successor_and_reaches_every_item() -> None:
    frame = planted_interactions(users=30, items=8, types=1, follow=1.0, length=20, seed=3)
    following = successors(frame)
    assert {len(counts) for counts in following.values()} == {1}
    item, reached = "item-0", set()
    for _ in range(8):
        item = next(iter(following[item]))
        reached.add(item)
    assert len(reached) == 8


def test_the_successor_is_followed_as_often_as_planted() -> None:
    following = successors(planted_interactions(users=500, items=50, types=1, length=30, seed=4))
    steps = sum(counts.total() for counts in following.values())
    followed = sum(max(counts.values()) for counts in following.values())
    # A random item is the successor once in 50 times.
    assert followed / steps == pytest.approx(0.75 + 0.25 / 50, abs=0.012)


def test_the_population_sees_as_many_likely_successors_as_there_are_types() -> None:
    following = successors(planted_interactions(users=900, items=40, types=3, length=30, seed=5))
    shares = [[count / counts.total() for _, count in counts.most_common(3)] for counts in following.values()]
    assert sum(map(sum, shares)) / len(shares) == pytest.approx(0.75, abs=0.06)
    assert max(max(share) for share in shares) < 0.65


@pytest.mark.parametrize("wrong", [{"users": 1}, {"items": 1}, {"types": 0}, {"follow": 1.5}, {"length": 2}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="cannot be planted"):
        planted_interactions(seed=0, **wrong)  # type: ignore[arg-type]
