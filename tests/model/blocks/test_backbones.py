"""What holds for every backbone, whatever its block is: the network around it relies on it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.backbones import BACKBONES
from ofa_export.model.config import BackboneName, ModelConfig
from ofa_export.model.network import Adaptation, AdaptiveRecommender, lookup

NAMES = get_args(BackboneName)
BLIND_TO_PADDING = (
    "transformer",
    "relative-transformer",
    "gated-convolution",
    "linear-recurrent-unit",
    "recbole-sasrec",
)
SIZES: dict[str, Any] = {
    "items": 30,
    "width": 16,
    "depth": 3,
    "heads": 2,
    "history_length": 9,
    "rank": 2,
    "item_groups": 4,
}
T = SIZES["history_length"]


def random_network(name: BackboneName) -> AdaptiveRecommender:
    """Random weights everywhere, so that no mistake hides behind a zero or a one."""
    inner = {"inner_width": 24} if name == "recbole-sasrec" else {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(7)
        made = AdaptiveRecommender(ModelConfig(**SIZES, backbone=name, **inner)).eval().requires_grad_(False)
        for parameter in made.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        for generator in made.mapper.generators:
            generator.out.weight.normal_(0, 0.1)
        made.controller.head_out.weight.normal_(0, 1.5)
        made.controller.head_out.bias.zero_()
    return made


def histories() -> tuple[Tensor, Tensor]:
    """One history of each length, int64 [T, T], and which positions are real."""
    rows = torch.full((T, T), -1)
    for length in range(1, T + 1):
        rows[length - 1, T - length :] = torch.randperm(30, generator=torch.Generator().manual_seed(length))[:length]
    return rows, (rows >= 0).float()


def run(model: AdaptiveRecommender, x: Tensor, valid: Tensor, adaptation: Adaptation) -> Tensor:
    return model.states(model.assemble(x, valid, adaptation))


def test_the_registry_knows_every_name_and_no_other() -> None:
    assert set(BACKBONES) == set(NAMES)


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> AdaptiveRecommender:
    return random_network(request.param)


def test_every_block_has_the_same_layout(model: AdaptiveRecommender) -> None:
    layouts = [block.layout for block in model.blocks if isinstance(block, AdaptiveBlock)]
    assert layouts == [layouts[0]] * 3
    assert model.theta_size == layouts[0].size


def test_zero_parameters_do_not_read_the_bases(model: AdaptiveRecommender) -> None:
    rows, valid = histories()
    x = model.embed(lookup(model.tables[0], rows), valid)
    expected = run(model, x, valid, model.static_adaptation(T))
    for name, parameter in model.blocks.named_parameters():
        if name.endswith("basis.weight"):
            parameter.normal_()
    assert torch.equal(run(model, x, valid, model.static_adaptation(T)), expected)


def test_no_parameters_are_the_block_with_zeros(model: AdaptiveRecommender) -> None:
    rows, valid = histories()
    x = model.embed(lookup(model.tables[0], rows), valid)
    for block in model.blocks:
        torch.testing.assert_close(block(x, valid, None), block(x, valid, torch.zeros(T, model.theta_size)))


def test_generated_parameters_matter_and_belong_to_their_user(model: AdaptiveRecommender) -> None:
    rows, valid = histories()
    x = model.embed(lookup(model.tables[0], rows), valid)
    adapted = model.adapt(x, valid)
    whole = run(model, x, valid, adapted)
    assert not torch.allclose(whole, run(model, x, valid, model.static_adaptation(T)), atol=1e-2)
    reversed_users = Adaptation(
        keep_logits=adapted.keep_logits.flip(0),
        gates=adapted.gates.flip(0),
        thetas=tuple(theta.flip(0) for theta in adapted.thetas),
    )
    assert torch.allclose(run(model, x.flip(0), valid.flip(0), reversed_users).flip(0), whole, atol=1e-5)


def test_a_gate_of_zero_is_the_block_removed(model: AdaptiveRecommender) -> None:
    rows, valid = histories()
    x = model.embed(lookup(model.tables[0], rows), valid)
    adapted = model.adapt(x, valid)
    gates = torch.tensor([1.0, 0.0, 1.0]).expand(T, 3)
    found = run(model, x, valid, Adaptation(keep_logits=adapted.keep_logits, gates=gates, thetas=adapted.thetas))
    expected = x
    for index in (0, 2):
        expected = model.blocks[index](expected, valid, adapted.thetas[index])
    assert torch.allclose(found, model.states(expected), atol=1e-6)


def test_no_state_depends_on_later_items(model: AdaptiveRecommender) -> None:
    rows, valid = histories()
    rows, valid = rows[-2:], valid[-2:]
    changed = rows.clone()
    changed[:, 6:] = (changed[:, 6:] + 5) % 30
    adaptation = Adaptation(
        keep_logits=torch.zeros(2, 3, 2),
        gates=torch.ones(2, 3),
        thetas=tuple(0.1 * torch.randn(2, model.theta_size) for _ in range(3)),
    )
    states = [
        run(model, model.embed(lookup(model.tables[0], given), valid), valid, adaptation) for given in (rows, changed)
    ]
    assert torch.equal(states[0][:, :6], states[1][:, :6])
    assert not torch.allclose(states[0][:, 6:], states[1][:, 6:], atol=1e-2)


def test_what_stands_where_padded_is_never_read(model: AdaptiveRecommender) -> None:
    rows, valid = histories()
    clean = lookup(model.tables[0], rows)
    littered = clean + 9 * (1 - valid)[:, :, None]
    states = []
    for history in (clean, littered):
        x = model.embed(history, valid)
        states.append(run(model, x, valid, model.adapt(x, valid)))
    assert torch.equal(states[0][:, -1], states[1][:, -1])


@pytest.mark.parametrize("name", BLIND_TO_PADDING)
def test_a_block_that_is_blind_to_padding_gives_the_same_without_it(name: BackboneName) -> None:
    model = random_network(name)
    x, theta = torch.randn(2, T, 16), 0.1 * torch.randn(2, model.theta_size)
    for length in range(1, T + 1):
        valid = (torch.arange(T) >= T - length).float().expand(2, T)
        for block in model.blocks:
            padded = block(x * valid[:, :, None], valid, theta)
            alone = block(x[:, T - length :], torch.ones(2, length), theta)
            assert torch.allclose(padded[:, T - length :], alone, atol=1e-5), length
            assert not padded[:, : T - length].any()


def test_everything_that_is_trained_is_in_one_list(model: AdaptiveRecommender) -> None:
    model.requires_grad_(True)
    adapting = {id(parameter) for part in (model.controller, model.mapper) for parameter in part.parameters()}
    listed = [id(parameter) for parameter in model.backbone_parameters()]
    assert len(set(listed)) == len(listed)
    assert {id(parameter) for parameter in model.parameters()} == adapting | set(listed)
    model.tables.requires_grad_(False)
    assert id(model.tables) not in {id(parameter) for parameter in model.backbone_parameters()}
