from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from hostile import HOSTILE, assert_harmless, tags

from ofa_export.bundle.writer import BundleContents, smallest_budget
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.choose import Choice
from ofa_export.planning.configurations import Configuration, MeasuredConfiguration, MeasuredPoint
from ofa_export.planning.plan import Plan, make_plan
from ofa_export.planning.plan_page import byte_shares, plan_html
from ofa_export.planning.precision_cost import PrecisionCost
from ofa_export.precision import INT8

WEIGHTS = {"adapt.controller": 700, "adapt.mapper.generators.0": 900, "block_0": 300}


@pytest.fixture
def plan(complete: BundleContents, recipe: BundleRecipe) -> Plan:
    return make_plan(complete, recipe=recipe, budget=smallest_budget(complete, 20))


SOUND = PrecisionCost(session_snr_db=40, histories=24, flipped=0, selftest_snr_db=40, selftest_flipped=0)


@pytest.fixture
def choice(recipe: BundleRecipe, complete: BundleContents) -> Choice:
    def measured(rank: int | None, ndcg: float) -> MeasuredConfiguration:
        return MeasuredConfiguration(
            configuration=Configuration(rank=rank, precision=INT8),
            weights=WEIGHTS if rank is None else {"block_0": 10},
            macs=2e6,
            full_table_ndcg=0.5,
            users=100,
            points=(MeasuredPoint(tiles=6, fixed_bytes=100, ndcg=ndcg, planned_ndcg=ndcg),),
        )

    whole, small = measured(None, 0.4), measured(1, 0.3)
    return Choice(recipe=recipe, chosen=whole, considered=(whole, small), contents=complete, cost=SOUND)


def test_shares_add_up_at_every_level(plan: Plan) -> None:
    shares = byte_shares(plan, weights=WEIGHTS)
    assert sum(share.bytes for share in shares) == plan.bytes
    assert [share.bytes for share in shares] == sorted((share.bytes for share in shares), reverse=True)
    divided = {share.name: share for share in shares if share.inside}
    assert set(divided) == {"graphs.digest", "embeddings.bin"}
    for share in divided.values():
        assert sum(one.bytes for one in share.inside) == share.bytes
    planes = {one.name: one.bytes for one in divided["embeddings.bin"].inside}
    # 20 tiles of 6 for each plane: three whole planes of 60 items x 2 blocks, and two tiles of the fourth.
    assert [planes[f"bit plane {plane}"] for plane in range(3)] == [120] * 3
    assert 0 < planes["bit plane 3"] < 120


def test_the_page_stands_alone_and_shows_everything(plan: Plan, choice: Choice) -> None:
    page = plan_html(plan, choice)
    assert not re.search(r"<(script|link|img)|https?://(?!www\.w3\.org)", page)
    text = unescape(page)
    for part in (
        f"{plan.bytes:,} bytes of a budget of {plan.budget:,}",
        "full rank, int8",
        "rank 1, int8",
        "chosen of 2 configurations",
        "adapt.mapper.generators.0",
        "bit plane 2",
        "2.00 M",
        f"tiles: {plan.tiles}",
    ):
        assert part in text
    # The map of the bytes says of every entry how many it has, where the pointer rests.
    for part in plan.parts:
        assert f"<title>{part.name}: {part.bytes:,} bytes" in text


def test_what_a_title_says_is_escaped(complete: BundleContents, recipe: BundleRecipe, choice: Choice) -> None:
    odd = recipe.model_copy(update={"description": "<script>alert(1)</script>"})
    plan = make_plan(complete, recipe=odd, budget=smallest_budget(complete, 20))
    assert "<script" not in plan_html(plan, choice)


def test_hostile_text_in_every_field_of_a_manifest_and_in_the_recipe(
    plan: Plan, choice: Choice, complete: BundleContents, recipe: BundleRecipe
) -> None:
    fields = {name: HOSTILE for name in ("model_id", "group", "precision")}
    named = complete.fields.runtime.model_copy(update={"name": HOSTILE})
    odd = replace(complete, fields=complete.fields.model_copy(update={**fields, "runtime": named}))
    worded = recipe.model_copy(update={"description": HOSTILE})
    hostile = make_plan(odd, recipe=worded, budget=smallest_budget(odd, 20))
    page = plan_html(hostile, choice)
    assert_harmless(page, longest=200_000)
    assert tags(page) == tags(plan_html(plan, choice))
