"""The block of pmixer/SASRec.pytorch in its published form: only the query of the attention is normalised.

For checkpoints that were trained with that code; it is kept to the letter, oddities included.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.attention import attend
from ofa_export.model.blocks.masks import causal_bias
from ofa_export.model.blocks.transformer_block import LINEARS, NORMS

EPSILON = 1e-8


class QueryNormBlock(AdaptiveBlock):
    """q = LN(x); y = LN(q + attention(q, x, x)); y + FFN(y), zero where padded.

    Attention is causal and nothing else: padded positions are looked at, with the biases of key and value. The
    published code was trained that way, so short histories are scored with it as they were there.

    Args:
        width: d.
        heads: attention heads.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
        unpadded: dimensions that each LayerNorm looks at, the first ones; d when None.
    """

    def __init__(self, *, width: int, heads: int, rank: int, dropout: float = 0.0, unpadded: int | None = None) -> None:
        super().__init__(
            width=width,
            linears={name: (width, width) for name in LINEARS},
            norms=NORMS,
            rank=rank,
            dropout=dropout,
            epsilon=EPSILON,
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
        normed = self.norm("attention_norm", x, parts)
        query = self.linear("query", normed, parts)
        key, value = self.linear("key", x, parts), self.linear("value", x, parts)
        everywhere = causal_bias(torch.ones_like(valid))
        mixed = attend(query, key, value, bias=everywhere, heads=self.heads, dropout=self.dropout)
        y = self.norm("ffn_norm", normed + self.dropout(self.linear("out", mixed, parts)), parts)
        hidden = self.dropout(torch.relu(self.linear("ffn_in", y, parts)))
        result: Tensor = y + self.dropout(self.linear("ffn_out", hidden, parts))
        return result * valid[:, :, None]
