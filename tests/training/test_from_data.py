from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import Histories, build_histories
from ofa_export.training.from_data import resolved_from_data
from ofa_export.training.train_recipe import TrainRecipe

MakeRecipe = Callable[..., TrainRecipe]


def histories_of(lengths: list[int], *, items: int) -> Histories:
    """People with histories of these lengths, over items that are all equally frequent."""
    places = [(f"u{user:03}", t) for user, length in enumerate(lengths) for t in range(length)]
    rows = [(user, f"i{index % items:05}", t) for index, (user, t) in enumerate(places)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return build_histories(frame, recipe=HistoryRecipe(min_count=1, repeats="all", ties="file"), seed=0)


@pytest.fixture
def open_recipe(recipe_of: MakeRecipe) -> Callable[..., TrainRecipe]:
    """The tiny recipe with some of its numbers left to the data."""

    def make(*names: str) -> TrainRecipe:
        content: dict[str, Any] = recipe_of().model_dump(exclude_unset=True)
        content["model"] = {**content["model"]}
        if "history_length" in names:
            del content["model"]["history_length"]
        return TrainRecipe.model_validate({**content, "from_data": list(names)})

    return make


@pytest.mark.parametrize(
    ("lengths", "expected"), [([8] * 20, 10), ([37] * 20, 40), ([30] * 19 + [500], 30), ([500] * 20, 200)]
)
def test_the_history_length_covers_nine_of_ten_people(
    open_recipe: Callable[..., TrainRecipe], lengths: list[int], expected: int
) -> None:
    recipe, said = resolved_from_data(open_recipe("history_length"), histories_of(lengths, items=50))
    assert recipe.model.history_length == expected
    assert recipe.from_data == ()
    assert f"History length {expected}, chosen from the data" in said[0]
    assert ("200 is the limit" in said[0]) == (expected == 200)


@pytest.mark.parametrize(("items", "expected"), [(3, 0.2), (1000, 0.4)])
def test_few_interactions_for_each_item_are_trained_with_more_dropout_in_every_stage(
    open_recipe: Callable[..., TrainRecipe], items: int, expected: float
) -> None:
    recipe, said = resolved_from_data(open_recipe("dropout"), histories_of([52] * 20, items=items))
    stages = (recipe.static, recipe.groups, recipe.weights, recipe.tiles, recipe.mapper)
    assert [stage.dropout for stage in stages] == [expected] * 5
    assert f"Dropout {expected}" in said[0]


def test_dropout_falls_as_items_get_more_interactions(open_recipe: Callable[..., TrainRecipe]) -> None:
    found = [
        resolved_from_data(open_recipe("dropout"), histories_of([52] * 20, items=items))[0].static.dropout
        for items in (4, 8, 16, 32, 64)
    ]
    assert found == sorted(set(found))


@pytest.mark.parametrize(("limit", "expected"), [(50, 0), (49, 4096)])
def test_a_large_catalogue_is_sampled(
    open_recipe: Callable[..., TrainRecipe], monkeypatch: pytest.MonkeyPatch, limit: int, expected: int
) -> None:
    monkeypatch.setattr("ofa_export.training.from_data.LARGE_CATALOGUE", limit)
    recipe, said = resolved_from_data(open_recipe("negatives"), histories_of([52] * 20, items=50))
    assert recipe.negatives == expected
    assert said[0].startswith("Loss over 4,096 drawn items" if expected else "Loss over all 50 items")


def test_a_recipe_that_leaves_nothing_to_the_data_stays_as_it_is(recipe_of: MakeRecipe) -> None:
    recipe = recipe_of()
    assert resolved_from_data(recipe, histories_of([52] * 20, items=50)) == (recipe, ())


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("history_length", {"model": {"history_length": 6}}),
        ("dropout", {"tiles": {"epochs": 1, "learning_rate": 1e-3, "dropout": 0.1}}),
        ("negatives", {"negatives": 256}),
    ],
)
def test_what_is_both_given_and_chosen_is_refused(
    open_recipe: Callable[..., TrainRecipe], name: str, given: dict[str, Any]
) -> None:
    content = open_recipe("history_length", "dropout", "negatives").model_dump(exclude_unset=True)
    with pytest.raises(ValidationError, match=f"{name} is chosen from the data"):
        TrainRecipe.model_validate({**content, **given})
