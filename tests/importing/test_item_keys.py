from __future__ import annotations

from pathlib import Path

import pytest

from ofa_export.errors import InteractionsError
from ofa_export.importing.item_keys import source_keys


def keys(folder: Path, *rows: str, count: int = 3) -> tuple[str, ...]:
    path = folder / "items.csv"
    path.write_text("\n".join(["source_id,item_id", *rows]) + "\n")
    return source_keys(count, path)


def test_without_a_file_keys_are_the_numbers() -> None:
    assert source_keys(3, None) == ("1", "2", "3")


def test_keys_come_in_the_order_of_the_source(tmp_path: Path) -> None:
    assert keys(tmp_path, "10,j", *(f"{number},i{number}" for number in range(1, 10)), count=10)[-2:] == ("i9", "j")
    assert keys(tmp_path, "2,b", "3,c", "1,a", "2,b") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["0,pad", "1,a", "2,b", "3,c"], "source_id '0' is not a whole number from 1 to 3"),
        (["1,a", "2,b", "4,c"], "source_id '4'"),
        (["1,a", "x,b"], "source_id 'x'"),
        (["1,a", "2,b", "3,a"], "more than one row with item_id 'a'"),
        (["1,a", "1,b", "3,c"], "more than one row with source_id 1"),
        (["1,a", "3,c"], "2 of the source's 3 items; 2 is the first without one"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, rows: list[str], sentence: str) -> None:
    with pytest.raises(InteractionsError, match=sentence):
        keys(tmp_path, *rows)
