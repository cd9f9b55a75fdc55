"""Meters of a contender's graphs, in this process or in the one that they run in.

A process beside this one times the calls itself, without the way there and back: while a session runs, its calls are
written down; then that process makes the same calls once more, from buffers to buffers, and times them. What this
process spent on the calls of the session, most of it waiting, does not count.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from ofa_export.contract import GraphRunner
from ofa_export.targets.process.measuring_runner import Call, ChildMemory, Duration, MeasuringRunner

WARM_UP_CALLS = 300
"""Before the first that count: Java compiles a method that has been called 200 times."""

CALLS_AT_ONCE = 64
"""Calls whose inputs are kept; those of a large catalogue would fill the memory."""


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
        """Return everything is in this process."""


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
        """Return the graphs run in this process."""


class ChildMeter:
    """A runner whose calls are timed where they run.

    Args:
        runner: the process; closed by whoever made it.
    """

    def __init__(self, runner: MeasuringRunner) -> None:
        self._runner = runner
        self._warm = self._counting = False
        self._calls: list[Call] = []
        self._took: list[tuple[str, Duration]] = []
        self._clock_s = self._processor_s = 0.0

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph; see `GraphRunner.run`."""
        clock, processor = time.perf_counter(), time.process_time()
        outputs = self._runner.run(graph, inputs)
        if self._counting:
            # A copy: whoever calls uses the same buffers again.
            self._calls.append((graph, {name: value.copy() for name, value in inputs.items()}))
            if len(self._calls) == CALLS_AT_ONCE:
                self._time()
        self._clock_s += time.perf_counter() - clock
        self._processor_s += time.process_time() - processor
        return outputs

    def close(self) -> None:
        """End the process."""
        self._runner.close()

    def start(self) -> None:
        """See `GraphMeter.start`."""
        self._counting, self._took = True, []
        self._clock_s = self._processor_s = 0.0

    def stop(self) -> GraphTimes:
        """See `GraphMeter.stop`."""
        self._counting = False
        self._time()
        return GraphTimes(
            calls=tuple((graph, duration.clock_ms) for graph, duration in self._took),
            more_clock_ms=sum(duration.clock_ms for _, duration in self._took) - 1000 * self._clock_s,
            more_processor_ms=sum(duration.processor_ms for _, duration in self._took) - 1000 * self._processor_s,
        )

    def child_memory(self) -> ChildMemory:
        """See `GraphMeter.child_memory`."""
        return self._runner.memory()

    def _time(self) -> None:
        if not self._calls:
            return
        # The last pass counts. As where graphs run in this process, there is one just before it.
        passes = 2 if self._warm else 2 + WARM_UP_CALLS // len(self._calls)
        durations = self._runner.time(self._calls, passes=passes)
        self._took += [(graph, duration) for (graph, _), duration in zip(self._calls, durations, strict=True)]
        self._calls, self._warm = [], True
