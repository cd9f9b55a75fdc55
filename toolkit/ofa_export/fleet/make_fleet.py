"""The making of a fleet: everything is planned and checked before the first byte is written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ofa_export.errors import ConfigError, OutputError, RefusedBundlesError
from ofa_export.fleet.index import VERSION, FleetIndex
from ofa_export.fleet.runners import Runner
from ofa_export.fleet.store import FleetStore
from ofa_export.fleet.tasks import Planned, Refusal, Written, plan_bundle, write_bundle_to
from ofa_export.planning.bundle_job import Job
from ofa_export.support.progress_callback import ProgressCallback


def check_place(store: FleetStore, *, resume: bool, force: bool) -> None:
    """Refuse a place that holds something else, before any work.

    Args:
        store: where the fleet shall be.
        resume: whether to go on with the one that is there.
        force: whether to replace the one that is there.

    Raises:
        OutputError: something is there that may not be replaced.
    """
    if store.exists():
        if not (resume or force):
            raise OutputError(
                f"'{store.url}' holds a fleet already; add --resume to go on with it, --force to replace it, or choose "
                "another place."
            )
    elif not store.is_free():
        raise OutputError(f"'{store.url}' holds other files. A fleet needs a folder of its own; choose another name.")


def make_fleet(
    jobs: Sequence[Job], store: FleetStore, *, runner: Runner, resume: bool, progress: ProgressCallback
) -> FleetIndex:
    """Plan all bundles, then store those that are not there.

    Args:
        jobs: the bundles.
        store: where to; see `check_place`.
        runner: does the work.
        resume: whether to go on with what is there, instead of replacing it.
        progress: called as bundles are planned and stored.

    Returns:
        The plan, all of whose bundles are stored.

    Raises:
        RefusedBundlesError: bundles cannot be made; nothing was changed.
        ConfigError: what is there to be resumed is another fleet.
        OutputError: the place cannot be written; what is complete stays.
        WorkerError: workers go on dying; what is complete stays.
    """
    planned = plan_fleet(jobs, runner=runner, progress=progress)
    index = FleetIndex(
        version=VERSION,
        checkpoint_sha256=planned[0].checkpoint_sha256,
        bundles=tuple(one.bundle for one in planned),
    )
    if store.exists():
        if not resume:
            store.clear()
        elif store.index() != index:
            raise ConfigError(
                f"'{store.url}' holds another fleet: other bundles, or from another checkpoint or recipe. Give the "
                "same arguments as before, --force to replace it, or another place."
            )
    store.write_index(index)
    left = [one for one in planned if not store.complete(one.bundle.name)]
    total, done = len(planned), len(planned) - len(left)
    progress("storing", done, total)
    refused = []
    for result in runner(partial(write_bundle_to, store.url), left):
        if isinstance(result, Written):
            done += 1
            progress("storing", done, total)
        else:
            refused.append(result)
    if refused:
        # All of them were planned: it is the place that refuses now.
        raise OutputError(f"{len(refused)} of {total} bundles could not be stored. {refused[0].reason}")
    store.clear_parts()
    return index


def plan_fleet(jobs: Sequence[Job], *, runner: Runner, progress: ProgressCallback) -> tuple[Planned, ...]:
    """Plan all bundles.

    Args:
        jobs: the bundles.
        runner: does the work.
        progress: called as bundles are planned and stored.

    Returns:
        One plan per job, in their order.

    Raises:
        RefusedBundlesError: bundles cannot be made.
    """
    progress("planning", 0, len(jobs))
    outcomes: dict[str, Planned | Refusal] = {}
    for result in runner(plan_bundle, jobs):
        outcomes[result.bundle.name if isinstance(result, Planned) else result.name] = result
        progress("planning", len(outcomes), len(jobs))
    ordered = [outcomes[job.file_name] for job in jobs]
    refused = [(one.name, one.reason, one.exit_code) for one in ordered if isinstance(one, Refusal)]
    if refused:
        raise RefusedBundlesError(refused, total=len(jobs))
    return tuple(one for one in ordered if isinstance(one, Planned))
