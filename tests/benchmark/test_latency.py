from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ofa_export.benchmark.graph_meter import GraphTimes
from ofa_export.benchmark.latency import Latency, time_in_turn
from ofa_export.errors import ConfigError

HISTORIES = [np.array([1]), np.array([2, 3])]


class Noted:
    """Writes down who ran on which history; every session calls the same graphs, 2 ms each, 5 ms more than it takes."""

    def __init__(self, name: str, log: list[tuple[str, int]], graphs: tuple[str, ...] = ()) -> None:
        self._name, self._log, self._graphs = name, log, graphs
        self._calls: list[tuple[str, float]] = []
        self.meter = self

    def session(self, history: NDArray[np.int64]) -> None:
        self._log.append((self._name, len(history)))
        self._calls += [(graph, 2.0) for graph in self._graphs]

    def start(self) -> None:
        self._calls = []

    def stop(self) -> GraphTimes:
        return GraphTimes(calls=tuple(self._calls), more_clock_ms=5.0, more_processor_ms=3.0)

    def child_memory(self) -> None:
        return None


def test_contenders_take_turns_on_the_same_histories() -> None:
    log: list[tuple[str, int]] = []
    time_in_turn({"a": Noted("a", log), "b": Noted("b", log)}, HISTORIES, repeats=3)
    assert log[::2] == [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 1), ("b", 1)]
    # Each turn has a session before the one that counts.
    assert log[1::2] == log[::2]


def test_parts_are_those_of_the_sessions_that_count() -> None:
    found = time_in_turn({"a": Noted("a", [], ("adapt", "block_0", "block_1"))}, HISTORIES, repeats=5)["a"]
    assert found["session"].samples == found["processor"].samples == found["adapt"].samples == 5
    assert found["block"] == Latency(p50=2.0, p90=2.0, samples=10)
    assert "score" not in found


def test_what_the_graphs_took_elsewhere_is_part_of_the_session() -> None:
    found = time_in_turn({"a": Noted("a", [])}, HISTORIES, repeats=5)["a"]
    assert 5.0 <= found["session"].p50 < 6.0
    assert 3.0 <= found["processor"].p50 < 4.0


def test_quantiles() -> None:
    found = Latency.of([float(value) for value in range(101)])
    assert (found.p50, found.p90, found.samples) == (50.0, 90.0, 101)


@pytest.mark.parametrize("repeats", [0, -1])
def test_no_repeats_are_refused(repeats: int) -> None:
    with pytest.raises(ConfigError, match="--repeats 1 or more"):
        time_in_turn({"a": Noted("a", [])}, HISTORIES, repeats=repeats)
