"""Makes a fleet and is killed while it stores a bundle: `python killed_fleet.py CHECKPOINT URL COUNT`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ofa_export.fleet.fleet_recipe import FleetRecipe, fleet_jobs
from ofa_export.fleet.make_fleet import make_fleet
from ofa_export.fleet.store import FleetStore
from ofa_export.fleet.url_folder import UrlFolder
from ofa_export.support.progress_callback import no_progress

T = TypeVar("T")
R = TypeVar("R")


def in_this_process(function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    """The simplest runner there can be."""
    yield from map(function, tasks)


def die_at(count: int) -> None:
    """Kill this process in write number `count` of the store, between the last byte of the part and its final name."""
    write, done = UrlFolder.write, 0

    def die(_: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(folder: UrlFolder, name: str, content: bytes) -> None:
        nonlocal done
        done += 1
        if done == count:
            os.fsync = die
        write(folder, name, content)

    UrlFolder.write = counted  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    checkpoint, url, count = sys.argv[1:]
    die_at(int(count))
    jobs = fleet_jobs(Path(checkpoint), FleetRecipe(budgets=("160KB", "165KB", "1MB"), runtime="litert"))
    store = FleetStore(url)
    make_fleet(jobs, store, runner=in_this_process, resume=False, force=False, progress=no_progress)
