from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ofa_export.bundle import codes
from ofa_export.model import elastic_table
from ofa_export.model.elastic_table import block_rms, group_of_row, keep_planes

SIZES = (5, 5, 4)
GROUPS = group_of_row(SIZES)


def near_a_boundary(table: NDArray[np.float32]) -> bool:
    """Whether a rounding error could move a value into the next cell of the code."""
    blocks = table.astype(np.float64).reshape(len(table), -1, 8)
    rms = np.stack([np.sqrt(np.square(blocks[rows]).mean(axis=(0, 2))) for rows in np.split(np.arange(14), (5, 10))])
    scale = np.repeat(rms, SIZES, axis=0)[:, :, None]
    x = np.divide(blocks, 3 * scale, out=np.zeros_like(blocks), where=scale > 0)
    position = 128 * np.abs(x[(x != 0) & (np.abs(x) < 1)]) ** 0.7
    return bool((np.abs(position - np.round(position)) < 1e-4).any() or (np.abs(np.abs(x) - 1) < 1e-6).any())


def random_table(seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    table = rng.standard_t(3, size=(14, 16)) * 10 ** rng.uniform(-2, 2, size=(14, 1))
    table[rng.random(table.shape) < 0.1] = 0
    return table.astype(np.float32)


def test_both_packages_use_the_same_code() -> None:
    assert (elastic_table.CLIP, elastic_table.EXPONENT, elastic_table.BLOCK_WIDTH) == (
        codes.CLIP,
        codes.EXPONENT,
        codes.BLOCK_WIDTH,
    )


@given(
    seed=st.integers(0, 2**32),
    planes=st.lists(st.integers(0, 8), min_size=6, max_size=6),
    empty=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_kept_planes_are_what_a_file_with_these_planes_decodes_to(
    seed: int, planes: list[int], empty: list[bool]
) -> None:
    table = random_table(seed)
    absent = np.repeat(np.repeat(np.array(empty).reshape(3, 2), SIZES, axis=0), 8, axis=1)
    table[absent & (seed % 4 == 0)] = 0
    assume(not near_a_boundary(table))
    kept = np.array(planes, np.uint8).reshape(3, 2)
    expected = codes.decode(codes.encode(table, group_sizes=SIZES), kept)
    found = keep_planes(torch.from_numpy(table), torch.from_numpy(kept.astype(np.int64)), GROUPS).numpy()
    rms = np.repeat(block_rms(torch.from_numpy(table), GROUPS).numpy(), SIZES, axis=0).repeat(8, axis=1)
    assert (np.abs(found - expected) <= 2e-6 * (rms + np.abs(expected) + np.abs(table))).all()


@pytest.mark.parametrize("count", range(9))
def test_every_plane_count_of_a_whole_table(count: int) -> None:
    table = random_table(11)
    assert not near_a_boundary(table)
    kept = np.full((3, 2), count, np.uint8)
    expected = codes.decode(codes.encode(table, group_sizes=SIZES), kept)
    found = keep_planes(torch.from_numpy(table), torch.full((3, 2), count), GROUPS).numpy()
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_more_planes_are_closer_to_the_table() -> None:
    table = torch.from_numpy(np.random.default_rng(0).normal(size=(14, 16)).astype(np.float32))
    errors = [
        (keep_planes(table, torch.full((3, 2), count), GROUPS) - table).square().mean().item() for count in range(9)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[8] < 1e-3 < errors[1] < errors[0]


def test_the_gradient_passes_where_there_is_a_plane_and_only_there() -> None:
    table = torch.from_numpy(random_table(1)).requires_grad_(True)
    weights = torch.randn(14, 16)
    planes = torch.tensor([[0, 3], [1, 0], [8, 8]])
    (keep_planes(table, planes, GROUPS) * weights).sum().backward()
    present = (planes > 0)[GROUPS].repeat_interleave(8, dim=1)
    assert table.grad is not None
    assert torch.equal(table.grad, torch.where(present, weights, 0.0))


def test_blocks_of_zeros_stay_zero_and_move_nothing_else() -> None:
    table = random_table(2)
    table[:5, :8] = 0
    whole = keep_planes(torch.from_numpy(table), torch.full((3, 2), 2), GROUPS)
    assert (whole[:5, :8] == 0).all()
    assert np.allclose(whole, codes.decode(codes.encode(table, group_sizes=SIZES), np.full((3, 2), 2, np.uint8)))


def test_rms_of_blocks_by_hand() -> None:
    table = torch.zeros(3, 16)
    table[0, 0], table[1, 8], table[2, 8:] = 4.0, 2.0, 3.0
    found = block_rms(table, torch.tensor([0, 0, 1]))
    assert found.tolist() == [[1.0, 0.5], [0.0, 3.0]]


def test_groups_are_contiguous_ranges_of_rows() -> None:
    assert group_of_row((2, 1, 3)).tolist() == [0, 0, 1, 2, 2, 2]
