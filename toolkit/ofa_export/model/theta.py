"""Layout of the P generated parameters of one backbone block."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class ThetaLayout:
    """Layout of theta_l: every U, then every bias, then every LayerNorm gain (our choice).

    Args:
        linears: (name, out) of each adaptive linear layer, in order.
        norms: (name, width) of each adaptive LayerNorm, in order.
        rank: r.
    """

    linears: tuple[tuple[str, int], ...]
    norms: tuple[tuple[str, int], ...]
    rank: int

    @property
    def size(self) -> int:
        """P, the number of generated parameters."""
        return sum(out * (self.rank + 1) for _, out in self.linears) + sum(width for _, width in self.norms)

    @property
    def columns(self) -> Int[Tensor, " P"]:
        """Column of U that each parameter belongs to, from 0; that of biases and gains is 0, for they always stay.

        Those below r' are the parameters of the layout of rank r', in its order.
        """
        ups = torch.arange(self.rank).repeat(sum(out for _, out in self.linears))
        return torch.cat([ups, torch.zeros(self.size - len(ups), dtype=torch.int64)])

    def split(self, theta: Float[Tensor, "B P"] | None) -> dict[str, Tensor]:
        """Cut theta into its named parts.

        Args:
            theta: [B, P]; None has no parts.

        Returns:
            `NAME.up` [B, out, r] and `NAME.bias` [B, out] of each linear layer, `NAME.gain` [B, width] of each norm.
        """
        parts: dict[str, Tensor] = {}
        if theta is None:
            return parts
        start = 0
        for name, out in self.linears:
            parts[f"{name}.up"] = theta[:, start : start + out * self.rank].reshape(-1, out, self.rank)
            start += out * self.rank
        for name, out in self.linears:
            parts[f"{name}.bias"] = theta[:, start : start + out]
            start += out
        for name, width in self.norms:
            parts[f"{name}.gain"] = theta[:, start : start + width]
            start += width
        return parts
