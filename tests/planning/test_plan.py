from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, bundle_bytes, smallest_budget, write_bundle
from ofa_export.errors import BudgetError, ConfigError
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.limits import UNBOUNDED
from ofa_export.planning.plan import make_plan


def everything(complete: BundleContents) -> int:
    """The smallest budget that does not bind."""
    return smallest_budget(complete, complete.table.tile_count)


def least(complete: BundleContents) -> int:
    """The smallest budget that works."""
    return smallest_budget(complete, complete.floor_tiles)


@given(data=st.data())
def test_a_plan_spends_its_budget_and_no_byte_more(
    complete: BundleContents, recipe: BundleRecipe, data: st.DataObject
) -> None:
    budget = data.draw(st.integers(least(complete), everything(complete) + 500))
    plan = make_plan(complete, recipe=recipe, budget=budget)
    assert plan.bytes == bundle_bytes(complete, tiles=plan.tiles, budget=budget) <= budget
    assert plan.binds == (plan.tiles < complete.table.tile_count)
    if plan.binds:
        # Whatever is left does not hold the next tile, whose cost is its items, rounded by the alignment.
        assert bundle_bytes(complete, tiles=plan.tiles + 1, budget=budget) > budget
        assert budget - plan.bytes < max(complete.table.group_sizes) + 64 + 4


@given(data=st.data())
def test_a_larger_budget_keeps_what_a_smaller_one_keeps(
    complete: BundleContents, recipe: BundleRecipe, data: st.DataObject
) -> None:
    budgets = sorted(data.draw(st.lists(st.integers(least(complete), everything(complete)), min_size=2, max_size=4)))
    tables = [complete.table.with_tiles(make_plan(complete, recipe=recipe, budget=budget).tiles) for budget in budgets]
    for smaller, larger in itertools.pairwise(tables):
        assert smaller.tile_count <= larger.tile_count
        kept = larger.with_tiles(smaller.tile_count)
        assert np.array_equal(kept.all_rows(), smaller.all_rows())


@given(data=st.data())
def test_the_file_has_the_planned_size_and_parts(
    complete: BundleContents, recipe: BundleRecipe, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    budget = data.draw(st.integers(least(complete), everything(complete)))
    path = tmp_path_factory.mktemp("plan") / "a.ofab"
    plan = make_plan(complete, recipe=recipe, budget=budget)
    manifest = write_bundle(path, plan.contents, tiles=plan.tiles, budget=plan.budget)
    assert path.stat().st_size == plan.bytes
    *entries, overhead = plan.parts
    assert [(part.name, part.bytes) for part in entries] == [(entry.name, entry.bytes) for entry in manifest.entries]
    assert overhead.bytes > 0
    with Bundle.open(path) as bundle:
        assert bundle.table.tile_count == plan.tiles


def test_the_edges_of_the_range(complete: BundleContents, recipe: BundleRecipe) -> None:
    total, floor = complete.table.tile_count, complete.floor_tiles
    # Entries start at multiples of 64 bytes: what holds the floor may hold another small tile.
    assert floor <= make_plan(complete, recipe=recipe, budget=least(complete)).tiles < floor + 3
    assert make_plan(complete, recipe=recipe, budget=everything(complete)).tiles == total
    assert not make_plan(complete, recipe=recipe, budget=everything(complete)).binds
    assert make_plan(complete, recipe=recipe, budget=everything(complete) - 1).tiles < total
    assert make_plan(complete, recipe=recipe, budget=UNBOUNDED).tiles == total
    with pytest.raises(BudgetError) as caught:
        make_plan(complete, recipe=recipe, budget=least(complete) - 1)
    assert (caught.value.needed, caught.value.available) == (least(complete), least(complete) - 1)
    assert caught.value.shortfall == 1


def test_the_alternatives_are_the_smallest_budgets_of_the_measured_points(
    complete: BundleContents, recipe: BundleRecipe
) -> None:
    plan = make_plan(complete, recipe=recipe, budget=everything(complete))
    measured = [(each.tiles, each.ndcg_at_10) for each in complete.fields.quality.ndcg_at_10.by_tiles]
    assert [(p.tiles, p.ndcg_at_10) for p in plan.alternatives] == measured
    for point in plan.alternatives:
        assert make_plan(complete, recipe=recipe, budget=point.budget_bytes).tiles >= point.tiles
        if point.tiles > complete.floor_tiles:
            assert make_plan(complete, recipe=recipe, budget=point.budget_bytes - 1).tiles < point.tiles


def test_the_resolved_recipe_gives_the_same_bytes(
    complete: BundleContents, recipe: BundleRecipe, tmp_path: Path
) -> None:
    first = make_plan(complete, recipe=recipe, budget=everything(complete) - 300)
    resolved = BundleRecipe.model_validate(yaml.safe_load(first.recipe_yaml()))
    assert resolved == recipe.model_copy(update={"tiles": first.tiles})
    second = make_plan(complete, recipe=resolved, budget=first.budget)
    for plan, name in ((first, "a"), (second, "b")):
        write_bundle(tmp_path / name, plan.contents, tiles=plan.tiles, budget=plan.budget)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_recipe_with_tiles_keeps_them_whatever_the_budget(complete: BundleContents, recipe: BundleRecipe) -> None:
    fixed = recipe.model_copy(update={"tiles": 20})
    assert make_plan(complete, recipe=fixed, budget=UNBOUNDED).tiles == 20
    needed = smallest_budget(complete, 20)
    assert make_plan(complete, recipe=fixed, budget=needed).tiles == 20
    with pytest.raises(BudgetError) as caught:
        make_plan(complete, recipe=fixed, budget=needed - 1)
    first, second = caught.value.ways_out
    assert f"--budget {needed}" in first
    (fits,) = re.findall(r"`tiles: (\d+)`", second)
    refitted = recipe.model_copy(update={"tiles": int(fits)})
    assert make_plan(complete, recipe=refitted, budget=needed - 1).tiles == int(fits) < 20


@pytest.mark.parametrize("tiles", [1, 2, 49])
def test_tiles_that_no_table_has_are_refused(complete: BundleContents, recipe: BundleRecipe, tiles: int) -> None:
    with pytest.raises(ConfigError, match=r"can keep 3 to 48\. Correct `tiles`"):
        make_plan(complete, recipe=recipe.model_copy(update={"tiles": tiles}), budget=UNBOUNDED)
