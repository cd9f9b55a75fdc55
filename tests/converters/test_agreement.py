from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ofa_export.contract import DeviceShapes, GraphSpec, TensorSpec, device_contract
from ofa_export.converters.agreement import check_agreement, check_inputs
from ofa_export.errors import BundleError, ConfigError

CONTRACT = device_contract(DeviceShapes(history_length=4, width=8, depth=1, candidates=3, theta_size=5))
SCORE = CONTRACT[-1]


def changed(**changes: tuple[TensorSpec, ...]) -> tuple[GraphSpec, ...]:
    return (*CONTRACT[:-1], dataclasses.replace(SCORE, **changes))


def test_the_contract_agrees_with_itself_in_any_order() -> None:
    reordered = [dataclasses.replace(graph, inputs=graph.inputs[::-1]) for graph in CONTRACT[::-1]]
    check_agreement(reordered, CONTRACT, entry="graphs.pte")


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (CONTRACT[:-1], "holds the graphs adapt, block_0, the contract asks for adapt, block_0, score"),
        ((*CONTRACT, GraphSpec("more", (), ())), "adapt, block_0, score, more"),
        (changed(inputs=SCORE.inputs[:1]), "inputs of graph score are hidden, the contract asks for hidden, candid"),
        (changed(outputs=SCORE.outputs * 2), "outputs of graph score are scores, scores"),
        (changed(outputs=(TensorSpec("scores", (1, 4)),)), r"float32 \[1, 4\], the contract asks for float32 \[1, 3\]"),
        (changed(outputs=(TensorSpec("scores", (1, 3), "int32"),)), r"int32 \[1, 3\], the contract asks for float32"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(found: tuple[GraphSpec, ...], sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence) as caught:
        check_agreement(found, CONTRACT, entry="graphs.pte")
    assert caught.value.entry == "graphs.pte"


def test_the_inputs_of_the_contract_pass() -> None:
    check_inputs(SCORE, {"hidden": np.zeros((1, 4, 8), np.float32), "candidates": np.zeros((1, 3, 8), np.float32)})


@pytest.mark.parametrize(
    ("candidates", "sentence"),
    [
        ({}, "takes the inputs hidden, candidates, but hidden were given"),
        ({"candidate": np.zeros((1, 3, 8), np.float32)}, "but hidden, candidate were given"),
        ({"candidates": np.zeros((1, 2, 8), np.float32)}, r"float32 \[1, 3, 8\], but float32 \[1, 2, 8\]"),
        ({"candidates": np.zeros((1, 3, 8))}, r"but float64 \[1, 3, 8\] was given"),
    ],
)
def test_other_inputs_are_refused(candidates: dict[str, np.ndarray], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check_inputs(SCORE, {"hidden": np.zeros((1, 4, 8), np.float32)} | candidates)
