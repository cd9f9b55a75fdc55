"""`--cross`: one converter against the other, first with two that take no time, then with the real ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ofa_export.errors import ConfigError
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.validation.reports.report import Report, exit_code
from ofa_export.validation.tolerance import TolerancePolicy

# Seconds each, which the fast tier has no room for.
pytestmark = pytest.mark.integration

OUTPUTS = {
    "adapt.hidden",
    "adapt.keep_logits",
    "adapt.theta_0",
    "adapt.theta_1",
    "block_0.hidden",
    "block_1.hidden",
    "score.scores",
}


def cross_names(report: Report) -> set[str]:
    return {finding.assertion for finding in report.findings if finding.group == "cross"}


@pytest.mark.parametrize(("precision", "metric"), [("fp32", "max_abs_err"), ("int8", "snr_db")])
@pytest.mark.parametrize("converter", ["torch-program", "torch-program-twin"])
def test_two_sound_converters_agree_in_every_output(workshop: Any, converter: str, precision: str, metric: str) -> None:
    report = workshop.report(workshop.complete(converter=converter, precision=precision), cross=True)
    gates = {"cross.gates.flipped_count", "cross.gates.undecided_flipped_count"}
    assert cross_names(report) == {f"cross.{output}.{metric}" for output in OUTPUTS} | gates
    assert (workshop.failed(report), exit_code([report])) == (set(), 0)
    assert report.subject is not None
    assert report.subject.converter == converter
    assert {"twin", "torch"} <= report.environment.keys()


def test_nothing_is_crossed_unasked(workshop: Any) -> None:
    report = workshop.report(workshop.complete())
    assert cross_names(report) == set()
    assert "twin" not in report.environment


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_disagreement_fails_by_graph_and_output(workshop: Any, precision: str) -> None:
    def scale_generator(model: AdaptiveRecommender) -> None:
        model.mapper.generators[1].out.weight.mul_(1.3)

    report = workshop.with_model(scale_generator, precision=precision, cross=True)
    failed = {name for name in workshop.failed(report) if name.startswith("cross.")}
    assert len(failed) == 1
    assert failed.pop().startswith("cross.adapt.theta_1.")
    assert exit_code([report]) == 4
    (finding,) = (finding for finding in report.findings if finding.assertion.startswith("cross.adapt.theta_1."))
    assert "by torch-program-twin" in finding.sentence


def test_gates_that_one_converter_turns_round_fail(workshop: Any) -> None:
    def turn_round(model: AdaptiveRecommender) -> None:
        rows = torch.tensor([1, 0, 3, 2])
        head = model.controller.head_out
        head.weight.copy_(head.weight[rows])
        head.bias.copy_(head.bias[rows])

    failed = workshop.failed(workshop.with_model(turn_round, precision="fp32", cross=True))
    assert {"cross.gates.flipped_count", "cross.adapt.keep_logits.max_abs_err"} <= failed


def test_a_recipe_without_the_limit_says_which(workshop: Any, tolerance: TolerancePolicy) -> None:
    limits = tolerance.of_precision("int8").model_copy(update={"cross_snr_db": None})
    bare = tolerance.model_copy(update={"precisions": {"int8": limits}})
    with pytest.raises(ConfigError, match="no cross_snr_db, which --cross needs"):
        workshop.report(workshop.complete(), tolerance=bare, cross=True)


def test_the_two_litert_converters_agree(workshop: Any) -> None:
    report = workshop.report(workshop.complete(converter="onnx2tf", precision="fp32"), cross=True)
    assert workshop.failed(report) == set()
    assert len(cross_names(report)) == len(OUTPUTS) + 2
    assert report.subject is not None
    assert report.subject.converter == "onnx2tf"
    assert {"onnx2tf", "litert-torch"} <= report.environment.keys()


def test_a_runtime_with_one_converter_is_refused(workshop: Any) -> None:
    with pytest.raises(ConfigError, match="one converter for executorch only"):
        workshop.report(workshop.complete(converter="executorch"), cross=True)
