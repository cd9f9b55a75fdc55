from __future__ import annotations

import hashlib

import numpy as np
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


def generated(model: AdaptiveRecommender) -> dict[tuple[int, str], Tensor]:
    """What each hidden unit of a generator at 1, and its bias, add to U V^T of every layer, [hidden + 1, out, in]."""
    found = {}
    for index, (block, generator) in enumerate(zip(model.blocks, model.mapper.generators, strict=True)):
        assert isinstance(block, AdaptiveBlock)
        parts = block.layout.split(torch.cat([generator.out.weight.T, generator.out.bias[None]]))
        for name, layer in block.linears.items():
            found[index, name] = parts[f"{name}.up"] @ layer.basis.weight
    return found


def test_the_whole_rank_stays_the_same_network(wide: AdaptiveRecommender, histories: Tensor) -> None:
    _, length = embedded(wide, histories)
    turned = rank_ordered(wide)
    before, after = generated(wide), generated(turned)
    for key, product in before.items():
        assert torch.allclose(after[key], product, atol=1e-5), key
    candidates = wide.tables[0]
    history = lookup(candidates, histories)
    assert torch.allclose(turned(history, length, candidates), wide(history, length, candidates), atol=1e-4)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_fewer_columns_lose_as_little_as_any_can(wide: AdaptiveRecommender, rank: int) -> None:
    whole = generated(wide)
    kept = generated(with_rank(rank_ordered(wide), rank))
    plain = generated(with_rank(wide, rank))
    for key, product in whole.items():
        rows = product.reshape(-1, product.shape[-1])
        least = torch.linalg.svdvals(rows)[rank:].square().sum()
        lost = (kept[key] - product).square().sum()
        assert lost == pytest.approx(least.item(), rel=1e-3, abs=1e-6), key
        assert lost < 0.5 * (plain[key] - product).square().sum(), key


def test_columns_that_say_the_same_twice_and_a_mapper_that_was_never_trained_are_no_mistake(
    wide: AdaptiveRecommender,
) -> None:
    for block, generator in zip(wide.blocks, wide.mapper.generators, strict=True):
        for layer in block.linears.values():
            layer.basis.weight[1] = layer.basis.weight[0]
        generator.out.weight.zero_()
        generator.out.bias.zero_()
    turned = rank_ordered(wide)
    assert all(torch.isfinite(value).all() for value in turned.state_dict().values())
    for block in turned.blocks:
        for layer in block.linears.values():
            gram = layer.basis.weight @ layer.basis.weight.T
            assert torch.allclose(gram @ gram, gram, atol=1e-5)  # orthonormal rows, but for one of zeros
            assert gram.trace() == pytest.approx(RANK - 1, abs=1e-4)


def simple_weights(count: int, salt: int) -> np.ndarray:
    """Numbers between -1 and 1 that are made by integers, and so are the same everywhere."""
    numbers = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(2_654_435_761 + 2 * salt) % 2**24
    return (numbers / 2**23 - 1).astype(np.float32)


def test_the_same_weights_give_the_same_bytes_on_every_processor(config: ModelConfig) -> None:
    model = AdaptiveRecommender(config.model_copy(update={"rank": RANK})).eval().requires_grad_(False)
    for salt, value in enumerate(model.state_dict().values()):
        value.copy_(torch.from_numpy(simple_weights(value.numel(), salt)).reshape(value.shape))
    digest = hashlib.sha256()
    for name, value in rank_ordered(model).state_dict().items():
        if "basis" in name or "generators" in name:
            digest.update(value.numpy().tobytes())
    # Found on processors with and without AVX-512, and on those that docs/reproducibility.md names.
    assert digest.hexdigest() == "6c949232885a9a70d11a880c9d700d1f0ef86b4712d1262935ae4fea53f6922a"
