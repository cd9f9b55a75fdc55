from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from toys import CONFIG, random_model

from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.model.fake_quantised import QuantisedLinear, fake_quantised, int8_activations
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import INT8
from ofa_export.validation.quantised_reference import (
    RuntimeLinear,
    known_rounding,
    quantised_reference,
    symmetric_int8_activations,
)


def test_symmetric_activations_reach_as_far_below_zero_as_above() -> None:
    x = torch.tensor([[2.54, -0.03, 0.02, 0.011], [-1.27, 0.015, -0.015, 0.0], [0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[2.54, -0.04, 0.02, 0.02], [-1.27, 0.02, -0.02, 0.0], [0.0, 0.0, 0.0, 0.0]])
    # Halves, which -0.03 of steps of 0.02 and 0.015 of steps of 0.01 are, go away from zero.
    assert symmetric_int8_activations(x) == pytest.approx(expected, abs=1e-6)


def test_rows_with_values_of_one_sign_are_coarser_than_with_a_range() -> None:
    x = torch.rand((100, 32), generator=torch.Generator().manual_seed(0))
    symmetric, ranged = (
        (made(x) - x).square().mean().sqrt() for made in (symmetric_int8_activations, int8_activations)
    )
    assert symmetric / ranged == pytest.approx(2, rel=0.05)


RECBOLE = {"backbone": "recbole-sasrec", "inner_width": 16}


def rounded(model: AdaptiveRecommender) -> AdaptiveRecommender:
    return fake_quantised(model, INT8, converter=get_converter("torch-program"))


def test_weights_are_those_of_fake_quantisation_and_the_networks_are_left_as_they_were() -> None:
    model = random_model(seed=3)
    faked = rounded(model)
    made = quantised_reference(faked, model, converter="litert", activations="symmetric")
    layers = {path: layer for path, layer in faked.named_modules() if isinstance(layer, QuantisedLinear)}
    assert layers and not any(isinstance(layer, nn.Linear) for layer in made.modules())
    for path, layer in layers.items():
        assert isinstance(made.get_submodule(path), RuntimeLinear) and not isinstance(layer, RuntimeLinear)
        assert torch.equal(made.get_submodule(path).weight, layer.weight)
    assert made.tables is faked.tables


def test_a_converter_and_a_runtime_without_ways_of_their_own_are_fake_quantisation() -> None:
    model = random_model(seed=3)
    faked, x = rounded(model), torch.randn((2, 8, 16), generator=torch.Generator().manual_seed(0))
    made = quantised_reference(faked, model, converter="executorch", activations="range")
    valid = torch.ones(2, 8)
    assert all(
        torch.equal(*pair) for pair in zip(made.adapt(x, valid).thetas, faked.adapt(x, valid).thetas, strict=True)
    )


def test_a_bias_that_the_converter_moved_is_added_behind_the_reader() -> None:
    model = random_model(seed=3)
    made = quantised_reference(rounded(model), model, converter="litert", activations="range")
    mix, key = model.mapper.extractor.mix, model.mapper.extractor.key
    before = torch.randn((5, 16), generator=torch.Generator().manual_seed(0))
    weight = made.mapper.extractor.key.weight
    expected = int8_activations(before) @ weight.T + key.weight @ mix.bias + key.bias
    assert made.mapper.extractor.key(before + mix.bias) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("backbone", "converter", "known"),
    [
        ({}, "litert", ["adapt", "block_0", "block_1", "score"]),
        ({}, "onnx2tf", ["adapt", "score"]),
        (RECBOLE, "litert", ["adapt", "block_0", "block_1", "score"]),
        (RECBOLE, "onnx2tf", ["score"]),
    ],
)
def test_unknown_rounding_is_left_out(backbone: dict[str, Any], converter: str, known: list[str]) -> None:
    model = random_model(3, CONFIG.model_copy(update=backbone))
    for network, expected in ((rounded(model), known), (model, ["adapt", "block_0", "block_1", "score"])):
        made = quantised_reference(network, model, converter=converter, activations="range")
        graphs = known_rounding(device_graphs(made, candidates=5), converter=converter)
        assert [graph.spec.name for graph in graphs] == expected
