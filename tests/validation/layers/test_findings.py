from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.precision import INT8
from ofa_export.targets.host import HostTarget
from ofa_export.validation.layers.findings import as_shipped_findings, unexplained_findings
from ofa_export.validation.layers.layer_error import worst_first
from ofa_export.validation.reports.json import reports_to_json

# Seconds each, which the fast tier has no room for.
pytestmark = pytest.mark.integration


def test_a_report_has_the_layers_and_says_that_they_are_the_bundle_s(workshop: Any) -> None:
    report = workshop.report(workshop.complete(), layers=True)
    assert workshop.failed(report) == set()
    same = [found for found in report.findings if found.assertion.endswith(".as_shipped")]
    assert [found.measured for found in same] == [0, 0, 0, 0]
    assert report.layers == worst_first(report.layers) and len(report.layers) > 40
    (content,) = json.loads(reports_to_json([report], code=0))["reports"]
    assert content["layers"][0] == vars(report.layers[0])


def test_a_bundle_that_was_changed_is_told_from_its_conversion(workshop: Any) -> None:
    changed = copy.deepcopy(workshop.checkpoint.model)
    with torch.no_grad():
        changed.blocks[1].linears["key"].static.weight[0] *= 1.01
    graphs = get_converter("torch-program").convert(device_graphs(changed, candidates=25), precision=INT8)
    report = workshop.report(replace(workshop.complete(), graphs=graphs), layers=True)
    assert workshop.failed(report) >= {"layers.block_1.as_shipped", "scales.block_1.error_share"}
    (found,) = [found for found in report.findings if found.assertion == "layers.block_1.as_shipped"]
    assert "the layers shown are not the bundle's. The tools are the same" in found.sentence


def test_a_bundle_of_other_tools_only_warns(workshop: Any) -> None:
    changed = copy.deepcopy(workshop.checkpoint.model)
    with torch.no_grad():
        changed.blocks[1].linears["key"].static.weight[0] *= 1.01
    graphs = get_converter("torch-program").convert(device_graphs(changed, candidates=25), precision=INT8)
    complete = workshop.complete()
    fields = complete.fields.model_copy(update={"tools": {**complete.fields.tools, "torch": "1.0"}})
    report = workshop.report(replace(complete, graphs=graphs, fields=fields), layers=True)
    (found,) = [found for found in report.findings if found.assertion == "layers.block_1.as_shipped"]
    assert found.status == "warn"
    assert "torch 1.0 (here: " in found.sentence


def test_a_bundle_that_cannot_be_run_has_no_layers(workshop: Any, tmp_path: Any) -> None:
    path = tmp_path / "broken.ofab"
    path.write_bytes(b"no bundle")
    report = workshop.validate(path, layers=True)
    assert report.layers == () and workshop.failed(report) == {"bundle.accepted"}


class OtherNorm(HostTarget):
    """A target whose LayerNorm is not PyTorch's, in one place."""

    name = "other"

    def load(self, converter: Any, graphs: Any, contract: Any) -> Any:
        runner = converter.load(graphs, contract)
        runner._modules["block_1"].get_submodule("block.norms.attention_norm").epsilon = 10.0
        return runner


def test_a_target_that_computes_a_layer_otherwise_is_told_by_that_layer(workshop: Any) -> None:
    with workshop.comparison(workshop.complete(), target=OtherNorm()) as comparison:
        found = {each.assertion: each for each in unexplained_findings(comparison)}
        shipped = [each.status for each in as_shipped_findings(comparison)]
    assert shipped == ["pass"] * 4
    failed = {name: each for name, each in found.items() if each.status == "fail"}
    assert failed.keys() == {"layers.block_1.unexplained.snr_db"}
    sentence = failed["layers.block_1.unexplained.snr_db"].sentence
    assert sentence.endswith("the furthest off is block_1.block.norms.attention_norm.")


def test_a_tolerance_recipe_without_the_limit_only_reports_what_is_unexplained(workshop: Any) -> None:
    limits = {
        name: each.model_copy(update={"layer_unexplained_snr_db": None})
        for name, each in workshop.tolerance.precisions.items()
    }
    tolerant = replace(workshop, tolerance=workshop.tolerance.model_copy(update={"precisions": limits}))
    with tolerant.comparison(tolerant.complete(), target=OtherNorm()) as comparison:
        found = {each.assertion: each for each in unexplained_findings(comparison)}["layers.block_1.unexplained.snr_db"]
    assert (found.status, found.limit) == ("pass", None)
    assert found.measured is not None and found.measured < 20
