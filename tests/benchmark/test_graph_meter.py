from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from ofa_export.benchmark.graph_meter import CALLS_AT_ONCE, ChildMeter
from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.targets.process.measuring_runner import MeasuringRunner

CONTRACT = (GraphSpec("score", (TensorSpec("x", (1,)),), (TensorSpec("y", (1,)),)),)
# Running takes 2 ms; a call is said to have taken as many milliseconds as its input is, half of it on the processor.
SCRIPT = """
reply(receive())
while True:
    request = receive()
    if request[:4] == bytes(4):
        time.sleep(0.002)
        reply(struct.pack(">2If", 1, 1, 0))
    else:
        values = [struct.unpack_from("<f", request, at + 4)[0] for at in range(8, len(request), 8)]
        reply(b"".join(struct.pack(">2Q", int(1e6 * value), int(5e5 * value)) for value in values))
"""


@pytest.fixture
def meter(start: Any) -> ChildMeter:
    return ChildMeter(MeasuringRunner(start(SCRIPT), CONTRACT, entry="graphs.toy", file_bytes=0))


def session(meter: ChildMeter, *values: float) -> float:
    """Milliseconds of a session whose calls have these inputs, in one buffer."""
    buffer, begun = np.zeros(1, np.float32), time.perf_counter()
    for value in values:
        buffer[0] = value
        meter.run("score", {"x": buffer})
    return 1000 * (time.perf_counter() - begun)


def test_calls_count_as_the_process_times_them_and_waiting_for_it_does_not(meter: ChildMeter) -> None:
    session(meter, 700)
    meter.start()
    took = session(meter, 3, 4, 5)
    found = meter.stop()
    session(meter, 800)
    assert found.calls == (("score", 3.0), ("score", 4.0), ("score", 5.0))
    assert took > 6
    assert 12 <= took + found.more_clock_ms < 14
    assert 4 < found.more_processor_ms <= 6
    meter.start()
    assert meter.stop().calls == ()


def test_a_session_of_many_calls_is_timed_piece_by_piece(meter: ChildMeter) -> None:
    meter.start()
    took = session(meter, *range(CALLS_AT_ONCE + 2))
    found = meter.stop()
    assert [milliseconds for _, milliseconds in found.calls] == list(range(CALLS_AT_ONCE + 2))
    total = sum(milliseconds for _, milliseconds in found.calls)
    assert total <= took + found.more_clock_ms < total + 5
