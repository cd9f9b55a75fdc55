from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.codes import EncodedTable, encode
from ofa_export.bundle.tile_order import TileOrder, block_order, plane_order, planes_of_prefix, prefix_bytes
from ofa_export.bundle.tiles import pack_tiles, unpack_tiles


def _encoded(seed: int, sizes: list[int], blocks: int) -> EncodedTable:
    rng = np.random.default_rng(seed)
    encoded = encode(rng.normal(size=(sum(sizes), 8 * blocks)).astype(np.float32), group_sizes=sizes)
    encoded.codes[:] = rng.integers(0, 256, encoded.codes.shape)
    return encoded


def _order(seed: int, groups: int, blocks: int) -> TileOrder:
    weights = np.random.default_rng(seed).normal(size=(groups, blocks))
    return block_order(weights, name="peel") if seed % 2 else plane_order(groups, blocks)


def test_bit_j_of_a_tile_byte_is_dimension_j_and_plane_0_is_the_most_significant_bit() -> None:
    encoded = _encoded(0, [2], 1)
    encoded.codes[:] = 0
    encoded.codes[1, 3] = 0b1000_0001
    tiles = pack_tiles(encoded, plane_order(1, 1))
    assert tiles.reshape(8, 2).tolist() == [[0, 8], *[[0, 0]] * 6, [0, 8]]


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 3), st.data())
def test_every_prefix_gives_the_codes_cut_to_its_planes(
    seed: int, sizes: list[int], blocks: int, data: st.DataObject
) -> None:
    encoded, order = _encoded(seed, sizes, blocks), _order(seed, len(sizes), blocks)
    count = data.draw(st.integers(0, len(order)))
    tiles = pack_tiles(encoded, order)
    kept = tiles[: prefix_bytes(order, sizes)[count]]
    absent = 8 - np.repeat(np.repeat(planes_of_prefix(order, count), sizes, axis=0), 8, axis=1).astype(int)
    expected = encoded.codes.astype(int) >> absent << absent
    assert np.array_equal(unpack_tiles(kept, order, encoded.group_sizes, count, rows=range(sum(sizes))), expected)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 3))
def test_all_tiles_reproduce_the_codes_and_take_one_byte_each(seed: int, sizes: list[int], blocks: int) -> None:
    encoded, order = _encoded(seed, sizes, blocks), _order(seed, len(sizes), blocks)
    tiles = pack_tiles(encoded, order)
    assert tiles.nbytes == encoded.codes.size
    assert np.array_equal(
        unpack_tiles(tiles, order, encoded.group_sizes, len(order), rows=range(len(encoded.codes))), encoded.codes
    )
