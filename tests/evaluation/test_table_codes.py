from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.evaluation.table_codes import ProductCode, uniform_bytes, uniform_code


def table(items: int = 300, width: int = 16) -> torch.Tensor:
    return torch.randn(items, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_uniform_code_has_that_many_evenly_spaced_values_per_column(bits: int) -> None:
    read = uniform_code(table(4000), bits)
    for column in read.T:
        values = column.round(decimals=4).unique()
        assert len(values) <= 2**bits
        steps = values.diff() / values.diff().min()
        assert (steps - steps.round()).abs().max() < 0.02 * steps.max()


def test_more_bits_are_closer_and_more_bytes() -> None:
    errors = [(uniform_code(table(), bits) - table()).square().mean().item() for bits in (2, 3, 4, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-4
    assert [uniform_bytes(10, 16, bits) for bits in (2, 8)] == [40 + 64, 160 + 64]


def test_gradients_pass_straight_through() -> None:
    for read in (lambda values: uniform_code(values, 3), ProductCode(dims=4).read):
        values = table().requires_grad_(True)
        (read(values) * 2).sum().backward()
        assert values.grad is not None
        assert torch.equal(values.grad, torch.full_like(values, 2))


def test_a_product_code_reads_each_part_from_its_codebook() -> None:
    code = ProductCode(dims=4, bits=4)
    read = code.read(table()).numpy()
    for part in np.split(read, 4, axis=1):
        assert len(np.unique(part.round(5), axis=0)) <= 16
    assert code.size(300, 16) == 300 * 2 + 16 * 16 * 4
    finer = ProductCode(dims=1, bits=4).read(table()).numpy()
    assert np.square(finer - table().numpy()).mean() < np.square(read - table().numpy()).mean()


def test_codebooks_follow_the_table() -> None:
    code = ProductCode(dims=4, refit_every=1)
    code.read(table())
    moved = code.read(table() + 10)
    assert (moved - 10 - table()).abs().mean() < 1
