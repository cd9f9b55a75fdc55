from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ofa_export.model.blocks.transformer_block import LINEARS, NORMS, TransformerBlock


@pytest.fixture
def block() -> TransformerBlock:
    torch.manual_seed(0)
    return TransformerBlock(width=16, heads=2, rank=3).eval().requires_grad_(False)


def run(block: TransformerBlock, x: Tensor, theta: Tensor) -> Tensor:
    result: Tensor = block(x, torch.ones(x.shape[:2]), theta)
    return result


def test_position_t_does_not_depend_on_positions_after_it(block: TransformerBlock) -> None:
    x, theta = torch.randn(2, 5, 16), 0.3 * torch.randn(2, block.layout.size)
    changed = x.clone()
    changed[:, 3:] = torch.randn(2, 2, 16)
    expected, found = run(block, x, theta), run(block, changed, theta)
    assert torch.equal(expected[:, :3], found[:, :3])
    assert not torch.allclose(expected[:, 3:], found[:, 3:], atol=1e-3)


def test_every_generated_parameter_has_an_effect(block: TransformerBlock) -> None:
    x = torch.randn(1, 5, 16)
    theta = torch.zeros(1, block.layout.size, requires_grad=True)
    (run(block, x, theta) * torch.randn(1, 5, 16)).sum().backward()
    assert theta.grad is not None
    parts = block.layout.split(theta.grad)
    assert set(parts) == {f"{n}.{p}" for n in LINEARS for p in ("up", "bias")} | {f"{n}.gain" for n in NORMS}
    # A bias of all keys alike moves every logit of a query alike, which softmax does not see.
    assert parts.pop("key.bias").abs().max() < 1e-4
    for name, gradient in parts.items():
        dead_units = 0.9 if name.startswith("ffn_in") else 0.0
        assert (gradient == 0).float().mean() <= dead_units, name


def test_zeros_are_the_static_block(block: TransformerBlock) -> None:
    x = torch.randn(2, 5, 16)
    for linear in block.linears.values():
        linear.basis.weight.normal_()
    expected = run(block, x, torch.zeros(2, block.layout.size))
    for linear in block.linears.values():
        linear.basis.weight.normal_()
    assert torch.equal(run(block, x, torch.zeros(2, block.layout.size)), expected)
