"""`embeddings.bin`: the elastic item table, tiles in order of importance.

| type | count | content |
| --- | --- | --- |
| float32 | G * N | rms of each group and block, at index g * N + n, finite and not negative |
| float32 | 510 | decoding tables: table_k (2^k values) starts at 2^k - 2, k = 1..8; finite, also times any rms |
| uint16 | G * N * 8 | the complete tile order; tile (g, n, p) has the index (g * N + n) * 8 + p |
| uint8 | - | the bytes of the first `tiles_kept` tiles in that order |

G, N, group sizes and `tiles_kept` are in the manifest. Only the last part depends on the budget, so a smaller bundle
is cut off at a tile boundary and a larger one is a delta of the missing tail.
"""

from __future__ import annotations

import numpy as np

from ofa_export.bundle.codes import TABLE_VALUES, CodeBook, products_are_finite
from ofa_export.bundle.document import decimal_text
from ofa_export.bundle.manifest import EmbeddingLayout
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import TileOrder, floor_tiles, prefix_bytes
from ofa_export.errors import BundleError, ConfigError, RejectionCode

ENTRY = "embeddings.bin"


def layout_of(table: ElasticTable) -> EmbeddingLayout:
    """Return the manifest's description of a table."""
    return EmbeddingLayout(
        items=table.items,
        width=table.width,
        block_width=8,
        group_sizes=tuple(table.group_sizes.tolist()),
        planes=8,
        clip=decimal_text(table.book.clip),
        exponent=decimal_text(table.book.exponent),
        order=table.order.name,
        tiles_total=len(table.order),
        tiles_kept=table.tile_count,
        floor_tiles=floor_tiles(table.order),
    )


def embeddings_bytes(table: ElasticTable, tiles: int) -> int:
    """Return bytes of `embeddings.bin` with the first `tiles` tiles."""
    return _head_bytes(table.rms.size) + int(prefix_bytes(table.order, table.group_sizes)[tiles])


def table_to_bytes(table: ElasticTable) -> bytes:
    """Return the content of `embeddings.bin`."""
    parts = (table.rms.astype("<f4"), table.book.values.astype("<f4"), table.order.tiles.astype("<u2"), table.tiles)
    return b"".join(np.ascontiguousarray(part).data for part in parts)


def table_from_bytes(data: memoryview, layout: EmbeddingLayout) -> ElasticTable:
    """Read `embeddings.bin`; the tiles stay where they are.

    Args:
        data: the entry.
        layout: the manifest's description.

    Returns:
        The table, whose tiles are a view of `data`.

    Raises:
        BundleError: the size, the order or a number is not what the layout says.
    """
    groups, blocks = len(layout.group_sizes), layout.blocks
    if len(data) < _head_bytes(groups * blocks):
        raise _rejected(
            f"it has {len(data):,} bytes, fewer than the {_head_bytes(groups * blocks):,} before its tiles.",
            RejectionCode.TABLE_SIZE,
        )
    scales = np.frombuffer(data, "<f4", groups * blocks + TABLE_VALUES)
    if not np.isfinite(scales).all() or scales[: groups * blocks].min() < 0:
        raise _rejected("a scale or table value is not finite, or a scale is negative.", RejectionCode.TABLE_VALUES)
    if not products_are_finite(scales[: groups * blocks], scales[groups * blocks :]):
        raise _rejected("a scale times a table value is too large for a float32.", RejectionCode.TABLE_VALUES)
    tiles = np.frombuffer(data, "<u2", layout.tiles_total, offset=scales.nbytes)
    try:
        order = TileOrder(name=layout.order, groups=groups, blocks=blocks, tiles=tiles)
    except ConfigError as error:
        raise _rejected(str(error), RejectionCode.TILE_ORDER) from error
    if floor_tiles(order) != layout.floor_tiles:
        reason = f"every group has a tile after {floor_tiles(order)} tiles, not {layout.floor_tiles}."
        raise _rejected(reason, RejectionCode.TILE_ORDER)
    group_sizes = np.asarray(layout.group_sizes, np.int64)
    expected = _head_bytes(groups * blocks) + int(prefix_bytes(order, group_sizes)[layout.tiles_kept])
    if len(data) != expected:
        reason = f"it has {len(data):,} bytes; {layout.tiles_kept} tiles of these groups need {expected:,}."
        raise _rejected(reason, RejectionCode.TABLE_SIZE)
    return ElasticTable(
        group_sizes=group_sizes,
        rms=scales[: groups * blocks].reshape(groups, blocks),
        book=CodeBook(clip=float(layout.clip), exponent=float(layout.exponent), values=scales[groups * blocks :]),
        order=order,
        tile_count=layout.tiles_kept,
        tiles=np.frombuffer(data, np.uint8, offset=_head_bytes(groups * blocks)),
    )


def _head_bytes(scales: int) -> int:
    return 4 * (scales + TABLE_VALUES) + 2 * 8 * scales


def _rejected(reason: str, code: RejectionCode) -> BundleError:
    return BundleError(reason, code=code, entry=ENTRY)
