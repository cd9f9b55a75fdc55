"""Training on top of an imported net, and bundles of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from ofa_export.bundle.writer import fit_tiles, write_bundle
from ofa_export.converters.registry import get_converter
from ofa_export.data.sample import DataSet
from ofa_export.errors import ConfigError, InteractionsError
from ofa_export.importing.importer import import_checkpoint
from ofa_export.importing.source import Source
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.recipes import load_recipe
from ofa_export.training.train import train_on_frozen_base
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent
from ofa_export.validation.tolerance import TolerancePolicy
from ofa_export.validation.validate import validate

pytestmark = pytest.mark.integration

RECIPE = TrainRecipe.model_validate(
    {
        "description": "For tests, seconds.",
        "model": {"width": 64, "depth": 4},
        "static": {"epochs": 2, "learning_rate": 5e-3},
        "groups": {"epochs": 2, "learning_rate": 5e-3},
        "weights": {"epochs": 1, "learning_rate": 1e-3, "controller_learning_rate": 1e-2},
        "tiles": {"epochs": 2, "learning_rate": 1e-3, "order": "magnitude"},
        # Gates open enough to be eligible, and a rate at which some epoch beats the start.
        "mapper": {"epochs": 3, "learning_rate": 1e-2, "backbone_learning_rate": 1e-2, "target_positions": 2},
        "probes": {"users": 20},
    }
)
ADAPTING = ("controller.", "mapper.")


@pytest.fixture
def start(saved_as: Callable[..., Any], name: str, data: DataSet, tmp_path: Path) -> Checkpoint:
    """An imported checkpoint."""
    source = Source(state_dict=saved_as(name).path, format=name, heads=2)
    import_checkpoint(source, data, tmp_path / "imported", rank=3)
    return load_checkpoint(tmp_path / "imported")


def on_frozen_base(start: Checkpoint, data: DataSet, output: Path) -> Checkpoint:
    train_on_frozen_base(start, data, RECIPE, output, seed=0, resume=False, force=False, progress=Silent())
    return load_checkpoint(output)


def test_training_on_a_frozen_base_touches_no_imported_tensor(start: Checkpoint, data: DataSet, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in start.model.state_dict().items()}
    made = on_frozen_base(start, data, tmp_path / "trained")
    after = made.model.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert all(name.startswith(ADAPTING) or name.endswith(".basis.weight") for name in changed)
    assert {name.split(".")[0] for name in changed} == {"controller", "mapper", "blocks"}
    assert made.config.model == start.config.model
    assert made.item_keys == start.item_keys
    assert made.item_titles[made.item_keys.index("5")] == "Five"
    assert made.config.order == "magnitude"
    measured = made.config.training["measured"]
    assert measured["imported"] == start.config.training["measured"]["imported"]
    assert measured["mapper"]["best_epoch"] > 0
    assert made.config.training["recipe"]["model"]["width"] == 16


def test_other_interactions_keep_the_rows_of_the_checkpoint(
    saved_as: Callable[..., Any], data: DataSet, tmp_path: Path
) -> None:
    source = Source(state_dict=saved_as("recbole").path, format="recbole", heads=2)
    import_checkpoint(source, data, tmp_path / "imported", rank=3)
    start = load_checkpoint(tmp_path / "imported")
    fewer = replace(data, interactions=data.interactions.filter(pl.col("item_id") != start.item_keys[0]))
    assert on_frozen_base(start, fewer, tmp_path / "trained").item_keys == start.item_keys
    strange = replace(data, interactions=data.interactions.with_columns(pl.col("item_id") + "x"))
    with pytest.raises(InteractionsError, match="No interaction has an item of the model"):
        on_frozen_base(start, strange, tmp_path / "other")


def test_a_checkpoint_that_was_trained_here_is_refused(toy_checkpoint: Path, data: DataSet, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ofa-export import"):
        on_frozen_base(load_checkpoint(toy_checkpoint), data, tmp_path / "trained")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("converter", "name", "width"), [("litert", "pmixer", 50), ("executorch", "pmixer-norm-last", 50)]
)
def test_an_imported_checkpoint_can_be_bundled_as_it_is(
    saved_as: Callable[..., Any], data: DataSet, tmp_path: Path, converter: str, name: str, width: int
) -> None:
    source = Source(state_dict=saved_as(name, width=width).path, format=name, heads=2)
    import_checkpoint(source, data, tmp_path / "imported", rank=3)
    checkpoint = load_checkpoint(tmp_path / "imported")
    recipe = load_recipe("bundle", "int8", BundleRecipe)
    source = ExportSource(tmp_path / "imported", group=0)
    contents = load_complete_bundle(source, converter=get_converter(converter), recipe=recipe, store=ContentCache())
    path = tmp_path / "imported.ofab"
    write_bundle(path, contents, tiles=fit_tiles(contents, 10**7), budget=10**7, force=False)
    tolerance = load_recipe("tolerance", "default", TolerancePolicy)
    report = validate(path, checkpoint, tolerance=tolerance, store=ContentCache())
    failed = {finding.assertion for finding in report.findings if finding.status == "fail"}
    # Random weights rank 26 items by chance, so near ties that int8 turns say nothing.
    assert not {name for name in failed if not name.startswith("ranking.")}
