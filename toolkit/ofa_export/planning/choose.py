"""Which configuration a budget gets: candidates, what each is worth, and the search over them."""

from __future__ import annotations

from dataclasses import dataclass

from ofa_export.bundle.writer import BundleContents
from ofa_export.converters.protocol import Backend
from ofa_export.model.config import ModelConfig
from ofa_export.planning.budget import UNBOUNDED
from ofa_export.planning.candidate_bundles import CandidateBundles
from ofa_export.planning.candidates import candidates, item_counts
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import Limits
from ofa_export.planning.measured_candidate import MeasuredCandidate
from ofa_export.planning.measurements import Measurements, Told
from ofa_export.planning.nothing_fits import nothing_fits
from ofa_export.planning.recipe import BundleRecipe, OpenRecipe
from ofa_export.planning.search import search
from ofa_export.support.content_cache import ContentCache


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """What was chosen, and from what.

    Args:
        recipe: resolved.
        chosen: the candidate in it.
        considered: every candidate, the one nearest to the trained network first.
        contents: the master of the chosen one.
    """

    recipe: BundleRecipe
    chosen: MeasuredCandidate
    considered: tuple[MeasuredCandidate, ...]
    contents: BundleContents


def choose(
    source: ExportSource,
    sizes: ModelConfig,
    *,
    backend: Backend,
    recipe: OpenRecipe,
    budget: int,
    limits: Limits,
    store: ContentCache,
    tell: Told,
) -> Choice:
    """Find the configuration that ranks best within all limits.

    Args:
        source: the checkpoint and the user group.
        sizes: of its network.
        backend: the runtime.
        recipe: what it leaves open is chosen.
        budget: bytes of the whole file.
        limits: on memory and time.
        store: keeps measurements, conversions and masters.
        tell: told of progress.

    Raises:
        BudgetError: no configuration fits the budget.
        LimitsError: none that fits meets the limits.
        CheckpointError: the checkpoint is rejected.
        ConfigError: the network has no such rank or depth.
        LoweringError: the converter refused a graph.
    """
    wanted = candidates(_worth_trying(recipe, limits), sizes, schemes=backend.schemes)
    measurements = Measurements(source, backend=backend, recipe=recipe, store=store)
    considered = measurements.of(wanted, tell=tell)
    bundles = CandidateBundles(source, backend=backend, recipe=recipe, limits=limits, store=store)
    # A recipe that fixes its tiles fits or does not; the plan says which.
    room = budget if recipe.tiles is None else UNBOUNDED
    found = search(considered, budget=room, sizes=bundles.bytes_within_limits)
    if found is None:

        def least_weights(other: OpenRecipe) -> int:
            return measurements.least_weights(candidates(_worth_trying(other, limits), sizes, schemes=backend.schemes))

        raise nothing_fits(
            considered,
            bundles=bundles,
            recipe=recipe,
            budget=room,
            least_weights=least_weights,
            fewest_items=item_counts("prune-tail", sizes)[-1] or sizes.items,
        )
    return Choice(
        recipe=found.candidate.candidate.resolved(recipe),
        chosen=found.candidate,
        considered=considered,
        contents=bundles.contents(found.candidate),
    )


def _worth_trying(recipe: OpenRecipe, limits: Limits) -> OpenRecipe:
    """A depth cap saves time and no bytes, because another user needs the other block: it is for limits on time."""
    if recipe.depth_cap == "auto" and limits.latency_ms is None:
        return recipe.model_copy(update={"depth_cap": None})
    return recipe
