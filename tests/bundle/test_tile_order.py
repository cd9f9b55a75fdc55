from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.tile_order import (
    TileOrder,
    block_order,
    check_order,
    floor_tiles,
    plane_order,
    planes_of_prefix,
    prefix_bytes,
)
from ofa_export.errors import ConfigError

GRIDS = st.tuples(st.integers(1, 5), st.integers(1, 4))


def _orders(groups: int, blocks: int, seed: int) -> tuple[TileOrder, TileOrder]:
    importance = np.random.default_rng(seed).normal(size=(groups, blocks))
    return plane_order(groups, blocks), block_order(importance, name="peel")


def test_plane_order_goes_by_plane_then_block_then_group() -> None:
    order = plane_order(2, 2)
    # (g, n, p) -> (g * 2 + n) * 8 + p
    assert order.tiles[:5].tolist() == [0, 16, 8, 24, 1]


def test_block_order_serves_every_group_first_then_goes_by_importance() -> None:
    order = block_order([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]], name="magnitude")
    assert (order.tiles[::8] // 8).tolist() == [1, 3, 2, 4, 0, 5]
    assert order.tiles[:8].tolist() == list(range(8, 16))


def test_equal_importance_goes_by_group_then_block() -> None:
    assert (block_order(np.ones((2, 2)), name="peel").tiles[::8] // 8).tolist() == [0, 2, 1, 3]


@given(GRIDS, st.integers(0, 2**32 - 1))
def test_prefixes_are_nested_and_planes_come_in_turn(grid: tuple[int, int], seed: int) -> None:
    for order in _orders(*grid, seed):
        before = np.zeros(grid, int)
        for count in range(1, len(order) + 1):
            planes = planes_of_prefix(order, count).astype(int)
            assert (planes >= before).all()
            assert planes.sum() == count
            before = planes
        assert (before == 8).all()


@given(GRIDS, st.integers(0, 2**32 - 1))
def test_floor_is_the_shortest_prefix_that_gives_every_group_a_tile(grid: tuple[int, int], seed: int) -> None:
    for order in _orders(*grid, seed):
        floor = floor_tiles(order)
        assert planes_of_prefix(order, floor).sum(axis=1).min() >= 1
        assert planes_of_prefix(order, floor - 1).sum(axis=1).min() == 0


def test_prefix_bytes_count_one_byte_per_item_of_the_group() -> None:
    sizes = prefix_bytes(plane_order(2, 1), (5, 3))
    assert sizes[:4].tolist() == [0, 5, 8, 13]
    assert sizes[-1] == 8 * 8


def test_a_plane_before_the_ones_above_it_is_refused() -> None:
    tiles = plane_order(2, 2).tiles.copy()
    tiles[[0, 4]] = tiles[[4, 0]]
    with pytest.raises(ConfigError, match="plane 1 of block 0 of group 0 before plane 0"):
        check_order(tiles, groups=2, blocks=2)


@pytest.mark.parametrize("tiles", [np.zeros(8, np.uint16), np.arange(7, dtype=np.uint16), np.arange(1, 9)])
def test_what_is_no_permutation_is_refused(tiles: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="exactly once"):
        TileOrder(name="planes", groups=1, blocks=1, tiles=tiles)


def test_more_tiles_than_an_index_can_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="65,536"):
        plane_order(1025, 8)
    assert plane_order(1024, 8).tiles.max() == 65535


def test_importance_must_be_a_finite_matrix() -> None:
    for importance in ([[np.nan]], [1.0], np.zeros((0, 3))):
        with pytest.raises(ConfigError, match="finite"):
            block_order(importance, name="peel")
