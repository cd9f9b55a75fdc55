from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.errors import ConfigError, RuntimeFailedError
from ofa_export.targets.process.measuring_runner import Duration, MeasuringRunner

CONTRACT = tuple(GraphSpec(name, (TensorSpec("x", (1,)),), (TensorSpec("y", (1,)),)) for name in ("zero", "one"))
# Tells times that say what was asked: the values of the inputs, as nanoseconds.
SCRIPT = """
reply(receive())
while True:
    request = receive()
    kind, *rest = struct.unpack_from(">iI" if len(request) > 4 else ">i", request)
    if kind == -2:
        reply(struct.pack(">2Q", 40, 47))
    else:
        calls = [(struct.unpack_from(">I", request, at)[0], struct.unpack_from("<f", request, at + 4)[0])
                 for at in range(8, len(request), 8)]
        assert (kind, rest) == (-1, [3]) and [graph for graph, _ in calls] == [1, 0, 1]
        reply(b"".join(struct.pack(">2Q", int(value), 7) for _, value in calls))
"""


def inputs(value: float) -> dict[str, Any]:
    return {"x": np.array([value], np.float32)}


def test_calls_are_timed_in_their_order_and_the_memory_is_told(start: Any) -> None:
    runner = MeasuringRunner(start(SCRIPT), CONTRACT, entry="graphs.toy", file_bytes=900)
    found = runner.time([("one", inputs(2e6)), ("zero", inputs(5e6)), ("one", inputs(1e6))], passes=3)
    assert found == [Duration(clock_ms=clock, processor_ms=7e-6) for clock in (2.0, 5.0, 1.0)]
    memory = runner.memory()
    assert (memory.library_rss_bytes, memory.peak_rss_bytes, memory.file_bytes) == (40, 47, 900)
    assert memory.mapped_bytes == 0
    with pytest.raises(ConfigError, match="takes the inputs x"):
        runner.time([("one", {})], passes=3)


def test_an_answer_that_is_none_is_a_failure_of_the_runtime(start: Any) -> None:
    runner = MeasuringRunner(
        start("reply(receive())\nwhile True: reply(receive()[1:])"), CONTRACT, entry="graphs.toy", file_bytes=0
    )
    for ask in (runner.memory, lambda: runner.time([("one", inputs(0))], passes=1)):
        with pytest.raises(RuntimeFailedError, match="did not send an answer"):
            ask()
