from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from ofa_export.data.item_keys import read_item_keys
from ofa_export.errors import InteractionsError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "title,item_id\nx,B\n,\ny, A \nz,B\n"),
        ("a.txt", "B\n\n A \nB"),
        ("a.TXT", "item_id\r\nB\r\nA\r\n"),
        ("a.txt", "\ufeffitem_id\nB\nA\n"),
    ],
    ids=["csv", "text", "text with a heading", "text with a mark"],
)
def test_keys_come_once_in_file_order(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_item_keys(tmp_path / name) == ("B", "A")


def test_numbers_in_parquet_are_keys(tmp_path: Path) -> None:
    pl.DataFrame({"item_id": [17.0, None, 3.0]}).write_parquet(tmp_path / "a.parquet")
    assert read_item_keys(tmp_path / "a.parquet") == ("17", "3")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "item_id,title\n", "names no item"),
        ("a.txt", "item_id\n \n", "names no item"),
        ("a.txt", "", "names no item"),
        ("a.csv", "itm_id,title\nz,x\n", "perhaps --item-column 'itm_id'"),
        ("a.json", "[]", "Write one object per line"),
    ],
)
def test_files_without_items(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InteractionsError, match=sentence):
        read_item_keys(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "large.txt").touch()
    os.truncate(tmp_path / "large.txt", 2**40)
    for name, sentence in (
        ("latin.txt", "not UTF-8"),
        ("large.txt", "at most 1,073,741,824 make sense"),
        ("folder.txt", "cannot be read"),
        ("no.txt", "cannot be read"),
    ):
        with pytest.raises(InteractionsError, match=sentence):
            read_item_keys(tmp_path / name)
