"""Which configuration a budget gets: candidates, what each is worth, and the search over them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ofa_export.backends.protocol import Backend
from ofa_export.bundle.writer import BundleContents, smallest_budget
from ofa_export.content_cache import ContentCache
from ofa_export.errors import BudgetError, ConfigError, OfaExportError
from ofa_export.model.config import ModelConfig
from ofa_export.planning.candidates import Candidate, candidates
from ofa_export.planning.footprint import footprint
from ofa_export.planning.limits import Limits
from ofa_export.planning.master_cache import load_master
from ofa_export.planning.measure_candidates import Told, measured_candidates
from ofa_export.planning.measured_candidate import MeasuredCandidate
from ofa_export.planning.recipe import BundleRecipe, OpenRecipe
from ofa_export.planning.search import search


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen, and from what.

    Args:
        recipe: resolved.
        chosen: the candidate in it.
        considered: every candidate, the one nearest to the trained network first.
    """

    recipe: BundleRecipe
    chosen: MeasuredCandidate
    considered: tuple[MeasuredCandidate, ...]


def choose(
    path: Path,
    sizes: ModelConfig,
    *,
    backend: Backend,
    group: int,
    recipe: OpenRecipe,
    budget: int,
    limits: Limits,
    store: ContentCache,
    tell: Told,
) -> Choice:
    """Find the configuration that ranks best within all limits.

    Args:
        path: folder of the checkpoint.
        sizes: of its network.
        backend: the runtime.
        group: user group.
        recipe: what it leaves open is chosen.
        budget: bytes of the whole file.
        limits: on memory and time.
        store: keeps measurements, conversions and masters.
        tell: told of progress.

    Raises:
        BudgetError: no configuration fits.
        CheckpointError: the checkpoint is rejected.
        ConfigError: the network has no such rank or depth.
        LoweringError: the converter refused a graph.
    """
    wanted = candidates(_worth_trying(recipe, limits), sizes, schemes=backend.schemes)
    considered = measured_candidates(path, wanted, backend=backend, group=group, recipe=recipe, store=store, tell=tell)

    @cache
    def master(candidate: Candidate) -> BundleContents:
        return load_master(path, backend=backend, group=group, recipe=candidate.resolved(recipe), store=store)

    def bytes_of(one: MeasuredCandidate, tiles: int) -> int | None:
        if limits.bind:
            contents = master(one.candidate)
            if limits.broken_by(footprint(contents, backend=backend, store=store)):
                return None
        return smallest_budget(master(one.candidate), tiles)

    found = search(considered, budget=budget, sizes=bytes_of)
    if found is None:
        raise _nothing_fits(considered, bytes_of, master, recipe=recipe, budget=budget, limits=limits)
    return Choice(recipe=found.candidate.candidate.resolved(recipe), chosen=found.candidate, considered=considered)


def _worth_trying(recipe: OpenRecipe, limits: Limits) -> OpenRecipe:
    """A depth cap saves time and no bytes, because another user needs the other block: it is for limits on time."""
    if recipe.depth_cap == "auto" and limits.latency_ms is None:
        return recipe.model_copy(update={"depth_cap": None})
    return recipe


def _nothing_fits(
    considered: tuple[MeasuredCandidate, ...],
    bytes_of: Callable[[MeasuredCandidate, int], int | None],
    master: Callable[[Candidate], BundleContents],
    *,
    recipe: OpenRecipe,
    budget: int,
    limits: Limits,
) -> OfaExportError:
    """The smallest bundle there is, and what would help."""
    smallest = min(considered, key=lambda one: one.bytes_at_least(one.points[0]))
    needed = bytes_of(smallest, smallest.points[0].tiles)
    if needed is None or needed <= budget:
        return ConfigError(_limits_sentence(limits))
    useful = smallest.points[1:2]
    graphs = len(master(smallest.candidate).graphs)
    ways = [f"Use --budget {math.ceil(needed / 1000)}KB, the smallest that works for this checkpoint and recipe."]
    ways += [
        f"Use --budget {bytes_of(smallest, point.tiles)}: {point.tiles} tiles, NDCG@10 {point.ndcg:.4f}."
        for point in useful
    ]
    if not recipe.open:
        ways.append("Use --recipe auto, which may choose a smaller rank or precision.")
    elif recipe.adaptation == "required":
        ways.append(
            "Set `adaptation: auto` in the recipe, which may leave out the mapper; the plan says what that costs."
        )
    ways.append(
        f"Train a smaller network (width or depth in the train recipe): the smallest graphs take {graphs:,} bytes."
    )
    return BudgetError(needed=needed, available=budget, ways_out=ways)


def _limits_sentence(limits: Limits) -> str:
    named = [f"--ram-budget {limits.ram_bytes}"] if limits.ram_bytes is not None else []
    named += [f"--max-latency-ms {limits.latency_ms:g}"] if limits.latency_ms is not None else []
    return (
        f"No configuration that fits the budget meets {' and '.join(named)} on this computer. "
        "Raise the limit, or leave more to the plan with --recipe auto."
    )
