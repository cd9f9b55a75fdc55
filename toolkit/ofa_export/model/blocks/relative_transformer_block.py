"""The default block with attention that knows distances, after T5 and HSTU."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ofa_export.model.blocks.relative_positions import by_distance
from ofa_export.model.blocks.transformer_block import TransformerBlock


class RelativeTransformerBlock(TransformerBlock):
    """`TransformerBlock` with a learned number for each head and distance (T5, section 2.1; one per distance: HSTU).

    Positions alone tell it badly: that an item came three before another has to be learnt anew for every place.

    Args:
        width: d.
        heads: attention heads.
        history_length: T.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
    """

    def __init__(self, *, width: int, heads: int, history_length: int, rank: int, dropout: float = 0.0) -> None:
        super().__init__(width=width, heads=heads, rank=rank, dropout=dropout)
        # The farthest first, as positions stand: a shorter history takes the last ones.
        self.distances = nn.Parameter(torch.zeros(heads, history_length))

    def attention_bias(self, valid: Float[Tensor, "B T"]) -> Float[Tensor, "B H T T"]:
        """Return mask and distances, [B, heads, T, T].

        Args:
            valid: [B, T].
        """
        # The product with 0 keeps converters from storing the T x T numbers of each head as a constant.
        distances = self.distances[:, -valid.shape[1] :] + 0 * valid[:, None, :]
        return by_distance(distances) + super().attention_bias(valid)
