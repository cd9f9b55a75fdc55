"""The structure-guided mapper: recent behaviour to the parameters of the blocks, in one pass."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ofa_export.model.extractor import PairExtractor


class Generator(nn.Module):
    """Emits all P parameters of one block; nothing is shared between blocks (Forward-OFA, section 3.3).

    The last layer starts at zero, so that training starts AT the static net (our choice).

    Args:
        width: d.
        theta_size: P.
    """

    def __init__(self, *, width: int, theta_size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, theta_size)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, z: Float[Tensor, "B d"]) -> Float[Tensor, "B P"]:
        """Generate theta_l from z, [B, d] -> [B, P]."""
        result: Tensor = self.out(torch.relu(self.hidden(z)))
        return result


class StructureGuidedMapper(nn.Module):
    """Structural vector, second extractor E_m and L parallel generators (Forward-OFA, section 3.3).

    The structural vector reaches the extractor as its pooling query (our choice).

    Args:
        width: d.
        theta_sizes: P of each of the L blocks.
        dropout: share of z that is dropped while training.
        unpadded: dimensions of the history's vectors that count; d when None.
    """

    def __init__(
        self, *, width: int, theta_sizes: tuple[int, ...], dropout: float = 0.0, unpadded: int | None = None
    ) -> None:
        super().__init__()
        self.structure = nn.Linear(2 * len(theta_sizes), width)
        self.query = nn.Linear(width, width)
        self.extractor = PairExtractor(width, unpadded or width)
        self.dropout = nn.Dropout(dropout)
        self.generators = nn.ModuleList(Generator(width=width, theta_size=size) for size in theta_sizes)

    def forward(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], keep_logits: Float[Tensor, "B L 2"]
    ) -> tuple[Float[Tensor, "B P"], ...]:
        """Generate every block's parameters.

        Args:
            x: [B, T, d], embedded history.
            valid: [B, T].
            keep_logits: [B, L, 2], taken before the Gumbel step.

        Returns:
            theta_0 … theta_{L-1}, each [B, P].
        """
        return self.generate(self.interest(x, valid, keep_logits))

    def interest(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], keep_logits: Float[Tensor, "B L 2"]
    ) -> Float[Tensor, "B d"]:
        """Return what the generators see of a history: z, [B, d]; arguments as for `forward`."""
        structure = self.structure(keep_logits.flatten(1))
        z: Tensor = self.dropout(self.extractor(x, valid, self.query(structure)))
        return z

    def generate(self, z: Float[Tensor, "B d"]) -> tuple[Float[Tensor, "B P"], ...]:
        """Return every block's parameters from z [B, d]: theta_0 … theta_{L-1}, each [B, P]."""
        return tuple(generator(z) for generator in self.generators)
