"""A backbone block without attention: dilated causal convolutions with gates, after NextItNet and Caser."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock

TAPS = 3
"""Positions that a convolution reads: its own and two before it."""

DILATIONS = ((1, 2), (4, 8))
"""Of the two convolutions of a block; blocks take turns, so that depth widens the view (NextItNet, section 3.2)."""


class GatedConvolutionBlock(AdaptiveBlock):
    """Two residual layers x + value * sigmoid(gate), both convolutions of the normalised input (gates: our choice).

    Each convolution is one linear layer on the neighbouring taps side by side, which both runtimes quantise as they
    do every linear layer; its generated part is low-rank over taps and channels together.

    Args:
        width: d.
        index: l, which of the network's blocks this is; it decides the dilations.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
    """

    def __init__(self, *, width: int, index: int, rank: int, dropout: float = 0.0) -> None:
        dilations = DILATIONS[index % len(DILATIONS)]
        names = tuple(f"convolution_{number}" for number in range(len(dilations)))
        super().__init__(
            width=width,
            linears={name: (TAPS * width, 2 * width) for name in names},
            norms=tuple(f"{name}_norm" for name in names),
            rank=rank,
            dropout=dropout,
        )
        self.convolutions = tuple(zip(names, dilations, strict=True))

    def forward(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], theta: Float[Tensor, "B P"] | None
    ) -> Float[Tensor, "B T d"]:
        """Run the block.

        Args:
            x: [B, T, d].
            valid: [B, T], 1 where a position is real.
            theta: [B, P]; None or zeros give the static block.

        Returns:
            [B, T, d], zero where padded.
        """
        parts, real = self.layout.split(theta), valid[:, :, None]
        for name, dilation in self.convolutions:
            # Masked, because the bias of the norm would make padding visible to the first items.
            normed = self.norm(f"{name}_norm", x, parts) * real
            value, gate = self.linear(name, causal_taps(normed, dilation), parts).chunk(2, dim=-1)
            x = x + self.dropout(value * torch.sigmoid(gate))
        return x * real


def causal_taps(x: Float[Tensor, "B T d"], dilation: int) -> Float[Tensor, "B T k"]:
    """Put what a dilated causal convolution reads at each position side by side: x there and `dilation` steps before.

    Args:
        x: [B, T, d].
        dilation: positions between two taps.

    Returns:
        [B, T, TAPS * d]; zero where a tap lies before the first position.
    """
    return torch.cat([_delayed(x, tap * dilation) for tap in range(TAPS)], dim=-1)


def _delayed(x: Tensor, steps: int) -> Tensor:
    if steps == 0:
        return x
    if steps >= x.shape[1]:
        return torch.zeros_like(x)
    return F.pad(x[:, :-steps], (0, 0, steps, 0))
