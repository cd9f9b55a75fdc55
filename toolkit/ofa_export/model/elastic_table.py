"""The item table as a phone with few bytes sees it, differentiable: codes, planes and fitted tables of a bundle.

`bundle.codes` holds the same arithmetic in numpy for files; a test keeps the two equal.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ofa_export.model.config import BLOCK_WIDTH

CLIP = 3.0
EXPONENT = 0.7


def group_of_row(group_sizes: tuple[int, ...]) -> Int[Tensor, " V"]:
    """Item group of each table row, [V]."""
    return torch.repeat_interleave(torch.arange(len(group_sizes)), torch.tensor(group_sizes))


def block_rms(table: Float[Tensor, "V d"], groups: Int[Tensor, " V"]) -> Float[Tensor, "G N"]:
    """Root mean square of each (item group, embedding block).

    Args:
        table: [V, d].
        groups: [V], item group of each row.
    """
    V, d = table.shape
    squares = table.reshape(V, d // BLOCK_WIDTH, BLOCK_WIDTH).square().mean(dim=2)
    counts = torch.bincount(groups).to(table.dtype)
    sums = squares.new_zeros(len(counts), squares.shape[1]).index_add_(0, groups, squares)
    return (sums / counts[:, None]).sqrt()


def keep_planes(
    table: Float[Tensor, "V d"], planes: Int[Tensor, "G N"], groups: Int[Tensor, " V"]
) -> Float[Tensor, "V d"]:
    """Keep only the first bit planes of each block, with straight-through gradients (our choice).

    Args:
        table: [V, d].
        planes: [G, N], planes kept of each (item group, embedding block), 0 to 8.
        groups: [V], item group of each row.

    Returns:
        [V, d]: what a device reads. The gradient passes to every value with at least one plane.
    """
    with torch.no_grad():
        scale = block_rms(table, groups)[groups].repeat_interleave(BLOCK_WIDTH, dim=1)
        normal = torch.where(scale > 0, table / scale.clamp(min=torch.finfo(table.dtype).tiny), 0.0)
        unit = (normal / CLIP).clamp(-1, 1)
        codes = (128 * (1 + unit.sign() * unit.abs() ** EXPONENT)).floor().clamp(0, 255).long()
        kept = planes[groups].repeat_interleave(BLOCK_WIDTH, dim=1)
        read = torch.zeros_like(table)
        for count in torch.unique(planes).tolist():
            if count:
                cells = codes >> (8 - count)
                read = torch.where(kept == count, _cell_means(normal, cells, scale > 0, 2**count)[cells] * scale, read)
    return torch.where(kept > 0, table + (read - table).detach(), torch.zeros_like(table))


def _cell_means(normal: Tensor, cells: Tensor, used: Tensor, size: int) -> Tensor:
    """Mean normalised value of each of `size` cells; blocks of zeros do not count, empty cells are never read."""
    flat = cells.flatten()
    sums = normal.new_zeros(size).index_add_(0, flat, normal.flatten())
    counts = torch.bincount(flat, weights=used.flatten().double(), minlength=size)
    return sums / counts.clamp(min=1).to(normal.dtype)
