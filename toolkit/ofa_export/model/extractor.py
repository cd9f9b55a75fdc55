"""Turns a history into one vector: pair features, then attention pooling."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.model.masks import MASKED


class PairExtractor(nn.Module):
    """Extractor of Forward-OFA; the pair features x_t + MLP([x_t, x_{t-1}]) are our choice.

    Plain attention pooling sees a bag of items and learns little where order matters; a GRU would unroll into T steps
    on a device.

    Args:
        width: d.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.current = nn.Linear(width, width)
        self.previous = nn.Linear(width, width, bias=False)
        self.mix = nn.Linear(width, width)
        self.key = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], query: Float[Tensor, "B d"]
    ) -> Float[Tensor, "B d"]:
        """Pool a history.

        Args:
            x: [B, T, d], zero where padded.
            valid: [B, T], 1 where a position is real.
            query: [B, d], what the pooling looks for.

        Returns:
            [B, d]; padding has no influence.
        """
        x = self.norm(x) * valid[:, :, None]
        before = F.pad(x[:, :-1], (0, 0, 1, 0))
        features = x + self.mix(torch.relu(self.current(x) + self.previous(before)))
        logits = (self.key(features) * query[:, None, :]).sum(dim=-1) / math.sqrt(x.shape[-1])
        weights = torch.softmax(logits + (1 - valid) * MASKED, dim=-1)
        pooled: Tensor = (weights[:, :, None] * features).sum(dim=1)
        return pooled
