"""Orders the columns of the generated weights by what they carry, so that a smaller rank keeps the most of it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.adaptive_layers import AdaptiveLinear
from ofa_export.model.mapper import Generator
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.reductions.caps import copied


@torch.no_grad()
def rank_ordered(
    model: AdaptiveRecommender, x: Float[Tensor, "B T d"], length: Int[Tensor, " B"]
) -> AdaptiveRecommender:
    """The same network with other columns of U and V: the first r' are the best r' there are, for every r'.

    U V^T stays what it is; V gets orthonormal columns, and U's second moment over the histories becomes diagonal,
    largest first. So `with_rank` loses as little of the generated weights, in mean square over those histories, as any
    choice of columns of this product can (Eckart and Young). Source: our choice.

    Args:
        model: left as it is.
        x: [B, T, d] from `embed`, histories to look at; their targets are not needed.
        length: [B], real items of each.

    Returns:
        A network of its own, equal to `model` up to rounding.
    """
    made = copied(model)
    thetas = model.adapt(x, model.valid(length)).thetas
    for block, generator, theta in zip(made.blocks, made.mapper.generators, thetas, strict=True):
        assert isinstance(block, AdaptiveBlock)
        assert isinstance(generator, Generator)
        parts, start, rank = block.layout.split(theta), 0, block.layout.rank
        for name, out in block.layout.linears:
            layer = block.linears[name]
            assert isinstance(layer, AdaptiveLinear)
            turn = _turn(layer, parts[f"{name}.up"])
            rows = slice(start, start + out * rank)
            weight = generator.out.weight[rows].reshape(out, rank, -1)
            generator.out.weight[rows] = torch.einsum("ork,rs->osk", weight, turn).reshape(out * rank, -1)
            generator.out.bias[rows] = (generator.out.bias[rows].reshape(out, rank) @ turn).flatten()
            start += out * rank
    return made


def _turn(layer: AdaptiveLinear, up: Tensor) -> Tensor:
    """Turn the basis V^T [r, in] of a layer in place; returns what U [B, out, r] has to be multiplied by, [r, r].

    With V^T = L Q and U L = U', any rotation E of U' is undone by E^T Q: the one that diagonalises U'^T U' is taken.
    """
    Q, R = torch.linalg.qr(layer.basis.weight.T)
    turned = up @ R.T
    _, E = torch.linalg.eigh(torch.einsum("bor,bos->rs", turned, turned))
    # A sign of its own for each column, so that the same weights give the same bytes.
    E = E.flip(1)
    E = E * torch.where(E.gather(0, E.abs().argmax(dim=0, keepdim=True)) < 0, -1.0, 1.0)
    layer.basis.weight.copy_(E.T @ Q.T)
    turn: Tensor = R.T @ E
    return turn
