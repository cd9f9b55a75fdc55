from __future__ import annotations

import polars as pl

from ofa_export.model.text_column import TextColumn

COLUMN = TextColumn(pl.Series(["a", "", "täßchen"]))


def test_a_column_reads_like_a_tuple() -> None:
    assert (len(COLUMN), COLUMN[0], COLUMN[-1]) == (3, "a", "täßchen")
    assert list(COLUMN) == ["a", "", "täßchen"]
    assert "" in COLUMN
    assert COLUMN[1:] == ("", "täßchen")
    assert "\n".join(COLUMN[::2]) == "a\ntäßchen"


def test_columns_are_equal_to_any_sequence_of_the_same_texts() -> None:
    assert COLUMN == ("a", "", "täßchen") == COLUMN
    assert TextColumn(pl.Series(["a", "", "täßchen"])) == COLUMN
    assert hash(COLUMN) == hash(("a", "", "täßchen"))
    for other in (("a", ""), ("a", "", "x"), ("a", "", 3), TextColumn(pl.Series(["a"])), 3):
        assert other != COLUMN
