"""Layer normalisation of vectors that are padded to the width of the tiles.

A source's width may be no multiple of 8. Its vectors are then padded on the right, and every normalisation is one of
the source's own dimensions alone: their mean and variance are those of the source, and what is padded comes out as 0.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def normalised(x: Float[Tensor, "*rows d"], unpadded: int, *, epsilon: float) -> Float[Tensor, "*rows d"]:
    """Normalise the first dimensions, without gain and bias; the others come out as 0.

    Args:
        x: [..., d].
        unpadded: how many of the d dimensions count; d where nothing is padded.
        epsilon: added to the variance.
    """
    padding = x.shape[-1] - unpadded
    if not padding:
        return F.layer_norm(x, (unpadded,), eps=epsilon)
    return F.pad(F.layer_norm(x[..., :unpadded], (unpadded,), eps=epsilon), (0, padding))


class PaddedLayerNorm(nn.LayerNorm):
    """A LayerNorm of the first dimensions.

    Args:
        width: d.
        unpadded: how many of them count.
        epsilon: added to the variance.
    """

    def __init__(self, width: int, unpadded: int, epsilon: float) -> None:
        super().__init__(width, eps=epsilon)
        self.unpadded = unpadded

    def forward(self, x: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows d"]:
        """Normalise, [..., d] -> [..., d]; what is padded comes out as the bias there."""
        return normalised(x, self.unpadded, epsilon=self.eps) * self.weight + self.bias


def layer_norm(width: int, unpadded: int, epsilon: float = 1e-5) -> nn.LayerNorm:
    """Make the LayerNorm of vectors that may be padded.

    Args:
        width: d.
        unpadded: how many of the dimensions count; d where nothing is padded.
        epsilon: added to the variance.
    """
    if unpadded == width:
        return nn.LayerNorm(width, eps=epsilon)
    return PaddedLayerNorm(width, unpadded, epsilon)
