"""The memory of one contender, measured in a process of its own that loads nothing else."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.protocol import Entry
from ofa_export.support.processes import mapped_bytes, peak_bytes, run_main
from ofa_export.targets.process.measuring_runner import ChildMemory


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memory of a contender that has run sessions.

    Args:
        peak_rss_bytes: the most that was resident in the process that runs the graphs, all of it: Python and numpy, or
            Java, and the runtime's library are part of it.
        session_rss_bytes: how much higher that is than the peak when the libraries were loaded and nothing else; with
            what the process beside it needs for the lookups, where there are two.
        mapped_bytes: pages of the contender's own file that are mapped and resident, which the system may take back at
            any time; 0 for what is not read in place, None where the system does not tell.
    """

    peak_rss_bytes: int
    session_rss_bytes: int
    mapped_bytes: int | None


def measure_memory(entry: Entry, histories: Sequence[NDArray[np.int64]]) -> Memory:
    """Run sessions of a contender in another process.

    Args:
        entry: the contender.
        histories: item rows of users; one session each.

    Raises:
        LoweringError: the process ended early.
    """
    # Our own objects for our own process: nothing that was read from a file is unpickled.
    found = run_main(__name__, pickle.dumps((entry, list(histories))), subject=entry.name)
    return Memory(**json.loads(found))


def main() -> None:
    """Run what standard input describes and print a `Memory` as JSON."""
    entry, histories = pickle.load(sys.stdin.buffer)
    for library in entry.libraries:
        importlib.import_module(library)
    before = peak_bytes()
    with entry.open() as contender:
        for history in histories:
            contender.session(history)
        mapped = mapped_bytes(str(entry.path.resolve()), size=entry.path.stat().st_size) if entry.path else 0
        child = contender.meter.child_memory()
    peak = peak_bytes()
    own = Memory(peak_rss_bytes=peak, session_rss_bytes=peak - before, mapped_bytes=mapped)
    print(json.dumps(asdict(with_child(own, child) if child else own)))


def with_child(own: Memory, child: ChildMemory) -> Memory:
    """Return the memory of two processes: one that runs the graphs, and this one, which does the rest of the sessions.

    The graphs' file is in both, for this process hands it over; it counts where it runs.

    Args:
        own: of this process.
        child: of the other.
    """
    return Memory(
        peak_rss_bytes=child.peak_rss_bytes,
        session_rss_bytes=child.peak_rss_bytes
        - child.library_rss_bytes
        + max(0, own.session_rss_bytes - child.file_bytes),
        mapped_bytes=child.mapped_bytes + max(0, (own.mapped_bytes or 0) - child.file_bytes),
    )
