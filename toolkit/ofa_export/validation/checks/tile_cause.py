"""Cause of a wrong tile: the few ways in which exporters and formats get tiles wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.codes import PLANES
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import prefix_bytes

Tile = NDArray[np.uint8]

SHIFTS = 8
"""Rows by which a tile may be off for this to be the explanation."""


def wrong_tiles(table: ElasticTable, expected: ElasticTable) -> list[int]:
    """Places in the order of tiles whose bytes are not the expected ones.

    Args:
        table: the bundle's.
        expected: the checkpoint's, with the same order and number of tiles.
    """
    starts = prefix_bytes(table.order, table.group_sizes)
    differing = np.flatnonzero(table.tiles != expected.tiles)
    return [int(place) for place in np.unique(np.searchsorted(starts, differing, side="right") - 1)]


def tile_name(table: ElasticTable, place: int) -> str:
    """Name a tile in words.

    Args:
        table: gives the order.
        place: in that order.
    """
    block, plane = divmod(int(table.order.tiles[place]), PLANES)
    group, n = divmod(block, table.order.blocks)
    return f"item group {group}, block {n}, plane {plane}"


def tile_cause(table: ElasticTable, expected: ElasticTable, place: int) -> str | None:
    """Find the first explanation that fits exactly, or None.

    Args:
        table: the bundle's.
        expected: the checkpoint's.
        place: of the tile, in the order.
    """
    found, right = _tile(table, place), _tile(expected, place)
    for cause, tile in _explanations(expected, place, right):
        if np.array_equal(tile, found):
            return cause
    return "its items are permuted" if np.array_equal(np.sort(found), np.sort(right)) else None


def _explanations(expected: ElasticTable, place: int, right: Tile) -> Iterator[tuple[str, Tile]]:
    yield "its bits are inverted", ~right
    yield "the bits of its bytes are reversed", np.packbits(np.unpackbits(right), bitorder="little")
    for rows in range(1, min(SHIFTS, len(right) - 1) + 1):
        unit = "row" if rows == 1 else "rows"
        for direction in (rows, -rows):
            yield f"it is off by {rows} {unit}", np.roll(right, direction)
    for other in range(expected.tile_count):
        if other != place:
            yield f"it holds {tile_name(expected, other)}", np.resize(_tile(expected, other), len(right))


def _tile(table: ElasticTable, place: int) -> Tile:
    start, stop = prefix_bytes(table.order, table.group_sizes)[place : place + 2]
    return table.tiles[start:stop]
