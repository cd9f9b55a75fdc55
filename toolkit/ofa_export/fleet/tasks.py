"""Work on one bundle of a fleet; every argument and result can be sent to another process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.writer import bundle_entries
from ofa_export.errors import OfaExportError
from ofa_export.fleet.index import FleetBundle
from ofa_export.fleet.store import FleetStore
from ofa_export.planning.bundle_job import Job
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.plan import make_plan
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import no_progress

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a bundle cannot be made.

    Args:
        name: of the bundle.
        reason: as the command for this bundle alone would say it.
        exit_code: of that command.
    """

    name: str
    reason: str
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A bundle that can be made.

    Args:
        job: that asked for it.
        recipe: with every choice made and the tiles counted, so that nothing is chosen or measured a second time.
        bundle: its line of the index.
        checkpoint_sha256: what it is made from.
    """

    job: Job
    recipe: BundleRecipe
    bundle: FleetBundle
    checkpoint_sha256: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """A bundle that is stored.

    Args:
        name: of the bundle.
    """

    name: str


def plan_bundle(url: str, mark: str, job: Job) -> Planned | Refusal:
    """Plan one bundle: choose, convert and measure whatever the cache of this computer does not have.

    Args:
        url: of the fleet.
        mark: that must be found there before the work begins; see `FleetStore.claimed`.
        job: asks for the bundle.
    """
    return _attempt(job, lambda: _planned(url, mark, job))


def write_bundle_to(url: str, planned: Planned) -> Written | Refusal:
    """Store one bundle.

    Args:
        url: of the fleet.
        planned: the bundle.
    """
    return _attempt(planned.job, lambda: _written(url, planned))


def _attempt(job: Job, work: Callable[[], T]) -> T | Refusal:
    # Errors do not all survive the way to another process; their sentences do.
    try:
        return work()
    except OfaExportError as error:
        return Refusal(name=job.file_name, reason=str(error), exit_code=error.exit_code)


def _planned(url: str, mark: str, job: Job) -> Planned:
    FleetStore(url).check_seen(mark)
    _, plan = job.plan(progress=no_progress)
    (_, manifest), *_ = bundle_entries(plan.contents, tiles=plan.tiles, budget=plan.budget)
    bundle = FleetBundle(
        name=job.file_name,
        runtime=job.runtime,
        group=job.group,
        budget_bytes=plan.budget,
        bytes=plan.bytes,
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        tiles=plan.tiles,
        tiles_total=plan.contents.table.tile_count,
        ndcg_at_10=plan.ndcg_at_10,
    )
    return Planned(
        job=job,
        recipe=plan.recipe,
        bundle=bundle,
        checkpoint_sha256=plan.contents.fields.checkpoint_sha256,
    )


def _written(url: str, planned: Planned) -> Written:
    job, bundle = planned.job, planned.bundle
    contents = job.complete_bundle(planned.recipe, store=ContentCache())
    plan = make_plan(contents, recipe=planned.recipe, budget=bundle.budget_bytes)
    (_, text), *entries = bundle_entries(plan.contents, tiles=plan.tiles, budget=plan.budget)
    listed = Manifest.from_bytes(bytes(text)).entries
    parts = [(entry, data) for entry, (_, data) in zip(listed, entries, strict=True)]
    FleetStore(url).write_bundle(bundle, bytes(text), parts)
    return Written(name=bundle.name)
