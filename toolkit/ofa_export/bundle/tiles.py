"""Tiles: bit planes of blocks as byte arrays, one byte per item.

Tile (g, n, p) has one byte for each item of group g, in row order. Bit j of that byte, j = 0 being the LEAST
significant, is bit plane p of the code of dimension 8 * n + j. Plane 0 is the MOST significant bit of a code:

    (byte >> j) & 1  ==  (code[8 * n + j] >> (7 - p)) & 1

Tiles lie behind each other in the order of the bundle, without gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.codes import BLOCK_WIDTH, PLANES, EncodedTable, row_pieces
from ofa_export.bundle.tile_order import TileOrder, prefix_bytes


def pack_tiles(encoded: EncodedTable, order: TileOrder) -> NDArray[np.uint8]:
    """Return all tiles of a table, in order.

    Args:
        encoded: the coded table, G groups of V items.
        order: the order of its tiles.

    Returns:
        uint8 `[V * N * 8]`; the first `prefix_bytes(...)[t]` bytes are the first t tiles.
    """
    codes = encoded.codes.reshape(-1, order.blocks, BLOCK_WIDTH)
    starts, places = prefix_bytes(order, encoded.group_sizes), _places(order, encoded.group_sizes)
    tiles, packed = np.empty(int(starts[-1]), np.uint8), np.empty((order.blocks, len(codes)), np.uint8)
    for plane in range(PLANES):
        for rows in row_pieces(len(codes)):
            bits = codes[rows] & (1 << (PLANES - 1 - plane))
            packed[:, rows] = np.packbits(bits, axis=2, bitorder="little")[:, :, 0].T
        for tile in np.flatnonzero(places.planes == plane):
            of_group = slice(places.first_rows[tile], places.last_rows[tile])
            tiles[starts[tile] : starts[tile + 1]] = packed[places.blocks[tile], of_group]
    return tiles


def unpack_tiles(
    tiles: NDArray[np.uint8], order: TileOrder, group_sizes: NDArray[np.int64], count: int, *, rows: range
) -> NDArray[np.uint8]:
    """Return the codes of consecutive items as far as the first `count` tiles hold them; absent bits are 0.

    Args:
        tiles: packed tiles; only those of the prefix are read, and of these only the bytes of the rows.
        order: the order of the tiles.
        group_sizes: items of each group, int64 `[G]`.
        count: tiles of the prefix.
        rows: n item rows, without gaps.

    Returns:
        uint8 `[n, d]`.
    """
    packed = np.zeros((order.blocks, PLANES, len(rows)), np.uint8)
    starts, places = prefix_bytes(order, group_sizes), _places(order, group_sizes)
    first, last = np.maximum(places.first_rows, rows.start), np.minimum(places.last_rows, rows.stop)
    for tile in np.flatnonzero(first[:count] < last[:count]):
        within = slice(first[tile] - rows.start, last[tile] - rows.start)
        there = starts[tile] - places.first_rows[tile]
        packed[places.blocks[tile], places.planes[tile], within] = tiles[there + first[tile] : there + last[tile]]
    return codes_of_bytes(packed.transpose(2, 0, 1))


def codes_of_bytes(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return codes of some items from the bytes of their tiles.

    Args:
        packed: byte of each block and plane, uint8 `[n, N, 8]`; 0 where a tile is absent.

    Returns:
        uint8 `[n, N * 8]`.
    """
    # The eight bytes of a block are an 8 x 8 bit matrix, planes by dimensions; its transpose holds the codes. Read as
    # one big-endian number, plane 0 is the highest row and becomes the highest bit. (Hacker's Delight, section 7-3.)
    matrix = np.ascontiguousarray(packed).view(">u8").astype(np.uint64)
    for distance, mask in _TRANSPOSE:
        swapped = (matrix ^ (matrix >> distance)) & mask
        matrix ^= swapped ^ (swapped << distance)
    return matrix.astype("<u8").view(np.uint8).reshape(len(packed), packed.shape[1] * BLOCK_WIDTH)


_TRANSPOSE = tuple(
    (np.uint64(distance), np.uint64(mask))
    for distance, mask in ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))
)
"""Which bits trade places, and how far apart they lie, when corners of 1 x 1, 2 x 2 and 4 x 4 bits are swapped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Places:
    """Places of an order's tiles, `[G * N * 8]` each: block, plane and the rows of its group."""

    blocks: NDArray[np.int64]
    planes: NDArray[np.int64]
    first_rows: NDArray[np.int64]
    last_rows: NDArray[np.int64]


def _places(order: TileOrder, group_sizes: NDArray[np.int64]) -> _Places:
    blocks, planes = np.divmod(order.tiles.astype(np.int64), PLANES)
    groups, stops = order.tile_groups, np.cumsum(group_sizes)
    return _Places(
        blocks=blocks % order.blocks,
        planes=planes,
        first_rows=(stops - group_sizes)[groups],
        last_rows=stops[groups],
    )
