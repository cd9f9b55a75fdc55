"""Attention that knows how far back it looks: a learned number for each head and distance, added to the logits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def by_distance(values: Float[Tensor, "B H T"]) -> Float[Tensor, "B H T T"]:
    """Spread numbers of distances over pairs of positions.

    Only shapes change, by what every converter knows: rows of T + 1 numbers, read again as rows of T, move on by one
    from row to row (the skewing of Music Transformer, Huang et al. 2018, section 3.4.1).

    Args:
        values: [B, H, T], the farthest distance first: T - 1, …, 1, 0.

    Returns:
        [B, H, T, T]; position t looks at position s with the number of t - s, and with any number where s is later.
    """
    B, H, T = values.shape
    row = torch.cat([values[:, :, -1:], torch.zeros_like(values[:, :, :1]), values[:, :, :-1]], dim=2)
    rows = row[:, :, None, :].expand(B, H, T, T + 1).reshape(B, H, T * (T + 1))
    return rows[:, :, : T * T].reshape(B, H, T, T)
