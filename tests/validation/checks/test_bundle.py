from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ofa_export.bundle.writer import BundleContents
from ofa_export.converters.registry import get_converter
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.reduced_checkpoint import bundled
from ofa_export.validation.checks.bundle import compare_quality
from ofa_export.validation.finding import Finding
from ofa_export.validation.tolerance import Limit

CHOICES: dict[str, dict[str, Any]] = {
    "as trained": {},
    "fewer items": {"items": 40},
    "rank 1": {"rank": 1},
    "one block": {"depth_cap": 1},
    "no adaptation": {"adaptation": "none"},
    "full precision": {"precision": "fp32"},
}


def rounded(workshop: Any, contents: BundleContents) -> Checkpoint:
    """The checkpoint as the recipe cuts and rounds it."""
    recipe = BundleRecipe.model_validate_json(contents.fields.recipe)
    cut = bundled(workshop.checkpoint, recipe=recipe)
    model = fake_quantised(cut.model, recipe.precision, converter=get_converter("torch-program"))
    return replace(cut, model=model)


def found(workshop: Any, contents: BundleContents, checkpoint: Checkpoint, *, tiles: int) -> Finding:
    """The finding on a bundle of these contents that keeps so many tiles."""
    return compare_quality(
        contents.fields,
        trained=workshop.checkpoint,
        rounded=checkpoint,
        table=contents.table.with_tiles(tiles),
        precision=BundleRecipe.model_validate_json(contents.fields.recipe).precision,
        limit=Limit(limit=1e-4, why="four decimals"),
    )


@pytest.mark.integration
@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
def test_what_was_measured_is_measured_again(workshop: Any, choices: dict[str, Any]) -> None:
    contents = workshop.complete(**choices)
    promised = {each.tiles: each.ndcg_at_10 for each in contents.fields.quality.ndcg_at_10.by_tiles}
    few, whole = sorted(promised)[2], contents.table.tile_count
    for kept, measured in ((few, few), (few + 1, few), (whole, whole)):
        again = found(workshop, contents, rounded(workshop, contents), tiles=kept)
        assert again.status == "pass", again.sentence
        assert f"{promised[measured]} for {measured} tiles" in again.sentence


def test_users_whose_next_item_is_left_out_count_as_missed(workshop: Any) -> None:
    contents = workshop.complete(items=40)
    cut = rounded(workshop, contents)
    assert (
        0
        < len(cut.validation.missed_groups)
        < contents.fields.quality.users
        == len(workshop.checkpoint.validation.targets)
    )
    forgotten = replace(cut, validation=replace(cut.validation, missed_groups=np.zeros(0, np.int32)))
    tiles = contents.table.tile_count
    assert found(workshop, contents, cut, tiles=tiles).status == "pass"
    assert found(workshop, contents, forgotten, tiles=tiles).status == "fail"


def test_another_promise_is_found_and_named(workshop: Any) -> None:
    contents = workshop.complete()
    quality = contents.fields.quality
    ndcg = quality.ndcg_at_10.model_copy(update={"full_table": "0.9876"})
    fields = contents.fields.model_copy(update={"quality": quality.model_copy(update={"ndcg_at_10": ndcg})})
    wrong = found(workshop, replace(contents, fields=fields), rounded(workshop, contents), tiles=20)
    assert wrong.status == "fail"
    assert "0.9876 for the full table, measured 0." in wrong.sentence
