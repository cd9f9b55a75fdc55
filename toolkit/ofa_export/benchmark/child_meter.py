"""The meter of graphs that run in another process: that process times them, without the way there and back.

While a session runs, its calls are written down; then the other process makes the same calls once more, from buffers to
buffers, and times them. What this process spent on the calls of the session, most of it waiting, does not count.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ofa_export.benchmark.graph_meter import GraphTimes
from ofa_export.targets.process.measuring_runner import Call, ChildMemory, Duration, MeasuringRunner

WARM_UP_CALLS = 300
"""Before the first that count: Java compiles a method that has been called 200 times."""

CALLS_AT_ONCE = 64
"""Calls whose inputs are kept; those of a large catalogue would fill the memory."""


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
