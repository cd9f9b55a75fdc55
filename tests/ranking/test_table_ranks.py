from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.codes import ROWS_AT_ONCE, encode
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import plane_order
from ofa_export.errors import NumericsError
from ofa_export.ranking.metrics import target_ranks
from ofa_export.ranking.table_ranks import USERS_AT_ONCE, FullTable, counting_threads
from ofa_export.ranking.table_ranks import table_ranks as table_ranks_with

RNG = np.random.default_rng(4)
ITEMS, USERS, WIDTH = 8 * ROWS_AT_ONCE + 77, USERS_AT_ONCE + 9, 16
STATES = torch.from_numpy(RNG.normal(size=(USERS, WIDTH)))
TABLE = RNG.normal(size=(ITEMS, WIDTH)).astype(np.float32)
TARGETS = RNG.integers(0, ITEMS, USERS)
HISTORIES = RNG.integers(-1, ITEMS, (USERS, 12))


def table_ranks(*arguments: Any, **options: Any) -> np.ndarray:
    with counting_threads() as workers:
        return table_ranks_with(*arguments, workers=workers, **options)


def at_once(values: np.ndarray, history: np.ndarray | None) -> np.ndarray:
    # Rounded, so that equal embeddings have equal scores wherever a product adds them up.
    scores = (STATES @ torch.from_numpy(values).double().T).numpy().round(9)
    return target_ranks(scores, TARGETS, history=history)


@pytest.mark.parametrize("history", [None, HISTORIES])
def test_pieces_give_the_ranks_of_all_scores_at_once(history: np.ndarray | None) -> None:
    found = table_ranks(STATES, FullTable(torch.from_numpy(TABLE)), TARGETS, history=history)
    assert np.array_equal(found, at_once(TABLE, history))


@pytest.mark.parametrize("tiles", [2, 4, 10, 32])
def test_items_that_are_tied_count_against_the_model_wherever_they_lie(tiles: int) -> None:
    encoded = encode(TABLE, group_sizes=[20_000, ITEMS - 20_000])
    table = ElasticTable.from_encoded(encoded, plane_order(2, 2)).with_tiles(tiles)
    values = table.all_rows()
    # With a few signs of each item, a hundred have the embedding of the target.
    assert tiles > 2 or len(np.unique(values, axis=0)) < 600
    assert np.array_equal(table_ranks(STATES, table, TARGETS, history=HISTORIES), at_once(values, HISTORIES))


@given(st.integers(0, 2**32 - 1))
def test_a_target_in_its_own_history_stays_in_the_ranking(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(30, 8)).astype(np.float32))
    states, targets = torch.from_numpy(rng.normal(size=(5, 8))), rng.integers(0, 30, 5)
    history = np.column_stack([targets, rng.integers(-1, 30, (5, 3))])
    expected = target_ranks((states @ values.double().T).numpy(), targets, history=history)
    assert np.array_equal(table_ranks(states, FullTable(values), targets, history=history), expected)


def test_scores_that_only_rounding_tells_apart_are_tied_and_nearer_ones_than_float32_tells_are_not() -> None:
    states = torch.ones(1, 3, dtype=torch.float64)
    # Sums of these three in another order differ in the last digit; the last item is ahead by one part in ten million.
    values = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.3, 0.1], [0.1, 0.2, 0.30000003]])
    assert table_ranks(states, FullTable(values), np.array([0])).tolist() == [4]
    assert table_ranks(states, FullTable(values), np.array([3])).tolist() == [1]


def test_scores_that_are_not_finite_are_named() -> None:
    values = TABLE.copy()
    values[ROWS_AT_ONCE + 5, 0] = np.inf
    with pytest.raises(NumericsError, match=f"items {ROWS_AT_ONCE:,} to"):
        table_ranks(STATES, FullTable(torch.from_numpy(values)), TARGETS)
