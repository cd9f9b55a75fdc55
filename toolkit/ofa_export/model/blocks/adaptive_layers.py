"""Layers with static weights that generated parameters add to (Forward-OFA, section 3.3; low-rank: our choice)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ofa_export.model.blocks.padded_norm import normalised


class AdaptiveLinear(nn.Module):
    """A linear layer W = W_static + U V^T with V static and U, plus a bias, generated per user.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        rank: r, columns of U and V.
    """

    def __init__(self, in_features: int, out_features: int, rank: int) -> None:
        super().__init__()
        self.static = nn.Linear(in_features, out_features)
        self.basis = nn.Linear(in_features, rank, bias=False)
        nn.init.xavier_uniform_(self.static.weight)
        nn.init.zeros_(self.static.bias)

    def forward(
        self, x: Float[Tensor, "B T i"], up: Float[Tensor, "B o r"] | None, bias: Float[Tensor, "B o"] | None
    ) -> Float[Tensor, "B T o"]:
        """Apply the layer.

        Args:
            x: [B, T, in].
            up: U, [B, out, r]; None for the static layer.
            bias: [B, out], added to the static bias; None with `up`.

        Returns:
            [B, T, out].
        """
        if up is None or bias is None:
            static: Tensor = self.static(x)
            return static
        result: Tensor = self.static(x) + torch.bmm(self.basis(x), up.transpose(1, 2)) + bias[:, None, :]
        return result


class AdaptiveLayerNorm(nn.Module):
    """Layer normalisation with a generated difference of its gain.

    Args:
        width: d.
        epsilon: added to the variance.
        unpadded: dimensions that count, the first ones; d where nothing is padded.
    """

    def __init__(self, width: int, epsilon: float = 1e-5, *, unpadded: int | None = None) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.unpadded = unpadded or width
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "B T d"], gain: Float[Tensor, "B d"] | None) -> Float[Tensor, "B T d"]:
        """Normalise over the last dimension.

        Args:
            x: [B, T, d].
            gain: [B, d], added to the static gain; None for the static layer.

        Returns:
            [B, T, d].
        """
        total = self.gain if gain is None else (self.gain + gain)[:, None, :]
        return normalised(x, self.unpadded, epsilon=self.epsilon) * total + self.bias
