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
from ofa_export.support.progress_callback import no_progress

T = TypeVar("T")
R = TypeVar("R")


def in_this_process(function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    """The simplest runner there can be."""
    yield from map(function, tasks)


def die_after(count: int) -> None:
    """Kill this process in the place of write number `count`, when half of it is on the disk."""
    write, done = FleetStore._write, 0

    def counted(store: FleetStore, name: str, content: bytes) -> None:
        nonlocal done
        done += 1
        if done == count:
            write(store, f".parts/{name.rpartition('/')[2]}", bytes(content)[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write(store, name, content)

    FleetStore._write = counted  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    checkpoint, url, count = sys.argv[1:]
    die_after(int(count))
    jobs = fleet_jobs(Path(checkpoint), FleetRecipe(budgets=("160KB", "165KB", "1MB"), runtime="litert"))
    make_fleet(jobs, FleetStore(url), runner=in_this_process, resume=False, progress=no_progress)
