"""Order of the columns of the generated weights by what they carry, so that a smaller rank keeps the most of it.

Last digits would decide codes later: int4 puts the largest weight of a group exactly between two codes. So the turned
weights are the same on every processor. They follow from the weights alone, by float64 sums in a fixed order, which
IEEE 754 rounds alike everywhere (no BLAS, no LAPACK), and by an eigenvalue solver that computes with integers.
"""

from __future__ import annotations

import numpy as np
import torch
from mpmath import MPContext
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.adaptive_layers import AdaptiveLinear
from ofa_export.model.mapper import Generator
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.reductions.caps import copied

Matrix = NDArray[np.float64]

_DEPENDENT = 1e-12
"""Share of a row's length below which what earlier rows leave of it counts as nothing."""


@torch.no_grad()
def rank_ordered(model: AdaptiveRecommender) -> AdaptiveRecommender:
    """Turn the columns of every U and V so that the first r' are the best r' there are, for every r'.

    U V^T stays what it is; V gets orthonormal columns, and U's second moment becomes diagonal, largest first. So
    `with_rank` loses as little of the generated weights, in mean square, as any choice of columns of this product can
    (Eckart and Young), for a generator whose hidden units are uncorrelated and of equal power. Histories are not looked
    at: with those of validation instead, NDCG@10 at smaller ranks was the same or lower (docs/decisions.md). Source:
    our choice.

    Args:
        model: left as it is.

    Returns:
        A network of its own, equal to `model` up to rounding; the same bytes on every processor.
    """
    made = copied(model)
    for block, generator in zip(made.blocks, made.mapper.generators, strict=True):
        assert isinstance(block, AdaptiveBlock)
        assert isinstance(generator, Generator)
        start, rank = 0, block.layout.rank
        for name, out in block.layout.linears:
            layer = block.linears[name]
            assert isinstance(layer, AdaptiveLinear)
            rows = slice(start, start + out * rank)
            _turn(layer.basis.weight, generator.out.weight[rows], generator.out.bias[rows])
            start += out * rank
    return made


def _turn(basis: Tensor, weight: Tensor, bias: Tensor) -> None:
    """Turn a layer's basis V^T `[r, in]` and what generates its U, `[out * r, hidden]` and `[out * r]`, in place.

    With V^T = L Q and U L = U', any rotation E of U' is undone by E^T Q: the one that diagonalises U'^T U' is taken.
    """
    rank = len(basis)
    # What one hidden unit at 1, or the bias, adds to U: [out, hidden + 1, r].
    ups = np.concatenate([weight.double().reshape(-1, rank, weight.shape[1]), bias.double().reshape(-1, rank, 1)], 2)
    ups = ups.transpose(0, 2, 1)
    L, Q = _factors(basis.double().numpy())
    moved = _product(ups.reshape(-1, rank), L)
    E = _directions(_product(moved.T, moved))
    turned = _product(moved, E).reshape(ups.shape).transpose(0, 2, 1)
    basis.copy_(torch.from_numpy(_product(E.T, Q)))
    weight.copy_(torch.from_numpy(turned[:, :, :-1].reshape(weight.shape)))
    bias.copy_(torch.from_numpy(turned[:, :, -1].reshape(bias.shape)))


def _factors(rows: Matrix) -> tuple[Matrix, Matrix]:
    """Factor rows `[r, in]` into L Q: L `[r, r]` lower triangular, rows of Q `[r, in]` orthonormal, or zero."""
    L, Q = np.zeros((len(rows), len(rows))), np.zeros(rows.shape)
    for index, row in enumerate(rows):
        left = row.copy()
        for _ in range(2):  # The second pass takes away what rounding left in the first.
            for earlier in range(index):
                share = (left * Q[earlier]).sum()
                L[index, earlier] += share
                left -= share * Q[earlier]
        length = np.sqrt(np.square(left).sum())
        if length > _DEPENDENT * np.sqrt(np.square(row).sum()):
            L[index, index] = length
            Q[index] = left / length
    return L, Q


def _directions(moment: Matrix) -> Matrix:
    """Return the eigenvectors of a symmetric matrix `[r, r]` as columns, largest eigenvalue first.

    Of equal eigenvalues the solver's order stays; the largest entry of a column, the first of equal ones, is positive.
    """
    context = MPContext()
    values, vectors = context.eigsy(context.matrix(moment.tolist()))
    E = np.array(vectors.tolist(), np.float64)[:, np.argsort(-np.array(list(values), np.float64), kind="stable")]
    largest = np.abs(E).argmax(axis=0)
    return E * np.where(E[largest, np.arange(len(E))] < 0, -1.0, 1.0)


def _product(left: Matrix, right: Matrix) -> Matrix:
    """Multiply matrices `[n, k]` and `[k, m]`, adding in an order that follows from their shapes alone."""
    return np.stack([(left * column).sum(axis=1) for column in right.T], axis=1)
