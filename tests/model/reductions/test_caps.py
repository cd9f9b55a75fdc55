from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from ofa_export.errors import ConfigError
from ofa_export.graphs.device import device_graphs
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import Adaptation, AdaptiveRecommender, lookup
from ofa_export.model.reductions.caps import at_ranks, with_depth_cap, with_rank


def embedded(model: AdaptiveRecommender, histories: Tensor) -> tuple[Tensor, Tensor]:
    valid = model.valid((histories >= 0).sum(dim=1))
    return model.embed(lookup(model.tables[0], histories), valid), valid


def without_columns(model: AdaptiveRecommender, adaptation: Adaptation, rank: int) -> Adaptation:
    """The columns of every U from `rank` on set to zero, part by part."""
    narrowed = []
    for theta in adaptation.thetas:
        theta = theta.clone()
        for name, part in model.layout.split(theta).items():
            if name.endswith(".up"):
                part[:, :, rank:] = 0  # a view of theta
        narrowed.append(theta)
    return dataclasses.replace(adaptation, thetas=tuple(narrowed))


@pytest.fixture
def wide(config: ModelConfig) -> AdaptiveRecommender:
    """Rank 5, every weight random."""
    torch.manual_seed(2)
    made = AdaptiveRecommender(config.model_copy(update={"rank": 5})).eval().requires_grad_(False)
    for generator in made.mapper.generators:
        generator.out.weight.normal_(0, 0.1)
        generator.out.bias.normal_(0, 0.1)
    made.controller.head_out.weight.normal_(0, 1.5)
    made.controller.head_out.bias.copy_(torch.tensor([0.0, 0.5]).repeat(config.depth))
    return made


@pytest.mark.parametrize("rank", [1, 2, 4, 5])
def test_a_smaller_rank_is_the_full_one_with_the_other_columns_at_zero(
    wide: AdaptiveRecommender, histories: Tensor, rank: int
) -> None:
    x, valid = embedded(wide, histories)
    full = wide.adapt(x, valid)
    expected = wide.assemble(x, valid, without_columns(wide, full, rank))
    smaller = with_rank(wide, rank)
    found = smaller.assemble(x, valid, smaller.adapt(x, valid))
    assert torch.allclose(found, expected, atol=1e-6)
    masked = at_ranks(wide, full, torch.full((len(x),), rank))
    assert torch.allclose(wide.assemble(x, valid, masked), expected, atol=1e-6)
    if rank < 5:
        assert not torch.allclose(found, wide.assemble(x, valid, full), atol=1e-3)


def test_every_user_can_have_a_rank_of_their_own(wide: AdaptiveRecommender, histories: Tensor) -> None:
    x, valid = embedded(wide, histories)
    full = wide.adapt(x, valid)
    ranks = torch.tensor([5, 1, 3, 2, 4, 1])
    together = wide.assemble(x, valid, at_ranks(wide, full, ranks))
    for user, rank in enumerate(ranks.tolist()):
        alone = wide.assemble(x, valid, without_columns(wide, full, rank))
        assert torch.allclose(together[user], alone[user], atol=1e-6)


def test_a_smaller_rank_has_fewer_parameters_and_its_own(wide: AdaptiveRecommender) -> None:
    before = {name: value.clone() for name, value in wide.state_dict().items()}
    smaller = with_rank(wide, 2)
    assert smaller.config.rank == 2
    assert smaller.theta_size == wide.theta_size - 3 * 6 * wide.config.width
    for parameter in smaller.parameters():
        parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in wide.state_dict().items())


def test_cutting_twice_is_cutting_once(wide: AdaptiveRecommender) -> None:
    once, twice = with_rank(wide, 2).state_dict(), with_rank(with_rank(wide, 4), 2).state_dict()
    assert all(torch.equal(once[name], twice[name]) for name in once)


@pytest.mark.parametrize("rank", [0, -1, 6])
def test_a_rank_that_the_network_has_not_is_refused(wide: AdaptiveRecommender, rank: int) -> None:
    with pytest.raises(ConfigError, match=f"no rank {rank} in a network of rank 5"):
        with_rank(wide, rank)


@pytest.mark.parametrize("cap", [1, 2, 3])
def test_a_cap_keeps_the_blocks_with_the_largest_margins(
    wide: AdaptiveRecommender, histories: Tensor, cap: int
) -> None:
    x, valid = embedded(wide, histories)
    full, capped = wide.adapt(x, valid), with_depth_cap(wide, cap).adapt(x, valid)
    assert torch.equal(full.keep_logits, capped.keep_logits)
    for logits, open_gates, gates in zip(full.keep_logits, full.gates, capped.gates, strict=True):
        margins = (logits[:, 1] - logits[:, 0]).tolist()
        wanted = sorted((i for i in range(3) if open_gates[i]), key=lambda i: -margins[i])[:cap]
        assert gates.nonzero().flatten().tolist() == sorted(wanted)
    assert full.gates.sum(dim=1).max() > 1


def test_the_largest_cap_changes_nothing(wide: AdaptiveRecommender, histories: Tensor) -> None:
    x, valid = embedded(wide, histories)
    assert torch.equal(with_depth_cap(wide, 3).adapt(x, valid).gates, wide.adapt(x, valid).gates)


@pytest.mark.parametrize("cap", [0, 4])
def test_a_cap_that_the_network_cannot_have_is_refused(wide: AdaptiveRecommender, cap: int) -> None:
    with pytest.raises(ConfigError, match=f"3 blocks cannot be capped at {cap}"):
        with_depth_cap(wide, cap)


def test_the_device_graphs_keep_to_the_caps(wide: AdaptiveRecommender, histories: Tensor) -> None:
    smaller = with_rank(with_depth_cap(wide, 1), 3)
    adapt = device_graphs(smaller, candidates=4)[0].module
    for row in histories:
        length = (row >= 0).sum()[None].to(torch.int32)
        _, gates, _, *thetas = adapt(lookup(wide.tables[0], row[None]), length)
        expected = smaller.adapt(*embedded(smaller, row[None]))
        assert torch.equal(gates, expected.gates)
        assert gates.sum() <= 1
        for theta, other in zip(thetas, expected.thetas, strict=True):
            assert torch.allclose(theta, other, atol=1e-6)


def test_making_a_smaller_network_draws_no_random_number(wide: AdaptiveRecommender) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with_depth_cap(with_rank(wide, 1), 1)
    assert torch.equal(torch.rand(3), expected)
