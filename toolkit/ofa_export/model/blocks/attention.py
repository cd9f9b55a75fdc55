"""Scaled dot-product attention of several heads, written out so that every converter knows its operations."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


def attend(
    query: Float[Tensor, "B T d"],
    key: Float[Tensor, "B T d"],
    value: Float[Tensor, "B T d"],
    *,
    bias: Float[Tensor, "B H T T"],
    heads: int,
    dropout: nn.Module,
) -> Float[Tensor, "B T d"]:
    """Mix the values of the positions that each position may look at.

    Args:
        query: [B, T, d].
        key: [B, T, d].
        value: [B, T, d].
        bias: [B, heads or 1, T, T], added to the logits; see `masks.causal_bias`.
        heads: a divisor of d.
        dropout: applied to the attention weights.

    Returns:
        [B, T, d], the heads side by side.
    """
    B, T, d = query.shape
    query, key, value = (
        projected.reshape(B, T, heads, d // heads).transpose(1, 2) for projected in (query, key, value)
    )
    logits = query @ key.transpose(2, 3) / math.sqrt(d // heads) + bias
    weights = dropout(torch.softmax(logits, dim=-1))
    mixed: Tensor = (weights @ value).transpose(1, 2).reshape(B, T, d)
    return mixed
