from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.codes import decode, encode
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import block_order, plane_order, prefix_bytes
from ofa_export.errors import ConfigError

SIZES = (5, 1, 6)
ENCODED = encode(np.random.default_rng(5).normal(size=(12, 24)).astype(np.float32), group_sizes=SIZES)
TABLES = (
    ElasticTable.from_encoded(ENCODED, plane_order(3, 3)),
    ElasticTable.from_encoded(ENCODED, block_order(np.random.default_rng(6).normal(size=(3, 3)), name="peel")),
)

tables = st.sampled_from(TABLES)
counts = st.integers(0, 72)


@given(tables, counts, st.lists(st.integers(0, 11), max_size=20))
def test_every_prefix_decodes_like_the_encoder_cut_to_its_planes(
    table: ElasticTable, count: int, rows: list[int]
) -> None:
    part = table.with_tiles(count)
    expected = decode(ENCODED, part.planes)
    assert part.lookup(rows).tobytes() == expected[rows].tobytes()
    assert part.all_rows().tobytes() == expected.tobytes()
    assert part.lookup(rows).shape == (len(rows), 24)


@given(tables, counts, st.integers(0, 12), st.integers(0, 12))
def test_consecutive_rows_are_those_of_the_lookup(table: ElasticTable, count: int, start: int, stop: int) -> None:
    part, rows = table.with_tiles(count), range(start, max(start, stop))
    assert part.rows(rows).tobytes() == part.lookup(rows).tobytes()


@given(tables, counts)
def test_nothing_beyond_the_prefix_is_read(table: ElasticTable, count: int) -> None:
    poisoned = table.tiles.copy()
    poisoned[prefix_bytes(table.order, SIZES)[count] :] ^= 0xFF
    clean, dirty = table.with_tiles(count), replace(table, tiles=poisoned, tile_count=count)
    assert np.array_equal(clean.all_rows(), dirty.all_rows())
    assert np.array_equal(clean.lookup(range(12)), dirty.lookup(range(12)))
    assert clean.tiles.nbytes == prefix_bytes(table.order, SIZES)[count]


@given(tables, counts, counts)
def test_dropping_tiles_twice_is_dropping_them_once(table: ElasticTable, first: int, second: int) -> None:
    fewer = min(first, second)
    assert np.array_equal(table.with_tiles(first).with_tiles(fewer).all_rows(), table.with_tiles(fewer).all_rows())


def test_dropping_tiles_copies_nothing() -> None:
    assert np.shares_memory(TABLES[0].with_tiles(9).tiles, TABLES[0].tiles)


def test_a_prefix_longer_than_what_is_present_is_refused() -> None:
    for count in (-1, 10):
        with pytest.raises(ConfigError, match="0 to 9"):
            TABLES[0].with_tiles(9).with_tiles(count)


@pytest.mark.parametrize("rows", [[12], [-1], [[1]]])
def test_rows_out_of_range_are_refused(rows: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"0\.\.11"):
        TABLES[0].lookup(rows)


def test_an_order_of_another_grid_is_refused() -> None:
    with pytest.raises(ConfigError, match="3 x 3"):
        ElasticTable.from_encoded(ENCODED, plane_order(3, 2))
