"""What a worker does for one bundle of a fleet; every argument and result can be sent to another process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.writer import bundle_entries
from ofa_export.errors import OfaExportError
from ofa_export.fleet.index import FleetBundle
from ofa_export.fleet.store import FleetStore
from ofa_export.planning.jobs import Job
from ofa_export.planning.plan import Plan

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
        bundle: its line of the index.
        checkpoint_sha256: what it is made from.
    """

    bundle: FleetBundle
    checkpoint_sha256: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """A bundle that is stored.

    Args:
        name: of the bundle.
    """

    name: str


def plan_bundle(job: Job) -> Planned | Refusal:
    """Plan one bundle: chooses, converts and measures whatever the cache of this computer does not have."""
    return _attempt(job, lambda: _planned(job))


def write_bundle_to(url: str, job: Job) -> Written | Refusal:
    """Store one bundle.

    Args:
        url: of the fleet.
        job: the bundle.
    """
    return _attempt(job, lambda: _written(url, job))


def _attempt(job: Job, work: Callable[[], T]) -> T | Refusal:
    # Errors do not all survive the way to another process; their sentences do.
    try:
        return work()
    except OfaExportError as error:
        return Refusal(name=job.file_name, reason=str(error), exit_code=error.exit_code)


def _planned(job: Job) -> Planned:
    plan = _plan(job)
    bundle = FleetBundle(
        name=job.file_name,
        backend=job.backend.name,
        group=job.group,
        budget_bytes=plan.budget,
        bytes=plan.bytes,
        tiles=plan.tiles,
        tiles_total=plan.contents.table.tile_count,
        ndcg_at_10=plan.ndcg_at_10,
    )
    return Planned(bundle=bundle, checkpoint_sha256=plan.contents.fields.checkpoint_sha256)


def _written(url: str, job: Job) -> Written:
    plan, store = _plan(job), FleetStore(url)
    (_, text), *entries = bundle_entries(plan.contents, tiles=plan.tiles, budget=plan.budget)
    listed = Manifest.from_bytes(bytes(text)).entries
    store.write_bundle(
        job.file_name, bytes(text), [(entry, data) for entry, (_, data) in zip(listed, entries, strict=True)]
    )
    return Written(name=job.file_name)


def _plan(job: Job) -> Plan:
    _, plan = job.plan(tell=lambda done, total: None)
    return plan
