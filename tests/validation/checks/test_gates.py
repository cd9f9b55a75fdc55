from __future__ import annotations

import numpy as np
import pytest

from ofa_export.validation.checks.gates import gate_findings
from ofa_export.validation.finding import Finding
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Reference

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
    clear, close = gate_findings("gates", np.array(gates, np.float32), reference, HISTORIES, margin=0.05)
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
