"""The whole way from a recipe with open choices to a plan, on a real checkpoint and a quick converter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ofa_export.bundle.writer import smallest_budget, write_bundle
from ofa_export.errors import BudgetError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.bundle_recipe import OpenRecipe, SelfTestRecipe
from ofa_export.planning.choose import Choice, choose
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import UNBOUNDED, Limits
from ofa_export.planning.plan import make_plan
from ofa_export.planning.search import planned_step
from ofa_export.precision import INT8
from ofa_export.support.content_cache import ContentCache

OPEN = OpenRecipe(
    description="toy", precision="auto", rank="auto", adaptation="auto", candidates=25, selftest=SelfTestRecipe()
)


class Chooser:
    """Chooses for budgets, always with the same store and converter."""

    def __init__(self, path: Path, checkpoint: Checkpoint, converter, store: ContentCache) -> None:
        self.path, self.sizes, self.converter, self.store = path, checkpoint.config.model, converter, store
        self.told: list[tuple[int, int]] = []

    def __call__(self, budget: int, recipe: OpenRecipe = OPEN) -> Choice:
        return choose(
            ExportSource(self.path, group=0),
            self.sizes,
            converter=self.converter,
            recipe=recipe,
            budget=budget,
            limits=Limits(),
            store=self.store,
            progress=lambda _, done, total: self.told.append((done, total)),
        )


Chooses = Callable[[ContentCache], Chooser]


@pytest.fixture
def chooser_with(toy_checkpoint: Path, checkpoint: Checkpoint, converter) -> Chooses:
    with_int4 = replace(converter, schemes={"fp32": "1.0", "int8": "1.2", "int4": "1.3"})
    return lambda store: Chooser(toy_checkpoint, checkpoint, with_int4, store)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> ContentCache:
    """What the tests of this file measured so far."""
    return ContentCache(tmp_path_factory.mktemp("choices"))


@pytest.fixture
def chooser(chooser_with: Chooses, measured: ContentCache) -> Chooser:
    return chooser_with(measured)


@pytest.fixture
def first_chooser(chooser_with: Chooses, tmp_path: Path) -> Chooser:
    """One that finds nothing measured."""
    return chooser_with(ContentCache(tmp_path / "choices"))


def test_every_budget_gets_a_plan_within_it_and_more_is_never_worse(chooser: Chooser) -> None:
    with pytest.raises(BudgetError) as caught:
        chooser(100)
    smallest, steps = caught.value.needed, []
    for budget in (smallest, smallest + 300, smallest + 1500, smallest + 4000, UNBOUNDED):
        choice = chooser(budget)
        plan = make_plan(choice.contents, recipe=choice.recipe, budget=budget)
        assert plan.bytes <= budget
        kept = [point for point in choice.chosen.points if point.tiles <= plan.tiles]
        steps.append(planned_step(kept[-1]))
    assert steps == sorted(steps)


def test_without_a_limit_the_best_step_wins_and_of_equals_the_most_faithful(chooser: Chooser) -> None:
    choice = chooser(UNBOUNDED)
    best = max(planned_step(one.points[-1]) for one in choice.considered)
    first = next(one for one in choice.considered if planned_step(one.points[-1]) == best)
    assert choice.chosen == first


def test_the_resolved_recipe_gives_the_same_bytes_again(chooser: Chooser, tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        chooser(100)
    budget = caught.value.needed + 700
    first = chooser(budget)
    plan = make_plan(first.contents, recipe=first.recipe, budget=budget)
    again = chooser(budget, OpenRecipe.model_validate(plan.recipe.plain()))
    assert len(again.considered) == 1
    second = make_plan(again.contents, recipe=again.recipe, budget=budget)
    for made, name in ((plan, "a"), (second, "b")):
        write_bundle(tmp_path / name, made.contents, tiles=made.tiles, budget=budget)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_was_measured_is_not_measured_again(first_chooser: Chooser) -> None:
    first_chooser(UNBOUNDED)
    converted = list(first_chooser.converter.conversions)
    assert first_chooser.told[-1] == (len(first_chooser.told) - 1, len(first_chooser.told) - 1)
    stored = {path.name: path.stat().st_mtime_ns for path in first_chooser.store.root.glob("*.worth")}
    assert len(stored) == len(first_chooser(UNBOUNDED).considered)
    assert {path.name: path.stat().st_mtime_ns for path in first_chooser.store.root.glob("*.worth")} == stored
    assert first_chooser.converter.conversions == converted


def test_a_damaged_measurement_is_made_again(first_chooser: Chooser) -> None:
    before = first_chooser(UNBOUNDED)
    damaged, *_, truncated = sorted(first_chooser.store.root.glob("*.worth"))
    whole = {path: path.read_bytes() for path in (damaged, truncated)}
    damaged.write_bytes(whole[damaged][:-20] + bytes(20))
    truncated.write_bytes(whole[truncated][:-7])
    after = first_chooser(UNBOUNDED)
    assert (after.chosen, after.considered) == (before.chosen, before.considered)
    assert {path: path.read_bytes() for path in whole} == whole


def test_the_edges_of_the_range(chooser: Chooser) -> None:
    recipe = OPEN.model_copy(update={"precision": INT8, "rank": None, "adaptation": "required"})
    whole = chooser(UNBOUNDED, recipe).contents
    least, most = (smallest_budget(whole, tiles) for tiles in (whole.floor_tiles, whole.table.tile_count))
    with pytest.raises(BudgetError) as caught:
        chooser(least - 1, recipe)
    assert caught.value.shortfall == 1
    kept = {
        budget: make_plan(whole, recipe=chooser(budget, recipe).recipe, budget=budget).tiles
        for budget in (least, least + 1, most - 1, most, most + 1)
    }
    assert whole.floor_tiles <= kept[least] <= kept[least + 1] < kept[most - 1] < kept[most] == kept[most + 1]


def test_a_recipe_with_tiles_says_which_budget_holds_them(chooser: Chooser) -> None:
    closed = OpenRecipe(description="toy", precision="int8", candidates=25, selftest=SelfTestRecipe(), tiles=40)
    choice = chooser(100, closed)
    with pytest.raises(BudgetError) as caught:
        make_plan(choice.contents, recipe=choice.recipe, budget=100)
    (way,) = caught.value.ways_out
    assert "which holds the recipe's 40 tiles" in way
    (budget,) = re.findall(r"--budget (\d+)", way)
    assert make_plan(choice.contents, recipe=choice.recipe, budget=int(budget)).tiles == 40


def test_bounds_are_bounds(chooser: Chooser) -> None:
    for one in chooser(UNBOUNDED).considered:
        recipe = one.configuration.resolved(OPEN)
        contents = load_complete_bundle(
            ExportSource(chooser.path, group=0), converter=chooser.converter, recipe=recipe, store=chooser.store
        )
        for point in one.points:
            assert one.bytes_at_least(point) < smallest_budget(contents, point.tiles), one.configuration.text


PRUNE = OPEN.model_copy(update={"precision": INT8, "rank": None, "adaptation": "required", "items": "prune-tail"})
WHOLE = PRUNE.model_copy(update={"items": None})


def test_a_budget_below_all_items_is_met_by_the_most_popular(chooser: Chooser, checkpoint: Checkpoint) -> None:
    with pytest.raises(BudgetError) as caught:
        chooser(100, WHOLE)
    budget = caught.value.needed - 50
    with pytest.raises(BudgetError, match="Use --items prune-tail"):
        chooser(budget, WHOLE)
    choice = chooser(budget, PRUNE)
    plan = make_plan(choice.contents, recipe=choice.recipe, budget=budget)
    assert choice.recipe.items == 30
    assert plan.bytes <= budget
    assert plan.contents.items.keys == checkpoint.item_keys[:30]
    assert plan.contents.table.items == 30
    assert json.loads(plan.contents.fields.recipe)["items"] == 30


def test_pruning_is_not_offered_where_it_would_not_help(chooser: Chooser) -> None:
    with pytest.raises(BudgetError) as caught:
        chooser(100, WHOLE)
    assert "prune-tail" not in str(caught.value)


def test_items_go_only_where_the_others_rank_better_without_them(chooser: Chooser) -> None:
    choice = chooser(UNBOUNDED, PRUNE)
    whole, half = (planned_step(one.points[-1]) for one in choice.considered)
    assert choice.recipe.items == (30 if half > whole else None)


def test_what_is_left_out_counts_as_not_found(chooser: Chooser, checkpoint: Checkpoint) -> None:
    whole, half = chooser(UNBOUNDED, PRUNE).considered
    mine = checkpoint.validation.user_groups == 0
    possible = (checkpoint.validation.targets[mine] < 30) & (
        ((checkpoint.validation.histories[mine] >= 0) & (checkpoint.validation.histories[mine] < 30)).any(axis=1)
    )
    assert half.users == whole.users == mine.sum()
    assert 0 < half.points[-1].ndcg <= possible.mean()
    assert half.full_table_ndcg == whole.full_table_ndcg


def test_a_resolved_recipe_names_the_items_and_gives_the_same_bytes(chooser: Chooser, tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        chooser(100, WHOLE)
    budget = caught.value.needed - 50
    first = chooser(budget, PRUNE)
    plan = make_plan(first.contents, recipe=first.recipe, budget=budget)
    again = chooser(budget, OpenRecipe.model_validate(plan.recipe.plain()))
    second = make_plan(again.contents, recipe=again.recipe, budget=budget)
    for made, name in ((plan, "a"), (second, "b")):
        write_bundle(tmp_path / name, made.contents, tiles=made.tiles, budget=budget)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
