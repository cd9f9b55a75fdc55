"""Graphs in another process that measures itself: how long calls take without their way there and back, and its memory.

Besides those of `child_runner.py` there are two requests, told from them by a number that is no graph's:

- TIME, the number of passes (uint32), and calls, each the number of a graph and the values of its inputs. All calls are
  made in turn, and that as many times as there are passes. The reply holds two uint64 for each call of the last pass:
  nanoseconds by the clock, and of the processor's time.
- MEMORY. The reply holds two uint64: the most bytes that were resident when the runtime's library was loaded and no
  graph, and the most so far.

All of these numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ofa_export.contract import GraphSpec
from ofa_export.errors import RuntimeFailedError
from ofa_export.support.processes import mapped_bytes
from ofa_export.targets.process.child_process import MAPPED_MEMORY_FILE, ChildProcess
from ofa_export.targets.process.child_runner import ChildRunner

TIME, MEMORY = 2**32 - 1, 2**32 - 2
"""Minus 1 and minus 2 where the other side has no unsigned integers."""

Call = tuple[str, Mapping[str, NDArray[Any]]]
"""Name of a graph, and its inputs by name."""


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Duration of a call.

    Args:
        clock_ms: by the clock.
        processor_ms: of the processor's time.
    """

    clock_ms: float
    processor_ms: float


@dataclass(frozen=True, kw_only=True)
class ChildMemory:
    """Memory of the other process.

    Args:
        library_rss_bytes: the most that was resident when the runtime's library was loaded and no graph.
        peak_rss_bytes: the most that was resident so far.
        mapped_bytes: resident pages of the graphs' file.
        file_bytes: of that file, all of which this process handed over.
    """

    library_rss_bytes: int
    peak_rss_bytes: int
    mapped_bytes: int
    file_bytes: int


class MeasuringRunner(ChildRunner):
    """A `ChildRunner` whose process also times calls and tells its memory.

    Args:
        child: see `ChildRunner`.
        contract: see `ChildRunner`.
        entry: see `ChildRunner`.
        file_bytes: size of the file that the process loads.
    """

    def __init__(self, child: ChildProcess, contract: Sequence[GraphSpec], *, entry: str, file_bytes: int) -> None:
        super().__init__(child, contract, entry=entry)
        self._file_bytes = file_bytes

    def time(self, calls: Sequence[Call], *, passes: int) -> list[Duration]:
        """Make calls in turn, several times over, from buffers in that process to buffers in that process.

        Args:
            calls: graphs and their inputs.
            passes: how many times, at least 1; those before the last one warm up.

        Returns:
            How long each call took the last time, in the order of the calls.

        Raises:
            ConfigError: a graph is unknown, or its inputs are not those of the contract.
            RuntimeFailedError: the process refused to, crashed or did not answer.
        """
        content = [self._call(graph, inputs) for graph, inputs in calls]
        reply = self._child.ask(b"".join([struct.pack(">II", TIME, passes), *content]), doing="it timed its graphs")
        numbers = _numbers(reply, 2 * len(calls))
        return [
            Duration(clock_ms=clock / 1e6, processor_ms=processor / 1e6)
            for clock, processor in zip(numbers[::2], numbers[1::2], strict=True)
        ]

    def memory(self) -> ChildMemory:
        """Return what the process had in memory so far.

        Raises:
            RuntimeFailedError: the process ended, or did not answer.
        """
        reply = self._child.ask(struct.pack(">I", MEMORY), doing="it looked at its memory")
        library, peak = _numbers(reply, 2)
        return ChildMemory(
            library_rss_bytes=library,
            peak_rss_bytes=peak,
            mapped_bytes=mapped_bytes(MAPPED_MEMORY_FILE, size=self._file_bytes, pid=self._child.pid) or 0,
            file_bytes=self._file_bytes,
        )


def _numbers(reply: bytes, count: int) -> tuple[int, ...]:
    try:
        return struct.unpack(f">{count}Q", reply)
    except struct.error as error:
        raise RuntimeFailedError(f"The process that runs the graphs did not send an answer: {error}.") from error
