from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ofa_export.errors import ConfigError
from ofa_export.graphs.device import device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.model.blocks.backbones import BACKBONES
from ofa_export.model.config import ModelConfig
from ofa_export.model.fake_quantised import (
    QuantisedLinear,
    device_layer,
    fake_quantised,
    int4_weights,
    int8_activations,
    int8_weights,
)
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.reductions.without_adaptation import without_adaptation
from ofa_export.precision import CHANNELWISE, FP32, GROUPWISE, INT4, INT8, Precision, QuantisationRules
from ofa_export.ranking.scoring import score_histories

CONFIG = ModelConfig(items=40, width=32, depth=2, heads=2, history_length=8, rank=2, item_groups=2)


@dataclass(frozen=True)
class Runtime:
    rules: QuantisationRules = field(default=GROUPWISE)


@pytest.fixture(scope="module")
def model() -> AdaptiveRecommender:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        made = AdaptiveRecommender(CONFIG).eval().requires_grad_(False)
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made


def snr_db(signal: Tensor, value: Tensor) -> float:
    return float(10 * torch.log10(signal.square().sum() / (value - signal).square().sum()))


def scores(model: AdaptiveRecommender) -> Tensor:
    histories = np.random.default_rng(1).integers(0, CONFIG.items, (12, CONFIG.history_length), dtype=np.int32)
    return torch.from_numpy(score_histories(model, model.adapt, model.tables[0], histories)[0])


@pytest.mark.parametrize(
    ("rules", "precision", "rounded"),
    [(CHANNELWISE, INT8, True), (CHANNELWISE, INT4, True), (CHANNELWISE, FP32, False), (GROUPWISE, INT8, False)],
)
def test_recbole_s_positions_are_int8_for_litert_also_where_nothing_else_of_adapt_is(
    rules: QuantisationRules, precision: Precision, rounded: bool
) -> None:
    config = CONFIG.model_copy(update={"backbone": "recbole-sasrec", "inner_width": 16})
    model = without_adaptation(AdaptiveRecommender(config).requires_grad_(False))
    made = fake_quantised(model, precision, converter=Runtime(rules))
    steps = made.position / (model.position.abs().amax(dim=0) / 127)
    assert torch.equal(made.position, model.position) is not rounded
    assert bool(((steps - steps.round()).abs() < 1e-4).all()) is rounded


def test_the_model_itself_stays_as_it_is(model: AdaptiveRecommender) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = fake_quantised(model, INT4, converter=Runtime())
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not {id(value) for value in made.parameters()} & {id(value) for value in model.parameters()}


def test_float_layers_compute_what_they_did(model: AdaptiveRecommender) -> None:
    assert torch.equal(scores(fake_quantised(model, FP32, converter=Runtime())), scores(model))


def test_fewer_bits_cost_more(model: AdaptiveRecommender) -> None:
    reference = scores(model)
    int8, int4 = (snr_db(reference, scores(fake_quantised(model, p, converter=Runtime()))) for p in (INT8, INT4))
    assert int8 > 30 > int4 > 5


@pytest.mark.parametrize("backbone", BACKBONES)
def test_layers_are_named_as_in_the_device_graphs(backbone: str) -> None:
    inner = {"inner_width": 64} if backbone == "recbole-sasrec" else {}
    model = AdaptiveRecommender(CONFIG.model_copy(update={"backbone": backbone, **inner}))
    named = {device_layer(path): part for path, part in model.named_modules() if isinstance(part, nn.Linear)}
    assert named == linear_layers(device_graphs(model, candidates=5))


def test_only_the_named_layers_are_quantised(model: AdaptiveRecommender) -> None:
    precision = Precision(default="fp32", layers=(("adapt.mapper.generators.1", "int4"), ("block_0", "int8")))
    made = fake_quantised(model, precision, converter=Runtime())
    quantised = {device_layer(path) for path, part in made.named_modules() if isinstance(part, QuantisedLinear)}
    layers = linear_layers(device_graphs(model, candidates=5))
    assert quantised == {name for name in layers if name.startswith(("adapt.mapper.generators.1.", "block_0."))}


def test_a_layer_that_the_network_does_not_have_is_refused(model: AdaptiveRecommender) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'block_1'"):
        fake_quantised(model, Precision(default="int8", layers=(("block_2", "int4"),)), converter=Runtime())


def test_a_layer_whose_inputs_make_no_groups_has_int8_weights() -> None:
    linear = nn.Linear(4, 8)
    assert GROUPWISE.applied("int4", in_features=4) == "int8"
    assert GROUPWISE.applied("fp32", in_features=4) == "fp32"
    assert CHANNELWISE.applied("int4", in_features=4) == "int4"
    narrow = AdaptiveRecommender(CONFIG)
    made = fake_quantised(narrow, INT4, converter=Runtime()).mapper.structure
    assert torch.equal(made.weight, int8_weights(narrow.mapper.structure.weight.detach(), GROUPWISE))
    assert linear.in_features == narrow.mapper.structure.in_features


@pytest.mark.parametrize(
    ("quantise", "levels", "steps", "group"),
    [
        (lambda weight: int8_weights(weight, CHANNELWISE), 255, 127, 64),
        (lambda weight: int4_weights(weight, CHANNELWISE), 15, 7, 64),
        (lambda weight: int4_weights(weight, GROUPWISE), 16, 7.5, 32),
    ],
    ids=["int8", "int4 of LiteRT", "int4 of ExecuTorch"],
)
def test_a_scale_covers_a_row_or_a_group_and_no_more(quantise, levels: int, steps: float, group: int) -> None:
    weight = torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
    parts, found = (value.unflatten(1, (-1, group)).flatten(0, 1) for value in (weight, quantise(weight)))
    assert max(len(part.unique()) for part in found) <= levels
    step = parts.abs().amax(dim=1) / steps
    # A little above half a step, because scales of groups are rounded.
    assert ((found - parts).abs().amax(dim=1) <= 0.53 * step).all()


def test_weights_of_zero_stay_zero() -> None:
    zero = torch.zeros(3, 64)
    assert torch.equal(int8_weights(zero, GROUPWISE), zero)
    assert torch.equal(int4_weights(zero, GROUPWISE), zero)


def test_executorch_has_no_scales_for_very_small_int8_weights() -> None:
    weight = torch.linspace(-0.001, 0.001, 64)[None]
    assert len(int8_weights(weight, CHANNELWISE).unique()) == 64
    assert len(int8_weights(weight, GROUPWISE).unique()) == 9


def test_activations_have_a_range_of_their_own_in_every_row() -> None:
    x = torch.tensor([[0.0, 1.0, 2.0, 255.0], [0.0, 0.001, 0.002, 0.255], [-1.0, -2.0, 0.0, -255.0]])
    torch.testing.assert_close(int8_activations(x), x, rtol=1e-5, atol=0)
    assert torch.equal(int8_activations(torch.zeros(2, 4)), torch.zeros(2, 4))
    wide = torch.tensor([[0.0, 0.4, 255.0]])
    assert torch.equal(int8_activations(wide), torch.tensor([[0.0, 0.0, 255.0]]))
