"""What a plan promises, on random networks, recipes and budgets; each configuration is converted and measured."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ofa_export.bundle.tile_order import plane_order
from ofa_export.bundle.writer import smallest_budget
from ofa_export.errors import BudgetError
from ofa_export.model.checkpoint import Checkpoint, CheckpointConfig, DataCard, ValidationSet, checkpoint_files
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.bundle_recipe import OpenRecipe, SelfTestRecipe
from ofa_export.planning.choose import Choice, choose
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import UNBOUNDED, Limits, parse_budget
from ofa_export.planning.plan import Plan, make_plan
from ofa_export.planning.search import planned_step
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import no_progress

pytestmark = pytest.mark.integration

VALIDATION = 16
AUTO = {"precision": "auto", "rank": "auto"}
FEW = settings(
    max_examples=5,
    # Every example measures up to 14 networks; a smaller one would not be worth the minutes.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def open_recipe(**choices: object) -> OpenRecipe:
    return OpenRecipe(description="random", candidates=20, selftest=SelfTestRecipe(cases=2), **choices)


MODELS = st.builds(
    ModelConfig,
    items=st.integers(20, 60),
    width=st.sampled_from([8, 16]),
    depth=st.integers(1, 2),
    heads=st.just(2),
    history_length=st.integers(3, 6),
    rank=st.integers(1, 4),
    item_groups=st.integers(1, 3),
    backbone=st.sampled_from(["transformer", "relative-transformer", "gated-convolution", "linear-recurrent-unit"]),
)
RECIPES = st.fixed_dictionaries(
    {
        "precision": st.sampled_from(["auto", "auto", "int8", "fp32"]),
        "rank": st.sampled_from(["auto", "auto", None]),
        "adaptation": st.sampled_from(["required", "auto", "none"]),
        "items": st.sampled_from([None, None, None, "prune-tail"]),
    }
).map(lambda choices: open_recipe(**choices))
SHARES = st.lists(st.floats(0, 1.1), min_size=2, max_size=4)


@dataclass
class Planner:
    """Plans for one checkpoint, always with the same store."""

    path: Path
    sizes: ModelConfig
    converter: object
    store: ContentCache

    def __call__(self, budget: int, recipe: OpenRecipe) -> tuple[Choice, Plan]:
        choice = choose(
            ExportSource(self.path, group=0),
            self.sizes,
            converter=self.converter,
            recipe=recipe,
            budget=budget,
            limits=Limits(),
            store=self.store,
            progress=no_progress,
        )
        return choice, make_plan(choice.contents, recipe=choice.recipe, budget=budget)

    def complete(self, recipe):
        return load_complete_bundle(
            ExportSource(self.path, group=0), converter=self.converter, recipe=recipe, store=self.store
        )

    def least(self, recipe: OpenRecipe) -> int:
        with pytest.raises(BudgetError) as caught:
            self(1, recipe)
        return caught.value.needed


@pytest.fixture
def planner(converter, tmp_path_factory: pytest.TempPathFactory):
    with_int4 = replace(converter, schemes={"fp32": "1.0", "int8": "1.2", "int4": "1.3"})

    def make(config: ModelConfig, seed: int) -> Planner:
        folder = tmp_path_factory.mktemp("random")
        for name, content in checkpoint_files(random_checkpoint(config, seed)).items():
            (folder / name).write_bytes(content)
        return Planner(folder, config, with_int4, ContentCache(folder / "cache"))

    return make


def random_checkpoint(config: ModelConfig, seed: int) -> Checkpoint:
    """Untrained weights; gates and generated parameters that differ between histories."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = AdaptiveRecommender(config).eval().requires_grad_(False)
        for generator in model.mapper.generators:
            generator.out.weight.normal_(0, 0.1)
            generator.out.bias.normal_(0, 0.1)
        model.controller.head_out.weight.normal_(0, 1)
        model.controller.head_out.bias.normal_(0, 1)
    rng = np.random.default_rng(seed)
    T, G, N = config.history_length, config.item_groups, config.embedding_blocks
    histories = rng.integers(0, config.items, (VALIDATION, T)).astype(np.int32)
    histories[np.arange(T) < T - rng.integers(1, T + 1, VALIDATION)[:, None]] = -1
    card = DataCard(name="random", licence="CC0-1.0", attribution="Drawn by nobody.", exclude_history=False)
    return Checkpoint(
        config=CheckpointConfig(model=config, data=card, order="planes"),
        model=model,
        importance=np.ones((1, G, N), np.float32),
        tile_orders=(plane_order(G, N),),
        centroids=np.zeros((1, config.width), np.float32),
        item_keys=tuple(f"K{row}" for row in range(config.items)),
        item_titles=tuple(f"Title {row}" for row in range(config.items)),
        validation=ValidationSet(
            histories=histories,
            targets=rng.integers(0, config.items, VALIDATION).astype(np.int32),
            user_groups=np.zeros(VALIDATION, np.int32),
        ),
    )


