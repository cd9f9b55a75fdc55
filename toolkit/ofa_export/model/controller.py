"""The structure controller: which backbone blocks a user's network is assembled from."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.model.extractor import PairExtractor
from ofa_export.model.initialisation import initialised


class StructureController(nn.Module):
    """Extractor E_c and head of Forward-OFA, section 3.2.

    Args:
        width: d.
        depth: L.
        depth_cap: m, blocks that a user's network has at most; L when None.
        unpadded: dimensions of the history's vectors that count; d when None.
    """

    def __init__(self, *, width: int, depth: int, depth_cap: int | None = None, unpadded: int | None = None) -> None:
        super().__init__()
        self.depth = depth
        self.depth_cap = depth if depth_cap is None else depth_cap
        self.extractor = PairExtractor(width, unpadded or width)
        self.query = nn.Parameter(initialised(width, std=width**-0.5))
        self.head_in = nn.Linear(width, width)
        self.head_out = nn.Linear(width, 2 * depth)
        # Training starts at the static net, so at first every block is kept (our choice).
        with torch.no_grad():
            self.head_out.weight.mul_(0.1)
            self.head_out.bias.copy_(torch.tensor([-2.0, 2.0]).repeat(depth))

    def forward(self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"]) -> Float[Tensor, "B L 2"]:
        """Decide for each block.

        Args:
            x: [B, T, d], embedded history.
            valid: [B, T].

        Returns:
            keep_logits [B, L, 2]; slot 1 means keep.
        """
        pooled = self.extractor(x, valid, self.query.expand(x.shape[0], -1))
        logits: Tensor = self.head_out(torch.relu(self.head_in(pooled)))
        return logits.reshape(-1, self.depth, 2)

    def decide(self, keep_logits: Float[Tensor, "B L 2"]) -> Float[Tensor, "B L"]:
        """Return gates at inference, [B, L, 2] -> [B, L] of 0 and 1, no more than the cap allows of them 1."""
        return hard_gates(keep_logits) if self.depth_cap == self.depth else capped_gates(keep_logits, self.depth_cap)


def hard_gates(keep_logits: Float[Tensor, "B L 2"]) -> Float[Tensor, "B L"]:
    """Return gates at inference: 1 where keep beats skip (Forward-OFA, section 3.2).

    Args:
        keep_logits: [B, L, 2].

    Returns:
        [B, L] of 0 and 1.
    """
    return (keep_logits[:, :, 1] > keep_logits[:, :, 0]).to(keep_logits.dtype)


def capped_gates(keep_logits: Float[Tensor, "B L 2"], depth_cap: int) -> Float[Tensor, "B L"]:
    """Return gates at inference of which at most m are 1: those with the largest margins (our choice).

    Args:
        keep_logits: [B, L, 2].
        depth_cap: m; of equal margins the earlier block's counts as larger.

    Returns:
        [B, L] of 0 and 1.
    """
    margins = keep_logits[:, :, 1] - keep_logits[:, :, 0]
    own, other = margins[:, :, None], margins[:, None, :]
    L = margins.shape[1]
    earlier = torch.ones(L, L, dtype=torch.bool, device=margins.device).tril(-1)
    # Comparisons, because not every runtime has top-k, and no float arithmetic on them: ExecuTorch's partitioner would
    # put it into one piece with the generators, which run before and after the comparisons.
    ahead = ((other > own) | ((other == own) & earlier)).sum(dim=2)
    kept = (keep_logits[:, :, 1] > keep_logits[:, :, 0]) & (ahead < depth_cap)
    return kept.to(keep_logits.dtype)


def sampled_gates(keep_logits: Float[Tensor, "B L 2"], *, temperature: float = 1.0) -> Float[Tensor, "B L"]:
    """Gates while training: straight-through Gumbel-softmax, hard forward and soft backward (Forward-OFA, section 3.2).

    Args:
        keep_logits: [B, L, 2].
        temperature: tau.

    Returns:
        [B, L] of 0 and 1 with the gradient of the soft sample.
    """
    return F.gumbel_softmax(keep_logits, tau=temperature, hard=True)[:, :, 1]
