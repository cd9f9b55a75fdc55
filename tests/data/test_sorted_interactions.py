from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from training_scale import READ, generate, measured

from ofa_export.data import sorted_interactions
from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import Histories, build_histories, mapped_rows
from ofa_export.data.sorted_interactions import sort_interactions

RECIPES = [
    HistoryRecipe(min_count=count, repeats=repeats, ties=ties)
    for count, repeats, ties in (
        (1, "all", "file"),
        (1, "first", "shuffle"),
        (3, "all", "shuffle"),
        (3, "first", "file"),
    )
]


def drawn(*, rows: int, seed: int, time: Callable[[np.ndarray], np.ndarray] = lambda time: time) -> pl.DataFrame:
    """Few users, items and moments, so that rows repeat, times tie and users straddle every limit."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in rng.integers(0, 9, rows)],
            "item_id": [f"i{item}" for item in rng.integers(0, 12, rows)],
            "timestamp": time(rng.integers(-3, 12, rows)),
        }
    )


def plainly(frame: pl.DataFrame, recipe: HistoryRecipe, seed: int) -> list[tuple[str, str]]:
    """User and item of each row in the order of histories, before any is too rare; all in memory."""
    frame = frame.unique(maintain_order=True, keep="first")
    tie = np.arange(frame.height)
    if recipe.ties == "shuffle":
        tie = np.random.default_rng(seed).permutation(frame.height)
    ordered = frame.with_columns(tie=pl.Series(tie)).sort("user_id", "timestamp", "tie")
    if recipe.repeats == "first":
        ordered = ordered.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    return ordered.select("user_id", "item_id").rows()


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("block", [1, 7, 50, 1000])
def test_sorting_in_pieces_is_sorting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: HistoryRecipe, block: int
) -> None:
    monkeypatch.setattr(sorted_interactions, "BLOCK", block)
    frame = drawn(rows=150, seed=block)
    found = sort_interactions(frame.lazy(), recipe=recipe, seed=4, folder=tmp_path)
    pairs = [
        (found.user_keys[int(pair["user"])], found.item_keys[int(pair["item"])])
        for part in found.blocks()
        for pair in part
    ]
    assert pairs == plainly(frame, recipe, 4)
    assert found.repeated_rows == frame.height - frame.n_unique() > 0
    assert max(len(part) for part in found.blocks()) <= block


def test_times_may_have_fractions_and_lie_before_the_epoch(tmp_path: Path) -> None:
    frame = drawn(rows=150, seed=1, time=lambda time: time / 4)
    recipe = HistoryRecipe(min_count=1, repeats="all", ties="file")
    found = sort_interactions(frame.lazy(), recipe=recipe, seed=0, folder=tmp_path)
    items = [found.item_keys[int(item)] for part in found.blocks() for item in part["item"]]
    assert items == [item for _, item in plainly(frame, recipe, 0)]


@pytest.mark.parametrize("recipe", RECIPES)
def test_histories_do_not_depend_on_how_much_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: HistoryRecipe
) -> None:
    frame = drawn(rows=150, seed=2)
    path = tmp_path / "drawn.parquet"
    frame.write_parquet(path, row_group_size=40)
    expected = build_histories(frame, recipe=recipe, seed=3)
    monkeypatch.setattr(sorted_interactions, "BLOCK", 16)
    found = build_histories(pl.scan_parquet(path), recipe=recipe, seed=3, folder=tmp_path)
    assert same(found, expected)
    assert np.array_equal(mapped_rows(tmp_path), expected.rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drawn.parquet", "rows.int32"]


def same(found: Histories, expected: Histories) -> bool:
    arrays = all(
        np.array_equal(getattr(found, name), getattr(expected, name)) for name in ("rows", "offsets", "popularity")
    )
    return arrays and (found.item_keys, found.user_keys) == (expected.item_keys, expected.user_keys)


@pytest.mark.integration
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_million_interactions_need_little_memory(tmp_path: Path) -> None:
    # Measured: 142 MB; 414 MB when all rows were in memory as text, and 370 MB more for each further million.
    path = tmp_path / "drawn.parquet"
    generate(path, rows=1_000_000, users=50_000, items=100_000)
    found = measured(READ, path, tmp_path)
    assert found["users"] == 50_000
    assert found["anonymous_mb"] < 270
