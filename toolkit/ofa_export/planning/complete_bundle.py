"""The complete bundle of a checkpoint: its contents with every tile, from which each budget's bundle is cut."""

from __future__ import annotations

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
from ofa_export.converters.operators import minimum_version
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import runtime_of
from ofa_export.converters.schemes import minimum_runtime
from ofa_export.foreign_text import markdown, markdown_lines
from ofa_export.graphs.device import device_graphs
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.configuration_worth import WorthSource
from ofa_export.planning.configurations import configuration_of
from ofa_export.planning.item_selection import ItemSelection
from ofa_export.planning.make_selftest import selftest_vectors
from ofa_export.planning.quality_curve import QualityCurve
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
        fields=_fields(
            checkpoint,
            converter=converter,
            group=group,
            recipe=recipe,
            curve=curve,
            minimum=minimum_version(
                runtime_of(converter.name), graphs, of_schemes=minimum_runtime(converter, recipe.precision)
            ),
        ),
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
    checkpoint: Checkpoint,
    *,
    converter: Converter,
    group: int,
    recipe: BundleRecipe,
    curve: QualityCurve,
    minimum: str,
) -> ManifestFields:
    config = checkpoint.config
    shapes = config.model.shapes(theta_size=checkpoint.model.theta_size, candidates=recipe.candidates)
    return ManifestFields(
        model_id=f"{config.data.name}-{checkpoint.sha256[:12]}",
        group=str(group),
        runtime=Runtime(name=runtime_of(converter.name), minimum_version=minimum),
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
        recipe=recipe.complete.manifest_text(),
        tools={"ofa-export": __version__, **converter.tool_versions()},
        checkpoint_sha256=checkpoint.sha256,
        data=DataSource(name=config.data.name, licence=config.data.licence or "not stated"),
    )


def model_card(checkpoint: Checkpoint, *, group: int, runtime: str, precision: str, curve: QualityCurve) -> str:
    """Return the card as Markdown; it does not depend on the budget.

    Args:
        checkpoint: sizes, data and training measurements.
        group: user group of the bundle.
        runtime: name of the converter.
        precision: of the graphs.
        curve: quality at several prefixes.
    """
    config, data = checkpoint.config.model, checkpoint.config.data
    rows = "".join(f"| {tiles} | {value:.4f} |\n" for tiles, value in curve.by_tiles)
    seen = "left out of" if data.exclude_history else "part of"
    return f"""# Model card

A sequential recommender that adapts to its user in one forward pass (Forward-OFA, arXiv 2501.02837), with an elastic
item table (after PEEL, arXiv 2306.10532). Made by ofa-export for {runtime}, {precision} graphs, user group {group} of \
{config.user_groups}.

- {config.items:,} items x {config.width} dimensions, histories of {config.history_length} items, \
{config.depth} backbone blocks, rank {config.rank}.
- Checkpoint {checkpoint.sha256[:16]}, recipe: {_recipe(checkpoint)}

## Quality
{_measured(checkpoint, curve, seen=seen)}

| tiles kept | NDCG@10 |
| --- | --- |
{rows}| full table | {curve.full_table:.4f} |
{_baselines(checkpoint)}
## Data and licence
{markdown(data.name)}, licence {markdown(data.licence or "not stated")}.

{markdown_lines(data.attribution)}
"""


def _measured(checkpoint: Checkpoint, curve: QualityCurve, *, seen: str) -> str:
    """Say what the quality was measured on, and what it means."""
    kept = len(checkpoint.validation.targets)
    match checkpoint.config.history_kind:
        case "synthetic":
            lines: tuple[str, ...] = (
                f"NDCG@10 of the rounded reference on {kept} synthetic histories, all items ranked, the visible",
                f"history {seen} the ranking. They are nobody's: walks along transitions that several people share.",
                "The numbers compare bundles with each other, and do not say how well people are served.",
            )
        case "none":
            lines = (
                f"Agreement of the rounded reference with the network as it was trained, on {kept} drawn histories,",
                "which are nobody's: NDCG@10 where the right answer is what the trained network ranks first, the",
                f"visible history {seen} the ranking. 1 is full agreement; the numbers do not say how well people are "
                "served.",
            )
        case "real":
            lines = (
                f"NDCG@10 of the rounded reference on {curve.users} validation histories, leave-one-out, all items "
                "ranked, the visible",
                f"history {seen} the ranking. Validation histories chose the epochs, so test users will score somewhat "
                "lower.",
            )
    return "\n".join(lines)


def _recipe(checkpoint: Checkpoint) -> str:
    recipe = checkpoint.config.training.get("recipe")
    if not isinstance(recipe, dict) or "description" not in recipe:
        return "not recorded"
    return markdown(str(recipe["description"]))


def _baselines(checkpoint: Checkpoint) -> str:
    measured = checkpoint.config.training.get("probe_ndcg_at_10")
    if not isinstance(measured, dict):
        return ""
    rows = "".join(f"| {markdown(name)} | {float(value):.4f} |\n" for name, value in measured.items())
    kept = "" if checkpoint.config.history_kind == "real" else ", which were people's and were not kept"
    intro = (
        "\nThe models of the training run, each with its full table, on the validation histories of all user groups"
        f"{kept}:\n"
    )
    return f"{intro}\n| model | NDCG@10 |\n| --- | --- |\n{rows}"
