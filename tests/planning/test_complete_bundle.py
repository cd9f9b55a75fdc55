from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile import FAKE, HOSTILE, assert_harmless

from ofa_export import __version__
from ofa_export.bundle.writer import BundleContents
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.complete_bundle import measured_complete_bundle, model_card
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.quality_curve import QualityCurve
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


CURVE = QualityCurve(full_table=0.25, by_tiles=((3, 0.1), (48, 0.24567)), users=12)


def card(checkpoint: Checkpoint) -> str:
    return model_card(checkpoint, group=1, runtime="litert", precision="int8", curve=CURVE)


def test_attribution_and_licence_travel_with_every_bundle(checkpoint: Checkpoint) -> None:
    text = card(checkpoint)
    assert "Drawn by nobody." in text
    assert "toy, licence CC0-1.0." in text


def test_the_numbers_are_those_of_the_curve_and_the_model(checkpoint: Checkpoint) -> None:
    text = card(checkpoint)
    for line in ("| 3 | 0.1000 |", "| 48 | 0.2457 |", "| full table | 0.2500 |"):
        assert line in text.splitlines()
    assert "on 12 validation histories" in text
    assert "60 items x 16 dimensions, histories of 8 items" in text
    assert "for litert, int8 graphs, user group 1 of 2" in text
    assert checkpoint.sha256[:16] in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("synthetic", "on 24 synthetic histories, all items ranked, the visible history left out of the ranking"),
        ("none", "Agreement of the rounded reference with the network as it was trained, on 24 drawn histories"),
    ],
)
def test_quality_on_nobody_s_histories_is_not_called_quality_for_people(
    checkpoint: Checkpoint, recipe: BundleRecipe, converter, store: ContentCache, kind: str, said: str
) -> None:
    config = checkpoint.config.model_copy(update={"training": {"validation_histories": kind}})
    complete = measured_complete_bundle(
        replace(checkpoint, config=config), converter=converter, group=0, recipe=recipe, store=store
    )
    assert complete.fields.quality.users == 0
    assert "nobody's" in complete.fields.quality.measured_on
    assert said in " ".join(complete.model_card.split())
    assert "how well people are served" in " ".join(complete.model_card.split())


def test_it_says_whether_the_history_was_ranked(checkpoint: Checkpoint) -> None:
    assert "left out of the ranking" in " ".join(card(checkpoint).split())
    data = checkpoint.config.data.model_copy(update={"exclude_history": False})
    repeats = replace(checkpoint, config=checkpoint.config.model_copy(update={"data": data}))
    assert "part of the ranking" in " ".join(card(repeats).split())


@pytest.mark.parametrize("training", [{}, {"recipe": None, "probe_ndcg_at_10": None}, {"recipe": {}}])
def test_a_checkpoint_that_does_not_tell_how_it_was_trained(checkpoint: Checkpoint, training: dict) -> None:
    silent = replace(checkpoint, config=checkpoint.config.model_copy(update={"training": training}))
    assert "recipe: not recorded" in card(silent)
    assert "of the training run" not in card(silent)


def test_baselines_stand_beside_the_model(checkpoint: Checkpoint) -> None:
    training = {"recipe": {"description": "Quick."}, "probe_ndcg_at_10": {"markov": 0.1, "static": 0.2}}
    told = replace(checkpoint, config=checkpoint.config.model_copy(update={"training": training}))
    assert "recipe: Quick." in card(told)
    assert "| markov | 0.1000 |\n| static | 0.2000 |" in card(told)


def test_a_checkpoint_cannot_put_links_html_tables_or_sections_of_its_own_into_the_card(checkpoint: Checkpoint) -> None:
    data = checkpoint.config.data
    words = {"name": HOSTILE, "licence": f"# {HOSTILE}", "attribution": f"{HOSTILE}\n\n[a](http://b)\n<img src=x>"}
    training = {"recipe": {"description": HOSTILE}, "probe_ndcg_at_10": {f"x | 1 |\n{HOSTILE}": 0.5}}
    config = checkpoint.config.model_copy(update={"data": data.model_copy(update=words), "training": training})
    text = card(replace(checkpoint, config=config))
    head, _, attribution = text.partition("## Data and licence")
    assert_harmless(head)
    assert_harmless(attribution.replace(FAKE, "its own words"))
    assert [line for line in head.split("\n") if line.startswith("#")] == ["# Model card", "", "## Quality"][::2]
    for raw in ("<script", "<img", "](", "| 1 |"):
        assert not re.search(rf"(?<!\\){re.escape(raw)}", text)
    assert re.search(r"x \\\| 1 \\\|", text)
