"""The complete bundle of a checkpoint: its contents with every tile, from which each budget's bundle is cut."""

from __future__ import annotations

import json

from ofa_export import __version__
from ofa_export.bundle.manifest import (
    DataSource,
    ManifestFields,
    NdcgAt10,
    Quality,
    Ranking,
    Runtime,
    Shapes,
    TilesQuality,
)
from ofa_export.bundle.writer import BundleContents
from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.converters import runtime_of
from ofa_export.converters.protocol import Converter
from ofa_export.converters.schemes import minimum_runtime
from ofa_export.graphs.device import device_graphs
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.configuration_worth import WorthSource
from ofa_export.planning.configurations import configuration_of
from ofa_export.planning.item_selection import ItemSelection
from ofa_export.planning.make_selftest import selftest_vectors
from ofa_export.planning.model_card import model_card
from ofa_export.planning.quality import QualityCurve
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.planning.reduced_checkpoint import bundled
from ofa_export.support.content_cache import ContentCache


def make_complete_bundle(
    selection: ItemSelection, *, converter: Converter, recipe: BundleRecipe, curve: QualityCurve, store: ContentCache
) -> BundleContents:
    """Convert and encode once; nothing here depends on the budget.

    Args:
        selection: what to export, and whose table goes in.
        converter: that makes the graphs.
        recipe: precision and self-test.
        curve: what the tiles are worth with this recipe.
        store: keeps converted graphs.

    Returns:
        The contents, with all tiles.

    Raises:
        ConfigError: the recipe's precision asks for what the converter does not have.
        LoweringError: the converter refused a graph.
    """
    group = selection.group
    checkpoint = bundled(selection.checkpoint, recipe=recipe)
    graphs = convert_cached(
        device_graphs(checkpoint.model, candidates=recipe.candidates),
        converter=converter,
        precision=recipe.precision,
        store=store,
    )
    return BundleContents(
        graph_entry=converter.entry_name,
        graphs=graphs,
        table=selection.table,
        items_entry=selection.items_entry,
        selftest=selftest_vectors(
            checkpoint, group=group, recipe=recipe.selftest, table=selection.table, precision=recipe.precision
        ),
        min_snr_db=recipe.selftest_snr_db,
        model_card=model_card(
            checkpoint, group=group, runtime=runtime_of(converter.name), precision=recipe.precision.name, curve=curve
        ),
        fields=_fields(checkpoint, converter=converter, group=group, recipe=recipe, curve=curve),
    )


def measured_complete_bundle(
    checkpoint: Checkpoint, *, converter: Converter, group: int, recipe: BundleRecipe, store: ContentCache
) -> BundleContents:
    """Measure, then `make_complete_bundle`, for a checkpoint in memory; nothing is kept in a cache.

    Args:
        checkpoint: what to export.
        converter: that makes the graphs.
        group: user group whose table goes in.
        recipe: every choice made.
        store: keeps converted graphs.

    Raises:
        ConfigError: there is no such user group, or the recipe asks for what checkpoint or converter do not have.
        LoweringError: the converter refused a graph.
    """
    selection = ItemSelection(checkpoint, group=group, items=recipe.items)
    curve = WorthSource(selection, converter=converter, recipe=recipe).worth(configuration_of(recipe)).curve
    return make_complete_bundle(selection, converter=converter, recipe=recipe, curve=curve, store=store)


def _fields(
    checkpoint: Checkpoint, *, converter: Converter, group: int, recipe: BundleRecipe, curve: QualityCurve
) -> ManifestFields:
    config = checkpoint.config
    shapes = config.model.shapes(theta_size=checkpoint.model.theta_size, candidates=recipe.candidates)
    return ManifestFields(
        model_id=f"{config.data.name}-{checkpoint.sha256[:12]}",
        group=str(group),
        runtime=Runtime(name=runtime_of(converter.name), minimum_version=minimum_runtime(converter, recipe.precision)),
        precision=recipe.precision.name,
        shapes=Shapes(**vars(shapes)),
        quality=Quality(
            ndcg_at_10=NdcgAt10(
                full_table=f"{curve.full_table:.4f}",
                by_tiles=tuple(TilesQuality(tiles=tiles, ndcg_at_10=f"{value:.4f}") for tiles, value in curve.by_tiles),
            ),
            users=curve.users,
        ),
        ranking=Ranking(exclude_history=config.data.exclude_history),
        # How many tiles are kept stands in the embedding layout: two ways to the same tiles give the same bytes.
        recipe=json.dumps({name: value for name, value in recipe.plain().items() if name != "tiles"}, sort_keys=True),
        tools={"ofa-export": __version__, **converter.tool_versions()},
        checkpoint_sha256=checkpoint.sha256,
        data=DataSource(name=config.data.name, licence=config.data.licence or "not stated"),
    )
