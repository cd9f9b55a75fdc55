"""Base of the backbone blocks: named layers whose weights are static plus generated, and the layout of theta."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ofa_export.model.blocks.adaptive_layers import AdaptiveLayerNorm, AdaptiveLinear
from ofa_export.model.theta import ThetaLayout


class AdaptiveBlock(nn.Module):
    """F_l(x; theta_l) of Forward-OFA: a subclass says which layers there are and writes `forward`.

    `forward` takes x [B, T, d], valid [B, T] (1 where a position is real) and theta [B, P], and returns [B, T, d].
    With theta None it is the static block, as with zeros, without their cost. What x holds where padded must not depend
    on anything but the history.

    Args:
        width: d.
        linears: name -> (in, out) of each adaptive linear layer.
        norms: names of the adaptive LayerNorms.
        rank: r of the generated weights.
        dropout: share of dropped activations while training.
        epsilon: what each LayerNorm adds to the variance.
        unpadded: dimensions that each LayerNorm looks at, the first ones; d when None.
    """

    def __init__(
        self,
        *,
        width: int,
        linears: Mapping[str, tuple[int, int]],
        norms: tuple[str, ...],
        rank: int,
        dropout: float,
        epsilon: float = 1e-5,
        unpadded: int | None = None,
    ) -> None:
        super().__init__()
        self.layout = ThetaLayout(
            linears=tuple((name, out) for name, (_, out) in linears.items()),
            norms=tuple((name, width) for name in norms),
            rank=rank,
        )
        self.linears = nn.ModuleDict(
            {name: AdaptiveLinear(inputs, outputs, rank) for name, (inputs, outputs) in linears.items()}
        )
        self.norms = nn.ModuleDict({name: AdaptiveLayerNorm(width, epsilon, unpadded=unpadded) for name in norms})
        self.dropout = nn.Dropout(dropout)

    def linear(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        """Apply a linear layer, [B, T, in] -> [B, T, out].

        Args:
            name: of the layer.
            x: [B, T, in].
            parts: theta as `layout` splits it; nothing gives the static layer.
        """
        result: Tensor = self.linears[name](x, parts.get(f"{name}.up"), parts.get(f"{name}.bias"))
        return result

    def norm(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        """Apply a LayerNorm, [B, T, d] -> [B, T, d].

        Args:
            name: of the layer.
            x: [B, T, d].
            parts: theta as `layout` splits it; nothing gives the static layer.
        """
        result: Tensor = self.norms[name](x, parts.get(f"{name}.gain"))
        return result
