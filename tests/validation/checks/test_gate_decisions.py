from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from toys import random_model

from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.controller import StructureController
from ofa_export.validation.checks.gate_decisions import decision_findings
from ofa_export.validation.finding import Finding
from ofa_export.validation.reference import run_modules, run_reference

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


def findings(controller: type[StructureController]) -> dict[str, Finding]:
    model = random_model(seed=10)
    reference = run_reference(device_graphs(model, candidates=5), rows=ROWS, table=model.tables[0])
    changed = copy.deepcopy(model)
    changed.controller.__class__ = controller
    adapt = device_graphs(changed, candidates=5)[0]
    inputs, expected = reference.inputs["adapt"], reference.outputs["adapt"]
    outputs = run_modules([adapt], reference.inputs)["adapt"]
    found = decision_findings(Adapter(adapt), model.controller, inputs, outputs, expected=expected)
    return {each.assertion: each for each in found}


def test_gates_that_follow_from_their_logits_pass() -> None:
    found = findings(StructureController)
    assert found["gates.undue_count"].status == "pass"
    assert "20 mixtures" in found["gates.undue_count"].sentence
    assert found["gates.margin.max_abs_err"].measured == 0


def test_a_threshold_that_turns_no_history_s_gate_is_found_between_two_histories() -> None:
    found = findings(Late)["gates.undue_count"]
    assert found.status == "fail"
    assert "with a margin of +0.0000" in found.sentence
