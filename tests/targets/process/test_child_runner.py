from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ofa_export.contract import DeviceShapes, GraphSpec, TensorSpec, device_contract
from ofa_export.errors import BundleError, ConfigError, RuntimeFailedError, UnknownNameError
from ofa_export.targets.process.child_runner import ChildRunner, contract_text, parse_contract

DOUBLE = GraphSpec(
    "double",
    (TensorSpec("length", (1,), "int32"), TensorSpec("x", (1, 3))),
    (TensorSpec("y", (1, 3)), TensorSpec("count", (1,), "int32")),
)
OTHER = GraphSpec("other", (TensorSpec("x", (1, 3)),), (TensorSpec("y", (1, 3)),))
CONTRACT = (OTHER, DOUBLE)
# Answers as the contract says: y = 2 x, count = length + 1.
SCRIPT = """
reply(receive())
while True:
    graph, length, *x = struct.unpack("<Ii3f", (request := receive())[3::-1] + request[4:])
    assert graph == 1
    reply(struct.pack(">3I", 2, 1, 3) + struct.pack("<3f", *(2 * v for v in x)) + struct.pack(">2I", 1, 1)
          + struct.pack("<i", length + 1))
"""
INPUTS = {"x": np.array([[1, -2, 0.5]], np.float32), "length": np.array([7], np.int32)}


def test_the_contract_survives_the_way_there_and_back() -> None:
    shapes = DeviceShapes(history_length=5, width=16, depth=3, candidates=25, theta_size=9)
    assert tuple(parse_contract(contract_text(device_contract(shapes)))) == device_contract(shapes)


def test_tensors_are_bound_by_name_in_the_order_of_the_contract(start: Any) -> None:
    runner = ChildRunner(start(SCRIPT), CONTRACT, entry="graphs.toy")
    for _ in range(2):
        found = runner.run("double", INPUTS)
        np.testing.assert_array_equal(found["y"], [[2, -4, 1]])
        assert found["count"].dtype == np.int32 and found["count"] == [8]
    found["y"][:] = 0  # the caller's own


def test_a_file_of_another_contract_is_refused_and_the_process_ended(start: Any) -> None:
    child = start("receive(); reply(b'graph other\\ninput x float32 1 3\\noutput y float32 1 4')")
    with pytest.raises(BundleError, match=r"y of the outputs of graph other is float32 \[1, 4\]") as caught:
        ChildRunner(child, (OTHER,), entry="graphs.toy")
    assert caught.value.entry == "graphs.toy"
    assert child.close() == 0


def test_wrong_inputs_an_unknown_graph_and_a_closed_runner_are_usage_errors(start: Any) -> None:
    runner = ChildRunner(start(SCRIPT), CONTRACT, entry="graphs.toy")
    with pytest.raises(UnknownNameError, match="double"):
        runner.run("dubble", INPUTS)
    with pytest.raises(ConfigError, match="takes the inputs length, x"):
        runner.run("double", {"x": INPUTS["x"]})
    runner.close()
    with pytest.raises(ConfigError, match="double"):
        runner.run("double", INPUTS)


@pytest.mark.parametrize("answer", ["b''", "b'abc'", 'struct.pack(">I", 2**31)', 'struct.pack(">3I", 2, 1, 900)'])
def test_an_answer_that_is_none_is_a_failure_of_the_runtime(start: Any, answer: str) -> None:
    runner = ChildRunner(start(f"reply(receive()); receive(); reply({answer})"), CONTRACT, entry="graphs.toy")
    with pytest.raises(RuntimeFailedError, match="graph double did not send an answer"):
        runner.run("double", INPUTS)
