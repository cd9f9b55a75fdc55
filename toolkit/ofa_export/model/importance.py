"""PEEL's controller: importance weights of the embedding blocks (PEEL, section 3.3)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.model.config import BLOCK_WIDTH

POPULARITY_FEATURES = 32


class ImportanceController(nn.Module):
    """Popularity and loss of each item group -> one weight per embedding block (PEEL, section 3.3; sizes: our choice).

    Args:
        groups: G_v.
        blocks: N.
    """

    def __init__(self, groups: int, blocks: int) -> None:
        super().__init__()
        self.groups, self.blocks = groups, blocks
        self.hidden = nn.Linear(POPULARITY_FEATURES + 1, 64)
        self.out = nn.Linear(64, blocks)

    def forward(self, popularity: Float[Tensor, "G 32"], loss: Float[Tensor, " G"]) -> Float[Tensor, "G N"]:
        """Weigh every block.

        Args:
            popularity: [G, 32] from `popularity_features`.
            loss: [G], mean loss of the group's items as targets.

        Returns:
            alpha [G, N]: one softmax over all, scaled to mean 1.
        """
        features = torch.cat([popularity, loss[:, None]], dim=1)
        logits = self.out(torch.tanh(self.hidden(features)))
        return torch.softmax(logits.flatten(), dim=0).reshape(self.groups, self.blocks) * (self.groups * self.blocks)


def popularity_features(
    counts: Int[Tensor, " V"], item_groups: Int[Tensor, " V"], groups: int
) -> Float[Tensor, "G 32"]:
    """Sines and cosines of each item group's mean log popularity.

    Args:
        counts: [V], training interactions of each item.
        item_groups: [V].
        groups: G.

    Returns:
        [G, 32].
    """
    logs = torch.log1p(counts.float())
    mean = logs.new_zeros(groups).index_add_(0, item_groups, logs) / torch.bincount(item_groups, minlength=groups)
    angles = mean[:, None] / math.log(10) * torch.logspace(-1, 1, POPULARITY_FEATURES // 2, device=mean.device)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def block_diversity(table: Float[Tensor, "V d"]) -> Float[Tensor, ""]:
    """Return mean squared cosine between the blocks of an item (PEEL, section 3.1; bounded form: our choice).

    Args:
        table: [V, d].

    Returns:
        A scalar between 0 (all blocks orthogonal) and 1.
    """
    blocks = F.normalize(table.reshape(len(table), -1, BLOCK_WIDTH), dim=2)
    N = blocks.shape[1]
    cosines = blocks @ blocks.transpose(1, 2)
    upper = torch.triu_indices(N, N, offset=1, device=table.device)
    return cosines[:, upper[0], upper[1]].square().mean() if N > 1 else table.new_zeros(())


def weigh(
    table: Float[Tensor, "V d"], alpha: Float[Tensor, "G N"], item_groups: Int[Tensor, " V"]
) -> Float[Tensor, "V d"]:
    """Multiply each block by its weight.

    Args:
        table: [V, d].
        alpha: [G, N].
        item_groups: [V].

    Returns:
        [V, d].
    """
    return table * alpha[item_groups].repeat_interleave(BLOCK_WIDTH, dim=1)
