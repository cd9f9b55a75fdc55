"""Choice of the configuration for a budget: configurations, their worth, and the search over them."""

from __future__ import annotations

from dataclasses import dataclass

from ofa_export.bundle.writer import BundleContents
from ofa_export.converters.protocol import Converter
from ofa_export.model.config import ModelConfig
from ofa_export.planning.bundle_recipe import BundleRecipe, OpenRecipe
from ofa_export.planning.configuration_bundles import ConfigurationBundles
from ofa_export.planning.configurations import MeasuredConfiguration, configurations, item_counts
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import UNBOUNDED, Limits
from ofa_export.planning.measurements import Measurements
from ofa_export.planning.nothing_fits import nothing_fits
from ofa_export.planning.precision_cost import PrecisionCost, load_precision_cost
from ofa_export.planning.search import search
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import ProgressCallback


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """A choice, and the configurations that it was made from.

    Args:
        recipe: resolved.
        chosen: the configuration in it.
        considered: every configuration, the one nearest to the trained network first.
        contents: the complete bundle of the chosen one.
        cost: what its precision costs the model.
    """

    recipe: BundleRecipe
    chosen: MeasuredConfiguration
    considered: tuple[MeasuredConfiguration, ...]
    contents: BundleContents
    cost: PrecisionCost

    @property
    def beyond_promise(self) -> str | None:
        """What the precision costs beyond its promise, in one line; None where it keeps it."""
        return self.cost.text(self.recipe)


def choose(
    source: ExportSource,
    sizes: ModelConfig,
    *,
    converter: Converter,
    recipe: OpenRecipe,
    budget: int,
    limits: Limits,
    store: ContentCache,
    progress: ProgressCallback,
) -> Choice:
    """Find the configuration that ranks best within all limits.

    Args:
        source: the checkpoint and the user group.
        sizes: of its network.
        converter: that makes the graphs.
        recipe: what it leaves open is chosen.
        budget: bytes of the whole file.
        limits: on memory and time.
        store: keeps measurements, conversions and complete bundles.
        progress: called as configurations are measured.

    Raises:
        BudgetError: no configuration fits the budget.
        LimitsError: none that fits meets the limits.
        CheckpointError: the checkpoint is rejected.
        ConfigError: the network has no such rank or depth.
        LoweringError: the converter refused a graph.
    """
    wanted = configurations(_worth_trying(recipe, limits), sizes, schemes=converter.schemes)
    measurements = Measurements(source, converter=converter, recipe=recipe, store=store)
    considered = measurements.of(wanted, progress=progress)
    bundles = ConfigurationBundles(source, converter=converter, recipe=recipe, limits=limits, store=store)
    # A recipe that fixes its tiles fits or does not; the plan says which.
    room = budget if recipe.tiles is None else UNBOUNDED
    found = search(considered, budget=room, sizes=bundles.bytes_within_limits)
    if found is None:

        def least_weights(other: OpenRecipe) -> int:
            return measurements.least_weights(
                configurations(_worth_trying(other, limits), sizes, schemes=converter.schemes)
            )

        raise nothing_fits(
            considered,
            bundles=bundles,
            recipe=recipe,
            budget=room,
            least_weights=least_weights,
            fewest_items=item_counts("prune-tail", sizes)[-1] or sizes.items,
        )
    resolved = found.measured.configuration.resolved(recipe)
    return Choice(
        recipe=resolved,
        chosen=found.measured,
        considered=considered,
        contents=bundles.contents(found.measured),
        cost=load_precision_cost(source, converter=converter, recipe=resolved, store=store),
    )


def _worth_trying(recipe: OpenRecipe, limits: Limits) -> OpenRecipe:
    """Leave depth caps to limits on time: another user needs the other block, so a cap saves no bytes."""
    if recipe.depth_cap == "auto" and limits.latency_ms is None:
        return recipe.model_copy(update={"depth_cap": None})
    return recipe
