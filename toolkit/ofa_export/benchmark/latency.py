"""Latencies of contenders, measured in turn, and the computer that they were measured on.

A computer whose speed drifts slows all contenders down alike; numbers of another computer, or of this one under another
load, are others.
"""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.protocol import Contender
from ofa_export.errors import ConfigError

SESSION, PROCESSOR = "session", "processor"
"""Names of all of a session: by the clock, and by what the processor spent on it, which other work changes less."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A computer and what it was doing.

    Args:
        processor: model name.
        cores: that this process may use.
        system: name and architecture.
        load_average: processes that were ready to run, over the minute before.
    """

    processor: str
    cores: int
    system: str
    load_average: float | None


def this_machine() -> Machine:
    """Describe this computer as it is now."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        load_average=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Durations of something, in milliseconds.

    Args:
        p50: half of the times were at most this.
        p90: nine tenths of the times were at most this.
        samples: how many times there were.
    """

    p50: float
    p90: float
    samples: int

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Latency:
        """Return that of some times, at least one."""
        p50, p90 = np.quantile(milliseconds, (0.5, 0.9))
        return cls(p50=float(p50), p90=float(p90), samples=len(milliseconds))


def check_repeats(repeats: int) -> None:
    """Refuse to measure too few sessions.

    Args:
        repeats: sessions that count.

    Raises:
        ConfigError: there is none.
    """
    if repeats < 1:
        raise ConfigError(f"{repeats} repeats measure nothing; use --repeats 1 or more, 50 for quantiles that hold.")


def time_in_turn(
    contenders: Mapping[str, Contender], histories: Sequence[NDArray[np.int64]], *, repeats: int
) -> dict[str, dict[str, Latency]]:
    """Give every contender the same histories, one after the other.

    Each turn is two sessions with the same history, of which the second counts: the one before it was another
    contender's, and what lies in the processor's caches is not to be told by who that was.

    Args:
        contenders: by name.
        histories: item rows of users; taken in turn.
        repeats: sessions of each contender that count.

    Returns:
        For each contender the latency of `session`, the same in `processor` time, and of the calls of its graphs.

    Raises:
        ConfigError: no session would count.
    """
    check_repeats(repeats)
    times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in contenders}
    for turn in range(repeats):
        history = histories[turn % len(histories)]
        for name, contender in contenders.items():
            contender.session(history)
            contender.meter.start()
            start, spent = time.perf_counter(), time.process_time()
            contender.session(history)
            processor, clock = time.process_time() - spent, time.perf_counter() - start
            graphs = contender.meter.stop()
            times[name][PROCESSOR].append(1000 * processor + graphs.more_processor_ms)
            times[name][SESSION].append(1000 * clock + graphs.more_clock_ms)
            for graph, milliseconds in graphs.calls:
                times[name][part_name(graph)].append(milliseconds)
    return {name: {part: Latency.of(found) for part, found in parts.items() if found} for name, parts in times.items()}


def part_name(graph: str) -> str:
    """Return the part of a session that a graph is, of which there may be several: `block` for the graph `block_1`."""
    return graph.partition("_")[0]
