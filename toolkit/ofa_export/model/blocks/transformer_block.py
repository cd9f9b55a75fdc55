"""The default backbone block: pre-LN causal self-attention and a feed-forward network."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.attention import attend
from ofa_export.model.blocks.masks import causal_bias

LINEARS = ("query", "key", "value", "out", "ffn_in", "ffn_out")
NORMS = ("attention_norm", "ffn_norm")


class TransformerBlock(AdaptiveBlock):
    """F_l(x; theta_l) of Forward-OFA on a SASRec layer (pre-LN and FFN width d: our choice).

    Args:
        width: d.
        heads: attention heads.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
        unpadded: dimensions that each LayerNorm looks at, the first ones; d when None.
    """

    EPSILON: ClassVar[float] = 1e-5

    def __init__(self, *, width: int, heads: int, rank: int, dropout: float = 0.0, unpadded: int | None = None) -> None:
        super().__init__(
            width=width,
            linears={name: (width, width) for name in LINEARS},
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
        x = x + self.dropout(self._attend(self.norm("attention_norm", x, parts), valid, parts))
        hidden = torch.relu(self.linear("ffn_in", self.norm("ffn_norm", x, parts), parts))
        x = x + self.dropout(self.linear("ffn_out", self.dropout(hidden), parts))
        return x * valid[:, :, None]

    def _attend(self, x: Tensor, valid: Tensor, parts: dict[str, Tensor]) -> Tensor:
        query, key, value = (self.linear(name, x, parts) for name in ("query", "key", "value"))
        mixed = attend(query, key, value, bias=self.attention_bias(valid), heads=self.heads, dropout=self.dropout)
        return self.linear("out", mixed, parts)

    def attention_bias(self, valid: Float[Tensor, "B T"]) -> Float[Tensor, "B H T T"]:
        """Return what is added to the logits of attention, [B, heads or 1, T, T].

        Args:
            valid: [B, T].
        """
        return causal_bias(valid)
