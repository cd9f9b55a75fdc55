from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ofa_export.bundle.codes import encode
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import plane_order, prefix_bytes
from ofa_export.validation.checks.table import tile_cause, tile_name, wrong_tiles


@pytest.fixture
def table() -> ElasticTable:
    values = np.random.default_rng(0).normal(size=(24, 16)).astype(np.float32)
    return ElasticTable.from_encoded(encode(values, group_sizes=(10, 14)), plane_order(2, 2))


def broken(table: ElasticTable, place: int, content: np.ndarray) -> ElasticTable:
    start, stop = prefix_bytes(table.order, table.group_sizes)[place : place + 2]
    tiles = table.tiles.copy()
    tiles[start:stop] = content
    return replace(table, tiles=tiles)


def tile(table: ElasticTable, place: int) -> np.ndarray:
    start, stop = prefix_bytes(table.order, table.group_sizes)[place : place + 2]
    return table.tiles[start:stop]


def test_a_sound_table_has_no_wrong_tile(table: ElasticTable) -> None:
    assert wrong_tiles(table, table) == []


def test_wrong_tiles_are_found_at_their_places(table: ElasticTable) -> None:
    twice = broken(broken(table, 3, tile(table, 3) ^ 1), 9, tile(table, 9) ^ 128)
    assert wrong_tiles(twice, table) == [3, 9]


def test_a_tile_is_named_after_what_it_holds(table: ElasticTable) -> None:
    block, plane = divmod(int(table.order.tiles[5]), 8)
    assert tile_name(table, 5) == f"item group {block // 2}, block {block % 2}, plane {plane}"


def test_each_cause_is_told_from_the_others(table: ElasticTable) -> None:
    right = tile(table, 4)
    mirrored = np.packbits(np.unpackbits(right), bitorder="little")
    causes = {
        "its bits are inverted": right ^ 0xFF,
        "the bits of its bytes are reversed": mirrored,
        "it is off by 1 row": np.roll(right, 1),
        "it is off by 2 rows": np.roll(right, -2),
        f"it holds {tile_name(table, 7)}": np.resize(tile(table, 7), len(right)),
        "its items are permuted": right[np.random.default_rng(1).permutation(len(right))],
    }
    assert {tile_cause(broken(table, 4, content), table, 4) for content in causes.values()} == set(causes)


def test_what_fits_nothing_has_no_cause(table: ElasticTable) -> None:
    assert tile_cause(broken(table, 4, tile(table, 4) ^ 0x11), table, 4) is None
