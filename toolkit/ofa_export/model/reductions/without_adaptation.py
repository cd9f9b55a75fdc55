"""The static net in the shape of an adapting one: every block runs, nothing is generated, and no weights are spent."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ofa_export.model.network import CERTAIN, AdaptiveRecommender
from ofa_export.model.reductions.caps import with_rank


class EveryBlock(nn.Module):
    """Stands for the structure controller; keeps every block.

    Args:
        depth: L.
    """

    sure: Tensor

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.register_buffer("sure", torch.tensor([-CERTAIN, CERTAIN]).repeat(depth, 1), persistent=False)

    def forward(self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"]) -> Float[Tensor, "B L 2"]:
        """Decide for each block, [B, T, d], [B, T] -> [B, L, 2]."""
        return self.sure + 0 * valid[:, -1:, None]

    def decide(self, keep_logits: Float[Tensor, "B L 2"]) -> Float[Tensor, "B L"]:
        """Gates, [B, L, 2] -> [B, L] of 1."""
        return (keep_logits[:, :, 1] > keep_logits[:, :, 0]).to(keep_logits.dtype)


class NoParameters(nn.Module):
    """Stands for the mapper; every theta is 0.

    Args:
        theta_sizes: P of each of the L blocks.
    """

    def __init__(self, theta_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.theta_sizes = theta_sizes

    def forward(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], keep_logits: Float[Tensor, "B L 2"]
    ) -> tuple[Float[Tensor, "B P"], ...]:
        """Generate nothing: L zeros [B, P]."""
        return tuple((0 * valid[:, -1:]).expand(-1, size) for size in self.theta_sizes)


def without_adaptation(model: AdaptiveRecommender) -> AdaptiveRecommender:
    """Return the static net, for which no structure controller and no mapper need to be shipped.

    Args:
        model: left as it is.

    Returns:
        A network of its own, of rank 1: what is left of the generated weights is multiplied by 0.
    """
    made = with_rank(model, 1)
    depth = model.config.depth
    made.controller = EveryBlock(depth)  # type: ignore[assignment]
    made.mapper = NoParameters((made.theta_size,) * depth)  # type: ignore[assignment]
    return made.eval()
