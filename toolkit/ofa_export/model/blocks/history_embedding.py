"""Input of the first block: item embeddings and positions of a history, scaled or normalised.

The positions themselves, [T, d], belong to the network; a backbone that knows the order without them has none.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ofa_export.model.blocks.padded_norm import layer_norm


class ScaledEmbedding(nn.Module):
    """sqrt(d) * embedding + position, the newest item always at the last position (SASRec, section III.A).

    Args:
        width: d, before any padding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = math.sqrt(width)

    def forward(
        self, history: Float[Tensor, "B T d"], position: Float[Tensor, "T d"], valid: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B T d"]:
        """Embed a history.

        Args:
            history: [B, T, d], item embeddings, left-padded.
            position: [T, d].
            valid: [B, T].

        Returns:
            [B, T, d]; whatever it likes where padded.
        """
        return self.scale * history + position


class NormedItems(nn.Module):
    """LayerNorm(embedding), for backbones that know the order without positions (LRURec, section 4.2).

    Args:
        width: d.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, history: Float[Tensor, "B T d"], position: None, valid: Float[Tensor, "B T"]) -> Tensor:
        """Embed a history.

        Args:
            history: [B, T, d], item embeddings, left-padded.
            position: there are none.
            valid: [B, T].

        Returns:
            [B, T, d]; whatever it likes where padded.
        """
        result: Tensor = self.norm(history)
        return result


class NormedEmbedding(nn.Module):
    """LayerNorm(embedding + position), the oldest item always at the first position (RecBole's SASRec).

    Args:
        width: d.
        epsilon: what the LayerNorm adds to the variance.
        unpadded: dimensions that the LayerNorm looks at, the first ones.
    """

    def __init__(self, width: int, epsilon: float, *, unpadded: int) -> None:
        super().__init__()
        self.norm = layer_norm(width, unpadded, epsilon)

    def forward(
        self, history: Float[Tensor, "B T d"], position: Float[Tensor, "T d"], valid: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B T d"]:
        """Embed a history.

        Args:
            history: [B, T, d], item embeddings, left-padded.
            position: [T, d].
            valid: [B, T].

        Returns:
            [B, T, d]; whatever it likes where padded.
        """
        result: Tensor = self.norm(history + from_the_oldest(position, valid))
        return result


def with_padding(
    x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], padding: Float[Tensor, " d"] | None
) -> Float[Tensor, "B T d"]:
    """Return an embedded history with what stands where it is padded.

    Args:
        x: [B, T, d], anything where padded.
        valid: [B, T].
        padding: [d], the same at every padded position; zeros when None.
    """
    x = x * valid[:, :, None]
    return x if padding is None else x + (1 - valid)[:, :, None] * padding


def from_the_oldest(position: Float[Tensor, "T d"], valid: Float[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
    """Return positions shifted so that the oldest real item gets the first one.

    The shift is a product with a matrix of 0 and 1: it needs no index that is known only when the graph runs.

    Args:
        position: [T, d].
        valid: [B, T], the last `length` positions are real.

    Returns:
        [B, T, d], zero where padded.
    """
    T = position.shape[0]
    places = torch.arange(T, dtype=position.dtype, device=position.device)
    padding = T - valid.sum(dim=1)
    # Whole numbers as floats are exact, and their distance is 0 or at least 1.
    distance = places[None, :, None] - padding[:, None, None] - places[None, None, :]
    shift: Tensor = torch.relu(1 - distance.abs())
    return shift @ position
