from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from toys import random_model

from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.controller import StructureController
from ofa_export.validation.checks.gates import compare_decisions, compare_gates
from ofa_export.validation.finding import Finding
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Reference, run_modules, run_reference

MARGINS = np.array([[3.0, 0.01], [-2.0, -0.02]], np.float32)
HISTORIES = ValidationHistories(
    items=(np.array([1], np.int32), np.array([2], np.int32)),
    names=("history 4", "history 9"),
    targets=np.array([0, 0], np.int32),
    history_length=3,
)


def findings(gates: list[list[float]]) -> tuple[Finding, Finding]:
    logits = np.stack([np.zeros_like(MARGINS), MARGINS], axis=2)
    outputs = {"adapt": {"gates": (MARGINS > 0).astype(np.float32), "keep_logits": logits}}
    reference = Reference(inputs={}, outputs=outputs)
    clear, close = compare_gates("gates", np.array(gates, np.float32), reference, HISTORIES, margin=0.05)
    return clear, close


def test_agreement_passes_both() -> None:
    assert [finding.status for finding in findings([[1, 1], [0, 0]])] == ["pass", "pass"]


def test_a_clear_flip_fails_and_is_named_with_history_block_and_margin() -> None:
    clear, close = findings([[1, 1], [1, 0]])
    assert (clear.assertion, clear.status, clear.measured) == ("gates.flipped_count", "fail", 1)
    assert "block 0 of history 9 (margin -2.0000)" in clear.sentence
    assert close.status == "pass"


def test_a_flip_below_the_margin_only_warns() -> None:
    clear, close = findings([[1, 0], [0, 0]])
    assert clear.status == "pass"
    assert (close.assertion, close.status, close.measured) == ("gates.undecided_flipped_count", "warn", 1)
    assert "block 1 of history 4 (margin +0.0100)" in close.sentence


@pytest.mark.parametrize("value", [0.5, 2.0])
def test_a_gate_that_is_neither_0_nor_1_is_flipped(value: float) -> None:
    clear, _ = findings([[value, 1], [0, 0]])
    assert clear.status == "fail"


def test_nan_is_flipped_even_where_the_decision_was_close() -> None:
    clear, close = findings([[1, float("nan")], [0, 0]])
    assert (clear.status, close.status) == ("fail", "pass")


ROWS = np.random.default_rng(0).integers(0, 60, (30, 8)).astype(np.int32)


class Late(StructureController):
    """Keeps a block only where the margin is more than a ten-thousandth."""

    def decide(self, keep_logits: torch.Tensor) -> torch.Tensor:
        return (keep_logits[:, :, 1] > keep_logits[:, :, 0] + 1e-4).to(keep_logits.dtype)


class Adapter:
    """Runs `adapt` of a network in PyTorch."""

    def __init__(self, adapt: DeviceGraph) -> None:
        self.adapt = adapt

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return dict(run_modules([self.adapt], {graph: inputs})[graph])

    def close(self) -> None:
        return


def decisions_of(controller: type[StructureController]) -> dict[str, Finding]:
    model = random_model(seed=10)
    reference = run_reference(device_graphs(model, candidates=5), rows=ROWS, table=model.tables[0])
    changed = copy.deepcopy(model)
    changed.controller.__class__ = controller
    adapt = device_graphs(changed, candidates=5)[0]
    inputs, expected = reference.inputs["adapt"], reference.outputs["adapt"]
    outputs = run_modules([adapt], reference.inputs)["adapt"]
    found = compare_decisions(Adapter(adapt), model.controller, inputs, outputs, expected=expected)
    return {each.assertion: each for each in found}


def test_gates_that_follow_from_their_logits_pass() -> None:
    found = decisions_of(StructureController)
    assert found["gates.undue_count"].status == "pass"
    assert "20 mixtures" in found["gates.undue_count"].sentence
    assert found["gates.margin.max_abs_err"].measured == 0


def test_a_threshold_that_turns_no_history_s_gate_is_found_between_two_histories() -> None:
    found = decisions_of(Late)["gates.undue_count"]
    assert found.status == "fail"
    assert "with a margin of +0.0000" in found.sentence
