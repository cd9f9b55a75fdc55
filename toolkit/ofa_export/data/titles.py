"""Item titles: what a person sees instead of an item key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from ofa_export.data.tables import as_text, collect, scan_columns
from ofa_export.errors import InteractionsError


def read_titles(path: Path, *, columns: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read a CSV or Parquet file with the columns `item_id` and `title`.

    Args:
        path: the file; rows without a title are skipped, other columns ignored.
        columns: our name of a column -> its name in the file, where that differs.

    Returns:
        Item key -> title, in file order.

    Raises:
        InteractionsError: the file cannot be read, or gives two titles for one item.
    """
    rows = scan_columns(path, ("item_id", "title"), named=columns)
    titles = rows.select(as_text(path, rows, "item_id"), as_text(path, rows, "title"))
    table = collect(path, titles).drop_nulls().unique(maintain_order=True)
    twice = table.filter(pl.col("item_id").is_duplicated())["item_id"]
    if len(twice):
        raise InteractionsError(f"{path} has more than one title for item {twice[0]!r}. Keep one row per item.")
    return dict(table.rows())
