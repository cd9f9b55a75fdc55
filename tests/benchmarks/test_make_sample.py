from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from make_sample import make_sample

from ofa_export.errors import InteractionsError

INTERACTIONS = "user_id,item_id,timestamp,quantity\n7,2,20,5\n7,1,10,1\n3,2,30,2\n"
ITEMS = "item_id,stock_code,description\n1,85123A,HEART\n2,10002,GLOBE\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "interactions.csv").write_text(INTERACTIONS)
    (tmp_path / "items.csv").write_text(ITEMS)
    return tmp_path


def test_rows_keep_their_place_and_items_are_named_by_stock_code(source: Path) -> None:
    interactions, titles = make_sample(source, source)
    assert pl.read_parquet(interactions).rows() == [("7", "10002", 20), ("7", "85123A", 10), ("3", "10002", 30)]
    assert pl.read_parquet(titles).rows() == [("10002", "GLOBE"), ("85123A", "HEART")]


def test_the_same_source_gives_the_same_bytes(source: Path) -> None:
    first = [path.read_bytes() for path in make_sample(source, source)]
    assert [path.read_bytes() for path in make_sample(source, source)] == first


def test_an_item_without_stock_code_is_refused(source: Path) -> None:
    (source / "items.csv").write_text(ITEMS.replace("2,10002,GLOBE\n", ""))
    with pytest.raises(InteractionsError, match="names item '2'"):
        make_sample(source, source)
