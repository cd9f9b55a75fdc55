from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ofa_export import __version__
from ofa_export.bundle.writer import BundleContents
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.support.content_cache import ContentCache


@pytest.fixture
def store(tmp_path) -> ContentCache:
    return ContentCache(tmp_path)


def test_the_manifest_says_where_everything_comes_from(
    checkpoint: Checkpoint, complete: BundleContents, recipe: BundleRecipe
) -> None:
    fields = complete.fields
    assert fields.checkpoint_sha256 == checkpoint.sha256
    assert fields.model_id == f"toy-{checkpoint.sha256[:12]}"
    assert fields.tools == {"ofa-export": __version__, "digest": "1.0"}
    assert (fields.runtime.name, fields.runtime.minimum_version) == ("digest", "1.2")
    assert fields.ranking.exclude_history
    assert fields.data.licence == "CC0-1.0"
    assert json.loads(fields.recipe) == {name: value for name, value in recipe.plain().items() if name != "tiles"}
    assert (fields.shapes.candidates, fields.shapes.history_length, fields.shapes.width) == (25, 8, 16)


def test_each_group_gets_its_own_table(
    checkpoint: Checkpoint, toy_checkpoint: Path, recipe: BundleRecipe, converter, store: ContentCache
) -> None:
    first, second = (
        load_complete_bundle(ExportSource(toy_checkpoint, group=group), converter=converter, recipe=recipe, store=store)
        for group in (0, 1)
    )
    assert (first.fields.group, second.fields.group) == ("0", "1")
    assert np.allclose(second.table.all_rows(), checkpoint.table(1), atol=0.02)
    assert not np.allclose(first.table.all_rows(), second.table.all_rows(), atol=0.02)
    assert bytes(first.graphs) == bytes(second.graphs)


def test_the_groups_share_one_conversion(
    toy_checkpoint: Path, recipe: BundleRecipe, converter, store: ContentCache
) -> None:
    for group in (0, 1):
        load_complete_bundle(ExportSource(toy_checkpoint, group=group), converter=converter, recipe=recipe, store=store)
    assert converter.conversions == ["int8"]


@pytest.mark.parametrize("group", [-1, 2])
def test_a_group_that_is_not_there_is_named(
    toy_checkpoint: Path, recipe: BundleRecipe, converter, store: ContentCache, group: int
) -> None:
    with pytest.raises(ConfigError, match=f"no user group {group}: this checkpoint has groups 0 to 1"):
        load_complete_bundle(ExportSource(toy_checkpoint, group=group), converter=converter, recipe=recipe, store=store)
    assert not converter.conversions


def test_tiles_of_the_recipe_do_not_reach_the_complete_bundle(
    toy_checkpoint: Path, complete: BundleContents, recipe: BundleRecipe, converter, store: ContentCache
) -> None:
    fixed = recipe.model_copy(update={"tiles": 5})
    other = load_complete_bundle(ExportSource(toy_checkpoint, group=0), converter=converter, recipe=fixed, store=store)
    assert other.table.tile_count == 48
    assert other.fields == complete.fields
