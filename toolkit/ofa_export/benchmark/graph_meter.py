"""Meter of the cost of a contender's graphs, in this process or in the one that they run in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from ofa_export.converters.protocol import GraphRunner
from ofa_export.targets.process.measuring_runner import ChildMemory


@dataclass(frozen=True, kw_only=True)
class GraphTimes:
    """The calls between a start and a stop.

    Args:
        calls: name of the graph and milliseconds by the clock, one after the other.
        more_clock_ms: how much more (less, if negative) the calls took than this process spent on them by the clock.
        more_processor_ms: the same of the processor's time.
    """

    calls: tuple[tuple[str, float], ...] = ()
    more_clock_ms: float = 0.0
    more_processor_ms: float = 0.0


class GraphMeter(Protocol):
    """Stands between a contender and its graphs."""

    def start(self) -> None:
        """Time the calls from now on."""
        ...

    def stop(self) -> GraphTimes:
        """Time no more calls; what those since the start took."""
        ...

    def child_memory(self) -> ChildMemory | None:
        """Memory of the process that the graphs run in; None where it is this one."""
        ...


class MeteredGraphs(GraphRunner, GraphMeter, Protocol):
    """Loaded graphs that are measured."""


class NoGraphs:
    """The meter of a contender that has no graphs."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> GraphTimes:
        """No calls."""
        return GraphTimes()

    def child_memory(self) -> None:
        """Everything is in this process."""


class HereMeter:
    """The meter of graphs that run in this process: a runner that remembers how long each call took.

    Args:
        runner: what runs the graphs; closed by whoever made it.
    """

    def __init__(self, runner: GraphRunner) -> None:
        self._runner = runner
        self._calls: list[tuple[str, float]] = []

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph; see `GraphRunner.run`."""
        start = time.perf_counter()
        outputs = self._runner.run(graph, inputs)
        self._calls.append((graph, 1000 * (time.perf_counter() - start)))
        return outputs

    def close(self) -> None:
        """Free the runtime's memory."""
        self._runner.close()

    def start(self) -> None:
        """See `GraphMeter.start`."""
        self._calls = []

    def stop(self) -> GraphTimes:
        """See `GraphMeter.stop`."""
        return GraphTimes(calls=tuple(self._calls))

    def child_memory(self) -> None:
        """Return None: the graphs run in this process."""