def step_of(choice: Choice, plan: Plan) -> int:
    return planned_step([point for point in choice.chosen.points if point.tiles <= plan.tiles][-1])


@FEW
@given(config=MODELS, recipe=RECIPES, seed=st.integers(0, 999), shares=SHARES)
def test_within_budget_well_spent_never_worse_and_nested(
    planner, config: ModelConfig, recipe: OpenRecipe, seed: int, shares: list[float]
) -> None:
    plan_for = planner(config, seed)
    least = plan_for.least(recipe)
    _, everything = plan_for(UNBOUNDED, recipe)
    most = smallest_budget(everything.contents, everything.tiles)
    budgets = sorted(max(least, round(least + share * (most - least))) for share in shares)
    made = [plan_for(budget, recipe) for budget in budgets]
    for budget, (_, plan) in zip(budgets, made, strict=True):
        assert plan.bytes <= budget
        if plan.binds:
            assert plan.bytes >= 0.97 * budget
    for (small, less), (large, more) in pairwise(made):
        assert step_of(large, more) >= step_of(small, less)
        if small.recipe.items != large.recipe.items:
            continue
        kept = min(less.tiles, more.tiles)
        # One order for all configurations: of two bundles with the same items, one always has the other's tiles.
        rows = [plan.contents.table.with_tiles(kept).all_rows() for plan in (less, more)]
        assert np.array_equal(*rows)
        if small.chosen == large.chosen:
            assert less.tiles <= more.tiles


@FEW
@given(config=MODELS, recipe=RECIPES, seed=st.integers(0, 999), share=st.floats(0, 1))
def test_no_other_configuration_would_rank_better(
    planner, config: ModelConfig, recipe: OpenRecipe, seed: int, share: float
) -> None:
    plan_for = planner(config, seed)
    least = plan_for.least(recipe)
    budget = round(least * (1 + share))
    choice, _ = plan_for(budget, recipe)
    fitting = [
        (planned_step(point), -place)
        for place, one in enumerate(choice.considered)
        for point in one.points
        if smallest_budget(plan_for.complete(one.configuration.resolved(recipe)), point.tiles) <= budget
    ]
    assert choice.chosen == choice.considered[-max(fitting)[1]]


@FEW
@given(config=MODELS, recipe=RECIPES, seed=st.integers(0, 999), short=st.integers(1, 3000))
# 72 bytes more than half of the items were once thought to take.
@example(
    config=ModelConfig(items=42, width=8, depth=1, heads=2, history_length=6, rank=2, item_groups=3),
    recipe=open_recipe(precision="int8", rank="auto", adaptation="auto"),
    seed=226,
    short=264,
)
def test_what_an_infeasible_budget_is_told_works(
    planner, config: ModelConfig, recipe: OpenRecipe, seed: int, short: int
) -> None:
    plan_for = planner(config, seed)
    least = plan_for.least(recipe)
    budget = max(1, least - short)
    with pytest.raises(BudgetError) as caught:
        plan_for(budget, recipe)
    *ways, last = caught.value.ways_out
    assert last.startswith("Train a smaller network")
    assert ways
    for way in ways:
        named = re.search(r"--budget (\w+)", way)
        opened = {**AUTO, **({"adaptation": "auto"} if "`adaptation`" in way else {})}
        if "--items prune-tail" in way:
            opened = {"items": "prune-tail"}
        _, plan = plan_for(
            parse_budget(named[1]) if named else budget, recipe if named else recipe.model_copy(update=opened)
        )
        assert plan.bytes <= (parse_budget(named[1]) if named else budget)
    plan_for(least, recipe)
    with pytest.raises(BudgetError):
        plan_for(least - 1, recipe)
