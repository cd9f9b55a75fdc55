from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.blocks.gated_convolution_block import DILATIONS, TAPS, GatedConvolutionBlock, causal_taps

D = 8


@pytest.fixture(params=range(3))
def block(request: pytest.FixtureRequest) -> GatedConvolutionBlock:
    torch.manual_seed(request.param)
    made = GatedConvolutionBlock(width=D, index=request.param, rank=3).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    return made


def convolved(block: GatedConvolutionBlock, x: Tensor, theta: Tensor, index: int) -> Tensor:
    """The same block for one user, with PyTorch's own convolution and whole weights instead of bases."""
    parts = block.layout.split(theta)
    for number, dilation in enumerate(DILATIONS[index % 2]):
        name = f"convolution_{number}"
        norm, linear = block.norms[f"{name}_norm"], block.linears[name]
        h = F.layer_norm(x, (D,), norm.gain + parts[f"{name}_norm.gain"][0], norm.bias)
        weight = linear.static.weight + parts[f"{name}.up"][0] @ linear.basis.weight
        # Tap 0 is the position itself, which a convolution counts last.
        kernel = weight.reshape(2 * D, TAPS, D).flip(1).permute(0, 2, 1)
        padded = F.pad(h.T, ((TAPS - 1) * dilation, 0))
        bias = linear.static.bias + parts[f"{name}.bias"][0]
        value, gate = F.conv1d(padded[None], kernel, bias, dilation=dilation)[0].T.chunk(2, dim=-1)
        x = x + value * torch.sigmoid(gate)
    return x


@pytest.mark.parametrize("length", [1, 5, 20])
def test_it_is_a_gated_dilated_convolution(block: GatedConvolutionBlock, length: int) -> None:
    index = 0 if dict(block.convolutions)["convolution_0"] == DILATIONS[0][0] else 1
    x, theta = torch.randn(1, length, D), 0.2 * torch.randn(1, block.layout.size)
    found = block(x, torch.ones(1, length), theta)
    assert torch.allclose(found[0], convolved(block, x[0], theta, index), atol=1e-5)


def test_every_generated_parameter_has_an_effect(block: GatedConvolutionBlock) -> None:
    theta = torch.zeros(1, block.layout.size, requires_grad=True)
    (block(torch.randn(1, 12, D), torch.ones(1, 12), theta) * torch.randn(1, 12, D)).sum().backward()
    assert theta.grad is not None
    assert (theta.grad != 0).all()


def test_taps_reach_back_by_the_dilation_and_no_further_than_the_first_position() -> None:
    x = torch.arange(1.0, 6.0)[None, :, None]
    assert causal_taps(x, 2)[0].tolist() == [[1, 0, 0], [2, 0, 0], [3, 1, 0], [4, 2, 0], [5, 3, 1]]
    assert causal_taps(x, 8)[0].tolist() == [[t, 0, 0] for t in (1, 2, 3, 4, 5)]
