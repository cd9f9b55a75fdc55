"""The blocks of newer pmixer/SASRec.pytorch, which treats padding like items; kept to the letter.

Nothing is masked there but the future: padded positions start at zero, grow a state of their own in each block, and
later items look at it. The code was trained that way, so short histories are scored with it as they were there.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ofa_export.model.blocks.post_norm_block import PostNormBlock
from ofa_export.model.blocks.query_norm_block import EPSILON, QueryNormBlock
from ofa_export.model.blocks.transformer_block import TransformerBlock


class UnmaskedQueryNormBlock(QueryNormBlock):
    """The published block after positions had come to start at 1, with every position real."""

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        """Run the block with every position real."""
        return super().forward(x, torch.ones_like(valid), theta)


class UnmaskedNormFirstBlock(TransformerBlock):
    """The block of `norm_first`: pre-LN as in `TransformerBlock`, with every position real."""

    EPSILON: ClassVar[float] = EPSILON

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        """Run the block with every position real."""
        return super().forward(x, torch.ones_like(valid), theta)


class UnmaskedNormLastBlock(PostNormBlock):
    """The block without `norm_first`: post-LN as in `PostNormBlock`, with ReLU inside and every position real."""

    EPSILON: ClassVar[float] = EPSILON

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        """Run the block with every position real."""
        return super().forward(x, torch.ones_like(valid), theta)

    def activate(self, x: Tensor) -> Tensor:
        """Apply the nonlinearity inside the feed-forward network."""
        return torch.relu(x)
