"""One vector of a history: features of neighbouring items, then attention pooling."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.model.blocks.masks import MASKED
from ofa_export.model.blocks.padded_norm import layer_norm

EXPANSION = 4
"""Products per dimension; with fewer, or with ReLU instead of products, transitions between items are learnt slowly."""


class PairExtractor(nn.Module):
    """Extractor of Forward-OFA; the pair features (A x_t + a) * (B x_{t-1}) are our choice.

    Plain attention pooling sees a bag of items and learns little where order matters; a GRU would unroll into T steps
    on a device. A product sees which item followed which and nothing else: what items say alone would drown it. The
    first item of a history follows none, so all histories of one item get the same parameters.

    Args:
        width: d.
        unpadded: dimensions of the history's vectors that count, the first ones; d where nothing is padded.
    """

    def __init__(self, width: int, unpadded: int) -> None:
        super().__init__()
        self.norm = layer_norm(width, unpadded)
        self.current = nn.Linear(width, EXPANSION * width)
        self.previous = nn.Linear(width, EXPANSION * width, bias=False)
        self.mix = nn.Linear(EXPANSION * width, width)
        self.key = nn.Linear(width, width)
        self.pooled_norm = nn.LayerNorm(width)

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
        features = self.mix(self.current(x) * self.previous(before))
        logits = (self.key(features) * query[:, None, :]).sum(dim=-1) / math.sqrt(x.shape[-1])
        weights = torch.softmax(logits + (1 - valid) * MASKED, dim=-1)
        pooled: Tensor = self.pooled_norm((weights[:, :, None] * features).sum(dim=1))
        return pooled
