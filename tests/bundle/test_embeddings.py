from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ofa_export.bundle.embeddings import embeddings_bytes, layout_of, table_from_bytes, table_to_bytes
from ofa_export.bundle.manifest import EmbeddingLayout
from ofa_export.bundle.table import ElasticTable
from ofa_export.errors import BundleError

SCALES, TABLES, ORDER = 4 * 6, 4 * 510, 2 * 48


@pytest.mark.parametrize("tiles", [3, 4, 20, 48])
def test_every_prefix_survives_and_has_the_size_foretold(table: ElasticTable, tiles: int) -> None:
    part = table.with_tiles(tiles)
    data = table_to_bytes(part)
    again = table_from_bytes(memoryview(data), layout_of(part))
    assert len(data) == embeddings_bytes(table, tiles)
    assert again.all_rows().tobytes() == part.all_rows().tobytes()
    assert again.tile_count == tiles


def test_a_smaller_bundle_is_a_prefix_of_a_larger_one(table: ElasticTable) -> None:
    assert table_to_bytes(table).startswith(table_to_bytes(table.with_tiles(7)))


def test_the_layout_is_scales_tables_order_tiles(table: ElasticTable) -> None:
    data = table_to_bytes(table)
    assert data[:SCALES] == table.rms.astype("<f4").tobytes()
    assert data[SCALES:][:TABLES] == table.book.values.astype("<f4").tobytes()
    assert data[SCALES + TABLES :][:ORDER] == table.order.tiles.astype("<u2").tobytes()
    assert data[SCALES + TABLES + ORDER :] == table.tiles.tobytes()


def test_tiles_stay_where_they_are(table: ElasticTable) -> None:
    data = np.frombuffer(table_to_bytes(table), np.uint8)
    assert np.shares_memory(table_from_bytes(memoryview(data), layout_of(table)).tiles, data)


def _scale(value: float) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[:4] = np.float32(value).tobytes()

    return change


def _order_twice(data: bytearray) -> None:
    start = SCALES + TABLES
    data[start : start + 2] = data[start + 2 : start + 4]


def _order_early(data: bytearray) -> None:
    start = SCALES + TABLES
    first, last = data[start : start + 2], data[start + ORDER - 2 : start + ORDER]
    data[start : start + 2], data[start + ORDER - 2 : start + ORDER] = last, first


def _table_nan(data: bytearray) -> None:
    data[SCALES : SCALES + 4] = np.float32(np.nan).tobytes()


def _one_more(data: bytearray) -> None:
    data.append(0)


def _headless(data: bytearray) -> None:
    del data[SCALES + TABLES + ORDER - 1 :]


def _tailless(data: bytearray) -> None:
    del data[-1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_scale(np.inf), "not finite"),
        (_scale(-1), "negative"),
        (_table_nan, "not finite"),
        (_scale(3e38), "too large for a float32"),
        (_order_twice, "exactly once"),
        (_order_early, "of no use without"),
        (_one_more, "need"),
        (_tailless, "need"),
        (_headless, "before its tiles"),
    ],
)
def test_bytes_that_do_not_fit_the_layout_are_rejected(
    table: ElasticTable, change: Callable[[bytearray], None], sentence: str
) -> None:
    data = bytearray(table_to_bytes(table))
    change(data)
    with pytest.raises(BundleError, match=sentence) as caught:
        table_from_bytes(memoryview(bytes(data)), layout_of(table))
    assert caught.value.entry == "embeddings.bin"


def test_a_floor_that_the_order_does_not_have_is_rejected(table: ElasticTable) -> None:
    layout = EmbeddingLayout(**layout_of(table).model_dump() | {"floor_tiles": 1})
    with pytest.raises(BundleError, match="after 3 tiles, not 1"):
        table_from_bytes(memoryview(table_to_bytes(table)), layout)
