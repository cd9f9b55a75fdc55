from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ofa_export.model.blocks.relative_positions import by_distance
from ofa_export.model.blocks.relative_transformer_block import RelativeTransformerBlock
from ofa_export.model.blocks.transformer_block import TransformerBlock

T = 6


def block_of(distances: Tensor) -> RelativeTransformerBlock:
    torch.manual_seed(0)
    block = RelativeTransformerBlock(width=16, heads=2, history_length=T, rank=3).eval().requires_grad_(False)
    block.distances.copy_(distances)
    return block


@pytest.mark.parametrize("length", [1, 2, 5])
def test_each_pair_of_positions_gets_the_number_of_its_distance(length: int) -> None:
    values = torch.randn(2, 3, length)
    found = by_distance(values)
    assert found.shape == (2, 3, length, length)
    for query in range(length):
        for key in range(query + 1):
            assert torch.equal(found[:, :, query, key], values[:, :, length - 1 - (query - key)])


def test_with_equal_numbers_it_is_the_transformer_block() -> None:
    block = block_of(torch.full((2, T), 0.7))
    plain = TransformerBlock(width=16, heads=2, rank=3).eval().requires_grad_(False)
    plain.load_state_dict({name: value for name, value in block.state_dict().items() if name != "distances"})
    x, theta = torch.randn(2, T, 16), 0.1 * torch.randn(2, block.layout.size)
    torch.testing.assert_close(block(x, torch.ones(2, T), theta), plain(x, torch.ones(2, T), theta))


def test_a_large_number_turns_attention_to_its_distance() -> None:
    distances = torch.zeros(2, T)
    distances[:, T - 1 - 2] = 50.0
    block = block_of(distances)
    x = torch.randn(1, T, 16)
    expected = block(x, torch.ones(1, T), None)[:, 4]
    # Of what the last position but one sees, only itself and what stands two before it matter.
    others = x.clone()
    others[:, [0, 1, 3]] = torch.randn(1, 3, 16)
    torch.testing.assert_close(block(others, torch.ones(1, T), None)[:, 4], expected)
    others[:, 2] = torch.randn(16)
    assert not torch.allclose(block(others, torch.ones(1, T), None)[:, 4], expected, atol=1e-3)


def test_every_distance_learns() -> None:
    block = block_of(torch.zeros(2, T)).requires_grad_(True)
    (block(torch.randn(3, T, 16), torch.ones(3, T), None) * torch.randn(3, T, 16)).sum().backward()
    assert block.distances.grad is not None
    assert (block.distances.grad != 0).all()
