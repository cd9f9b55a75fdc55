"""The item table of a bundle against the checkpoint's, cut to the tiles that the bundle keeps.

Wrong tiles are named and explained: the explanations are the few ways in which exporters and formats get tiles wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.codes import PLANES
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import prefix_bytes
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_most

Tile = NDArray[np.uint8]

NAMED = 2
"""Wrong tiles that a sentence names before it only counts."""

SHIFTS = 8
"""Rows by which a tile may be off for this to be the explanation."""


def table_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare scales, decoding tables, tiles and their order.

    Args:
        comparison: with a bundle that fits its checkpoint. A bundle with an order of another name than the checkpoint's
            is free to differ.

    Yields:
        `table.scales.max_abs_err`, `table.tiles.differing_bytes`, `table.order.differing_count`.
    """
    table, expected, policy = comparison.bundle.table, comparison.table, comparison.policy
    order = comparison.checkpoint.tile_orders[comparison.group]
    scales = np.abs(table.rms - expected.rms)
    book = np.abs(table.book.values - expected.book.values).max()
    yield at_most(
        "table.scales.max_abs_err",
        float(max(scales.max(), book)),
        policy.scale_max_abs_err.limit,
        "abs",
        f"Scales (up to {scales.max():.1e} off{_worst_scale(table, expected)}) and decoding tables (up to {book:.1e} "
        "off) against the checkpoint's table.",
    )
    wrong = wrong_tiles(table, expected)
    yield at_most(
        "table.tiles.differing_bytes",
        int(np.count_nonzero(table.tiles != expected.tiles)),
        policy.tile_bytes.limit,
        "bytes",
        f"Bytes of {table.tile_count} tiles that are not those of the checkpoint's table"
        f"{_named(table, expected, wrong)}",
    )
    if table.order.name == order.name:
        differing = int(np.count_nonzero(table.order.tiles != order.tiles))
        yield at_most(
            "table.order.differing_count",
            differing,
            0,
            "count",
            f"Places of the tile order '{order.name}' that differ from the checkpoint's, of {len(order):,}.",
        )


def wrong_tiles(table: ElasticTable, expected: ElasticTable) -> list[int]:
    """Find the places in the order of tiles whose bytes are not the expected ones.

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
    """Explain a wrong tile: the first explanation that fits exactly, or None.

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


def _worst_scale(table: ElasticTable, expected: ElasticTable) -> str:
    difference = np.abs(table.rms - expected.rms)
    group, block = np.unravel_index(int(difference.argmax()), difference.shape)
    if not difference[group, block] or not expected.rms[group, block]:
        return ""
    times = table.rms[group, block] / expected.rms[group, block]
    return f": that of item group {group}, block {block} is {times:.3f} times the right one"


def _named(table: ElasticTable, expected: ElasticTable, wrong: list[int]) -> str:
    if not wrong:
        return ": none."
    texts = []
    for place in wrong[:NAMED]:
        cause = tile_cause(table, expected, place)
        texts.append(f"tile {place}: {tile_name(table, place)}" + (f": {cause}" if cause else ""))
    more = f" and {len(wrong) - NAMED} more tiles" if len(wrong) > NAMED else ""
    return f"; {'; '.join(texts)}{more}."


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
