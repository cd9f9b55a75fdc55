"""Masks of left-padded histories: the positions that are real, and those that each may look at."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

# Large enough that exp() of it is 0 in fp32, small enough that adding a score to it stays finite.
MASKED = -1e9


def valid_positions(
    length: Int[Tensor, " B"], history_length: int, *, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "B T"]:
    """1 where a position holds a real item, 0 where it is padding.

    Args:
        length: [B], real items of each history.
        history_length: T.
        dtype: of the result.

    Returns:
        [B, T] of 0 and 1; the last `length` positions are real.
    """
    positions = torch.arange(history_length, dtype=torch.int32, device=length.device)
    return (positions >= history_length - length.to(torch.int32)[:, None]).to(dtype)


def causal_bias(valid: Float[Tensor, "B T"]) -> Float[Tensor, "B 1 T T"]:
    """Additive attention bias: 0 where a query may look at a key, a large negative number elsewhere.

    Args:
        valid: [B, T] from `valid_positions`.

    Returns:
        [B, 1, T, T]; position t looks at real positions up to t.
    """
    T = valid.shape[1]
    causal = torch.tril(torch.ones(T, T, device=valid.device))
    return (1 - causal * valid[:, None, None, :]) * MASKED
