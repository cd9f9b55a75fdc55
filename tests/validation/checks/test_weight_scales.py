from __future__ import annotations

import copy
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from toys import random_model

from ofa_export.graphs.device import device_graphs
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.validation.checks.weight_scales import compare_scales, scale_errors
from ofa_export.validation.finding import Finding
from ofa_export.validation.reference import Reference, run_modules, run_reference
from ofa_export.validation.tolerance import Limit

ROWS = np.random.default_rng(0).integers(0, 60, (100, 8)).astype(np.int32)


@pytest.fixture(scope="module")
def model() -> AdaptiveRecommender:
    return random_model(seed=3)


@pytest.fixture(scope="module")
def reference(model: AdaptiveRecommender) -> Reference:
    return run_reference(device_graphs(model, candidates=5), rows=ROWS, table=model.tables[0])


def noise_of(changed: AdaptiveRecommender, reference: Reference, graph: str) -> dict[str, np.ndarray]:
    graphs = [each for each in device_graphs(changed, candidates=5) if each.spec.name == graph]
    outputs = run_modules(graphs, reference.inputs)[graph]
    return {name: value - reference.outputs[graph][name] for name, value in outputs.items()}


def test_a_wrong_scale_is_measured_and_explains_more_than_any_other(
    model: AdaptiveRecommender, reference: Reference
) -> None:
    changed = copy.deepcopy(model)
    changed.mapper.extractor.mix.weight[3] *= 1.02
    graph = device_graphs(model, candidates=5)[0]
    found = scale_errors(graph, reference.inputs["adapt"], noise_of(changed, reference, "adapt"))
    worst = max(found, key=lambda layer: float(layer.explained.max()))
    assert (worst.layer, int(worst.explained.argmax())) == ("mapper.extractor.mix", 3)
    assert worst.error[3] == pytest.approx(0.02, rel=0.2)
    assert 0 < worst.certain[3] < 0.02


def finding(changed: AdaptiveRecommender, model: AdaptiveRecommender, reference: Reference, graph: int) -> Finding:
    sound, broken = (device_graphs(each, candidates=5)[graph] for each in (model, changed))
    name = sound.spec.name
    inputs, expected = reference.inputs[name], reference.outputs[name]
    outputs = run_modules([broken], reference.inputs)[name]
    return compare_scales(sound, sound, inputs, outputs, expected, limit=Limit(limit=0.0025, why="test"))


def test_a_scale_with_which_the_deviation_goes_away_is_the_cause(
    model: AdaptiveRecommender, reference: Reference
) -> None:
    changed = copy.deepcopy(model)
    changed.blocks[1].linears["ffn_in"].static.weight[5] *= 1.01
    found = finding(changed, model, reference, graph=2)
    assert (found.assertion, found.status) == ("scales.block_1.error_share", "fail")
    assert "output 5 of block.linears.ffn_in.static, by +1.00%" in found.sentence
    assert "deviates by 100% less" in found.sentence and "this scale is the cause" in found.sentence


def test_a_suspicious_scale_with_which_the_deviation_stays_is_not_the_cause(
    model: AdaptiveRecommender, reference: Reference
) -> None:
    changed = copy.deepcopy(model)
    changed.blocks[0].linears["ffn_out"].static.bias.zero_()
    found = finding(changed, model, reference, graph=1)
    assert (found.status, found.measured) == ("pass", 0)
    assert "This scale alone is not the cause, which was not found." in found.sentence


def scale_and_bias(model: AdaptiveRecommender) -> None:
    model.mapper.generators[1].out.weight[7] *= 1.02
    model.mapper.generators[1].out.bias[7] += 0.001


def two_scales(model: AdaptiveRecommender) -> None:
    model.mapper.generators[1].out.weight[7] *= 1.02
    model.mapper.generators[1].out.weight[8] *= 1.001


@pytest.mark.parametrize("broken", [scale_and_bias, two_scales])
def test_a_scale_that_nearly_explains_the_deviation_alone_is_not_the_cause(
    model: AdaptiveRecommender, reference: Reference, broken: Callable[[AdaptiveRecommender], None]
) -> None:
    changed = copy.deepcopy(model)
    broken(changed)
    found = finding(changed, model, reference, graph=0)
    assert (found.status, found.measured) == ("pass", 0)
    assert "output 7 of mapper.generators.1.out" in found.sentence and re.search(r"by 9\d% less", found.sentence)
    assert "This scale alone is not the cause, which was not found." in found.sentence


def test_nothing_is_certain_where_nothing_is_wrong(model: AdaptiveRecommender, reference: Reference) -> None:
    graph = device_graphs(model, candidates=5)[1]
    rng = np.random.default_rng(0)
    chance = {"hidden": rng.normal(0, 1e-3, reference.outputs["block_0"]["hidden"].shape).astype(np.float32)}
    for layer in scale_errors(graph, reference.inputs["block_0"], chance):
        assert layer.certain[layer.explained.argmax()] < 1e-3


def test_every_linear_layer_is_looked_at(model: AdaptiveRecommender, reference: Reference) -> None:
    graph = device_graphs(model, candidates=5)[2]
    nothing = {"hidden": np.zeros_like(reference.outputs["block_1"]["hidden"])}
    layers = {layer.layer for layer in scale_errors(graph, reference.inputs["block_1"], nothing)}
    assert {"block.linears.query.static", "block.linears.ffn_out.basis"} <= layers
    assert len(layers) == 12


def test_the_network_is_left_as_it_was(model: AdaptiveRecommender, reference: Reference) -> None:
    graph = device_graphs(model, candidates=5)[1]
    scale_errors(graph, reference.inputs["block_0"], reference.outputs["block_0"])
    assert not any(module._forward_hooks for module in graph.module.modules())
    assert not torch.is_grad_enabled() or not any(value.requires_grad for value in model.parameters())
