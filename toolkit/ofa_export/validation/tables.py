"""Whether the item table of a bundle is the checkpoint's table, cut to the tiles that the bundle keeps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ofa_export.bundle.codes import EncodedTable
from ofa_export.bundle.order import TileOrder, prefix_bytes
from ofa_export.bundle.table import ElasticTable
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.tolerance import TolerancePolicy


def expected_table(encoded: EncodedTable, table: ElasticTable) -> ElasticTable:
    """The table that a bundle has to hold: the checkpoint's codes, the bundle's own order and number of tiles.

    Args:
        encoded: the checkpoint's table of the bundle's user group.
        table: the bundle's table.
    """
    return ElasticTable.from_encoded(encoded, table.order).with_tiles(table.tile_count)


def table_findings(
    table: ElasticTable, expected: ElasticTable, *, order: TileOrder, policy: TolerancePolicy
) -> Iterator[Finding]:
    """Compare scales, decoding tables, tiles and their order.

    Args:
        table: the bundle's.
        expected: from `expected_table`.
        order: the checkpoint's order of tiles; a bundle with an order of another name is free to differ.
        policy: the limits.

    Yields:
        `table.scales.max_abs_err`, `table.tiles.differing_bytes`, `table.order.differing_count`.
    """
    scales = np.abs(table.rms - expected.rms).max()
    book = np.abs(table.book.values - expected.book.values).max()
    yield at_most(
        "table.scales.max_abs_err",
        float(max(scales, book)),
        policy.scale_max_abs_err.limit,
        "abs",
        f"Scales (up to {scales:.1e} off) and decoding tables (up to {book:.1e} off) against the checkpoint's table.",
    )
    wrong = np.flatnonzero(table.tiles != expected.tiles)
    yield at_most(
        "table.tiles.differing_bytes",
        len(wrong),
        policy.tile_bytes.limit,
        "bytes",
        f"Bytes of {table.tile_count} tiles that are not those of the checkpoint's table"
        + (f"; the first differs in {_tile_name(table, int(wrong[0]))}." if len(wrong) else ": none."),
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


def _tile_name(table: ElasticTable, byte: int) -> str:
    starts = prefix_bytes(table.order, table.group_sizes)
    place = int(np.searchsorted(starts, byte, side="right")) - 1
    block, plane = divmod(int(table.order.tiles[place]), 8)
    group, n = divmod(block, table.order.blocks)
    return f"tile {place}: item group {group}, block {n}, plane {plane}"
