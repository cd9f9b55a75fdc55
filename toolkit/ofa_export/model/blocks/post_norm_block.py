"""The block of RecBole's SASRec: attention and feed-forward network, each with its LayerNorm after the residual.

For checkpoints that were trained with that code.
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.attention import attend
from ofa_export.model.blocks.masks import causal_bias
from ofa_export.model.blocks.transformer_block import NORMS


class PostNormBlock(AdaptiveBlock):
    """y = LN(x + attention(x)); LN(y + FFN(y)) with GELU inside, zero where padded.

    Args:
        width: d.
        inner_width: width inside the feed-forward network.
        heads: attention heads.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
        unpadded: dimensions that each LayerNorm looks at, the first ones; d when None.
    """

    EPSILON: ClassVar[float] = 1e-12

    def __init__(
        self, *, width: int, inner_width: int, heads: int, rank: int, dropout: float = 0.0, unpadded: int | None = None
    ) -> None:
        square = {name: (width, width) for name in ("query", "key", "value", "out")}
        super().__init__(
            width=width,
            linears={**square, "ffn_in": (width, inner_width), "ffn_out": (inner_width, width)},
            norms=NORMS,
            rank=rank,
            dropout=dropout,
            epsilon=self.EPSILON,
            unpadded=unpadded,
        )
        self.heads = heads

    def forward(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], theta: Float[Tensor, "B P"] | None
    ) -> Float[Tensor, "B T d"]:
        """Run the block.

        Args:
            x: [B, T, d], zero where padded.
            valid: [B, T], 1 where a position is real.
            theta: [B, P]; None or zeros give the static block.

        Returns:
            [B, T, d], zero where padded.
        """
        parts = self.layout.split(theta)
        query, key, value = (self.linear(name, x, parts) for name in ("query", "key", "value"))
        mixed = attend(query, key, value, bias=causal_bias(valid), heads=self.heads, dropout=self.dropout)
        y = self.norm("attention_norm", x + self.dropout(self.linear("out", mixed, parts)), parts)
        hidden = self.activate(self.linear("ffn_in", y, parts))
        y = self.norm("ffn_norm", y + self.dropout(self.linear("ffn_out", hidden, parts)), parts)
        return y * valid[:, :, None]

    def activate(self, x: Tensor) -> Tensor:
        """Return the nonlinearity inside the feed-forward network."""
        return F.gelu(x)
