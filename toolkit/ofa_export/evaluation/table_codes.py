"""Other ways to make an item table small, differentiable, to stand beside bit-plane tiles at equal bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ofa_export.errors import MissingToolError

CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Shares of a column's largest magnitude that are tried as range of a uniform code; the least squared error wins."""


def uniform_code(table: Tensor, bits: int) -> Tensor:
    """Code the table with a symmetric uniform code, one float32 scale per column, with straight-through gradients.

    Args:
        table: [V, d].
        bits: 2 to 8.

    Returns:
        [V, d].
    """
    with torch.no_grad():
        levels = 2 ** (bits - 1) - 0.5
        largest = table.abs().amax(dim=0).clamp(min=1e-12)
        best, read = torch.full_like(largest, torch.inf), torch.zeros_like(table)
        for clip in CLIPS:
            step = clip * largest / levels
            # Mid-rise: 2^bits values, none of them 0, so that no bit is wasted at 2 bits.
            coded = (torch.floor(table / step).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) + 0.5) * step
            error = (coded - table).square().sum(dim=0)
            read = torch.where(error < best, coded, read)
            best = torch.minimum(best, error)
    return table + (read - table).detach()


def uniform_bytes(items: int, width: int, bits: int) -> int:
    """Return bytes of a uniform code: packed codes and one float32 per column."""
    return (items * width * bits + 7) // 8 + 4 * width


@dataclass(kw_only=True)
class ProductCode:
    """Product quantisation by faiss, with straight-through gradients; codebooks follow the table as it trains.

    Source: Jégou et al., "Product quantization for nearest neighbor search" (2011); straight-through: our choice.

    Args:
        dims: dimensions of each part that a row is cut into; has to divide the width.
        bits: of the code of each part.
        refit_every: calls between two fits of the codebooks.
    """

    dims: int
    bits: int = 4
    refit_every: int = 50
    _calls: int = 0
    _quantiser: Any = field(default=None)

    def size(self, items: int, width: int) -> int:
        """Return bytes of packed codes and float32 codebooks."""
        codebooks: int = 4 * 2**self.bits * width
        return (items * (width // self.dims) * self.bits + 7) // 8 + codebooks

    def read(self, table: Tensor) -> Tensor:
        """Return the table as it is after coding and decoding, [V, d]; refits the codebooks when it is time."""
        values = np.ascontiguousarray(table.detach().numpy())
        if self._calls % self.refit_every == 0:
            self.fit(values)
        self._calls += 1
        decoded = torch.from_numpy(self._quantiser.decode(self._quantiser.compute_codes(values)))
        return table + (decoded - table).detach()

    def fit(self, values: np.ndarray) -> None:
        """Fit codebooks to a table.

        Args:
            values: float32 [V, d].

        Raises:
            MissingToolError: faiss is not installed.
        """
        try:
            import faiss
        except ImportError as error:
            raise MissingToolError(
                'Product quantisation needs faiss. Install it with `pip install "ofa-export[train]"`.'
            ) from error
        faiss.omp_set_num_threads(1)
        quantiser = faiss.ProductQuantizer(values.shape[1], values.shape[1] // self.dims, self.bits)
        quantiser.cp.min_points_per_centroid = 1
        quantiser.cp.seed = 1
        quantiser.train(values)
        self._quantiser = quantiser
