from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender, lookup
from ofa_export.model.reductions.caps import with_rank
from ofa_export.model.reductions.rank_order import rank_ordered

RANK = 5


@pytest.fixture
def wide(config: ModelConfig) -> AdaptiveRecommender:
    """Rank 5, every weight random; the last columns of every U carry the most."""
    torch.manual_seed(2)
    made = AdaptiveRecommender(config.model_copy(update={"rank": RANK})).eval().requires_grad_(False)
    growing = 0.02 * 2.0 ** made.layout.columns.float()
    for generator in made.mapper.generators:
        generator.out.weight.normal_(0, 1).mul_(growing[:, None])
        generator.out.bias.normal_(0, 1).mul_(growing)
    return made


def embedded(model: AdaptiveRecommender, histories: Tensor) -> tuple[Tensor, Tensor]:
    length = (histories >= 0).sum(dim=1)
    return model.embed(lookup(model.tables[0], histories), model.valid(length)), length


def generated(model: AdaptiveRecommender, x: Tensor, length: Tensor) -> dict[tuple[int, str], Tensor]:
    """U V^T of every layer and history, [B, out, in]."""
    found = {}
    for index, (block, theta) in enumerate(zip(model.blocks, model.adapt(x, model.valid(length)).thetas, strict=True)):
        assert isinstance(block, AdaptiveBlock)
        parts = block.layout.split(theta)
        for name, layer in block.linears.items():
            found[index, name] = parts[f"{name}.up"] @ layer.basis.weight
    return found


def test_the_whole_rank_stays_the_same_network(wide: AdaptiveRecommender, histories: Tensor) -> None:
    x, length = embedded(wide, histories)
    turned = rank_ordered(wide, x, length)
    before, after = generated(wide, x, length), generated(turned, x, length)
    for key, product in before.items():
        assert torch.allclose(after[key], product, atol=1e-5), key
    candidates = wide.tables[0]
    history = lookup(candidates, histories)
    assert torch.allclose(turned(history, length, candidates), wide(history, length, candidates), atol=1e-4)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_fewer_columns_lose_as_little_as_any_can(wide: AdaptiveRecommender, histories: Tensor, rank: int) -> None:
    x, length = embedded(wide, histories)
    whole = generated(wide, x, length)
    kept = generated(with_rank(rank_ordered(wide, x, length), rank), x, length)
    plain = generated(with_rank(wide, rank), x, length)
    for key, product in whole.items():
        rows = product.reshape(-1, product.shape[-1])
        least = torch.linalg.svdvals(rows)[rank:].square().sum()
        lost = (kept[key] - product).square().sum()
        assert lost == pytest.approx(least.item(), rel=1e-3, abs=1e-6), key
        assert lost < 0.5 * (plain[key] - product).square().sum(), key


def test_the_same_network_gives_the_same_bytes(wide: AdaptiveRecommender, histories: Tensor) -> None:
    first, again = (rank_ordered(wide, *embedded(wide, histories)).state_dict() for _ in range(2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, wide.state_dict()[name]) for name, value in first.items())
