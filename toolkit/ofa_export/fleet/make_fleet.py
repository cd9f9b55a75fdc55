"""The making of a fleet: everything is planned and checked before the first byte is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ofa_export.errors import ConfigError, OutputError, RefusedBundlesError
from ofa_export.fleet.index import VERSION, FleetIndex
from ofa_export.fleet.runners import Runner
from ofa_export.fleet.store import FleetStore
from ofa_export.fleet.tasks import Planned, Refusal, Written, plan_bundle, write_bundle_to
from ofa_export.planning.bundle_job import Job
from ofa_export.support.progress_callback import ProgressCallback


@dataclass(frozen=True, kw_only=True)
class MadeFleet:
    """A fleet that is whole.

    Args:
        index: what is in it.
        made_again: what was there with other bytes than it should have, and was made again.
    """

    index: FleetIndex
    made_again: tuple[str, ...]


def make_fleet(
    jobs: Sequence[Job], store: FleetStore, *, runner: Runner, resume: bool, force: bool, progress: ProgressCallback
) -> MadeFleet:
    """Plan all bundles, store those that are not there, and read back what is not known to be right.

    Args:
        jobs: the bundles.
        store: where to.
        runner: does the work.
        resume: whether to go on with the fleet that is there.
        force: whether to replace the fleet that is there.
        progress: called as bundles are planned and stored.

    Returns:
        The fleet, all of whose bundles are stored.

    Raises:
        RefusedBundlesError: bundles cannot be made; nothing was changed.
        ConfigError: what is there to be resumed is another fleet.
        OutputError: the place may not or cannot be written; what is complete stays.
        StoreError: the place does not answer, refuses, or is not shared by all workers; what is complete stays.
        WorkerError: workers go on dying; what is complete stays.
    """
    store.check_free(resume=resume, force=force)
    with store.claimed() as mark:
        # Once more, now that nobody else of this computer can change it.
        store.check_free(resume=resume, force=force)
        planned = plan_fleet(jobs, store.url, mark, runner=runner, progress=progress)
        index = FleetIndex(
            version=VERSION,
            checkpoint_sha256=planned[0].checkpoint_sha256,
            bundles=tuple(one.bundle for one in planned),
        )
        goes_on = resume and store.exists()
        if goes_on and not store.holds(index):
            raise ConfigError(
                f"'{store.shown}' holds another fleet: other bundles, or from another checkpoint or recipe. Give the "
                "same arguments as before, --force to replace it, or another place."
            )
        made_again = store.remove_damaged(index) if goes_on else ()
        if not (goes_on and store.is_whole(index)):
            store.begin(index, clear=not goes_on)
            _store_bundles(planned, index, store, runner=runner, progress=progress)
            store.finish(index)
    return MadeFleet(index=index, made_again=made_again)


def _store_bundles(
    planned: Sequence[Planned], index: FleetIndex, store: FleetStore, *, runner: Runner, progress: ProgressCallback
) -> None:
    complete = store.complete(index)
    left = [one for one in planned if one.bundle.name not in complete]
    total, done = len(planned), len(complete)
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
        raise OutputError(
            f"{len(refused)} of {total} bundles could not be stored; the others stay, and the same command with "
            f"--resume goes on from there. {refused[0].reason}"
        )


def plan_fleet(
    jobs: Sequence[Job], url: str, mark: str, *, runner: Runner, progress: ProgressCallback
) -> tuple[Planned, ...]:
    """Plan all bundles.

    Args:
        jobs: the bundles.
        url: of the fleet, which every worker must see.
        mark: by which it sees it.
        runner: does the work.
        progress: called as bundles are planned and stored.

    Returns:
        One plan per job, in their order.

    Raises:
        RefusedBundlesError: bundles cannot be made.
    """
    progress("planning", 0, len(jobs))
    outcomes: dict[str, Planned | Refusal] = {}
    for result in runner(partial(plan_bundle, url, mark), jobs):
        outcomes[result.bundle.name if isinstance(result, Planned) else result.name] = result
        progress("planning", len(outcomes), len(jobs))
    ordered = [outcomes[job.file_name] for job in jobs]
    refused = [(one.name, one.reason, one.exit_code) for one in ordered if isinstance(one, Refusal)]
    if refused:
        raise RefusedBundlesError(refused, total=len(jobs))
    return tuple(one for one in ordered if isinstance(one, Planned))
