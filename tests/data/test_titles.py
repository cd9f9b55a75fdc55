from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ofa_export.data.titles import read_titles
from ofa_export.errors import InteractionsError


def test_titles_are_read_by_key_and_missing_ones_skipped(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text('item_id,title,colour\n007,"Mug, blue",x\n8,,y\n9,Plate,z\n9,Plate,z\n')
    assert read_titles(path) == {"007": "Mug, blue", "9": "Plate"}


def test_two_titles_for_one_item_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("item_id,title\n9,Plate\n9,Dish\n")
    with pytest.raises(InteractionsError, match="more than one title for item '9'"):
        read_titles(path)


def test_a_missing_title_column_suggests_the_near_one(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("item_id,description\n9,Plate\n")
    with pytest.raises(InteractionsError, match="rename 'description' to 'title'"):
        read_titles(path)


def test_keys_match_those_of_the_interactions_whatever_their_type(tmp_path: Path) -> None:
    path = tmp_path / "titles.parquet"
    pl.DataFrame({"item_id": [7.0, 8.0], "title": [" Mug ", "Plate"]}).write_parquet(path)
    assert read_titles(path) == {"7": "Mug", "8": "Plate"}


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "titles.parquet"
    pl.DataFrame({"item_id": ["7"], "title": [["Mug"]]}).write_parquet(path)
    with pytest.raises(InteractionsError, match="column title holds List"):
        read_titles(path)
