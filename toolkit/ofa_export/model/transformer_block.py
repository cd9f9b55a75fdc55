"""The backbone block: pre-LN causal self-attention and a feed-forward network, static weights plus generated ones."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ofa_export.model.adaptive_layers import AdaptiveLayerNorm, AdaptiveLinear
from ofa_export.model.masks import causal_bias
from ofa_export.model.theta import ThetaLayout

LINEARS = ("query", "key", "value", "out", "ffn_in", "ffn_out")
NORMS = ("attention_norm", "ffn_norm")


class TransformerBlock(nn.Module):
    """F_l(x; theta_l) of Forward-OFA on a SASRec layer (pre-LN and FFN width d: our choice).

    Args:
        width: d.
        heads: attention heads.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
    """

    def __init__(self, *, width: int, heads: int, rank: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.layout = ThetaLayout(
            linears=tuple((name, width) for name in LINEARS), norms=tuple((name, width) for name in NORMS), rank=rank
        )
        self.linears = nn.ModuleDict({name: AdaptiveLinear(width, width, rank) for name in LINEARS})
        self.norms = nn.ModuleDict({name: AdaptiveLayerNorm(width) for name in NORMS})
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], theta: Float[Tensor, "B P"]
    ) -> Float[Tensor, "B T d"]:
        """Run the block.

        Args:
            x: [B, T, d], zero where padded.
            valid: [B, T], 1 where a position is real.
            theta: [B, P]; zeros give the static block.

        Returns:
            [B, T, d], zero where padded.
        """
        parts = self.layout.split(theta)
        x = x + self.dropout(self._attend(self._norm("attention_norm", x, parts), valid, parts))
        hidden = torch.relu(self._linear("ffn_in", self._norm("ffn_norm", x, parts), parts))
        x = x + self.dropout(self._linear("ffn_out", self.dropout(hidden), parts))
        return x * valid[:, :, None]

    def _linear(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        result: Tensor = self.linears[name](x, parts[f"{name}.up"], parts[f"{name}.bias"])
        return result

    def _norm(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        result: Tensor = self.norms[name](x, parts[f"{name}.gain"])
        return result

    def _attend(self, x: Tensor, valid: Tensor, parts: dict[str, Tensor]) -> Tensor:
        B, T, d = x.shape
        query, key, value = (
            self._linear(name, x, parts).reshape(B, T, self.heads, d // self.heads).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        logits = query @ key.transpose(2, 3) / math.sqrt(d // self.heads) + causal_bias(valid)
        weights = self.dropout(torch.softmax(logits, dim=-1))
        return self._linear("out", (weights @ value).transpose(1, 2).reshape(B, T, d), parts)
