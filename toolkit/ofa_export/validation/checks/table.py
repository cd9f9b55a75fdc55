"""Checks that the item table of a bundle is the checkpoint's, cut to the tiles that the bundle keeps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ofa_export.bundle.codes import EncodedTable
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import TileOrder
from ofa_export.validation.checks.tile_cause import tile_cause, tile_name, wrong_tiles
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.tolerance import TolerancePolicy

NAMED = 2
"""Wrong tiles that a sentence names before it only counts."""


def expected_table(encoded: EncodedTable, table: ElasticTable) -> ElasticTable:
    """Make the table that a bundle has to hold: the checkpoint's codes, the bundle's own order and tiles.

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
