"""The keys of a source's items: their numbers, or what a file says."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ofa_export.data.tables import as_text, collect, scan_columns
from ofa_export.errors import InteractionsError


def source_keys(count: int, path: Path | None) -> tuple[str, ...]:
    """List the key of each item of the source.

    Args:
        count: n, items of the source without padding.
        path: CSV or Parquet with the columns `source_id` (1 … n) and `item_id`; without it, keys are the numbers.

    Returns:
        n keys, those of source ids 1 … n.

    Raises:
        InteractionsError: the file cannot be read, or does not give each source id a key of its own.
    """
    if path is None:
        return tuple(str(number) for number in range(1, count + 1))
    rows = scan_columns(path, ("source_id", "item_id"))
    keys = rows.select(as_text(path, rows, "source_id"), as_text(path, rows, "item_id"))
    table = collect(path, keys).drop_nulls().unique(maintain_order=True)
    numbers = table["source_id"].cast(pl.Int64, strict=False)
    wrong = table["source_id"].filter(numbers.is_null() | ~numbers.is_between(1, count))
    if len(wrong):
        raise InteractionsError(
            f"{path}: source_id {wrong[0]!r} is not a whole number from 1 to {count}, the items of the source "
            "(0 is its padding). Leave out rows of other items."
        )
    for column, values in (("source_id", numbers), ("item_id", table["item_id"])):
        if values.n_unique() < len(values):
            twice = values.filter(values.is_duplicated())[0]
            raise InteractionsError(f"{path} has more than one row with {column} {twice!r}. Keep one row per item.")
    if len(table) < count:
        missing = next(number for number in range(1, count + 1) if number not in set(numbers))
        raise InteractionsError(
            f"{path} has keys for {len(table)} of the source's {count} items; {missing} is the first without one."
        )
    return tuple(table["item_id"].gather(numbers.arg_sort()))
