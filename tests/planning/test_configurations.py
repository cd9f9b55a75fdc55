from __future__ import annotations

import pytest

from ofa_export.errors import ConfigError
from ofa_export.model.config import ModelConfig
from ofa_export.planning.bundle_recipe import OpenRecipe, SelfTestRecipe
from ofa_export.planning.configurations import configurations

SIZES = ModelConfig(items=60, width=16, depth=2, heads=2, history_length=8, rank=6, item_groups=3)
ALL = ("fp32", "int8", "int4")


def recipe(**choices: object) -> OpenRecipe:
    fields = {"description": "toy", "precision": "auto", "selftest": SelfTestRecipe(), **choices}
    return OpenRecipe.model_validate(fields)


def test_everything_open_starts_at_the_trained_network_and_gets_smaller() -> None:
    found = configurations(recipe(adaptation="auto", rank="auto", depth_cap="auto"), SIZES, schemes=ALL)
    assert len(found) == len(set(found)) == 3 * 3 * 2 + 2
    assert found[0].text == "full rank, int8"
    assert {one.rank for one in found if one.adaptation} == {None, 3, 1}
    assert {one.depth_cap for one in found if one.adaptation} == {None, 1}
    assert next(one.text for one in found if not one.adaptation) == "no adaptation, int8"


def test_what_is_fixed_stays_fixed() -> None:
    (only,) = configurations(recipe(precision="fp32", rank=3, depth_cap=2), SIZES, schemes=ALL)
    assert only.text == "rank 3, fp32"
    assert only.depth_cap is None
    assert {one.adaptation for one in configurations(recipe(), SIZES, schemes=ALL)} == {True}
    assert {one.adaptation for one in configurations(recipe(adaptation="none"), SIZES, schemes=ALL)} == {False}


def test_a_runtime_without_int4_is_not_offered_any() -> None:
    assert {one.precision.name for one in configurations(recipe(), SIZES, schemes=("fp32", "int8"))} == {"int8"}


def test_pruning_the_tail_halves_the_items_until_a_list_would_be_all_of_them() -> None:
    found = configurations(recipe(precision="int8", items="prune-tail"), SIZES, schemes=ALL)
    assert [one.items for one in found] == [None, 30]
    assert found[1].text == "30 items, full rank, int8"
    many = SIZES.model_copy(update={"items": 1000, "item_groups": 100})
    counts = [one.items for one in configurations(recipe(precision="int8", items="prune-tail"), many, schemes=ALL)]
    assert counts == [None, 500, 250, 125]


def test_all_items_come_before_fewer_and_a_given_number_is_the_only_one() -> None:
    found = configurations(recipe(adaptation="auto", rank="auto", items="prune-tail"), SIZES, schemes=ALL)
    assert [one.items for one in found] == [None] * (len(found) // 2) + [30] * (len(found) // 2)
    assert {one.items for one in configurations(recipe(items=7), SIZES, schemes=ALL)} == {7}
    assert {one.items for one in configurations(recipe(items=60), SIZES, schemes=ALL)} == {None}
    assert {one.items for one in configurations(recipe(), SIZES, schemes=ALL)} == {None}


@pytest.mark.parametrize("choice", [{"rank": 7}, {"depth_cap": 3}, {"items": 61}])
def test_more_than_the_checkpoint_has_is_refused(choice: dict[str, int]) -> None:
    (name,) = choice
    with pytest.raises(ConfigError, match=f"`{name}: .+` is more than the checkpoint has"):
        configurations(recipe(**choice), SIZES, schemes=ALL)


def test_all_that_the_checkpoint_has_not_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        configurations(recipe(rank=9, depth_cap=4), SIZES, schemes=ALL)
    assert str(caught.value) == (
        "`rank: 9` is more than the checkpoint has: 6. `depth_cap: 4` is more than the checkpoint has: 2. "
        "Correct the recipe."
    )


def test_tiles_belong_to_one_configuration() -> None:
    with pytest.raises(ValueError, match="only where no other choice is left to the plan"):
        recipe(tiles=5)
    with pytest.raises(ValueError, match="only where no other choice is left to the plan"):
        recipe(precision="int8", items="prune-tail", tiles=5)


def test_a_resolved_recipe_says_only_what_was_cut() -> None:
    whole, *_, static = configurations(recipe(adaptation="auto", rank="auto"), SIZES, schemes=ALL)
    assert whole.resolved(recipe()).plain().keys() == {"description", "precision", "candidates", "selftest", "tiles"}
    assert static.resolved(recipe()).plain()["adaptation"] == "none"
