"""A backbone block without attention: a linear recurrent unit and a feed-forward network, after LRURec."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock

STATE_EXPANSION = 2
"""Complex numbers in the state per dimension (LRURec's code)."""

INNER_EXPANSION = 4
"""Width inside the feed-forward network per dimension (LRURec, section 4.2)."""

RING = (0.8, 0.99)
"""Radii between which the eigenvalues start (LRURec's code)."""

SMALLEST_PHASE = 1e-6
"""Of an eigenvalue that is drawn, in radians: its logarithm is what is trained."""


class LinearRecurrentBlock(AdaptiveBlock):
    """y = LN(x + C h), then LN(y + FFN(y)), where h_t = lambda h_(t-1) + gamma B x_t (LRURec, section 4).

    lambda is complex and diagonal, so that the state of one event follows from that of the event before it, whatever
    came earlier. Generated are parts of B, C and the feed-forward network; lambda and gamma are the same for everybody
    (our choice). The recurrence is that of Orvieto et al., section 3.

    Args:
        width: d.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
    """

    def __init__(self, *, width: int, rank: int, dropout: float = 0.0) -> None:
        states, inner = STATE_EXPANSION * width, INNER_EXPANSION * width
        super().__init__(
            width=width,
            linears={
                "state_in": (width, 2 * states),
                "state_out": (2 * states, width),
                "ffn_in": (width, inner),
                "ffn_out": (inner, width),
            },
            norms=("recurrence_norm", "ffn_norm"),
            rank=rank,
            dropout=dropout,
        )
        squared_radius = torch.empty(states).uniform_(RING[0] ** 2, RING[1] ** 2)
        self.decay_log = nn.Parameter((-0.5 * squared_radius.log()).log())
        self.phase_log = nn.Parameter(torch.empty(states).uniform_(SMALLEST_PHASE, 2 * math.pi).log())
        # What comes in is made smaller where much of it is kept, so that every part of the state starts equally large.
        self.scale_log = nn.Parameter(0.5 * (1 - squared_radius).log())

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
        # Masked, because a bias would make padding visible to the first items.
        driven = self.linear("state_in", x, parts) * real
        state = torch.cat(self._states(*driven.chunk(2, dim=-1)), dim=-1)
        y = self.norm("recurrence_norm", x + self.dropout(self.linear("state_out", state, parts)), parts)
        hidden = self.dropout(F.gelu(self.linear("ffn_in", y, parts)))
        return self.norm("ffn_norm", y + self.dropout(self.linear("ffn_out", hidden, parts)), parts) * real

    def eigenvalues(self) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """Return lambda = exp(-exp(nu) + i exp(theta)), real and imaginary parts; never outside the unit circle."""
        radius, phase = torch.exp(-torch.exp(self.decay_log)), torch.exp(self.phase_log)
        return radius * torch.cos(phase), radius * torch.sin(phase)

    def _states(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        scale = torch.exp(self.scale_log)
        return recurrence(scale * real, scale * imaginary, *self.eigenvalues())


def recurrence(
    real: Float[Tensor, "B T n"],
    imaginary: Float[Tensor, "B T n"],
    factor_real: Float[Tensor, " n"],
    factor_imaginary: Float[Tensor, " n"],
) -> tuple[Float[Tensor, "B T n"], Float[Tensor, "B T n"]]:
    """Compute h_t = factor * h_(t-1) + x_t for every t at once, in log2(T) rounds of products, sums and shifts.

    After a round, each position has what it and the 2, 4, 8 … positions up to it give (the prefix sum of Hillis and
    Steele; the shapes are static, and nothing is complex, so that every converter knows it).

    Args:
        real: [B, T, n], of x.
        imaginary: [B, T, n], of x.
        factor_real: [n].
        factor_imaginary: [n].

    Returns:
        h, real and imaginary parts, each [B, T, n].
    """
    a, b, steps = factor_real, factor_imaginary, 1
    while steps < real.shape[1]:
        before, before_imaginary = _delayed(real, steps), _delayed(imaginary, steps)
        real, imaginary = (
            real + a * before - b * before_imaginary,
            imaginary + a * before_imaginary + b * before,
        )
        a, b, steps = a * a - b * b, 2 * a * b, 2 * steps
    return real, imaginary


def _delayed(x: Tensor, steps: int) -> Tensor:
    return F.pad(x[:, :-steps], (0, 0, steps, 0))
